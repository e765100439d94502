//! Executors on the CPU. They see a canonical geometry, weights and slices in standard order.

pub(crate) mod coarse;
pub(crate) mod direct;
pub(crate) mod fft;
pub(crate) mod separable;
