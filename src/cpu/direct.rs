//! Direct convolution: the canonical sum, row by row.
//!
//! A row of outputs accumulates one row of taps after another. Where the windows lie in the input
//! they are read in place; at the ends a short piece of the extended row is built first.

use crate::cpu::extended::{Extension, Odometer, Row};
use crate::cpu::threads;
use crate::element::Element;
use std::ops::Range;

/// Direct convolution of one geometry with fixed weights.
#[derive(Clone, Debug)]
pub struct Direct<A> {
    extension: Extension<A>,
    /// In canonical order: the last axis fastest.
    weights: Vec<A>,
    /// Rows of zeros add nothing: true unless a tap is infinite or NaN.
    finite: bool,
    threads: usize,
}

impl<A: Element> Direct<A> {
    /// An executor that spreads its work over up to `threads` threads.
    pub fn new(extension: Extension<A>, weights: Vec<A>, threads: usize) -> Self {
        let finite = weights.iter().all(|w| w.is_finite());
        Self { extension, weights, finite, threads }
    }

    /// Computes all outputs.
    pub fn run(&self, x: &[A], y: &mut [A]) {
        let width = self.extension.inner().outputs();
        threads::for_each_piece(y, self.threads, |start, piece| {
            let mut scratch = Vec::new();
            let mut done = 0;
            while done < piece.len() {
                let (row, column) = ((start + done) / width, (start + done) % width);
                let len = (width - column).min(piece.len() - done);
                let out = &mut piece[done..done + len];
                self.span(x, row, column..column + len, out, &mut scratch);
                done += len;
            }
        });
    }

    /// Computes the outputs `columns` of one row; rows are counted in standard order.
    pub fn span(
        &self,
        x: &[A],
        row: usize,
        columns: Range<usize>,
        out: &mut [A],
        scratch: &mut Vec<A>,
    ) {
        let outer = self.extension.outer();
        let output = Odometer::starting_at(outer.iter().map(|axis| axis.outputs()).collect(), row);
        let mut tap = Odometer::starting_at(outer.iter().map(|axis| axis.taps).collect(), 0);
        out.fill(A::default());
        for weights in self.weights.chunks_exact(self.extension.inner().taps) {
            let source = self.extension.row(outer.iter().enumerate().map(|(a, axis)| {
                axis.start(output.at()[a]) + (tap.at()[a] * axis.tap_step()) as isize
            }));
            self.accumulate_row(x, source, weights, columns.clone(), out, scratch);
            tap.advance();
        }
    }

    /// Adds one row of taps over one row of the extended input to `out`.
    fn accumulate_row(
        &self,
        x: &[A],
        source: Row<A>,
        weights: &[A],
        columns: Range<usize>,
        out: &mut [A],
        scratch: &mut Vec<A>,
    ) {
        let axis = self.extension.inner();
        let zeros = source == Row::Outside(A::default())
            && self.extension.values[self.extension.values.len() - 1] == A::default();
        if zeros && self.finite {
            return;
        }
        // In place where the window lies within a stored row, from the extended row elsewhere.
        let inside = match source {
            Row::Stored(_) => axis.interior(),
            Row::Outside(_) => 0..0,
        };
        let first = inside.start.clamp(columns.start, columns.end);
        let end = inside.end.clamp(first, columns.end);
        for edge in [columns.start..first, end..columns.end] {
            let out = &mut out[edge.start - columns.start..edge.end - columns.start];
            self.accumulate_edge(x, source, weights, edge.start, out, scratch);
        }
        if let Row::Stored(at) = source
            && first < end
        {
            let x = &x[at + axis.start(first) as usize..at + axis.samples()];
            self.accumulate(
                x,
                weights,
                first,
                &mut out[first - columns.start..end - columns.start],
            );
        }
    }

    /// Adds one row of taps to outputs whose windows leave the stored row.
    fn accumulate_edge(
        &self,
        x: &[A],
        source: Row<A>,
        weights: &[A],
        first: usize,
        out: &mut [A],
        scratch: &mut Vec<A>,
    ) {
        let axis = self.extension.inner();
        if out.is_empty() {
            return;
        }
        if axis.stride > WIDE_STRIDE {
            for (o, out) in out.iter_mut().enumerate() {
                let start = axis.start(first + o);
                for (t, &w) in weights.iter().enumerate() {
                    let p = start + (t * axis.tap_step()) as isize;
                    *out = out.mul_add(w, self.extension.sample(x, source, p));
                }
            }
            return;
        }
        let start = axis.start(first);
        let span = (axis.start(first + out.len() - 1) - start) as usize + 1;
        // The extended row under as many taps as at most double it: taps may be so far apart that
        // most of the row under all of them would not be read.
        let group = span / axis.tap_step() + 1;
        for (g, weights) in weights.chunks(group).enumerate() {
            scratch.resize(span + (weights.len() - 1) * axis.tap_step(), A::default());
            let first_tap = (g * group * axis.tap_step()) as isize;
            self.extension.fill(x, source, start + first_tap, scratch);
            self.accumulate(scratch, weights, first, out);
        }
    }

    /// Adds `sum over t of w[t] * x[..]` to the outputs from `first` on; `x` starts under the
    /// first tap of output `first`.
    fn accumulate(&self, x: &[A], weights: &[A], first: usize, out: &mut [A]) {
        let axis = self.extension.inner();
        let step = axis.tap_step();
        if axis.stride == 1 {
            return accumulate_unit_stride(x, weights, step, out);
        }
        let start = axis.advance(first);
        for (o, out) in out.iter_mut().enumerate() {
            let x = &x[axis.advance(first + o) - start..];
            *out =
                weights.iter().enumerate().fold(*out, |sum, (t, &w)| sum.mul_add(w, x[t * step]));
        }
    }
}

/// Beyond this stride most of an extended row would be built for nothing: samples at the ends are
/// then looked up one by one.
const WIDE_STRIDE: usize = 8;

/// Outputs that stay in registers while the taps of a row pass over them: 128 bytes, eight
/// vectors of the narrowest instruction set that every x86-64 and AArch64 machine has.
const REGISTER_BYTES: usize = 128;

fn accumulate_unit_stride<A: Element>(x: &[A], weights: &[A], step: usize, out: &mut [A]) {
    match REGISTER_BYTES / size_of::<A>() {
        128 => accumulate_blocks::<A, 128>(x, weights, step, out),
        64 => accumulate_blocks::<A, 64>(x, weights, step, out),
        32 => accumulate_blocks::<A, 32>(x, weights, step, out),
        16 => accumulate_blocks::<A, 16>(x, weights, step, out),
        _ => accumulate_blocks::<A, 8>(x, weights, step, out),
    }
}

fn accumulate_blocks<A: Element, const N: usize>(
    x: &[A],
    weights: &[A],
    step: usize,
    out: &mut [A],
) {
    let (blocks, tail) = out.as_chunks_mut::<N>();
    for (b, block) in blocks.iter_mut().enumerate() {
        let mut sums = *block;
        for (t, &w) in weights.iter().enumerate() {
            let x: &[A; N] = x[b * N + t * step..].first_chunk().expect("the window lies in x");
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum = sum.mul_add(w, x);
            }
        }
        *block = sums;
    }
    let done = blocks.len() * N;
    for (t, &w) in weights.iter().enumerate() {
        for (sum, &x) in tail.iter_mut().zip(&x[done + t * step..]) {
            *sum = sum.mul_add(w, x);
        }
    }
}
