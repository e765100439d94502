//! Whether there is memory for a case, before anything is made.

use std::hint::black_box;

use anyhow::{Context, Result};

use super::cases::{Samples, Set, as_an_option};
use crate::with_dtype;

/// The most bytes of samples: what is measured needs several times as many.
const MOST_BYTES: u64 = 1 << 34;
/// The most taps of a kernel.
const MOST_TAPS: usize = 1 << 26;
/// The samples, a result, one that it is compared with, and what a way works with.
const TIMES: usize = 4;

/// An error where there is no memory for this, before anything is made.
pub fn fits(set: &Set) -> Result<()> {
    if let Samples::Array { dtype, shape, .. } = &set.samples {
        let name = || format!("--shape {}", as_an_option(shape));
        let bytes = product(shape).and_then(|len| len.checked_mul(with_dtype!(*dtype, size_of())));
        let bytes = bytes.filter(|&bytes| bytes as u64 <= MOST_BYTES).with_context(|| {
            format!("{}: expected at most {} GiB of samples", name(), MOST_BYTES >> 30)
        })?;
        reserved(bytes.saturating_mul(TIMES)).with_context(name)?;
    }
    for kernel in &set.kernels {
        let name = || format!("--kernel-shape {}", as_an_option(&kernel.shape));
        let taps = product(&kernel.shape).filter(|&taps| taps <= MOST_TAPS);
        let taps =
            taps.with_context(|| format!("{}: expected at most {MOST_TAPS} taps", name()))?;
        reserved(taps.saturating_mul(TIMES * size_of::<f64>())).with_context(name)?;
    }
    Ok(())
}

fn product(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |len, &n| len.checked_mul(n))
}

/// Whether the system would give so many bytes; none of them is touched.
fn reserved(bytes: usize) -> Result<()> {
    let mut memory = Vec::<u8>::new();
    let given = memory.try_reserve_exact(bytes);
    // Compilers leave out what nobody looks at.
    black_box(&memory);
    given.ok().with_context(|| format!("no memory for {bytes} bytes"))
}
