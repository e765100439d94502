//! Overlap-save of one geometry with a kept spectrum.

use num_complex::Complex;
use std::ops::Range;
use std::sync::OnceLock;

use super::blocks::Blocks;
use super::boxes::rows_of;
use super::guard::{Bearable, Doubt, Guard, Scratch};
use super::kernel::spectrum;
use super::range::{Gain, Level, exponent_into_range};
use super::sample::{MOST_LANES, Sample};
use super::share::{self, most_rows};
use super::survey::Survey;
use super::sweep::Packing;
use super::transform::{Extent, Space, Transform};
use crate::bounds;
use crate::cpu::direct::Direct;
use crate::cpu::extended::{Extension, Odometer};
use crate::cpu::simd::InstructionSet;
use crate::cpu::threads;
use crate::element::Element;
use crate::element::number::Number;
use crate::error::Result;
use crate::geometry::Axis;
use crate::kernel::KernelFacts;
use crate::memory;
use crate::pool::Pool;

/// The precision of the transforms for a type.
pub type Real<A> = <<A as Number>::Sample as Sample>::Real;

/// FFT convolution of one geometry with fixed weights.
pub struct Fft<A: Element> {
    pub(super) extension: Extension<A>,
    pub(super) blocks: Blocks,
    pub(super) transform: Transform<Real<A>>,
    /// Of the kernel, with the transforms' scale divided out.
    pub(super) spectrum: Vec<Complex<Real<A>>>,
    kernel: KernelFacts,
    /// The kernel was scaled by this power of two, to keep its spectrum in range.
    pub(super) exponent: i32,
    /// Finds the outputs that a transform cannot be trusted with.
    pub(super) guard: Guard,
    /// The most rows of outputs that a block has.
    pub(super) rows: usize,
    /// Computes what a transform cannot be trusted with, once there is something.
    direct: OnceLock<Direct<A>>,
    weights: Vec<A>,
    threads: usize,
    workspaces: Pool<Workspace<A>>,
    /// Memory for lists of rows; the lists are empty.
    lists: Pool<Vec<&'static mut [A]>>,
}

/// What one thread needs for blocks that share a transform; kept from call to call.
pub(super) struct Workspace<A: Element> {
    pub parts: [Part; MOST_LANES],
    pub survey: Survey<Real<A>>,
    pub scratch: Scratch<Real<A>>,
    pub extent: Extent,
    pub space: Space<Real<A>>,
    /// Rows of the extended input, where they are not stored in one piece.
    pub gathered: [Vec<A>; MOST_LANES],
}

impl<A: Element> Workspace<A> {
    fn new(transform: &Transform<Real<A>>) -> Result<Self> {
        Ok(Self {
            parts: Default::default(),
            survey: Survey::default(),
            scratch: Scratch::default(),
            extent: Extent::default(),
            space: transform.space()?,
            gathered: Default::default(),
        })
    }
}

/// One block.
#[derive(Default)]
pub(super) struct Part {
    /// Its first sample in the extended input, counted from under the first tap of output 0.
    pub origin: Vec<usize>,
    /// Its outputs, per axis.
    pub outputs: Vec<Range<usize>>,
    /// What of it is read, and which of its results are.
    pub extent: Extent,
}

impl<A: Element> Fft<A> {
    /// Transforms the kernel.
    pub fn new(
        extension: Extension<A>,
        weights: Vec<A>,
        blocks: Blocks,
        threads: usize,
    ) -> Result<Self> {
        let axes = &extension.geometry.axes;
        let transform = Transform::new(&blocks);
        let kernel = KernelFacts::norms(&weights);
        let exponent = exponent_into_range::<A::Sample>(kernel.max);
        let mut first = Workspace::new(&transform)?;
        let spectrum =
            spectrum(&extension, &weights, &blocks, &transform, exponent, &mut first.space)?;
        let workspaces = Pool::new(1, transform.space_bytes());
        workspaces.keep(first);
        let magnitudes = weights.iter().map(|w| w.magnitude());
        let magnitudes = memory::collected(magnitudes, weights.len(), "the taps' magnitudes")?;
        let steps: Vec<usize> = axes.iter().map(Axis::tap_step).collect();
        let spread = blocks.spread();
        let mean = transform.gain(&spectrum) * 2f64.powi(-exponent);
        let gain = Gain { mean, largest: kernel.max };
        let shape = extension.geometry.kernel();
        let mut guard = Guard::new(&magnitudes, &shape, &steps, spread, A::DTYPE, gain)?;
        if let (Some(axis), Some(summed)) = (blocks.summed_axis(), blocks.summed) {
            guard = guard.with_summed(axis, summed.reach());
        }
        let rows = most_rows(&extension, &blocks);
        let list = (blocks.total() * rows).saturating_mul(size_of::<&[A]>());
        Ok(Self {
            extension,
            blocks,
            transform,
            spectrum,
            kernel,
            exponent,
            guard,
            rows,
            direct: OnceLock::new(),
            weights,
            threads,
            workspaces,
            lists: Pool::new(1, list),
        })
    }

