//! Where the time of a run goes.

use ndarray::{ArrayRef, Dimension};
use std::fmt;
use std::time::{Duration, Instant};

use crate::element::Element;
use crate::error::Result;
use crate::face::filter::Filter;
use crate::format::FrameSample;
use crate::util::memory;
use crate::words::{Device, Method, Seconds};

/// Where the time of one run went: see [`Filter::profile`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// Where it ran.
    pub device: Device,
    /// What ran.
    pub method: Method,
    /// From the call to the result.
    pub total: Duration,
    /// What the GPU's own clock says, or why it says nothing.
    pub on_device: Result<DeviceTimes, String>,
}

/// Times by the clock of a GPU. What they leave of the total is the host's: copies in and out of
/// memory that the GPU can reach, submission, and waiting.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceTimes {
    /// Copying the input to the device's memory.
    pub upload: Duration,
    /// The convolution's passes.
    pub compute: Duration,
    /// Copying the output back.
    pub download: Duration,
}

impl DeviceTimes {
    /// All of them.
    pub fn total(&self) -> Duration {
        self.upload + self.compute + self.download
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Duration| Seconds(time.as_secs_f64());
        write!(f, "{} {} in {}: ", self.device, self.method, seconds(self.total))?;
        match &self.on_device {
            Ok(times) => write!(
                f,
                "upload {}, compute {}, download {}, host {}",
                seconds(times.upload),
                seconds(times.compute),
                seconds(times.download),
                seconds(self.total.saturating_sub(times.total()))
            ),
            Err(reason) => write!(f, "no parts of it, {reason}"),
        }
    }
}

impl<A: Element, D: Dimension> Filter<A, D> {
    /// Runs twice on `x`, and says where the time of the second run went: on the GPU, where that
    /// has timestamp queries, to the upload, to the passes and to the download. Checks are not part of it.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use ndarray::Array2;
    ///
    /// let x = Array2::<f32>::ones((480, 640));
    /// let blur = Convolver::new().filter(&filters::gaussian(2.0)?).for_shape(x.dim())?;
    /// println!("{}", blur.profile(&x)?);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Filter::apply`].
    pub fn profile(&self, x: &ArrayRef<A, D>) -> Result<Profile> {
        self.check_shape("input", &self.input, &x.raw_dim())?;
        self.with_slice(x, |x| self.profile_of(x))
    }

    /// The same for samples of another type, in standard order.
    pub(crate) fn profile_of<T: FrameSample<A>>(&self, x: &[T]) -> Result<Profile> {
        let mut y = memory::zeros(self.output.size(), "the output")?;
        // Pipelines, buffers and pages are there from now on.
        self.compute(x, &mut y)?;
        #[cfg(feature = "gpu")]
        if let Some(host) = self.host_of::<T>() {
            match crate::gpu::timer::Timer::new(host.passes().context()) {
                Ok(Some(timer)) => {
                    let start = Instant::now();
                    let running = self.with_read(x, |x| host.start(x, Some(&timer)))?;
                    running.finish(|bytes| crate::gpu::host::copy(bytes, &mut y))?;
                    let total = start.elapsed();
                    let [upload, compute, download] = timer.read()?;
                    return Ok(self.report(total, Ok(DeviceTimes { upload, compute, download })));
                }
                Ok(None) => {
                    return self.timed(x, &mut y, "the device has no timestamp queries".into());
                }
                Err(error) => return self.timed(x, &mut y, error.to_string()),
            }
        }
        let reason = match self.plan().device() {
            Device::Gpu => "the GPU computed part by part",
            _ => "the CPU computed all of it",
        };
        self.timed(x, &mut y, reason.into())
    }

    fn timed<T: FrameSample<A>>(&self, x: &[T], y: &mut [T], reason: String) -> Result<Profile> {
        let start = Instant::now();
        self.compute(x, y)?;
        Ok(self.report(start.elapsed(), Err(reason)))
    }

    fn report(&self, total: Duration, on_device: Result<DeviceTimes, String>) -> Profile {
        let plan = self.plan();
        Profile { device: plan.device(), method: plan.method(), total, on_device }
    }
}
