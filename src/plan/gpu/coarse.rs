//! The coarse method from texture to texture: six ways through samples that soon are few.

use std::sync::Arc;

use crate::element::DType;
use crate::kernel::coarse::CoarseAxis;
use crate::plan::capabilities::{GpuCapabilities, GpuKind};
use crate::plan::cpu::coarse::Span;
use crate::plan::gpu::launch::{Launch, Types};
use crate::plan::gpu::stage::{CoarsePass, Taps};
use crate::plan::gpu::stored::Stored;
use crate::plan::gpu::textures::{At, Dispatch};
use crate::plan::gpu::tiling::MOST_ROUNDS;
use crate::problem::boundary::Edge;
use crate::problem::geometry::{Axis, Geometry};

/// Designs along both axes.
pub(crate) type Designs = [Arc<CoarseAxis>; 2];

/// Outputs along an axis, in units of its factor, from which on a coarser grid is worth it.
const LEAST: usize = 4;

/// Whether these designs run over such axes, of one channel.
pub(super) fn suits(designs: &Designs, geometry: &Geometry, gpu: &GpuCapabilities) -> bool {
    // What is mended is a loop over all taps.
    let ends = gpu.kind != GpuKind::Software || geometry.taps() < MOST_ROUNDS;
    let long = geometry.axes.iter().zip(designs).all(|(axis, design)| {
        axis.stride == 1 && axis.dilation == 1 && axis.out >= LEAST * design.factor
    });
    ends && long
}

/// All of them, over both axes, whose texels have four channels: down along columns and rows, the kernels on
/// the coarse grid, and up again.
pub(super) fn dispatches(
    designs: &Designs,
    geometry: &Geometry,
    [source, destination]: [Stored; 2],
    gpu: &GpuCapabilities,
) -> Result<Vec<Dispatch>, String> {
    let [y, x] = [0, 1].map(|axis| &geometry.axes[axis]);
    let [along_y, along_x] = designs;
    let spans = [Span::new(y, along_y), Span::new(x, along_x)];
    let down = |axis: usize| {
        let (design, Span { count, offset, .. }) = (&designs[axis], spans[axis]);
        let (taps, stride) = (design.down.len(), design.factor);
        Axis { taps, stride, out: count, offset, ..geometry.axes[axis].clone() }
    };
    let coarse = |axis: usize| {
        let (taps, Span { count, skipped, between, .. }) = (designs[axis].taps.len(), spans[axis]);
        Axis { n: count, taps, out: between, offset: skipped as isize, ..inner() }
    };
    let up = |axis: usize| Axis {
        n: spans[axis].between,
        taps: designs[axis].reads,
        out: geometry.axes[axis].out,
        ..inner()
    };
    let still = |n: usize| Axis { n, out: n, ..inner() };
    let texels = match source {
        Stored::Texture { texels, .. } => Some(texels),
        _ => None,
    };
    let between = Stored::Elements(DType::F32);
    let [few_y, few_x] = [0, 1].map(|axis| spans[axis].between);
    let (first, second) = (At::Scratch(0), At::Scratch(1));
    let (row, column) = (0, 1);
    use CoarsePass::{Coarse, Down, Up};
    [
        (row, Down, [down(0), still(x.n)], [At::Source, first]),
        (column, Down, [still(spans[0].count), down(1)], [first, second]),
        (column, Coarse, [still(spans[0].count), coarse(1)], [second, first]),
        (row, Coarse, [coarse(0), still(few_x)], [first, second]),
        (column, Up, [still(few_y), up(1)], [second, first]),
        (row, Up, [up(0), still(x.out)], [first, At::Destination]),
    ]
    .into_iter()
    .map(|(axis, pass, [outer, inner], [from, to])| {
        let in_texels = |axis: Axis| Axis { channels: 4, ..axis };
        let geometry = Geometry { axes: vec![outer, in_texels(inner)] };
        let types = Types {
            input: if from == At::Source { source } else { between },
            output: if to == At::Destination { destination } else { between },
            accumulator: DType::F32,
        };
        let last = to == At::Destination;
        let phases = if pass == Up { designs[axis].factor } else { 1 };
        let mended = texels.filter(|_| last);
        let launch = Launch::resample(types, &geometry, mended, [phases, axis], gpu)?;
        let taps = geometry.axes[axis].taps;
        Ok(Dispatch {
            multiply_adds: (geometry.output_len() * taps) as f64,
            launch,
            geometry,
            taps: Taps::Coarse { axis, pass },
            from,
            to,
            also: last.then_some(At::Source),
            mended: last.then(|| [y.clone(), in_texels(x.clone())]),
        })
    })
    .collect()
}

/// An axis of samples of our own, none of which is read beyond its ends.
fn inner() -> Axis {
    Axis { edge: Edge::Zero, ..Axis::one_sample() }
}
