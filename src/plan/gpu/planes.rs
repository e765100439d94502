//! Tiles of planes: workgroups, registers, chunks of taps and what is staged, by the adapter's limits.

use crate::element::DType;
use crate::plan::capabilities::GpuCapabilities;
use crate::plan::gpu::depth::Depth;
use crate::plan::gpu::launch::{
    LONGEST_KNOWN, Launch, MAX_RANK, QUAD, Shader, Types, Variant, groups, tap_quads,
};
use crate::plan::gpu::second_look::SecondLook;
use crate::problem::geometry::{Axis, Geometry};

/// Outputs of an invocation in [`Shader::DirectStrided`].
const STRIDED_OUTPUTS: usize = 4;

/// The longest row of taps in [`Shader::Separable2d`], which has a single row of them.
const LONGEST_SEPARABLE: usize = 64;

/// Invocations of the workgroups that are preferred to those of more memory, and of those that are preferred
/// where such ones have room for some taps alone. Compute units have 64 KiB and more, whatever a workgroup may take:
/// more of a tile is worth more than a second workgroup (benches/results/static.md).
const PREFERRED: u32 = 128;
const FEWEST: u32 = 64;

/// The largest workgroup for planes, and that where there is one row of outputs.
const PLANE: [u32; 2] = [16, 8];
const LINE: [u32; 2] = [256, 1];

/// Rows of the tallest tile in [`Shader::Separable2d`], of one term and of several: what is between its passes
/// grows with them. Longer columns of taps are quicker in two dispatches, which are as many for each term.
const TALLEST_SEPARABLE: [usize; 2] = [32, 64];

/// Taps of a longer row that become straight-line code at a time; whole quads of them.
const UNROLLED: usize = 16;

/// Quads of the values that stand outside, before the weights.
const TAPS_START: usize = MAX_RANK / QUAD;

/// Whether this many quads fit into uniform memory.
fn uniform(dtype: DType, quads: usize, gpu: &GpuCapabilities) -> Option<usize> {
    let bytes = (quads * QUAD * dtype.size()) as u64;
    (bytes <= gpu.max_uniform_weights).then_some(quads)
}

/// Whether planes along an axis are planes of their own, from the first one on.
fn is_batch(axis: &Axis) -> bool {
    axis.taps == 1 && axis.stride == 1 && axis.offset == 0
}

/// A batch of planes: what the tiled shaders see.
pub(super) struct Planes {
    pub batch: usize,
    /// An axis before the planes' own, along which transforms add up.
    pub depth: Option<Axis>,
    pub outer: Axis,
    pub inner: Axis,
}

impl Planes {
    pub(super) fn of(geometry: &Geometry) -> Option<Self> {
        let (batch, outer, inner) = match &geometry.axes[..] {
            [inner] => (1, Axis::one_sample(), inner.clone()),
            [outer, inner] => (1, outer.clone(), inner.clone()),
            [batch, outer, inner] if is_batch(batch) => {
                (batch.outputs(), outer.clone(), inner.clone())
            }
            _ => return None,
        };
        Some(Self { batch, depth: None, outer, inner })
    }

    /// The same for transforms, which join the samples of two axes and add up along a third, or why not.
    pub(super) fn transformed(geometry: &Geometry) -> Result<Self, String> {
        if let Some(planes) = Self::of(geometry) {
            return Ok(planes);
        }
        let (batch, depth, outer, inner) = match &geometry.axes[..] {
            [depth, outer, inner] => (1, depth, outer, inner),
            [batch, depth, outer, inner] if is_batch(batch) => {
                (batch.outputs(), depth, outer, inner)
            }
            _ => {
                return Err(format!(
                    "its transforms join two axes and add up along a third, and {} have taps, strides or ends of \
                     their own",
                    geometry.rank()
                ));
            }
        };
        let (depth, outer, inner) = (Some(depth.clone()), outer.clone(), inner.clone());
        Ok(Self { batch, depth, outer, inner })
    }

    /// Whether neighbouring outputs read neighbouring samples, along both axes.
    fn is_dense(&self) -> bool {
        let rows = self.outer.taps == 1 || self.outer.tap_step() == 1;
        self.inner.stride == 1 && self.outer.stride == 1 && rows
    }

    /// The direct method, in the tiles that stage the least.
    pub(super) fn direct(&self, types: Types, gpu: &GpuCapabilities) -> Option<Launch> {
        let weights = TAPS_START + self.outer.taps * tap_quads(self.inner.taps);
        let uniform = uniform(types.accumulator, weights, gpu);
        self.registers(types, gpu, uniform).or_else(|| self.strided(types, gpu, uniform))
    }

