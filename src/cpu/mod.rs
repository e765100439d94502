//! Executors on the CPU. They see a canonical geometry, weights and slices in standard order.

pub(crate) mod direct;
pub(crate) mod extended;
pub(crate) mod fft;
pub(crate) mod separable;
pub(crate) mod simd;
pub(crate) mod threads;
