//! Rows of the continued input that one tile has read and the next one reads again.

use crate::element::compute::Compute;
use crate::error::Result;
use crate::problem::extension::Row;
use crate::util::memory;

/// What lies in which slot of a window, and where the rows under a tile go.
pub(super) struct KeptRows<A> {
    /// The first column that the slots are of.
    column: usize,
    slots: Vec<Option<Row<A>>>,
    taken: Vec<bool>,
    places: Vec<Place>,
}

/// Where a row lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub slot: usize,
    /// Whether it has to be put there.
    pub is_new: bool,
}

const WHAT: &str = "the rows under a tile";

impl<A> Default for KeptRows<A> {
    fn default() -> Self {
        Self { column: 0, slots: Vec::new(), taken: Vec::new(), places: Vec::new() }
    }
}

impl<A: Compute> KeptRows<A> {
    /// Nothing is kept any more.
    pub(super) fn forget(&mut self) {
        self.slots.clear();
    }

    /// Finds places for rows, whose first column this is, where those that are kept stay. There are as
    /// many slots as the most rows that were ever asked for.
    pub(super) fn place(&mut self, rows: &[Row<A>], column: usize) -> Result<&[Place]> {
        let Self { slots, taken, places, .. } = self;
        if self.column != column {
            slots.clear();
        }
        self.column = column;
        places.clear();
        memory::reserve(places, rows.len(), WHAT)?;
        // Those of the last tile follow each other, from some slot on.
        let (before, mut next) = (slots.len(), 0);
        if before < rows.len() {
            memory::reserve(slots, rows.len() - before, WHAT)?;
            slots.resize(rows.len(), None);
        }
        taken.clear();
        memory::reserve(taken, slots.len(), WHAT)?;
        taken.resize(slots.len(), false);
        for &row in rows {
            let found = (next..before).chain(0..next).find(|&slot| slots[slot] == Some(row));
            if let Some(slot) = found {
                taken[slot] = true;
                next = slot + 1;
            }
            places.push(Place { slot: found.unwrap_or(0), is_new: found.is_none() });
        }
        let mut free = 0;
        for (&row, place) in rows.iter().zip(places.iter_mut()) {
            if place.is_new {
                free += taken[free..].iter().take_while(|taken| **taken).count();
                slots[free] = Some(row);
                place.slot = free;
                free += 1;
            }
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kept: &mut KeptRows<f32>, rows: &[usize], column: usize) -> Vec<(usize, bool)> {
        let rows: Vec<_> = rows.iter().map(|&at| Row::Stored(at)).collect();
        let places = kept.place(&rows, column).expect("memory");
        places.iter().map(|place| (place.slot, place.is_new)).collect()
    }

    #[test]
    fn rows_that_stay_are_not_read_again() {
        let mut kept = KeptRows::default();
        let new = [(0, true), (1, true), (2, true)];
        assert_eq!(place(&mut kept, &[0, 10, 20], 0), new);
        assert_eq!(place(&mut kept, &[10, 20, 30], 0), [(1, false), (2, false), (0, true)]);
        assert_eq!(place(&mut kept, &[20], 0), [(2, false)]);
        // A row that is read twice, as at a mirror.
        assert_eq!(place(&mut kept, &[30, 20, 30], 0), [(0, false), (2, false), (0, false)]);
        assert_eq!(place(&mut kept, &[30, 20, 30], 8), new);
        kept.forget();
        assert_eq!(place(&mut kept, &[30, 20, 30], 8), new);
    }

    #[test]
    fn rows_of_nan_are_never_taken_for_others() {
        let mut kept = KeptRows::default();
        let rows = [Row::Outside(f32::NAN), Row::Stored(5), Row::Outside(f32::NAN)];
        for _ in 0..3 {
            let places = kept.place(&rows, 0).expect("memory");
            let mut slots: Vec<_> = places.iter().map(|place| place.slot).collect();
            slots.sort_unstable();
            assert_eq!(slots, [0, 1, 2]);
        }
    }
}
