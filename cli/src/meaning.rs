//! What is computed, where and how, as it is said on the command line.

use anyhow::{anyhow, ensure};
use clap::{Args, ValueEnum};
use convolve::{Edge, Operation, Tolerance};
use std::str::FromStr;

use crate::axis::Numbered;
use crate::dtype::Value;
use crate::number::Number;
use crate::report;

/// What is computed, where and how: the options that all commands share.
#[derive(Debug, Args)]
pub struct Meaning {
    /// Which part of the result is kept
    #[arg(long, value_enum, default_value_t = Mode::Same)]
    pub mode: Mode,
    #[arg(long, value_name = "B[,B...]", allow_hyphen_values = true)]
    #[arg(help = format!("How the input continues: {}; or one per axis", boundaries()))]
    pub boundary: Option<Each<Boundary>>,
    /// Correlate: do not reverse the kernel
    #[arg(long)]
    pub correlate: bool,
    /// Filter along one axis alone, with a kernel of one axis: 0 is the first (a picture's height), -1
    /// the last (an array's; of a picture its width)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub axis: Option<Numbered>,
    /// Keep every N-th sample; one number, or one per axis
    #[arg(long, value_name = "N[,N...]", default_value = "1", allow_hyphen_values = true)]
    pub stride: Each<usize>,
    /// Samples from one tap to the next; one number, or one per axis
    #[arg(long, value_name = "N[,N...]", default_value = "1", allow_hyphen_values = true)]
    pub dilation: Each<usize>,
    /// Move the centre of mode same; one number, or one per axis
    #[arg(long, value_name = "N[,N...]", default_value = "0", allow_hyphen_values = true)]
    pub origin: Each<isize>,
    /// Insist on a method; measured tries those that may be fastest
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    pub method: Method,
    /// Insist on a device
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    pub device: Device,
    /// Precision of the sums: high computes f16 and f32 in f64, and rounds once
    #[arg(long, value_enum, default_value_t = Precision::Native)]
    pub precision: Precision,
    /// Results with the same bits whatever the number of threads
    #[arg(long)]
    pub reproducible: bool,
    /// Largest error that is accepted for the sake of speed: 1e-5 of the largest sample times the
    /// kernel's sum, or 0.25-levels of a picture of 8 or 16 bits [default: rounding alone]
    #[arg(long, value_name = "E", allow_hyphen_values = true, value_parser = tolerance)]
    pub tolerance: Option<Tolerance>,
}

impl Meaning {
    /// The library's options for so many axes, with this boundary where none was given.
    pub fn options<A: Value>(
        &self,
        boundary: convolve::Boundary<A>,
        rank: usize,
    ) -> anyhow::Result<convolve::Options<A>> {
        let operation = if self.correlate { Operation::Correlate } else { Operation::Convolve };
        let options = convolve::Options::default().operation(operation).mode(self.mode.into());
        let edges = self.boundaries(boundary)?;
        let Some(axis) = self.axis() else {
            return Ok(options
                .boundary(edges.per_axis())
                .stride(self.stride.per_axis())
                .dilation(self.dilation.per_axis())
                .origin(self.origin.per_axis()));
        };
        let place = (axis.of(rank)?, rank);
        Ok(options
            .boundary(edges.along("boundary", place, convolve::Boundary::Zero)?)
            .stride(self.stride.along("stride", place, 1)?)
            .dilation(self.dilation.along("dilation", place, 1)?)
            .origin(self.origin.along("origin", place, 0)?))
    }

    /// The only axis that is filtered along.
    pub fn axis(&self) -> Option<Numbered> {
        self.axis
    }

    /// The same for an array with channels after so many axes.
    pub fn options_with_channels<A: Value>(
        &self,
        boundary: convolve::Boundary<A>,
        axes: usize,
    ) -> anyhow::Result<convolve::Options<A>> {
        let edges = self.boundaries(boundary)?;
        Ok(self
            .options(boundary, axes)?
            .boundary(edges.and("boundary", axes, convolve::Boundary::Zero)?)
            .stride(self.stride.and("stride", axes, 1)?)
            .dilation(self.dilation.and("dilation", axes, 1)?)
            .origin(self.origin.and("origin", axes, 0)?))
    }

    /// What is outside along each axis, or along all of them.
    pub fn boundaries<A: Value>(
        &self,
        otherwise: convolve::Boundary<A>,
    ) -> anyhow::Result<Each<convolve::Boundary<A>>> {
        match &self.boundary {
            None => Ok(Each(vec![otherwise])),
            Some(Each(given)) => {
                given.iter().map(Boundary::typed).collect::<Result<_, _>>().map(Each)
            }
        }
    }
}

macro_rules! choices {
    ($($name:ident { $($choice:ident),* })*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
        pub enum $name { $($choice),* }
        impl From<$name> for convolve::$name {
            fn from(choice: $name) -> Self {
                match choice { $($name::$choice => Self::$choice),* }
            }
        }
    )*};
}

choices! {
    Mode { Full, Same, Valid }
    Method { Auto, Direct, Separable, Fft, Coarse, Measured }
    Device { Auto, Cpu, Gpu }
    Precision { Native, High }
}

