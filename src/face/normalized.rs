//! Convolution that leaves NaN out: a weighted mean of the samples that are there.

use ndarray::{Array, ArrayRef, Dimension, IntoDimension};

use crate::element::{DType, Element};
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::filter::Filter;
use crate::face::pointwise::{from_real, real};
use crate::plan::Plan;
use crate::problem::PerAxis;
use crate::problem::boundary::Boundary;
use crate::util::memory;
use crate::words::Method;

impl<A: Element, D: Dimension> FilterBuilder<A, D> {
    /// Plans for inputs of this shape in which NaN stands for a sample that is missing. Each output
    /// is the sum of taps times samples over the samples of its window that are there, times the
    /// sum of all taps over the sum of those taps:
    ///
    /// ```text
    /// y = sum(k * x over what is there) * sum(k) / sum(k over what is there)
    /// ```
    ///
    /// So a constant stays constant beside a gap, and where nothing is missing the result is that of
    /// the ordinary filter, within rounding. An output is NaN where no sample with a positive tap is
    /// there. Samples past the ends come from the boundary like any others: a zero or a constant is
    /// there (unless it is NaN), and what is repeated from inside is there where its source is.
    ///
    /// With means for a kernel (taps that sum to 1) it is `astropy.convolution.convolve` with
    /// `nan_treatment="interpolate"`. [`NanFilter::apply_weighted`] takes weights or a mask besides.
    ///
    /// Small sums of taps must keep their digits, so this runs directly, or in separable passes
    /// where the kernel is one outer product.
    ///
    /// ```
    /// use convolve::{Boundary, Convolver};
    /// use ndarray::arr1;
    ///
    /// let mean = Convolver::new().filter(&arr1(&[0.25f32, 0.5, 0.25])).boundary(Boundary::Nearest);
    /// let mean = mean.for_shape_ignoring_nan(4)?;
    /// let y = mean.apply(&arr1(&[1.0, f32::NAN, 4.0, 4.0]))?;
    /// assert_eq!(y, arr1(&[1.0, 2.5, 4.0, 4.0]));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Inadmissible`] for elements other than `f32` and `f64`, for kernels with a tap that
    /// is negative or not finite, or whose taps sum to 0, and for [`Method::Fft`] and [`Method::Coarse`]; those of
    /// [`FilterBuilder::for_shape`].
    pub fn for_shape_ignoring_nan(
        &self,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<NanFilter<A, D>> {
        if !matches!(A::DTYPE, DType::F32 | DType::F64) {
            return Err(refused(format!("it needs f32 or f64, got {}", A::DTYPE)));
        }
        let kernel = self.kernel.as_ref().map_err(Error::clone)?;
        let taps = || kernel.iter().map(|&tap| real(tap));
        if let Some(tap) = taps().find(|tap| !tap.is_finite() || *tap < 0.0) {
            let reason = format!("a mean needs taps of at least 0, the kernel has one of {tap}");
            return Err(refused(reason));
        }
        let sum = taps().sum::<f64>();
        if !kernel.is_empty() && sum == 0.0 {
            return Err(refused("a mean needs a kernel whose taps do not sum to 0".into()));
        }
        let shape = shape.into_dimension();
        let (mut shown, mut there) = (self.clone(), self.clone());
        shown.options.boundary = each(&self.options.boundary, |edge| match edge {
            Boundary::Constant(value) if real(value).is_nan() => Boundary::Zero,
            edge => edge,
        });
        let nan_outside = shown.options.boundary != self.options.boundary;
        there.options.boundary = each(&self.options.boundary, |edge| match edge {
            Boundary::Constant(value) if real(value).is_nan() => Boundary::Zero,
            Boundary::Constant(_) | Boundary::Zero => Boundary::Constant(one()),
            edge => edge,
        });
        let values = accurate(shown, &shape)?;
        let weights = accurate(there, &shape)?;
        Ok(NanFilter { values, weights, sum, nan_outside })
    }
}

/// A planned convolution that leaves NaN out: see [`FilterBuilder::for_shape_ignoring_nan`].
#[derive(Debug)]
pub struct NanFilter<A: Element, D: Dimension> {
    /// The filter of the samples, with zeros for those that are missing.
    values: Filter<A, D>,
    /// The filter of ones and zeros, for samples that are there and that are missing.
    weights: Filter<A, D>,
    sum: f64,
    nan_outside: bool,
}

impl<A: Element, D: Dimension> NanFilter<A, D> {
    /// What will run, twice for inputs with NaN.
    pub fn plan(&self) -> &Plan {
        self.values.plan()
    }

    /// Shape of the outputs.
    pub fn output_dim(&self) -> D {
        self.values.output_dim()
    }

