//! Executors on the CPU. They see a canonical geometry, weights and slices in standard order.

pub(crate) mod direct;
pub(crate) mod extended;
pub(crate) mod fft;
mod lines;
pub(crate) mod separable;
pub(crate) mod simd;
pub(crate) mod threads;
