//! Dispatches from texture to texture: what a size makes of a method that was chosen for all sizes.

use std::ops::Range;

use crate::element::DType;
use crate::plan::capabilities::GpuCapabilities;
use crate::plan::gpu::coarse;
pub(crate) use crate::plan::gpu::coarse::Designs;
use crate::plan::gpu::launch::{Launch, Types};
use crate::plan::gpu::schedule::Schedule;
use crate::plan::gpu::stage::{Place, Stage, Taps};
use crate::plan::gpu::stored::Stored;
use crate::problem::geometry::{Axis, Geometry};
use crate::problem::reads;

/// Rows of outputs, and all that is dispatched for them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    /// The first row of the input that is read, where that is read as a whole before it is filtered.
    pub first_input_row: usize,
    /// The first row of the output.
    pub first_output_row: usize,
    pub dispatches: Vec<Dispatch>,
}

/// A stage between places of a band.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dispatch {
    pub launch: Launch,
    pub geometry: Geometry,
    pub taps: Taps,
    pub from: At,
    pub to: At,
    pub also: Option<At>,
    /// What it computes, in multiply-adds.
    pub multiply_adds: f64,
    /// Of what is summed anew where it is not finite: the source's axes.
    pub mended: Option<[Axis; 2]>,
}

/// Where a dispatch reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// The caller's texture.
    Source,
    /// The caller's texture, or one that is drawn into it.
    Destination,
    /// A buffer of our own: what is between two passes, or samples that are converted.
    Scratch(usize),
}

/// Buffers of our own that one band may need: two between passes, one before them and one after.
pub(crate) const SCRATCHES: usize = 4;

/// Bytes of each buffer of our own, for all of these.
pub(crate) fn scratches(bands: &[Band]) -> [u64; SCRATCHES] {
    let mut most = [0; SCRATCHES];
    for band in bands {
        most.iter_mut().zip(band.scratch()).for_each(|(most, bytes)| *most = bytes.max(*most));
    }
    most
}

impl Band {
    /// Bytes of each buffer of our own.
    fn scratch(&self) -> [u64; SCRATCHES] {
        let mut bytes = [0; SCRATCHES];
        for Dispatch { launch, geometry, to, also, .. } in &self.dispatches {
            let between = || launch.between().iter().sum();
            let left = launch.variant.shader.transform().map(|transform| transform.touched());
            let written = match left {
                Some(touched) if !touched.outputs => between(),
                _ => geometry.output_len(),
            };
            let besides = also.map(|also| (also, between()));
            for (at, elements) in [Some((*to, written)), besides].into_iter().flatten() {
                if let At::Scratch(number) = at {
                    let size = DType::F32.size() as u64;
                    bytes[number] = bytes[number].max(elements as u64 * size);
                }
            }
        }
        bytes
    }
}

/// How textures are filtered, whatever their size.
#[derive(Clone, Copy)]
pub(crate) enum Chosen<'a> {
    /// As in a schedule for another size.
    Scheduled(&'a Schedule),
    /// On coarser grids.
    Coarse(&'a Designs),
}

impl Chosen<'_> {
    /// Whether it can run between these, over such a geometry of one channel.
    pub(crate) fn suits(
        self,
        geometry: &Geometry,
        stored: [Stored; 2],
        gpu: &GpuCapabilities,
    ) -> bool {
        match self {
            Self::Scheduled(_) => true,
            Self::Coarse(designs) => {
                let texels = stored.iter().all(|stored| stored.channels() == 4);
                texels && coarse::suits(designs, geometry, gpu)
            }
        }
    }
}

/// The chosen method over a geometry of two axes, of one channel, from textures to textures: in one
/// band, or in as many as it takes for buffers of our own to fit into what the device binds.
pub(crate) fn bands(
    chosen: Chosen,
    geometry: &Geometry,
    stored: [Stored; 2],
    gpu: &GpuCapabilities,
) -> Result<Vec<Band>, String> {
    let rows = geometry.axes[0].out;
    let most = gpu.max_binding.min(gpu.max_buffer);
    let mut count = 1;
    loop {
        let height = rows.div_ceil(count);
        let starts = (0..rows).step_by(height);
        let bands = starts.map(|start| {
            let end = rows.min(start + height);
            band(chosen, geometry, start..end, stored, gpu)
        });
        // None where a band is more than one dispatch can index.
        let bands = bands.collect::<Result<Option<Vec<Band>>, String>>()?;
        let largest = bands.as_ref().map(|bands| scratches(bands).into_iter().max().unwrap_or(0));
        if let (Some(bands), Some(largest)) = (bands, largest)
            && largest <= most
        {
            return Ok(bands);
        }
        if height == 1 {
            return Err(match largest {
                Some(largest) => {
                    format!("a row takes {largest} bytes, a binding here at most {most}")
                }
                None => "a row is more than a dispatch can index".into(),
            });
        }
        count *= 2;
    }
}

