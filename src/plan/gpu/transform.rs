//! Transforms of blocks in the registers of workgroups: which blocks, and in which passes.

use crate::bounds::Spread;
use crate::element::DType;
use crate::plan::capabilities::GpuCapabilities;
use crate::plan::gpu::depth::Depth;
use crate::problem::geometry::Axis;

/// Log2 of the complex numbers that an invocation holds. More lose (benches/results/gpu_fft.md).
pub(crate) const REGISTERS: u32 = 4;

/// Invocations of a workgroup that sum up what all of it say.
pub(crate) const FOLDED: usize = 16;

/// Largest taps that are looked at before an output that is doubted is summed up.
pub(crate) const PROBES: usize = 64;

/// Log2 of the complex numbers of the largest workgroup: more lose, and these fit WebGPU's default limits.
const MOST_VALUES: u32 = 12;

/// Log2 of those of the smallest.
const FEWEST_VALUES: u32 = 8;

/// Log2 of the longest side of a block, and of the shortest one of a block in several passes.
const LONGEST: u32 = 12;
const SHORTEST: u32 = 6;

/// Log2 of how many times as long as the other one a side of a block in several passes may be.
const MOST_UNEVEN: u32 = 2;

/// The most workgroups that find out how loud a slab is: a pass behind them joins what they found of all slabs.
const MOST_LOOKS: usize = 8;

/// Storage buffers of a pass: what is between passes comes to the usual four.
const BUFFERS: u32 = 5;

/// What a complex multiplication and addition is of a butterfly's share: 8 operations in place of 5.
const MULTIPLY_ADD: f64 = 1.6;

/// A block of samples that are transformed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Block {
    /// Log2 of its rows and columns.
    pub bits: [u32; 2],
    /// Whether its rows are transformed alone, each for itself.
    pub lines: bool,
    /// Whether it is one of several slabs, one behind the other along an axis before its rows, whose spectra are
    /// multiplied by those of the kernel's slabs and added up.
    pub slabs: bool,
    /// Log2 of the complex numbers of a workgroup.
    pub values: u32,
}

/// What a dispatch does with its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockPass {
    /// All of it, but for outputs that no transform can be trusted with.
    Whole,
    /// Finds out how loud the samples of a block are.
    Look,
    /// Transforms rows, and leaves them to the next pass.
    Rows,
    /// Transforms columns, multiplies them by the kernel's spectrum, and transforms them back.
    Columns,
    /// Transforms the columns of slabs, and leaves their spectra to the next pass.
    Spectra,
    /// Multiplies the slabs under an output by the spectra of the kernel's slabs, adds them up, and transforms
    /// columns back.
    Slabs,
    /// Transforms rows back to outputs.
    Back,
    /// Looks again at the outputs that the pass before it did not trust, and sums them where need be.
    Again,
    /// Transforms the kernel's rows, once for each kernel, and leaves them to the next pass.
    KernelRows,
    /// Makes of these the kernel's spectrum.
    KernelColumns,
}

/// What a pass reads and writes, each once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Touched {
    /// Whether it reads the input's samples.
    pub samples: bool,
    /// Whether it writes outputs.
    pub outputs: bool,
    /// Whether it reads, and whether it writes, values of transforms.
    pub values: [bool; 2],
    /// The same of sums of slabs.
    pub sums: [bool; 2],
}

/// A dispatch of the FFT method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Transform {
    /// Of which blocks.
    pub block: Block,
    /// What it does with them.
    pub pass: BlockPass,
}

