//! Built-in kernels as they are written: `gaussian:2`.

use ndarray::ArrayD;
use std::fmt;
use std::str::FromStr;

use super::{BUILT_IN, BuiltIn, Parameter};
use crate::element::Element;
use crate::error::{Error, Result};

/// A built-in kernel with its values, read from a text such as `gaussian:2`, `motion:21,30` or `sobel-x`:
/// what the command takes for a kernel. It prints itself as it is read.
///
/// ```
/// use convolve::filters::Named;
///
/// let motion: Named = "motion:5,0".parse()?;
/// assert_eq!(motion.kernel::<f32>(2)?.shape(), [1, 5]);
/// let per_axis: Named = "gaussian:1,0,0.5".parse()?;
/// assert_eq!(per_axis.kernel::<f64>(3)?.shape(), [9, 1, 5]);
/// let error = "gaussian".parse::<Named>().unwrap_err().to_string();
/// assert!(error.contains("expected gaussian:SIGMA"));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// From a text, [`Error::KernelText`]: for a name that is none of [`BUILT_IN`], for another number of values
/// than that takes, and for what is no number, or no whole one where it must be.
#[derive(Clone, Debug)]
pub struct Named {
    built_in: BuiltIn,
    values: Vec<f64>,
}

impl Named {
    /// The kernel of this name.
    pub fn built_in(&self) -> &BuiltIn {
        &self.built_in
    }

    /// Its values.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The kernel for an array with so many axes.
    ///
    /// # Errors
    /// Those of [`BuiltIn::kernel`].
    pub fn kernel<A: Element>(&self, rank: usize) -> Result<ArrayD<A>> {
        self.built_in.kernel(&self.values, rank)
    }
}

impl FromStr for Named {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |reason| Error::KernelText { text: text.into(), reason };
        let (name, given) = match text.split_once(':') {
            Some((name, given)) => (name, given.split(',').map(str::trim).collect()),
            None => (text, Vec::new()),
        };
        let Some(&built_in) = BUILT_IN.iter().find(|kernel| kernel.name == name) else {
            let known: Vec<_> = BUILT_IN.iter().map(|kernel| kernel.name).collect();
            return Err(wrong(format!("expected the name of a kernel: {}", known.join(", "))));
        };
        let expected = || {
            wrong(match built_in.parameters {
                [.., last] if built_in.is_per_axis() => {
                    format!(
                        "expected {built_in}, or {built_in},{},... with one per axis",
                        last.name
                    )
                }
                _ => format!("expected {built_in}"),
            })
        };
        let taken = built_in.parameters.len();
        if given.len() != taken && !(built_in.is_per_axis() && given.len() > taken) {
            return Err(expected());
        }
        // A value beyond the parameters is the last one on another axis.
        let parameters =
            built_in.parameters.iter().chain(built_in.parameters.last().into_iter().cycle());
        let parse = |(text, parameter): (&&str, &Parameter)| match parameter.whole {
            // Beyond 2^53 rounded, and an error all the same.
            true => text.parse::<usize>().map(|value| value as f64).map_err(|_| expected()),
            false => text.parse().map_err(|_| expected()),
        };
        let values = given.iter().zip(parameters).map(parse).collect::<Result<_>>()?;
        Ok(Self { built_in, values })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.built_in.name)?;
        for (at, value) in self.values.iter().enumerate() {
            write!(f, "{}{value}", if at == 0 { ':' } else { ',' })?;
        }
        Ok(())
    }
}
