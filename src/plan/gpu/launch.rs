//! A dispatch as plain data: which shader, compiled for what, over which tiles.

use std::fmt;

use crate::element::DType;
use crate::plan::capabilities::GpuCapabilities;
use crate::plan::gpu::depth::Depth;
use crate::plan::gpu::second_look::SecondLook;
use crate::plan::gpu::stored::{Stored, Texels};
use crate::plan::gpu::transform::{BlockPass, Transform};
use crate::problem::geometry::Geometry;

/// The shaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shader {
    /// One or two axes, perhaps in a batch, without stride: staged through workgroup memory, several
    /// neighbouring outputs of an invocation in registers.
    Direct2d,
    /// The same with any stride and dilation; four outputs of a row for each invocation.
    DirectStrided,
    /// Any number of axes up to [`MAX_RANK`], read from global memory.
    DirectNd,
    /// Two axes of an outer product, or of a sum of a few, in one pass.
    Separable2d,
    /// Transforms of blocks of samples, and of what they become; two blocks of real samples at a time.
    Fft(Transform),
    /// No method: every sample as it is, from one way of storing it to another.
    Convert,
    /// Two axes of texels of four channels with any stride and dilation, read from global memory.
    DirectTexels,
    /// One axis of the coarse method, from texels to texels of four channels. Those whose sums are not finite
    /// are summed anew from the source, whose texels mean this.
    Resample(Option<Texels>),
}

impl Shader {
    /// Whether four neighbours are read and written together, away from edges.
    pub(crate) fn takes_quads(self) -> bool {
        match self {
            Self::Direct2d
            | Self::Separable2d
            | Self::Convert
            | Self::DirectTexels
            | Self::Resample(_) => true,
            Self::DirectStrided | Self::DirectNd | Self::Fft(_) => false,
        }
    }

    /// What it transforms.
    pub(crate) fn transform(self) -> Option<Transform> {
        match self {
            Self::Fft(transform) => Some(transform),
            _ => None,
        }
    }
}

/// Axes that the N-dimensional shader can walk, after folding.
pub const MAX_RANK: usize = 8;

/// Neighbours that are loaded, shifted and added together.
pub const QUAD: usize = 4;

/// The longest row of taps that becomes straight-line code, and the longest column that the compiler
/// is told of. All of 32 x 4 rows are some 500 multiply-adds, far below what an instruction cache holds.
pub(super) const LONGEST_KNOWN: usize = 32;

/// What a dispatch reads, writes and computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Types {
    /// How the samples are stored that are read.
    pub input: Stored,
    /// How those are that are written.
    pub output: Stored,
    /// Type that sums are made in, and that weights have.
    pub accumulator: DType,
}

impl From<DType> for Types {
    /// From samples of a type to samples of the same type.
    fn from(dtype: DType) -> Self {
        Self { input: dtype.into(), output: dtype.into(), accumulator: dtype.accumulator() }
    }
}

/// All that the source of a shader depends on: kernels of one size share it, whatever their weights.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Variant {
    /// Which shader.
    pub shader: Shader,
    /// Types of the elements.
    pub types: Types,
    /// Invocations of a workgroup along x and y.
    pub workgroup: [u32; 2],
    /// Outputs of an invocation along the outer axis, and quads of them along the inner one.
    pub registers: [usize; 2],
    /// Taps along the outer and the inner axis, where the compiler is told of them.
    pub taps: Option<[usize; 2]>,
    /// Taps along the inner axis that are straight-line code, over and over.
    pub unrolled: usize,
    /// Taps that are left in the end, fewer than these.
    pub rest: usize,
    /// Samples from one tap along the inner axis to the next.
    pub step: usize,
    /// Length of a staged row: quads, or elements in [`Shader::DirectStrided`].
    pub pitch: usize,
    /// Length of the stage, in the same unit.
    pub stage: usize,
    /// Rows of input that are staged at a time, where the compiler is told of them: the rows under all
    /// taps at once, or in [`Shader::Separable2d`] a strip.
    pub staged: Option<usize>,
    /// Outer products that are added up in [`Shader::Separable2d`].
    pub terms: usize,
    /// Quads of values and weights where they are in uniform memory; in storage otherwise.
    pub uniform: Option<usize>,
    /// Whether results are added to what is there.
    pub accumulate: bool,
    /// Whether only what is not finite is computed again.
    pub repair: bool,
}

