//! Streams of frames: several of them on their way at one time.

use ndarray::{Array, ArrayRef, Dimension};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::iter::Fuse;

use crate::element::Element;
use crate::error::Result;
use crate::face::filter::Filter;
use crate::format::FrameSample;
#[cfg(feature = "gpu")]
use crate::gpu::host;
use crate::util::memory;

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
const COPIES: usize = 1;

/// A frame that was pushed.
enum Frame<T> {
    /// Its result.
    Done(Vec<T>),
    /// On its way, with a copy of it where the CPU may have to take over or the result is checked.
    #[cfg(feature = "gpu")]
    Running(Box<host::Running>, Option<Vec<T>>),
}

/// Frames on their way unless the caller says more or fewer: one that is being uploaded, one that is being computed, and one
/// that is being downloaded.
const DEPTH: usize = 3;

impl<A: Element, D: Dimension> Filter<A, D> {
    /// A stream of frames of the planned shape, in the filter's own type.
    pub fn stream(&self) -> Stream<'_, A, A, D> {
        self.stream_of()
    }

    /// A stream of frames of the planned shape, of samples of another type: for a filter of `f32`
    /// also `u8` and `u16`, for instance, which come back rounded and saturated. See [`FrameSample`].
    pub fn stream_of<T: FrameSample<A>>(&self) -> Stream<'_, A, T, D> {
        Stream { filter: self, depth: DEPTH, frames: VecDeque::new(), spare: Default::default() }
    }
}

