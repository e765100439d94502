//! What the caller of the planner insists on.

use crate::element::DType;
use crate::error::{Error, Result};
use crate::kernel::coarse::Allowed;
use crate::words::{Device, Method, Precision, Tolerance};

/// What the caller insists on, and what for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub device: Device,
    /// How precisely.
    pub precision: Precision,
    /// How often the plan will run: what is done once is shared between so many runs.
    pub runs: usize,
    /// Whether input and output are on the GPU: then it is the CPU that they travel to and from.
    pub resident: bool,
    /// Whether the plan, and the bits of its results, are to be those of any number of threads: see
    /// [`FilterBuilder::reproducible`](crate::FilterBuilder::reproducible).
    pub reproducible: bool,
    /// The largest error of an output that is accepted, where one is: see
    /// [`FilterBuilder::tolerance`](crate::FilterBuilder::tolerance).
    pub tolerance: Option<Tolerance>,
    /// Between what the samples of a picture of levels lie, and what stands outside of it.
    pub levels: Option<[f64; 2]>,
    /// What samples are stored in, where that is not the kernel's type: bytes of a picture.
    pub stored: Option<DType>,
}

/// Runs of a filter of which nobody said how often it will run: whoever plans once has many inputs,
/// and the first of them should not wait for long either. A choice, not a measurement.
pub const MANY_RUNS: usize = 100;

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Method::Auto,
            device: Device::Auto,
            precision: Precision::Native,
            runs: MANY_RUNS,
            resident: false,
            reproducible: false,
            tolerance: None,
            levels: None,
            stored: None,
        }
    }
}

impl Request {
    pub(super) fn allows(&self, device: Device, method: Method) -> bool {
        (self.device == Device::Auto || self.device == device)
            && (matches!(self.method, Method::Auto | Method::Measured) || self.method == method)
    }

    /// What kernels are searched for.
    pub(crate) fn allowed(&self) -> Option<Allowed> {
        self.tolerance.map(|tolerance| Allowed { tolerance, samples: self.levels })
    }

    /// Checks the tolerance.
    ///
    /// # Errors
    /// [`Error::Tolerance`].
    pub(crate) fn check_tolerance(&self) -> Result<()> {
        let error = |expected| {
            let got = self.tolerance.map(|tolerance| format!("{tolerance:?}"));
            Err(Error::Tolerance { expected, got: got.unwrap_or_default() })
        };
        match (self.tolerance, self.levels) {
            (Some(Tolerance::Relative(most)), _) if !(most > 0.0 && most <= 1.0) => {
                error("a share of max |x| * sum |k| above 0 and up to 1, such as Relative(1e-5)")
            }
            (Some(Tolerance::Levels(most)), _) if !(most > 0.0 && most.is_finite()) => {
                error("a number of levels above 0, such as Levels(0.25)")
            }
            (Some(Tolerance::Levels(_)), None) => error(
                "Relative for what is not a picture of 8 or 16 bits: a level of these is 1/255 or 1/65535",
            ),
            _ => Ok(()),
        }
    }
}
