//! FFT convolution by overlap-save, in blocks of any rank.
//!
//! Along each axis a block of `N` samples of the extended input gives `N - reach` outputs: the
//! circular convolution of length `N` is the linear one wherever no window wraps around
//! (Oppenheim & Schafer, Discrete-Time Signal Processing, section 8.7.3). Every output comes from
//! exactly one block, so blocks run in parallel and a block can be left to another method.
//!
//! Blocks of real numbers go in pairs, as the real and the imaginary part of one complex
//! transform.

mod again;
mod along;
mod block;
mod boxes;
mod columns;
mod core;
mod double;
mod doubts;
mod glance;
mod guard;
mod kernel;
mod outcome;
mod pack;
mod range;
mod share;
mod silence;
mod slide;
mod sparse;
mod steps;
mod survey;
mod sweep;
#[cfg(test)]
mod tests;
mod transform;
mod windows;

pub(crate) use block::Fft;
