//! Straight alpha: colours that count by how opaque they are.

use ndarray::{Dimension, Ix3};

use crate::error::Result;
use crate::face::builder::FilterBuilder;
use crate::face::filter::Filter;
use crate::format::FrameSample;
use crate::problem::PerAxis;
use crate::problem::boundary::Boundary;
use crate::util::memory;
use crate::words::Mode;

/// What a kernel that keeps constants does with a picture's alpha.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alpha {
    /// Colours count by their alpha, so that those of transparent pixels do not show: they are
    /// multiplied by it before they are filtered, and divided by the filtered alpha afterwards. Where
    /// that is stored as 0 the colour is 0. Past the edges, boundaries of zero are transparent, and a
    /// constant is a colour with that constant as its alpha.
    ///
    /// Where alpha is the same everywhere, inside and outside, colours are filtered as they are. So
    /// they are by a kernel with one tap, which moves pixels and mixes none.
    #[default]
    Straight,
    /// Alpha is a channel like any other, and the others do not depend on it: right for pictures whose
    /// colours have alpha multiplied in already, as OpenEXR's have.
    AsChannel,
}

/// Multiplies alpha in and divides it out again, around a filter.
#[derive(Debug)]
pub(super) struct StraightAlpha {
    channels: usize,
    /// Alpha where nothing shows through.
    opaque: f32,
    /// What is outside comes from inside, alpha too.
    edges_are_inside: bool,
    /// The filter of the colours where a constant outside is another one once alpha is multiplied in.
    colours: Option<Filter<f32, Ix3>>,
}

impl StraightAlpha {
    /// For pictures of this shape, whose last channel is alpha.
    pub(super) fn new(
        mut builder: FilterBuilder<f32, Ix3>,
        shape: (usize, usize, usize),
        opaque: f32,
    ) -> Result<Self> {
        let edges = builder.options.boundary.resolve("boundary", 3)?;
        let multiplied = edges.iter().map(|edge| match edge {
            Boundary::Constant(value) => Boundary::Constant(value * (value / opaque)),
            edge => *edge,
        });
        let multiplied: Vec<_> = multiplied.collect();
        let is_constant = |edge: &Boundary<f32>| matches!(edge.canonical(), Boundary::Constant(_));
        let is_outside =
            |edge: &Boundary<f32>| matches!(edge, Boundary::Zero | Boundary::Constant(_));
        let valid = builder.options.mode == Mode::Valid;
        // The axis of the channels has no outside.
        let edges_are_inside = valid || !edges[..2].iter().any(is_outside);
        let colours = match !valid && edges[..2].iter().any(is_constant) {
            true => {
                builder.options.boundary = PerAxis::Each(multiplied);
                Some(builder.for_shape(shape)?)
            }
            false => None,
        };
        Ok(Self { channels: shape.2, opaque, edges_are_inside, colours })
    }

    /// Whether alpha is the same everywhere, so that colours may be filtered as they are.
    pub(super) fn changes_nothing<T: FrameSample<f32>>(&self, x: &[T]) -> bool {
        let mut alphas = x.iter().skip(self.channels - 1).step_by(self.channels);
        let first = alphas.next().map_or(0.0, |alpha| alpha.to_element());
        // What is transparent everywhere has no colour.
        self.edges_are_inside && first != 0.0 && alphas.all(|alpha| alpha.to_element() == first)
    }

    /// The samples with alpha multiplied in.
    pub(super) fn premultiplied<T: FrameSample<f32>>(&self, x: &[T]) -> Result<Vec<f32>> {
        let mut samples = as_floats(x)?;
        for pixel in samples.chunks_exact_mut(self.channels) {
            if let [colours @ .., alpha] = pixel {
                let alpha = *alpha / self.opaque;
                colours.iter_mut().for_each(|colour| *colour *= alpha);
            }
        }
        Ok(samples)
    }

    /// The filtered samples with alpha divided out, neither rounded nor saturated.
    pub(super) fn run<T: FrameSample<f32>>(
        &self,
        filter: &Filter<f32, Ix3>,
        x: &[T],
    ) -> Result<Vec<f32>> {
        let x = self.premultiplied(x)?;
        let len = filter.output_dim().size();
        let mut y = memory::zeros(len, "the picture's samples")?;
        filter.run(&x, &mut y)?;
        if let Some(filter) = &self.colours {
            let mut colours = memory::zeros(len, "the picture's colours")?;
            filter.run(&x, &mut colours)?;
            let pixels = y.chunks_exact_mut(self.channels).zip(colours.chunks_exact(self.channels));
            let last = self.channels - 1;
            pixels.for_each(|(y, colours)| y[..last].copy_from_slice(&colours[..last]));
        }
        for pixel in y.chunks_exact_mut(self.channels) {
            if let [colours @ .., alpha] = pixel {
                let alpha = *alpha / self.opaque;
                let divided = |colour: f32| if alpha > 0.0 { colour / alpha } else { 0.0 };
                colours.iter_mut().for_each(|colour| *colour = divided(*colour));
            }
        }
        Ok(y)
    }

    /// Stores filtered samples; what shows through whole has no colour.
    pub(super) fn store<T: FrameSample<f32>>(&self, sums: &[f32], y: &mut [T]) {
        let pixels = sums.chunks_exact(self.channels).zip(y.chunks_exact_mut(self.channels));
        for (sums, pixel) in pixels {
            let alpha = T::from_element(sums[self.channels - 1]);
            if alpha.to_element() != 0.0 {
                pixel.iter_mut().zip(sums).for_each(|(y, sum)| *y = T::from_element(*sum));
            }
        }
    }
}

/// The samples, as they are.
pub(super) fn as_floats<T: FrameSample<f32>>(x: &[T]) -> Result<Vec<f32>> {
    let mut samples = memory::zeros(x.len(), "the picture's samples")?;
    samples.iter_mut().zip(x).for_each(|(to, from)| *to = from.to_element());
    Ok(samples)
}
