//! What a kernel is like: the facts that decide which methods may run it, and the outer products that
//! it is made of.

pub mod builtin;
pub(crate) mod coarse;
pub(crate) mod fold;
pub(crate) mod low_rank;
mod rank_one;

use std::sync::Arc;

use crate::element::Element;
#[cfg(feature = "gpu")]
use crate::element::number::Number;
use crate::element::wider::{Wider, widened};
use crate::error::Result;
use crate::util::memory;
use crate::util::shared::Shared;
use crate::words::Precision;
use coarse::{Allowed, Coarsening};
pub(crate) use rank_one::ROUNDINGS;

/// Vectors of taps, one per axis, whose outer product is a kernel or a term of one.
pub(crate) type Factors<A> = Vec<Vec<A>>;

/// A kernel and all that is known of it, found once for all that are planned and prepared with it.
#[derive(Clone, Debug)]
pub(crate) struct Kernel<A: Element> {
    /// In canonical order, as they are stored.
    pub taps: Vec<A>,
    /// In the type that is computed in.
    pub facts: KernelFacts,
    terms: Terms<A>,
    /// What methods have made of it, for whoever needs the same.
    pub made: Arc<Shared>,
}

/// The outer products whose sum a kernel is, in the type that it was judged in: what is one to the
/// rounding of `f32` need not be one to that of `f64`.
#[derive(Clone, Debug)]
enum Terms<A: Element> {
    Native(Vec<Factors<A::Summed>>),
    High(Vec<Factors<A::Double>>),
}

impl<A: Element> Kernel<A> {
    /// Searches these taps, an array of shape `shape` in canonical order; under a tolerance also for
    /// narrower ones on coarser grids.
    pub(crate) fn new(
        precision: Precision,
        taps: Vec<A>,
        shape: &[usize],
        allowed: Option<Allowed>,
    ) -> Result<Self> {
        fn searched<A: Element, W: Element + Wider<A>>(
            taps: &[A],
            shape: &[usize],
            allowed: Option<Allowed>,
        ) -> Result<(KernelFacts, Vec<Factors<W>>)> {
            let wide: Vec<W>;
            let taps = match W::view(taps) {
                Some(taps) => taps,
                None => {
                    wide = widened::<A, W>(taps)?;
                    &wide
                }
            };
            let (mut facts, terms) = KernelFacts::searched(taps, shape)?;
            if let Some(allowed) = allowed {
                facts.coarse = coarsened(&facts, taps, &terms, shape, allowed)?;
            }
            Ok((facts, terms))
        }
        let (facts, terms) = match precision {
            Precision::High if precision.widens(A::DTYPE) => {
                let (facts, terms) = searched(&taps, shape, allowed)?;
                (facts, Terms::High(terms))
            }
            _ => {
                let (facts, terms) = searched(&taps, shape, allowed)?;
                (facts, Terms::Native(terms))
            }
        };
        Ok(Self { taps, facts, terms, made: Arc::default() })
    }

    /// One outer product of finite taps, none of them negative, for whoever reads its factors alone: there are
    /// no other taps.
    #[cfg(feature = "gpu")]
    pub(crate) fn of_factors(factors: Factors<A::Summed>) -> Self {
        let taps = factors.iter().map(Vec::len).product();
        let sum = |taps: &Vec<A::Summed>| taps.iter().map(|tap| tap.magnitude()).sum::<f64>();
        let sum = factors.iter().map(sum).product();
        let facts = KernelFacts { terms: 1, keeps_signs: true, sum, ..KernelFacts::unknown(taps) };
        let terms = Terms::Native(vec![factors]);
        Self { taps: Vec::new(), facts, terms, made: Arc::default() }
    }

    /// What is no kernel itself, but will be run over by one: there is nothing to search it for.
    pub(crate) fn unsearched(taps: Vec<A>, facts: KernelFacts) -> Self {
        Self { taps, facts, terms: Terms::Native(Vec::new()), made: Arc::default() }
    }

    /// The outer products, where sums are made natively; else none.
    pub(crate) fn native_terms(&self) -> &[Factors<A::Summed>] {
        if let Terms::Native(terms) = &self.terms { terms } else { &[] }
    }

    /// The outer products, where sums are made in more precision; else none.
    pub(crate) fn high_terms(&self) -> &[Factors<A::Double>] {
        if let Terms::High(terms) = &self.terms { terms } else { &[] }
    }
}

