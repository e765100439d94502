//! How a direct shader is launched: tiles, chunks of taps and workgroup memory, derived from the
//! geometry and the adapter's limits alone.

use std::fmt;

use super::capabilities::GpuCapabilities;
use crate::element::DType;
use crate::geometry::{Axis, Geometry};

/// The direct shaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shader {
    /// One axis, staged through workgroup memory.
    Direct1d,
    /// Two axes, perhaps in a batch, staged through workgroup memory.
    Direct2d,
    /// Any number of axes up to [`MAX_RANK`], read from global memory.
    DirectNd,
}

/// Axes that the N-dimensional shader can walk, after folding.
pub const MAX_RANK: usize = 8;

/// Output rows of an invocation in the 2-D shader, and outputs of one in the 1-D shader. The
/// shaders keep each in a register of its own, by name.
pub const OUTPUTS_PER_INVOCATION: usize = 4;

/// Elements of workgroup memory that a tiled shader asks for at least: 4 KiB of `f32` costs no
/// occupancy on any adapter.
const SMALLEST_STAGE: usize = 1024;

/// Everything about a dispatch that is decided before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Which shader.
    pub shader: Shader,
    /// Invocations of a workgroup along x and y.
    pub workgroup: [u32; 2],
    /// Outputs of a workgroup along the outer and the inner axis.
    pub tile: [usize; 2],
    /// Taps per chunk along the outer and the inner axis: the input under one chunk is staged at a
    /// time.
    pub chunk: [usize; 2],
    /// Rows and columns of input under one tile and one chunk.
    pub stage: [usize; 2],
    /// Elements of workgroup memory that they are staged in.
    pub workgroup_memory: usize,
    /// Tiles along the batch, the outer and the inner axis.
    pub tiles: [usize; 3],
    /// Workgroups dispatched along x and y; tiles are numbered through both.
    pub groups: [u32; 2],
}

impl Launch {
    /// The launch for a geometry, or why there is none.
    pub fn new(dtype: DType, geometry: &Geometry, gpu: &GpuCapabilities) -> Result<Self, String> {
        check_sizes(dtype, geometry, gpu)?;
        let tiled = match &geometry.axes[..] {
            [inner] => Self::tiled(Shader::Direct1d, dtype, None, inner, 1, gpu),
            [outer, inner] => Self::tiled(Shader::Direct2d, dtype, Some(outer), inner, 1, gpu),
            [batch, outer, inner] if batch.taps == 1 && batch.stride == 1 => {
                Self::tiled(Shader::Direct2d, dtype, Some(outer), inner, batch.outputs(), gpu)
            }
            _ => None,
        };
        tiled.map_or_else(|| Self::nd(geometry, gpu), Ok)
    }

    /// Whether input is staged in workgroup memory.
    pub fn is_tiled(&self) -> bool {
        self.shader != Shader::DirectNd
    }

    /// Outputs that are computed, those of tiles that stick out included.
    pub fn computed_outputs(&self) -> usize {
        self.tiles.iter().product::<usize>() * self.tile[0] * self.tile[1]
    }

    /// `None` where even one tap's input does not fit into workgroup memory, whatever the tile.
    fn tiled(
        shader: Shader,
        dtype: DType,
        outer: Option<&Axis>,
        inner: &Axis,
        batch: usize,
        gpu: &GpuCapabilities,
    ) -> Option<Self> {
        let capacity = gpu.max_workgroup_memory as usize / dtype.size();
        // A stride spreads a tile over more input: then a smaller tile may fit.
        let (workgroup, tile, chunk, stage) = workgroups(shader, gpu).find_map(|workgroup| {
            let [wide, high] = workgroup.map(|n| n as usize);
            let tile = match shader {
                Shader::Direct1d => [1, wide * OUTPUTS_PER_INVOCATION],
                _ => [high * OUTPUTS_PER_INVOCATION, wide],
            };
            let (chunk, stage) = chunk(outer, inner, tile, capacity)?;
            Some((workgroup, tile, chunk, stage))
        })?;
        let tiles = [
            batch,
            outer.map_or(1, Axis::outputs).div_ceil(tile[0]),
            inner.outputs().div_ceil(tile[1]),
        ];
        let groups = groups(tiles.iter().product(), gpu)?;
        // Rounded up to few sizes, so that few pipelines serve many shapes.
        let workgroup_memory =
            (stage[0] * stage[1]).next_power_of_two().max(SMALLEST_STAGE).min(capacity);
        Some(Self { shader, workgroup, tile, chunk, stage, workgroup_memory, tiles, groups })
    }

