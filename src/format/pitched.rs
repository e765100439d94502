//! Rows of samples that may have gaps between them: those of a picture.

use std::ops::Range;

use super::gaps::Gaps;

/// Samples of a picture: rows of one length, which may have gaps between them.
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

    /// Some samples of some rows.
    pub(crate) fn part(self, rows: Range<usize>, samples: Range<usize>) -> Self {
        let from = &self.samples[rows.start * self.pitch + samples.start..];
        Self::new(from, rows.len(), samples.len(), self.pitch)
    }

    /// Samples of a row.
    pub(crate) fn row_len(self) -> usize {
        self.row
    }

    /// Copies all rows, one behind the other.
    pub(crate) fn pack(self, to: &mut [T])
    where
        T: Copy,
    {
        for (to, row) in to.chunks_exact_mut(self.row.max(1)).zip(self.rows()) {
            to.copy_from_slice(row);
        }
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