/// Everything about a dispatch that is decided before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Launch {
    /// What is compiled.
    pub variant: Variant,
    /// Outputs of a workgroup along the outer and the inner axis.
    pub tile: [usize; 2],
    /// Taps per chunk along the outer and the inner axis: the input under one chunk is staged at a
    /// time. In [`Shader::Fft`] outputs of a block along them, in positions.
    pub chunk: [usize; 2],
    /// Rows of input that are staged at a time.
    pub stage_rows: usize,
    /// Tiles along the batch, the outer and the inner axis. In [`Shader::Fft`] blocks; those along an axis before the
    /// outer one count as the batch's.
    pub tiles: [usize; 3],
    /// In [`Shader::Fft`] what a block has along such an axis.
    pub depth: Depth,
    /// In [`BlockPass::Again`] who looks at what is doubted.
    pub second_look: SecondLook,
    /// Workgroups dispatched along x and y; tiles are numbered through both.
    pub groups: [u32; 2],
}

impl Variant {
    /// Bytes of workgroup memory.
    pub fn workgroup_memory(&self) -> usize {
        if let Shader::Fft(transform) = self.shader {
            return transform.workgroup_memory(self.types.accumulator);
        }
        let element = self.types.accumulator.size();
        let elements = match self.shader {
            Shader::DirectNd
            | Shader::DirectTexels
            | Shader::Convert
            | Shader::Resample(_)
            | Shader::Fft(_) => 0,
            Shader::DirectStrided => self.stage,
            Shader::Direct2d => self.stage * QUAD,
            Shader::Separable2d => (self.stage + self.between()) * QUAD,
        };
        elements * element
    }

    /// Quads of filtered rows that wait for the other pass in [`Shader::Separable2d`].
    pub fn between(&self) -> usize {
        let [wide, high] = self.workgroup.map(|n| n as usize);
        let taps = self.taps.map_or(0, |[outer, _]| outer);
        (self.registers[0] * high + taps - 1) * wide
    }

    /// Whether the source has fixed numbers for every loop over taps.
    pub(super) fn with_known_taps(mut self, outer: usize, inner: usize) -> Self {
        if outer <= LONGEST_KNOWN && inner <= LONGEST_KNOWN {
            self.taps = Some([outer, inner]);
        }
        self
    }

    /// The simplest shader, of nothing.
    pub(super) fn new(types: Types) -> Self {
        Self {
            shader: Shader::DirectNd,
            types,
            workgroup: [1, 1],
            registers: [1, 1],
            taps: None,
            unrolled: 1,
            rest: 0,
            step: 1,
            pitch: 1,
            stage: 0,
            staged: None,
            terms: 1,
            uniform: None,
            accumulate: false,
            repair: false,
        }
    }
}

/// Quads that a row of taps fills.
pub(crate) fn tap_quads(taps: usize) -> usize {
    taps.div_ceil(QUAD)
}

impl Launch {
    /// The same, added to what is in the output already.
    pub fn accumulating(mut self) -> Self {
        self.variant.accumulate = true;
        self
    }

    /// Whether input is staged in workgroup memory.
    pub fn is_tiled(&self) -> bool {
        !matches!(
            self.variant.shader,
            Shader::DirectNd | Shader::DirectTexels | Shader::Convert | Shader::Resample(_)
        )
    }

    /// Elements that all workgroups stage under all taps of a geometry; infinitely many where none are.
    pub(super) fn staged(&self, geometry: &Geometry) -> f64 {
        if !self.is_tiled() {
            return f64::INFINITY;
        }
        let unit = if self.variant.shader == Shader::DirectStrided { 1 } else { QUAD };
        let inner = geometry.axes.last().map_or(1, |axis| axis.taps);
        let [outer, inner] = [geometry.taps() / inner, inner];
        let chunks = outer.div_ceil(self.chunk[0]) * inner.div_ceil(self.chunk[1]);
        let each = self.stage_rows * self.variant.pitch * unit * chunks;
        each as f64 * self.tiles.iter().product::<usize>() as f64
    }

