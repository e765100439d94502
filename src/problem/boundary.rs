//! How the input continues past its ends.

use crate::element::Element;

/// How the input continues past its ends along an axis; the kernel is never extended.
///
/// Every pattern holds at any distance: a window that reaches further than the axis is long sees
/// the pattern repeated. Axes extend on their own. Where a sample lies outside along several axes
/// with different constants, the later axis gives the value, as in `numpy.pad`.
///
/// | ours | pattern for `a b c d` | `scipy.ndimage` | `numpy.pad` | OpenCV |
/// | --- | --- | --- | --- | --- |
/// | `Zero`, `Constant(v)` | `v v v / a b c d / v v v` | constant | constant | CONSTANT |
/// | `Nearest` | `a a a / a b c d / d d d` | nearest | edge | REPLICATE |
/// | `Reflect` | `c b a / a b c d / d c b` | reflect | symmetric | REFLECT |
/// | `Mirror` | `d c b / a b c d / c b a` | mirror | reflect | REFLECT_101 |
/// | `Wrap` | `b c d / a b c d / a b c` | wrap | wrap | WRAP |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Boundary<A> {
    /// Zeros: the boundary of `scipy.signal.convolve`.
    #[default]
    Zero,
    /// One value everywhere outside.
    Constant(A),
    /// The edge sample, repeated.
    Nearest,
    /// Reflected about the edge of the last sample, which is repeated; period `2 n`.
    Reflect,
    /// Reflected about the centre of the last sample; period `2 (n - 1)`, `Nearest` for `n = 1`.
    Mirror,
    /// The other end of the axis; period `n`.
    Wrap,
}

/// A boundary without its value: all that a geometry and a plan need to know.
pub type Edge = Boundary<()>;

impl<A> Boundary<A> {
    /// The rule alone.
    pub fn edge(&self) -> Edge {
        match self {
            Self::Zero => Edge::Zero,
            Self::Constant(_) => Edge::Constant(()),
            Self::Nearest => Edge::Nearest,
            Self::Reflect => Edge::Reflect,
            Self::Mirror => Edge::Mirror,
            Self::Wrap => Edge::Wrap,
        }
    }
}

impl<A: Element> Boundary<A> {
    /// The value outside, where it does not come from the input.
    pub(crate) fn value(&self) -> A {
        match self {
            Self::Constant(value) => *value,
            _ => A::default(),
        }
    }

    /// `Constant(0)` is `Zero`.
    pub(crate) fn canonical(self) -> Self {
        match self {
            Self::Constant(value) if value == A::default() => Self::Zero,
            other => other,
        }
    }
}

impl Edge {
    /// The boundary with this rule, and this value where it has one of its own.
    pub fn with<A>(self, value: A) -> Boundary<A> {
        match self {
            Self::Zero => Boundary::Zero,
            Self::Constant(()) => Boundary::Constant(value),
            Self::Nearest => Boundary::Nearest,
            Self::Reflect => Boundary::Reflect,
            Self::Mirror => Boundary::Mirror,
            Self::Wrap => Boundary::Wrap,
        }
    }

    /// The sample of an axis of `n` samples that stands at position `i`, or `None` where the
    /// boundary's own value does. An axis without samples has none.
    pub fn resolve(self, i: isize, n: usize) -> Option<usize> {
        if n == 0 {
            return None;
        }
        let len = n as isize;
        if (0..len).contains(&i) {
            return Some(i as usize);
        }
        // Most positions are less than a period away: no need to divide.
        let within = |period: isize| match i {
            _ if (0..period).contains(&i) => i,
            _ if (-period..0).contains(&i) => i + period,
            _ => i.rem_euclid(period),
        };
        let source = match self {
            Self::Zero | Self::Constant(()) => return None,
            Self::Nearest => i.clamp(0, len - 1),
            Self::Reflect => {
                let phase = within(2 * len);
                phase.min(2 * len - 1 - phase)
            }
            Self::Mirror if n == 1 => 0,
            Self::Mirror => {
                let phase = within(2 * (len - 1));
                phase.min(2 * (len - 1) - phase)
            }
            Self::Wrap => within(len),
        };
        Some(source as usize)
    }
}

impl std::fmt::Display for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Zero => "zero",
            Self::Constant(()) => "constant",
            Self::Nearest => "nearest",
            Self::Reflect => "reflect",
            Self::Mirror => "mirror",
            Self::Wrap => "wrap",
        })
    }
}
