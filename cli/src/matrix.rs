//! Kernels as text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use ndarray::Array2;

use crate::number::Number;

/// Longer texts are no matrices that anybody wrote: a device may have no end.
const LONGEST_TEXT: u64 = 16 << 20;

/// The text of a file, or of any pipe, such as a shell's <(command).
pub fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    // One byte more, to tell whether that is all.
    File::open(path)?.take(LONGEST_TEXT + 1).read_to_string(&mut text)?;
    ensure!(
        text.len() as u64 <= LONGEST_TEXT,
        "a text of more than {} MiB is too long",
        LONGEST_TEXT >> 20
    );
    Ok(text)
}

/// Rows on lines; numbers separated by blanks, commas or semicolons; `#` starts a comment.
pub fn parse(text: &str) -> Result<Array2<Number>> {
    let mut taps = Vec::new();
    // Some editors start a text with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rows, mut columns, mut first) = (0, 0, 0);
    // Lines end in LF, CR LF, or CR alone, as on old Macintoshes.
    let text = text.replace("\r\n", "\n");
    for (line, at) in text.split(['\n', '\r']).zip(1..) {
        let line = line.split('#').next().unwrap_or_default();
        check_commas(line).map_err(|error| anyhow!("line {at}: {error}"))?;
        check_cells(line).map_err(|error| anyhow!("line {at}: {error}"))?;
        let before = taps.len();
        let items = line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
        for item in items.filter(|item| !item.is_empty()) {
            let tap: Number = item.parse().map_err(|error| anyhow!("line {at}: {error}"))?;
            taps.try_reserve(1).context("no memory for so many numbers")?;
            taps.push(tap);
        }
        let found = taps.len() - before;
        match found {
            0 => continue,
            _ if rows == 0 => (columns, first) = (found, at),
            _ if found != columns => bail!(
                "line {at} has {found} numbers, but line {first} has {columns}: \
                 expected rows of equal length"
            ),
            _ => {}
        }
        rows += 1;
    }
    if rows == 0 {
        bail!("expected a matrix of numbers, found none");
    }
    Ok(Array2::from_shape_vec((rows, columns), taps)?)
}

/// Refuses commas that may stand for decimal points: those between two digits, on a line where
/// something else separates numbers.
fn check_commas(line: &str) -> Result<()> {
    let mut items = line.split([' ', '\t', ';']).filter(|item| !item.is_empty());
    let is_decimal = |item: &str| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        item.split_once(',').is_some_and(|(whole, fraction)| {
            digit(whole.chars().next_back()) && digit(fraction.chars().next())
        })
    };
    let several = items.clone().nth(1).is_some();
    match items.find(|item| is_decimal(item)) {
        Some(item) if several => bail!(
            "{item:?} may be one number with a decimal comma, or several: expected a decimal \
             point, as in {:?}, or one kind of separator on a line",
            item.replacen(',', ".", 1)
        ),
        _ => Ok(()),
    }
}

/// Refuses empty cells between commas or semicolons. The last cell may be one: some programs end
/// every line with a separator.
fn check_cells(line: &str) -> Result<()> {
    let mut cells: Vec<&str> = line.split([',', ';']).map(str::trim).collect();
    if cells.last() == Some(&"") {
        cells.pop();
    }
    match cells.iter().position(|cell| cell.is_empty()) {
        Some(place) => bail!("cell {} is empty: expected a number, such as 0", place + 1),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> ((usize, usize), Vec<f64>) {
        let matrix = parse(text).unwrap();
        (matrix.dim(), matrix.iter().map(|tap| tap.double().unwrap()).collect())
    }

    #[test]
    fn text_matrices() {
        let expected = ((2, 3), vec![1.0, 2.0, 3.0, 4.0, 5.0, -6.0]);
        assert_eq!(numbers("# a\n1, 2;3\n\n 4\t5 -6e0 # end\n"), expected);
        let error = |text| format!("{:#}", parse(text).unwrap_err());
        assert!(error("1 2\n\n3\n").contains("line 3 has 1 numbers, but line 1 has 2"));
        assert!(error("1 2\n3 nan\n").contains("line 2"));
        assert!(error("# nothing\n").contains("found none"));
    }

    #[test]
    fn lines_end_as_on_any_system() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["\u{feff}0,1,0", "1,-4,1", "0,1,0", ""].join(end);
            let taps = vec![0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
            assert_eq!(numbers(&text), ((3, 3), taps), "{end:?}");
        }
    }

    #[test]
    fn a_comma_that_may_be_a_decimal_point_is_an_error() {
        for text in ["0,5 0,25\n", "1\n2 0,5\n", "0,5;0,25", "1,5\t2"] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains("decimal comma"), "{text}: {error}");
        }
        assert!(format!("{:#}", parse("0,5 1").unwrap_err()).contains("line 1: \"0,5\" may be"));
        assert_eq!(numbers("0,5\n0,25").0, (2, 2));
        assert_eq!(numbers("0.5, 0.25").0, (1, 2));
        assert_eq!(numbers("1 0,-1").0, (1, 3));
    }
}
