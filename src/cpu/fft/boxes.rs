//! Places in boxes, counted in standard order.

/// Rows of a box.
pub(super) fn rows_of(shape: &[usize]) -> usize {
    shape[..shape.len() - 1].iter().product()
}

/// The place in a corner of shape `part` of the sample whose place in a box of shape `size` is
/// `flat`, if it lies in there.
pub(super) fn within(flat: usize, size: &[usize], part: &[usize]) -> Option<usize> {
    let (mut rest, mut place, mut inner) = (flat, 0, 1);
    for (&size, &part) in size.iter().zip(part).rev() {
        if rest % size >= part {
            return None;
        }
        place += rest % size * inner;
        rest /= size;
        inner *= part;
    }
    Some(place)
}

/// The place in a box of shape `size` of the sample whose place in its corner of shape `part` is
/// `flat`, both in standard order.
pub(super) fn embed(flat: usize, part: &[usize], size: &[usize]) -> usize {
    let (mut rest, mut place, mut inner) = (flat, 0, 1);
    for (&part, &size) in part.iter().zip(size).rev() {
        place += rest % part * inner;
        rest /= part;
        inner *= size;
    }
    place
}
