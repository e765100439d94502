//! What a kernel is like: the facts that decide which methods may run it.

use num_complex::Complex;

use crate::element::Element;
use crate::error::Result;
use crate::low_rank;

/// Numbers about a kernel that the planner reads; no data.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelFacts {
    /// Whether every tap is finite.
    pub finite: bool,
    /// `max |k|`.
    pub max: f64,
    /// `sum |k|`.
    pub sum: f64,
    /// `|k|_2`.
    pub norm: f64,
    /// Outer products whose sum the kernel is: 1 for one of one vector per axis, more for several
    /// on the last two axes, 0 where none are known.
    pub terms: usize,
    /// The sum over the terms of the product of their vectors' `sum |f|`; `sum |k|` for a single
    /// term, more where several cancel.
    pub gain: f64,
    /// Whether the factors of a single term have the sign of each tap, and are zero just where it
    /// is, so that passes over an infinity end in what the kernel itself ends in.
    pub keeps_signs: bool,
}

impl KernelFacts {
    /// A kernel of which only the shape is known: finite, not separable, taps of magnitude one.
    pub fn unknown(taps: usize) -> Self {
        let taps = taps as f64;
        Self {
            finite: true,
            max: 1.0,
            sum: taps,
            norm: taps.sqrt(),
            terms: 0,
            gain: taps,
            keeps_signs: false,
        }
    }

    /// The facts of the weights `w`, an array of shape `shape` in standard order. No outer products are
    /// known where there is no memory to look for them.
    pub fn of<A: Element>(w: &[A], shape: &[usize]) -> Self {
        Self::found(w, shape).unwrap_or_else(|_| Self::norms(w))
    }

    /// [`KernelFacts::of`], or an error where there is no memory.
    pub(crate) fn found<A: Element>(w: &[A], shape: &[usize]) -> Result<Self> {
        let norms = Self::norms(w);
        Ok(match low_rank::terms(w, shape)? {
            Some(found) => {
                let terms = found.factors.len();
                let keeps_signs = terms == 1 && keeps_signs(w, shape, &found.factors[0]);
                Self { terms, gain: found.gain, keeps_signs, ..norms }
            }
            None => norms,
        })
    }

    /// The facts without a search for outer products: none is known.
    pub(crate) fn norms<A: Element>(w: &[A]) -> Self {
        let magnitudes = || w.iter().map(|w| w.magnitude());
        let max = magnitudes().fold(0.0, f64::max);
        // Squares of the largest magnitudes are beyond f64.
        let unit = if max > 0.0 { max } else { 1.0 };
        let squares: f64 = magnitudes().map(|magnitude| (magnitude / unit).powi(2)).sum();
        let sum = magnitudes().sum();
        Self {
            finite: w.iter().all(|w| w.is_finite()),
            max,
            sum,
            norm: unit * squares.sqrt(),
            terms: 0,
            gain: sum,
            keeps_signs: false,
        }
    }

    /// Whether the kernel is an outer product of vectors, or a sum of a few.
    pub fn is_separable(&self) -> bool {
        self.terms > 0
    }
}

/// One vector per axis whose outer product is the kernel, or `None` where there are none.
///
/// The vectors are the fibres through the largest tap (cross approximation of rank one, exact for
/// a tensor of rank one). For integers the product must equal the kernel exactly. For floating
/// point the factors, already rounded to the element type, are accepted where
/// `sum |k - product| <= (axes + 1) * eps * sum |k|`: a rounding of every factor and of the kernel
/// itself, which is below what the direct sum is allowed anyway. A kernel that is long on fewer
/// than two axes has nothing to separate.
pub fn factors<A: Element>(w: &[A], shape: &[usize]) -> Option<Vec<Vec<A>>> {
    let long: Vec<usize> = shape.iter().copied().filter(|&taps| taps > 1).collect();
    if long.len() < 2 || !w.iter().all(|w| w.is_finite()) {
        return None;
    }
    let pivot = (0..w.len()).max_by(|&a, &b| w[a].magnitude().total_cmp(&w[b].magnitude()))?;
    if w[pivot].magnitude() == 0.0 {
        return None;
    }
    let fibres = fibres(w, &long, pivot);
    let found = if A::DTYPE.is_integer() {
        integer_factors(w, &long, &fibres)
    } else {
        real_factors(w, &long, &fibres, w[pivot].to_complex())
    };
    let mut found = found?.into_iter();
    let one = A::from_complex(1.0.into());
    Some(
        shape
            .iter()
            .map(|&n| if n > 1 { found.next().unwrap_or_default() } else { vec![one] })
            .collect(),
    )
}