impl Block {
    /// The blocks that this GPU can transform in a type, and that hold the kernel along these axes, those of slabs
    /// along the first one; or why there are none.
    pub(crate) fn all(
        depth: Option<&Axis>,
        [outer, inner]: [&Axis; 2],
        accumulator: DType,
        gpu: &GpuCapabilities,
    ) -> Result<Vec<Self>, String> {
        let invocations = gpu.max_invocations.min(gpu.max_workgroup_size[0]).max(1);
        let values = (invocations.ilog2() + REGISTERS)
            .min((gpu.max_workgroup_memory as usize / exchanged(accumulator)).max(1).ilog2())
            .min(MOST_VALUES);
        if gpu.max_storage_buffers < BUFFERS {
            return Err(format!(
                "{} binds {} storage buffers at a time, transforms need {BUFFERS}",
                gpu.name, gpu.max_storage_buffers
            ));
        }
        if values < FEWEST_VALUES {
            return Err(format!(
                "{} has workgroups of {invocations} invocations and {} bytes, too few to transform in",
                gpu.name, gpu.max_workgroup_memory
            ));
        }
        let (lines, slabs) = (depth.is_none() && outer.taps == 1, depth.is_some());
        // Few shapes: each is a shader to compile. Rows that are transformed alone have two samples at least.
        let whole = (0..=values - u32::from(lines)).step_by(2).map(|rows| [rows, values - rows]);
        let longest = LONGEST.min(values);
        let sides = SHORTEST..=longest;
        let in_passes = sides
            .clone()
            .flat_map(|rows| sides.clone().map(move |columns| [rows, columns]))
            // Others have fewer outputs for what they transform.
            .filter(|[rows, columns]| rows.abs_diff(*columns) <= MOST_UNEVEN)
            .filter(|[rows, columns]| match slabs {
                true => rows + columns >= values,
                false => !lines && rows + columns > values,
            });
        let mut all: Vec<Self> = whole
            .filter(|_| !slabs)
            .chain(in_passes)
            .map(|bits| Self { bits, lines, slabs, values })
            .filter(|block| {
                block.kept([outer, inner]).is_some()
                    && block.binds(depth, [outer, inner], accumulator, gpu)
            })
            .collect();
        // Of those that cost the same the first is taken: few pipelines serve many problems.
        all.sort_by_key(|block| {
            let [rows, columns] = block.bits;
            (!block.is_whole(), if lines { rows } else { rows.abs_diff(columns) })
        });
        if all.is_empty() {
            let spans: Vec<String> = depth
                .into_iter()
                .chain([outer, inner])
                .map(|axis| (Self::reach(axis) + 1).to_string())
                .collect();
            return Err(format!(
                "the kernel spans {} samples, more than the blocks that {} can transform",
                spans.join(" x "),
                gpu.name
            ));
        }
        Ok(all)
    }

    /// Positions from the first tap to the last.
    pub(super) fn reach(axis: &Axis) -> usize {
        (axis.taps - 1).saturating_mul(axis.dilation)
    }

    /// Output positions of a block along both axes, where there are any.
    pub(crate) fn kept(&self, axes: [&Axis; 2]) -> Option<[usize; 2]> {
        let kept = |i: usize| {
            let free = (1usize << self.bits[i]).checked_sub(1 + Self::reach(axes[i]))?;
            Some(free / axes[i].stride + 1)
        };
        Some([kept(0)?, kept(1)?])
    }

    /// Whether what transforms leave to the next pass fits a binding, and what they multiply with. The
    /// components of a position are in one part of a problem, however small that is.
    fn binds(
        &self,
        depth: Option<&Axis>,
        [outer, inner]: [&Axis; 2],
        accumulator: DType,
        gpu: &GpuCapabilities,
    ) -> bool {
        let of_slabs = depth.map_or(Depth::ONE, |axis| Depth::of(axis, 1));
        // Rows of taps are filled up, and tables are short.
        let taps = outer.taps.saturating_mul(inner.taps + 4) + (1 << self.values);
        let weights = of_slabs.taps.saturating_mul(self.samples().saturating_add(taps));
        let components = depth.map_or(1, |axis| axis.channels) * outer.channels * inner.channels;
        let transforms = components.div_ceil(accumulator.packed_blocks());
        let between = self.between(of_slabs).iter().fold(0usize, |sum, &n| sum.saturating_add(n));
        let between = transforms.saturating_mul(between);
        let bytes = accumulator.spectrum_bytes().saturating_mul(weights.max(between)) as u64;
        bytes <= gpu.max_binding.min(gpu.max_buffer)
    }

    /// Samples of a block.
    pub fn samples(&self) -> usize {
        1 << (self.bits[0] + self.bits[1])
    }

