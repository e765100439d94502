//! Standard input and output, which `-` stands for.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::ImageFormat;
use tempfile::Builder;

use crate::leftovers::Temporary;
use crate::npy;

/// Whether a caller means standard input or output.
pub fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

/// What has come from standard input: a file of its own, as decoders look at one more than once. It goes
/// when this is dropped.
#[derive(Debug)]
pub struct Input {
    file: Temporary,
    /// What its name would end in.
    pub extension: &'static str,
}

impl Input {
    /// Reads all of standard input.
    pub fn read() -> Result<Self> {
        let mut input = io::stdin().lock();
        ensure!(
            !input.is_terminal(),
            "-: standard input is a terminal: expected a file or a pipe (convolve apply - < FILE)"
        );
        Self::from(&mut input).context("-")
    }

    fn from(input: &mut impl Read) -> Result<Self> {
        let (mut file, temporary) =
            Temporary::new(|| Builder::new().prefix("convolve-").suffix(".tmp").tempfile())?;
        let length = io::copy(input, &mut file)?;
        ensure!(length > 0, "nothing came from standard input: expected a .npy or a picture");
        let mut start = Vec::new();
        file.rewind()?;
        file.take(64).read_to_end(&mut start)?;
        let extension = match image::guess_format(&start) {
            _ if start.starts_with(npy::MAGIC) => "npy",
            // Each its own; what becomes of black and white is grey.
            Ok(ImageFormat::Pnm) => match start.get(1) {
                Some(b'3' | b'6') => "ppm",
                Some(b'7') => "pam",
                _ => "pgm",
            },
            Ok(format) => *format.extensions_str().first().context("a format without a name")?,
            Err(_) => {
                anyhow::bail!("it starts as no format that is known: expected a .npy or a picture")
            }
        };
        Ok(Self { file: temporary, extension })
    }

    /// Where it can be read.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Standard output, for a file of the kind that a name with this extension would say.
pub fn output(extension: &str) -> Result<PathBuf> {
    ensure!(
        !io::stdout().is_terminal(),
        "-o -: standard output is a terminal: expected a name, or a file or a pipe behind it"
    );
    Ok(Path::new("-").with_extension(extension))
}

/// Whether this is standard output, as [`output`] gives it.
pub fn is_output(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "-") && path.parent() == Some(Path::new(""))
}

/// An output as it is called in what is printed.
pub fn named(path: &Path) -> String {
    let extension = path.extension().filter(|_| is_output(path));
    match extension {
        Some(extension) => format!("standard output ({})", extension.display()),
        None => path.display().to_string(),
    }
}

/// The same file by a name that is not that of standard output.
pub fn as_a_name(path: &Path) -> PathBuf {
    if is_output(path) { Path::new(".").join(path) } else { path.into() }
}

/// Copies a whole file to standard output. A reader that has seen enough and closed it is no error.
pub fn print(mut file: File) -> io::Result<()> {
    file.rewind()?;
    let mut out = io::stdout().lock();
    match io::copy(&mut file, &mut out).and_then(|_| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_is_known_by_its_start() {
        let extension = |bytes: &[u8]| Input::from(&mut &*bytes).map(|input| input.extension);
        assert_eq!(extension(b"\x93NUMPY\x01\x00").unwrap(), "npy");
        assert_eq!(extension(b"\x89PNG\r\n\x1a\n").unwrap(), "png");
        assert_eq!(extension(b"\xff\xd8\xff\xe0").unwrap(), "jpg");
        for (start, end) in [
            ("P1", "pgm"),
            ("P2", "pgm"),
            ("P5", "pgm"),
            ("P3", "ppm"),
            ("P6", "ppm"),
            ("P7", "pam"),
        ] {
            assert_eq!(extension(format!("{start} 1 1 255 x").as_bytes()).unwrap(), end);
        }
        for (bytes, words) in [(&b""[..], "nothing came"), (b"text", "no format that is known")] {
            let error = extension(bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let input = Input::from(&mut &b"P5 1 1 255 x"[..]).unwrap();
        let path = input.path().to_path_buf();
        assert_eq!(std::fs::read(&path).unwrap(), b"P5 1 1 255 x");
        drop(input);
        assert!(!path.exists());
    }

    #[test]
    fn outputs_have_names() {
        assert_eq!(named(&Path::new("-").with_extension("png")), "standard output (png)");
        for name in ["./-.png", "a/-.png", "b.png", "-"] {
            assert_eq!(named(Path::new(name)), name);
        }
    }

    #[test]
    fn names_are_not_mistaken_for_standard_output() {
        assert!(is_output(Path::new("-.png")));
        for name in ["./-.png", "a/-.png", "-a.png", "x.png"] {
            assert!(!is_output(Path::new(name)), "{name}");
        }
        assert!(!is_output(&as_a_name(Path::new("-.png"))));
        assert_eq!(as_a_name(Path::new("x.png")), Path::new("x.png"));
    }
}
