//! Separable convolution: a pass for each axis. The passes along the last two are fused, so that
//! the input is read once and what is between them stays in the cache.

mod careful;
mod folded;
mod fused;
mod sum;

use std::ops::Range;
use std::sync::Arc;

use crate::cpu::direct::{Call, Direct};
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::kernel::Factors;
use crate::plan::cpu::Passing;
use crate::problem::extension::Extension;
use crate::simd::InstructionSet;
use crate::util::shared_scratch::{Buffer, SharedScratch};
use crate::util::threads::Workers;
use careful::Careful;
use fused::Fused;
pub(crate) use sum::Sum;

/// Passes over the axes of a kernel that is an outer product, or a sum of a few.
///
/// Where several axes have a constant outside, it must be the same one: a row outside along one
/// axis is then constant along the others too, and stays so under their passes.
pub(crate) struct Separable<A: Compute> {
    passes: Vec<Pass<A>>,
    /// Samples between two passes.
    lengths: Vec<usize>,
    scratch: Arc<SharedScratch>,
}

/// One way through all samples.
enum Pass<A: Compute> {
    /// Along the last two axes.
    Fused(Box<Fused<A>>),
    /// The same, of symmetric taps.
    Folded(Box<Careful<A>>),
    /// Along one.
    Single(Box<Direct<A>>),
}

impl<A: Compute> Separable<A> {
    /// An executor for the kernel that is the sum of the outer products of these factors, in these
    /// passes.
    pub(crate) fn new(
        extension: &Extension<A>,
        terms: &[Factors<A>],
        passes: &[Passing],
        (instructions, workers): (InstructionSet, Workers),
        scratch: Arc<SharedScratch>,
    ) -> Result<Self> {
        let mut values = extension.values.clone();
        let mut prepared = Vec::with_capacity(passes.len());
        for passing in passes {
            let axes = &passing.pass().axes;
            let geometry = passing.pass().geometry.clone();
            let extension = Extension { values: around(&values, axes.clone()), geometry };
            prepared.push(match passing {
                Passing::Fused(_, strips) => {
                    let with = (*strips, instructions, workers.threads);
                    Pass::Fused(Box::new(Fused::tiled(extension, &factors(terms, axes), with)?))
                }
                Passing::Folded { strips, plain, order, .. } => {
                    let with = [*strips, *plain];
                    let with = with.map(|strips| (strips, instructions, workers.threads));
                    let factors = factors(terms, axes);
                    Pass::Folded(Box::new(Careful::new(extension, &factors, *order, with)?))
                }
                Passing::Single(_, tile) => {
                    let taps = &terms[0][axes.start];
                    let direct = Direct::new(extension, taps, *tile, instructions, workers)?;
                    Pass::Single(Box::new(direct))
                }
            });
            // What lies outside along the other axes is filtered by this pass too.
            let others = values.iter_mut().enumerate().filter(|(other, _)| !axes.contains(other));
            for (_, value) in others {
                for taps in &terms[0][axes.clone()] {
                    *value = taps.iter().fold(A::default(), |sum, &w| sum.mul_add(w, *value));
                }
            }
        }
        let before_last = passes.split_last().map_or(&[][..], |(_, before)| before);
        let lengths =
            before_last.iter().map(|passing| passing.pass().geometry.output_len()).collect();
        Ok(Self { passes: prepared, lengths, scratch })
    }

    /// Computes all outputs.
    pub(crate) fn run(&self, call: Call<'_, A>, y: Output<'_, A>) -> Result<()> {
        let (last, before) = self.passes.split_last().expect("a pass at least");
        let mut between: Option<Buffer<'_, A>> = None;
        for (pass, &len) in before.iter().zip(&self.lengths) {
            let mut to = self.scratch.take(len, "samples between two passes")?;
            let x = between.as_ref().map_or(call.x, |from| Input::InPlace(from));
            pass.run(x.into(), Output::InPlace(&mut to))?;
            between = Some(to);
        }
        let x = between.as_ref().map_or(call.x, |from| Input::InPlace(from));
        last.run(Call { x, ..call }, y)
    }
}

impl<A: Compute> Pass<A> {
    fn run(&self, call: Call<'_, A>, y: Output<'_, A>) -> Result<()> {
        match self {
            Self::Fused(fused) => fused.run(call, y),
            Self::Folded(folded) => folded.run(call, y),
            Self::Single(direct) => direct.run(call, y),
        }
    }
}

/// The factors of every term along the axes of a pass.
fn factors<'t, A: Compute>(terms: &'t [Factors<A>], axes: &Range<usize>) -> Vec<&'t [Vec<A>]> {
    terms.iter().map(|term| &term[axes.clone()]).collect()
}

/// The values outside of the axes of a pass, with nothing outside of what is put together around them.
fn around<A: Compute>(values: &[A], pass: Range<usize>) -> Vec<A> {
    let before = (pass.start > 0).then(A::default);
    let after = (pass.end < values.len()).then(A::default);
    before.into_iter().chain(values[pass].iter().copied()).chain(after).collect()
}
