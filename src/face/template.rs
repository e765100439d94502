//! Template matching: where a pattern is found.

use ndarray::{Array, ArrayRef, Dimension};

use crate::element::Element;
use crate::error::{Error, Result};
use crate::face::convolver::Convolver;
use crate::face::filter::Filter;
use crate::face::normalized::accurate;
use crate::face::pointwise::{self, real};
use crate::plan::Plan;
use crate::problem::boundary::Boundary;
use crate::prove::check::Check;
use crate::util::memory;
use crate::words::Mode;

impl Convolver {
    /// Finds a pattern: the normalised cross-correlation of a template with every window of an array, between
    /// -1 and 1, and 1 where the window is the template but for brightness and contrast.
    ///
    /// ```text
    /// r = sum((x - mean x) * (t - mean t)) / sqrt(sum((x - mean x)^2) * sum((t - mean t)^2))
    /// ```
    ///
    /// over the window of `x` that lies under the template `t` (J. P. Lewis, Fast Normalized
    /// Cross-Correlation, 1995). In mode `valid`, its default, it is OpenCV's `TM_CCOEFF_NORMED` and
    /// scikit-image's `match_template`; in mode `same` ([`TemplateBuilder::same`]) scikit-image's with
    /// `pad_input=True`.
    ///
    /// The template must not be flat. A window that is flat has no contrast to compare, and gives 0, as in
    /// scikit-image (OpenCV gives 1 for some).
    ///
    /// Small differences of large sums keep their digits: the array's mean is taken off beforehand, and
    /// everything is computed in `f64`, whatever the element type (of real numbers and integers; `i64` and
    /// `u64` are rounded to `f64`). The correlation itself is planned like any other: large templates go
    /// through transforms.
    ///
    /// ```
    /// use convolve::Convolver;
    /// use ndarray::{Array2, s};
    ///
    /// let x = Array2::from_shape_fn((40, 50), |(i, j)| ((i * i + 7 * j * i) % 31) as u8);
    /// let pattern = x.slice(s![12..20, 30..37]).to_owned();
    /// let found = Convolver::new().template(&pattern)?.for_shape(x.dim())?.apply(&x)?;
    /// assert_eq!(found.dim(), (33, 44));
    /// assert!((found[[12, 30]] - 1.0).abs() < 1e-9);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Inadmissible`] for complex element types, and for a template whose elements are all the
    /// same, or not finite; [`Error::Empty`]; [`Error::OutOfMemory`].
    pub fn template<A: Element, D: Dimension>(
        &self,
        template: &ArrayRef<A, D>,
    ) -> Result<TemplateBuilder<D>> {
        if A::DTYPE.is_complex() {
            return Err(refused(format!("it needs real numbers, got {}", A::DTYPE)));
        }
        if template.is_empty() {
            return Err(Error::Empty { what: "kernel", shape: template.shape().to_vec() });
        }
        let mut taps = in_double(template, "the template")?;
        if taps.iter().any(|tap| !tap.is_finite()) {
            return Err(refused("the template has elements that are not finite".into()));
        }
        let mut all = taps.iter();
        let first = all.next();
        if all.all(|tap| Some(tap) == first) {
            return Err(refused("the template is flat: there is nothing to be found".into()));
        }
        centre(&mut taps);
        // What is left of a mean would count as often as a window is bright.
        centre(&mut taps);
        let squares = taps.iter().map(|tap| tap * tap).sum::<f64>();
        Ok(TemplateBuilder {
            convolver: self.clone(),
            taps,
            length: squares.sqrt(),
            mode: Mode::Valid,
            reproducible: false,
            check: Check::default(),
        })
    }
}

/// A template, waiting for a shape. Made by [`Convolver::template`].
#[derive(Clone, Debug)]
pub struct TemplateBuilder<D: Dimension> {
    convolver: Convolver,
    /// Without their mean.
    taps: Array<f64, D>,
    /// The square root of the sum of their squares.
    length: f64,
    mode: Mode,
    reproducible: bool,
    check: Check,
}

impl<D: Dimension> TemplateBuilder<D> {
    /// An output for every sample, about which the template is centred (the sample after the middle of an
    /// even length), with the array's mean outside: scikit-image's `match_template(pad_input=True,
    /// mode="constant", constant_values=x.mean())`.
    pub fn same(mut self) -> Self {
        self.mode = Mode::Same;
        self
    }