    fn nd(geometry: &Geometry, gpu: &GpuCapabilities) -> Result<Self, String> {
        if geometry.rank() > MAX_RANK {
            return Err(format!(
                "{} axes after folding, the shader walks at most {MAX_RANK}",
                geometry.rank()
            ));
        }
        let wide = 64.min(gpu.max_invocations).min(gpu.max_workgroup_size[0]);
        let tiles = geometry.output_len().div_ceil(wide as usize);
        let groups = groups(tiles, gpu).ok_or_else(|| {
            format!("{tiles} workgroups, a dispatch has at most {}²", gpu.max_groups)
        })?;
        Ok(Self {
            shader: Shader::DirectNd,
            workgroup: [wide, 1],
            tile: [1, wide as usize],
            chunk: [1, 1],
            stage: [0, 0],
            workgroup_memory: 0,
            tiles: [1, 1, tiles],
            groups,
        })
    }
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [outer, inner] = self.tile;
        match self.shader {
            Shader::Direct1d => write!(f, "1-D tiles of {inner}"),
            Shader::Direct2d => write!(f, "2-D tiles of {outer} x {inner}"),
            Shader::DirectNd => return write!(f, "N-D, untiled"),
        }?;
        let [rows, columns] = self.stage;
        write!(
            f,
            ", {rows} x {columns} staged for {} x {} taps at a time",
            self.chunk[0], self.chunk[1]
        )
    }
}

/// Workgroups to try, the best first: 256 invocations, the most that WebGPU promises, in a line in
/// 1-D and in rows of 32 in 2-D, so that a row of loads fills a cache line; fewer where an adapter
/// has fewer, and then half as many time and again, down to 32.
fn workgroups(shader: Shader, gpu: &GpuCapabilities) -> impl Iterator<Item = [u32; 2]> {
    let wide = if shader == Shader::Direct1d { 256 } else { 32 };
    let wide = wide.min(gpu.max_workgroup_size[0]).min(gpu.max_invocations).max(1);
    let high = if shader == Shader::Direct1d { 1 } else { 8 };
    let high = high.min(gpu.max_workgroup_size[1]).min(gpu.max_invocations / wide).max(1);
    std::iter::successors(Some([wide, high]), |&[wide, high]| match (wide, high) {
        (_, 2..) => Some([wide, high / 2]),
        (33.., 1) => Some([wide / 2, high]),
        _ => None,
    })
}

/// Taps per chunk, and the input under a tile and a chunk, that fit into `capacity` elements.
fn chunk(
    outer: Option<&Axis>,
    inner: &Axis,
    tile: [usize; 2],
    capacity: usize,
) -> Option<([usize; 2], [usize; 2])> {
    let mut chunk = [outer.map_or(1, |axis| axis.taps), inner.taps];
    loop {
        let rows = outer.map_or(1, |axis| staged(axis, tile[0], chunk[0]));
        let columns = staged(inner, tile[1], chunk[1]);
        if rows.saturating_mul(columns) <= capacity {
            return Some((chunk, [rows, columns]));
        }
        // Halve whichever is longer, so that chunks stay compact.
        let longer = usize::from(chunk[0] < chunk[1]);
        if chunk[longer] == 1 {
            return None;
        }
        chunk[longer] = chunk[longer].div_ceil(2);
    }
}

/// The input samples under `outputs` neighbouring outputs and `taps` neighbouring taps.
fn staged(axis: &Axis, outputs: usize, taps: usize) -> usize {
    // A tile may start in the middle of a position's lanes, which puts one more stride into it.
    let positions = if axis.lanes == 1 { outputs - 1 } else { (outputs - 1).div_ceil(axis.lanes) };
    let span = if axis.stride == 1 {
        outputs
    } else {
        (positions * axis.stride + 1).saturating_mul(axis.lanes)
    };
    span.saturating_add((taps - 1) * axis.tap_step())
}

/// Tiles are numbered through two dimensions of a dispatch.
fn groups(tiles: usize, gpu: &GpuCapabilities) -> Option<[u32; 2]> {
    let wide = tiles.min(gpu.max_groups as usize);
    let high = tiles.div_ceil(wide.max(1));
    (high <= gpu.max_groups as usize).then_some([wide as u32, high as u32])
}

/// Bindings and the shaders' 32-bit indices.
fn check_sizes(dtype: DType, geometry: &Geometry, gpu: &GpuCapabilities) -> Result<(), String> {
    let limit = gpu.max_binding.min(gpu.max_buffer);
    let parts = [
        ("input", geometry.input_len()),
        ("output", geometry.output_len()),
        ("kernel", geometry.taps() + MAX_RANK),
    ];
    for (what, len) in parts {
        let bytes = len as u64 * dtype.size() as u64;
        if bytes > limit {
            return Err(format!("the {what} has {bytes} bytes, a binding here at most {limit}"));
        }
    }
    // Positions of the extended input, twice a period of a reflection, and a tile that sticks out
    // must fit 31 bits.
    const LARGEST: usize = 1 << 29;
    for axis in &geometry.axes {
        let span = axis.advance(axis.outputs() - 1) + axis.reach() + axis.samples();
        let steps = axis.stride.max(axis.dilation).saturating_mul(axis.lanes);
        if span > LARGEST || steps > LARGEST {
            return Err(format!(
                "an axis of the extended input has {span} samples, the shaders index up to {LARGEST}"
            ));
        }
    }
    Ok(())
}
