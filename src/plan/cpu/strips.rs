//! Passes of the separable method on the CPU: fused along the last two axes, in strips of columns that
//! keep the rows between the two in cache.

use super::tiles::{Tile, VECTOR};
use crate::element::DType;
use crate::kernel::KernelFacts;
use crate::plan::passes::Pass;
use crate::problem::geometry::{Axis, Geometry};
use crate::simd::{InstructionSet, folded, near, rows};

/// A pass, and how it goes over its outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Passing {
    /// Along the last two axes at once.
    Fused(Pass, Strips),
    /// The same with symmetric taps, or taps that are all the same: samples are added before they are multiplied.
    Folded {
        /// What is passed over.
        pass: Pass,
        /// Where their lanes lie.
        order: Order,
        /// Strips of columns.
        strips: Strips,
        /// Those of fused passes, for samples so large that they cannot be added.
        plain: Strips,
    },
    /// Along one axis.
    Single(Pass, Tile),
}

/// Which samples the lanes of a vector hold in folded passes, and what outputs share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Neighbours.
    InOrder,
    /// The same, and numbers slide under the taps along a row.
    Sliding,
    /// One of each of as many chunks as there are lanes, of which a strip is made.
    Apart,
    /// The same, and neighbouring outputs share the sum of what they have in common: all taps are the same.
    Shared,
}

/// Strips of columns whose rows, filtered along the last axis, wait in a ring for the pass along the
/// axis before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strips {
    /// Of the pass along the rows' axis.
    pub tile: Tile,
    /// Columns of a strip.
    pub columns: usize,
    /// Samples from one row of a ring to the next: a vector more, so that rows do not fall onto the
    /// same lines of the cache.
    pub pitch: usize,
}

/// Bytes that the rings of all terms may take: a part of the second-level cache that even small
/// machines have.
const RING_BYTES: usize = 128 << 10;

/// Elements of the widest vector of the narrowest type.
pub(crate) const WIDEST: usize = 64;

impl Passing {
    /// The passes for a kernel of a few outer products, computed in one type and stored in another, with these
    /// instructions.
    pub fn all(
        geometry: &Geometry,
        kernel: &KernelFacts,
        [dtype, stored]: [DType; 2],
        instructions: InstructionSet,
    ) -> Vec<Self> {
        let passing = |pass: Pass| match pass.axes.len() {
            2 => {
                let plain = Strips::new(&pass.geometry, kernel.terms, dtype, instructions);
                match Strips::folded(&pass.geometry, kernel, [dtype, stored], instructions) {
                    Some((order, strips)) => Self::Folded { pass, order, strips, plain },
                    None => Self::Fused(pass, plain),
                }
            }
            _ => {
                let tile = Tile::of(&pass.geometry, instructions);
                Self::Single(pass, tile)
            }
        };
        Pass::all(geometry, can_fuse(geometry)).into_iter().map(passing).collect()
    }

    /// What is passed over.
    pub fn pass(&self) -> &Pass {
        match self {
            Self::Fused(pass, _) | Self::Folded { pass, .. } | Self::Single(pass, _) => pass,
        }
    }
}

impl Strips {
    fn new(geometry: &Geometry, terms: usize, dtype: DType, instructions: InstructionSet) -> Self {
        let [.., rows, inner] = &geometry.axes[..] else { unreachable!("two axes are fused") };
        let tile = Tile::along(rows, instructions);
        Self::in_order(tile, inner, (terms, dtype), RING_BYTES, false)
    }

    /// Strips whose rings stay in cache, with samples in their order; `whole` vectors of them if that is asked for.
    fn in_order(
        tile: Tile,
        inner: &Axis,
        (terms, dtype): (usize, DType),
        ring_bytes: usize,
        whole: bool,
    ) -> Self {
        let row_bytes = tile.sources * terms * dtype.size();
        let unit = VECTOR / dtype.size();
        let fits = (ring_bytes / row_bytes / unit * unit).max(8 * unit);
        let strips = inner.outputs().div_ceil(fits);
        let strips = match whole && !inner.outputs().is_multiple_of(unit) {
            true => strips.max(2),
            false => strips,
        };
        // The last of several may compute again what the one before it has.
        let columns = inner.outputs().div_ceil(strips).next_multiple_of(unit).min(inner.outputs());
        Self { tile, columns, pitch: columns.next_multiple_of(unit) + unit }
    }
}

/// Samples of a lane's chunk, at most: wide enough that what lies beyond is little beside it, and few
/// enough that eight rows of a strip's results stay in the first-level cache.
const CHUNK: usize = 160;