    /// Computes all outputs. An error that is no larger than `bearable` needs no second look.
    pub fn run(&self, x: &[A], y: &mut [A], bearable: f64) -> Result<()> {
        let mut rows: Vec<&mut [A]> = self.lists.take(|| Ok(Vec::new()))?;
        share::share(&self.extension, &self.blocks, self.rows, y, &mut rows)?;
        let lanes = A::Sample::LANES;
        threads::for_each_chunk(&mut rows, lanes * self.rows, self.threads, |i, rows| {
            let mut workspace = self.workspaces.take(|| Workspace::new(&self.transform))?;
            self.blocks(x, i * lanes, rows, bearable, &mut workspace)?;
            self.workspaces.keep(workspace);
            Ok(())
        })?;
        // An empty list has no rows to outlive `y`; collecting it anew keeps its memory.
        rows.clear();
        self.lists.keep(rows.into_iter().map(|_| -> &mut [A] { &mut [] }).collect());
        Ok(())
    }

    /// Computes the blocks from `first` on that share a transform.
    fn blocks(
        &self,
        x: &[A],
        first: usize,
        rows: &mut [&mut [A]],
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let lanes = rows.len() / self.rows;
        let mut exponents = [None; MOST_LANES];
        for (lane, exponent) in exponents.iter_mut().enumerate().take(lanes) {
            *exponent = self.locate(first + lane, &mut workspace.parts[lane]).then_some(0);
        }
        if exponents == [None; MOST_LANES] {
            return Ok(());
        }
        // Nearly all blocks can be transformed as they are, so they are looked at on the way.
        let mut packing = Packing { exponents, cleaned: false };
        self.sweep(x, packing, rows, workspace)?;
        if A::DTYPE.is_integer() {
            return self.prove(x, exponents, rows, workspace);
        }
        if let Some(better) = self.better(x, packing, bearable, workspace)? {
            packing = better;
            self.sweep(x, packing, rows, workspace)?;
        }
        // A closer look, where the kernel has holes, for all blocks at once: they share their error.
        let mut closer = !self.guard.has_holes();
        for (lane, exponent) in packing.exponents.into_iter().enumerate() {
            let Some(exponent) = exponent else { continue };
            let bearable = Bearable { error: bearable, exponent };
            self.find_doubts(lane, bearable, workspace)?;
            if !closer && workspace.scratch.doubts.iter().any(|doubt| !doubt.zeros) {
                closer = true;
                self.look(x, packing, true, workspace)?;
                self.find_doubts(lane, bearable, workspace)?;
            }
            let rows = &mut rows[lane * self.rows..(lane + 1) * self.rows];
            self.recompute(x, &workspace.parts[lane], &workspace.scratch.doubts, rows)?;
        }
        Ok(())
    }

    /// Blocks of integers that were transformed are right where that is proved, alone or together.
    fn prove(
        &self,
        x: &[A],
        exponents: [Option<i32>; MOST_LANES],
        rows: &mut [&mut [A]],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let mut fit = [None; MOST_LANES];
        for lane in (0..MOST_LANES).filter(|&lane| exponents[lane].is_some()) {
            let level = workspace.survey.level(A::Sample::parts(lane), 0);
            if bounds::fft_is_exact(self.blocks.spread(), &self.kernel, level.largest) {
                fit[lane] = Some(level);
            } else {
                let rows = &mut rows[lane * self.rows..(lane + 1) * self.rows];
                self.leave_to_direct(x, &workspace.parts[lane], rows)?;
            }
        }
        let together = match fit {
            [Some(a), Some(b)] => self.is_exact_together(&a, &b),
            _ => fit.map(|level| level.is_some()) == exponents.map(|e| e.is_some()),
        };
        if together {
            return Ok(());
        }
        for lane in (0..MOST_LANES).filter(|&lane| fit[lane].is_some()) {
            let mut exponents = [None; MOST_LANES];
            exponents[lane] = Some(0);
            self.sweep(x, Packing { exponents, cleaned: false }, rows, workspace)?;
        }
        Ok(())
    }