    /// The convolution of `x` without its NaN.
    ///
    /// # Errors
    /// Those of [`Filter::apply`].
    pub fn apply(&self, x: &ArrayRef<A, D>) -> Result<Array<A, D>> {
        let is_nan = |x: A| real(x).is_nan();
        if !self.nan_outside && !x.iter().any(|&x| is_nan(x)) {
            return self.values.apply(x);
        }
        let shown = mapped(x, |x| if is_nan(x) { A::default() } else { x })?;
        let there = mapped(x, |x| if is_nan(x) { A::default() } else { one() })?;
        self.means(&shown, &there)
    }

    /// The same with a weight for each sample, besides the taps: normalised convolution (H. Knutsson and
    /// C.-F. Westin, Normalized and Differential Convolution, 1993).
    ///
    /// ```text
    /// y = sum(k * w * x) * sum(k) / sum(k * w)
    /// ```
    ///
    /// A weight of 0 is a sample that is missing, as NaN in `x` is whatever its weight: a mask is an array
    /// of ones and zeros. All weights times a constant change nothing where the boundary comes from inside
    /// and products of weights and samples stay in the range of the type, in which they are stored;
    /// constants outside have a weight of 1.
    ///
    /// ```
    /// use convolve::{Boundary, Convolver};
    /// use ndarray::arr1;
    ///
    /// let mean = Convolver::new().filter(&arr1(&[0.5f32, 0.0, 0.5])).boundary(Boundary::Nearest);
    /// let mean = mean.for_shape_ignoring_nan(4)?;
    /// let y = mean.apply_weighted(&arr1(&[1.0, 2.0, 9.0, 4.0]), &arr1(&[3.0, 1.0, 1.0, 0.0]))?;
    /// assert_eq!(y[1], 3.0); // (3 * 1 + 1 * 9) / (3 + 1)
    /// assert_eq!(y[2], 2.0);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Filter::apply`], for `weights` too; [`Error::Inadmissible`] where a weight is negative or
    /// not finite.
    pub fn apply_weighted(
        &self,
        x: &ArrayRef<A, D>,
        weights: &ArrayRef<A, D>,
    ) -> Result<Array<A, D>> {
        self.values.check_shape("input", self.values.input(), &x.raw_dim())?;
        self.values.check_shape("weights", self.values.input(), &weights.raw_dim())?;
        let wrong = |weight: &&A| !(0.0..f64::INFINITY).contains(&real(**weight));
        if let Some(&weight) = weights.iter().find(wrong) {
            let got = real(weight);
            return Err(refused(format!("expected finite weights of at least 0, got {got}")));
        }
        let there = paired(x, weights, |x, weight| if x.is_nan() { 0.0 } else { weight })?;
        // What is missing may be anything, infinite for instance.
        let shown = paired(x, &there, |x, weight| if weight > 0.0 { x * weight } else { 0.0 })?;
        self.means(&shown, &there)
    }

