//! All that becomes of a kernel in blocks of one size, whatever the size of the input.

use num_complex::Complex;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::block::{Real, Workspace};
use super::guard::Guard;
use super::range::exponent_into_range;
use super::transform::{Space, Transform};
use crate::bounds::Gain;
use crate::element::compute::Compute;
use crate::element::transform::{Holds, Real as Digits, Sample};
use crate::error::Result;
use crate::kernel::KernelFacts;
use crate::plan::cpu::Blocks;
use crate::problem::extension::{Extension, Odometer};
use crate::problem::geometry::Axis;
use crate::util::memory;
use crate::util::scratch::ScratchPool;

/// A kernel made ready for blocks of one size.
pub(crate) struct FftKernel<A: Compute> {
    /// What it was made for: see [`FftKernel::fits`].
    blocks: Blocks,
    steps: Vec<usize>,
    pub(super) response: Response<Real<A>>,
    pub(super) facts: KernelFacts,
    /// Whether no tap has a sign: complex ones do.
    pub(super) unsigned: bool,
    /// The kernel was scaled by this power of two, to keep its spectrum in range.
    pub(super) exponent: i32,
    /// Finds the outputs that a transform cannot be trusted with.
    pub(super) guard: Guard,
    /// In canonical order.
    pub(super) weights: Vec<A>,
    /// Memory that executors share while there are some.
    workspaces: Mutex<Weak<Workspaces<A>>>,
}

/// What blocks are multiplied by, and the transforms that lead there.
pub(super) struct Response<R: Digits> {
    pub transform: Transform<R>,
    /// With the transforms' scale divided out.
    pub spectrum: Vec<Complex<R>>,
}

/// The precision of transforms that are doubled.
pub(super) type Double<A> = <Real<A> as Digits>::Double;

/// Memory to transform blocks in.
pub(super) type Workspaces<A> = ScratchPool<Workspace<A>>;

impl<A: Compute> FftKernel<A> {
    /// Transforms the kernel, in memory that is of use again.
    pub(super) fn new(
        extension: &Extension<A>,
        weights: Vec<A>,
        blocks: &Blocks,
    ) -> Result<(Self, Arc<Workspaces<A>>)> {
        let transform = Transform::new(blocks);
        let facts = KernelFacts::norms(&weights);
        let zero = A::Sample::default();
        let real = |w: &A| A::Sample::join(w.to_sample(), zero).re;
        let unsigned =
            A::Sample::PACKED > 1 && weights.iter().all(|w| real(w) >= Default::default());
        let exponent = exponent_into_range::<A::Sample>(facts.max);
        let mut first = Workspace::new(&transform)?;
        let spectrum =
            spectrum::<A, _>(extension, &weights, blocks, &transform, exponent, &mut first.space)?;
        let magnitudes = weights.iter().map(|w| w.magnitude());
        let magnitudes = memory::collected(magnitudes, weights.len(), "the taps' magnitudes")?;
        let mean = transform.gain(&spectrum).scaled(-exponent);
        let gain = Gain { mean, largest: largest(&magnitudes, extension, blocks) };
        let (shape, steps) = (extension.geometry.kernel(), steps(extension));
        let spread = blocks.spread();
        let mut guard = Guard::new(&magnitudes, &shape, &steps, spread, A::DTYPE, gain)?;
        if let (Some(axis), Some(summed)) = (blocks.summed_axis(), blocks.summed) {
            guard = guard.with_summed(axis, summed.reach());
        }
        let blocks = blocks.clone();
        let made = Self {
            blocks,
            steps,
            response: Response { transform, spectrum },
            facts,
            unsigned,
            exponent,
            guard,
            weights,
            workspaces: Mutex::default(),
        };
        let workspaces = made.workspaces();
        workspaces.keep(first);
        Ok((made, workspaces))
    }

