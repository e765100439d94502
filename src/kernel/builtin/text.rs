//! Kernels as text.

use ndarray::Array2;
use std::str::FromStr;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::kernel::builtin::number::Number;
use crate::util::memory;

/// A kernel with two axes that was read from a text: rows on lines, numbers separated by blanks, commas or
/// semicolons; `#` starts a comment. Lines before the first row may say what all taps are multiplied with
/// (`scale 1/24`, or `divisor 24`, which is the same) and a level that is added to results (`offset 128`).
///
/// ```
/// use convolve::filters::TextKernel;
/// use ndarray::arr2;
///
/// let text: TextKernel = "divisor 4   # the weights sum to 4\n0 1 0\n0 2 0\n0 1 0".parse()?;
/// let kernel = text.kernel::<f32>()?;
/// assert_eq!(kernel, arr2(&[[0.0, 0.25, 0.0], [0.0, 0.5, 0.0], [0.0, 0.25, 0.0]]));
///
/// let error = "1 2\n3".parse::<TextKernel>().unwrap_err().to_string();
/// assert!(error.contains("line 2 has 1 numbers, but line 1 has 2"));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// From a text, [`Error::KernelText`]: for what is no number, rows of different lengths, commas that may be
/// decimal points, and a text without numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TextKernel {
    cells: Array2<Number>,
    scale: f64,
    offset: f64,
}

impl TextKernel {
    /// The numbers as they are written, before they are scaled.
    pub fn cells(&self) -> &Array2<Number> {
        &self.cells
    }

    /// What all taps are multiplied with. Default: 1.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// What is to be added to results, in levels of pictures of 8 bits, of which 255 is the brightest.
    /// Default: 0. The kernel alone cannot do it; pictures can, by `Signed::Offset` with this over 255.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// The kernel, its taps multiplied with [`TextKernel::scale`]. Integers stay exact.
    ///
    /// # Errors
    /// [`Error::KernelText`] where a tap is no value of the element type: a fraction, what is out of
    /// range, or a complex number of a real type; [`Error::OutOfMemory`].
    pub fn kernel<A: Element>(&self) -> Result<Array2<A>> {
        let mut taps = memory::room(self.cells.len(), "the taps of a kernel")?;
        for cell in &self.cells {
            taps.push(cell.tap(self.scale).ok_or_else(|| {
                let scaled = if self.scale == 1.0 {
                    String::new()
                } else {
                    format!(" times {}", self.scale)
                };
                let reason = format!("{cell}{scaled} is no value of the type {}", A::DTYPE);
                Error::KernelText { text: cell.to_string(), reason }
            })?);
        }
        Ok(Array2::from_shape_vec(self.cells.dim(), taps).expect("as many"))
    }
}

impl FromStr for TextKernel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (mut cells, mut scale, mut offset) = (Vec::new(), 1.0, 0.0);
        // Some editors start a text with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (mut rows, mut columns, mut first) = (0, 0, 0);
        // Lines end in LF, CR LF, or CR alone, as on old Macintoshes.
        let text = text.replace("\r\n", "\n");
        for (line, at) in text.split(['\n', '\r']).zip(1..) {
            let wrong = |reason| Error::KernelText { text: shortened(line), reason };
            let at_line = |reason| wrong(format!("line {at}: {reason}"));
            let line = line.split('#').next().unwrap_or_default();
            if let Some(header) = Header::read(line).map_err(at_line)? {
                if rows > 0 {
                    return Err(at_line("expected it before the first row".into()));
                }
                match header {
                    Header::Scale(by) => {
                        scale *= by;
                        if !scale.is_normal() {
                            return Err(at_line(format!(
                                "it makes the scale {scale}: out of range"
                            )));
                        }
                    }
                    Header::Offset(level) => offset = level,
                }
                continue;
            }
            check_commas(line).map_err(at_line)?;
            check_cells(line).map_err(at_line)?;
            let before = cells.len();
            let items = line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
            for item in items.filter(|item| !item.is_empty()) {
                let cell = item.parse().map_err(|error| match error {
                    Error::KernelText { reason, .. } => at_line(reason),
                    error => error,
                })?;
                memory::reserve_one(&mut cells, "the numbers of a kernel")?;
                cells.push(cell);
            }
            let found = cells.len() - before;
            match found {
                0 => continue,
                _ if rows == 0 => (columns, first) = (found, at),
                _ if found != columns => {
                    return Err(wrong(format!(
                        "line {at} has {found} numbers, but line {first} has {columns}: expected rows \
                         of equal length"
                    )));
                }
                _ => {}
            }
            rows += 1;
        }
        if rows == 0 {
            let reason = "expected a matrix of numbers, found none".into();
            return Err(Error::KernelText { text: shortened(&text), reason });
        }
        let cells = Array2::from_shape_vec((rows, columns), cells).expect("rows of equal length");
        Ok(Self { cells, scale, offset })
    }
}

