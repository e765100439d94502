//! What is outside of a picture, where that is a constant: the colours' and alpha's are two.

use ndarray::Ix3;

use crate::error::Result;
use crate::face::builder::FilterBuilder;
use crate::face::filter::Filter;
use crate::format::pixels::Pixels;
use crate::problem::PerAxis;
use crate::problem::boundary::Boundary;
use crate::words::{Alpha, Light, Mode};

/// Filters of the colours, where the constant outside is another one than alpha's.
#[derive(Debug, Default)]
pub(super) struct Colours {
    /// Of colours as they are.
    plain: Option<Box<Filter<f32, Ix3>>>,
    /// Of those that count by their alpha.
    weighed: Option<Box<Filter<f32, Ix3>>>,
    /// Of those that are stored multiplied by it.
    premultiplied: Option<Box<Filter<f32, Ix3>>>,
}

impl Colours {
    /// For pictures of this shape, whose last channel is alpha, with what becomes of constants: of colours
    /// as they are, and of those that count by their alpha.
    pub(super) fn new(
        builder: &FilterBuilder<f32, Ix3>,
        shape: (usize, usize, usize),
        light: Light,
        constants: [&dyn Fn(f32) -> f32; 2],
    ) -> Result<Self> {
        let filter = |constant: &dyn Fn(f32) -> f32| {
            let builder = with_constants(builder, constant)?;
            builder.map(|builder| builder.for_shape(shape).map(Box::new)).transpose()
        };
        let plain = if light == Light::Linear { filter(constants[0])? } else { None };
        Ok(Self { plain, weighed: filter(constants[1])?, premultiplied: None })
    }

    /// For pictures of this shape whose alpha is copied, and whose colours have a constant of light outside:
    /// of a colour that is its alpha that is all of the light, and so as it is.
    pub(super) fn beside_copied_alpha(
        builder: &FilterBuilder<f32, Ix3>,
        shape: (usize, usize, usize),
    ) -> Result<Self> {
        let premultiplied = Some(Box::new(builder.for_shape(shape)?));
        Ok(Self { premultiplied, ..Self::default() })
    }

    /// The filter of the colours of such pixels, unless they share alpha's.
    pub(super) fn filter(&self, pixels: Pixels) -> Option<&Filter<f32, Ix3>> {
        match pixels {
            Pixels { alpha: Alpha::Straight, .. } => self.weighed.as_deref(),
            Pixels { alpha: Alpha::Premultiplied, .. } => self.premultiplied.as_deref(),
            _ => self.plain.as_deref(),
        }
    }
}

/// The same with other constants outside; none where nothing constant is outside, or zeros.
pub(super) fn with_constants(
    builder: &FilterBuilder<f32, Ix3>,
    constant: impl Fn(f32) -> f32,
) -> Result<Option<FilterBuilder<f32, Ix3>>> {
    let edges = builder.options.boundary.resolve("boundary", 3)?;
    let is_constant = |edge: &Boundary<f32>| matches!(edge.canonical(), Boundary::Constant(_));
    // The axis of the channels has no outside.
    if builder.options.mode == Mode::Valid || !edges[..2].iter().any(is_constant) {
        return Ok(None);
    }
    let changed = edges.iter().map(|edge| match edge {
        Boundary::Constant(value) => Boundary::Constant(constant(*value)),
        edge => *edge,
    });
    let mut builder = builder.clone();
    builder.options.boundary = PerAxis::Each(changed.collect());
    Ok(Some(builder))
}

/// Whether what is outside comes from inside.
pub(super) fn edges_are_inside(builder: &FilterBuilder<f32, Ix3>) -> Result<bool> {
    let edges = builder.options.boundary.resolve("boundary", 3)?;
    let is_outside = |edge: &Boundary<f32>| matches!(edge, Boundary::Zero | Boundary::Constant(_));
    Ok(builder.options.mode == Mode::Valid || !edges[..2].iter().any(is_outside))
}
