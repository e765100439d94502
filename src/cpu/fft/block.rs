//! Overlap-save of one geometry with a kept spectrum.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::again::all_fit;
use super::glance::Way;
use super::guard::Bearable;
use super::kernel::{Double, FftKernel, Response, Workspaces};
use super::outcome::Outcome;
use super::range::Level;
use super::share::{self, most_rows};
use super::sparse::Place;
use super::survey::{Look, Survey};
use super::sweep::Packing;
use super::transform::{Extent, Space, Transform};
use super::windows::Scratch;
use crate::bounds;
use crate::cpu::direct::Direct;
use crate::element::compute::Compute;
use crate::element::transform::{MOST_PACKED, Sample};
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::plan::cpu::{Blocks, Tile};
use crate::problem::extension::Extension;
use crate::simd::InstructionSet;
use crate::util::memory;
use crate::util::scratch::ScratchPool;
use crate::util::shared::Shared;
use crate::util::threads;

/// The precision of the transforms for a type.
pub(super) type Real<A> = <<A as Compute>::Sample as Sample>::Real;

/// FFT convolution of one geometry with fixed weights.
pub(crate) struct Fft<A: Compute> {
    pub(super) extension: Extension<A>,
    pub(super) blocks: Blocks,
    pub(super) kernel: Arc<FftKernel<A>>,
    workspaces: Arc<Workspaces<A>>,
    /// The most rows of outputs that a block has.
    pub(super) rows: usize,
    /// Computes what a transform cannot be trusted with, once there is something.
    pub(super) direct: OnceLock<Direct<A>>,
    /// Of twice the digits, once there is something that those of the kernel are too few for.
    pub(super) doubled: OnceLock<Response<Double<A>>>,
    pub(super) tile: Tile,
    pub(super) instructions: InstructionSet,
    threads: usize,
    /// Memory for lists of rows; the lists are empty.
    lists: ScratchPool<Vec<Output<'static, A>>>,
}

/// What one thread needs for blocks that share a transform; kept from call to call.
pub(super) struct Workspace<A: Compute> {
    pub parts: [Block; MOST_PACKED],
    pub survey: Survey<Real<A>>,
    /// Empty where nobody asks what outputs say.
    pub outcomes: [Outcome; MOST_PACKED],
    pub scratch: Scratch<Real<A>>,
    pub extent: Extent,
    pub space: Space<Real<A>>,
    /// The same of twice the digits, once it is needed.
    pub double: Option<Space<Double<A>>>,
    /// Rows of the extended input, where they are not stored in one piece.
    pub gathered: [Vec<A>; MOST_PACKED],
    /// A row of outputs, or all rows, where they are stored in another type.
    pub out: Vec<A>,
    /// Outputs that are computed again, and which they are along the outer axes.
    pub again: Vec<A>,
    pub outer: Vec<Range<usize>>,
    /// The samples in a row that are not zero.
    pub places: Vec<Place>,
}

impl<A: Compute> Workspace<A> {
    pub(super) fn new(transform: &Transform<Real<A>>) -> Result<Self> {
        Ok(Self {
            parts: Default::default(),
            survey: Survey::default(),
            outcomes: Default::default(),
            scratch: Scratch::default(),
            extent: Extent::default(),
            space: transform.space()?,
            double: None,
            gathered: Default::default(),
            out: Vec::new(),
            again: Vec::new(),
            outer: Vec::new(),
            places: Vec::new(),
        })
    }
}

/// One block.
#[derive(Default)]
pub(super) struct Block {
    /// Its first sample in the extended input, counted from under the first tap of output 0.
    pub origin: Vec<usize>,
    /// Its outputs, per axis.
    pub outputs: Vec<Range<usize>>,
    /// What of it is read, and which of its results are.
    pub extent: Extent,
}

