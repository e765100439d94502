//! Built-in kernels: from their names to taps, for arrays of any number of axes.

use anyhow::{Context, Result, anyhow, bail, ensure};
use convolve::filters::{self, Gaussian, MAX_TAPS};
use ndarray::{Array2, ArrayD, Axis, IxDyn};

use crate::dtype::Value;

pub const KNOWN: &str = "gaussian:SIGMA, box:N, disk:RADIUS, motion:LENGTH,DEGREES, sobel-x, sobel-y, \
                         laplacian, sharpen, emboss or identity";

/// A built-in kernel that has not met an array yet.
#[derive(Clone, Debug, PartialEq)]
pub enum BuiltIn {
    /// Standard deviations: one for all axes, or one per axis.
    Gaussian(Vec<f64>),
    /// Lengths: one for all axes, or one per axis.
    Box(Vec<usize>),
    Disk(f64),
    /// Length and degrees.
    Motion(f64, f64),
    SobelX,
    SobelY,
    Laplacian,
    Sharpen,
    Emboss,
    Identity,
}

impl BuiltIn {
    /// The built-in kernel of this name, if there is one.
    pub fn parse(spec: &str) -> Result<Option<Self>> {
        let (name, given) = match spec.split_once(':') {
            Some((name, given)) => (name, given.split(',').map(str::trim).collect()),
            None => (spec, Vec::new()),
        };
        let wanted = match name {
            "gaussian" => "gaussian:SIGMA, or gaussian:SIGMA,SIGMA,... with one per axis",
            "box" => "box:N, or box:N,N,... with one per axis",
            "disk" => "disk:RADIUS",
            "motion" => "motion:LENGTH,DEGREES",
            "sobel-x" | "sobel-y" | "laplacian" | "sharpen" | "emboss" | "identity" => name,
            _ => return Ok(None),
        };
        let wrong = || anyhow!("expected {wanted}");
        let real = |text: &str| text.parse::<f64>().map_err(|_| wrong());
        Ok(Some(match (name, given.as_slice()) {
            ("gaussian", [_, ..]) => {
                Self::Gaussian(given.into_iter().map(real).collect::<Result<_>>()?)
            }
            ("box", [_, ..]) => {
                let lengths = given.iter().map(|n| n.parse().map_err(|_| wrong()));
                Self::Box(lengths.collect::<Result<_>>()?)
            }
            ("disk", [radius]) => Self::Disk(real(radius)?),
            ("motion", [length, angle]) => Self::Motion(real(length)?, real(angle)?),
            ("sobel-x", []) => Self::SobelX,
            ("sobel-y", []) => Self::SobelY,
            ("laplacian", []) => Self::Laplacian,
            ("sharpen", []) => Self::Sharpen,
            ("emboss", []) => Self::Emboss,
            ("identity", []) => Self::Identity,
            _ => return Err(wrong()),
        }))
    }

    /// The taps for an input with so many axes.
    pub fn taps<A: Value>(&self, rank: usize) -> Result<ArrayD<A>> {
        let in_the_plane = |taps: convolve::Result<Array2<A>>| {
            ensure!(
                rank == 2,
                "this kernel has 2 axes, and what is filtered has {rank}: gaussian, box and \
                 identity have any number of axes; --channels last filters each channel of the \
                 last axis on its own"
            );
            Ok(taps?.into_dyn())
        };
        match self {
            Self::Gaussian(sigmas) => gaussian(&per_axis(sigmas, rank)?),
            Self::Box(lengths) => mean(&per_axis(lengths, rank)?),
            Self::Identity => one_tap(rank),
            Self::Disk(radius) => in_the_plane(filters::disk(*radius)),
            Self::Motion(length, angle) => in_the_plane(filters::motion(*length, *angle)),
            Self::SobelX => in_the_plane(filters::sobel_x()),
            Self::SobelY => in_the_plane(filters::sobel_y()),
            Self::Laplacian => in_the_plane(filters::laplacian()),
            Self::Sharpen => in_the_plane(filters::sharpen()),
            Self::Emboss => in_the_plane(filters::emboss()),
        }
    }
}

fn per_axis<T: Copy>(values: &[T], rank: usize) -> Result<Vec<T>> {
    match values {
        [all] => Ok(vec![*all; rank]),
        each => {
            let given = each.len();
            ensure!(given == rank, "expected one value, or {rank} (one per axis), got {given}");
            Ok(each.to_vec())
        }
    }
}

