//! The only file that knows how work is spread over threads. After an error, which is returned, work
//! that has not begun is left out.

use crate::error::Result;

/// Threads that work can be spread over.
#[cfg(feature = "rayon")]
pub(crate) fn available() -> usize {
    if has_pool() { rayon::current_num_threads() } else { 1 }
}

/// Whether there is a pool of threads: rayon panics at every use of one that could not be started.
#[cfg(feature = "rayon")]
fn has_pool() -> bool {
    use std::error::Error;
    static STARTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let start = || match rayon::ThreadPoolBuilder::new().build_global() {
        Ok(()) => true,
        // That somebody else has started it before is an error without a cause.
        Err(error) => error.source().is_none(),
    };
    rayon::current_thread_index().is_some() || *STARTED.get_or_init(start)
}

/// Threads that work can be spread over: without the feature `rayon`, the caller's.
#[cfg(not(feature = "rayon"))]
pub(crate) fn available() -> usize {
    1
}

/// Into how many pieces work for `threads` threads should be cut: a few for each thread, so that
/// a slow one can be helped, but no more than there are threads allowed where that is fewer than
/// the pool has.
#[cfg(feature = "rayon")]
fn pieces(threads: usize) -> usize {
    if threads > 1 && threads >= available() { 4 * threads } else { threads }
}

/// Calls `work` with each chunk of `len` items and its number, on up to `threads` threads. Chunks
/// are much work each, so every one of them may move to an idle thread.
pub(crate) fn for_each_chunk<T: Send>(
    items: &mut [T],
    len: usize,
    threads: usize,
    work: impl Fn(usize, &mut [T]) -> Result<()> + Sync + Send,
) -> Result<()> {
    #[cfg(feature = "rayon")]
    if threads > 1 && items.len() > len && has_pool() {
        use rayon::prelude::*;
        let chunks = items.len().div_ceil(len);
        let least = if threads >= available() { 1 } else { chunks.div_ceil(threads) };
        let chunks = items.par_chunks_mut(len).enumerate().with_min_len(least);
        return chunks.try_for_each(|(i, chunk)| work(i, chunk));
    }
    let _ = threads;
    items.chunks_mut(len).enumerate().try_for_each(|(i, chunk)| work(i, chunk))
}

/// What can be cut into pieces that threads write to.
#[cfg_attr(not(feature = "rayon"), expect(dead_code, reason = "one thread cuts nothing"))]
pub(crate) trait Cut: Send + Sized {
    /// Elements.
    fn len(&self) -> usize;
    /// Those before `at`, and the others.
    fn cut(self, at: usize) -> (Self, Self);
}

/// Threads, and what may follow from how many they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers {
    /// Threads.
    pub threads: usize,
    /// Whether work is cut by its shape alone, so that results have the same bits on any number of
    /// threads, even where some of them are left without any.
    pub by_shape: bool,
}

impl From<usize> for Workers {
    fn from(threads: usize) -> Self {
        Self { threads, by_shape: false }
    }
}

/// Cuts `out` into up to `most` contiguous pieces, where `cut` says the permitted cut nearest to an index,
/// and calls `work` with each piece and the index where it starts, on up to `threads` threads.
pub(crate) fn for_each_part<O: Cut>(
    out: O,
    threads: usize,
    most: usize,
    cut: impl Fn(usize) -> usize + Sync,
    work: impl Fn(usize, O) -> Result<()> + Sync + Send,
) -> Result<()> {
    #[cfg(feature = "rayon")]
    if threads > 1 && has_pool() {
        return part(out, 0, pieces(threads).min(most.max(1)), &cut, &work);
    }
    let _ = (threads, most, cut);
    work(0, out)
}

#[cfg(feature = "rayon")]
fn part<O: Cut>(
    out: O,
    start: usize,
    pieces: usize,
    cut: &(impl Fn(usize) -> usize + Sync),
    work: &(impl Fn(usize, O) -> Result<()> + Sync),
) -> Result<()> {
    let first = pieces / 2;
    let wanted = (out.len() as u128 * first as u128 / pieces as u128) as usize;
    let middle = cut(start + wanted);
    if pieces == 1 || middle <= start || middle >= start + out.len() {
        return work(start, out);
    }
    let (before, after) = out.cut(middle - start);
    let (before, after) = rayon::join(
        || part(before, start, first, cut, work),
        || part(after, middle, pieces - first, cut, work),
    );
    before.and(after)
}

/// The row nearest to `row` at which a tile begins, of tiles of `tile` rows in planes of `plane` rows.
pub(crate) fn nearest_tile(row: usize, plane: usize, tile: usize) -> usize {
    let (before, row) = (row / plane * plane, row % plane);
    before + ((row + tile / 2) / tile * tile).min(plane)
}
