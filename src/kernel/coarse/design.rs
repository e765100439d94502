//! Finding the taps of a coarse grid: guesses, cheapest first, until one is proved.

use super::prototypes::PROTOTYPES;
use super::{CoarseAxis, Prototype};
use crate::error::Result;
use crate::util::memory;

/// What the memory is for.
pub(super) const WHAT: &str = "a kernel on a coarser grid";

/// What is asked of a design.
pub(super) struct Wanted<'w> {
    /// About the largest error that is accepted.
    pub most: f64,
    /// Whether this error, and that of constants, will do.
    pub accepts: &'w dyn Fn(f64, f64) -> bool,
    /// Whether other axes are filtered too.
    pub planes: bool,
}

/// The error of `m` taps in steps of the coarse grid is near `ERRORS[2 m - 4] * f^m * sum |D^m k|`, with the
/// `m`-th differences of the taps: within a factor of two for Gaussians and their derivatives, and far too
/// small for kernels that are not smooth. A guess, by which designs are tried or not.
const ERRORS: [f64; 9] = [0.06, 0.0145, 3.5e-3, 9.4e-4, 2.5e-4, 7e-5, 2e-5, 6.3e-6, 2e-6];

/// A guess up to so many times too large is tried.
const TRIED_UP_TO: f64 = 2.5;

/// A step at either end of the taps leaves an error of so much of it, times the factor.
const STEP: f64 = 0.75;

/// Designs that are tried, at most, and multiply-adds of all their proofs.
const TRIES: usize = 24;
const WORK: usize = 20_000_000;

/// What a sample of the coarse grid along one axis costs beside its multiply-adds, in these: it is moved
/// about.
const MOVED: f64 = 8.0;

/// A factor, and the sizes of both prototypes.
struct Guess {
    factor: usize,
    halves: usize,
    reads: usize,
    price: f64,
}

/// The cheapest design that is found for these taps, or one as large as `like` if that will do. If there is
/// none, how far the closest was off.
pub(super) fn search(
    taps: &[f64],
    wanted: &Wanted<'_>,
    round: &dyn Fn(f64) -> f64,
    like: Option<&CoarseAxis>,
) -> Result<Result<CoarseAxis, f64>> {
    let sum: f64 = taps.iter().map(|tap| tap.abs()).sum();
    if taps.len() < 2 || !sum.is_normal() {
        return Ok(Err(f64::INFINITY));
    }
    // An odd number of them.
    let odd = taps.len() + 1 - taps.len() % 2;
    let padded = taps.iter().copied().chain([0.0]).take(odd);
    let taps = memory::collected(padded, odd, WHAT)?;
    if let Some(like) = like {
        let halves = 2 * like.down.len() / like.factor;
        let found = [halves, 2 * like.reads].map(|halves| prototype(halves, like.factor));
        if let [Some(down), Some(up)] = found {
            let found = attempt(&taps, sum, [down, up], like.radius(), round)?;
            let will_do = |found: &CoarseAxis| (wanted.accepts)(found.error, found.constants);
            if let Some(found) = found.filter(will_do) {
                return Ok(Ok(found));
            }
        }
    }
    let (mut closest, mut work) = (f64::INFINITY, 0);
    for guess in guesses(&taps, sum, wanted)?.iter().take(TRIES) {
        let Guess { factor, halves, reads, .. } = *guess;
        let (Some(down), Some(up)) = (prototype(halves, factor), prototype(2 * reads, factor))
        else {
            continue;
        };
        let mut attempt = |radius: usize| {
            work += factor * reads * (2 * radius * factor + halves * factor);
            attempt(&taps, sum, [down, up], radius, round)
        };
        // As far as the taps, less what the prototypes reach.
        let widest = (taps.len() / 2).div_ceil(factor);
        let radius = widest.saturating_sub((halves + 2 * reads) / 8).max(1);
        let mut found = attempt(radius)?;
        let near = |found: &Option<CoarseAxis>| {
            found.as_ref().is_some_and(|found| found.error <= 4.0 * wanted.most)
        };
        let will_do = |found: &CoarseAxis| (wanted.accepts)(found.error, found.constants);
        if near(&found) && !found.as_ref().is_some_and(will_do) {
            found = attempt(radius + 2)?;
        }
        if let Some(mut found) = found {
            if will_do(&found) {
                // The fewest taps that still do.
                while found.radius() > 1 && found.radius() + 3 > radius {
                    match attempt(found.radius() - 1)? {
                        Some(shorter) if will_do(&shorter) => found = shorter,
                        _ => break,
                    }
                }
                return Ok(Ok(found));
            }
            closest = closest.min(found.error);
        }
        if work > WORK {
            break;
        }
    }
    Ok(Err(closest))
}

