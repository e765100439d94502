//! Pieces of extended rows, for outputs whose windows cannot be read in place: at the ends of the
//! rows, outside of the input, or under a stride.

use std::collections::BTreeMap;

use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::Input;
use crate::problem::extension::{Extension, Row};
use crate::problem::geometry::Axis;
use crate::util::memory;

/// How the samples under a stretch of outputs are laid out so that neighbouring outputs read
/// neighbouring samples: one segment for all taps that are whole strides apart, or, where taps are
/// so far apart that most of such a segment would not be read, one for each tap.
#[derive(Clone, Debug)]
pub(crate) struct WindowLayout {
    /// Outputs of a stretch, at most.
    pub columns: usize,
    segments: Vec<Segment>,
    /// For each tap, where the sample of the first output lies.
    pub offsets: Vec<usize>,
    /// The difference between two of them, where it is the same for all; else 0.
    pub step: usize,
    /// Samples of all segments.
    pub len: usize,
}

/// Samples from one output to the next, from some tap on.
#[derive(Clone, Debug)]
struct Segment {
    /// Where it lies in the window.
    at: usize,
    /// Samples from the first tap to this segment's first.
    from: usize,
    len: usize,
}

/// Samples of a stretch of a row that may be read for each that is used: in place, and where each is
/// converted, which is much faster for many at once.
const DENSE: [usize; 2] = [4, 16];

/// What lists of taps are.
const TAPS: &str = "the places of the taps";

impl WindowLayout {
    /// A layout for stretches whose length is a multiple of `unit`: long enough that the overlap of two
    /// stretches does not cost more than the stretches, and of so many columns where that is more (0: as
    /// short as that).
    pub(crate) fn new(axis: &Axis, unit: usize, columns: usize) -> Result<Self> {
        let most = axis.outputs().next_multiple_of(unit);
        // Whole tiles, where there are many columns.
        let unit = if columns > 0 { 4 * unit } else { unit };
        let fit = |columns: usize| columns.next_multiple_of(unit).min(most);
        let reach = axis.reach() / axis.stride;
        let shared = Self::by_phase(axis, fit((reach + 6 * unit).max(columns)))?;
        let apart = Self::by_tap(axis, fit((24 * unit).max(columns)))?;
        let per_output = |window: &Self| window.len as f64 / window.columns as f64;
        Ok(if per_output(&shared) <= per_output(&apart) { shared } else { apart })
    }

    /// The layout for stretches of this length in which taps share samples: as long as the stretch
    /// and the reach of the taps together.
    pub(crate) fn by_phase(axis: &Axis, columns: usize) -> Result<Self> {
        let place = |t: usize| (t * axis.dilation % axis.stride, t * axis.dilation / axis.stride);
        // The first and the last whole stride of each phase.
        let mut phases: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for t in 0..axis.taps {
            let (phase, strides) = place(t);
            phases.entry(phase).or_insert((strides, strides)).1 = strides;
        }
        let (mut starts, mut segments, mut len) = (BTreeMap::new(), Vec::new(), 0);
        for (phase, (first, last)) in phases {
            let from = (phase + first * axis.stride) * axis.channels;
            let segment = Segment { at: len, from, len: columns + (last - first) * axis.channels };
            starts.insert(phase, (len, first));
            len += segment.len;
            segments.push(segment);
        }
        let offset = |t: usize| {
            let (phase, strides) = place(t);
            let (start, first) = starts[&phase];
            start + (strides - first) * axis.channels
        };
        let step = if axis.stride == 1 { axis.tap_step() } else { 0 };
        let offsets = memory::collected((0..axis.taps).map(offset), axis.taps, TAPS)?;
        Ok(Self { columns, segments, offsets, step, len })
    }

    fn by_tap(axis: &Axis, columns: usize) -> Result<Self> {
        let segment =
            |t: usize| Segment { at: t * columns, from: t * axis.tap_step(), len: columns };
        let offsets = (0..axis.taps).map(|t| t * columns);
        Ok(Self {
            columns,
            segments: memory::collected((0..axis.taps).map(segment), axis.taps, TAPS)?,
            offsets: memory::collected(offsets, axis.taps, TAPS)?,
            step: 0,
            len: axis.taps.saturating_mul(columns),
        })
    }

    /// Fills `out` with what `columns` outputs from `first` on read of a row. `line` is memory.
    pub(crate) fn fill<A: Compute>(
        &self,
        extension: &Extension<A>,
        x: Input<'_, A>,
        row: Row<A>,
        (first, columns): (usize, usize),
        line: &mut Vec<A>,
        out: &mut [A],
    ) -> Result<()> {
        let axis = extension.inner();
        let start = axis.start(first);
        let len = |segment: &Segment| segment.len - (self.columns - columns);
        if axis.stride == 1 {
            for segment in &self.segments {
                let out = &mut out[segment.at..][..len(segment)];
                extension.fill(x, row, start + segment.from as isize, out);
            }
            return Ok(());
        }
        // Where much of what lies between is read, all of it is, in one go.
        let span =
            |s: &Segment| s.from + (len(s) / axis.channels + 2) * axis.channels * axis.stride;
        let span = self.segments.iter().map(span).max().unwrap_or(0);
        let read: usize = self.segments.iter().map(len).sum();
        let dense = span / DENSE[usize::from(x.in_place().is_none())] <= read;
        if dense {
            memory::fit(line, span, "a row of the continued input")?;
            extension.fill(x, row, start, line);
        }
        for segment in &self.segments {
            let (mut at, mut channel) = (segment.from, first % axis.channels);
            for out in &mut out[segment.at..][..len(segment)] {
                *out = match dense {
                    true => line[at],
                    false => extension.sample(x, row, start + at as isize),
                };
                at += 1;
                channel += 1;
                if channel == axis.channels {
                    channel = 0;
                    at += (axis.stride - 1) * axis.channels;
                }
            }
        }
        Ok(())
    }
}