impl<A: Compute> Fft<A> {
    /// Transforms the kernel, unless one of `shared` serves as it is.
    pub(crate) fn new(
        extension: Extension<A>,
        weights: impl FnOnce() -> Result<Vec<A>>,
        blocks: Blocks,
        (tile, instructions): (Tile, InstructionSet),
        threads: usize,
        shared: &Shared,
    ) -> Result<Self> {
        let mut workspaces = None;
        let make = || {
            let (kernel, used) = FftKernel::new(&extension, weights()?, &blocks)?;
            workspaces = Some(used);
            Ok(kernel)
        };
        let fits = |kernel: &FftKernel<A>| kernel.fits(&extension, &blocks);
        let kernel = shared.get(fits, make, FftKernel::bytes)?;
        let workspaces = workspaces.unwrap_or_else(|| kernel.workspaces());
        let rows = most_rows(&extension, &blocks);
        let list = (blocks.total() * rows).saturating_mul(size_of::<Output<A>>());
        Ok(Self {
            extension,
            blocks,
            kernel,
            workspaces,
            rows,
            direct: OnceLock::new(),
            doubled: OnceLock::new(),
            tile,
            instructions,
            threads,
            // One of the whole, and perhaps one for each thread.
            lists: ScratchPool::new(2, list),
        })
    }

    /// Computes all outputs. An error that is no larger than `bearable` needs no second look.
    pub(crate) fn run(&self, x: Input<'_, A>, y: Output<'_, A>, bearable: f64) -> Result<()> {
        let mut rows: Vec<Output<'_, A>> = self.lists.take(|| Ok(Vec::new()))?;
        share::share(&self.extension, &self.blocks, self.rows, y, &mut rows)?;
        let packed = A::Sample::PACKED;
        threads::for_each_chunk(&mut rows, packed * self.rows, self.threads, |i, rows| {
            let mut workspace =
                self.workspaces.take(|| Workspace::new(&self.kernel.response.transform))?;
            self.write(x, i * packed, rows, bearable, &mut workspace)?;
            workspace.scratch.doubts.trim();
            self.workspaces.keep(workspace);
            Ok(())
        })?;
        self.keep_list(rows);
        Ok(())
    }

