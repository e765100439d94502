//! Where the values of a transform are, step by step: in which registers of which invocations.
//!
//! A position among a workgroup's values is a number whose low bits are the column and whose high bits are
//! the row. In every step some of these bits say which register of an invocation holds the value, the others
//! which invocation. All maps are therefore linear over bits, and where a value lies is `of the invocation ^
//! of the register`.

use std::ops::Range;

use crate::plan::gpu::transform::{Block, BlockPass, REGISTERS, Transform};

/// Log2 of the radices along rows and columns, step by step: the registers hold as many values as a step
/// transforms, rows before columns.
fn radices(mut rows: u32, mut columns: u32) -> Vec<[u32; 2]> {
    let mut radices = Vec::new();
    while rows + columns > 0 {
        let along_rows = rows.min(REGISTERS);
        rows -= along_rows;
        let free = if rows == 0 { REGISTERS - along_rows } else { 0 };
        let along_columns = columns.min(free);
        columns -= along_columns;
        radices.push([along_rows, along_columns]);
    }
    radices
}

/// One step: butterflies along ranges of bits, in registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Ranges of bits of positions that are transformed, at most one along rows and one along columns.
    pub transforms: Vec<Range<u32>>,
    /// The bit of a position that each bit of a register's number is.
    pub registers: Vec<u32>,
    /// The bit of a position that each bit of an invocation's number is.
    pub invocations: Vec<u32>,
}

/// The values of a workgroup, and where they are in every step of their transform. The way back takes the
/// same steps in the other order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Log2 of columns.
    pub columns: u32,
    /// Log2 of all values.
    pub total: u32,
    pub steps: Vec<Step>,
}

impl Layout {
    /// Of a pass.
    pub(super) fn of(transform: &Transform) -> Self {
        let Block { bits: [rows, columns], lines, values, .. } = transform.block;
        match transform.pass {
            BlockPass::Whole | BlockPass::Again if transform.block.is_whole() => {
                Self::new([rows, columns], &radices(if lines { 0 } else { rows }, columns))
            }
            BlockPass::Whole
            | BlockPass::Look
            | BlockPass::Rows
            | BlockPass::Back
            | BlockPass::Again
            | BlockPass::KernelRows => Self::new([values - columns, columns], &radices(0, columns)),
            BlockPass::Columns
            | BlockPass::Spectra
            | BlockPass::Slabs
            | BlockPass::KernelColumns => Self::new([rows, values - rows], &radices(rows, 0)),
        }
    }

    fn new([rows, columns]: [u32; 2], radices: &[[u32; 2]]) -> Self {
        let total = rows + columns;
        // Bits of columns, then of rows: the first that are not transformed yet, counted from above.
        let mut top = [columns, total];
        let ends = [columns, total];
        let step = |&[along_rows, along_columns]: &[u32; 2]| {
            let mut transforms = Vec::new();
            // Bits that registers may hold besides. Twiddles go by those below a transform's own, which
            // are therefore the invocation's.
            let mut free: Vec<u32> = Vec::new();
            for (axis, radix) in [along_columns, along_rows].into_iter().enumerate() {
                let range = top[axis] - radix..top[axis];
                let first = [0, columns][axis];
                free.extend(if radix == 0 { first } else { range.end }..ends[axis]);
                if radix > 0 {
                    top[axis] = range.start;
                    transforms.push(range);
                }
            }
            let mut registers: Vec<u32> = transforms.iter().cloned().flatten().collect();
            while (registers.len() as u32) < REGISTERS {
                registers
                    .push(free.pop().expect("a workgroup has more values than a step's radix"));
            }
            registers.sort_unstable();
            let invocations = (0..total).filter(|bit| !registers.contains(bit)).collect();
            Step { transforms, registers, invocations }
        };
        Self { columns, total, steps: radices.iter().map(step).collect() }
    }

    /// The first bit of the axis that a range of bits is of.
    pub(super) fn start(&self, range: &Range<u32>) -> u32 {
        if range.start < self.columns { 0 } else { self.columns }
    }

