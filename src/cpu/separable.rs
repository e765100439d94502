//! Separable convolution: one direct pass per axis, each with a vector of taps.

use std::sync::{Mutex, PoisonError};

use crate::boundary::Edge;
use crate::cpu::direct::Direct;
use crate::cpu::extended::Extension;
use crate::cpu::simd::InstructionSet;
use crate::element::Element;
use crate::geometry::{Axis, Geometry};

/// One pass per axis of a kernel that is an outer product.
///
/// Where several axes have a constant outside, it must be the same one: a row outside along one
/// axis is then constant along the others too, and stays so under their passes.
pub struct Separable<A: Element> {
    passes: Vec<Direct<A>>,
    /// Samples between two passes.
    lengths: Vec<usize>,
    buffers: Mutex<Vec<[Vec<A>; 2]>>,
}

impl<A: Element> Separable<A> {
    /// An executor for the kernel that is the outer product of `factors`, one per axis.
    pub fn new(extension: &Extension<A>, factors: &[Vec<A>], threads: usize) -> Self {
        let mut axes = extension.geometry.axes.clone();
        let mut values = extension.values.clone();
        let (mut passes, mut lengths) = (Vec::new(), Vec::new());
        // The innermost axis first: later passes then run over whole rows of its outputs.
        for a in (0..axes.len()).rev() {
            // An axis with one tap has the factor 1: there is something to do only for a stride.
            if axes[a].is_identity() {
                continue;
            }
            let pass = axes
                .iter()
                .enumerate()
                .map(|(b, axis)| if a == b { axis.clone() } else { resting(axis) });
            let geometry = Geometry { axes: pass.collect() };
            lengths.push(geometry.output_len());
            let extension = Extension { geometry, values: values.clone() };
            passes.push(Direct::new(extension, &factors[a], InstructionSet::detect(), threads));
            // What lies outside along the other axes is filtered by this pass too.
            for (b, value) in values.iter_mut().enumerate() {
                if b != a {
                    *value = factors[a].iter().fold(A::default(), |sum, &w| sum.mul_add(w, *value));
                }
            }
            axes[a] = done(&axes[a]);
        }
        lengths.pop();
        Self { passes, lengths, buffers: Mutex::new(Vec::new()) }
    }

    /// Computes all outputs.
    pub fn run(&self, x: &[A], y: &mut [A]) {
        let lock = || self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let [mut from, mut to] = lock().pop().unwrap_or_default();
        let last = self.passes.len() - 1;
        for (p, pass) in self.passes.iter().enumerate() {
            let source = if p == 0 { x } else { &from };
            if p == last {
                pass.run(source, y);
            } else {
                to.resize(self.lengths[p], A::default());
                pass.run(source, &mut to);
                std::mem::swap(&mut from, &mut to);
            }
        }
        lock().push([from, to]);
    }
}

/// An axis that a pass leaves alone.
fn resting(axis: &Axis) -> Axis {
    Axis { taps: 1, out: axis.n, stride: 1, dilation: 1, offset: 0, ..axis.clone() }
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