    /// [`Shader::Direct2d`]; a workgroup that stages all taps at once, if it can in half of the memory, so
    /// that another one can compute meanwhile, or else the largest one with chunks: smaller ones than
    /// [`FEWEST`] stage more halo than it is worth.
    fn registers(
        &self,
        types: Types,
        gpu: &GpuCapabilities,
        uniform: Option<usize>,
    ) -> Option<Launch> {
        if !self.is_dense() {
            return None;
        }
        // A staged row serves as many rows of outputs as there are rows of taps. More of them in
        // registers are fewer loads of the stage, but fewer invocations to wait with, which soon is the
        // dearer: 4 x 8 instead of 2 x 4 outputs took 1.7 times as long with 3 x 3 taps, 8 x 4 instead of
        // 4 x 4 outputs 1.3 times with 15 x 15 (benches/results/gpu.md).
        let registers = match self.outer.taps {
            1 => [1, 2],
            2..=8 => [2, 1],
            _ => [4, 1],
        };
        let capacity = gpu.max_workgroup_memory as usize / (QUAD * types.accumulator.size());
        let all = [self.outer.taps, self.inner.taps];
        let fits = |workgroup: [u32; 2], capacity: usize, chunked: bool| {
            let tile = tile(workgroup, registers);
            let mut chunk = all;
            loop {
                let rows = tile[0] + chunk[0] - 1;
                let pitch = self.pitch(tile[1], chunk[1]);
                if rows.saturating_mul(pitch) <= capacity {
                    return Some((workgroup, chunk, rows, pitch));
                }
                if !chunked {
                    return None;
                }
                chunk = smaller(chunk)?;
            }
        };
        // Whichever stages less for as many outputs: under long columns of taps a tall tile.
        let candidates = || {
            let quads = |&[wide, high]: &[u32; 2]| {
                let [rows, columns] = tile([wide, high], registers);
                (rows + all[0] - 1).saturating_mul(self.pitch(columns, all[1]))
            };
            let shapes = match self.outer.outputs() {
                1 => [LINE, LINE],
                _ => [PLANE, [PLANE[1], PLANE[0]]],
            };
            halved(shapes.into_iter().min_by_key(quads).expect("two of them"), gpu)
        };
        let whole = |fewest: u32, capacity: usize| {
            candidates()
                .filter(|[wide, high]| wide * high >= fewest)
                .find_map(|workgroup| fits(workgroup, capacity, false))
        };
        let (workgroup, chunk, stage_rows, pitch) = whole(PREFERRED, capacity / 2)
            .or_else(|| whole(PREFERRED, capacity))
            .or_else(|| whole(FEWEST, capacity / 2))
            .or_else(|| candidates().find_map(|workgroup| fits(workgroup, capacity, true)))?;
        let unrolled = if self.inner.taps <= LONGEST_KNOWN && chunk[1] == self.inner.taps {
            self.inner.taps
        } else {
            UNROLLED.min(chunk[1])
        };
        let variant = Variant {
            shader: Shader::Direct2d,
            workgroup,
            registers,
            unrolled,
            rest: self.inner.taps % unrolled,
            step: self.inner.tap_step(),
            pitch,
            stage: stage_rows * pitch,
            uniform,
            ..Variant::new(types)
        };
        let mut variant = variant.with_known_taps(self.outer.taps, self.inner.taps);
        if variant.taps.is_some() && chunk == all {
            variant.staged = Some(stage_rows);
        }
        self.launch(variant, tile(workgroup, registers), chunk, stage_rows, gpu)
    }

    /// [`Shader::DirectStrided`]: a stride spreads a tile over more input, so a smaller tile may fit
    /// where a larger one does not.
    fn strided(
        &self,
        types: Types,
        gpu: &GpuCapabilities,
        uniform: Option<usize>,
    ) -> Option<Launch> {
        let capacity = gpu.max_workgroup_memory as usize / types.accumulator.size();
        let tile = |[wide, high]: [u32; 2]| [high as usize, wide as usize * STRIDED_OUTPUTS];
        let fits = |workgroup: [u32; 2]| {
            let tile = tile(workgroup);
            let mut chunk = [self.outer.taps, self.inner.taps];
            loop {
                let rows = staged(&self.outer, tile[0], chunk[0]);
                let pitch = staged(&self.inner, tile[1], chunk[1]);
                if rows.saturating_mul(pitch) <= capacity {
                    return Some((workgroup, chunk, rows, pitch));
                }
                chunk = smaller(chunk)?;
            }
        };
        let (workgroup, chunk, stage_rows, pitch) =
            halved(if self.outer.outputs() > 1 { PLANE } else { LINE }, gpu).find_map(fits)?;
        let variant = Variant {
            shader: Shader::DirectStrided,
            workgroup,
            pitch,
            // Rounded up to few sizes, so that few pipelines serve many shapes.
            stage: (stage_rows * pitch).next_power_of_two().min(capacity),
            uniform,
            ..Variant::new(types)
        };
        self.launch(variant, tile(workgroup), chunk, stage_rows, gpu)
    }