/// The vectors along each axis through element `pivot`, with the pivot's place in each.
fn fibres<A: Element>(w: &[A], shape: &[usize], pivot: usize) -> Vec<(Vec<A>, usize)> {
    let mut step = w.len();
    shape
        .iter()
        .map(|&taps| {
            step /= taps;
            let place = pivot / step % taps;
            let first = pivot - place * step;
            ((0..taps).map(|t| w[first + t * step]).collect(), place)
        })
        .collect()
}

fn real_factors<A: Element>(
    w: &[A],
    shape: &[usize],
    fibres: &[(Vec<A>, usize)],
    pivot: Complex<f64>,
) -> Option<Vec<Vec<A>>> {
    // All vectors but the first, whose pass runs last, add up to at most one, so that no sum between
    // passes is larger than the input. Powers of two share the magnitude without rounding.
    let shares: Vec<f64> = fibres
        .iter()
        .map(|(fibre, _)| fibre.iter().map(|tap| (tap.to_complex() / pivot).norm()).sum::<f64>())
        .map(|gain| 2f64.powf(-gain.log2().ceil()))
        .collect();
    let rest: f64 = shares[1..].iter().product();
    let factors: Vec<Vec<A>> = fibres
        .iter()
        .zip(&shares)
        .enumerate()
        .map(|(axis, ((fibre, _), share))| {
            let scaled =
                |tap: Complex<f64>| if axis == 0 { tap / rest } else { tap / pivot * *share };
            fibre.iter().map(|tap| A::from_complex(scaled(tap.to_complex()))).collect()
        })
        .collect();
    let sum: f64 = w.iter().map(|w| w.magnitude()).sum();
    let allowed = (shape.len() + 1) as f64 * A::DTYPE.epsilon() * sum;
    let mut residual = 0.0;
    for_each_product(shape, &mut |index, at| {
        let product =
            at.iter().zip(&factors).map(|(&t, f)| f[t].to_complex()).product::<Complex<f64>>();
        residual += (w[index].to_complex() - product).norm();
        residual <= allowed
    });
    // A sum beyond the type proves nothing.
    let small = sum.is_finite() && residual <= allowed;
    (small && factors.iter().flatten().all(|f| f.is_finite())).then_some(factors)
}

/// By Gauss's lemma the product of primitive vectors is primitive, so a kernel of rank one over
/// the rationals is an integer times the product of its fibres without their common divisors.
fn integer_factors<A: Element>(
    w: &[A],
    shape: &[usize],
    fibres: &[(Vec<A>, usize)],
) -> Option<Vec<Vec<A>>> {
    if w.iter().any(|w| w.magnitude() > EXACT) {
        return None;
    }
    let integer = |tap: A| tap.to_complex().re as i128;
    let mut factors: Vec<Vec<i128>> = Vec::with_capacity(fibres.len());
    let (mut pivot, mut primitive) = (1, 1i128);
    for (fibre, place) in fibres {
        let divisor = fibre.iter().fold(0, |divisor, &tap| gcd(divisor, integer(tap)));
        pivot = integer(fibre[*place]);
        primitive = primitive.checked_mul(pivot / divisor)?;
        factors.push(fibre.iter().map(|&tap| integer(tap) / divisor).collect());
    }
    if pivot % primitive != 0 {
        return None;
    }
    factors[0].iter_mut().for_each(|tap| *tap *= pivot / primitive);
    let mut equal = true;
    for_each_product(shape, &mut |index, at| {
        let product = at.iter().zip(&factors).try_fold(1i128, |p, (&t, f)| p.checked_mul(f[t]));
        equal = product == Some(integer(w[index]));
        equal
    });
    // A factor may be one beyond its type, 128 for i8: wrapped, the product is still the kernel.
    let narrow = |factor: Vec<i128>| -> Vec<A> {
        factor.into_iter().map(|tap| A::from_integer(tap as i64)).collect()
    };
    equal.then(|| factors.into_iter().map(narrow).collect())
}

