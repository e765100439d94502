//! FFT convolution by overlap-save, in blocks of any rank.
//!
//! Along each axis a block of `N` samples of the extended input gives `N - reach` outputs: the
//! circular convolution of length `N` is the linear one wherever no window wraps around
//! (Oppenheim & Schafer, Discrete-Time Signal Processing, section 8.7.3). Every output comes from
//! exactly one block, so blocks run in parallel and a block can be left to another method.

mod block;
pub(crate) mod line;
mod range;
pub(crate) mod size;

pub(crate) use block::Fft;
