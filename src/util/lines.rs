//! Memory for vectors.

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::error::Result;
use crate::util::memory;

/// Elements that begin with a line of the cache: vectors of them do not lie in two.
#[derive(Clone, Debug)]
pub(crate) struct Lines<A> {
    lines: Vec<Line>,
    elements: PhantomData<A>,
}

/// A line of the cache.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line([u8; 64]);

impl<A: Pod> Lines<A> {
    /// At least as many zeros.
    pub(crate) fn new(len: usize, what: &'static str) -> Result<Self> {
        let lines = (len * size_of::<A>()).div_ceil(size_of::<Line>());
        Ok(Self { lines: memory::zeros(lines, what)?, elements: PhantomData })
    }
}

impl<A: Pod> Deref for Lines<A> {
    type Target = [A];

    fn deref(&self) -> &[A] {
        cast_slice(&self.lines)
    }
}

impl<A: Pod> DerefMut for Lines<A> {
    fn deref_mut(&mut self) -> &mut [A] {
        cast_slice_mut(&mut self.lines)
    }
}