/// What may do, cheapest first.
fn guesses(taps: &[f64], sum: f64, wanted: &Wanted<'_>) -> Result<Vec<Guess>> {
    let step = STEP * (taps[0].abs() + taps[taps.len() - 1].abs()) / sum;
    // Differences of whole orders; between them lies the geometric mean. Of many taps they are taken from
    // taps farther apart: those of neighbours would show how these were rounded.
    let apart = (taps.len() / 128).max(1);
    let mut rough = [f64::INFINITY; 9];
    let mut differences = memory::copied(taps, WHAT)?;
    for order in 1..=6usize {
        if differences.len() <= apart {
            break;
        }
        for i in apart..differences.len() {
            differences[i - apart] = (differences[i] - differences[i - apart]) / apart as f64;
        }
        differences.truncate(differences.len() - apart);
        if order >= 2 {
            rough[2 * order - 4] = differences.iter().map(|d| d.abs()).sum::<f64>() / sum;
        }
    }
    for half in (1..rough.len()).step_by(2) {
        rough[half] = (rough[half - 1] * rough[half + 1]).sqrt();
    }
    let error = |halves: usize, factor: usize| {
        let power = halves as f64 / 2.0;
        ERRORS[halves - 4] * (factor as f64).powf(power) * rough[halves - 4]
    };
    let mut guesses = Vec::new();
    for Prototype { halves, factor, taps: half } in &PROTOTYPES {
        let (halves, factor) = (*halves, *factor);
        let f = factor as f64;
        if taps.len() < 6 * factor || step * f > TRIED_UP_TO * wanted.most {
            continue;
        }
        for reads in 2..=6usize {
            let apart = (2 * reads).abs_diff(halves);
            let off = error(halves, factor).max(error(2 * reads, factor));
            if apart > 2 || off > TRIED_UP_TO * wanted.most {
                continue;
            }
            let (down, coarse) = (2.0 * half.len() as f64, taps.len() as f64 / f + 1.0);
            let price = match wanted.planes {
                true => {
                    (down + MOVED) * (1.0 + 1.0 / f) / f
                        + 2.0 * coarse / (f * f)
                        + reads as f64 * (1.0 + 1.0 / f)
                }
                false => (down + coarse + MOVED) / f + reads as f64,
            };
            guesses.push(Guess { factor, halves, reads, price });
        }
    }
    guesses.sort_by(|a, b| a.price.total_cmp(&b.price));
    Ok(guesses)
}

fn prototype(halves: usize, factor: usize) -> Option<&'static Prototype> {
    PROTOTYPES.iter().find(|one| (one.halves, one.factor) == (halves, factor))
}

impl Prototype {
    /// All taps.
    fn whole(&self) -> impl Iterator<Item = f64> + Clone + '_ {
        self.taps.iter().rev().chain(self.taps).map(|&tap| f64::from(tap))
    }
}

/// The design with these prototypes and so many taps on either side of the middle; none where the taps of
/// the coarse grid cannot be solved for.
fn attempt(
    k: &[f64],
    sum: f64,
    [down, up]: [&Prototype; 2],
    radius: usize,
    round: &dyn Fn(f64) -> f64,
) -> Result<Option<CoarseAxis>> {
    let (factor, reads) = (down.factor, up.halves / 2);
    let prototype = memory::collected(up.whole(), 2 * up.taps.len(), WHAT)?;
    let down = memory::collected(down.whole(), 2 * down.taps.len(), WHAT)?;
    let mut phases = memory::room(factor * reads, WHAT)?;
    for p in 0..factor {
        let taps = || (0..reads).map(|l| prototype[p + factor * (reads - 1 - l)]);
        // Every phase keeps constants.
        let all: f64 = taps().sum();
        phases.extend(taps().map(|tap| round(tap / all)));
    }
    let mut design = CoarseAxis {
        factor,
        down,
        taps: memory::zeros(2 * radius + 1, WHAT)?,
        up: phases,
        reads,
        error: f64::INFINITY,
        constants: f64::INFINITY,
        gain: 0.0,
    };
    if !fit(&mut design, k)? {
        return Ok(None);
    }
    let [constant, passed] = [k, &design.down].map(|taps| taps.iter().sum::<f64>());
    let scale = match constant.abs() > 1e-3 * sum {
        true => constant / (design.taps.iter().sum::<f64>() * passed),
        false => 1.0,
    };
    design.taps.iter_mut().for_each(|tap| *tap = round(*tap * scale));
    prove(&mut design, k, sum)?;
    // Taps may be too large for their type: of several infinities nothing is proved.
    let known = design.taps.iter().all(|tap| tap.is_finite()) && design.gain.is_finite();
    Ok(known.then_some(design))
}

