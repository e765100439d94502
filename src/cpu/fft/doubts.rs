//! Outputs of a block that a transform does not give.

use std::ops::Range;

use crate::error::Result;
use crate::util::memory;

/// Some outputs of one row of patches.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Doubt {
    /// The row's place along the outer axes, as one number in standard order.
    pub row: usize,
    /// Patches.
    pub patches: Range<usize>,
    /// What all of them are, where that is known without computing them.
    pub known: Option<Known>,
}

/// Outputs that need no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Their windows are zeros.
    Zero,
    /// A NaN is in their windows: no tap is skipped.
    Nan,
}

/// Kinds of doubts.
const KINDS: usize = 3;

/// Doubts whose memory is kept from call to call.
const MOST: usize = 1 << 12;

/// What was found in a block, row by row.
#[derive(Debug, Default)]
pub(super) struct Doubts(Vec<Doubt>);

impl Doubts {
    /// Bytes that are kept from call to call.
    pub(super) const BYTES: usize = MOST * size_of::<Doubt>();

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Doubt> {
        self.0.iter()
    }

    /// Adds a patch to what was found, together with others of its row that are no further away than
    /// `gap`.
    pub(super) fn note(
        &mut self,
        row: usize,
        p: usize,
        known: Option<Known>,
        gap: usize,
    ) -> Result<()> {
        let gap = if known.is_some() { 0 } else { gap };
        let here = self.0.iter_mut().rev().take_while(|doubt| doubt.row == row);
        match here.take(KINDS).find(|doubt| doubt.known == known) {
            Some(doubt) if p - doubt.patches.end <= gap => doubt.patches.end = p + 1,
            _ => {
                let len = self.0.len();
                if len == self.0.capacity() {
                    memory::reserve(&mut self.0, len.max(KINDS), "a look at a block")?;
                }
                self.0.push(Doubt { row, patches: p..p + 1, known });
            }
        }
        Ok(())
    }

    /// Gives memory back of which few blocks need that much.
    pub(super) fn trim(&mut self) {
        if self.0.capacity() > MOST {
            self.0 = Vec::new();
        }
    }
}
