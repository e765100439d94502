//! Rows of samples with gaps between them: parts of larger pictures, and rows that are padded.

/// How rows lie that have gaps between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gaps {
    /// Samples of a row.
    row: usize,
    /// Samples from the start of one row to that of the next.
    pitch: usize,
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

/// Rows of one length.
#[derive(Debug)]
pub struct Rows<'x, T> {
    samples: &'x [T],
    row: usize,
    pitch: usize,
}

impl<T> Clone for Rows<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<'_, T> {}

impl<'x, T> Rows<'x, T> {
    /// So many rows of this length, each of which starts `pitch` samples after the one before it. They lie
    /// within `samples`.
    pub(crate) fn new(samples: &'x [T], rows: usize, row: usize, pitch: usize) -> Self {
        let end = rows.checked_sub(1).map_or(0, |before| before * pitch + row);
        let pitch = if rows <= 1 { row } else { pitch };
        Self { samples: &samples[..end], row, pitch }
    }

    /// The samples, where there are no gaps.
    pub(crate) fn without_gaps(self) -> Option<&'x [T]> {
        (self.row == self.pitch).then_some(self.samples)
    }

    /// All samples, those in gaps too, and how the rows lie in them if they have gaps.
    pub(crate) fn parts(self) -> (&'x [T], Option<Gaps>) {
        let gaps = Gaps { row: self.row, pitch: self.pitch };
        (self.samples, (self.row != self.pitch).then_some(gaps))
    }

    /// A row.
    pub(crate) fn row(self, number: usize) -> &'x [T] {
        &self.samples[number * self.pitch..][..self.row]
    }

    /// All rows.
    pub(crate) fn rows(self) -> impl Iterator<Item = &'x [T]> {
        // A row of nothing has no chunks.
        let row = self.row;
        self.samples.chunks(self.pitch.max(1)).map(move |samples| &samples[..row])
    }

    /// Samples without the gaps.
    pub(crate) fn len(self) -> usize {
        self.rows().count() * self.row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_over_their_gaps() {
        let all: Vec<u8> = (0..17).collect();
        let rows = Rows::new(&all, 3, 4, 6);
        assert_eq!(rows.rows().collect::<Vec<_>>(), [[0, 1, 2, 3], [6, 7, 8, 9], [12, 13, 14, 15]]);
        assert_eq!((rows.len(), rows.row(1), rows.without_gaps()), (12, &all[6..10], None));
        let (samples, gaps) = rows.parts();
        let gaps = gaps.unwrap();
        for start in 0..12 {
            for end in start..=12 {
                let mut found = vec![99; end - start];
                gaps.each_row(start, &mut found, |from, place, to| {
                    to.copy_from_slice(&samples[from + place..][..to.len()]);
                });
                let expected: Vec<u8> = (start..end).map(|at| samples[gaps.place(at)]).collect();
                assert_eq!(found, expected, "{start}..{end}");
            }
        }
        let whole = Rows::new(&all, 4, 4, 4);
        assert_eq!((whole.len(), whole.without_gaps()), (16, Some(&all[..16])));
        // The gap behind a single row is none.
        assert_eq!(Rows::new(&all, 1, 4, 6).without_gaps(), Some(&all[..4]));
    }
}