/// Bytes that the rings of folded passes may take: most of the second-level cache of today's machines,
/// since little else goes through it. (Chunks of 48, 72, 120, 160 and 240 samples, RGB of 3840 x 2160,
/// Gaussians of 41, 81 and 161 taps: 15.5, 14.0, 12.7, 12.9 and 13.8 ms; 25.0, 22.8, 22.3, 23.4 and 25.0; 42.4,
/// 41.1, 40.8, 41.6 and 43.5. Zen 4, two threads, 2026-11-27.)
const FOLDED_RING_BYTES: usize = 768 << 10;

/// Which order folded passes with so many taps along each axis are best summed in with these instructions, if
/// they are: where tiles' taps share their vectors, or where they cannot.
///
/// Where single rows are summed (AVX2, SSE2), samples in their order are 1.0 to 1.9 times as fast as tiles under 3
/// to 41 taps, and lanes that stand `apart` are ahead of these by up to 15 % under 81, if tiles' taps share nothing
/// (RGB and grey of 8 bits and of `f32`, Zen 3, two threads, 2026-11-27).
///
/// `apart` is how far the taps reach beyond a lane's chunk, in chunks: of what lies there each sample takes a vector.
/// None where there is no room for lanes apart. Taps must make up for spreading rows over lanes and putting them
/// together again (RGB and grey of 8 bits and of `f32`, 7 to 161 taps, sides from 64 to 3840, Zen 4, 2026-11-27).
/// Bytes are moved as such: of RGB under 7, 11 and 13 taps tiles take 1.0, 1.16 and 1.19 times as long (3840 x 2160,
/// Zen 4, 2026-11-29). Numbers of four bytes cost more to move than to multiply, where they do not
/// [slide](worth_sliding) (more than 8 channels, many taps): of grey under 31, 41, 51 and 81 taps tiles take 0.79, 0.95, 1.07 and 1.25 times as long, of RGB
/// under 21, 31, 41 and 81 0.74, 1.0, 1.2 and 1.5 times (the same, 2026-11-30; of grey under 41 1.17 times on another
/// one, so that they are folded from 33 on).
fn worth_folding(
    taps: [usize; 2],
    shared: bool,
    stored: DType,
    instructions: InstructionSet,
    apart: Option<f64>,
) -> Option<Order> {
    let single = !folded::has_tiles(instructions);
    if single && taps[1] <= MOST_IN_ORDER {
        return Some(Order::InOrder);
    }
    let both = taps.iter().sum::<usize>() as f64;
    let pays = |beyond| match (shared, instructions) {
        (true, InstructionSet::Avx2) => false,
        (true, InstructionSet::Avx512) if stored == DType::F32 => both >= 66.0,
        (true, _) => both >= 46.0,
        (false, InstructionSet::Avx512) if stored == DType::U8 => both >= 18.0 + 14.0 * beyond,
        (false, InstructionSet::Avx512) if stored == DType::F32 => both >= 46.0 + 14.0 * beyond,
        (false, _) => both >= 28.0 + 14.0 * beyond,
    };
    if apart.is_some_and(pays) {
        return Some(Order::Apart);
    }
    (single && !shared).then_some(Order::InOrder)
}

/// Whether few taps near each other are summed to what is stored in fewer bytes in unrolled code: RGB of 8 bits under 3, 7
/// and 13 taps 1.9, 1.7 and 1.35 times as fast as in other orders, grey 1.6, 1.7 and 1.45 times, RGB of 16 bits 1.6
/// times, RGBA whose colours are multiplied by alpha first 1.1, 1.3 and 1.25 times; RGB in linear light takes 2 ms less;
/// `f32` takes 1.4 times as long as in tiles (3840 x 2160, Zen 4, 2026-11-29).
fn is_unrolled(
    taps: [usize; 2],
    step: usize,
    terms: usize,
    [dtype, stored]: [DType; 2],
    instructions: InstructionSet,
) -> bool {
    stored.size() < dtype.size()
        && terms == 1
        && near::has_code(instructions, dtype.size(), taps, step)
}

