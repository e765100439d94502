//! Kernels as text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use convolve::filters::TextKernel;
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

/// A kernel's numbers, before they are scaled, and what else the text says of it.
pub fn parse(text: &str) -> Result<(Array2<Number>, TextKernel)> {
    let kernel: TextKernel = text.parse().map_err(|error| match error {
        // It names the line.
        convolve::Error::KernelText { reason, .. } => anyhow!(reason),
        error => error.into(),
    })?;
    Ok((kernel.cells().mapv(Number::from), kernel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbers() {
        let (numbers, kernel) =
            parse("divisor 4\noffset 128\n1, -2;3e0\n\n 4\t5 18446744073709551615\n").unwrap();
        assert_eq!((numbers.dim(), kernel.scale(), kernel.offset()), ((2, 3), 0.25, 128.0));
        assert_eq!(numbers[[0, 1]], Number::Integer(-2));
        assert_eq!(numbers[[1, 2]], Number::Integer(u64::MAX.into()));
        let error = |text| format!("{:#}", parse(text).unwrap_err());
        assert_eq!(
            error("1 2\nx 3"),
            "line 2: expected a finite number such as 3, -0.5, 1e-3 or 1+2j, got \"x\""
        );
    }
}