    /// Another packing of blocks that went through a transform as they are, where that could not be or
    /// leaves doubts.
    fn better(
        &self,
        x: &[A],
        packing: Packing,
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> Result<Option<Packing>> {
        let is_here = |&lane: &usize| packing.exponents[lane].is_some();
        let mut levels = [None; MOST_LANES];
        for lane in (0..MOST_LANES).filter(is_here) {
            let level = workspace.survey.level(A::Sample::parts(lane), 0);
            levels[lane] = Some(level);
        }
        let fits = |level: &Level| {
            level.largest.is_finite() && exponent_into_range::<A::Sample>(level.largest) == 0
        };
        let fit = levels.iter().flatten().all(fits);
        let mut cleaned = false;
        if !fit {
            for lane in (0..MOST_LANES).filter(is_here) {
                let (level, finite) = self.level(x, lane, workspace)?;
                levels[lane] = Some(level);
                cleaned |= !finite;
            }
        }
        let exponents = match levels {
            [Some(a), Some(b)] => a.partners(&b).map(Some),
            _ => levels.map(|level| level.map(|level| level.exponent)),
        };
        let better = Packing { exponents, cleaned };
        if !fit {
            return Ok(Some(better));
        }
        for lane in (0..MOST_LANES).filter(is_here).filter(|_| better != packing) {
            self.find_doubts(lane, Bearable { error: bearable, exponent: 0 }, workspace)?;
            if workspace.scratch.doubts.iter().any(|doubt| !doubt.zeros) {
                return Ok(Some(better));
            }
        }
        Ok(None)
    }

    /// Finds what is to be computed again of the block in a lane.
    fn find_doubts(
        &self,
        lane: usize,
        bearable: Bearable,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { parts, survey, scratch, .. } = workspace;
        let needed = &parts[lane].extent.needed;
        self.guard.doubts(survey, A::Sample::parts(lane), needed, bearable, scratch)
    }

    /// Computes outputs of a block again.
    fn recompute(
        &self,
        x: &[A],
        part: &Part,
        doubts: &[Doubt],
        rows: &mut [&mut [A]],
    ) -> Result<()> {
        let axes = &self.extension.geometry.axes;
        let last = axes.len() - 1;
        // The outputs of some patches along an axis, counted from the block's first.
        let outputs = |a: usize, patches: Range<usize>| -> Range<usize> {
            let (all, places) = (&part.outputs[a], self.guard.outputs(a, patches));
            let output = |place: usize| {
                axes[a].first_output_from(part.origin[a] + place).clamp(all.start, all.end)
            };
            output(places.start)..output(places.end)
        };
        for doubt in doubts {
            let columns = outputs(last, doubt.patches.clone());
            // The outputs of the doubt's row of patches along an outer axis.
            let outer = |axis: usize| {
                let mut rest = doubt.row;
                for a in (axis + 1..last).rev() {
                    rest /= self.guard.patches(a, part.extent.needed[a]);
                }
                let p = rest % self.guard.patches(axis, part.extent.needed[axis]);
                outputs(axis, p..p + 1)
            };
            let first = part.outputs[last].start;
            for flat in 0..(0..last).map(|a| outer(a).len()).product() {
                let (mut rest, mut row, mut target) = (flat, 0, 0);
                let (mut row_stride, mut target_stride) = (1, 1);
                for a in (0..last).rev() {
                    let (range, all) = (outer(a), &part.outputs[a]);
                    let o = range.start + rest % range.len();
                    rest /= range.len();
                    row += o * row_stride;
                    target += (o - all.start) * target_stride;
                    row_stride *= axes[a].outputs();
                    target_stride *= all.len();
                }
                let out = &mut rows[target][columns.start - first..columns.end - first];
                match doubt.zeros {
                    true => out.fill(A::default()),
                    false => self.direct()?.rows(x, row, columns.clone(), out)?,
                }
            }
        }
        Ok(())
    }

    /// Whether two blocks that are fit for a transform are still so together: the bound for
    /// integers is in terms of the norm of all that is transformed.
    fn is_exact_together(&self, a: &Level, b: &Level) -> bool {
        let largest = a.largest.hypot(b.largest);
        bounds::fft_is_exact(self.blocks.spread(), &self.kernel, largest)
    }

    /// Says what is in a block; false where nothing is, as where a stride is longer than a block.
    fn locate(&self, block: usize, part: &mut Part) -> bool {
        let axes = &self.extension.geometry.axes;
        let Part { origin, outputs, extent: Extent { used, needed } } = part;
        origin.clear();
        outputs.clear();
        used.clear();
        needed.clear();
        let mut inner = self.blocks.total();
        for (a, axis) in axes.iter().enumerate() {
            inner /= self.blocks.count[a];
            let b = block / inner % self.blocks.count[a];
            let (first, range) =
                (b * self.blocks.step[a], share::outputs(axis, self.blocks.step[a], b));
            if range.is_empty() {
                return false;
            }
            let results = axis.advance(range.end - 1) - first + 1;
            origin.push(first);
            outputs.push(range);
            needed.push(results);
            used.push(results + axis.reach());
        }
        true
    }

    /// How loud a block is that was not transformed as it should be, and whether all of it is finite.
    fn level(&self, x: &[A], lane: usize, workspace: &mut Workspace<A>) -> Result<(Level, bool)> {
        let Workspace { parts, gathered, .. } = workspace;
        let part = &parts[lane];
        let rows = rows_of(&part.extent.used);
        let (mut largest, mut finite) = (0.0f64, true);
        for row in 0..rows {
            for value in self.row(x, part, row, &mut gathered[0])? {
                if value.is_finite() {
                    largest = largest.max(value.magnitude());
                } else {
                    finite = false;
                }
            }
        }
        let exponent = exponent_into_range::<A::Sample>(largest);
        let mut exponents = [None; MOST_LANES];
        exponents[lane] = Some(exponent);
        self.look(x, Packing { exponents, cleaned: true }, false, workspace)?;
        let parts = A::Sample::parts(lane);
        let level = workspace.survey.level(parts, exponent);
        Ok((level, finite))
    }

    /// What computes without a transform. Blocks run on all threads already.
    fn direct(&self) -> Result<&Direct<A>> {
        if let Some(direct) = self.direct.get() {
            return Ok(direct);
        }
        let (extension, instructions) = (self.extension.clone(), InstructionSet::detect());
        let made = Direct::new(extension, &self.weights, instructions, 1)?;
        Ok(self.direct.get_or_init(|| made))
    }

    /// Computes the outputs of a block without a transform.
    fn leave_to_direct(&self, x: &[A], part: &Part, rows: &mut [&mut [A]]) -> Result<()> {
        let (columns, outer) = part.outputs.split_last().expect("at least one axis");
        let axes = self.extension.outer();
        let mut at = Odometer::starting_at(outer.iter().map(Range::len).collect(), 0);
        for out in rows.iter_mut().take(outer.iter().map(Range::len).product()) {
            let row = axes
                .iter()
                .enumerate()
                .fold(0, |row, (a, axis)| row * axis.outputs() + outer[a].start + at.at()[a]);
            self.direct()?.rows(x, row, columns.clone(), out)?;
            at.advance();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::Summed;
    use super::super::range;
    use super::*;
    use crate::boundary::Edge;
    use crate::geometry::Geometry;

    /// One block that holds all of a plane.
    fn one_block(n: [usize; 2], taps: [usize; 2], summed: bool) -> (Extension<f32>, Blocks) {
        let axis = |a: usize| {
            let (offset, out) = (0, n[a] - taps[a] + 1);
            Axis { n: n[a], taps: taps[a], out, offset, edge: Edge::Zero, ..Axis::one_sample() }
        };
        let axes: Vec<Axis> = vec![axis(0), axis(1)];
        let step: Vec<usize> = axes.iter().map(Axis::outputs).collect();
        let summed = (summed && n[0] > 1).then(|| Summed::new(taps[0], 1, step[0]));
        let blocks = Blocks { size: n.to_vec(), step, count: vec![1, 1], summed };
        (Extension { geometry: Geometry { axes }, values: vec![0.0; 2] }, blocks)
    }

    /// Samples, or taps, of all kinds.
    fn kinds(shape: [usize; 2]) -> Vec<Vec<f32>> {
        let noise = |i: usize| ((i * 7919 % 10_007) as f32 - 5003.0) / 5003.0;
        let [rows, columns] = shape;
        let plane = |value: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            (0..rows * columns).map(|i| value(i / columns, i % columns)).collect()
        };
        let bump = |i: usize, n: usize| {
            let at = (i as f32 - n as f32 / 2.0) / (n as f32 / 6.0);
            (-at * at / 2.0).exp()
        };
        vec![
            plane(&|i, j| noise(i * columns + j)),
            plane(&|i, j| noise(i * columns + j).abs()),
            plane(&|_, _| 0.7),
            plane(&|i, j| f32::from(u8::from((i, j) == (rows / 3, columns / 3)))),
            plane(&|i, j| f32::from(u8::from(i * columns + j > rows * columns / 2))),
            plane(&|i, j| bump(i, rows) * bump(j, columns)),
            plane(&|i, j| ((i + 2 * j) as f32 * 0.7).sin()),
            plane(&|i, j| if (i + j) % 2 == 0 { 0.9 } else { -0.9 }),
            plane(&|i, j| 1.0 + 1e-3 * noise(i * columns + j)),
            plane(&|i, j| if j % 16 == 3 { noise(i) } else { 0.0 }),
            plane(&|i, j| f32::from(u8::from((i * columns + j) % 32 == 5))),
            plane(&|i, j| f32::from(u8::from(i % 4 == 0 && j % 64 == 9))),
            plane(&|i, j| if j % 8 < 2 && i % 3 == 0 { 1.0 } else { 0.0 }),
        ]
    }

    #[test]
    fn the_error_of_a_transform_is_what_the_guard_takes_it_for() {
        let mut most = 0.0f64;
        for (n, taps) in
            [([1, 64], [1, 9]), ([1, 1000], [1, 101]), ([1, 4096], [1, 31]), ([96, 360], [31, 5])]
        {
            for summed in [false, true] {
                if summed && n[0] == 1 {
                    continue;
                }
                for kernel in kinds(taps) {
                    let (extension, blocks) = one_block(n, taps, summed);
                    let wide = |values: &[f32]| values.iter().map(|&v| v.into()).collect();
                    let magnitudes = |wide: &Vec<f64>| wide.iter().map(|v| v.abs()).collect();
                    let direct = |weights: &Vec<f64>| {
                        let geometry = extension.geometry.clone();
                        let extension = Extension { geometry, values: vec![0.0; 2] };
                        Direct::new(extension, weights, InstructionSet::detect(), 1)
                            .expect("memory")
                    };
                    let weights: Vec<f64> = wide(&kernel);
                    let [exact, products] = [direct(&weights), direct(&magnitudes(&weights))];
                    let fft = Fft::new(extension, kernel, blocks, 1).expect("memory");
                    for x in kinds(n) {
                        let outputs = fft.extension.geometry.output_len();
                        let (mut y, mut sums) = (vec![f32::NAN; outputs], vec![0.0; outputs]);
                        let mut windows = vec![0.0; outputs];
                        fft.run(&x, &mut y, f64::INFINITY).expect("memory");
                        let wide: Vec<f64> = wide(&x);
                        exact.run(&wide, &mut sums).expect("memory");
                        products.run(&magnitudes(&wide), &mut windows).expect("memory");
                        // Of the rows under an output, where rows are summed.
                        let rows: Vec<f64> =
                            wide.chunks(n[1]).map(|row| row.iter().map(|x| x * x).sum()).collect();
                        let largest = wide.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                        let reach = if summed { taps[0] } else { n[0] };
                        let columns = n[1] - taps[1] + 1;
                        for (o, (y, sum)) in y.iter().zip(&sums).enumerate() {
                            // Where the window itself is loud, so may the error be.
                            let own = 4.0 * f64::from(f32::EPSILON) * windows[o];
                            let first = if summed { o / columns } else { 0 };
                            let squares = rows[first..first + reach].iter().sum();
                            let spread = fft.blocks.spread();
                            let samples = range::Samples { squares, largest };
                            let gain = fft.guard.gain();
                            let unit = range::error(f32::EPSILON.into(), spread, samples, gain)
                                / range::SAFETY;
                            let share = ((f64::from(*y) - sum).abs() - own) / (unit + 1e-30);
                            most = most.max(share);
                        }
                    }
                }
            }
        }
        assert!(most < range::SAFETY / 2.0, "{most}");
        assert!(most > range::SAFETY / 100.0, "{most}: nothing was measured");
    }
}
