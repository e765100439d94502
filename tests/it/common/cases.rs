//! The one table of cases: shapes x modes x boundaries x options.

use convolve::{Boundary, Mode, Operation, Options, PerAxis};

use super::{Random, Subject, Value};

/// A problem without data and type. Constants are small integers of every type.
#[derive(Clone, Debug)]
pub struct Case {
    pub input: Vec<usize>,
    pub kernel: Vec<usize>,
    pub mode: Mode,
    pub boundary: Vec<Boundary<i8>>,
    pub stride: Vec<usize>,
    pub dilation: Vec<usize>,
    pub origin: Vec<isize>,
    pub operation: Operation,
    /// Another one for each case.
    seed: u64,
}

/// Inputs and kernels, small enough for an oracle that takes its time.
const SHAPES: &[(&[usize], &[usize])] = &[
    // A product of two numbers.
    (&[], &[]),
    // One axis: one sample, primes, one tap, even and odd kernels, kernels that reach several
    // periods beyond the input.
    (&[1], &[1]),
    (&[1], &[3]),
    (&[1], &[4]),
    (&[2], &[9]),
    (&[3], &[17]),
    (&[7], &[1]),
    (&[7], &[2]),
    (&[5], &[5]),
    (&[13], &[3]),
    (&[31], &[4]),
    (&[97], &[11]),
    // Two axes.
    (&[1, 1], &[3, 2]),
    (&[1, 9], &[3, 2]),
    (&[7, 1], &[2, 3]),
    (&[2, 3], &[2, 3]),
    (&[5, 7], &[3, 3]),
    (&[11, 13], &[4, 3]),
    (&[3, 4], &[7, 9]),
    // Neither covers the other.
    (&[4, 9], &[6, 2]),
    (&[17, 19], &[1, 1]),
    // One tap on one axis: a batch, or channels.
    (&[6, 5], &[1, 3]),
    (&[6, 5], &[4, 1]),
    (&[7, 8, 3], &[3, 4, 1]),
    (&[2, 3, 2], &[5, 6, 1]),
    (&[2, 5, 7], &[1, 3, 2]),
    (&[2, 3, 9], &[1, 1, 4]),
    (&[4, 3, 5], &[3, 1, 2]),
    (&[3, 5, 4, 2], &[1, 3, 2, 1]),
    (&[5, 2, 3, 4], &[2, 1, 1, 3]),
    // More axes.
    (&[4, 5, 6], &[3, 2, 3]),
    (&[2, 1, 3], &[4, 3, 4]),
    (&[3, 4, 2, 5], &[2, 3, 2, 2]),
    (&[2, 3, 2, 3, 2], &[2, 2, 1, 3, 2]),
    (&[2, 2, 3, 2, 2, 3], &[2, 1, 2, 2, 1, 2]),
];

/// Every boundary.
pub const EDGES: [Boundary<i8>; 6] = [
    Boundary::Zero,
    Boundary::Constant(3),
    Boundary::Nearest,
    Boundary::Reflect,
    Boundary::Mirror,
    Boundary::Wrap,
];

/// What a case does besides mode and boundary.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Variation {
    Plain,
    Correlated,
    Strided,
    Dilated,
    OriginLowest,
    OriginHighest,
    HugeStride,
    Everything,
}

const VARIATIONS: [Variation; 8] = [
    Variation::Plain,
    Variation::Correlated,
    Variation::Strided,
    Variation::Dilated,
    Variation::OriginLowest,
    Variation::OriginHighest,
    Variation::HugeStride,
    Variation::Everything,
];

/// Every meaningful combination, about four thousand. Types that do not need them all take every
/// so-and-so-many-th.
pub fn table() -> Vec<Case> {
    let mut cases = Vec::new();
    for (input, kernel) in SHAPES {
        for mode in [Mode::Full, Mode::Same, Mode::Valid] {
            for boundary in boundaries(input.len()) {
                for variation in VARIATIONS {
                    let seed = cases.len() as u64;
                    let case = Case::new(input, kernel, mode, boundary.clone(), variation, seed);
                    if case.makes_sense() {
                        cases.push(case);
                    }
                }
            }
        }
    }
    assert!(cases.len() > 3500, "only {} cases: the table has lost some", cases.len());
    cases
}