/// Whether samples slide along rows and are folded across them in their order, under so many taps along each axis, where
/// numbers of one type are stored in another and vectors have so many `lanes`, which they slide by.
///
/// Of numbers stored as such tiles take, under 9, 15, 21 and 31 taps, 1.0, 1.3, 1.4 and 1.6 times as long (grey), and
/// 1.0, 1.1, 1.7 and 1.5 (RGB); lanes apart under 41, 61, 121 and 161 taps 1.4, 1.3, 1.0 and 1.0 times (grey), and 1.4, 1.2,
/// 1.1 and 1.1 (RGB), and under 241 0.95 times. Of `f64` under 15, 31, 63 and 121 taps the better of both takes 1.1, 1.6, 1.2
/// and 1.0 times as long (grey), and 1.2, 1.4, 1.1 and 0.75 (RGB). RGB of 16 bits is 6 % quicker so under 17 and 25 taps, and
/// 2 and 8 % slower under 41 and 81 (3840 x 2160, Zen 4, two threads, 2026-11-30).
fn worth_sliding(taps: [usize; 2], [dtype, stored]: [DType; 2], lanes: usize) -> bool {
    let most = match stored == dtype {
        true => 10 * lanes,
        false if dtype == DType::F32 && stored.size() == 2 => 28,
        false => 0,
    };
    // Across rows samples are folded alike in both orders.
    taps[1] <= most && taps.iter().sum::<usize>() >= 18
}

/// Bytes that the rings of such passes may take: long strips have few ends, which cost a copy each, and eight rows of
/// results go through the same cache. (Grey `f32` of 3840 x 2160 under 15 and 31 taps in rings of 128, 256, 400 and 600 KiB:
/// 4.3, 4.1, 3.6 and 3.7 ms; 6.0, 5.8, 5.4 and 5.1; RGB under 63 taps, 128, 400 and 768 KiB: 37, 32 and 34. Zen 4, two
/// threads, 2026-11-30.)
const SLIDING_RING_BYTES: usize = 512 << 10;

/// Whether sums of equal taps, so many along each axis, are better shared by neighbouring outputs, where `along` of
/// them stand behind each other along a row of a strip. `beyond` is as in [`worth_folding`].
///
/// With AVX2 it gains 8 % under 9 and 9 taps of `f32`. With AVX-512, whose tiles are quicker, it is ahead from 12 and 12
/// taps on for RGB of 8 bits, 15 for grey, 18 for RGB of `f32` and 21 for grey; under 9 and 9 of the last it takes 1.7
/// times as long. Numbers that `slide` are behind it from 42 and 42 taps on: grey `f32` under 21, 31 and 41 takes 1.5, 1.25 and
/// 1.0 times as long shared, RGB 1.5, 1.25 and 1.1 times. Under 2 or 3 taps along a row spreading it costs more than the
/// sums. (3840 x 2160, two threads; Zen 3, 2026-11-27, Zen 5, 2026-11-28, and Zen 4, 2026-11-30.)
fn worth_sharing(
    taps: [usize; 2],
    along: usize,
    dtype: DType,
    instructions: InstructionSet,
    (slide, beyond): (bool, f64),
) -> bool {
    let from = match (instructions, dtype) {
        (InstructionSet::Avx512, _) if slide => 84.0,
        (InstructionSet::Avx512, _) => 34.0,
        (_, DType::F64) => 26.0,
        _ => 15.0,
    };
    let both = taps.iter().sum::<usize>() as f64;
    let [_, inner] = taps;
    taps.iter().all(|&taps| taps >= 5) && along >= inner.min(8) && both >= from + 14.0 * beyond
}

/// Output rows that share sums of so many taps. More rows have more in common: of `n` taps, `g` rows sum `n / g + 2`
/// samples each. A tile of as many rows as half of the taps sums 4, and no more than 64 stay in the second-level cache.
fn shared_rows(taps: usize) -> usize {
    (taps / 2).next_multiple_of(8).clamp(8, 64)
}

/// Taps along a row up to which samples stay in their order, where single rows are summed; between 41, where that
/// is faster, and 81, where it is not.
const MOST_IN_ORDER: usize = 60;

impl Strips {
    /// Strips for folded passes, where these can be and are worth it.
    fn folded(
        geometry: &Geometry,
        kernel: &KernelFacts,
        [dtype, stored]: [DType; 2],
        instructions: InstructionSet,
    ) -> Option<(Order, Self)> {
        let [.., rows, inner] = &geometry.axes[..] else { return None };
        let plain = |axis: &Axis| axis.stride == 1;
        let folds = kernel.mirrored && matches!(dtype, DType::F32 | DType::F64);
        if !folds || !plain(rows) || !plain(inner) {
            return None;
        }
        let (taps, step) = ([rows.taps, inner.taps], inner.tap_step());
        let (size, lanes) = (dtype.size(), instructions.vector_bytes() / dtype.size());
        let near = is_unrolled(taps, step, kernel.terms, [dtype, stored], instructions);
        let slides = !near
            && rows::has_code(instructions, size, step)
            && worth_sliding(taps, [dtype, stored], lanes);
        if kernel.flat
            && let Some(strips) =
                Self::shared(geometry, kernel, dtype, instructions, slides && stored == dtype)
        {
            return Some((Order::Shared, strips));
        }
        let tile = folded_tile(folded::TILE_ROWS, rows);
        let in_order =
            |ring, whole| Self::in_order(tile, inner, (kernel.terms, dtype), ring, whole);
        if slides {
            let strips = in_order(SLIDING_RING_BYTES, true);
            // What two narrow strips compute twice may be more than is gained.
            if 4 * inner.outputs().div_ceil(strips.columns) * strips.columns <= 5 * inner.outputs()
            {
                return Some((Order::Sliding, strips));
            }
        }
        if near {
            return Some((Order::InOrder, in_order(RING_BYTES, true)));
        }
        let apart = Self::apart(geometry, tile.rows, kernel, dtype, instructions);
        let beyond = apart.map(|(_, beyond)| beyond);
        let shared = lanes.is_multiple_of(step);
        match worth_folding(taps, shared, stored, instructions, beyond)? {
            Order::Apart => apart.map(|(strips, _)| (Order::Apart, strips)),
            order => Some((order, in_order(RING_BYTES, false))),
        }
    }

