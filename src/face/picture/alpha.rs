//! Straight alpha: colours that count by how opaque they are.

use ndarray::Ix3;

use crate::element::wider::Wider;
use crate::error::Result;
use crate::face::builder::FilterBuilder;
use crate::face::filter::Filter;
use crate::format::alpha::{Channel, straight};
use crate::format::rows::Input;
use crate::format::{Ends, FrameSample};
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
    /// What alpha is where nothing shows through, in the pictures that this was planned for.
    opaque: f32,
    /// What is outside comes from inside, alpha too.
    edges_are_inside: bool,
    /// The filter of the colours where a constant outside is another one once alpha is multiplied in.
    colours: Option<Filter<f32, Ix3>>,
}

impl StraightAlpha {
    /// For pictures of this shape, whose last channel is alpha, with what alpha is where nothing shows
    /// through.
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
    pub(super) fn changes_nothing<T: Channel>(&self, x: &[T]) -> bool {
        // Of so many pixels no branch is made for each, for vectors.
        const PIXELS: usize = 1024;
        let Some(&first) = x.get(self.channels - 1) else { return self.edges_are_inside };
        let same = |pixels: &[T]| {
            let alphas = pixels.iter().skip(self.channels - 1).step_by(self.channels);
            alphas.fold(true, |same, &alpha| same & (alpha == first))
        };
        // What is transparent everywhere has no colour.
        self.edges_are_inside && first != T::zeroed() && x.chunks(PIXELS * self.channels).all(same)
    }

    /// The samples with alpha multiplied in.
    pub(super) fn premultiplied<T: Channel>(&self, x: &[T]) -> Result<Vec<f32>>
    where
        f32: Wider<T>,
    {
        self.read(self.ends::<T, T>(x, &mut []).0, x.len())
    }

    /// Filters the colours by their alpha; `y` has the units of `x`, whatever it is stored as.
    pub(super) fn run<T: Channel, U: Channel>(
        &self,
        filter: &Filter<f32, Ix3>,
        x: &[T],
        y: &mut [U],
    ) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
        f64: Wider<T> + Wider<U>,
    {
        // A constant outside is two: one of the colours and one of alpha.
        if self.colours.is_none() && filter.run_straight(x, y, self.channels)? {
            return Ok(());
        }
        let (input, mut output) = self.ends(x, y);
        let mut x = self.read(input, x.len())?;
        let mut sums = memory::zeros(output.len(), "the picture's samples")?;
        filter.run(&x, &mut sums)?;
        if let Some(filter) = &self.colours {
            // The constant of the colours is in the units of the pictures that this was planned for.
            let scale = T::OPAQUE / self.opaque;
            if scale != 1.0 {
                x.iter_mut().for_each(|x| *x *= scale);
            }
            let mut colours = memory::zeros(sums.len(), "the picture's colours")?;
            filter.run(&x, &mut colours)?;
            if scale != 1.0 {
                colours.iter_mut().for_each(|colour| *colour /= scale);
            }
            let pixels = sums.chunks_exact_mut(self.channels);
            let last = self.channels - 1;
            for (sums, colours) in pixels.zip(colours.chunks_exact(self.channels)) {
                sums[..last].copy_from_slice(&colours[..last]);
            }
        }
        output.write(0, &sums);
        Ok(())
    }

    fn ends<'f, T: Channel, U: Channel>(&self, x: &'f [T], y: &'f mut [U]) -> Ends<'f, f32>
    where
        f32: Wider<T> + Wider<U>,
    {
        straight(x, y, self.channels).expect("pictures with alpha have 2 or 4 channels")
    }

    fn read(&self, input: Input<'_, f32>, len: usize) -> Result<Vec<f32>> {
        let mut samples = memory::zeros(len, "the picture's samples")?;
        input.read(0, &mut samples);
        Ok(samples)
    }
}

/// The samples, as they are.
pub(super) fn as_floats<T: FrameSample<f32>>(x: &[T]) -> Result<Vec<f32>> {
    let mut samples = memory::zeros(x.len(), "the picture's samples")?;
    T::native(x, &mut []).0.read(0, &mut samples);
    Ok(samples)
}
