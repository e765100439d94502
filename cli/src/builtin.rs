//! Built-in kernels as they are written on the command line.

use anyhow::{Result, bail, ensure};
use convolve::Error;
use convolve::filters::{self, Named};
use ndarray::ArrayD;

use crate::dtype::Value;
use crate::report;

/// A built-in kernel and its values, before it has met an array.
pub struct BuiltIn(Named);

impl BuiltIn {
    /// The built-in kernel of this name, if there is one.
    pub fn parse(spec: &str) -> Result<Option<Self>> {
        let name = spec.split(':').next().unwrap_or_default();
        if !filters::BUILT_IN.iter().any(|kernel| kernel.name == name) {
            return Ok(None);
        }
        match spec.parse() {
            Ok(named) => Ok(Some(Self(named))),
            // Whoever calls says which kernel it is.
            Err(Error::KernelText { reason, .. }) => bail!(reason),
            Err(error) => Err(error.into()),
        }
    }

    /// The taps for an input with so many axes.
    pub fn taps<A: Value>(&self, rank: usize) -> Result<ArrayD<A>> {
        if let Some(axes) = self.0.built_in().rank() {
            // One axis is what the caller asked for, or all that there is.
            let ways = match rank {
                1 => "",
                _ => {
                    "; --channels last filters each channel of the last axis on its own, and --axis \
                     along one axis"
                }
            };
            ensure!(
                axes == rank,
                "this kernel has {axes} axes, and what is filtered has {rank}: {} have any number \
                 of axes{ways}",
                of_any_rank()
            );
        }
        Ok(self.0.kernel(rank)?)
    }
}

/// `gaussian:SIGMA, box:N, .. or identity`.
pub fn known() -> String {
    report::listed(filters::BUILT_IN.iter().map(ToString::to_string), "or")
}

/// A line per kernel.
pub fn help() -> String {
    let kernels = filters::BUILT_IN.iter();
    kernels.map(|kernel| row(&kernel.to_string(), kernel.meaning)).collect()
}

/// A row of the help: a long name has a line of its own.
pub fn row(name: &str, meaning: &str) -> String {
    match name.len() {
        ..=22 => format!("  {name:<22} {meaning}\n"),
        _ => format!("  {name}\n{:<25}{meaning}\n", ""),
    }
}

/// The names of the kernels that have the axes of what is filtered.
pub fn of_any_rank() -> String {
    let kernels = filters::BUILT_IN.iter().filter(|kernel| kernel.rank().is_none());
    report::listed(kernels.map(|kernel| kernel.name.to_string()), "and")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(spec: &str, rank: usize) -> Result<ArrayD<f64>> {
        BuiltIn::parse(spec)?.expect("a name").taps(rank)
    }

    #[test]
    fn names_and_their_parameters() {
        assert_eq!(taps("box:2", 2).unwrap(), ArrayD::from_elem(vec![2, 2], 0.25));
        assert_eq!(taps("box:2, 4", 2).unwrap().shape(), [2, 4]);
        assert_eq!(taps("gaussian:2,0,0.5", 3).unwrap().shape(), [17, 1, 5]);
        assert_eq!(taps("motion:3,90", 2).unwrap().shape(), [3, 1]);
        assert!(BuiltIn::parse("nonesuch").unwrap().is_none());
        for spec in [
            "gaussian",
            "gaussian:",
            "gaussian:1,x",
            "box:2.5",
            "box:-1",
            "motion:3",
            "sobel-x:1",
            "gaussian:-1",
            "gaussian:1e9",
            "disk:nan",
        ] {
            assert!(BuiltIn::parse(spec).and_then(|_| taps(spec, 2)).is_err(), "{spec}");
        }
    }

    #[test]
    fn errors_say_what_is_expected() {
        let error = |spec, rank| format!("{:#}", taps(spec, rank).unwrap_err());
        let gaussian = "expected gaussian:SIGMA, or gaussian:SIGMA,SIGMA,... with one per axis";
        assert_eq!(error("gaussian", 2), gaussian);
        assert_eq!(error("box:1.5", 2), "expected box:N, or box:N,N,... with one per axis");
        assert_eq!(error("motion:5", 2), "expected motion:LENGTH,DEGREES");
        assert_eq!(error("sobel-x:3", 2), "expected sobel-x");
        assert!(error("gaussian:1,2", 3).contains("expected one SIGMA, or 3"));
        let axes = "this kernel has 2 axes, and what is filtered has 3: gaussian, box, tent,";
        assert!(error("sobel-x", 3).starts_with(axes));
        let known = known();
        assert!(known.starts_with("gaussian:SIGMA, box:N, tent:R, binomial:N, disk:RADIUS"));
        assert!(known.ends_with("emboss or identity"), "{known}");
    }
}