    /// [`Shader::Separable2d`]. Few rows for each invocation leave room for many of those; rows above
    /// and below a tile are filtered once for each of them, so that there are no more of those than of its own.
    pub(super) fn separable(
        &self,
        types: Types,
        terms: usize,
        gpu: &GpuCapabilities,
    ) -> Option<Launch> {
        let Self { outer, inner, .. } = self;
        if !self.is_dense() || inner.taps > LONGEST_SEPARABLE || outer.taps < 2 || inner.taps < 2 {
            return None;
        }
        let quads = TAPS_START + terms * (tap_quads(inner.taps) + outer.taps);
        let uniform = uniform(types.accumulator, quads, gpu);
        let capacity = gpu.max_workgroup_memory as usize;
        // Where taps lie several samples apart, a row is wider for as many taps.
        let largest = if inner.tap_step() > 1 { [16, 16] } else { [8, 16] };
        let mut candidates = [2, 4, 8].into_iter().flat_map(|rows| {
            halved(largest, gpu).map(move |workgroup| {
                let tile = tile(workgroup, [rows, 1]);
                let pitch = self.pitch(tile[1], inner.taps);
                // As many rows at a time as give every invocation a quad of them to filter.
                let stage_rows = (workgroup[1] as usize).max(4).min(tile[0] + outer.taps - 1);
                let variant = Variant {
                    shader: Shader::Separable2d,
                    workgroup,
                    registers: [rows, 1],
                    taps: Some([outer.taps, inner.taps]),
                    unrolled: inner.taps,
                    step: inner.tap_step(),
                    pitch,
                    stage: stage_rows * pitch,
                    staged: Some(stage_rows),
                    terms,
                    uniform,
                    ..Variant::new(types)
                };
                (variant, tile, stage_rows)
            })
        });
        let tallest = TALLEST_SEPARABLE[usize::from(terms > 1)];
        let fits = |(variant, tile, _): &(Variant, [usize; 2], usize)| {
            let tall = outer.taps - 1..=tallest;
            variant.workgroup_memory() <= capacity && tall.contains(&tile[0])
        };
        let (variant, tile, stage_rows) = candidates.find(fits)?;
        self.launch(variant, tile, [outer.taps, inner.taps], stage_rows, gpu)
    }

    /// Quads under a row of outputs and taps, and one more that shifted windows read.
    fn pitch(&self, outputs: usize, taps: usize) -> usize {
        let elements = outputs.saturating_add((taps - 1).saturating_mul(self.inner.tap_step()));
        elements.div_ceil(QUAD) + 1
    }

    fn launch(
        &self,
        variant: Variant,
        tile: [usize; 2],
        chunk: [usize; 2],
        stage_rows: usize,
        gpu: &GpuCapabilities,
    ) -> Option<Launch> {
        let tiles = [
            self.batch,
            self.outer.outputs().div_ceil(tile[0]),
            self.inner.outputs().div_ceil(tile[1]),
        ];
        let groups = groups(tiles.iter().product(), gpu)?;
        let depth = Depth::ONE;
        let second_look = SecondLook::NONE;
        Some(Launch { variant, tile, chunk, stage_rows, tiles, depth, second_look, groups })
    }
}

/// Outputs of a workgroup whose invocations have these rows and quads.
fn tile([wide, high]: [u32; 2], [rows, quads]: [usize; 2]) -> [usize; 2] {
    [high as usize * rows, wide as usize * quads * QUAD]
}

/// A workgroup, of fewer invocations where an adapter has fewer, and then of half as many time and
/// again.
fn halved([wide, high]: [u32; 2], gpu: &GpuCapabilities) -> impl Iterator<Item = [u32; 2]> + use<> {
    let wide = wide.min(gpu.max_workgroup_size[0]).min(gpu.max_invocations).max(1);
    let high = high.min(gpu.max_workgroup_size[1]).min(gpu.max_invocations / wide).max(1);
    std::iter::successors(Some([wide, high]), |&[wide, high]| match (wide, high) {
        // With fewer than a group of hardware lanes, staging is not worth its while.
        _ if wide * high <= 32 => None,
        _ if wide > high => Some([wide / 2, high]),
        _ => Some([wide, high / 2]),
    })
}

/// Half of the longer side of a chunk, so that chunks stay compact; along the inner axis whole groups
/// of taps, or whole quads where they are fewer.
fn smaller([outer, inner]: [usize; 2]) -> Option<[usize; 2]> {
    let least = if inner > QUAD { QUAD } else { inner };
    let shorter = |n: usize| {
        let unit = if n > 2 * UNROLLED { UNROLLED } else { QUAD };
        n.div_ceil(2).next_multiple_of(unit)
    };
    match (outer, inner) {
        (1, _) if inner <= least => None,
        (2.., _) if outer >= inner || inner <= least => Some([outer.div_ceil(2), inner]),
        _ => Some([outer, shorter(inner)]).filter(|chunk| chunk[1] < inner),
    }
}

/// The input samples under `outputs` neighbouring outputs and `taps` neighbouring taps.
fn staged(axis: &Axis, outputs: usize, taps: usize) -> usize {
    // A tile may start in the middle of a position's channels, which puts one more stride into it.
    let positions =
        if axis.channels == 1 { outputs - 1 } else { (outputs - 1).div_ceil(axis.channels) };
    let span = if axis.stride == 1 {
        outputs
    } else {
        (positions * axis.stride + 1).saturating_mul(axis.channels)
    };
    span.saturating_add((taps - 1) * axis.tap_step())
}
