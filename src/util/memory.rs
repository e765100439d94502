//! Memory that grows with the input or the kernel: where the system has none, that is an error and not
//! the end of the process.

use bytemuck::Zeroable;
use ndarray::{Array, ArrayRef, Dimension};

use crate::error::{Error, Result};

/// So many zeros. Pages come untouched from the system, where a filled `Vec` would touch each of them:
/// the threads that write them do.
pub(crate) fn zeros<T: Zeroable>(len: usize, what: &'static str) -> Result<Vec<T>> {
    let memory = bytemuck::allocation::try_zeroed_slice_box(len);
    let mut memory = memory.map_err(|()| refused::<T>(len, what))?;
    ask_for_huge_pages(&mut memory);
    Ok(memory.into())
}

/// Whether so many bytes come in huge pages, two of them at least.
pub(crate) fn has_huge_pages(bytes: usize) -> bool {
    cfg!(target_os = "linux") && bytes >= 4 << 20
}

/// Asks the system for pages of megabytes where there are several of them: each page costs about as
/// much at its first touch as filling it does (64 MB on two threads: 13.7 ms in pages of 4 KiB, 4.2 in huge ones).
#[cfg(target_os = "linux")]
fn ask_for_huge_pages<T>(memory: &mut [T]) {
    const PAGE: usize = 4096;
    let bytes = size_of_val(memory);
    if !has_huge_pages(bytes) {
        return;
    }
    let start = memory.as_mut_ptr().cast::<u8>();
    let before = start.align_offset(PAGE);
    if before >= bytes {
        return;
    }
    // SAFETY: the range lies within the slice. The advice changes what its pages are, not what they hold; a
    // system that does not take it says so, and nothing is lost.
    unsafe { libc::madvise(start.add(before).cast(), bytes - before, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages<T>(_: &mut [T]) {}

/// An empty vector with room for so many.
pub(crate) fn room<T>(len: usize, what: &'static str) -> Result<Vec<T>> {
    let mut room = Vec::new();
    reserve(&mut room, len, what)?;
    Ok(room)
}

/// Makes room for so many more.
pub(crate) fn reserve<T>(of: &mut Vec<T>, more: usize, what: &'static str) -> Result<()> {
    of.try_reserve_exact(more).map_err(|_| refused::<T>(of.len().saturating_add(more), what))
}

/// Makes room for one more, and for others that may follow.
pub(crate) fn reserve_one<T>(of: &mut Vec<T>, what: &'static str) -> Result<()> {
    of.try_reserve(1).map_err(|_| refused::<T>(of.len().saturating_add(1), what))
}

/// A copy.
pub(crate) fn copied<T: Copy>(values: &[T], what: &'static str) -> Result<Vec<T>> {
    let mut copy = room(values.len(), what)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// A copy of an array, in standard order.
pub(crate) fn copied_array<T: Copy, D: Dimension>(
    array: &ArrayRef<T, D>,
    what: &'static str,
) -> Result<Array<T, D>> {
    let all = collected(array.iter().copied(), array.len(), what)?;
    Ok(Array::from_shape_vec(array.raw_dim(), all).expect("the length is the shape's"))
}

/// All of these, of which there are so many.
pub(crate) fn collected<T>(
    values: impl IntoIterator<Item = T>,
    len: usize,
    what: &'static str,
) -> Result<Vec<T>> {
    let mut all = room(len, what)?;
    all.extend(values.into_iter().take(len));
    Ok(all)
}

/// Gives a buffer that is used again its length; what it holds may be anything.
pub(crate) fn fit<T: Zeroable + Clone>(
    buffer: &mut Vec<T>,
    len: usize,
    what: &'static str,
) -> Result<()> {
    if len > buffer.capacity() {
        // Not both at one time.
        *buffer = Vec::new();
        *buffer = zeros(len, what)?;
    }
    buffer.resize(len, T::zeroed());
    Ok(())
}

fn refused<T>(len: usize, what: &'static str) -> Error {
    Error::OutOfMemory { what, bytes: len.saturating_mul(size_of::<T>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_memory_can_hold_is_an_error() {
        let error = zeros::<f64>(usize::MAX / 16, "a test").expect_err("too much");
        assert_eq!(error, Error::OutOfMemory { what: "a test", bytes: usize::MAX / 16 * 8 });
        assert!(zeros::<f64>(usize::MAX, "a test").is_err());
        assert!(room::<f64>(usize::MAX / 16, "a test").is_err());
        let mut buffer = vec![1u8; 3];
        assert!(fit(&mut buffer, usize::MAX / 2, "a test").is_err());
        fit(&mut buffer, 5, "a test").expect("a few bytes");
        assert_eq!(buffer.len(), 5);
        assert_eq!(zeros::<u8>(0, "a test"), Ok(Vec::new()));
    }
}
