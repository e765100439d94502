//! Vectors: which instructions this machine has, and what a multiply-add means for each element.
//!
//! Kernels are written once, generic over the instruction set `S` and the element, and compiled
//! for each of both here; `fearless_simd` has the vectors.

use fearless_simd::{Level, Simd, SimdBase, SimdFloat};
use std::fmt;

pub(crate) mod apart;
pub(crate) mod coarse;
pub(crate) mod columns;
mod complex;
pub(crate) mod down;
pub(crate) mod flat;
pub(crate) mod folded;
pub(crate) mod near;
pub(crate) mod rows;
pub(crate) mod samples;
pub(crate) mod square;
pub(crate) mod tile;
pub(crate) mod transpose;
pub(crate) mod weigh;

use crate::simd::coarse::CoarseJob;
use crate::simd::folded::{FoldedJob, Folding};
use crate::simd::tile::{TileJob, columns};

/// The vector instructions that the CPU's own kernels use. Transforms choose theirs themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// What every machine of the target has: SSE2 on x86-64, NEON on AArch64.
    Baseline,
    /// AVX2 with FMA: 16 registers of 32 bytes.
    Avx2,
    /// AVX-512 as of Ice Lake and Zen 4: 32 registers of 64 bytes.
    Avx512,
}

impl InstructionSet {
    /// The widest that this machine has.
    pub fn detect() -> Self {
        let level = Level::new();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            if level.as_avx512().is_some() {
                return Self::Avx512;
            }
            if level.as_avx2().is_some() {
                return Self::Avx2;
            }
        }
        let _ = level;
        Self::Baseline
    }

    /// Bytes of a vector.
    pub(crate) fn vector_bytes(self) -> usize {
        match self {
            Self::Avx512 => 64,
            Self::Avx2 => 32,
            Self::Baseline => 16,
        }
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Baseline if cfg!(any(target_arch = "x86", target_arch = "x86_64")) => "SSE2",
            Self::Baseline if cfg!(target_arch = "aarch64") => "NEON",
            Self::Baseline => "baseline",
        })
    }
}

/// Runs an expression with the token of an instruction set, compiled with its instructions.
macro_rules! with_instructions {
    ($set:expr, $simd:ident => $run:expr) => {{
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        use fearless_simd::Simd as _;
        let (set, level) = ($set, fearless_simd::Level::new());
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        match (set, level.as_avx512(), level.as_avx2(), level.as_sse2()) {
            (InstructionSet::Avx512, Some($simd), _, _) => $simd.vectorize(
                #[inline(always)]
                || $run,
            ),
            (InstructionSet::Avx512 | InstructionSet::Avx2, _, Some($simd), _) => $simd.vectorize(
                #[inline(always)]
                || $run,
            ),
            (_, _, _, Some($simd)) => $simd.vectorize(
                #[inline(always)]
                || $run,
            ),
            _ => unreachable!("the compiler's own code needs the baseline too"),
        }
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        {
            let _ = set;
            fearless_simd::dispatch!(level, $simd => $run)
        }
    }};
}

pub(crate) use with_instructions;

/// Runs a loop with the widest vectors of the machine at hand. What it calls must be inlined.
#[inline(always)]
pub(crate) fn vectorized<T>(work: impl FnOnce() -> T) -> T {
    with_instructions!(InstructionSet::detect(), _simd => work())
}