    /// Samples that one transform joins.
    pub fn transformed(&self) -> usize {
        if self.lines { 1 << self.bits[1] } else { self.samples() }
    }

    /// How the errors of transforms spread, of which so many are added up.
    pub(crate) fn spread(&self, taps: usize) -> Spread {
        Spread { transformed: self.transformed(), taps }
    }

    /// Whether one dispatch does all of it.
    pub fn is_whole(&self) -> bool {
        !self.slabs && self.bits[0] + self.bits[1] == self.values
    }

    /// Workgroups that the rows of a block are shared out to, in several passes.
    pub(crate) fn row_groups(&self) -> usize {
        1 << (self.bits[0] + self.bits[1] - self.values)
    }

    /// Workgroups that find out how loud a block is, or each of its slabs.
    pub(crate) fn looks(&self) -> usize {
        if self.slabs { self.row_groups().min(MOST_LOOKS) } else { self.row_groups() }
    }

    /// Rows of a block that one workgroup has, in several passes.
    pub(crate) fn rows_of_group(&self) -> usize {
        1 << (self.values - self.bits[1])
    }

    /// Complex numbers that a transform leaves to later passes: where there are several, its values with the levels
    /// of its rows, or of its slabs; sums of slabs; and which outputs are doubted.
    pub(crate) fn between(&self, Depth { slabs, outputs, .. }: Depth) -> [usize; 3] {
        let [values, sums] = match (self.is_whole(), self.slabs) {
            (true, _) => [0, 0],
            (false, slabbed) => [
                slabs.saturating_mul(self.samples() + 2 * self.looks()),
                if slabbed { outputs * self.samples() } else { 0 },
            ],
        };
        [values, sums, outputs * self.row_groups() * (3 + (1 << (self.values - REGISTERS)))]
    }

    /// Workgroups that the columns of a block are shared out to, in several passes.
    pub(crate) fn column_groups(&self) -> usize {
        1 << (self.bits[1] - self.column_bits_of_group())
    }

    /// Log2 of the columns of a block that one workgroup has, in several passes.
    pub(crate) fn column_bits_of_group(&self) -> u32 {
        self.values - self.bits[0]
    }

    /// The dispatches of a run, in their order.
    pub(crate) fn passes(&self) -> &'static [BlockPass] {
        match (self.is_whole(), self.slabs) {
            (true, _) => &[BlockPass::Whole, BlockPass::Again],
            (false, false) => &[
                BlockPass::Look,
                BlockPass::Rows,
                BlockPass::Columns,
                BlockPass::Back,
                BlockPass::Again,
            ],
            (false, true) => &[
                BlockPass::Look,
                BlockPass::Rows,
                BlockPass::Spectra,
                BlockPass::Slabs,
                BlockPass::Back,
                BlockPass::Again,
            ],
        }
    }

    /// The dispatches that make the kernel's spectrum, in their order; none where the host does.
    pub(crate) fn kernel_passes(&self) -> &'static [BlockPass] {
        match self.is_whole() {
            true => &[],
            false => &[BlockPass::KernelRows, BlockPass::KernelColumns],
        }
    }
}

/// Bytes of workgroup memory for each value of a transform in a type: of its two parts one at a time.
fn exchanged(accumulator: DType) -> usize {
    accumulator.spectrum_bytes() / 2
}

impl Transform {
    /// Invocations of a workgroup.
    pub(crate) fn invocations(&self) -> u32 {
        1 << (self.block.values - REGISTERS)
    }

    /// Bytes of workgroup memory: values go from invocation to invocation real parts first.
    pub(crate) fn workgroup_memory(&self, accumulator: DType) -> usize {
        exchanged(accumulator) << self.block.values
    }