    /// Results with the same bits whatever the number of threads, as
    /// [`FilterBuilder::reproducible`](crate::FilterBuilder::reproducible) has it. Default: no.
    pub fn reproducible(mut self, reproducible: bool) -> Self {
        self.reproducible = reproducible;
        self
    }

    /// Checks sums as they come, before they are divided, as
    /// [`FilterBuilder::check`](crate::FilterBuilder::check) has it. Default: nothing is checked.
    ///
    /// ```
    /// use convolve::{Check, Convolver};
    /// use ndarray::arr1;
    ///
    /// let pattern = arr1(&[1, 3, 2]);
    /// let found = Convolver::new().template(&pattern)?.check(Check::Sampled(4)).for_shape(6)?;
    /// let y = found.apply(&arr1(&[0, 5, 10, 30, 20, 0]))?;
    /// assert!((y[2] - 1.0).abs() < 1e-9);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// Plans for arrays of this shape.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the template is longer than the array on an axis; those of
    /// [`FilterBuilder::for_shape`](crate::FilterBuilder::for_shape).
    pub fn for_shape(
        &self,
        shape: impl ndarray::IntoDimension<Dim = D>,
    ) -> Result<TemplateFilter<D>> {
        let shape = shape.into_dimension();
        let (array, template) = (shape.slice(), self.taps.shape());
        if array.len() == template.len() && array.iter().zip(template).any(|(n, m)| m > n) {
            let detail = format!("expected one within the array's {array:?}, got {template:?}");
            return Err(Error::TooLarge { what: "template", detail });
        }
        // Sums over the same windows: means that are left away.
        let len = self.taps.len();
        let ones = memory::collected(std::iter::repeat_n(1.0, len), len, "a window's taps")?;
        let ones =
            Array::from_shape_vec(self.taps.raw_dim(), ones).expect("the length is the shape's");
        let plan = |taps: &ArrayRef<f64, D>| {
            let filter = self.convolver.filter(taps).boundary(Boundary::Zero);
            let filter = filter.correlate().mode(self.mode);
            filter.reproducible(self.reproducible).check(self.check)
        };
        let products = plan(&self.taps).for_shape(shape.clone())?;
        Ok(TemplateFilter { products, sums: accurate(plan(&ones), &shape)?, length: self.length })
    }
}

/// A planned search for a template: see [`Convolver::template`].
#[derive(Debug)]
pub struct TemplateFilter<D: Dimension> {
    /// Correlates with the template without its mean.
    products: Filter<f64, D>,
    /// Adds up windows.
    sums: Filter<f64, D>,
    length: f64,
}

impl<D: Dimension> TemplateFilter<D> {
    /// What will run to correlate.
    pub fn plan(&self) -> &Plan {
        self.products.plan()
    }

    /// Shape of the outputs.
    pub fn output_dim(&self) -> D {
        self.products.output_dim()
    }

    /// The normalised cross-correlation with each window of `x`: the output at an index is that of the window
    /// which begins there (in mode `same`, of the one about it).
    ///
    /// An output whose window has a sample that is not finite is NaN, and one whose window is flat is 0: a
    /// window counts as flat where its samples differ by less than some 1e-7 of what they are away from the
    /// array's mean.
    ///
    /// # Errors
    /// [`Error::Inadmissible`] for complex element types, and those of [`Filter::apply`].
    pub fn apply<A: Element>(&self, x: &ArrayRef<A, D>) -> Result<Array<f64, D>> {
        if A::DTYPE.is_complex() {
            return Err(refused(format!("it needs real numbers, got {}", A::DTYPE)));
        }
        let mut x = in_double(x, "the samples without their mean")?;
        // Neither part of the quotient changes by a constant, and both are the smaller without one: that of
        // the whole array brings its windows near to zero.
        centre(&mut x);
        let mut y = self.products.apply(&x)?;
        let sums = self.sums.apply(&x)?;
        x.mapv_inplace(|x| x * x);
        let squares = self.sums.apply(&x)?;
        let lengths = || self.sums.plan().problem.axes.iter().map(|axis| axis.taps as f64);
        let count: f64 = lengths().product();
        let (sums, squares) = (slice(&sums), slice(&squares));
        // What rounding leaves of the squares of a flat window: they are added up axis by axis.
        let flat = f64::EPSILON * (lengths().sum::<f64>() + 8.0);
        let out = y.as_slice_mut().expect("results are in standard order");
        pointwise::fill(out, self.products.threads(), |start, y| {
            let block = start..start + y.len();
            for ((y, sum), square) in y.iter_mut().zip(&sums[block.clone()]).zip(&squares[block]) {
                let spread = square - sum * sum / count;
                *y = match spread.is_nan() || y.is_nan() {
                    true => f64::NAN,
                    false if spread <= flat * square.max(f64::MIN_POSITIVE) => 0.0,
                    false => (*y / (spread.sqrt() * self.length)).clamp(-1.0, 1.0),
                };
            }
        })?;
        Ok(y)
    }
}