/// All for these rows of outputs, or none where no schedule has them in one piece.
fn band(
    chosen: Chosen,
    geometry: &Geometry,
    rows: Range<usize>,
    stored: [Stored; 2],
    gpu: &GpuCapabilities,
) -> Result<Option<Band>, String> {
    let mut geometry = geometry.clone();
    let whole = rows == (0..geometry.axes[0].out);
    geometry.axes[0].narrow(&rows);
    // Nothing of a texture is bound in part. Buffers of our own are seen to by whoever asks.
    let boundless = GpuCapabilities {
        max_binding: u64::MAX,
        max_buffer: u64::MAX,
        memory: u64::MAX,
        ..gpu.clone()
    };
    let dispatches = |geometry: &Geometry| match chosen {
        Chosen::Scheduled(planned) => scheduled(planned, geometry.clone(), stored, &boundless),
        Chosen::Coarse(designs) => {
            coarse::dispatches(designs, geometry, stored, &boundless).map(Some)
        }
    };
    let band = |first_input_row: usize, dispatches: Vec<Dispatch>| {
        Some(Band { first_input_row, first_output_row: rows.start, dispatches })
    };
    let made = dispatches(&geometry)?.and_then(|dispatches| band(0, dispatches));
    if whole || made.as_ref().is_none_or(|band| band.scratch() == [0; SCRATCHES]) {
        return Ok(made);
    }
    // Only what is read passes through buffers of our own.
    let axis = &mut geometry.axes[0];
    let n = axis.n;
    let reads = reads::cut(axis);
    if reads.end > n {
        return Err(
            "what is between its passes takes more than a binding can hold, and its boundary \
                    wraps around"
                .into(),
        );
    }
    Ok(dispatches(&geometry)?.and_then(|dispatches| band(reads.start, dispatches)))
}

/// Taps up to which outputs that lie apart are summed one by one: tiles would stage samples one by one,
/// and numbers that are converted before and after.
const SPARSE: usize = 256;

/// Whether so few taps lie apart, or the outputs do.
fn is_sparse(geometry: &Geometry) -> bool {
    let apart = |axis: &Axis| axis.stride > 1 || axis.dilation > 1;
    geometry.taps() <= SPARSE && geometry.axes.iter().any(apart)
}

/// The stages of a schedule for another size, for this one, and the conversions before and after them; none
/// where they are for parts of it.
fn scheduled(
    planned: &Schedule,
    mut geometry: Geometry,
    stored: [Stored; 2],
    gpu: &GpuCapabilities,
) -> Result<Option<Vec<Dispatch>>, String> {
    let channels = stored[0].channels().max(stored[1].channels());
    geometry.axes[1].channels *= channels;
    if channels == 4 && planned.block().is_none() && is_sparse(&geometry) {
        let types = Types { input: stored[0], output: stored[1], accumulator: DType::F32 };
        let launch = Launch::texels(types, &geometry, gpu)?;
        let multiply_adds = (geometry.output_len() * geometry.taps()) as f64;
        return Ok(Some(vec![Dispatch {
            launch,
            geometry,
            taps: Taps::All,
            from: At::Source,
            to: At::Destination,
            also: None,
            multiply_adds,
            mended: None,
        }]));
    }
    let schedules = planned.on(DType::F32, &geometry, gpu)?.stored_as(stored, gpu)?;
    if schedules.iter().any(|schedule| schedule.parts.len() > 1) {
        return Ok(None);
    }
    let last = schedules.len() - 1;
    let mut dispatches = Vec::new();
    for (number, schedule) in schedules.into_iter().enumerate() {
        let at = |place: Place| match place {
            Place::Input if number == 0 => At::Source,
            Place::Output if number == last => At::Destination,
            // One conversion before the method, and one after it.
            Place::Input => At::Scratch(1 + number),
            Place::Output => At::Scratch(2 + number),
            Place::Between(between) => At::Scratch(between),
        };
        for stage in schedule.parts.into_iter().flat_map(|part| part.stages) {
            let multiply_adds = stage.multiply_adds();
            let Stage { geometry, launch, taps, from, to, also } = stage;
            let (from, to, also) = (at(from), at(to), also.map(at));
            let mended = None;
            dispatches.push(Dispatch {
                launch,
                geometry,
                taps,
                from,
                to,
                also,
                multiply_adds,
                mended,
            });
        }
    }
    Ok(Some(dispatches))
}