    /// Twiddle factors: of each transform that splits a longer one its log2 length, and log2 of its radix.
    /// None twice.
    pub(super) fn twiddles(&self) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        for range in self.steps.iter().flat_map(|step| &step.transforms) {
            let (split, radix) = (range.end - self.start(range), range.end - range.start);
            if split > radix && !found.contains(&(split, radix)) {
                found.push((split, radix));
            }
        }
        found
    }

    /// The row's and the column's frequency of a position, behind the last step: a digit that is
    /// transformed first becomes the lowest one of the frequency.
    pub(super) fn frequency(&self, position: usize) -> [usize; 2] {
        let (mut frequency, mut shift) = ([0, 0], [0, 0]);
        for range in self.steps.iter().flat_map(|step| &step.transforms) {
            let axis = usize::from(range.start < self.columns);
            let radix = range.end - range.start;
            let digit = position >> range.start & ((1 << radix) - 1);
            frequency[axis] |= digit << shift[axis];
            shift[axis] += radix;
        }
        // Rows that are not transformed stay where they are.
        if shift[0] == 0 {
            frequency[0] = position >> self.columns;
        }
        if shift[1] == 0 {
            frequency[1] = position & ((1 << self.columns) - 1);
        }
        frequency
    }

    /// Bits of the column, in the order that neighbours are stored in behind the last step: those of
    /// invocations first, so that these write side by side.
    pub(super) fn slots(&self) -> Vec<u32> {
        let last = self.steps.last().expect("at least one step");
        let all = last.invocations.iter().chain(&last.registers);
        all.copied().filter(|&bit| bit < self.columns).collect()
    }

    /// What each bit of a position is xored into the five lowest bits of an address: then no 32
    /// neighbouring invocations meet in a bank of workgroup memory, in any step.
    pub(super) fn swizzle(&self) -> Vec<u32> {
        let mut best = vec![0; self.total as usize];
        let mut fewest = self.conflicts(&best);
        while fewest > 0 {
            let tries =
                (BANKS..self.total).flat_map(|bit| (1..1 << BANKS).map(move |to| (bit, to)));
            let with = tries.map(|(bit, to)| {
                let mut swizzle = best.clone();
                swizzle[bit as usize] = to;
                (self.conflicts(&swizzle), swizzle)
            });
            match with.min_by_key(|(conflicts, _)| *conflicts) {
                Some((conflicts, swizzle)) if conflicts < fewest => {
                    (fewest, best) = (conflicts, swizzle);
                }
                _ => break,
            }
        }
        best
    }

    /// What is missing to full rank of the addresses of neighbouring invocations, in all steps together.
    fn conflicts(&self, swizzle: &[u32]) -> u32 {
        let mut missing = 0;
        for step in &self.steps {
            let mut basis: Vec<u32> = Vec::new();
            for &bit in step.invocations.iter().take(BANKS as usize) {
                let own = (1u32 << bit) & ((1 << BANKS) - 1);
                let rest =
                    basis.iter().fold(own ^ swizzle[bit as usize], |rest, b| rest.min(rest ^ b));
                if rest == 0 { missing += 1 } else { basis.push(rest) }
            }
        }
        missing
    }
}

/// Log2 of the banks of workgroup memory.
const BANKS: u32 = 5;

/// Bits of `number` sent to the places that `to` names; `None` drops one.
pub(super) fn scattered(number: usize, to: impl IntoIterator<Item = Option<u32>>) -> usize {
    let bits = to.into_iter().enumerate();
    bits.filter_map(|(i, to)| to.map(|to| (number >> i & 1) << to)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::DType;
    use crate::plan::{GpuCapabilities, GpuKind};
    use crate::problem::geometry::Axis;

    fn axis(taps: usize) -> Axis {
        Axis { n: 100, out: 100, taps, ..Axis::one_sample() }
    }

    fn transforms() -> impl Iterator<Item = Transform> {
        let small = |gpu: &GpuCapabilities, max_invocations| GpuCapabilities {
            max_invocations,
            ..gpu.clone()
        };
        let gpu = GpuCapabilities::webgpu_defaults("any", GpuKind::Discrete);
        let dtype = DType::F32;
        // Values of f64 are half as many in as much memory.
        let gpus = [
            (gpu.clone(), dtype),
            (small(&gpu, 64), dtype),
            (small(&gpu, 16), dtype),
            (gpu, DType::F64),
        ];
        gpus.into_iter().flat_map(|(gpu, dtype)| {
            let deep = axis(3);
            let blocks = [(None, 1), (None, 3), (Some(&deep), 3)].map(|(depth, rows)| {
                Block::all(depth, [&axis(rows), &axis(2)], dtype, &gpu).expect("some")
            });
            let of =
                |block: Block| block.passes().iter().map(move |&pass| Transform { block, pass });
            blocks.into_iter().flatten().flat_map(of).collect::<Vec<_>>()
        })
    }

    #[test]
    fn every_step_holds_every_value_once_and_meets_in_no_bank() {
        let mut seen = 0;
        for transform in transforms() {
            let layout = Layout::of(&transform);
            assert_eq!(layout.total, transform.block.values);
            for step in &layout.steps {
                let mut bits = [&step.registers[..], &step.invocations].concat();
                bits.sort_unstable();
                assert!(bits.iter().copied().eq(0..layout.total), "{transform:?} {step:?}");
                assert!(
                    step.transforms.iter().cloned().flatten().all(|b| step.registers.contains(&b))
                );
                // A transform's twiddles are the same for all of its values.
                for range in &step.transforms {
                    let mut below = layout.start(range)..range.start;
                    assert!(below.all(|bit| step.invocations.contains(&bit)), "{transform:?}");
                }
            }
            let swizzle = layout.swizzle();
            assert_eq!(layout.conflicts(&swizzle), 0, "{transform:?}");
            seen += 1;
        }
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn every_frequency_has_one_place() {
        for transform in transforms() {
            let layout = Layout::of(&transform);
            let rows = 1 << (layout.total - layout.columns);
            let mut seen = vec![false; 1 << layout.total];
            for position in 0..seen.len() {
                let [row, column] = layout.frequency(position);
                assert!(row < rows && column < 1 << layout.columns, "{transform:?}");
                assert!(!std::mem::replace(&mut seen[row << layout.columns | column], true));
            }
        }
    }
}