/// Narrower taps on coarser grids, for a kernel of one outer product, or one that is long on one axis.
fn coarsened<W: Element>(
    facts: &KernelFacts,
    taps: &[W],
    terms: &[Factors<W>],
    shape: &[usize],
    allowed: Allowed,
) -> Result<Coarsening> {
    let refused = |reason: &str| Ok(Coarsening::Refused(reason.into()));
    if !facts.finite {
        return refused("the kernel has taps that are not finite");
    }
    match (terms, shape.iter().filter(|&&taps| taps > 1).count()) {
        (_, 0) => refused("the kernel has one tap"),
        (_, 1) => {
            let one = || vec![W::from_integer(1)];
            let along = |&len: &usize| match len {
                1 => Ok(one()),
                len => memory::copied(&taps[..len], "the kernel along its one axis"),
            };
            let factors = shape.iter().map(along).collect::<Result<_>>()?;
            coarse::coarsen(&factors, facts.sum, allowed, None)
        }
        ([factors], _) => coarse::coarsen(factors, facts.sum, allowed, None),
        _ => refused("the kernel is not one outer product of a vector per axis"),
    }
}

/// Whether a factor is the same read backwards (`Some(false)`), or with the other sign (`Some(true)`).
pub(crate) fn mirror<A: Element>(factor: &[A]) -> Option<bool> {
    let opposite = |a: A, b: A| a == A::default().mul_add(A::from_integer(-1), b);
    let pairs = || factor.iter().zip(factor.iter().rev());
    if pairs().all(|(a, b)| a == b) {
        Some(false)
    } else {
        pairs().all(|(&a, &b)| opposite(a, b)).then_some(true)
    }
}

/// The share of a window, `sum |k_t| |x_t|`, that an error in this precision may reach at most where a
/// method's error is not of the window alone: in `f32` three digits are kept, in `f64` nine, however
/// quiet the window is beside others. Both are far above what ordinary samples leave.
pub fn share(epsilon: f64) -> f64 {
    if epsilon < 1e-12 { 1e-9 } else { 1e-3 }
}

/// Numbers about a kernel that the planner reads; no data.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
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
    /// The most that the terms are larger than a tap that they add up to, over all taps:
    /// `sum over terms of |product of factors| / |k|`. 1 for a single term, more where several cancel;
    /// what the error of their passes is multiplied by.
    pub gain: f64,
    /// Whether the factors of a single term have the sign of each tap, and are zero just where it
    /// is, so that passes over an infinity end in what the kernel itself ends in.
    pub keeps_signs: bool,
    /// Whether the factors of every term along the last two axes are the same read backwards, perhaps
    /// with the other sign: samples under equal taps may then be added before they are multiplied.
    pub mirrored: bool,
    /// Whether the kernel is one outer product, along whose last two axes all taps are the same: a box.
    pub flat: bool,
    /// Narrower taps on coarser grids, where a tolerance was given.
    pub coarse: Coarsening,
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
            gain: 1.0,
            keeps_signs: false,
            mirrored: false,
            flat: false,
            coarse: Coarsening::NotAsked,
        }
    }

    /// The facts of the weights `w`, an array of shape `shape` in standard order. No outer products are
    /// known where there is no memory to look for them.
    pub fn of<A: Element>(w: &[A], shape: &[usize]) -> Self {
        Self::searched(w, shape).map_or_else(|_| Self::norms(w), |(facts, _)| facts)
    }

    /// [`KernelFacts::of`] with the outer products themselves, or an error where there is no memory.
    fn searched<A: Element>(w: &[A], shape: &[usize]) -> Result<(Self, Vec<Factors<A>>)> {
        let norms = Self::norms(w);
        let Some(low_rank::Terms { factors, gain }) = low_rank::terms(w, shape)? else {
            return Ok((norms, Vec::new()));
        };
        let terms = factors.len();
        let keeps_signs = terms == 1 && rank_one::keeps_signs(w, shape, &factors[0]);
        let last_two = shape.len().saturating_sub(2)..;
        let mut factors_of_rows = factors.iter().flat_map(|term| &term[last_two.clone()]);
        let same = |factor: &Vec<A>| factor.iter().all(|tap| *tap == factor[0]);
        let flat = terms == 1 && factors_of_rows.clone().all(same);
        let mirrored = factors_of_rows.all(|factor| mirror(factor).is_some());
        Ok((Self { terms, gain, keeps_signs, mirrored, flat, ..norms }, factors))
    }

    /// The facts without a search for outer products: none is known.
    pub(crate) fn norms<A: Element>(w: &[A]) -> Self {
        let magnitudes = || w.iter().map(|w| w.magnitude());
        let max = magnitudes().fold(0.0, f64::max);
        // Squares of the largest magnitudes are beyond f64.
        let unit = if max > 0.0 { max } else { 1.0 };
        let squares: f64 = magnitudes().map(|magnitude| (magnitude / unit).powi(2)).sum();
        Self {
            finite: w.iter().all(|w| w.is_finite()),
            max,
            sum: magnitudes().sum(),
            norm: unit * squares.sqrt(),
            terms: 0,
            gain: 1.0,
            keeps_signs: false,
            mirrored: false,
            flat: false,
            coarse: Coarsening::NotAsked,
        }
    }

    /// Whether the kernel is an outer product of vectors, or a sum of a few.
    pub fn is_separable(&self) -> bool {
        self.terms > 0
    }
}
