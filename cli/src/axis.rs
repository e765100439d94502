//! One axis of several, as `--axis` counts them.

use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use ndarray::{ArrayD, IxDyn};

use crate::dtype::Value;

/// An axis by its number: 0 is the first one, -1 the last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbered(pub isize);

impl FromStr for Numbered {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().map(Self);
        number.map_err(|_| "expected a whole number, such as 0 or -1".to_string())
    }
}

impl Numbered {
    /// Which of so many axes it is.
    pub fn of(self, rank: usize) -> Result<usize> {
        let place = match self.0 {
            ..0 => rank.checked_add_signed(self.0),
            from_the_first => Some(from_the_first as usize),
        };
        let place = place.filter(|&axis| axis < rank);
        let got = self.0;
        ensure!(rank > 0, "--axis {got}: an array without axes has none to filter along");
        let (least, most) = (-(rank as isize), rank - 1);
        ensure!(place.is_some(), "--axis: expected {least} to {most} of {rank} axes, got {got}");
        Ok(place.unwrap_or_default())
    }

    /// A kernel of one axis, along this one of an array.
    pub fn laid<A: Value>(self, taps: ArrayD<A>, rank: usize) -> Result<ArrayD<A>> {
        let shape = self.shape(taps.shape(), rank)?;
        Ok(taps.into_shape_with_order(IxDyn(&shape))?)
    }

    /// The shape that a kernel of one axis has along this one of an array.
    pub fn shape(self, kernel: &[usize], rank: usize) -> Result<Vec<usize>> {
        let axis = self.of(rank)?;
        let [taps] = *kernel else {
            bail!("--axis: expected a kernel with one axis, got one of shape {kernel:?}");
        };
        let mut shape = vec![1; rank];
        shape[axis] = taps;
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_counted_from_both_ends() {
        assert_eq!([0, 2, -1, -3].map(|axis| Numbered(axis).of(3).unwrap()), [0, 2, 2, 0]);
        for wrong in [3, -4, isize::MIN, isize::MAX] {
            let error = Numbered(wrong).of(3).unwrap_err().to_string();
            assert!(error.contains("expected -3 to 2 of 3 axes"), "{error}");
        }
        assert!(Numbered(0).of(0).is_err());
        assert_eq!("-2".parse(), Ok(Numbered(-2)));
        for wrong in ["", "x", "1.5", "--1", "99999999999999999999"] {
            let error = wrong.parse::<Numbered>().expect_err(wrong);
            assert!(error.contains("a whole number"), "{error}");
        }
        assert_eq!(Numbered(-2).shape(&[5], 3).unwrap(), [1, 5, 1]);
        assert!(Numbered(0).shape(&[5, 1], 3).is_err());
    }
}
