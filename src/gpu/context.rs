//! A device, what it can do, and its pipelines.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::gpu::adapter::{CAN_WAIT, capabilities, ranked_adapters};
use crate::gpu::backlog::{Backlog, Submission};
use crate::gpu::buffers::{Buffers, Limits, Pooled, Role};
use crate::gpu::copy_rows;
use crate::gpu::counts::Counters;
use crate::gpu::drawn;
use crate::gpu::pipelines::{BINDINGS, Pipelines};
use crate::gpu::scratch::SharedScratch;
use crate::gpu::slots::AllSlots;
use crate::plan::{GpuCapabilities, GpuKind, GpuSettings};
use crate::util::lru::LruCache;
use crate::words::Device;

/// What is asked of an adapter where it has it: `f16` in buffers, shaders in `f64`, the bits of these, compiled
/// pipelines that can be kept on disk, the device's own clock, and formats that textures can be written in.
const WANTED: wgpu::Features = wgpu::Features::SHADER_F16
    .union(wgpu::Features::SHADER_F64)
    .union(wgpu::Features::SHADER_INT64)
    .union(wgpu::Features::PIPELINE_CACHE)
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::BGRA8UNORM_STORAGE)
    .union(wgpu::Features::RG11B10UFLOAT_RENDERABLE);

/// Seconds beyond which work is not recorded unless the GPU was asked for by name. Drivers reset a
/// device that is busy with one submission for about two seconds (Windows: `TdrDelay`), and the
/// caller's whole frame goes with it. What is expected of a GPU is cautious: it may be a quarter.
const LONGEST: f64 = 2.0;

/// A device with its queue and its pipelines.
#[derive(Debug)]
pub(crate) struct Context {
    /// No other context of this process has the same.
    pub id: u64,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// Kept from run to run.
    pub buffers: Arc<Buffers>,
    backlog: Backlog,
    pub pipelines: Pipelines,
    pub counters: Arc<Counters>,
    /// What recordings share.
    pub scratch: SharedScratch,
    pub slots: AllSlots,
    drawings: LruCache<drawn::Target, drawn::Compiled>,
    copies: LruCache<bool, copy_rows::Compiled>,
    capabilities: GpuCapabilities,
    binds_layers: bool,
    /// Why the device was lost, once that is known.
    lost: Arc<OnceLock<String>>,
    /// Whether the device is the caller's.
    theirs: bool,
    /// Whether the caller has the device, and so may have made something on it.
    shown: AtomicBool,
}