/// Whether the product of the factors has the sign of each tap, and is zero just where the tap is.
/// Only then do passes over an infinity end in what the sum over the window ends in; of complex taps
/// it is never said.
pub fn keeps_signs<A: Element>(w: &[A], shape: &[usize], factors: &[Vec<A>]) -> bool {
    if A::DTYPE.is_integer() {
        return true;
    }
    let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
    let mut same = !A::DTYPE.is_complex();
    for_each_product(shape, &mut |index, at| {
        let product: f64 =
            at.iter().zip(factors).map(|(&t, f)| sign(f[t].to_complex().re)).product();
        same &= product == sign(w[index].to_complex().re);
        same
    });
    same
}

/// Calls `visit` with the flat index and the index per axis of one element after another, until it
/// says no, or they are at an end.
fn for_each_product(shape: &[usize], visit: &mut dyn FnMut(usize, &[usize]) -> bool) {
    let mut at = vec![0; shape.len()];
    for index in 0..shape.iter().product() {
        if !visit(index, &at) {
            return;
        }
        for axis in (0..shape.len()).rev() {
            at[axis] += 1;
            if at[axis] < shape[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
}

/// Integers up to here are exact in `f64`.
const EXACT: f64 = (1u64 << 53) as f64;

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product<A: Element>(factors: &[Vec<A>], shape: &[usize]) -> Vec<A> {
        let mut all = Vec::new();
        for_each_product(shape, &mut |_, at| {
            let one = A::from_complex(1.0.into());
            all.push(at.iter().zip(factors).fold(one, |p, (&t, f)| A::default().mul_add(p, f[t])));
            true
        });
        all
    }

    #[test]
    fn sobel_separates_exactly() {
        let sobel = [1i16, 0, -1, 2, 0, -2, 1, 0, -1];
        let found = factors(&sobel, &[3, 3]).expect("rank one");
        assert_eq!(product(&found, &[3, 3]), sobel);
        let floats = sobel.map(f32::from);
        assert_eq!(product(&factors(&floats, &[3, 3]).expect("rank one"), &[3, 3]), floats);
    }

    #[test]
    fn integer_factors_may_need_their_common_divisor() {
        // 6 * [1, 2] x [3, 5]: neither fibre through the pivot is primitive.
        let kernel = [18, 30, 36, 60];
        let found = factors(&kernel, &[2, 2]).expect("rank one");
        assert_eq!(product(&found, &[2, 2]), kernel);
    }

    #[test]
    fn integer_factors_may_wrap() {
        // The factors are -128 and 128 times one, and 128 is no i8.
        let kernel = [i8::MIN; 4];
        assert_eq!(product(&factors(&kernel, &[2, 2]).expect("rank one"), &[2, 2]), kernel);
        let kernel = [i32::MIN, i32::MIN, 0, 0];
        assert_eq!(product(&factors(&kernel, &[2, 2]).expect("rank one"), &[2, 2]), kernel);
    }

    #[test]
    fn passes_before_the_last_gain_nothing() {
        let found = factors(&[1.0f32 / 81.0; 81], &[9, 9]).expect("rank one");
        assert!(found[1].iter().sum::<f32>() <= 1.0);
    }

    #[test]
    fn nearly_separable_is_not_separable() {
        let mut kernel: Vec<f32> =
            (0..9).map(|i| [1.0, 2.0, 1.0][i / 3] * [3.0, 1.0, 4.0][i % 3]).collect();
        assert!(factors(&kernel, &[3, 3]).is_some());
        kernel[4] *= 1.0001;
        assert!(factors(&kernel, &[3, 3]).is_none());
        assert!(factors(&[1, 2, 2, 5], &[2, 2]).is_none());
        assert!(factors(&[0.0f64; 4], &[2, 2]).is_none());
        assert!(factors(&[1.0f32, 2.0, 3.0], &[1, 3]).is_none());
    }

    #[test]
    fn three_axes_and_complex_taps_separate() {
        let (a, b, c) = ([1.0, -2.0], [0.5, 1.5, 0.25], [3.0, 0.1]);
        let i = Complex::new(0.6f32, -0.8);
        let mut kernel = Vec::new();
        for_each_product(&[2, 3, 2], &mut |_, at| {
            kernel.push(i * (a[at[0]] * b[at[1]] * c[at[2]]) as f32);
            true
        });
        assert!(factors(&kernel, &[2, 3, 2]).is_some());
    }
}