    /// Strips for sums that neighbouring outputs share, where these are worth it.
    fn shared(
        geometry: &Geometry,
        kernel: &KernelFacts,
        dtype: DType,
        instructions: InstructionSet,
        slide: bool,
    ) -> Option<Self> {
        let [.., rows, inner] = &geometry.axes[..] else { return None };
        let height = shared_rows(rows.taps);
        let (strips, beyond) = Self::apart(geometry, height, kernel, dtype, instructions)?;
        let along = strips.along(inner, dtype, instructions);
        let taps = [rows.taps, inner.taps];
        worth_sharing(taps, along, dtype, instructions, (slide, beyond)).then_some(strips)
    }

    /// Outputs of a lane's chunk that stand behind each other, of one channel or of those that dilated taps read.
    pub(crate) fn along(&self, inner: &Axis, dtype: DType, instructions: InstructionSet) -> usize {
        let lanes = instructions.vector_bytes() / dtype.size();
        self.columns / (lanes * inner.tap_step())
    }

    /// Strips for lanes that stand apart, where there is room for them, and how far the taps reach beyond a
    /// lane's chunk, in chunks.
    fn apart(
        geometry: &Geometry,
        height: usize,
        kernel: &KernelFacts,
        dtype: DType,
        instructions: InstructionSet,
    ) -> Option<(Self, f64)> {
        let [.., rows, inner] = &geometry.axes[..] else { return None };
        let tile = folded_tile(height, rows);
        let lanes = instructions.vector_bytes() / dtype.size();
        let (step, width) = (inner.tap_step(), inner.outputs());
        let row_bytes = tile.sources * kernel.terms * lanes * dtype.size();
        let least = folded::least_chunk(instructions, step).max(lanes);
        let most = CHUNK.min(FOLDED_RING_BYTES / row_bytes).max(least);
        let strips = width.div_ceil(lanes * most);
        let chunk = width.div_ceil(strips * lanes).next_multiple_of(step).max(least);
        let columns = chunk * lanes;
        // The last strip sticks out.
        let fits = 4 * width.div_ceil(columns) * columns <= 5 * width;
        let strips = Self { tile, columns, pitch: columns + lanes };
        fits.then_some((strips, inner.reach() as f64 / chunk as f64))
    }
}

/// Tiles of so many rows in folded passes.
fn folded_tile(height: usize, rows: &Axis) -> Tile {
    Tile { rows: height, spacing: 1, sources: rows.taps + height - 1, stride: 1 }
}

/// Rows of a piece of so many that threads share, in fused passes with these tiles: each piece filters
/// the rows above it again, so that pieces are long against the taps.
pub(crate) fn piece(tile: Tile, rows: usize, threads: usize) -> usize {
    let threads = threads.max(1);
    let most = rows / (4 * tile.sources).next_multiple_of(tile.rows);
    // As many for each thread, and none left over.
    let pieces = (most / threads).max(1) * threads;
    rows.div_ceil(pieces).max(tile.rows)
}

/// Whether the passes along the last two axes can be fused: neighbouring rows of the input are then
/// those under neighbouring taps, and rows are long enough for vectors and for the gaps between taps.
pub(crate) fn can_fuse(geometry: &Geometry) -> bool {
    let [.., rows, inner] = &geometry.axes[..] else { return false };
    let long = !rows.is_identity() && !inner.is_identity();
    let dense = inner.reach() / 4 <= inner.samples() + inner.outputs();
    long && dense && rows.tap_step() == 1 && rows.channels == 1 && inner.outputs() >= WIDEST
}