/// Asks for elements that will be read or written soon: rows are too many, or too short, for the
/// hardware to see it coming (`cpu direct/2048/7` of the bench `executors`: 2.75 ms without, 2.33 ms
/// with; Zen 4, two threads, 2026-11-23).
///
/// No more than some pages' worth of it: in a long row the hardware does see what comes.
#[inline(always)]
pub(crate) fn prefetch<A>(from: &[A], at: usize, len: usize) {
    const MOST: usize = 8 << 10;
    #[cfg(target_arch = "x86_64")]
    for line in (0..(len * size_of::<A>()).min(MOST)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = from.as_ptr().wrapping_add(at).cast::<i8>().wrapping_add(line);
        // SAFETY: a hint, which may name any address: nothing is accessed and nothing faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, at, len, MOST);
}

/// An element as kernels see it. Unsigned integers are the signed ones of their width: arithmetic
/// that wraps is the same.
pub trait Lanes: Copy + Default + Send + Sync + bytemuck::Pod {
    /// Some neighbouring samples.
    type Vector<S: Simd>: Copy;
    /// One tap, ready to be multiplied with each of them.
    type Tap<S: Simd>: Copy;
    /// Sums over taps, one for each of them.
    type Sum<S: Simd>: Copy;
    /// Registers that a `Sum` takes.
    const REGISTERS: usize;
    /// Whether vectors of 64 bytes that start anywhere are made faster by `slide` than loaded: not
    /// where each is multiplied more than once. (Vectors of half a line of the cache are loaded.)
    const SLIDES: bool;
    /// Does jobs for symmetric taps, for elements that have them.
    const FOLDED: Option<for<'a> fn(InstructionSet, FoldedJob<'a, Self>)> = None;
    /// Does jobs of coarse grids, for the same elements.
    const COARSE: Option<for<'a> fn(InstructionSet, CoarseJob<'a, Self>)> = None;

    /// Samples of a vector.
    fn count<S: Simd>() -> usize;
    /// Sums of nothing.
    fn zero<S: Simd>(simd: S) -> Self::Sum<S>;
    /// The first `count` samples.
    fn load<S: Simd>(simd: S, from: &[Self]) -> Self::Vector<S>;
    /// A tap for all lanes.
    fn tap<S: Simd>(simd: S, tap: Self) -> Self::Tap<S>;
    /// `sum + tap * samples`.
    fn mul_add<S: Simd>(
        sum: Self::Sum<S>,
        tap: Self::Tap<S>,
        samples: Self::Vector<S>,
    ) -> Self::Sum<S>;
    /// Writes the sums to the first `count` places.
    fn store<S: Simd>(simd: S, sum: Self::Sum<S>, to: &mut [Self]);
    /// The samples from `SHIFT` on of two vectors, one after the other.
    fn slide<S: Simd, const SHIFT: usize>(
        near: Self::Vector<S>,
        far: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// Runs a kernel on this machine. A method of the element's own, so that all of its code is
    /// compiled with this crate and not again in each that uses it.
    fn run(instructions: InstructionSet, job: TileJob<'_, Self>);
}

macro_rules! lanes {
    ($(
        $t:ty: $vector:ident, $slides:literal, |$sum:ident, $tap:ident, $x:ident| $mul_add:expr
        $(, $folded:expr, $coarse:expr)?;
    )*) => {$(
        impl Lanes for $t {
            type Vector<S: Simd> = S::$vector;
            type Tap<S: Simd> = S::$vector;
            type Sum<S: Simd> = S::$vector;
            const REGISTERS: usize = 1;
            const SLIDES: bool = $slides;
            $(const FOLDED: Option<for<'a> fn(InstructionSet, FoldedJob<'a, Self>)> = $folded;)?
            $(const COARSE: Option<for<'a> fn(InstructionSet, CoarseJob<'a, Self>)> = $coarse;)?

            #[inline(always)]
            fn count<S: Simd>() -> usize {
                S::$vector::LEN
            }
            #[inline(always)]
            fn zero<S: Simd>(simd: S) -> Self::Sum<S> {
                S::$vector::splat(simd, Self::default())
            }
            #[inline(always)]
            fn load<S: Simd>(simd: S, from: &[Self]) -> Self::Vector<S> {
                S::$vector::from_slice(simd, &from[..S::$vector::LEN])
            }
            #[inline(always)]
            fn tap<S: Simd>(simd: S, tap: Self) -> Self::Tap<S> {
                S::$vector::splat(simd, tap)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(
                $sum: Self::Sum<S>,
                $tap: Self::Tap<S>,
                $x: Self::Vector<S>,
            ) -> Self::Sum<S> {
                $mul_add
            }
            #[inline(always)]
            fn store<S: Simd>(_simd: S, sum: Self::Sum<S>, to: &mut [Self]) {
                sum.store_slice(&mut to[..S::$vector::LEN]);
            }
            #[inline(always)]
            fn slide<S: Simd, const SHIFT: usize>(
                near: Self::Vector<S>,
                far: Self::Vector<S>,
            ) -> Self::Vector<S> {
                near.slide::<SHIFT>(far)
            }
            fn run(instructions: InstructionSet, job: TileJob<'_, Self>) {
                with_instructions!(instructions, simd => columns(simd, job));
            }
        }
    )*};
}