    /// Computes the blocks from `first` on that share a transform, and writes all of their outputs.
    fn write(
        &self,
        x: Input<'_, A>,
        first: usize,
        rows: &mut [Output<'_, A>],
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        if rows.iter().all(Output::is_apart) {
            return self.blocks(x, first, rows, bearable, workspace);
        }
        // Some outputs may be computed again, so rows are stored when all of them are known.
        let what = "outputs before they are stored";
        let mut wide = std::mem::take(&mut workspace.out);
        memory::fit(&mut wide, rows.iter().map(Output::len).sum(), what)?;
        let mut list: Vec<Output<'_, A>> = self.lists.take(|| Ok(Vec::new()))?;
        memory::reserve(&mut list, rows.len(), what)?;
        let mut rest = &mut wide[..];
        for row in rows.iter() {
            let (piece, after) = rest.split_at_mut(row.len());
            list.push(Output::InPlace(piece));
            rest = after;
        }
        self.blocks(x, first, &mut list, bearable, workspace)?;
        for (row, wide) in rows.iter_mut().zip(&mut list) {
            row.write(0, wide.in_place().expect("just made so"));
        }
        self.keep_list(list);
        workspace.out = wide;
        Ok(())
    }

    /// Keeps the memory of a list of rows.
    fn keep_list(&self, mut rows: Vec<Output<'_, A>>) {
        // An empty list has no rows to outlive what they are of; collecting it anew keeps its memory.
        rows.clear();
        self.lists.keep(rows.into_iter().map(|_| Output::default()).collect());
    }

    /// Computes the blocks from `first` on that share a transform.
    fn blocks(
        &self,
        x: Input<'_, A>,
        first: usize,
        rows: &mut [Output<'_, A>],
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let packed = rows.len() / self.rows;
        let mut exponents = [None; MOST_PACKED];
        for (slot, exponent) in exponents.iter_mut().enumerate().take(packed) {
            *exponent = self.locate(first + slot, &mut workspace.parts[slot]).then_some(0);
        }
        if exponents == [None; MOST_PACKED] {
            return Ok(());
        }
        // Nearly all blocks can be transformed as they are, so they are looked at on the way.
        let mut packing = Packing { exponents, cleaned: false };
        let glance = self.glance(x, packing, bearable, workspace)?;
        if glance.is_uneven {
            match self.quickest(x, packing, workspace)? {
                Way::Transform => {}
                Way::Direct => return self.leave_all_to_direct(x, packing, rows, workspace),
                Way::Scatter => return self.scatter_all(x, packing, rows, workspace),
                Way::Doubled => {
                    self.look(x, packing, self.closest(), workspace)?;
                    return match self.double(x, packing, bearable, rows, workspace)? {
                        true => Ok(()),
                        false => self.leave_all_to_direct(x, packing, rows, workspace),
                    };
                }
            }
        }
        let look = glance.look;
        self.sweep(x, packing, look, rows, workspace)?;
        if A::DTYPE.is_integer() {
            return self.prove(x, exponents, rows, workspace);
        }
        let closest = self.closest();
        packing.cleaned = workspace.survey.is_odd();
        if look < Look::Tiles {
            let tells = !packing.cleaned;
            if tells
                && (self.all_proven(packing, bearable, workspace)
                    || self.settle(x, packing, bearable, rows, workspace)?)
            {
                return Ok(());
            }
            self.look(x, packing, closest, workspace)?;
        }
        if !packing.cleaned
            && all_fit::<A>(&Self::levels(packing, workspace))
            && self.double_doubts(x, packing, bearable, rows, workspace)?
        {
            return Ok(());
        }
        if let Some(better) = self.better(x, packing, bearable, workspace)? {
            packing = better;
            self.sweep(x, packing, Look::Tiles, rows, workspace)?;
            if !packing.cleaned && self.double_doubts(x, packing, bearable, rows, workspace)? {
                return Ok(());
            }
        }
        for (slot, exponent) in packing.exponents.into_iter().enumerate() {
            let Some(exponent) = exponent else { continue };
            let bearable = Bearable { exponent, ..Bearable::of(bearable) };
            self.find_doubts(slot, bearable, workspace)?;
            // A closer look is for all blocks at once: they share their error.
            if workspace.survey.look < closest
                && workspace.scratch.doubts.iter().any(|doubt| doubt.known.is_none())
            {
                self.look(x, packing, closest, workspace)?;
                self.find_doubts(slot, bearable, workspace)?;
            }
            self.recompute(x, slot, rows, workspace)?;
        }
        Ok(())
    }

    /// The closest look there is to take: that for a kernel with holes, where it has some.
    pub(super) fn closest(&self) -> Look {
        if self.kernel.guard.has_holes() { Look::Squares } else { Look::Tiles }
    }

    /// Blocks of integers that were transformed are right where that is proved, alone or together.
    fn prove(
        &self,
        x: Input<'_, A>,
        exponents: [Option<i32>; MOST_PACKED],
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let mut fit = [None; MOST_PACKED];
        for slot in (0..MOST_PACKED).filter(|&slot| exponents[slot].is_some()) {
            let level = workspace.survey.level(A::Sample::parts(slot), 0);
            if bounds::fft_is_exact(self.blocks.spread(), &self.kernel.facts, level.largest) {
                fit[slot] = Some(level);
            } else {
                self.leave_to_direct(x, slot, rows, workspace)?;
            }
        }
        let together = match fit {
            [Some(a), Some(b)] => self.is_exact_together(&a, &b),
            _ => fit.map(|level| level.is_some()) == exponents.map(|e| e.is_some()),
        };
        if together {
            return Ok(());
        }
        for slot in (0..MOST_PACKED).filter(|&slot| fit[slot].is_some()) {
            let mut exponents = [None; MOST_PACKED];
            exponents[slot] = Some(0);
            let packing = Packing { exponents, cleaned: false };
            self.sweep(x, packing, Look::Loudness, rows, workspace)?;
        }
        Ok(())
    }

    /// Whether two blocks that are fit for a transform are still so together: the bound for
    /// integers is in terms of the norm of all that is transformed.
    fn is_exact_together(&self, a: &Level, b: &Level) -> bool {
        let largest = a.largest.hypot(b.largest);
        bounds::fft_is_exact(self.blocks.spread(), &self.kernel.facts, largest)
    }

    /// Says what is in a block; false where nothing is, as where a stride is longer than a block.
    fn locate(&self, block: usize, part: &mut Block) -> bool {
        let axes = &self.extension.geometry.axes;
        let Block { origin, outputs, extent: Extent { used, needed } } = part;
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
}