/// The same on all axes, a mixture, and a constant of its own for each axis.
fn boundaries(rank: usize) -> Vec<Vec<Boundary<i8>>> {
    let mut all: Vec<_> = EDGES.iter().map(|&edge| vec![edge; rank]).collect();
    if rank > 1 {
        all.push((0..rank).map(|axis| EDGES[(5 * axis + 2) % 6]).collect());
        all.push((0..rank).map(|axis| Boundary::Constant(2 * axis as i8 - 1)).collect());
        all.push((0..rank).map(|axis| EDGES[[1, 5, 0, 4][axis % 4]]).collect());
    }
    all
}

/// A boundary with the element type's own small constant.
pub fn of_type<A: Value>(boundary: Boundary<i8>) -> Boundary<A> {
    let value = if let Boundary::Constant(value) = boundary { value } else { 0 };
    boundary.edge().with(A::small(value))
}

impl Case {
    fn new(
        input: &[usize],
        kernel: &[usize],
        mode: Mode,
        boundary: Vec<Boundary<i8>>,
        variation: Variation,
        seed: u64,
    ) -> Self {
        use Variation::*;
        let axes = || 0..input.len();
        let stride = axes().map(|axis| match variation {
            Strided | Everything => [2, 3, 1][axis % 3],
            HugeStride => [1_000_000, 1][axis % 2],
            _ => 1,
        });
        let dilation: Vec<usize> =
            axes()
                .map(|axis| {
                    if matches!(variation, Dilated | Everything) { [3, 1, 2][axis % 3] } else { 1 }
                })
                .collect();
        let origin = axes().map(|axis| {
            let last = ((kernel[axis] - 1) * dilation[axis]) as isize;
            let centre = last / 2;
            match variation {
                OriginLowest => -centre,
                OriginHighest => last - centre,
                Everything if mode == Mode::Same => [last - centre, -centre][axis % 2],
                _ => 0,
            }
        });
        let correlates = matches!(variation, Correlated | Everything);
        Self {
            mode,
            boundary,
            stride: stride.collect(),
            origin: origin.collect(),
            operation: if correlates { Operation::Correlate } else { Operation::Convolve },
            input: input.into(),
            kernel: kernel.into(),
            dilation,
            seed,
        }
    }

    /// Whether the definition gives the case a meaning; written from the definition, not from the
    /// validation under test.
    fn makes_sense(&self) -> bool {
        let axes = || 0..self.input.len();
        if self.mode != Mode::Same && self.origin.iter().any(|&origin| origin != 0) {
            return false;
        }
        if self.mode != Mode::Valid {
            return true;
        }
        let length = |axis: usize| (self.kernel[axis] - 1) * self.dilation[axis] + 1;
        if axes().all(|axis| self.input[axis] >= length(axis)) {
            return true;
        }
        let plain = axes().all(|axis| {
            (self.stride[axis], self.dilation[axis]) == (1, 1)
                && self.boundary[axis] == Boundary::Zero
        });
        plain && axes().all(|axis| self.input[axis] <= self.kernel[axis])
    }

    /// Whether input and kernel change places.
    pub fn swaps(&self) -> bool {
        self.mode == Mode::Valid && self.input.iter().zip(&self.kernel).any(|(n, m)| n < m)
    }

    /// Whether every axis has the same boundary.
    pub fn has_one_boundary(&self) -> bool {
        self.boundary.iter().all(|boundary| *boundary == self.boundary[0])
    }

    /// Axes with more than one tap.
    pub fn long_axes(&self) -> usize {
        self.kernel.iter().filter(|&&taps| taps > 1).count()
    }

    pub fn options<A: Value>(&self) -> Options<A> {
        with!(
            Options::default(),
            operation: self.operation,
            mode: self.mode,
            boundary: PerAxis::Each(self.boundary.iter().map(|&b| of_type(b)).collect()),
            stride: PerAxis::Each(self.stride.clone()),
            dilation: PerAxis::Each(self.dilation.clone()),
            origin: PerAxis::Each(self.origin.clone()),
        )
    }

    /// With random data.
    pub fn subject<A: Value>(&self) -> Subject<A> {
        let mut random = Random::new(self.seed);
        let (x, k) = (random.array(&self.input), random.array(&self.kernel));
        Subject::new(x, k, self.options())
    }

    /// With random data and a kernel that is an outer product.
    pub fn separable_subject<A: Value>(&self) -> Subject<A> {
        let mut random = Random::new(self.seed);
        let (x, k) = (random.array(&self.input), random.rank_one(&self.kernel));
        Subject::new(x, k, self.options())
    }
}