impl Context {
    /// Starts the best adapter there is, with its own limits.
    pub(crate) fn find(settings: &GpuSettings) -> Result<Self> {
        let adapter = ranked_adapters()
            .into_iter()
            .next()
            .ok_or_else(|| Error::no_device("no adapter with compute shaders was found"))?;
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("convolve"),
            required_limits: adapter.limits(),
            required_features: adapter.features() & WANTED,
            ..Default::default()
        });
        let (device, queue) = pollster::block_on(request).map_err(|error| {
            Error::no_device(format!("{} could not be started: {error}", adapter.get_info().name))
        })?;
        let context = Self::new(device, queue, settings)?;
        let flag = context.lost.clone();
        context.device.set_device_lost_callback(move |reason, message| {
            let _ = flag.set(format!("{reason:?} {message}"));
        });
        Ok(context)
    }

    /// Uses the caller's device, with the limits and features that it was started with. Its callbacks
    /// are the caller's: a device has one for its loss.
    pub(crate) fn of_caller(
        device: wgpu::Device,
        queue: wgpu::Queue,
        settings: &GpuSettings,
    ) -> Result<Self> {
        if !CAN_WAIT {
            return Err(Error::no_device("a page cannot wait for its GPU, as this library does"));
        }
        Ok(Self { theirs: true, shown: true.into(), ..Self::new(device, queue, settings)? })
    }

    fn new(device: wgpu::Device, queue: wgpu::Queue, settings: &GpuSettings) -> Result<Self> {
        let info = device.adapter_info();
        let found = capabilities(&info, &device.limits(), device.features());
        let mut capabilities = GpuCapabilities { memory: settings.memory, ..found };
        if let Some(adapt) = settings.adapt {
            adapt(&mut capabilities);
        }
        if capabilities.max_invocations == 0 {
            return Err(Error::no_device(format!("{} has no compute shaders", capabilities.name)));
        }
        let bindings = device.limits().max_storage_buffers_per_shader_stage;
        if bindings < BINDINGS {
            return Err(Error::no_device(format!(
                "{} gives a shader {bindings} storage buffers, expected at least {BINDINGS}",
                capabilities.name
            )));
        }
        let counters: Arc<Counters> = Arc::default();
        let pipelines = Pipelines::new(&device, counters.clone(), settings)?;
        let limits = Limits {
            buffer: capabilities.max_buffer,
            all: capabilities.memory,
            kept: capabilities.memory / 4,
        };
        let buffers = Buffers::new(device.clone(), counters.clone(), limits);
        static IDS: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            device,
            queue,
            buffers,
            backlog: Backlog::default(),
            pipelines,
            counters,
            scratch: SharedScratch::default(),
            slots: AllSlots::default(),
            drawings: LruCache::new(16),
            copies: LruCache::new(2),
            capabilities,
            binds_layers: info.backend != wgpu::Backend::Gl,
            lost: Arc::default(),
            theirs: false,
            shown: false.into(),
        })
    }

    /// What the planner needs to know.
    pub(crate) fn capabilities(&self) -> GpuCapabilities {
        self.capabilities.clone()
    }

    /// Whether a view of one layer of several is bound as that one: wgpu 30 binds whole textures on
    /// OpenGL, and shaders see the first layer.
    pub(crate) fn binds_layers(&self) -> bool {
        self.binds_layers
    }

    /// Bindings start at multiples of this many bytes.
    pub(crate) fn offset_alignment(&self) -> u64 {
        self.capabilities.offset_alignment.into()
    }

    /// The device, for the caller.
    pub(crate) fn show(&self) -> &wgpu::Device {
        self.shown.store(true, Ordering::Relaxed);
        &self.device
    }

    /// An error where nothing of the caller's can be on this device.
    pub(crate) fn check_shown(&self) -> Result<()> {
        if self.shown.load(Ordering::Relaxed) {
            return Ok(());
        }
        let reason = "the encoder is on another device than the filter, whose convolver has found one of \
                      its own that nobody has asked for: expected one of Convolver::with_device, or an \
                      encoder made on GpuDevice::device";
        Err(Error::gpu_misuse(reason))
    }

    /// An error where a buffer of the caller's is on another device. To be called where wgpu's errors
    /// are caught, for buffers that are copied and never bound: of copies wgpu tells only when the
    /// encoder is finished.
    pub(crate) fn check_buffers(&self, buffers: [&wgpu::Buffer; 2]) -> Result<()> {
        let entry = wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: true },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let layout = self.guarded(|| {
            self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some("convolve"),
                entries: &[entry],
            })
        })?;
        let size = wgpu::BufferSize::new(4);
        buffers.into_iter().try_for_each(|buffer| {
            let start = wgpu::BufferBinding { buffer, offset: 0, size };
            self.bind(&layout, [wgpu::BindingResource::Buffer(start)]).map(drop)
        })
    }

    /// An error where a texture of the caller's is on another device, be it one of another instance of
    /// wgpu, where this device may have a texture of the same number. What a texture refuses is an
    /// error of its own device, and so caught here only where that is this one.
    pub(crate) fn check_texture(&self, texture: &wgpu::Texture) -> Result<()> {
        let refused = guarded(&self.device, || {
            texture.create_view(&wgpu::TextureViewDescriptor {
                base_mip_level: texture.mip_level_count(),
                mip_level_count: Some(1),
                ..Default::default()
            })
        });
        match refused {
            Err(_) => Ok(()),
            Ok(_) => Err(Error::gpu_misuse("a texture is on another device than the filter")),
        }
    }

    /// An error where recorded work of so many seconds might cost the caller the device.
    pub(crate) fn check_length(&self, asked: Device, seconds: f64) -> Result<()> {
        let gpu = &self.capabilities;
        if asked == Device::Gpu || gpu.kind == GpuKind::Software || seconds <= LONGEST {
            return Ok(());
        }
        Err(Error::Inadmissible {
            wanted: "recording into an encoder".into(),
            reason: format!(
                "expected to take {seconds:.1} s on {}, and drivers reset a GPU that is busy with one \
                 submission for about {LONGEST} s: insist with Device::Gpu, or cut the work up",
                gpu.name
            ),
        })
    }

    /// An error where the device was lost.
    pub(crate) fn check_alive(&self) -> Result<()> {
        // Of the caller's device nobody tells.
        if self.theirs { self.ask() } else { self.check_known() }
    }

    /// An error where it is known that the device was lost.
    pub(crate) fn check_known(&self) -> Result<()> {
        match self.lost.get() {
            Some(reason) => Err(Error::device_lost(reason.clone())),
            None => Ok(()),
        }
    }

    /// Finds out whether the device is lost, without waiting for anything: a lost one still takes all
    /// calls, without an error, but gives no memory.
    fn ask(&self) -> Result<()> {
        self.check_known()?;
        let memory = guarded(&self.device, || {
            let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("convolve"),
                size: 8,
                usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: true,
            });
            buffer.get_mapped_range_mut(..).is_ok()
        });
        if memory == Ok(false) {
            let _ = self.lost.set("it takes no more work".into());
        }
        self.check_known()
    }

    /// Runs `work`; whatever wgpu finds wrong with it becomes an error.
    pub(crate) fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        self.check_known()?;
        guarded(&self.device, work).map_err(|error| self.explain(error))
    }

    /// [`Context::guarded`] for work that can fail by itself.
    pub(crate) fn attempt<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.guarded(work)?.map_err(|error| self.explain(error))
    }

    /// [`Context::attempt`] for work with what the caller has brought. Where that comes from another
    /// instance of wgpu, wgpu may panic, or take it for something of this device's that has the same
    /// number there.
    pub(crate) fn attempt_with_theirs<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = self.attempt(|| {
            catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                let reason =
                    "the encoder, a buffer or a texture is on another device than the filter";
                Err(Error::gpu_misuse(reason))
            })
        });
        // What wgpu refuses there is what they have brought.
        result.map_err(|error| match error {
            Error::GpuInternal { reason } => Error::GpuMisuse { reason },
            other => other,
        })
    }

    /// Calls on a lost device fail in many ways.
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.ask().err().unwrap_or(error)
    }

    /// Polls the device. In wgpu 30 that panics where the driver reports a lost device or a lack of
    /// memory.
    fn poll(&self, how: wgpu::PollType) -> Result<()> {
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(how))) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(wgpu::PollError::Timeout)) => {
                Err(Error::device_lost("it was not done in the time that its work may take"))
            }
            Ok(Err(error)) => Err(Error::gpu_internal(error.to_string())),
            Err(_) => Err(Error::device_lost("it failed while it was waited for")),
        }
    }

    /// What copies rows of words, or of half words; compiled at its first use.
    pub(crate) fn copy_rows(&self, halves: bool) -> Result<copy_rows::Compiled> {
        self.copies.get(halves, |&halves| copy_rows::compile(self, halves))
    }

    /// What draws into textures of a format; compiled at its first use.
    pub(crate) fn drawn(&self, target: drawn::Target) -> Result<drawn::Compiled> {
        self.drawings.get(target, |&target| drawn::compile(self, target))
    }

    /// A buffer that is not written yet.
    pub(crate) fn empty(
        &self,
        label: &str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        self.counters.buffers.add(1);
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        self.guarded(|| self.device.create_buffer(&descriptor))
    }

    /// A buffer that holds these bytes from now on.
    pub(crate) fn constant(
        &self,
        label: &str,
        bytes: &[u8],
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        let size = (bytes.len() as u64).next_multiple_of(4);
        let buffer = self.empty(label, size, usage | wgpu::BufferUsages::COPY_DST)?;
        self.guarded(|| self.queue.write_buffer(&buffer, 0, bytes))?;
        Ok(buffer)
    }

    /// Binds these in the order of the shaders' bindings. What cannot be bound is an error here, and so
    /// never kept.
    pub(crate) fn bind<'a>(
        &self,
        layout: &wgpu::BindGroupLayout,
        resources: impl IntoIterator<Item = wgpu::BindingResource<'a>>,
    ) -> Result<wgpu::BindGroup> {
        let entries: Vec<wgpu::BindGroupEntry> = resources
            .into_iter()
            .zip(0..)
            .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        self.counters.bindings.add(1);
        self.guarded(|| {
            self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("convolve"),
                layout,
                entries: &entries,
            })
        })
    }

    /// Submits what was recorded, which may take this long. To be called where wgpu's errors are
    /// caught.
    pub(crate) fn submit(&self, encoder: wgpu::CommandEncoder, work: Duration) -> Submission {
        self.backlog.note(self.queue.submit([encoder.finish()]), work)
    }

    /// Waits for a submission, but not for ever.
    pub(crate) fn wait(&self, submission: &Submission) -> Result<()> {
        let wait = wgpu::PollType::Wait {
            submission_index: Some(submission.index.clone()),
            timeout: Some(self.backlog.patience(submission)),
        };
        self.poll(wait).map_err(|error| self.explain(error))?;
        self.backlog.finish(submission);
        self.check_alive()
    }

    /// A buffer of the pool. Where memory is short only because uploads are on their way, this waits
    /// for them: how far a device has come must not decide whether there is room.
    pub(crate) fn take(&self, role: Role, bytes: u64, what: &str) -> Result<Pooled> {
        self.buffers.take(role, bytes, what).or_else(|full| {
            if !self.buffers.may_free_up(bytes) {
                return Err(full);
            }
            let timeout = Some(self.backlog.patience_with_all());
            self.poll(wgpu::PollType::Wait { submission_index: None, timeout })?;
            self.buffers.take(role, bytes, what)
        })
    }

    /// Lets wgpu call back for what is done, without waiting.
    pub(crate) fn reclaim(&self) -> Result<()> {
        self.poll(wgpu::PollType::Poll).map_err(|error| self.explain(error))?;
        self.check_alive()
    }

    /// How long a submission may still take.
    pub(crate) fn patience(&self, submission: &Submission) -> Duration {
        self.backlog.patience(submission)
    }
}

/// Runs `work`; whatever wgpu finds wrong with it becomes an error.
pub(crate) fn guarded<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T> {
    use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
    let scopes = [Validation, OutOfMemory, Internal].map(|filter| device.push_error_scope(filter));
    let result = work();
    let mut failure = None;
    // Scopes must be popped in reverse order.
    for scope in scopes.into_iter().rev() {
        failure = pollster::block_on(scope.pop()).or(failure);
    }
    match failure {
        None => Ok(result),
        Some(error) => {
            // wgpu's errors have several lines, this library's have one.
            let words: Vec<String> =
                error.to_string().split_whitespace().map(String::from).collect();
            let reason = words.join(" ");
            Err(match error {
                wgpu::Error::OutOfMemory { .. } => Error::gpu_memory(reason),
                wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => {
                    Error::gpu_internal(reason)
                }
            })
        }
    }
}
