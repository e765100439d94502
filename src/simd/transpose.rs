//! Matrices turned over, in squares that stay in registers.

use fearless_simd::Simd;

use crate::simd::complex::Spectral;

/// A matrix to be turned over: `from[i * from_step + j]` becomes `to[j * to_step + i]`.
pub struct Turn<'a, C> {
    pub from: &'a [C],
    pub from_step: usize,
    pub rows: usize,
    pub columns: usize,
    pub to: &'a mut [C],
    pub to_step: usize,
}

/// Turns a matrix over.
#[inline(always)]
pub(crate) fn transpose<S: Simd, C: Spectral>(simd: S, turn: Turn<'_, C>) {
    let Turn { from, from_step, rows, columns, to, to_step } = turn;
    let side = C::count::<S>();
    let [whole_rows, whole_columns] = [rows, columns].map(|n| n - n % side);
    for i in (0..whole_rows).step_by(side) {
        for j in (0..whole_columns).step_by(side) {
            let (from, to) = (&from[i * from_step + j..], &mut to[j * to_step + i..]);
            C::turn(simd, from, from_step, to, to_step);
        }
    }
    for i in 0..rows {
        let first = if i < whole_rows { whole_columns } else { 0 };
        for j in first..columns {
            to[j * to_step + i] = from[i * from_step + j];
        }
    }
}