/// What fits into a message.
fn shortened(line: &str) -> String {
    line.trim().chars().take(40).collect()
}

/// A line that holds for the whole kernel.
enum Header {
    Scale(f64),
    Offset(f64),
}

impl Header {
    fn read(line: &str) -> Result<Option<Self>, String> {
        let spaced = line.replace([':', '='], " ");
        let mut words = spaced.split_whitespace();
        let (Some(word), value, None) = (words.next(), words.next(), words.next()) else {
            return Ok(None);
        };
        let word = word.to_ascii_lowercase();
        let number = || {
            let value = value.and_then(fraction);
            value.ok_or_else(|| format!("expected a number after {word}, such as 24 or 1/24"))
        };
        let nonzero = || match number()? {
            0.0 => Err(format!("expected a {word} other than 0")),
            number => Ok(number),
        };
        Ok(match &*word {
            "scale" => Some(Self::Scale(nonzero()?)),
            "divisor" => Some(Self::Scale(nonzero()?.recip())),
            "offset" => Some(Self::Offset(number()?)),
            _ => None,
        })
    }
}

/// `24`, or `1/24`.
fn fraction(text: &str) -> Option<f64> {
    let real = |text: &str| text.parse().ok().filter(|value: &f64| value.is_finite());
    let value = match text.split_once('/') {
        Some((above, below)) => real(above)? / real(below)?,
        None => real(text)?,
    };
    value.is_finite().then_some(value)
}

/// Refuses commas that may stand for decimal points: those between two digits, on a line where
/// something else separates numbers.
fn check_commas(line: &str) -> Result<(), String> {
    let mut items = line.split([' ', '\t', ';']).filter(|item| !item.is_empty());
    let is_decimal = |item: &str| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        item.split_once(',').is_some_and(|(whole, fraction)| {
            digit(whole.chars().next_back()) && digit(fraction.chars().next())
        })
    };
    let several = items.clone().nth(1).is_some();
    match items.find(|item| is_decimal(item)) {
        Some(item) if several => Err(format!(
            "{item:?} may be one number with a decimal comma, or several: expected a decimal \
             point, as in {:?}, or one kind of separator on a line",
            item.replacen(',', ".", 1)
        )),
        _ => Ok(()),
    }
}

