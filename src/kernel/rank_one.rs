//! Kernels that are an outer product of one vector per axis.

use num_complex::Complex;

use super::Factors;
use crate::element::Element;
use crate::error::Result;
use crate::util::{gcd, memory};

/// One vector per axis whose outer product is the kernel, or `None` where there are none.
///
/// The vectors are the fibres through the largest tap (cross approximation of rank one, exact for
/// a tensor of rank one). For integers the product must equal the kernel exactly. For floating
/// point the factors, already rounded to the element type, are accepted where they keep *every* tap
/// ([`keeps`]): where large samples meet small taps only, the small taps are all that counts. A
/// kernel that is long on fewer than two axes has nothing to separate.
///
/// Factors of a kernel without negative taps (a blur) add up to what the kernel does, as far as their
/// type can say: rounded one by one they would darken or brighten every flat area.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub(crate) fn factors<A: Element>(w: &[A], shape: &[usize]) -> Result<Option<Factors<A>>> {
    let long: Vec<usize> = shape.iter().copied().filter(|&taps| taps > 1).collect();
    if long.len() < 2 || !w.iter().all(|w| w.is_finite()) {
        return Ok(None);
    }
    let largest = (0..w.len()).max_by(|&a, &b| w[a].magnitude().total_cmp(&w[b].magnitude()));
    let Some(pivot) = largest.filter(|&pivot| w[pivot].magnitude() > 0.0) else { return Ok(None) };
    let fibres = fibres(w, &long, pivot)?;
    let found = if A::DTYPE.is_integer() {
        integer_factors(w, &long, &fibres)?
    } else {
        real_factors(w, &long, &fibres, w[pivot].to_complex())?
    };
    let Some(found) = found else { return Ok(None) };
    let (mut found, one) = (found.into_iter(), A::from_complex(1.0.into()));
    let of_axis = |&taps: &usize| match taps {
        1 => vec![one],
        _ => found.next().unwrap_or_default(),
    };
    Ok(Some(shape.iter().map(of_axis).collect()))
}

/// What the memory is for.
const FACTORS: &str = "the factors of the kernel";

/// The vectors along each axis through element `pivot`, with the pivot's place in each.
fn fibres<A: Element>(w: &[A], shape: &[usize], pivot: usize) -> Result<Vec<(Vec<A>, usize)>> {
    let mut step = w.len();
    shape
        .iter()
        .map(|&taps| {
            step /= taps;
            let place = pivot / step % taps;
            let first = pivot - place * step;
            let fibre = (0..taps).map(|t| w[first + t * step]);
            Ok((memory::collected(fibre, taps, FACTORS)?, place))
        })
        .collect()
}

fn real_factors<A: Element>(
    w: &[A],
    shape: &[usize],
    fibres: &[(Vec<A>, usize)],
    pivot: Complex<f64>,
) -> Result<Option<Factors<A>>> {
    // All vectors but the first, whose pass runs last, add up to at most one, so that no sum between
    // passes is larger than the input. Powers of two share the magnitude without rounding.
    let shares: Vec<f64> = fibres
        .iter()
        .map(|(fibre, _)| fibre.iter().map(|tap| (tap.to_complex() / pivot).norm()).sum::<f64>())
        .map(|gain| 2f64.powf(-gain.log2().ceil()))
        .collect();
    let rest: f64 = shares[1..].iter().product();
    let scaled: Vec<Vec<Complex<f64>>> = fibres
        .iter()
        .zip(&shares)
        .enumerate()
        .map(|(axis, ((fibre, _), share))| {
            let scaled =
                |tap: Complex<f64>| if axis == 0 { tap / rest } else { tap / pivot * *share };
            let scaled = fibre.iter().map(|tap| scaled(tap.to_complex()));
            memory::collected(scaled, fibre.len(), FACTORS)
        })
        .collect::<Result<_>>()?;
    let rounded = |factor: &Vec<Complex<f64>>| {
        let rounded = factor.iter().map(|&tap| A::from_complex(tap));
        memory::collected(rounded, factor.len(), FACTORS)
    };
    let mut factors: Vec<Vec<A>> = scaled.iter().map(rounded).collect::<Result<_>>()?;
    // A sum beyond the type proves nothing.
    let sum: f64 = w.iter().map(|w| w.magnitude()).sum();
    if !sum.is_finite() || !factors.iter().flatten().all(|f| f.is_finite()) {
        return Ok(None);
    }
    if !A::DTYPE.is_complex() && w.iter().all(|w| w.to_complex().re >= 0.0) {
        let sums: Vec<f64> =
            scaled.iter().map(|factor| factor.iter().map(|tap| tap.norm()).sum()).collect();
        let wanted = sum / sums.iter().product::<f64>();
        for (axis, factor) in factors.iter_mut().enumerate() {
            let wanted = if axis == 0 { wanted * sums[0] } else { sums[axis] };
            add_up_to(factor, wanted)?;
        }
    }
    let mut kept = true;
    for_each_product(shape, &mut |index, at| {
        let product =
            at.iter().zip(&factors).map(|(&t, f)| f[t].to_complex()).product::<Complex<f64>>();
        let tap = w[index].to_complex();
        kept = keeps::<A>(tap, tap - product, tap.norm(), shape.len());
        kept
    });
    Ok(kept.then_some(factors))
}

/// Roundings that a tap may be off by that is a product along one axis more: those of the factor, of
/// the two taps that it is a ratio of, and one more for kernels whose taps were computed in their own
/// type.
pub(crate) const ROUNDINGS: usize = 4;

