//! From pictures to results: what all filters of pictures share.

use ndarray::{Array3, Dimension, Ix3};

use super::source::{Picture, PictureMut, Samples, SamplesMut, View, ViewMut, each, sealed};
use super::too_large;
use crate::element::wider::Wider;
use crate::error::{Error, Result};
use crate::format::pitched::Rows;
use crate::util::memory;

/// What runs over the samples of pictures of one size.
pub(super) trait Run {
    /// Height, width and channels of the pictures.
    fn input(&self) -> &Ix3;

    /// The same of results.
    fn output(&self) -> &Ix3;

    /// Results that are stored as the samples are.
    fn run<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [T]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>;

    /// Results as numbers, in the units of the samples.
    fn run_unrounded<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [f32]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>;
}

/// The samples of a picture, which has the planned size.
pub(super) fn view<'p>(run: &impl Run, picture: &'p impl Picture) -> Result<View<'p>> {
    let view = picture.to_view()?;
    check("input", run.input(), &view.dim())?;
    Ok(view)
}

/// A picture of the type of `picture`.
pub(super) fn apply<P: Picture>(run: &impl Run, picture: &P) -> Result<P::Owned> {
    let view = view(run, picture)?;
    let output = run.output();
    // Checked when this was planned.
    let mut result = picture.blank(output[1] as u32, output[0] as u32)?;
    store(run, view, sealed::PictureMut::to_view_mut(&mut result)?)?;
    Ok(result)
}

/// The same in a picture that is there.
pub(super) fn apply_into(
    run: &impl Run,
    picture: &impl Picture,
    result: &mut impl PictureMut,
) -> Result<()> {
    let (view, into) = (picture.to_view()?, result.to_view_mut()?);
    if view.pixels != into.pixels {
        let [expected, got] = [view.pixels, into.pixels].map(|pixels| pixels.name());
        return Err(Error::ResultType { expected, got });
    }
    check("input", run.input(), &view.dim())?;
    check("output", run.output(), &into.dim())?;
    store(run, view, into)?;
    // What the numbers of a picture mean is what those of its result mean.
    result.set_color_space(picture.color_space());
    Ok(())
}

/// Numbers: height x width x channels.
pub(super) fn apply_unrounded(run: &impl Run, picture: &impl Picture) -> Result<Array3<f32>> {
    let view = view(run, picture)?;
    let mut y = memory::zeros(run.output().size(), "the picture's samples")?;
    each!(view.samples, |x| run.run_unrounded(x, &mut y)?);
    Array3::from_shape_vec(*run.output(), y).map_err(|_| too_large("its samples"))
}

/// Both are of one type.
fn store(run: &impl Run, view: View, into: ViewMut) -> Result<()> {
    match (view.samples, into.samples) {
        (Samples::U8(x), SamplesMut::U8(y)) => run.run(x, y),
        (Samples::U16(x), SamplesMut::U16(y)) => run.run(x, y),
        (Samples::F32(x), SamplesMut::F32(y)) => run.run(x, y),
        _ => {
            let [expected, got] = [view.pixels, into.pixels].map(|pixels| pixels.name());
            Err(Error::ResultType { expected, got })
        }
    }
}

fn check(what: &'static str, expected: &Ix3, got: &Ix3) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    let (expected, got) = (expected.slice().to_vec(), got.slice().to_vec());
    Err(Error::Shape { what, expected, got })
}