    /// From samples times their weights, and from these.
    fn means(&self, shown: &ArrayRef<A, D>, there: &ArrayRef<A, D>) -> Result<Array<A, D>> {
        let mut y = self.values.apply(shown)?;
        let weights = self.weights.apply(there)?;
        y.zip_mut_with(&weights, |y, &weight| {
            let weight = real(weight);
            // Taps are not negative, so that a sum of 0 is one of none.
            let mean = if weight > 0.0 { real(*y) * (self.sum / weight) } else { f64::NAN };
            *y = A::from_complex(mean.into());
        });
        Ok(y)
    }
}

/// A filter of a method whose small sums have all their digits.
pub(super) fn accurate<A: Element, D: Dimension>(
    builder: FilterBuilder<A, D>,
    shape: &D,
) -> Result<Filter<A, D>> {
    match builder.request.method {
        method @ (Method::Fft | Method::Coarse) => {
            return Err(refused(format!("it runs directly or separably, not by method {method}")));
        }
        Method::Direct | Method::Separable => return builder.for_shape(shape.clone()),
        Method::Auto | Method::Measured => {}
    }
    let separable = builder.clone().method(Method::Separable).for_shape(shape.clone());
    match separable {
        Ok(filter) if filter.plan().kernel.terms == 1 && !filter.plan().problem.swapped => {
            Ok(filter)
        }
        Ok(_) | Err(Error::Inadmissible { .. }) => {
            builder.method(Method::Direct).for_shape(shape.clone())
        }
        Err(error) => Err(error),
    }
}

fn each<A: Element>(
    boundary: &PerAxis<Boundary<A>>,
    map: impl Fn(Boundary<A>) -> Boundary<A>,
) -> PerAxis<Boundary<A>> {
    match boundary {
        PerAxis::All(edge) => PerAxis::All(map(*edge)),
        PerAxis::Each(edges) => PerAxis::Each(edges.iter().map(|&edge| map(edge)).collect()),
    }
}

fn mapped<A: Element, D: Dimension>(
    x: &ArrayRef<A, D>,
    map: impl Fn(A) -> A,
) -> Result<Array<A, D>> {
    let mut samples = memory::zeros(x.len(), "the samples without NaN")?;
    samples.iter_mut().zip(x).for_each(|(to, &from)| *to = map(from));
    Ok(Array::from_shape_vec(x.raw_dim(), samples).expect("the length is the shape's"))
}

fn paired<A: Element, D: Dimension>(
    x: &ArrayRef<A, D>,
    weights: &ArrayRef<A, D>,
    of: impl Fn(f64, f64) -> f64,
) -> Result<Array<A, D>> {
    let mut samples = memory::zeros(x.len(), "the samples with their weights")?;
    for ((to, &x), &weight) in samples.iter_mut().zip(x).zip(weights) {
        *to = from_real(of(real(x), real(weight)));
    }
    Ok(Array::from_shape_vec(x.raw_dim(), samples).expect("the length is the shape's"))
}

fn one<A: Element>() -> A {
    A::from_complex(1.0.into())
}

fn refused(reason: String) -> Error {
    Error::Inadmissible { wanted: "leaving out NaN".into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::convolver::Convolver;
    use crate::kernel::builtin as filters;
    use crate::words::Mode;
    use ndarray::{Array2, arr1, arr2};

    fn cpu() -> Convolver {
        Convolver::builder().gpu(false).build()
    }

    /// A smooth field with gaps: single samples, a block larger than small kernels, a corner.
    fn with_gaps() -> Array2<f64> {
        Array2::from_shape_fn((17, 23), |(i, j)| {
            let gap = (i * 7 + j * 5) % 11 == 0
                || ((4..12).contains(&i) && (6..15).contains(&j))
                || (i > 14 && j > 20);
            if gap { f64::NAN } else { 3.0 + (i as f64 * 0.7).sin() - 0.1 * j as f64 }
        })
    }

    /// The definition, in f64.
    fn naive(x: &Array2<f64>, k: &Array2<f64>, edge: Boundary<f64>) -> Array2<f64> {
        let (rows, columns) = k.dim();
        let at = |i: isize, j: isize| {
            let places = (edge.edge().resolve(i, x.nrows()), edge.edge().resolve(j, x.ncols()));
            match places {
                (Some(i), Some(j)) => x[[i, j]],
                _ => edge.value(),
            }
        };
        Array2::from_shape_fn(x.dim(), |(i, j)| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for ((r, c), &tap) in k.indexed_iter() {
                let row = i as isize + ((rows - 1) / 2) as isize - r as isize;
                let column = j as isize + ((columns - 1) / 2) as isize - c as isize;
                let sample = at(row, column);
                if !sample.is_nan() {
                    sum += tap * sample;
                    weight += tap;
                }
            }
            if weight > 0.0 { sum / weight * k.sum() } else { f64::NAN }
        })
    }

    #[test]
    fn every_output_is_the_mean_of_what_is_there() {
        let x = with_gaps();
        let lopsided = arr2(&[[0.0, 2.0, 1.0], [0.5, 0.0, 0.25]]);
        let kernels = [
            filters::gaussian(1.0).unwrap(),
            filters::box_mean(3).unwrap(),
            filters::disk(2.5).unwrap(),
            lopsided,
        ];
        let edges = [
            Boundary::Zero,
            Boundary::Constant(-2.0),
            Boundary::Constant(f64::NAN),
            Boundary::Nearest,
            Boundary::Reflect,
            Boundary::Mirror,
            Boundary::Wrap,
        ];
        for (which, kernel) in kernels.iter().enumerate() {
            for edge in edges {
                let filter = cpu().filter(kernel).boundary(edge);
                let filter = filter.for_shape_ignoring_nan(x.dim()).unwrap();
                let (y, expected) = (filter.apply(&x).unwrap(), naive(&x, kernel, edge));
                let mut holes = 0;
                for (place, &expected) in expected.indexed_iter() {
                    let found = y[place];
                    holes += usize::from(expected.is_nan());
                    let close = (found - expected).abs() <= 1e-12 * expected.abs().max(1.0);
                    let same = close || (found.is_nan() && expected.is_nan());
                    assert!(same, "kernel {which}, {edge:?}, {place:?}: {found}, not {expected}");
                }
                // The block is larger than all kernels but the Gaussian.
                assert_eq!(holes > 0, which != 0, "kernel {which}, {edge:?}");
            }
        }
    }

    #[test]
    fn weights_count_like_taps() {
        let x = with_gaps();
        let weights = Array2::from_shape_fn(x.dim(), |(i, j)| ((i * 3 + j * 5) % 4) as f64 * 0.75);
        let kernel = filters::gaussian::<f64>(1.0).unwrap();
        for edge in [Boundary::Nearest, Boundary::Mirror, Boundary::Wrap] {
            let filter = cpu().filter(&kernel).boundary(edge);
            let filter = filter.for_shape_ignoring_nan(x.dim()).unwrap();
            let y = filter.apply_weighted(&x, &weights).unwrap();
            // A weight of 2 is a sample that is there twice.
            let there =
                Array2::from_shape_fn(x.dim(), |at| if x[at].is_nan() { 0.0 } else { weights[at] });
            let plain = cpu().filter(&kernel).boundary(edge).for_shape(x.dim()).unwrap();
            let shown = Array2::from_shape_fn(x.dim(), |at| {
                if there[at] > 0.0 { x[at] * there[at] } else { 0.0 }
            });
            let [above, below] = [shown, there].map(|of| plain.apply(&of).unwrap());
            for (place, y) in y.indexed_iter() {
                let expected = above[place] / below[place];
                assert!((y - expected).abs() < 1e-12 || below[place] == 0.0, "{edge:?} {place:?}");
            }
            // Ones change nothing, a mask is the same as NaN, and a factor does not count.
            let ones = filter.apply_weighted(&x, &Array2::ones(x.dim())).unwrap();
            let mask = x.mapv(|x| f64::from(u8::from(!x.is_nan())) * 3.0);
            let masked = filter.apply_weighted(&x.mapv(|x| x.min(f64::INFINITY)), &mask).unwrap();
            for ((a, b), c) in filter.apply(&x).unwrap().iter().zip(&ones).zip(&masked) {
                assert!(a == b || (a.is_nan() && b.is_nan()));
                assert!((a - c).abs() < 1e-12 || (a.is_nan() && c.is_nan()));
            }
        }
        let filter = cpu().filter(&kernel).for_shape_ignoring_nan(x.dim()).unwrap();
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            let error = filter.apply_weighted(&x, &Array2::from_elem(x.dim(), wrong)).unwrap_err();
            assert!(error.to_string().contains("expected finite weights of at least 0"), "{error}");
        }
        let error = filter.apply_weighted(&x, &Array2::ones((2, 2))).unwrap_err();
        assert!(matches!(error, Error::Shape { what: "weights", .. }), "{error}");
    }