/// Whether a tap that is left with this difference is kept to a few roundings of itself, given the
/// magnitude of the products along `axes` axes that add up to it. What is too small for the type may
/// be off by a few of its smallest numbers.
pub(crate) fn keeps<A: Element>(
    tap: Complex<f64>,
    difference: Complex<f64>,
    products: f64,
    axes: usize,
) -> bool {
    let roundings = (ROUNDINGS * axes) as f64 * A::DTYPE.epsilon();
    let smallest = A::DTYPE.smallest_normal();
    difference.norm() <= roundings * (tap.norm().max(products) + smallest)
}

/// Moves the largest of these taps, none of them negative, by up to two roundings each until they add
/// up to `wanted`. Pairs of equal taps at the same distance from both ends stay equal, and so do taps that are
/// all the same: what neighbouring outputs have in common is summed once then.
fn add_up_to<A: Element>(factor: &mut [A], wanted: f64) -> Result<()> {
    if factor.iter().all(|tap| *tap == factor[0]) {
        return Ok(());
    }
    let value = |tap: A| tap.to_complex().re;
    let half = factor.len().div_ceil(2);
    let mut order: Vec<usize> = memory::collected(0..half, half, FACTORS)?;
    order.sort_unstable_by(|&a, &b| value(factor[b]).total_cmp(&value(factor[a])).then(a.cmp(&b)));
    let mut missing = wanted - factor.iter().map(|&tap| value(tap)).sum::<f64>();
    for low in order {
        let high = factor.len() - 1 - low;
        let places = if low != high && factor[low] == factor[high] { 2.0 } else { 1.0 };
        let tap = value(factor[low]);
        let most = 2.0 * A::DTYPE.epsilon() * tap;
        let moved = A::from_complex((tap + (missing / places).clamp(-most, most)).into());
        if places == 2.0 {
            factor[high] = moved;
        }
        factor[low] = moved;
        missing -= places * (value(moved) - tap);
    }
    Ok(())
}

/// By Gauss's lemma the product of primitive vectors is primitive, so a kernel of rank one over
/// the rationals is an integer times the product of its fibres without their common divisors.
fn integer_factors<A: Element>(
    w: &[A],
    shape: &[usize],
    fibres: &[(Vec<A>, usize)],
) -> Result<Option<Factors<A>>> {
    if w.iter().any(|w| w.magnitude() > EXACT) {
        return Ok(None);
    }
    let integer = |tap: A| tap.to_complex().re as i128;
    let mut factors: Vec<Vec<i128>> = Vec::with_capacity(fibres.len());
    let (mut pivot, mut primitive) = (1, 1i128);
    for (fibre, place) in fibres {
        let divisor = fibre.iter().fold(0, |divisor, &tap| gcd(divisor, integer(tap))).abs();
        pivot = integer(fibre[*place]);
        let Some(product) = primitive.checked_mul(pivot / divisor) else { return Ok(None) };
        primitive = product;
        let divided = fibre.iter().map(|&tap| integer(tap) / divisor);
        factors.push(memory::collected(divided, fibre.len(), FACTORS)?);
    }
    if pivot % primitive != 0 {
        return Ok(None);
    }
    factors[0].iter_mut().for_each(|tap| *tap *= pivot / primitive);
    let mut equal = true;
    for_each_product(shape, &mut |index, at| {
        let product = at.iter().zip(&factors).try_fold(1i128, |p, (&t, f)| p.checked_mul(f[t]));
        equal = product == Some(integer(w[index]));
        equal
    });
    // A factor may be one beyond its type, 128 for i8: wrapped, the product is still the kernel.
    let narrow = |factor: Vec<i128>| -> Result<Vec<A>> {
        let taps = factor.len();
        memory::collected(factor.into_iter().map(|tap| A::from_integer(tap as i64)), taps, FACTORS)
    };
    equal.then(|| factors.into_iter().map(narrow).collect()).transpose()
}

/// Whether the product of the factors has the sign of each tap, and is zero just where the tap is.
/// Only then do passes over an infinity end in what the sum over the window ends in; of complex taps
/// it is never said.
pub(crate) fn keeps_signs<A: Element>(w: &[A], shape: &[usize], factors: &[Vec<A>]) -> bool {
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

    fn factors<A: Element>(w: &[A], shape: &[usize]) -> Option<Vec<Vec<A>>> {
        super::factors(w, shape).expect("memory")
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
    fn factors_of_a_blur_add_up_to_it() {
        for sigma in [0.5, 1.0, 2.0, 4.0, 9.0, 20.0, 60.0] {
            let blur = crate::kernel::builtin::gaussian::<f32>(sigma).expect("a sigma");
            let (n, taps) = (blur.nrows(), blur.as_slice().expect("standard"));
            let found = factors(taps, &[n, n]).expect("rank one");
            let sum = |taps: &[f32]| taps.iter().map(|&tap| f64::from(tap)).sum::<f64>();
            let both: f64 = found.iter().map(|factor| sum(factor)).product();
            assert!((both - sum(taps)).abs() < 1e-8, "sigma {sigma}: {}", both - sum(taps));
            assert!((both - 1.0).abs() < 1e-7, "sigma {sigma}: {}", both - 1.0);
            for factor in &found {
                assert!(factor.iter().eq(factor.iter().rev()), "both sides are the same");
            }
        }
    }

    /// A star under a kernel of large and small taps: small ones are all that a window may meet.
    #[test]
    fn every_tap_is_kept_or_there_are_no_factors() {
        let glare = |wings: f64| -> Vec<f32> {
            let r = |i: usize| ((i / 9) as f64 - 4.0).hypot((i % 9) as f64 - 4.0);
            (0..81).map(|i| if i == 40 { 1.0 } else { (wings / r(i).powf(1.5)) as f32 }).collect()
        };
        for wings in [1e-3, 6e-6, 1e-9, 1e-20] {
            assert!(factors(&glare(wings), &[9, 9]).is_none(), "{wings}");
        }
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
