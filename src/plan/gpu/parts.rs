//! Blocks of outputs with the input under them, halo included: a problem that is too large for a
//! device becomes several that are not.

#![allow(clippy::single_range_in_vec_init, reason = "lists of ranges, often of a single one")]

use std::ops::Range;

use crate::problem::boundary::Edge;
use crate::problem::geometry::{Axis, Geometry};

/// A block of outputs, and the geometry that computes it from its own share of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// One for each axis of the whole geometry.
    pub sections: Vec<Section>,
}

/// A range of the outputs along one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// The axis as it is seen from the part: its input is the pieces, one after another.
    pub axis: Axis,
    /// The output samples.
    pub outputs: Range<usize>,
    /// The samples of the whole input that are read. More than one range where a window wraps.
    pub pieces: Vec<Range<usize>>,
}

/// Blocks beyond which a problem is not cut up: each is a dispatch of its own at least.
const MOST_PARTS: usize = 1 << 14;

impl Section {
    /// The outputs of these positions, and what is under them.
    ///
    /// The edge rule must mean the same in the part as in the whole: a part that reads beyond an end
    /// of the input has that end as its own, or the whole axis where the reach is longer than that.
    fn new(axis: &Axis, outputs: Range<usize>) -> Self {
        let n = axis.n as isize;
        let first = axis.offset + (outputs.start * axis.stride) as isize;
        let span = (outputs.len() - 1) * axis.stride + (axis.taps - 1) * axis.dilation;
        let last = first + span as isize;
        let whole = 0..n;
        // The pieces, and where the first tap of the first output stands in them.
        let (pieces, offset) = if first >= 0 && last < n {
            (vec![first..last + 1], 0)
        } else {
            match axis.edge {
                // Where all of it is outside, one sample is there for the sake of the indices.
                Edge::Zero | Edge::Constant(()) | Edge::Nearest => {
                    let inside = first.clamp(0, n - 1)..last.clamp(0, n - 1) + 1;
                    let offset = first - inside.start;
                    (vec![inside], offset)
                }
                Edge::Reflect | Edge::Mirror => {
                    // Where a position one beyond an end stands again.
                    let again = if axis.edge == Edge::Mirror { 1 } else { 0 };
                    let low = if first < 0 { -1 - first + again } else { 0 };
                    let high = if last >= n { 2 * n - 1 - last - again } else { n - 1 };
                    let (below, above) = (first < 0, last >= n);
                    if low >= n || high < 0 || (below && above) {
                        (vec![whole], first)
                    } else if below {
                        let end = low.max(last).max(0);
                        (vec![0..end + 1], first)
                    } else {
                        let start = high.min(first).min(n - 1);
                        (vec![start..n], first - start)
                    }
                }
                Edge::Wrap => {
                    let start = first.rem_euclid(n);
                    let end = start + span as isize + 1;
                    if span as isize + 1 >= n {
                        (vec![whole], first)
                    } else if end <= n {
                        (vec![start..end], 0)
                    } else {
                        (vec![start..n, 0..end - n], 0)
                    }
                }
            }
        };
        let samples = |p: isize| p as usize * axis.channels;
        let positions: isize = pieces.iter().map(|piece| piece.end - piece.start).sum();
        let local = Axis { n: positions as usize, out: outputs.len(), offset, ..axis.clone() };
        let edge = if local.leaves_input() { local.edge } else { Edge::Zero };
        Self {
            axis: Axis { edge, ..local },
            outputs: outputs.start * axis.channels..outputs.end * axis.channels,
            pieces: pieces.iter().map(|piece| samples(piece.start)..samples(piece.end)).collect(),
        }
    }
}

impl Part {
    /// All of a geometry.
    pub fn whole(geometry: &Geometry) -> Self {
        let sections = geometry.axes.iter().map(|axis| Section {
            axis: axis.clone(),
            outputs: 0..axis.outputs(),
            pieces: vec![0..axis.samples()],
        });
        Self { sections: sections.collect() }
    }

    /// The geometry of the part.
    pub fn geometry(&self) -> Geometry {
        Geometry { axes: self.sections.iter().map(|section| section.axis.clone()).collect() }
    }