    /// What it reads and writes of what is not little.
    pub(crate) fn touched(&self) -> Touched {
        let (reads, writes, none) = ([true, false], [false, true], Touched::default());
        match self.pass {
            BlockPass::Whole => Touched { samples: true, outputs: true, ..none },
            BlockPass::Look => Touched { samples: true, ..none },
            BlockPass::Rows => Touched { samples: true, values: writes, ..none },
            BlockPass::Columns | BlockPass::Spectra | BlockPass::KernelColumns => {
                Touched { values: [true, true], ..none }
            }
            BlockPass::Slabs => Touched { values: reads, sums: writes, ..none },
            BlockPass::Back if self.block.slabs => Touched { outputs: true, sums: reads, ..none },
            BlockPass::Back => Touched { outputs: true, values: reads, ..none },
            // Outputs that are doubted are few, and so are the words that say which.
            BlockPass::Again => none,
            BlockPass::KernelRows => Touched { values: writes, ..none },
        }
    }

    /// Shares of butterflies for a block: each of `N` values has a share in `log2 N` of them. The last pass
    /// goes over so many rows.
    pub(crate) fn shares(&self, kept_rows: usize, depth: Depth) -> f64 {
        let Block { bits: [rows, columns], lines, .. } = self.block;
        let all = self.block.samples() as f64;
        let [slabs, outputs, taps] =
            [depth.slabs, depth.outputs, depth.taps].map(|planes| planes as f64);
        match self.pass {
            BlockPass::Whole if lines => 2.0 * all * f64::from(columns),
            BlockPass::Whole => 2.0 * all * f64::from(rows + columns),
            BlockPass::Look | BlockPass::Again => 0.0,
            BlockPass::Rows | BlockPass::KernelRows => slabs * all * f64::from(columns),
            BlockPass::Spectra | BlockPass::KernelColumns => slabs * all * f64::from(rows),
            BlockPass::Columns => 2.0 * all * f64::from(rows),
            BlockPass::Slabs => outputs * all * (f64::from(rows) + MULTIPLY_ADD * taps),
            BlockPass::Back => outputs * (kept_rows << columns) as f64 * f64::from(columns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::GpuKind;

    fn axis(taps: usize) -> Axis {
        Axis { n: 100, out: 100, taps, ..Axis::one_sample() }
    }

    #[test]
    fn what_holds_no_kernel_is_no_block() {
        let gpu = GpuCapabilities::webgpu_defaults("any", GpuKind::Discrete);
        let all = |taps: [usize; 2], gpu: &GpuCapabilities| {
            let [outer, inner] = taps.map(axis);
            Block::all(None, [&outer, &inner], DType::F32, gpu)
        };
        let blocks = all([300, 300], &gpu).expect("some");
        assert!(blocks.iter().all(|block| !block.is_whole() && block.bits.iter().all(|&n| n >= 9)));
        assert!(all([1, 5000], &gpu).expect_err("too long").contains("5000"));
        let few = GpuCapabilities { max_storage_buffers: 4, ..gpu.clone() };
        assert!(all([300, 300], &few).is_err());
        let narrow = GpuCapabilities { max_invocations: 8, ..gpu };
        assert!(all([3, 3], &narrow).expect_err("narrow").contains("8 invocations"));
    }

    #[test]
    fn workgroups_hold_half_as_many_values_that_are_twice_as_large() {
        let gpu = GpuCapabilities::webgpu_defaults("any", GpuKind::Discrete);
        for (dtype, values) in [(DType::F32, 12), (DType::Complex32, 12), (DType::F64, 11)] {
            for block in Block::all(None, [&axis(9), &axis(9)], dtype, &gpu).expect("some") {
                assert_eq!(block.values, values, "{dtype}");
                let transform = Transform { block, pass: block.passes()[0] };
                assert_eq!(transform.workgroup_memory(dtype), 16 << 10, "{dtype}");
            }
        }
    }

    #[test]
    fn slabs_take_several_passes_however_small_they_are() {
        let gpu = GpuCapabilities::webgpu_defaults("any", GpuKind::Discrete);
        let blocks =
            Block::all(Some(&axis(3)), [&axis(1), &axis(3)], DType::F32, &gpu).expect("some");
        assert!(blocks.iter().all(|block| block.slabs && !block.is_whole() && !block.lines));
        let little = GpuCapabilities { max_binding: 1 << 20, ..gpu };
        let long = Block::all(Some(&axis(500)), [&axis(3), &axis(3)], DType::F32, &little);
        assert!(long.expect_err("too long").contains("500 x 3 x 3"));
    }
}
