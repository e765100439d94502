//! Rows of samples with gaps between them: parts of larger pictures, and rows that are padded.

/// How rows lie that have gaps between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gaps {
    /// Samples of a row.
    pub(super) row: usize,
    /// Samples from the start of one row to that of the next.
    pub(super) pitch: usize,
}

impl Gaps {
    /// Calls `read` for a run of samples, which are counted without the gaps, row by row: with where a row
    /// starts, with the place in it, and with where its samples belong.
    pub(crate) fn each_row<C>(
        self,
        at: usize,
        mut to: &mut [C],
        mut read: impl FnMut(usize, usize, &mut [C]),
    ) {
        let (mut row, mut place) = (at / self.row, at % self.row);
        while !to.is_empty() {
            let (now, later) = to.split_at_mut(to.len().min(self.row - place));
            read(row * self.pitch, place, now);
            (row, place, to) = (row + 1, 0, later);
        }
    }

    /// Where a sample lies that is counted without the gaps.
    pub(crate) fn place(self, at: usize) -> usize {
        // Whoever only asks for samples ahead of time may name any place.
        (at / self.row).wrapping_mul(self.pitch).wrapping_add(at % self.row)
    }
}