    /// Complex transforms of blocks that [`Shader::Fft`] makes: of a block of complex samples each, or of
    /// two blocks of real ones.
    pub(crate) fn transforms(&self) -> usize {
        self.tiles
            .iter()
            .product::<usize>()
            .div_ceil(self.variant.types.accumulator.packed_blocks())
    }

    /// Elements of the accumulator's type that [`Shader::Fft`] leaves to later passes: values of transforms, sums of
    /// these, and which outputs are doubted.
    pub(crate) fn between(&self) -> [usize; 3] {
        let Some(Transform { block, .. }) = self.variant.shader.transform() else { return [0; 3] };
        let elements = self.variant.types.accumulator.packed_blocks();
        let of_all = |numbers: usize| self.transforms().saturating_mul(elements * numbers);
        block.between(self.depth).map(of_all)
    }

    /// Outputs that are computed, those of tiles that stick out included.
    pub fn computed_outputs(&self) -> usize {
        self.tiles.iter().product::<usize>() * self.depth.outputs * self.tile[0] * self.tile[1]
    }
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Variant { shader, registers, terms, .. } = &self.variant;
        let ([outer, inner], [rows, quads]) = (self.tile, registers);
        match shader {
            Shader::DirectNd if self.variant.repair => write!(f, "repair of what is not finite"),
            Shader::DirectNd => write!(f, "N-D, untiled"),
            Shader::DirectTexels => write!(f, "texel by texel, untiled"),
            Shader::Convert => write!(f, "conversion"),
            Shader::Resample(_) => write!(f, "one axis of a coarser grid"),
            Shader::Fft(Transform { block, pass }) => {
                let [rows, columns] = block.bits.map(|bits| 1usize << bits);
                let Depth { slabs, outputs, taps } = self.depth;
                let [before, kept] = match block.slabs {
                    true => [format!("{slabs} x "), format!("{outputs} x ")],
                    false => Default::default(),
                };
                match pass {
                    BlockPass::Whole => {
                        write!(f, "blocks of {rows} x {columns} for {outer} x {inner} each")
                    }
                    BlockPass::Look => write!(f, "a look at blocks of {before}{rows} x {columns}"),
                    BlockPass::Rows => write!(f, "their rows"),
                    BlockPass::Columns => write!(f, "columns, there and back"),
                    BlockPass::Spectra => write!(f, "columns"),
                    BlockPass::Slabs => write!(f, "sums of {taps} and columns back"),
                    BlockPass::Back => {
                        write!(f, "rows back to {kept}{outer} x {inner} outputs each")
                    }
                    BlockPass::Again => {
                        write!(f, "a second look at what they cannot be trusted with")
                    }
                    BlockPass::KernelRows => write!(f, "rows of the kernel"),
                    BlockPass::KernelColumns => write!(f, "columns of the kernel"),
                }
            }
            Shader::Separable2d => {
                if *terms > 1 {
                    write!(f, "{terms} terms, ")?;
                }
                write!(f, "fused tiles of {outer} x {inner}, {rows} x {} each", quads * QUAD)
            }
            Shader::Direct2d => {
                write!(f, "tiles of {outer} x {inner}, {rows} x {} each", quads * QUAD)?;
                write!(f, ", {} x {} taps at a time", self.chunk[0], self.chunk[1])
            }
            Shader::DirectStrided => {
                write!(f, "strided tiles of {outer} x {inner}")?;
                write!(f, ", {} x {} taps at a time", self.chunk[0], self.chunk[1])
            }
        }
    }
}

/// Tiles are numbered through two dimensions of a dispatch.
pub(super) fn groups(tiles: usize, gpu: &GpuCapabilities) -> Option<[u32; 2]> {
    let wide = tiles.min(gpu.max_groups as usize);
    let high = tiles.div_ceil(wide.max(1));
    (high <= gpu.max_groups as usize).then_some([wide as u32, high as u32])
}