fn slice<D: Dimension>(array: &Array<f64, D>) -> &[f64] {
    array.as_slice().expect("results are in standard order")
}

/// Takes the mean off what is finite, and brings what is left near to 1, so that squares stay in range:
/// a correlation coefficient changes by neither.
fn centre<D: Dimension>(x: &mut Array<f64, D>) {
    // Sums of numbers near the largest would be infinite.
    bring_near_one(x);
    let (mut sum, mut count) = (0.0, 0.0);
    for x in x.iter().filter(|x| x.is_finite()) {
        sum += x;
        count += 1.0;
    }
    let mean = sum / f64::max(count, 1.0);
    x.mapv_inplace(|x| x - mean);
    bring_near_one(x);
}

/// Multiplies with a power of two, which leaves all digits.
fn bring_near_one<D: Dimension>(x: &mut Array<f64, D>) {
    let finite = x.iter().filter(|x| x.is_finite());
    let largest = finite.fold(0.0, |largest: f64, x| largest.max(x.abs()));
    if largest > 0.0 {
        let scale = 2f64.powi((-largest.log2().floor()).clamp(-1000.0, 1000.0) as i32);
        x.mapv_inplace(|x| x * scale);
    }
}

fn in_double<A: Element, D: Dimension>(
    x: &ArrayRef<A, D>,
    what: &'static str,
) -> Result<Array<f64, D>> {
    let samples = memory::collected(x.iter().map(|&x| real(x)), x.len(), what)?;
    Ok(Array::from_shape_vec(x.raw_dim(), samples).expect("the length is the shape's"))
}

