//! Overlap-save of one geometry with a kept spectrum.

use num_complex::Complex;
use std::ops::Range;
use std::sync::OnceLock;

use super::blocks::Blocks;
use super::boxes::rows_of;
use super::kernel::spectrum;
use super::pack::pack;
use super::range::{Level, Window, exponent_into_range, reach};
use super::sample::{MOST_LANES, Sample};
use super::share::{self, most_rows};
use super::survey::Survey;
use super::transform::{Extent, Space, Transform};
use crate::bounds;
use crate::cpu::direct::Direct;
use crate::cpu::extended::{Extension, Odometer};
use crate::cpu::simd::InstructionSet;
use crate::cpu::threads;
use crate::element::Element;
use crate::element::number::Number;
use crate::error::Result;
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
    /// The windows along each axis.
    pub(super) windows: Vec<Window>,
    /// The most rows of outputs that a block has.
    pub(super) rows: usize,
    /// Computes the blocks that a transform cannot be trusted with, once there is one.
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
        let reach = reach(&magnitudes, &extension.geometry.kernel(), A::DTYPE.epsilon());
        let windows = axes.iter().zip(reach);
        let windows = windows
            .map(|(axis, reach)| Window { taps: axis.taps, step: axis.tap_step(), reach })
            .collect();
        let rows = most_rows(&extension, &blocks);
        let list = (blocks.total() * rows).saturating_mul(size_of::<&[A]>());
        Ok(Self {
            extension,
            blocks,
            transform,
            spectrum,
            kernel,
            exponent,
            windows,
            rows,
            direct: OnceLock::new(),
            weights,
            threads,
            workspaces,
            lists: Pool::new(1, list),
        })
    }

    /// Computes all outputs.
    pub fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let mut rows: Vec<&mut [A]> = self.lists.take(|| Ok(Vec::new()))?;
        share::share(&self.extension, &self.blocks, self.rows, y, &mut rows)?;
        let lanes = A::Sample::LANES;
        threads::for_each_chunk(&mut rows, lanes * self.rows, self.threads, |i, rows| {
            let mut workspace = self.workspaces.take(|| Workspace::new(&self.transform))?;
            self.blocks(x, i * lanes, rows, &mut workspace)?;
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
        self.sweep(x, exponents, rows, workspace)?;
        let mut levels = [None; MOST_LANES];
        for lane in 0..MOST_LANES {
            if exponents[lane].is_none() {
                continue;
            }
            let level = workspace.survey.level(A::Sample::parts(lane), 0);
            let safe = level.exponent == exponent_into_range::<A::Sample>(level.largest)
                && self.is_safe(&level, lane, lane, workspace);
            levels[lane] = Some((level, safe));
        }
        if self.fits_as_it_is(&levels) {
            return Ok(());
        }
        let mut fit = [None; MOST_LANES];
        for lane in 0..MOST_LANES {
            let Some((level, safe)) = levels[lane] else { continue };
            fit[lane] = if safe { Some(level) } else { self.level(x, &level, lane, workspace)? };
            if fit[lane].is_none() {
                let rows = &mut rows[lane * self.rows..(lane + 1) * self.rows];
                self.leave_to_direct(x, &workspace.parts[lane], rows)?;
            }
        }
        match fit {
            [Some(a), Some(b)] if self.is_exact_together(&a, &b) => {
                let exponents = a.partners(&b).map(Some);
                self.sweep(x, exponents, rows, workspace)?;
            }
            [a, b] => {
                for only in [[a, None], [None, b]] {
                    if only != [None, None] {
                        let exponents = only.map(|level| level.map(|level| level.exponent));
                        self.sweep(x, exponents, rows, workspace)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether blocks can be transformed together and without scaling, given their levels and
    /// whether each of them is safe.
    fn fits_as_it_is(&self, levels: &[Option<(Level, bool)>; MOST_LANES]) -> bool {
        levels.iter().flatten().all(|(_, safe)| *safe)
            && match levels {
                [Some((a, _)), Some((b, _))] => {
                    a.partners(b) == [0, 0] && self.is_exact_together(a, b)
                }
                _ => true,
            }
    }

    /// Whether two blocks that are fit for a transform are still so together: the bound for
    /// integers is in terms of the norm of all that is transformed.
    fn is_exact_together(&self, a: &Level, b: &Level) -> bool {
        let largest = a.largest.hypot(b.largest);
        !A::DTYPE.is_integer() || bounds::fft_is_exact(self.blocks.spread(), &self.kernel, largest)
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

    /// Whether a transform can be trusted with a block of this level, which was surveyed as the
    /// lane `at`.
    fn is_safe(&self, level: &Level, lane: usize, at: usize, workspace: &mut Workspace<A>) -> bool {
        let spread = self.blocks.spread();
        if A::DTYPE.is_integer() {
            return bounds::fft_is_exact(spread, &self.kernel, level.largest);
        }
        let Workspace { parts, survey, .. } = workspace;
        let (used, epsilon) = (&parts[lane].extent.used, A::DTYPE.epsilon());
        level.largest.is_finite()
            && survey.is_safe(A::Sample::parts(at), &self.windows, used, epsilon, spread)
    }

    /// How loud a block is that did not pass the first look, or `None` where a transform cannot be
    /// trusted with it even when it is scaled, or looked at more closely.
    fn level(
        &self,
        x: &[A],
        first: &Level,
        lane: usize,
        workspace: &mut Workspace<A>,
    ) -> Result<Option<Level>> {
        if A::DTYPE.is_integer() || !first.largest.is_finite() {
            return Ok(None);
        }
        let exponent = exponent_into_range::<A::Sample>(first.largest);
        // In tiles it has been looked at already, unless it has to be scaled.
        let looks: &[bool] = if exponent == 0 { &[false] } else { &[true, false] };
        for &tiled in looks {
            let Workspace { parts, survey, space, gathered, .. } = workspace;
            let part = &parts[lane];
            survey.start(&self.windows, &part.extent.used, tiled, self.group(&part.extent.used))?;
            let line = &mut space.line[..self.blocks.size[part.origin.len() - 1]];
            for row in 0..rows_of(&part.extent.used) {
                let row = self.row(x, part, row, &mut gathered[0])?;
                pack([row, &[]], [exponent, 0], line);
                survey.add(line);
            }
            let level = survey.level(A::Sample::parts(0), exponent);
            if self.is_safe(&level, lane, 0, workspace) {
                return Ok(Some(level));
            }
        }
        Ok(None)
    }

    /// Computes the outputs of a block without a transform.
    fn leave_to_direct(&self, x: &[A], part: &Part, rows: &mut [&mut [A]]) -> Result<()> {
        let (columns, outer) = part.outputs.split_last().expect("at least one axis");
        // Blocks run on all threads already.
        let direct = match self.direct.get() {
            Some(direct) => direct,
            None => {
                let (extension, instructions) = (self.extension.clone(), InstructionSet::detect());
                let made = Direct::new(extension, &self.weights, instructions, 1)?;
                self.direct.get_or_init(|| made)
            }
        };
        let axes = self.extension.outer();
        let mut at = Odometer::starting_at(outer.iter().map(Range::len).collect(), 0);
        for out in rows.iter_mut().take(outer.iter().map(Range::len).product()) {
            let row = axes
                .iter()
                .enumerate()
                .fold(0, |row, (a, axis)| row * axis.outputs() + outer[a].start + at.at()[a]);
            direct.rows(x, row, columns.clone(), out)?;
            at.advance();
        }
        Ok(())
    }
}
