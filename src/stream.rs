//! Streams of frames: several of them on their way at one time.

use ndarray::{Array, ArrayRef, Dimension};
use std::collections::VecDeque;
use std::iter::Fuse;

use crate::element::Element;
#[cfg(feature = "gpu")]
use crate::error::Error;
use crate::error::Result;
use crate::filter::{Filter, allocate};
use crate::frame::FrameSample;
#[cfg(feature = "gpu")]
use crate::gpu::host;

/// Frames of one filter, one after the other: while the GPU works on one, the next ones are on
/// their way there, and earlier ones on their way back.
///
/// Made by [`Filter::stream`] and [`Filter::stream_of`]. Results come in the order of the frames.
/// A filter that runs on the CPU computes each frame as it is pushed.
///
/// ```
/// use convolve::{Convolver, filters};
/// use ndarray::Array3;
///
/// let frames = (0..10).map(|i| Array3::from_elem((48, 64, 3), 20 * i as u8));
/// let kernel = filters::gaussian::<f32>(1.5)?.insert_axis(ndarray::Axis(2));
/// let blur = Convolver::new().filter(&kernel).for_shape((48, 64, 3))?;
///
/// // Bytes in, bytes out, rounded and saturated.
/// let mut stream = blur.stream_of::<u8>();
/// let mut done = Vec::new();
/// for frame in frames {
///     done.extend(stream.push(&frame)?);
/// }
/// while let Some(frame) = stream.pop()? {
///     done.push(frame);
/// }
/// assert_eq!(done.len(), 10);
/// # Ok::<(), convolve::Error>(())
/// ```
pub struct Stream<'f, A: Element, T, D: Dimension> {
    filter: &'f Filter<A, D>,
    depth: usize,
    frames: VecDeque<Frame<T>>,
    /// Results and copies of frames that nobody needs any more, for the next ones.
    spare: [Vec<Vec<T>>; 2],
}

/// Which of [`Stream::spare`].
const RESULTS: usize = 0;
#[cfg(feature = "gpu")]
const COPIES: usize = 1;

/// A frame that was pushed.
enum Frame<T> {
    /// Its result.
    Done(Vec<T>),
    /// On its way, with a copy of it where the CPU may have to take over or the result is checked.
    #[cfg(feature = "gpu")]
    Running(host::Running, Option<Vec<T>>),
}

/// Frames on their way, as a rule: one that is being uploaded, one that is being computed, and one
/// that is being downloaded.
const DEPTH: usize = 3;

impl<A: Element, D: Dimension> Filter<A, D> {
    /// A stream of frames of the planned shape, in the filter's own type.
    pub fn stream(&self) -> Stream<'_, A, A, D> {
        self.stream_of()
    }

    /// A stream of frames of the planned shape, of samples of another type: for a filter of `f32`
    /// also `u8` and `u16`, which come back rounded and saturated. See [`FrameSample`].
    pub fn stream_of<T: FrameSample<A>>(&self) -> Stream<'_, A, T, D> {
        Stream { filter: self, depth: DEPTH, frames: VecDeque::new(), spare: Default::default() }
    }
}