lanes! {
    f32: f32s, true, |sum, tap, x| x.mul_add(tap, sum), Some(folded), Some(coarse);
    f64: f64s, true, |sum, tap, x| x.mul_add(tap, sum), Some(folded), Some(coarse);
    i8: i8s, false, |sum, tap, x| sum + x * tap;
    i16: i16s, false, |sum, tap, x| sum + x * tap;
    i32: i32s, false, |sum, tap, x| sum + x * tap;
    i64: i64s, false, |sum, tap, x| sum + x * tap;
}

/// A number that is rounded where integers are stored.
pub(crate) trait Rounded<L>: Copy {
    /// The nearest level: ties go to even ones, what is beyond them to the last, and what is no number to 0.
    fn rounded(self) -> L;
}

/// Does a job for symmetric taps on this machine.
fn folded<A: Folding>(instructions: InstructionSet, job: FoldedJob<'_, A>) {
    with_instructions!(instructions, simd => folded::run(simd, job));
}

/// Does a job of a coarse grid on this machine.
fn coarse<A: Folding>(instructions: InstructionSet, job: CoarseJob<'_, A>) {
    with_instructions!(instructions, simd => coarse::run(simd, job));
}

/// Turns a square of vectors over: rows that are zipped with those half the square below, as often as the
/// side can be halved.
macro_rules! turned {
    ($rows:ident, $side:ident) => {
        for _ in 0..$side.ilog2() {
            let halves = $rows;
            for i in 0..$side / 2 {
                $rows[2 * i] = halves[i].zip_low(halves[i + $side / 2]);
                $rows[2 * i + 1] = halves[i].zip_high(halves[i + $side / 2]);
            }
        }
    };
}

pub(crate) use turned;

macro_rules! folding {
    ($($t:ty: $vector:ident;)*) => {$(
        impl Folding for $t {
            #[inline(always)]
            fn plus<S: Simd>(a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S> {
                a + b
            }
            #[inline(always)]
            fn minus<S: Simd>(a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S> {
                a - b
            }
            #[inline(always)]
            fn added<S: Simd>(sum: Self::Sum<S>, x: Self::Vector<S>) -> Self::Sum<S> {
                sum + x
            }
            #[inline(always)]
            fn load_sums<S: Simd>(simd: S, from: &[Self]) -> Self::Sum<S> {
                Self::load(simd, from)
            }
            #[inline(always)]
            fn scaled<S: Simd>(simd: S, sum: Self::Sum<S>, tap: Self::Tap<S>) -> Self::Sum<S> {
                sum.mul_add(tap, S::$vector::splat(simd, 0.0))
            }
            #[inline(always)]
            fn taps<S: Simd>(simd: S, from: &[Self]) -> Self::Tap<S> {
                Self::load(simd, from)
            }
            #[inline(always)]
            fn shifted<S: Simd>(simd: S, vector: Self::Vector<S>, next: Self) -> Self::Sum<S> {
                vector.slide::<1>(S::$vector::splat(simd, next))
            }
            #[inline(always)]
            fn of_levels<S: Simd, L: Copy>(simd: S, from: &[L]) -> Self::Vector<S>
            where
                Self: From<L>,
            {
                let count = S::$vector::LEN;
                let mut numbers = [0.0; MOST_LANES];
                for (number, &level) in numbers.iter_mut().zip(&from[..count]) {
                    *number = level.into();
                }
                Self::load(simd, &numbers)
            }
            #[inline(always)]
            fn to_levels<S: Simd, L>(simd: S, sum: Self::Sum<S>, to: &mut [L])
            where
                Self: Rounded<L>,
            {
                let count = S::$vector::LEN;
                let mut numbers = [0.0; MOST_LANES];
                Self::store(simd, sum, &mut numbers);
                for (level, number) in to[..count].iter_mut().zip(numbers) {
                    *level = number.rounded();
                }
            }
            #[inline(always)]
            fn turn<S: Simd>(
                simd: S,
                from: &[Self],
                from_step: usize,
                to: &mut [Self],
                to_step: usize,
            ) {
                let side = S::$vector::LEN;
                let mut rows = [S::$vector::splat(simd, 0.0); MOST_LANES];
                for i in 0..side {
                    rows[i] = Self::load(simd, &from[i * from_step..]);
                }
                turned!(rows, side);
                for i in 0..side {
                    rows[i].store_slice(&mut to[i * to_step..][..side]);
                }
            }
        }
    )*};
}

folding! {
    f32: f32s;
    f64: f64s;
}

/// Lanes of the widest vector of folded numbers.
const MOST_LANES: usize = 16;
