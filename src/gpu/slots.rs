//! Small pieces of memory that a recording fills and the device reads once: parameters and weights.
//!
//! A recording may be submitted at any time, so that what it reads must stay until then. Each takes slots
//! of its own, which come back when the device is done with it, or when it is dropped.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::gpu::context::Context;

/// Slots of all sizes, by powers of two.
#[derive(Debug, Default)]
pub(crate) struct AllSlots(
    [OnceLock<Arc<Slots>>; (LARGEST.ilog2() - SMALLEST.ilog2() + 1) as usize],
);

const SMALLEST: u64 = 512;

/// More taps than a kernel has that anybody changes from frame to frame.
const LARGEST: u64 = 1 << 26;

/// Bytes that are allocated at a time, unless one slot is larger.
const CHUNK: u64 = 256 << 10;

/// Those of one size that are not in use.
#[derive(Debug)]
struct Slots {
    bytes: u64,
    free: Mutex<Vec<Place>>,
}

#[derive(Clone, Debug)]
struct Place {
    buffer: wgpu::Buffer,
    offset: u32,
}

/// A slot in use.
#[derive(Debug)]
pub(crate) struct Slot {
    place: Place,
    home: Arc<Slots>,
}

impl AllSlots {
    /// A slot that holds these bytes when what is recorded runs. To be called where wgpu's errors are
    /// caught.
    pub(crate) fn filled(&self, context: &Context, bytes: &[u8]) -> Result<Slot> {
        let length = bytes.len() as u64;
        let size = length.max(SMALLEST).next_power_of_two();
        let number = (size.ilog2() - SMALLEST.ilog2()) as usize;
        let slots = self.0.get(number).ok_or_else(|| {
            Error::gpu_memory(format!(
                "a kernel that changes has {length} bytes, at most {LARGEST} are kept for one"
            ))
        })?;
        let home = slots.get_or_init(|| Arc::new(Slots { bytes: size, free: Mutex::default() }));
        let free = home.lock().pop();
        let place = match free {
            Some(place) => place,
            None => home.make(context)?,
        };
        let slot = Slot { place, home: home.clone() };
        context.queue.write_buffer(slot.buffer(), slot.offset().into(), bytes);
        Ok(slot)
    }
}

impl Slots {
    /// A new one, beside others for the next that asks.
    fn make(&self, context: &Context) -> Result<Place> {
        let limits = context.device.limits();
        let alignment = limits
            .min_storage_buffer_offset_alignment
            .max(limits.min_uniform_buffer_offset_alignment);
        let step = self.bytes.next_multiple_of(alignment.into());
        let count = (CHUNK / step).max(1);
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::COPY_DST;
        let buffer = context.empty("convolve slots", count * step, usage)?;
        let mut places = (0..count).rev().map(|number| Place {
            buffer: buffer.clone(),
            // Chunks are small.
            offset: (number * step) as u32,
        });
        let first = places.next_back().expect("at least one");
        self.lock().extend(places);
        Ok(first)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Where it lies in its buffer.
    pub(crate) fn offset(&self) -> u32 {
        self.place.offset
    }

    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.place.buffer
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.home.lock().push(self.place.clone());
    }
}
