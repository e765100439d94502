//! A place with files, the command, and .npy files that are not written or read by its own code.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use convolve::Element;
use ndarray::ArrayD;
use tempfile::TempDir;
use tiff::decoder::{Decoder, DecodingResult};

/// A folder of its own for each test, where the command runs.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), content).unwrap();
    }

    /// The command with arguments that are separated by blanks.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_convolve"));
        command.current_dir(self.path()).args(arguments.split_whitespace());
        // Not what this machine's user may have measured.
        command.env("CONVOLVE_CACHE_DIR", env!("CARGO_TARGET_TMPDIR"));
        command
    }

    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs what must succeed; gives standard error.
    pub fn succeed(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments}: {:?} {stderr}", output.status);
        stderr
    }

    /// Names and sizes of all files here, sorted.
    pub fn listing(&self) -> Vec<(PathBuf, u64)> {
        let mut folders = vec![self.path().to_path_buf()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                found.push((path.clone(), path.metadata().unwrap().len()));
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// A picture of the repository.
pub fn asset(name: &str) -> String {
    format!("{}/../assets/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A small file that once came out wrong.
pub fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A .npy file of version 1 with this header and data.
pub fn npy_file(descr: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let order = if fortran { "True" } else { "False" };
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
    // The last comma of several is one that Python allows.
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// The array as a little-endian .npy in C order.
pub fn npy<A: Element>(descr: &str, array: &ArrayD<A>) -> Vec<u8> {
    let samples: Vec<A> = array.iter().copied().collect();
    npy_file(descr, false, array.shape(), bytemuck::cast_slice(&samples))
}

/// Header and data of a .npy file of version 1.
pub fn split_npy(file: &[u8]) -> (String, Vec<u8>) {
    assert_eq!(&file[..8], b"\x93NUMPY\x01\x00");
    let end = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    (String::from_utf8(file[10..end].to_vec()).unwrap(), file[end..].to_vec())
}

/// Width, height and samples of every page of a TIFF.
pub fn pages(place: &Place, name: &str) -> Vec<(u32, u32, DecodingResult)> {
    pages_of(place.file(name))
}

pub fn pages_of(path: impl AsRef<Path>) -> Vec<(u32, u32, DecodingResult)> {
    let mut decoder = Decoder::new(std::io::BufReader::new(File::open(path).unwrap())).unwrap();
    let mut pages = Vec::new();
    loop {
        let (width, height) = decoder.dimensions().unwrap();
        let mut samples = DecodingResult::U8(Vec::new());
        decoder.read_image_to_buffer(&mut samples).unwrap();
        pages.push((width, height, samples));
        if !decoder.more_images() {
            return pages;
        }
        decoder.next_image().unwrap();
    }
}

pub fn bytes(samples: &DecodingResult) -> &[u8] {
    let DecodingResult::U8(bytes) = samples else { panic!("expected bytes") };
    bytes
}

/// Header and numbers of a .npy of `f4`.
pub fn floats(place: &Place, name: &str) -> (String, Vec<f32>) {
    let (header, data) = split_npy(&std::fs::read(place.file(name)).unwrap());
    let float = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    (header, data.chunks_exact(4).map(float).collect())
}
