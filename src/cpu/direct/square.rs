//! Small squares of taps over samples that are stored as levels: widened, summed and rounded in registers.

use std::ops::Range;

use super::{Call, Direct};
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::Output;
use crate::problem::extension::{Extension, Place, Row};
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::simd::folded::FoldedJob;
use crate::simd::samples::{Samples, Sums};
use crate::simd::square::{self, Levels, SquareJob};
use crate::util::memory;

/// The taps, if there is code for them.
pub(super) struct Square<A: Compute> {
    taps: Vec<A>,
    side: usize,
    step: usize,
    instructions: InstructionSet,
    run: for<'a> fn(InstructionSet, FoldedJob<'a, A>),
}

/// Output rows that share what is read for them: 8 take 3 % longer, 24 to 64 as long (RGB of 8 bits, 3840 x 2160, 3 x 3 to
/// 7 x 7 taps, a prototype on one core, Zen 4, 2026-11-29).
const ROWS: usize = 16;

impl<A: Compute> Square<A> {
    pub(super) fn new(
        extension: &Extension<A>,
        rows: &Axis,
        weights: &[A],
        instructions: InstructionSet,
    ) -> Result<Option<Self>> {
        let inner = extension.inner();
        let step = inner.tap_step();
        let side = square::side([rows.taps, inner.taps], size_of::<A>(), step, instructions);
        let (Some(run), Some(side)) = (A::FOLDED, side) else { return Ok(None) };
        let is_plain = weights.len() == side * side
            && (rows.stride, rows.tap_step(), inner.stride) == (1, 1, 1)
            && rows.outputs() >= side;
        if !is_plain {
            return Ok(None);
        }
        let taps = memory::copied(weights, "the kernel's taps")?;
        Ok(Some(Self { taps, side, step, instructions, run }))
    }
}

impl<A: Compute> Direct<A> {
    /// Columns whose outputs are sums of levels that are stored as levels.
    pub(super) fn square_columns(
        &self,
        call: Call<'_, A>,
        columns: &Range<usize>,
        out: &mut Output<'_, A>,
    ) -> Range<usize> {
        let none = columns.start..columns.start;
        let Some(Square { side, step, .. }) = self.square else { return none };
        let levels = matches!(
            (call.x.all(), out.sums(0)),
            (Some((Samples::Bytes(_), _)), Some(Sums::Bytes(_)))
                | (Some((Samples::Words(_), _)), Some(Sums::Words(_)))
        );
        if !levels || call.finish.is_some() {
            return none;
        }
        let interior = self.extension.inner().interior();
        let end = interior.end.saturating_sub(square::padding(side, step));
        let inside = interior.start.max(columns.start)..end.min(columns.end);
        if inside.len() < square::least_columns(side) { none } else { inside }
    }

