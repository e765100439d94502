//! Separable convolution: a pass for each axis. The passes along the last two are fused, so that
//! the input is read once and what is between them stays in the cache.

mod fused;
mod sum;

use crate::cpu::direct::Direct;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::problem::boundary::Edge;
use crate::problem::extension::Extension;
use crate::problem::geometry::{Axis, Geometry};
use crate::simd::InstructionSet;
use crate::util::memory;
use crate::util::scratch::Pool;
use crate::util::threads::Workers;
use fused::Fused;
pub use sum::Sum;

/// Vectors of taps, one per axis, whose outer product is a kernel or a term of one.
pub type Factors<A> = Vec<Vec<A>>;

/// Passes over the axes of a kernel that is an outer product, or a sum of a few.
///
/// Where several axes have a constant outside, it must be the same one: a row outside along one
/// axis is then constant along the others too, and stays so under their passes.
pub struct Separable<A: Compute> {
    passes: Vec<Pass<A>>,
    /// Samples between two passes.
    lengths: Vec<usize>,
    buffers: Pool<[Vec<A>; 2]>,
}

/// One way through all samples.
enum Pass<A: Compute> {
    /// Along the last two axes.
    Fused(Box<Fused<A>>),
    /// Along one.
    Single(Box<Direct<A>>),
}

impl<A: Compute> Separable<A> {
    /// An executor for the kernel that is the sum of the outer products of these factors: of a
    /// single one, or of several where [`can_fuse`] allows it.
    pub fn new(
        extension: &Extension<A>,
        terms: &[Factors<A>],
        instructions: InstructionSet,
        workers: impl Into<Workers>,
    ) -> Result<Self> {
        let workers = workers.into();
        let mut axes = extension.geometry.axes.clone();
        let mut values = extension.values.clone();
        let (mut passes, mut lengths) = (Vec::new(), Vec::new());
        let fused = can_fuse(&extension.geometry);
        // The innermost axis first: later passes then run over whole rows of its outputs.
        let mut end = axes.len();
        while end > 0 {
            // An axis with one tap has the factor 1: there is something to do only for a stride.
            if axes[end - 1].is_identity() {
                end -= 1;
                continue;
            }
            let pass = if fused && end == axes.len() { end - 2..end } else { end - 1..end };
            let copied = |taps: &Vec<A>| memory::copied(taps, "a copy of the factors");
            let part = |term: &Factors<A>| term[pass.clone()].iter().map(copied).collect();
            let (resting, values_here) = around(&axes, &values, pass.clone());
            let extension = Extension { geometry: Geometry { axes: resting }, values: values_here };
            lengths.push(extension.geometry.output_len());
            passes.push(if pass.len() == 2 {
                let terms = terms.iter().map(part).collect::<Result<_>>()?;
                Pass::Fused(Box::new(Fused::new(extension, terms, instructions, workers.threads)?))
            } else {
                let taps = &terms[0][pass.start];
                Pass::Single(Box::new(Direct::new(extension, taps, instructions, workers)?))
            });
            // What lies outside along the other axes is filtered by this pass too.
            let others = values.iter_mut().enumerate().filter(|(b, _)| !pass.contains(b));
            for (_, value) in others {
                for a in pass.clone() {
                    let taps = terms[0][a].iter();
                    *value = taps.fold(A::default(), |sum, &w| sum.mul_add(w, *value));
                }
            }
            for axis in &mut axes[pass.clone()] {
                *axis = done(axis);
            }
            end = pass.start;
        }
        lengths.pop();
        let longest = lengths.iter().max().map_or(0, |len| 2 * len * size_of::<A>());
        Ok(Self { passes, lengths, buffers: Pool::new(1, longest) })
    }

    /// Computes all outputs.
    pub fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let [mut from, mut to] = self.buffers.take(|| Ok(Default::default()))?;
        let last = self.passes.len() - 1;
        for (p, pass) in self.passes.iter().enumerate() {
            let source = if p == 0 { x } else { &from };
            if p == last {
                pass.run(source, y)?;
            } else {
                memory::fit(&mut to, self.lengths[p], "samples between two passes")?;
                pass.run(source, &mut to)?;
                std::mem::swap(&mut from, &mut to);
            }
        }
        self.buffers.keep([from, to]);
        Ok(())
    }
}

impl<A: Compute> Pass<A> {
    fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        match self {
            Self::Fused(fused) => fused.run(x, y),
            Self::Single(direct) => direct.run(x, y),
        }
    }
}

/// Whether the passes along the last two axes can be fused: neighbouring rows of the input are then
/// those under neighbouring taps, and rows are long enough for vectors and for the gaps between taps.
pub fn can_fuse(geometry: &Geometry) -> bool {
    let [.., rows, inner] = &geometry.axes[..] else { return false };
    let long = !rows.is_identity() && !inner.is_identity();
    let dense = inner.reach() / 4 <= inner.samples() + inner.outputs();
    long && dense && rows.tap_step() == 1 && rows.lanes == 1 && inner.outputs() >= WIDEST
}

/// Elements of the widest vector of the narrowest type.
pub const WIDEST: usize = 64;

/// The axes of a pass, with those before it as one and those after it as one, and their values.
fn around<A: Compute>(
    axes: &[Axis],
    values: &[A],
    pass: std::ops::Range<usize>,
) -> (Vec<Axis>, Vec<A>) {
    let flat = |axes: &[Axis]| {
        let n = axes.iter().map(Axis::samples).product();
        Axis { n, out: n, ..Axis::one_sample() }
    };
    let (mut all, mut kept) = (Vec::new(), Vec::new());
    if pass.start > 0 {
        all.push(flat(&axes[..pass.start]));
        kept.push(A::default());
    }
    all.extend_from_slice(&axes[pass.clone()]);
    kept.extend_from_slice(&values[pass.clone()]);
    if pass.end < axes.len() {
        all.push(flat(&axes[pass.end..]));
        kept.push(A::default());
    }
    (all, kept)
}

/// An axis that a pass has dealt with: the outputs are what later passes see.
fn done(axis: &Axis) -> Axis {
    Axis {
        n: axis.out,
        taps: 1,
        stride: 1,
        dilation: 1,
        offset: 0,
        edge: Edge::Zero,
        ..axis.clone()
    }
}