fn refused(reason: String) -> Error {
    Error::Inadmissible { wanted: "template matching".into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, arr1, s};

    fn cpu() -> Convolver {
        Convolver::builder().gpu(false).build()
    }

    /// The definition, in two passes.
    fn naive(window: &[f64], template: &[f64]) -> f64 {
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let (a, b) = (mean(window), mean(template));
        let sum = |f: &dyn Fn(f64, f64) -> f64| {
            window.iter().zip(template).map(|(x, t)| f(x - a, t - b)).sum::<f64>()
        };
        let spread = sum(&|x, _| x * x);
        if spread == 0.0 { 0.0 } else { sum(&|x, t| x * t) / (spread * sum(&|_, t| t * t)).sqrt() }
    }

    #[test]
    fn every_window_is_compared() {
        // A faint texture on a high level, and a patch that is flat.
        let x = Array2::from_shape_fn((37, 45), |(i, j)| match (i, j) {
            (20..30, 5..20) => 1000.25,
            _ => 1000.0 + 0.5 * ((i * 7 + j * j) as f64 * 0.61).sin(),
        });
        for size in [(1, 4), (5, 6), (16, 17)] {
            let template = x.slice(s![3..3 + size.0, 8..8 + size.1]).to_owned();
            let found = cpu().template(&template).unwrap().for_shape(x.dim()).unwrap();
            let y = found.apply(&x).unwrap();
            assert_eq!(y.dim(), (38 - size.0, 46 - size.1));
            for ((i, j), y) in y.indexed_iter() {
                let window = x.slice(s![i..i + size.0, j..j + size.1]);
                let window: Vec<f64> = window.iter().copied().collect();
                let exact = naive(&window, &template.iter().copied().collect::<Vec<_>>());
                assert!((y - exact).abs() < 1e-7, "{size:?} at {i}, {j}: {y}, not {exact}");
            }
            assert!((y[[3, 8]] - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn small_differences_on_a_high_level_keep_their_digits() {
        let mut state = 1u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        // Some sixty steps of `f32` at this level.
        let x = Array2::from_shape_simple_fn((96, 90), || 1e4 + 0.06 * random());
        assert!(x.iter().any(|x| *x != x.round()));
        for (size, reproducible) in [((5, 7), false), ((31, 40), true), ((64, 64), false)] {
            let template = x.slice(s![9..9 + size.0, 20..20 + size.1]).to_owned();
            let found = cpu().template(&template).unwrap().reproducible(reproducible);
            let found = found.check(Check::Sampled(20)).for_shape(x.dim()).unwrap();
            assert_eq!(found.plan().request.reproducible, reproducible);
            let y = found.apply(&x).unwrap();
            let template: Vec<f64> = template.iter().map(|&x| x.into()).collect();
            for ((i, j), y) in y.indexed_iter().step_by(7) {
                let window = x.slice(s![i..i + size.0, j..j + size.1]);
                let window: Vec<f64> = window.iter().map(|&x| x.into()).collect();
                let exact = naive(&window, &template);
                assert!((y - exact).abs() < 1e-9, "{size:?} at {i}, {j}: {y}, not {exact}");
            }
            assert!((y[[9, 20]] - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn brightness_contrast_and_type_do_not_count() {
        let x = Array3::from_shape_fn((9, 11, 12), |(i, j, k)| {
            ((i * 31 + j * j * 7 + k * 5) % 97) as u8
        });
        let template = x.slice(s![2..6, 3..8, 4..7]).mapv(|x| -3.5 * f64::from(x) + 2000.0);
        let found = cpu().template(&template).unwrap().for_shape(x.dim()).unwrap();
        let y = found.apply(&x).unwrap();
        assert!((y[[2, 3, 4]] + 1.0).abs() < 1e-12);
        assert!(y.iter().all(|y| (-1.0..=1.0).contains(y)));
        let wide = found.apply(&x.mapv(|x| 1e150 * f64::from(x) - 4e151)).unwrap();
        assert!(y.iter().zip(&wide).all(|(a, b)| (a - b).abs() < 1e-9));
        // About every sample: the window that begins at 2, 3, 4 has its middle at 4, 5, 5.
        let same = cpu().template(&template).unwrap().same().for_shape(x.dim()).unwrap();
        let same = same.apply(&x).unwrap();
        assert_eq!(same.dim(), x.dim());
        assert!((same[[4, 5, 5]] + 1.0).abs() < 1e-12);
    }

    #[test]
    fn numbers_of_any_size_are_compared() {
        let x = arr1(&[0.0, 1.0, -2.0, 1.0, 3.0, 0.5, -1.0]);
        let found = |template: f64, array: f64| {
            let template = arr1(&[1.0, -2.0, 1.0, 3.0]).mapv(|tap| tap * template);
            let found = cpu().template(&template).unwrap().for_shape(x.dim()).unwrap();
            found.apply(&x.mapv(|x| x * array)).unwrap()
        };
        let plain = found(1.0, 1.0);
        assert!((plain[1] - 1.0).abs() < 1e-12 && plain[0].abs() < 0.9);
        for (template, array) in
            [(1e-165, 1.0), (1e155, 1.0), (4e307, 1.0), (1.0, 1e-309), (1.0, 5e307)]
        {
            let scaled = found(template, array);
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
            assert!(plain.iter().zip(&scaled).all(near), "{template}, {array}: {scaled}");
        }
    }

    #[test]
    fn gaps_stay_where_they_are() {
        let mut x = arr1(&[1.0f32, 2.0, 5.0, 3.0, 4.0, 7.0, 1.0, 0.0]);
        let found = cpu().template(&arr1(&[1i32, 3, 2])).unwrap().for_shape(8).unwrap();
        let whole = found.apply(&x).unwrap();
        x[6] = f32::NAN;
        let y = found.apply(&x).unwrap();
        for (at, y) in y.iter().enumerate() {
            assert!(if at < 4 { (y - whole[at]).abs() < 1e-12 } else { y.is_nan() }, "{at}: {y}");
        }
        assert_eq!(found.apply(&arr1(&[7u8; 8])).unwrap(), arr1(&[0.0; 6]));
    }

    #[test]
    fn what_cannot_be_found_is_refused() {
        let error = |template: &[f64]| cpu().template(&arr1(template)).unwrap_err().to_string();
        assert!(error(&[0.1; 7]).contains("flat"));
        assert!(error(&[1000.1; 400]).contains("flat"));
        assert!(error(&[1.0, f64::NAN]).contains("not finite"));
        assert!(error(&[]).contains("empty"));
        let complex = arr1(&[num_complex::Complex::new(1f32, 0.0), Default::default()]);
        assert!(cpu().template(&complex).unwrap_err().to_string().contains("real numbers"));
        let long = cpu().template(&arr1(&[1, 2, 3])).unwrap().for_shape(2);
        assert!(long.unwrap_err().to_string().contains("expected one within the array's [2]"));
    }
}
