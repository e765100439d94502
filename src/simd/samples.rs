//! Samples as they are stored: numbers, or levels that become numbers in registers.

use crate::simd::prefetch;

/// Samples that are read, from some one on.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'x, A> {
    /// As numbers.
    Numbers(&'x [A]),
    /// Of 8 bits.
    Bytes(&'x [u8]),
    /// Of 16 bits.
    Words(&'x [u16]),
}

impl<A> Samples<'_, A> {
    /// Those from another one on.
    pub fn starting_at(self, at: usize) -> Self {
        match self {
            Self::Numbers(x) => Self::Numbers(&x[at..]),
            Self::Bytes(x) => Self::Bytes(&x[at..]),
            Self::Words(x) => Self::Words(&x[at..]),
        }
    }

    /// So many of them.
    pub fn first(self, len: usize) -> Self {
        match self {
            Self::Numbers(x) => Self::Numbers(&x[..len]),
            Self::Bytes(x) => Self::Bytes(&x[..len]),
            Self::Words(x) => Self::Words(&x[..len]),
        }
    }
}

/// Where sums are stored: as numbers, or as the nearest levels.
#[derive(Debug)]
pub enum Sums<'y, A> {
    /// As numbers.
    Numbers(&'y mut [A]),
    /// Of 8 bits.
    Bytes(&'y mut [u8]),
    /// Of 16 bits.
    Words(&'y mut [u16]),
}

impl<A> Sums<'_, A> {
    /// Asks for places that will be written soon.
    pub fn prefetch(&self, at: usize, len: usize) {
        match self {
            Self::Numbers(y) => prefetch(y, at, len),
            Self::Bytes(y) => prefetch(y, at, len),
            Self::Words(y) => prefetch(y, at, len),
        }
    }
}