fn gaussian<A: Value>(sigmas: &[f64]) -> Result<ArrayD<A>> {
    match *sigmas {
        // The library's own kernels, whose taps sum to 1 as closely as the type can.
        [sigma] => Ok(row(Gaussian::per_axis([0.0, sigma]).kernel()?)),
        [down, across] => Ok(Gaussian::per_axis([down, across]).kernel()?.into_dyn()),
        _ => {
            let factor = |&sigma| -> Result<_> {
                let taps = Gaussian::per_axis([0.0, sigma]).kernel::<f64>()?;
                Ok(taps.into_raw_vec_and_offset().0)
            };
            product(&sigmas.iter().map(factor).collect::<Result<Vec<_>>>()?)
        }
    }
}

fn mean<A: Value>(lengths: &[usize]) -> Result<ArrayD<A>> {
    match *lengths {
        [down, across] if down == across => Ok(filters::box_mean(down)?.into_dyn()),
        _ => {
            let factor = |&n: &usize| -> Result<Vec<f64>> {
                let most = filters::MAX_LENGTH;
                ensure!(
                    (1..=most).contains(&n),
                    "expected 1 to {most} taps along an axis, got {n}"
                );
                Ok(vec![1.0 / n as f64; n])
            };
            product(&lengths.iter().map(factor).collect::<Result<Vec<_>>>()?)
        }
    }
}

/// A kernel of one row, as an array with one axis.
fn row<A: Value>(taps: Array2<A>) -> ArrayD<A> {
    taps.index_axis_move(Axis(0), 0).into_dyn()
}

fn one_tap<A: Value>(rank: usize) -> Result<ArrayD<A>> {
    let one = A::from_real(1.0).context("1 is no value of the type")?;
    Ok(ArrayD::from_elem(vec![1; rank], one))
}

/// The outer product of one factor per axis, rounded once.
fn product<A: Value>(factors: &[Vec<f64>]) -> Result<ArrayD<A>> {
    let shape: Vec<usize> = factors.iter().map(Vec::len).collect();
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    if count.is_none_or(|count| count > MAX_TAPS) {
        bail!("expected at most {MAX_TAPS} taps, got {shape:?}");
    }
    let mut taps = ArrayD::default(IxDyn(&shape));
    for (place, cell) in taps.indexed_iter_mut() {
        let tap = factors.iter().enumerate().map(|(axis, taps)| taps[place[axis]]).product();
        *cell = A::from_real(tap)
            .with_context(|| format!("its tap {tap} is no value of the type {}", A::DTYPE))?;
    }
    Ok(taps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(spec: &str, rank: usize) -> Result<ArrayD<f64>> {
        BuiltIn::parse(spec)?.expect("a name").taps(rank)
    }

    #[test]
    fn names_and_their_parameters() {
        assert_eq!(taps("box:2", 2).unwrap(), Array2::from_elem((2, 2), 0.25).into_dyn());
        assert_eq!(taps("motion:3,90", 2).unwrap().shape(), [3, 1]);
        assert_eq!(BuiltIn::parse("nonesuch").unwrap(), None);
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
    fn kernels_have_the_axes_of_what_they_filter() {
        assert_eq!(taps("gaussian:2,0.5", 2).unwrap().shape(), [17, 5]);
        let line = taps("gaussian:2", 1).unwrap();
        assert_eq!(line.shape(), [17]);
        let volume = taps("gaussian:2,0,0.5", 3).unwrap();
        assert_eq!(volume.shape(), [17, 1, 5]);
        let across = taps("gaussian:0.5", 1).unwrap();
        assert_eq!(volume[[3, 0, 1]], line[3] * across[1]);
        assert_eq!(taps("box:2,4,1", 3).unwrap(), ArrayD::from_elem(vec![2, 4, 1], 0.125));
        assert_eq!(taps("identity", 3).unwrap(), ArrayD::from_elem(vec![1; 3], 1.0));
        let error = |spec, rank| format!("{:#}", taps(spec, rank).unwrap_err());
        assert!(error("gaussian:1,2", 3).contains("expected one value, or 3"));
        assert!(error("sobel-x", 3).contains("has 2 axes, and what is filtered has 3"));
        assert!(error("gaussian:100", 3).contains("expected at most"));
        assert!(error("box:0", 1).contains("expected 1 to"));
    }
}