    /// Computes these columns of rows of one plane, from `row` of all on, of which `out` has columns from `first` on.
    /// Rows whose windows leave the stored rows are the others' work.
    pub(super) fn squares(
        &self,
        call: Call<'_, A>,
        (row, count): (usize, usize),
        inside: &Range<usize>,
        (out, first, width): (&mut Output<'_, A>, usize, usize),
        (outer, sources): (&[usize], &mut Vec<usize>),
    ) -> Result<Range<usize>> {
        let (Some(square), Some((x, gaps))) = (&self.square, call.x.all()) else {
            return Ok(0..0);
        };
        let Square { taps, side, step, instructions, run } = square;
        let (plane_rows, side, step) = (self.rows.outputs(), *side, *step);
        let inner = self.extension.inner();
        let mut place = Place::start();
        for (a, &output) in outer.iter().enumerate() {
            place = self.extension.along(place, a, self.extension.outer()[a].start(output));
        }
        let start = inner.start(inside.start);
        let source =
            |p: isize| match self.extension.row_at(self.extension.along(place, outer.len(), p)) {
                Row::Stored(at) => {
                    let at = at.wrapping_add_signed(start);
                    Some(gaps.map_or(at, |gaps| gaps.place(at)))
                }
                Row::Outside(_) => None,
            };
        let stored = |r: usize| {
            let from = self.rows.start((row + r) % plane_rows);
            (from..from + side as isize).all(|p| source(p).is_some())
        };
        // Boundaries leave the stored rows at the ends alone.
        let Some(begin) = (0..count).find(|&r| stored(r)) else { return Ok(0..0) };
        let end = (begin..count).find(|&r| !stored(r)).unwrap_or(count);
        for at in (begin..end).step_by(ROWS) {
            let rows = ROWS.min(end - at);
            let from = self.rows.start((row + at) % plane_rows);
            sources.clear();
            // What reads the first row again is not stored.
            let again = square::sources(rows, side) - (rows + side - 1);
            memory::reserve(sources, square::sources(rows, side), "the rows under a tile")?;
            for q in 0..square::sources(rows, side) {
                sources.extend(source(from + q.saturating_sub(again) as isize));
            }
            let place = at * width + inside.start - first;
            let levels = match (x, out.sums(place)) {
                (Samples::Bytes(x), Some(Sums::Bytes(y))) => Levels::Bytes(x, y),
                (Samples::Words(x), Some(Sums::Words(y))) => Levels::Words(x, y),
                _ => unreachable!("asked before"),
            };
            let columns = inside.len();
            let job = SquareJob { levels, sources, taps, side, step, pitch: width, rows, columns };
            run(*instructions, FoldedJob::Square(job));
        }
        Ok(begin..end)
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Pod;

    use super::*;
    use crate::element::wider::Wider;
    use crate::format::rows::Input;
    use crate::plan::cpu::Tile;
    use crate::problem::boundary::Boundary;
    use crate::problem::{Options, Problem};
    use crate::util::threads::Workers;

    const PICTURES: usize = 2;

    /// Results with squares, and without them, of a few pictures.
    fn both<T: Pod + From<u8>>(
        [rows, columns, channels]: [usize; 3],
        side: usize,
        boundary: [Boundary<f32>; 2],
        workers: Workers,
    ) -> Option<[Vec<T>; 2]>
    where
        f32: Wider<T>,
    {
        let boundary = [Boundary::Zero, boundary[0], boundary[1], Boundary::Zero];
        let options = Options { boundary: boundary.to_vec().into(), ..Options::default() };
        let shape = [PICTURES, rows, columns, channels];
        let problem = Problem::new(&shape, &[1, side, side, 1], &options).expect("a problem");
        let weights: Vec<f32> = (0..side * side).map(|i| (i * 5 % 9) as f32 / 97.0).collect();
        let instructions = InstructionSet::detect();
        let len = shape.iter().product::<usize>();
        let x: Vec<T> = (0..len).map(|i| ((i * i % 241) as u8).into()).collect();
        let mut all = Vec::new();
        for has_square in [true, false] {
            let extension = Extension::new(&problem, &boundary);
            let tile = Tile::of(&extension.geometry, instructions);
            let mut direct =
                Direct::new(extension, &weights, tile, instructions, workers).expect("memory");
            square::side([side; 2], size_of::<f32>(), channels, instructions)?;
            assert_eq!(direct.square.is_some(), rows >= side);
            if !has_square {
                direct.square = None;
            }
            let mut y = vec![T::from(7); x.len()];
            direct.run(Input::of(&x).into(), Output::of(&mut y)).expect("memory");
            all.push(y);
        }
        all.try_into().ok()
    }

    #[test]
    fn squares_are_the_same_sums() {
        let boundaries = [
            [Boundary::Zero; 2],
            [Boundary::Constant(200.0), Boundary::Constant(90.0)],
            [Boundary::Nearest, Boundary::Wrap],
            [Boundary::Reflect, Boundary::Mirror],
            [Boundary::Wrap, Boundary::Zero],
        ];
        let shapes = [[40, 71, 3], [7, 300, 1], [70, 33, 4], [9, 5, 3], [2, 90, 1]];
        for (side, boundary) in [3, 5, 7].into_iter().flat_map(|s| boundaries.map(|b| (s, b))) {
            for shape in shapes {
                let workers = Workers { threads: 2, by_shape: false };
                let about = format!("{side} taps, {shape:?}, {boundary:?}");
                let bytes = both::<u8>(shape, side, boundary, workers);
                assert!(bytes.is_none_or(|[squares, tiles]| squares == tiles), "{about}");
                let words = both::<u16>(shape, side, boundary, workers);
                assert!(words.is_none_or(|[squares, tiles]| squares == tiles), "{about}");
            }
        }
    }

    #[test]
    fn squares_are_the_same_on_any_number_of_threads() {
        let of = |threads| {
            let workers = Workers { threads, by_shape: true };
            both::<u8>([61, 130, 3], 5, [Boundary::Constant(3.5), Boundary::Reflect], workers)
        };
        let one = of(1);
        assert!((2..7).all(|threads| of(threads) == one));
    }

    #[test]
    fn levels_are_summed_in_squares_where_there_is_code() {
        let problem =
            Problem::new(&[50, 200], &[5, 5], &Options::<f32>::default()).expect("a problem");
        let extension = Extension::new(&problem, &[Boundary::<f32>::Zero; 2]);
        let instructions = InstructionSet::detect();
        let tile = Tile::of(&extension.geometry, instructions);
        let direct = Direct::new(extension, &[1.0; 25], tile, instructions, 1).expect("memory");
        let has_code = square::side([5; 2], 4, 1, instructions).is_some();
        let (x, mut y) = (vec![0u8; 50 * 200], vec![0u8; 50 * 200]);
        let call = Input::of(&x).into();
        let columns = direct.square_columns(call, &(0..200), &mut Output::of(&mut y));
        assert_eq!(columns, if has_code { 2..186 } else { 0..0 });
        let (x, mut y) = (vec![0f32; 50 * 200], vec![0f32; 50 * 200]);
        let call = Input::of(&x).into();
        assert_eq!(direct.square_columns(call, &(0..200), &mut Output::of(&mut y)), 0..0);
    }
}