    /// Where its input lies in the whole one: runs of samples, to be put one after another.
    pub fn input_runs(&self, whole: &Geometry) -> Vec<Range<usize>> {
        runs(self.sections.iter().map(|section| &section.pieces[..]), &whole.input())
    }

    /// Where its outputs lie in the whole one.
    pub fn output_runs(&self, whole: &Geometry) -> Vec<Range<usize>> {
        let outputs = self.sections.iter().map(|section| std::slice::from_ref(&section.outputs));
        runs(outputs, &whole.output())
    }
}

/// The places in standard order, of an array of this shape, of the elements that stand in the ranges
/// along each axis.
fn runs<'a>(
    ranges: impl Iterator<Item = &'a [Range<usize>]>,
    shape: &[usize],
) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = std::iter::once(0..1).collect();
    for (ranges, &n) in ranges.zip(shape) {
        if *ranges == [0..n] {
            // A whole axis lengthens the runs.
            all.iter_mut().for_each(|run| *run = run.start * n..run.end * n);
            continue;
        }
        let mut next = Vec::with_capacity(all.len() * ranges.len());
        for outer in all.iter().flat_map(Clone::clone) {
            next.extend(ranges.iter().map(|range| outer * n + range.start..outer * n + range.end));
        }
        all = next;
    }
    all
}

/// The fewest blocks, found by halving, that all fit; or why the last attempt did not.
///
/// The outermost axis is cut first, so that blocks are bands of neighbouring samples, as long as a
/// band is taller than what it reads beyond itself.
pub(crate) fn split(
    geometry: &Geometry,
    fits: impl Fn(&Part) -> Result<(), String>,
) -> Result<Vec<Part>, String> {
    let whole = Part::whole(geometry);
    if fits(&whole).is_ok() {
        return Ok(vec![whole]);
    }
    let axes = &geometry.axes;
    let mut counts = vec![1; axes.len()];
    loop {
        let parts = blocks(geometry, &counts);
        let Some(reason) = parts.iter().find_map(|part| fits(part).err()) else {
            return Ok(parts);
        };
        let block = |a: usize| axes[a].out.div_ceil(counts[a]);
        let taller = |&a: &usize| {
            block(a) > 1 && block(a) * axes[a].stride > (axes[a].taps - 1) * axes[a].dilation
        };
        let next = (0..axes.len()).find(taller);
        let next = next.or_else(|| (0..axes.len()).find(|&a| block(a) > 1)).ok_or(reason)?;
        counts[next] = (2 * counts[next]).min(axes[next].out);
        let count = counts.iter().fold(1usize, |all, &count| all.saturating_mul(count));
        if count > MOST_PARTS {
            return Err(format!("it would take more than {MOST_PARTS} blocks to fit"));
        }
    }
}