/// Solves for the taps of the coarse grid with which all phases together are nearest to `k`, by the normal
/// equations, whose matrix has the same band in each row. False where it is singular.
fn fit(design: &mut CoarseAxis, k: &[f64]) -> Result<bool> {
    let CoarseAxis { factor, reads, .. } = *design;
    let (count, middle) = (design.taps.len(), (k.len() / 2) as isize);
    let radius = design.radius() as isize;
    let len = design.down.len() + factor * (reads - 1);
    let band = ((len - 1) / factor).min(count - 1);
    let mut one: Vec<f64> = memory::zeros(len, WHAT)?;
    let mut lags: Vec<f64> = memory::zeros(band + 1, WHAT)?;
    let mut c: Vec<f64> = memory::zeros(count, WHAT)?;
    for p in 0..factor {
        // The taps of this phase with a single one on the coarse grid.
        one.fill(0.0);
        for (l, &w) in design.up[p * reads..][..reads].iter().enumerate() {
            for (one, g) in one[l * factor..].iter_mut().zip(&design.down) {
                *one += w * g;
            }
        }
        for (lag, sum) in lags.iter_mut().enumerate() {
            *sum += dot(&one[lag * factor..], &one);
        }
        let start = design.first_down() + factor as isize * design.first_read() - p as isize;
        for (i, c) in c.iter_mut().enumerate() {
            let at = start + factor as isize * (i as isize - radius) + middle;
            let (skipped, from) = ((-at).max(0) as usize, at.max(0) as usize);
            if skipped < len && from < k.len() {
                *c += dot(&one[skipped..], &k[from..]);
            }
        }
    }
    let solved = solve(&lags, &mut c)?;
    design.taps = c;
    Ok(solved)
}

/// The sum of products, as far as both go.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Solves a symmetric system with `lags[i - j]` in row `i` and column `j`, in place, by Cholesky's
/// factors within the band. False where these do not exist.
fn solve(lags: &[f64], b: &mut [f64]) -> Result<bool> {
    let (n, band) = (b.len(), lags.len() - 1);
    let width = band + 1;
    // Row i has its columns from i - band to i.
    let mut factor: Vec<f64> = memory::zeros(n * width, WHAT)?;
    for i in 0..n {
        for j in i.saturating_sub(band)..=i {
            let first = i.saturating_sub(band).max(j.saturating_sub(band));
            let [row, column] = [i, j]
                .map(|at| &factor[at * width + first + band - at..at * width + j + band - at]);
            let rest = lags[i - j] - dot(row, column);
            let value = if i == j { rest.sqrt() } else { rest / factor[j * width + band] };
            if !(value.is_finite() && (i != j || value > 0.0)) {
                return Ok(false);
            }
            factor[i * width + j + band - i] = value;
        }
    }
    for i in 0..n {
        let first = i.saturating_sub(band);
        let known = dot(&factor[i * width + first + band - i..i * width + band], &b[first..i]);
        b[i] = (b[i] - known) / factor[i * width + band];
    }
    for i in (0..n).rev() {
        b[i] /= factor[i * width + band];
        let first = i.saturating_sub(band);
        for j in first..i {
            b[j] -= factor[i * width + j + band - i] * b[i];
        }
    }
    Ok(b.iter().all(|value| value.is_finite()))
}

/// What sums in `f64` may add to an error that is computed, in units of it and of `sum |k|`.
const ROUNDING: [f64; 2] = [1e-9, 1e-13];

/// Computes the errors of a design from its taps as they are.
fn prove(design: &mut CoarseAxis, k: &[f64], sum: f64) -> Result<()> {
    let CoarseAxis { factor, reads, .. } = *design;
    let step = factor as isize;
    let radius = design.radius();
    // The taps of both first stages, from this place on.
    let mut both: Vec<f64> = memory::zeros(2 * radius * factor + design.down.len(), WHAT)?;
    for (i, &c) in design.taps.iter().enumerate() {
        for (both, g) in both[i * factor..].iter_mut().zip(&design.down) {
            *both += c * g;
        }
    }
    let start = design.first_down() - step * radius as isize + step * design.first_read();
    let middle = (k.len() / 2) as isize;
    let low = (start - step).min(-middle);
    let end = start + step * reads as isize + both.len() as isize;
    let mut off: Vec<f64> = memory::zeros((end.max(middle + 1) - low) as usize, WHAT)?;
    let (mut error, mut constants) = (0f64, 0f64);
    for p in 0..factor {
        off.fill(0.0);
        for (off, k) in off[(-middle - low) as usize..].iter_mut().zip(k) {
            *off = -k;
        }
        for (l, &w) in design.up[p * reads..][..reads].iter().enumerate() {
            let at = (start + step * l as isize - p as isize - low) as usize;
            for (off, both) in off[at..].iter_mut().zip(&both) {
                *off += w * both;
            }
        }
        error = error.max(off.iter().map(|off| off.abs()).sum());
        constants = constants.max(off.iter().sum::<f64>().abs());
    }
    let magnitudes = |taps: &[f64]| taps.iter().map(|tap| tap.abs()).sum::<f64>();
    let up = design.up.chunks_exact(reads).map(magnitudes).fold(0.0, f64::max);
    let [share, beside] = ROUNDING;
    design.error = error / sum * (1.0 + share) + beside;
    design.constants = (constants / sum * (1.0 + share) + beside).min(design.error);
    design.gain = magnitudes(&design.down) * magnitudes(&design.taps) * up / sum;
    Ok(())
}