    #[test]
    fn a_far_tail_alone_gives_the_sample_it_meets() {
        let mut x = Array2::from_elem((33, 33), f32::NAN);
        x[[0, 0]] = 7.0;
        let filter = cpu().filter(&filters::gaussian::<f32>(4.0).unwrap());
        let filter = filter.boundary(Boundary::Mirror).for_shape_ignoring_nan(x.dim()).unwrap();
        let y = filter.apply(&x).unwrap();
        assert!((y[[16, 16]] - 7.0).abs() < 1e-5, "{}", y[[16, 16]]);
        assert!(y[[17, 0]].is_nan());
    }

    #[test]
    fn without_nan_it_is_the_ordinary_filter() {
        let x = with_gaps().mapv(|x| if x.is_nan() { 0.5 } else { x });
        let builder = cpu().filter(&filters::disk(2.0).unwrap()).mode(Mode::Full).stride([2, 1]);
        let filter = builder.clone().for_shape_ignoring_nan(x.dim()).unwrap();
        assert_eq!(filter.output_dim().slice(), filter.plan().problem.output);
        let plain = builder.method(filter.plan().method()).for_shape(x.dim()).unwrap();
        assert_eq!(filter.apply(&x).unwrap(), plain.apply(&x).unwrap());
    }

    #[test]
    fn what_has_no_mean_is_refused() {
        let refused = |kernel: &[f64], words: &str| {
            let filter = cpu().filter(&arr1(kernel)).for_shape_ignoring_nan(9);
            let error = filter.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused(&[1.0, 0.0, -1.0], "the kernel has one of -1");
        refused(&[1.0, f64::INFINITY], "the kernel has one of inf");
        refused(&[0.0, 0.0], "do not sum to 0");
        let integers = cpu().filter(&arr1(&[1i32, 1])).for_shape_ignoring_nan(9);
        assert!(integers.unwrap_err().to_string().contains("f32 or f64, got i32"));
        for method in [Method::Fft, Method::Coarse] {
            let filter = cpu().filter(&arr1(&[1.0f32, 1.0])).method(method);
            let error = filter.for_shape_ignoring_nan(9).unwrap_err().to_string();
            assert!(error.contains(&format!("not by method {method}")), "{error}");
        }
    }
}