impl<A: Element, T: FrameSample<A>, D: Dimension> Stream<'_, A, T, D> {
    /// How many frames may be on their way at one time, at least one; as a rule, 3. Each takes
    /// memory for its input and its output, on the device and on the host.
    pub fn depth(mut self, frames: usize) -> Self {
        self.depth = frames.max(1);
        self
    }

    /// Frames that were pushed and whose results were not taken.
    pub fn in_flight(&self) -> usize {
        self.frames.len()
    }

    /// Starts a frame of any memory layout. Once as many are on their way as may be, this waits for
    /// the oldest one and returns its result.
    ///
    /// # Errors
    /// [`Error::Shape`] where the frame has not the planned shape, [`Error::OutOfMemory`], and
    /// failures of the GPU where that was asked for: see [`Filter::fell_back`] for the others. The
    /// frames that are on their way stay so.
    pub fn push(&mut self, frame: &ArrayRef<T, D>) -> Result<Option<Array<T, D>>> {
        if self.start(frame)? { self.pop() } else { Ok(None) }
    }

    /// [`Stream::push`] with the result in `y`, of any memory layout; whether there was one. Memory for
    /// samples is allocated for the first frames, and used again for all later ones.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use ndarray::Array2;
    ///
    /// let blur = Convolver::new().filter(&filters::gaussian::<f32>(1.5)?).for_shape((48, 64))?;
    /// let (mut stream, mut done) = (blur.stream(), 0);
    /// let (mut frame, mut result) = (Array2::zeros((48, 64)), Array2::zeros((48, 64)));
    /// for i in 0..10 {
    ///     frame.fill(i as f32);
    ///     done += usize::from(stream.push_into(&frame, &mut result)?);
    /// }
    /// while stream.pop_into(&mut result)? {
    ///     done += 1;
    /// }
    /// assert_eq!(done, 10);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Stream::push`], and [`Error::Shape`] where `y` has not the shape of a result.
    pub fn push_into(&mut self, frame: &ArrayRef<T, D>, y: &mut ArrayRef<T, D>) -> Result<bool> {
        self.filter.check_shape("result", &self.filter.output, &y.raw_dim())?;
        if self.start(frame)? { self.pop_into(y) } else { Ok(false) }
    }

    /// Waits for the oldest frame that is on its way; `None` where there is none.
    ///
    /// # Errors
    /// Failures of the GPU where that was asked for; the frame is lost then.
    pub fn pop(&mut self) -> Result<Option<Array<T, D>>> {
        let Some(frame) = self.frames.pop_front() else { return Ok(None) };
        let y = self.result(frame)?;
        let y = Array::from_shape_vec(self.filter.output.clone(), y);
        Ok(Some(y.expect("the length is the shape's")))
    }

    /// [`Stream::pop`] into `y`, of any memory layout; false where no frame is on its way.
    ///
    /// # Errors
    /// Those of [`Stream::pop`], and [`Error::Shape`] where `y` has not the shape of a result; the
    /// frame stays on its way then.
    pub fn pop_into(&mut self, y: &mut ArrayRef<T, D>) -> Result<bool> {
        self.filter.check_shape("result", &self.filter.output, &y.raw_dim())?;
        let Some(frame) = self.frames.pop_front() else { return Ok(false) };
        if let Some(y) = y.as_slice_mut() {
            self.finish(frame, y)?;
            return Ok(true);
        }
        let mut packed = self.take(RESULTS, self.filter.output.size())?;
        let finished = self.finish(frame, &mut packed);
        if finished.is_ok() {
            for (y, value) in y.iter_mut().zip(&packed) {
                *y = *value;
            }
        }
        self.spare[RESULTS].push(packed);
        finished.map(|()| true)
    }

    /// The results of all these frames, in their order. Ends with the first error.
    pub fn over<F>(self, frames: F) -> Results<Self, F::IntoIter>
    where
        F: IntoIterator<Item = Array<T, D>>,
    {
        Results { stream: self, frames: frames.into_iter().fuse(), failed: false }
    }

    /// Starts a frame; whether the oldest one is to be taken now.
    fn start(&mut self, frame: &ArrayRef<T, D>) -> Result<bool> {
        self.filter.check_shape("frame", &self.filter.input, &frame.raw_dim())?;
        let packed = frame.as_standard_layout();
        let samples = packed.as_slice().expect("an array in standard layout is a slice");
        let started = self.start_packed(samples)?;
        self.frames.push_back(started);
        let ready = matches!(self.frames.front(), Some(Frame::Done(_)));
        Ok(ready || self.frames.len() > self.depth)
    }

    fn start_packed(&mut self, x: &[T]) -> Result<Frame<T>> {
        #[cfg(feature = "gpu")]
        if let Some(host) = self.filter.host() {
            match host.start(x, None) {
                Ok(running) => {
                    let mut copy = None;
                    if self.filter.plan.may_fall_back() || self.filter.checker.is_some() {
                        let mut samples = self.take(COPIES, x.len())?;
                        samples.copy_from_slice(x);
                        copy = Some(samples);
                    }
                    return Ok(Frame::Running(running, copy));
                }
                Err(Error::Gpu(why)) if self.filter.plan.may_fall_back() => {
                    self.filter.fall_back(why)?;
                }
                Err(error) => return Err(error),
            }
        }
        let mut y = self.take(RESULTS, self.filter.output.size())?;
        self.filter.run(x, &mut y)?;
        Ok(Frame::Done(y))
    }

    fn result(&mut self, frame: Frame<T>) -> Result<Vec<T>> {
        match frame {
            Frame::Done(y) => Ok(y),
            #[cfg(feature = "gpu")]
            running => {
                let mut y = allocate(self.filter.output.size(), "the frame")?;
                self.finish(running, &mut y)?;
                Ok(y)
            }
        }
    }

    fn finish(&mut self, frame: Frame<T>, y: &mut [T]) -> Result<()> {
        match frame {
            Frame::Done(result) => {
                y.copy_from_slice(&result);
                self.spare[RESULTS].push(result);
            }
            #[cfg(feature = "gpu")]
            Frame::Running(running, copy) => {
                let finished = running.finish(|bytes| host::copy(bytes, y));
                match (finished, &copy) {
                    (Err(Error::Gpu(why)), Some(x)) if self.filter.plan.may_fall_back() => {
                        self.filter.fall_back(why)?;
                        self.filter.run(x, y)?;
                    }
                    // It ran as planned first, whatever has failed since.
                    (Ok(()), Some(x)) => self.filter.check_run(&self.filter.plan, x, y)?,
                    (result, _) => result?,
                }
                self.spare[COPIES].extend(copy);
            }
        }
        Ok(())
    }

    /// Room for so many samples, used before or new.
    fn take(&mut self, kind: usize, len: usize) -> Result<Vec<T>> {
        self.spare[kind].pop().map_or_else(|| allocate(len, "the frame"), Ok)
    }
}

/// What [`Stream::over`] gives.
pub struct Results<S, F> {
    stream: S,
    frames: Fuse<F>,
    failed: bool,
}

impl<A, T, D, F> Iterator for Results<Stream<'_, A, T, D>, F>
where
    A: Element,
    T: FrameSample<A>,
    D: Dimension,
    F: Iterator<Item = Array<T, D>>,
{
    type Item = Result<Array<T, D>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let result = loop {
            match self.frames.next().map(|frame| self.stream.push(&frame)) {
                Some(Ok(None)) => {}
                Some(Ok(Some(result))) => break Some(Ok(result)),
                Some(Err(error)) => break Some(Err(error)),
                None => break self.stream.pop().transpose(),
            }
        };
        self.failed = matches!(result, Some(Err(_)));
        result
    }
}
