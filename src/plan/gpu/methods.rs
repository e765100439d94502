//! The dispatches of each method.

use crate::element::DType;
use crate::plan::capabilities::GpuCapabilities;
use crate::plan::gpu::launch::{Launch, Types};
use crate::plan::gpu::stage::{Place, Stage, Taps};
use crate::plan::gpu::transform::{Block, BlockPass, Transform};
use crate::plan::passes::{Pass, around};
use crate::problem::geometry::{Axis, Geometry};

/// The direct method, in one.
pub(super) fn direct(
    dtype: DType,
    geometry: &Geometry,
    gpu: &GpuCapabilities,
) -> Result<Vec<Stage>, String> {
    let ends = [Place::Input, Place::Output];
    let launch = Launch::direct(dtype, geometry, gpu)?;
    if let Some(apart) = channels_apart(geometry) {
        let tall = Launch::direct(dtype, &apart, gpu)?;
        if tall.is_tiled() && tall.staged(&apart) < launch.staged(geometry) {
            return Ok(vec![Stage::new(&apart, tall, Taps::Columns, ends)]);
        }
    }
    Ok(vec![Stage::new(geometry, launch, Taps::All, ends)])
}

/// The fewest channels that are worth an axis of their own: a tile has as many columns.
const WIDE: usize = 64;

/// The same geometry with the channels of its last axis, which a kernel of one column has made of all columns, as
/// an axis of their own: then a tile need not hold all of the rows between its outputs.
fn channels_apart(geometry: &Geometry) -> Option<Geometry> {
    let (last, before) = geometry.axes.split_last()?;
    let is_batch = before.len() == 1 && before[0].is_identity();
    if last.channels < WIDE || !(before.is_empty() || is_batch) {
        return None;
    }
    let rows = Axis { channels: 1, ..last.clone() };
    let columns = Axis { n: last.channels, out: last.channels, ..Axis::one_sample() };
    Some(Geometry { axes: [before, &[rows, columns]].concat() })
}

/// The passes over blocks, which hand what is transformed from one to the next in one place.
pub(super) fn transforms(
    dtype: DType,
    geometry: &Geometry,
    block: Block,
    gpu: &GpuCapabilities,
) -> Result<Vec<Stage>, String> {
    let accumulator = dtype.accumulator();
    let stage = |&pass: &BlockPass| {
        let between = Place::Between(0);
        let (from, to, also) = match pass {
            BlockPass::Look | BlockPass::Rows => (Place::Input, between, None),
            BlockPass::Whole | BlockPass::Again => (Place::Input, Place::Output, Some(between)),
            BlockPass::Back => (between, Place::Output, Some(between)),
            BlockPass::Columns
            | BlockPass::Spectra
            | BlockPass::Slabs
            | BlockPass::KernelRows
            | BlockPass::KernelColumns => (between, between, None),
        };
        let stored = |place, end| if place == end { dtype } else { accumulator }.into();
        let (input, output) = (stored(from, Place::Input), stored(to, Place::Output));
        let types = Types { input, output, accumulator };
        let transform = Transform { block, pass };
        let launch = Launch::fft(types, geometry, transform, gpu)?;
        let stage = Stage::new(geometry, launch, Taps::Transformed(transform), [from, to]);
        Ok(Stage { also, ..stage })
    };
    block.passes().iter().map(stage).collect()
}

/// The innermost axis first: later passes then run over whole rows of its outputs. The last two at
/// once where they can be; otherwise each term goes its own way, and their last passes add up.
pub(super) fn separable(
    dtype: DType,
    geometry: &Geometry,
    terms: usize,
    gpu: &GpuCapabilities,
) -> Result<Vec<Stage>, String> {
    let rank = geometry.rank();
    let mut stages: Vec<Stage> = Vec::new();
    // What is between two passes is not rounded.
    let accumulator = dtype.accumulator();
    let types = |first: bool, last: bool| Types {
        input: if first { dtype } else { accumulator }.into(),
        output: if last { dtype } else { accumulator }.into(),
        accumulator,
    };
    let fused = (rank >= 2).then(|| around(&geometry.axes, rank - 2..rank)).and_then(|around| {
        let rest = geometry.axes[..rank - 2].iter().all(Axis::is_identity);
        Launch::separable(types(true, rest), &around, terms, gpu)
    });
    if fused.is_none() && terms > 1 && accumulator != dtype {
        return Err(format!(
            "each of {terms} terms would be rounded to {dtype} before they are added"
        ));
    }
    let chains = if fused.is_some() { 1 } else { terms };
    let passes = Pass::all(geometry, fused.is_some());
    for term in 0..chains {
        let mut from = Place::Input;
        for (i, Pass { axes, geometry }) in passes.iter().enumerate() {
            let last = i + 1 == passes.len();
            let (launch, taps) = match &fused {
                Some(launch) if i == 0 => (launch.clone(), Taps::Fused),
                _ => {
                    let launch = Launch::direct(types(i == 0, last), geometry, gpu)?;
                    (launch, Taps::Axis { term, axis: axes.start })
                }
            };
            let launch = if last && term > 0 { launch.accumulating() } else { launch };
            let between = Place::Between(usize::from(from == Place::Between(0)));
            let to = if last { Place::Output } else { between };
            stages.push(Stage::new(geometry, launch, taps, [from, to]));
            from = to;
        }
    }
    if stages.is_empty() {
        return Err("the kernel has a single tap".into());
    }
    Ok(stages)
}
