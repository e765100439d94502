//! Streams of pictures: several of them on their way at one time.

use ndarray::{ArrayView3, ArrayViewMut3, Ix3};
use std::collections::VecDeque;

use super::run::{self, Run};
use super::source::{Picture, Samples, SamplesMut, sealed};
use super::{AlphaRule, PictureFilter};
use crate::error::Result;
use crate::face::stream::Stream;
use crate::format::pitched::Rows;
use crate::words::Signed;

/// Pictures of one filter, one after the other, as [`Stream`] has frames: while the GPU works on one, the next
/// ones are on their way there, and earlier ones on their way back.
///
/// Made by [`PictureFilter::stream`]. Results come in the order of the pictures. Where alpha or light makes
/// something else of the samples, under regions and masks, and on the CPU, each picture is filtered as it is
/// pushed.
///
/// ```
/// use convolve::{Convolver, filters};
/// use image::{Rgb, RgbImage};
///
/// let frames = (0..10).map(|i| RgbImage::from_pixel(64, 48, Rgb([20 * i, 0, 255])));
/// let blur = Convolver::new().picture_filter(&filters::gaussian(1.5)?);
/// let blur = blur.for_pictures_of::<Rgb<u8>>(64, 48)?;
/// let (mut stream, mut done) = (blur.stream(), Vec::new());
/// for frame in frames {
///     done.extend(stream.push(&frame)?);
/// }
/// while let Some(frame) = stream.pop()? {
///     done.push(frame);
/// }
/// assert_eq!((done.len(), done[9][(0, 0)]), (10, Rgb([180, 0, 255])));
/// # Ok::<(), convolve::Error>(())
/// ```
pub struct PictureStream<'f, P: Picture> {
    filter: &'f PictureFilter,
    depth: usize,
    pictures: VecDeque<Waiting<P::Owned>>,
    /// Of 8 and of 16 bits, and of `f32`.
    frames: (Frames<'f, u8>, Frames<'f, u16>, Frames<'f, f32>),
}

type Frames<'f, T> = Stream<'f, f32, T, Ix3>;

/// A picture whose result was not taken.
enum Waiting<R> {
    Done(R),
    /// On its way; the result has its place here.
    Running(R),
}

impl PictureFilter {
    /// A stream of pictures of the planned size and channels.
    pub fn stream<P: Picture>(&self) -> PictureStream<'_, P> {
        let filter = &self.filter;
        let frames = (filter.stream_of(), filter.stream_of(), filter.stream_of());
        PictureStream { filter: self, depth: DEPTH, pictures: VecDeque::new(), frames }.depth(DEPTH)
    }

    /// Whether the samples are filtered as they are stored.
    fn is_plain<T: sealed::Sample>(&self, x: Rows<T>) -> Result<bool> {
        let copied = matches!(self.alpha, AlphaRule::Carried(_));
        let whole = self.place.is_none() && self.signed == Signed::Clip && !copied;
        Ok(whole && self.pixels(x)?.is_none())
    }
}

/// As of other streams.
const DEPTH: usize = 3;

impl<P: Picture> PictureStream<'_, P> {
    /// How many pictures may be on their way at one time, at least one. Default: 3.
    pub fn depth(mut self, pictures: usize) -> Self {
        self.depth = pictures.max(1);
        let (a, b, c) = self.frames;
        self.frames = (a.depth(self.depth), b.depth(self.depth), c.depth(self.depth));
        self
    }

    /// Pictures that were pushed and whose results were not taken.
    pub fn in_flight(&self) -> usize {
        self.pictures.len()
    }

    /// Starts a picture. Once as many are on their way as may be, this waits for the oldest one and returns its
    /// result; on the CPU that is the result of this picture.
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`] and [`Stream::push`]; a picture that fails is lost, others are not.
    pub fn push(&mut self, picture: &P) -> Result<Option<P::Owned>> {
        let view = run::view(self.filter, picture)?;
        let (filter, (bytes, words, floats)) = (self.filter, &mut self.frames);
        let started = match view.samples {
            Samples::U8(x) => start(filter, bytes, x)?,
            Samples::U16(x) => start(filter, words, x)?,
            Samples::F32(x) => start(filter, floats, x)?,
        };
        let waiting = if started {
            // Checked when the filter was planned.
            let (width, height) = filter.output_size();
            Waiting::Running(picture.blank(width, height)?)
        } else {
            Waiting::Done(filter.apply(picture)?)
        };
        self.pictures.push_back(waiting);
        let is_done = matches!(self.pictures.front(), Some(Waiting::Done(_)));
        if is_done || self.pictures.len() > self.depth { self.pop() } else { Ok(None) }
    }

    /// Waits for the oldest picture that is on its way; `None` where there is none.
    ///
    /// # Errors
    /// Those of [`Stream::pop`]; the picture is lost then.
    pub fn pop(&mut self) -> Result<Option<P::Owned>> {
        let mut result = match self.pictures.pop_front() {
            None => return Ok(None),
            Some(Waiting::Done(result)) => return Ok(Some(result)),
            Some(Waiting::Running(result)) => result,
        };
        let shape = *Run::output(self.filter);
        let (bytes, words, floats) = &mut self.frames;
        match sealed::PictureMut::to_view_mut(&mut result)?.samples {
            SamplesMut::U8(y) => finish(bytes, shape, y)?,
            SamplesMut::U16(y) => finish(words, shape, y)?,
            SamplesMut::F32(y) => finish(floats, shape, y)?,
        }
        Ok(Some(result))
    }
}

/// Starts a picture on the GPU; false where that is not its way.
fn start<T: sealed::Sample>(
    filter: &PictureFilter,
    frames: &mut Frames<'_, T>,
    x: Rows<T>,
) -> Result<bool> {
    let Some(samples) = x.without_gaps().filter(|_| frames.is_on_gpu()) else { return Ok(false) };
    if !filter.is_plain(x)? {
        return Ok(false);
    }
    let view = ArrayView3::from_shape(*filter.input(), samples).expect("as many as planned for");
    frames.start(&view)?;
    Ok(true)
}

/// Waits for the oldest of these.
fn finish<T: sealed::Sample>(frames: &mut Frames<'_, T>, shape: Ix3, y: &mut [T]) -> Result<()> {
    let mut y = ArrayViewMut3::from_shape(shape, y).expect("as many as were planned");
    let found = frames.pop_into(&mut y)?;
    debug_assert!(found, "it was started");
    Ok(())
}
