//! What no other room is about: caches, memory, threads, files, clocks.

pub(crate) mod disk;
pub(crate) mod lines;
pub(crate) mod lru;
pub(crate) mod memory;
pub(crate) mod scratch;
pub(crate) mod shared;
pub(crate) mod shared_scratch;
pub(crate) mod threads;
pub(crate) mod timing;

/// The greatest common divisor; 0 of two zeros. Of signed numbers it may be negative.
pub(crate) fn gcd<T>(a: T, b: T) -> T
where
    T: Copy + PartialEq + Default + std::ops::Rem<Output = T>,
{
    if b == T::default() { a } else { gcd(b, a % b) }
}
