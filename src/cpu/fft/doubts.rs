//! Outputs of a block that a transform does not give.

use std::ops::Range;

use crate::error::Result;
use crate::util::memory;

/// Some outputs of a few rows of patches.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Doubt {
    /// The rows' places along the outer axes, as numbers in standard order.
    pub rows: Range<usize>,
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

impl Doubt {
    /// Whether one of the next row can be joined to it: without computing much that is in neither.
    fn takes(&self, next: &Self) -> bool {
        let follows = self.rows.end == next.rows.start && self.rows.len() < TALL;
        if !follows || self.known != next.known {
            return false;
        }
        let patches = self.with(next).len();
        let more = patches * (self.rows.len() + 1)
            - (self.patches.len() * self.rows.len() + next.patches.len());
        match self.known {
            Some(_) => more == 0,
            None => more <= patches * self.rows.len() / 4,
        }
    }

    /// The patches of either, and those between.
    fn with(&self, other: &Self) -> Range<usize> {
        self.patches.start.min(other.patches.start)..self.patches.end.max(other.patches.end)
    }
}

/// Rows that are joined: a few tiles of the direct method, beyond which little is shared.
const TALL: usize = 8;

/// Doubts that one of the next row is compared with.
const NEAR: usize = 16;

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

    /// Patches that are to be computed.
    pub(super) fn unknown(&self) -> usize {
        let unknown = self.0.iter().filter(|doubt| doubt.known.is_none());
        unknown.map(|doubt| doubt.rows.len() * doubt.patches.len()).sum()
    }

    /// Adds patches to what was found, together with others of their row that are no further away than
    /// `gap`.
    pub(super) fn note(
        &mut self,
        row: usize,
        patches: Range<usize>,
        known: Option<Known>,
        gap: usize,
    ) -> Result<()> {
        let gap = if known.is_some() { 0 } else { gap };
        let here = self.0.iter_mut().rev().take_while(|doubt| doubt.rows.start == row);
        match here.take(KINDS).find(|doubt| doubt.known == known) {
            Some(doubt) if patches.start - doubt.patches.end <= gap => {
                doubt.patches.end = patches.end;
            }
            _ => {
                let len = self.0.len();
                if len == self.0.capacity() {
                    memory::reserve(&mut self.0, len.max(KINDS), "a look at a block")?;
                }
                self.0.push(Doubt { rows: row..row + 1, patches, known });
            }
        }
        Ok(())
    }

    /// Joins those of neighbouring rows, of which a plane has so many: rows that are computed together share
    /// their samples.
    pub(super) fn join(&mut self, plane: usize) {
        let mut joined = 0;
        for i in 0..self.0.len() {
            let doubt = self.0[i].clone();
            let below = |above: &Doubt| above.takes(&doubt);
            let first = joined - joined.min(NEAR);
            let in_plane = !doubt.rows.start.is_multiple_of(plane);
            match (first..joined).rev().find(|&j| in_plane && below(&self.0[j])) {
                Some(j) => {
                    let above = &mut self.0[j];
                    above.patches = above.with(&doubt);
                    above.rows.end = doubt.rows.end;
                }
                None => {
                    self.0[joined] = doubt;
                    joined += 1;
                }
            }
        }
        self.0.truncate(joined);
    }

    /// Gives memory back of which few blocks need that much.
    pub(super) fn trim(&mut self) {
        if self.0.capacity() > MOST {
            self.0 = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Doubts of these rows and patches, of a plane of so many rows, joined.
    fn joined(doubts: &[(usize, Range<usize>, Option<Known>)], plane: usize) -> Vec<Doubt> {
        let mut all = Doubts::default();
        for (row, patches, known) in doubts {
            for p in patches.clone() {
                all.note(*row, p..p + 1, *known, 0).expect("memory");
            }
        }
        all.join(plane);
        all.0
    }

    fn doubt(rows: Range<usize>, patches: Range<usize>, known: Option<Known>) -> Doubt {
        Doubt { rows, patches, known }
    }

    #[test]
    fn neighbouring_rows_are_computed_together() {
        let found = joined(&[(2, 4..20, None), (3, 5..21, None), (4, 5..22, None)], 9);
        assert_eq!(found, [doubt(2..5, 4..22, None)]);
        // Not where much would be computed for nothing, nor over a gap, nor over the end of a plane.
        let apart = [(2, 4..8, None), (3, 8..12, None), (5, 8..12, None), (6, 8..12, None)];
        let expected =
            apart.clone().map(|(row, patches, known)| doubt(row..row + 1, patches, known));
        assert_eq!(joined(&apart, 3), expected);
        // What is known is known of those patches alone.
        let zeros = |row, patches| (row, patches, Some(Known::Zero));
        let found = joined(&[zeros(0, 0..9), zeros(1, 0..9), zeros(2, 0..8), (3, 0..8, None)], 9);
        let zeros = |rows, patches| doubt(rows, patches, Some(Known::Zero));
        assert_eq!(found, [zeros(0..2, 0..9), zeros(2..3, 0..8), doubt(3..4, 0..8, None)]);
    }

    #[test]
    fn all_that_is_doubtful_is_in_one_of_them() {
        // Bands that run across the rows, of two kinds.
        let bands: Vec<_> = (0..40)
            .flat_map(|row| {
                let start = 3 * row / 2;
                let nan = Some(Known::Nan);
                [(row, start..start + 12, None), (row, start + 12..start + 20, nan)]
            })
            .collect();
        let found = joined(&bands, 20);
        assert!(found.len() < bands.len() && found.iter().all(|doubt| doubt.rows.len() <= TALL));
        for (row, patches, known) in bands {
            let holds = |doubt: &&Doubt| doubt.rows.contains(&row) && doubt.known == known;
            for p in patches {
                let of = found.iter().filter(holds).filter(|doubt| doubt.patches.contains(&p));
                assert!(of.count() > 0, "row {row}, patch {p}");
            }
        }
    }
}