/// The geometry in this many blocks along each axis.
fn blocks(geometry: &Geometry, counts: &[usize]) -> Vec<Part> {
    let mut parts = vec![Part { sections: Vec::new() }];
    for (axis, &count) in geometry.axes.iter().zip(counts) {
        let size = axis.out.div_ceil(count);
        let starts = (0..axis.out).step_by(size);
        let sections: Vec<Section> =
            starts.map(|start| Section::new(axis, start..(start + size).min(axis.out))).collect();
        parts = parts
            .iter()
            .flat_map(|part| {
                sections.iter().map(|section| {
                    let mut sections = part.sections.clone();
                    sections.push(section.clone());
                    Part { sections }
                })
            })
            .collect();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [Edge; 6] =
        [Edge::Zero, Edge::Constant(()), Edge::Nearest, Edge::Reflect, Edge::Mirror, Edge::Wrap];

    fn axes() -> impl Iterator<Item = Axis> {
        let mut all = Vec::new();
        for edge in EDGES {
            for n in [1, 2, 7, 20] {
                for (taps, dilation, stride) in
                    [(1, 1, 1), (3, 1, 1), (4, 3, 2), (9, 2, 1), (2, 1, 5)]
                {
                    for offset in [-40, -9, -1, 0, 3, 25] {
                        for channels in [1, 3] {
                            let (out, offset) = (11, offset);
                            all.push(Axis {
                                n,
                                channels,
                                taps,
                                out,
                                stride,
                                dilation,
                                offset,
                                edge,
                            });
                        }
                    }
                }
            }
        }
        all.into_iter()
    }

    /// What every tap of every output reads: a sample of the whole input, or nothing.
    #[test]
    fn a_part_reads_what_the_whole_reads() {
        for axis in axes() {
            for count in [1, 2, 3, 11] {
                let geometry = Geometry { axes: vec![axis.clone()] };
                let mut next = 0;
                for part in blocks(&geometry, &[count]) {
                    let [section] = &part.sections[..] else { panic!("one axis") };
                    let stored: Vec<usize> = section.pieces.iter().flat_map(Clone::clone).collect();
                    assert_eq!(stored.len(), section.axis.samples());
                    assert_eq!(section.outputs.start, next);
                    next = section.outputs.end;
                    for (local, o) in section.outputs.clone().enumerate() {
                        for tap in 0..axis.taps {
                            let step = (tap * axis.tap_step()) as isize;
                            let expected = axis.resolve(axis.start(o) + step);
                            let got = section.axis.resolve(section.axis.start(local) + step);
                            let got = got.map(|at| stored[at]);
                            assert_eq!(got, expected, "{o} {tap} {section:?} {axis:?}");
                        }
                    }
                }
                assert_eq!(next, axis.outputs());
            }
        }
    }

    #[test]
    fn runs_are_the_places_of_the_samples() {
        let wrap =
            |n, out| Axis { n, out, taps: 3, offset: -1, edge: Edge::Wrap, ..Axis::one_sample() };
        let geometry = Geometry { axes: vec![wrap(5, 5), wrap(6, 6)] };
        for counts in [[1, 1], [2, 1], [1, 3], [5, 2]] {
            let mut seen = [0; 30];
            for part in blocks(&geometry, &counts) {
                let [rows, columns] = &part.sections[..] else { panic!("two axes") };
                let places = |ranges: &[&[Range<usize>]; 2]| -> Vec<usize> {
                    let flat = |ranges: &[Range<usize>]| -> Vec<usize> {
                        ranges.iter().flat_map(Clone::clone).collect()
                    };
                    let columns = flat(ranges[1]);
                    flat(ranges[0])
                        .iter()
                        .flat_map(|row| columns.iter().map(move |column| row * 6 + column))
                        .collect()
                };
                let flat = |runs: Vec<Range<usize>>| -> Vec<usize> {
                    runs.into_iter().flatten().collect()
                };
                let input = places(&[&rows.pieces, &columns.pieces]);
                assert_eq!(flat(part.input_runs(&geometry)), input);
                let output = places(&[
                    std::slice::from_ref(&rows.outputs),
                    std::slice::from_ref(&columns.outputs),
                ]);
                let outputs = part.output_runs(&geometry);
                outputs.iter().flat_map(Clone::clone).for_each(|at| seen[at] += 1);
                assert_eq!(flat(outputs), output);
            }
            assert_eq!(seen, [1; 30]);
        }
        assert_eq!(blocks(&geometry, &[2, 1])[0].output_runs(&geometry), [0..18]);
    }

    #[test]
    fn bands_before_blocks() {
        let same = |n| Axis { n, out: n, taps: 5, offset: -2, ..Axis::one_sample() };
        let geometry = Geometry { axes: vec![same(100), same(100)] };
        let within = |limit: usize| {
            split(&geometry, |part| {
                let samples = part.geometry().input_len();
                if samples <= limit { Ok(()) } else { Err(format!("{samples} samples")) }
            })
        };
        assert_eq!(within(10_000).expect("whole"), [Part::whole(&geometry)]);
        let bands = within(3_000).expect("bands");
        assert_eq!(bands.len(), 4);
        assert!(bands.iter().all(|part| part.sections[1].outputs == (0..100)));
        let blocks = within(200).expect("blocks");
        assert!(blocks.iter().all(|part| part.sections[1].outputs.len() < 100));
        assert!(within(24).expect_err("five by five").contains("25 samples"));
    }
}