    /// Memory that all executors share.
    pub(super) fn workspaces(&self) -> Arc<Workspaces<A>> {
        let mut shared = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let looks = self.guard.bytes::<Real<A>>(&self.blocks.size);
            let bytes = self.response.transform.space_bytes().saturating_add(looks);
            let workspaces = Arc::new(ScratchPool::new(1, bytes));
            *shared = Arc::downgrade(&workspaces);
            workspaces
        })
    }

    /// Whether it serves these blocks too. How many they are makes no difference.
    pub(super) fn fits(&self, extension: &Extension<A>, blocks: &Blocks) -> bool {
        let Blocks { size, step, summed, .. } = blocks;
        let own = &self.blocks;
        (size, step, summed) == (&own.size, &own.step, &own.summed)
            && self.steps == steps(extension)
    }

    /// Bytes that it takes while nobody uses it.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.response.spectrum[..]) + size_of_val(&self.weights[..])
    }

    /// The response of twice the digits, made in memory for a block.
    pub(super) fn doubled(&self, extension: &Extension<A>) -> Result<Response<Double<A>>> {
        let transform = Transform::new(&self.blocks);
        let mut space = transform.space()?;
        let (weights, exponent) = (&self.weights, self.exponent);
        let spectrum =
            spectrum(extension, weights, &self.blocks, &transform, exponent, &mut space)?;
        Ok(Response { transform, spectrum })
    }
}

/// The largest tap, or the largest ones of all slabs that are summed added up: the errors of equal slabs may meet.
fn largest<A: Compute>(magnitudes: &[f64], extension: &Extension<A>, blocks: &Blocks) -> f64 {
    let shape = extension.geometry.kernel();
    // All axes before the one that is summed have one tap.
    let slabs = blocks.summed_axis().map_or(1, |axis| shape[axis]);
    let slabs = magnitudes.chunks(magnitudes.len() / slabs);
    slabs.map(|slab| slab.iter().copied().fold(0.0, f64::max)).sum()
}

/// Samples from one tap to the next, per axis.
fn steps<A: Compute>(extension: &Extension<A>) -> Vec<usize> {
    extension.geometry.axes.iter().map(Axis::tap_step).collect()
}

/// The spectrum of a kernel times `2^exponent`, in the transform's own order, with the transforms'
/// scale divided out. `space` is new: zeros.
fn spectrum<A: Compute, P: Holds<Real<A>>>(
    extension: &Extension<A>,
    weights: &[A],
    blocks: &Blocks,
    transform: &Transform<P>,
    exponent: i32,
    space: &mut Space<P>,
) -> Result<Vec<Complex<P>>> {
    let axes = &extension.geometry.axes;
    let outer = &blocks.size[..axes.len() - 1];
    // y[p] = sum over t of w[t] * x[p + t * step] is a convolution with w reversed about 0; an axis
    // that is summed keeps its taps as they are.
    let place = |a: usize, t: usize| match blocks.summed_axis() {
        Some(summed) if summed == a => t,
        _ => (blocks.size[a] - t * axes[a].tap_step() % blocks.size[a]) % blocks.size[a],
    };
    let mut tap =
        Odometer::starting_at(axes[..outer.len()].iter().map(|axis| axis.taps).collect(), 0);
    for weights in weights.chunks_exact(axes[outer.len()].taps) {
        let line = &mut space.line[..blocks.size[outer.len()]];
        line.fill(Complex::default());
        for (t, w) in weights.iter().enumerate() {
            let w = w.to_sample().scaled(exponent);
            line[place(outer.len(), t)] = P::held(A::Sample::join(w, A::Sample::default()));
        }
        let row = (0..outer.len()).fold(0, |row, a| row * outer[a] + place(a, tap.at()[a]));
        transform.forward_row(row, space);
        tap.advance();
    }
    let slabs = blocks.summed.map_or_else(|| transform.slabs(&blocks.size), |summed| summed.taps);
    for slab in 0..slabs {
        transform.forward_slab(slab, &blocks.size, space);
    }
    let scale = P::from_f64(1.0 / blocks.transformed() as f64).expect("a float");
    transform.spectrum(scale, space)
}