impl<A: Element, T: FrameSample<A>, D: Dimension> Stream<'_, A, T, D> {
    /// How many frames may be on their way at one time, at least one. Default: 3. Each takes
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
    /// the oldest one and returns its result, in memory of its own; on the CPU that is the result of
    /// this frame.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where the frame has not the planned shape,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), and failures of the GPU where that was asked
    /// for: see [`Filter::fell_back`] for the others; [`Error::FailedCheck`](crate::Error::FailedCheck)
    /// where results are checked and one is wrong. Frames that were on their way stay so, but for the
    /// oldest one where it is what failed.
    pub fn push(&mut self, frame: &ArrayRef<T, D>) -> Result<Option<Array<T, D>>> {
        if self.start(frame)? { self.pop() } else { Ok(None) }
    }

    /// [`Stream::push`] with the result in `y`, of any memory layout; whether there was one.
    ///
    /// A frame or a result that is not in standard (row-major) order is copied once more than others.
    /// Memory for samples is allocated for the first frames and used again for all later ones; in mode
    /// `valid` with the longer kernel alone, each frame takes new memory. With one thread on the CPU
    /// later frames allocate nothing else either; several threads, and wgpu for each submission, do.
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
    /// Those of [`Stream::push`], and [`Error::Shape`](crate::Error::Shape) where `y` has not the shape
    /// of a result. `y` may hold anything after a failure.
    pub fn push_into(&mut self, frame: &ArrayRef<T, D>, y: &mut ArrayRef<T, D>) -> Result<bool> {
        self.filter.check_shape("result", self.filter.output(), &y.raw_dim())?;
        if self.frames.is_empty()
            && !self.is_on_gpu()
            && let Some(y) = y.as_slice_mut()
        {
            // Its turn already: no detour.
            let x = self.packed(frame)?;
            let ran = self.filter.run(&x, y);
            self.reuse(x);
            return ran.map(|()| true);
        }
        if self.start(frame)? { self.pop_into(y) } else { Ok(false) }
    }

    /// Waits for the oldest frame that is on its way, and returns its result in memory of its own;
    /// `None` where there is none.
    ///
    /// # Errors
    /// Failures of the GPU where that was asked for, [`Error::OutOfMemory`](crate::Error::OutOfMemory),
    /// and [`Error::FailedCheck`](crate::Error::FailedCheck) where results are checked; the frame is
    /// lost then.
    pub fn pop(&mut self) -> Result<Option<Array<T, D>>> {
        let y = match self.frames.pop_front() {
            None => return Ok(None),
            Some(Frame::Done(y)) => y,
            #[cfg(feature = "gpu")]
            Some(Frame::Running(running, x)) => {
                let mut y = memory::zeros(self.filter.output().size(), "the frame")?;
                self.finish(running, x, &mut y)?;
                y
            }
        };
        let y = Array::from_shape_vec(self.filter.output().clone(), y);
        Ok(Some(y.expect("the length is the shape's")))
    }

    /// [`Stream::pop`] into `y`, of any memory layout; false where no frame is on its way. Memory is
    /// used again as in [`Stream::push_into`].
    ///
    /// # Errors
    /// Those of [`Stream::pop`], and [`Error::Shape`](crate::Error::Shape) where `y` has not the shape
    /// of a result; the frame stays on its way then.
    pub fn pop_into(&mut self, y: &mut ArrayRef<T, D>) -> Result<bool> {
        self.filter.check_shape("result", self.filter.output(), &y.raw_dim())?;
        match self.frames.pop_front() {
            None => return Ok(false),
            Some(Frame::Done(result)) => {
                assign(y, &result);
                self.spare[RESULTS].push(result);
            }
            #[cfg(feature = "gpu")]
            Some(Frame::Running(running, x)) => match y.as_slice_mut() {
                Some(y) => self.finish(running, x, y)?,
                None => {
                    let mut packed = self.take(RESULTS, self.filter.output().size())?;
                    let finished = self.finish(running, x, &mut packed);
                    if finished.is_ok() {
                        assign(y, &packed);
                    }
                    self.spare[RESULTS].push(packed);
                    finished?;
                }
            },
        }
        Ok(true)
    }

    /// The results of all these frames, in their order. Ends with the first error.
    pub fn over<F>(self, frames: F) -> Results<Self, F::IntoIter>
    where
        F: IntoIterator<Item = Array<T, D>>,
    {
        Results { stream: self, frames: frames.into_iter().fuse(), failed: false }
    }

    /// Starts a frame; whether the oldest one is to be taken now.
    pub(in crate::face) fn start(&mut self, frame: &ArrayRef<T, D>) -> Result<bool> {
        let x = self.packed(frame)?;
        let started = self.start_packed(x)?;
        self.frames.push_back(started);
        let ready = matches!(self.frames.front(), Some(Frame::Done(_)));
        Ok(ready || self.frames.len() > self.depth)
    }

    fn start_packed(&mut self, x: Cow<[T]>) -> Result<Frame<T>> {
        #[cfg(feature = "gpu")]
        if let Some(host) = self.filter.host_of::<T>() {
            match self.filter.with_read(&x, |x| host.start(x, None)) {
                Ok(running) => {
                    let kept = self.filter.first_plan().may_fall_back() || self.filter.is_checked();
                    let copy = match x {
                        Cow::Owned(samples) if kept => Some(samples),
                        Cow::Borrowed(x) if kept => {
                            let mut samples = self.take(COPIES, x.len())?;
                            samples.copy_from_slice(x);
                            Some(samples)
                        }
                        x => {
                            self.reuse(x);
                            None
                        }
                    };
                    return Ok(Frame::Running(Box::new(running), copy));
                }
                Err(error) if self.filter.may_fall_back(&error) => {
                    self.filter.fall_back(error.to_string())?;
                }
                Err(error) => return Err(error),
            }
        }
        let mut y = self.take(RESULTS, self.filter.output().size())?;
        self.filter.run(&x, &mut y)?;
        self.reuse(x);
        Ok(Frame::Done(y))
    }

    /// Whether a frame that is started now is on its way for a while.
    pub(in crate::face) fn is_on_gpu(&self) -> bool {
        #[cfg(feature = "gpu")]
        return self.filter.host_of::<T>().is_some();
        #[cfg(not(feature = "gpu"))]
        false
    }

    /// The samples in standard order, copied only where they are not.
    fn packed<'x>(&mut self, frame: &'x ArrayRef<T, D>) -> Result<Cow<'x, [T]>> {
        self.filter.check_shape("frame", self.filter.input(), &frame.raw_dim())?;
        if let Some(x) = frame.as_slice() {
            return Ok(Cow::Borrowed(x));
        }
        let mut samples = self.take(COPIES, frame.len())?;
        for (sample, x) in samples.iter_mut().zip(frame) {
            *sample = *x;
        }
        Ok(Cow::Owned(samples))
    }

    fn reuse(&mut self, x: Cow<[T]>) {
        if let Cow::Owned(samples) = x {
            self.spare[COPIES].push(samples);
        }
    }

    /// Waits for a frame that is on its way.
    #[cfg(feature = "gpu")]
    fn finish(
        &mut self,
        running: Box<host::Running>,
        x: Option<Vec<T>>,
        y: &mut [T],
    ) -> Result<()> {
        let finished = running.finish(|bytes| host::copy(bytes, y));
        match (finished, &x) {
            (Err(error), Some(x)) if self.filter.may_fall_back(&error) => {
                self.filter.fall_back(error.to_string())?;
                self.filter.run(x, y)?;
            }
            // It ran as planned first, whatever has failed since.
            (Ok(()), Some(x)) => self.filter.check_run(self.filter.first_plan(), x, y)?,
            (result, _) => result?,
        }
        self.spare[COPIES].extend(x);
        Ok(())
    }

    /// Room for so many samples, used before or new.
    fn take(&mut self, kind: usize, len: usize) -> Result<Vec<T>> {
        self.spare[kind].pop().map_or_else(|| memory::zeros(len, "the frame"), Ok)
    }
}

/// Copies samples in standard order into an array of any layout.
fn assign<T: Copy, D: Dimension>(y: &mut ArrayRef<T, D>, samples: &[T]) {
    match y.as_slice_mut() {
        Some(y) => y.copy_from_slice(samples),
        None => y.iter_mut().zip(samples).for_each(|(y, sample)| *y = *sample),
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