fn tolerance(text: &str) -> Result<Tolerance, String> {
    let (number, of): (_, fn(f64) -> Tolerance) =
        match text.strip_suffix("-levels").or_else(|| text.strip_suffix("-level")) {
            Some(levels) => (levels, Tolerance::Levels),
            None => (text, Tolerance::Relative),
        };
    let number: Option<f64> = number.parse().ok();
    let sane = number.filter(|number| number.is_finite() && *number > 0.0);
    sane.map(of)
        .ok_or_else(|| "expected a number above 0, such as 1e-5, or 0.25-levels".to_string())
}

/// A boundary whose constant has not met an element type yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Boundary {
    Constant(Number),
    Rule(convolve::Edge),
}

impl FromStr for Boundary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(value) = text.strip_prefix("constant:") {
            return Ok(Self::Constant(value.parse()?));
        }
        let named = |edge: &&Edge| **edge != Edge::Constant(()) && edge.to_string() == text;
        let edge = EDGES.iter().find(named).ok_or_else(|| format!("expected {}", boundaries()))?;
        Ok(Self::Rule(*edge))
    }
}

const EDGES: [Edge; 6] =
    [Edge::Zero, Edge::Constant(()), Edge::Nearest, Edge::Reflect, Edge::Mirror, Edge::Wrap];

/// `zero, constant:V, .. or wrap`.
fn boundaries() -> String {
    let name = |edge: &Edge| match edge {
        Edge::Constant(()) => format!("{edge}:V"),
        edge => edge.to_string(),
    };
    report::listed(EDGES.iter().map(name), "or")
}

impl Boundary {
    fn typed<A: Value>(&self) -> anyhow::Result<convolve::Boundary<A>> {
        Ok(match self {
            Self::Constant(value) => {
                convolve::Boundary::Constant(A::exactly(*value).map_err(|reason| {
                    anyhow!(
                        "boundary constant: {reason}, and it takes the input's type, {}",
                        A::DTYPE
                    )
                })?)
            }
            Self::Rule(edge) => edge.with(A::default()),
        })
    }
}

/// One value, or one per axis, separated by commas.
#[derive(Clone, Debug, PartialEq)]
pub struct Each<T>(pub Vec<T>);

/// What there may be one of for each axis.
trait Item: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

impl Item for usize {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected a whole number of at least 0".to_string())
    }
}

impl Item for isize {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected a whole number".to_string())
    }
}

impl Item for Boundary {
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl<T: Item> FromStr for Each<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse =
            |item: &str| T::read(item.trim()).map_err(|reason| format!("{item:?}: {reason}"));
        text.split(',').map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: Clone> Each<T> {
    /// The values of so many axes, and one for the channels after them.
    fn and(&self, option: &str, axes: usize, channels: T) -> anyhow::Result<convolve::PerAxis<T>> {
        let mut each = match self.0.as_slice() {
            [value] => vec![value.clone(); axes],
            values => values.to_vec(),
        };
        let given = each.len();
        ensure!(
            given == axes,
            "{option}: expected one value, or {axes} (one per axis before the channels), got {given}"
        );
        each.push(channels);
        Ok(each.into())
    }

    /// The value of one axis of so many, and one for all others.
    fn along(
        &self,
        option: &str,
        (axis, rank): (usize, usize),
        others: T,
    ) -> anyhow::Result<convolve::PerAxis<T>> {
        let given = self.0.len();
        ensure!(given == 1, "{option}: expected one value, that of --axis, got {given}");
        let mut each = vec![others; rank];
        each[axis] = self.0[0].clone();
        Ok(each.into())
    }

    /// A single value stands for all axes.
    pub fn per_axis(&self) -> convolve::PerAxis<T> {
        match self.0.as_slice() {
            [value] => convolve::PerAxis::All(value.clone()),
            values => values.into(),
        }
    }
}

/// `2048x1024`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape(pub Vec<usize>);

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lengths = text.split(['x', ',']).map(|length| length.trim().parse());
        lengths
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|_| "expected lengths such as 2048x2048".to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances() {
        assert_eq!(tolerance("1e-5"), Ok(Tolerance::Relative(1e-5)));
        assert_eq!(tolerance("0.25-levels"), Ok(Tolerance::Levels(0.25)));
        assert_eq!(tolerance("1-level"), Ok(Tolerance::Levels(1.0)));
        for wrong in ["0", "-1", "nan", "inf", "", "levels", "-levels", "1 level", "1%"] {
            assert!(tolerance(wrong).is_err_and(|error| error.contains("0.25-levels")), "{wrong}");
        }
    }

    #[test]
    fn values_per_axis() {
        assert_eq!("1,-2".parse(), Ok(Each(vec![1isize, -2])));
        assert!("1,,2".parse::<Each<usize>>().is_err());
        assert!("-1".parse::<Each<usize>>().is_err());
        let boundary: Each<Boundary> = "wrap,constant:-1.5".parse().unwrap();
        let expected =
            [Boundary::Rule(convolve::Edge::Wrap), Boundary::Constant(Number::Real(-1.5))];
        assert_eq!(boundary.0, expected);
        assert!("constant".parse::<Boundary>().is_err());
        assert_eq!("20x3".parse(), Ok(Shape(vec![20, 3])));
        assert!("20x".parse::<Shape>().is_err());
    }
}