/// Refuses empty cells between commas or semicolons. The last cell may be one: some programs end
/// every line with a separator.
fn check_cells(line: &str) -> Result<(), String> {
    let mut cells: Vec<&str> = line.split([',', ';']).map(str::trim).collect();
    if cells.last() == Some(&"") {
        cells.pop();
    }
    match cells.iter().position(|cell| cell.is_empty()) {
        Some(place) => Err(format!("cell {} is empty: expected a number, such as 0", place + 1)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;
    use num_complex::Complex;

    fn taps<A: Element>(text: &str) -> Result<Array2<A>> {
        text.parse::<TextKernel>()?.kernel()
    }

    fn error(text: &str) -> String {
        text.parse::<TextKernel>().unwrap_err().to_string()
    }

    #[test]
    fn rows_of_numbers() {
        let expected = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, -6.0]]);
        assert_eq!(taps::<f64>("# a\n1, 2;3\n\n 4\t5 -6e0 # end\n").unwrap(), expected);
        for end in ["\n", "\r\n", "\r"] {
            let text = ["\u{feff}0,1,0", "1,-4,1", "0,1,0", ""].join(end);
            let laplacian = arr2(&[[0, 1, 0], [1, -4, 1], [0, 1, 0]]);
            assert_eq!(taps::<i16>(&text).unwrap(), laplacian, "{end:?}");
        }
        assert!(error("1 2\n\n3\n").contains("line 3 has 1 numbers, but line 1 has 2"));
        assert!(error("1 2\n3 nan\n").contains("line 2: expected a finite number"));
        assert!(error("# nothing\n").contains("found none"));
        assert!(error("1,,2").contains("cell 2 is empty"));
    }

    #[test]
    fn a_comma_that_may_be_a_decimal_point_is_an_error() {
        for text in ["0,5 0,25\n", "1\n2 0,5\n", "0,5;0,25", "1,5\t2"] {
            assert!(error(text).contains("decimal comma"), "{text}: {}", error(text));
        }
        assert!(error("0,5 1").contains("line 1: \"0,5\" may be"));
        assert_eq!(taps::<f32>("0,5\n0,25").unwrap().dim(), (2, 2));
        assert_eq!(taps::<f32>("0.5, 0.25").unwrap().dim(), (1, 2));
        assert_eq!(taps::<f32>("1 0,-1").unwrap().dim(), (1, 3));
    }

    #[test]
    fn lines_before_the_rows_scale_and_add() {
        let read = |text: &str| text.parse::<TextKernel>().unwrap();
        for header in ["scale 1/24", "divisor 24", "Scale: 1/24", "DIVISOR = 24", "divisor=24 # x"]
        {
            let text = read(&format!("{header}\n1 2\n"));
            assert_eq!(text.scale(), 1.0 / 24.0, "{header}");
            assert_eq!(text.kernel::<f64>().unwrap(), arr2(&[[1.0 / 24.0, 2.0 / 24.0]]));
        }
        assert_eq!(read("# x\ndivisor: 2\n\noffset 128\n4").offset(), 128.0);
        assert_eq!(read("offset -0.5\n1").offset(), -0.5);
        assert_eq!(taps::<u8>("divisor 2\n4 6").unwrap(), arr2(&[[2, 3]]));
        assert!(taps::<u8>("divisor 2\n4 5").is_err());
        for (text, words) in [
            ("divisor 0\n1", "expected a divisor other than 0"),
            ("scale 1/0\n1", "expected a number after scale"),
            ("scale\n1", "expected a number after scale"),
            ("offset x\n1", "expected a number after offset"),
            ("1 2\ndivisor 2\n1 2", "line 2: expected it before the first row"),
            ("sum 3\n1 2", "got \"sum\""),
            ("divisor 2", "found none"),
        ] {
            assert!(error(text).contains(words), "{text}: {}", error(text));
        }
    }

    #[test]
    fn taps_are_values_of_their_type() {
        assert_eq!(taps::<u64>("18446744073709551615").unwrap(), arr2(&[[u64::MAX]]));
        assert_eq!(taps::<i64>("-9223372036854775808").unwrap(), arr2(&[[i64::MIN]]));
        assert_eq!(taps::<i8>("2.0 -128").unwrap(), arr2(&[[2, -128]]));
        assert_eq!(taps::<Complex<f32>>("1+2j").unwrap(), arr2(&[[Complex::new(1.0, 2.0)]]));
        assert_eq!(taps::<f32>("3+0j").unwrap(), arr2(&[[3.0]]));
        for wrong in ["1e300", "scale 1e30\n1e30"] {
            let error = taps::<f32>(wrong).unwrap_err().to_string();
            assert!(error.contains("is no value of the type f32"), "{error}");
        }
        for wrong in ["divisor 1e-310\n0 1", "divisor 1e300\ndivisor 1e300\n1"] {
            assert!(error(wrong).contains("out of range"), "{}", error(wrong));
        }
        for wrong in ["256", "-1", "0.5", "1+2j", "1e9"] {
            let error = taps::<u8>(wrong).unwrap_err().to_string();
            assert!(error.contains("is no value of the type u8"), "{error}");
        }
        assert!(taps::<f64>("1+2j").is_err());
    }
}
