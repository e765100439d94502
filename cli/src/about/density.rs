//! How large the pixels of a picture are.

use jpeg_encoder::{PixelDensity, PixelDensityUnit};

/// Centimetres in an inch.
const INCH: f64 = 2.54;

/// Pixels per inch, or the shape of a pixel alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Density {
    pub x: f64,
    pub y: f64,
    /// Whether these are inches; otherwise only how long `x` is beside `y` means something.
    pub absolute: bool,
}

impl Density {
    pub fn per_inch(x: f64, y: f64) -> Self {
        Self { x, y, absolute: true }
    }

    /// A PNG's 11811 per metre are 300 per inch.
    pub fn per_centimetre(x: f64, y: f64) -> Self {
        let rounded = |density: f64| {
            let inches = density * INCH;
            if (inches - inches.round()).abs() < 0.01 { inches.round() } else { inches }
        };
        Self { x: rounded(x), y: rounded(y), absolute: true }
    }

    pub fn of_aspect(x: f64, y: f64) -> Self {
        Self { x, y, absolute: false }
    }

    /// Of a JPEG, after the name of its segment: version, unit, and two numbers.
    pub fn of_jfif(content: &[u8]) -> Option<Self> {
        let [_, _, unit, a, b, c, d, ..] = *content else { return None };
        let [x, y] = [[a, b], [c, d]].map(|bytes| f64::from(u16::from_be_bytes(bytes)));
        match (unit, x > 0.0 && y > 0.0) {
            (0, true) if x != y => Some(Self::of_aspect(x, y)),
            (1, true) => Some(Self::per_inch(x, y)),
            (2, true) => Some(Self::per_centimetre(x, y)),
            _ => None,
        }
    }

    pub fn per_metre(self) -> (f64, f64) {
        let metre = 100.0 / INCH;
        (self.x * metre, self.y * metre)
    }

    /// None where the numbers are too large for a JPEG.
    pub fn as_jfif(self) -> Option<PixelDensity> {
        let whole = |value: f64| (value - value.round()).abs() < 1e-6;
        let centimetres = [self.x / INCH, self.y / INCH];
        let in_centimetres =
            centimetres.into_iter().all(whole) && !(whole(self.x) && whole(self.y));
        let (values, unit) = match (self.absolute, in_centimetres) {
            (false, _) => ([self.x, self.y], PixelDensityUnit::PixelAspectRatio),
            (true, false) => ([self.x, self.y], PixelDensityUnit::Inches),
            (true, true) => (centimetres, PixelDensityUnit::Centimeters),
        };
        let [x, y] = values.map(f64::round);
        let fits = [x, y].iter().all(|value| (1.0..=f64::from(u16::MAX)).contains(value));
        fits.then_some(PixelDensity { density: (x as u16, y as u16), unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_go_from_format_to_format() {
        let jfif = |unit: u8, x: u16| {
            Density::of_jfif(
                &[&[1, 2, unit], &x.to_be_bytes()[..], &x.to_be_bytes(), &[0, 0]].concat(),
            )
        };
        let density = jfif(1, 300).unwrap();
        assert_eq!(density, Density::per_inch(300.0, 300.0));
        assert_eq!(density.per_metre().0.round(), 11_811.0);
        assert_eq!(Density::per_centimetre(118.11, 118.11), density);
        for (unit, x) in [(1, 300), (1, 72), (2, 118)] {
            let back = jfif(unit, x).unwrap().as_jfif().unwrap();
            let is_inches = back.unit == PixelDensityUnit::Inches;
            assert_eq!((back.density, is_inches), ((x, x), unit == 1), "{x}");
        }
        assert_eq!(jfif(0, 1), None);
        assert_eq!(jfif(1, 0), None);
        assert_eq!(Density::of_jfif(&[1, 2]), None);
        assert_eq!(Density::per_inch(1e6, 1e6).as_jfif(), None);
    }
}
