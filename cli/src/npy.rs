//! NumPy's .npy format, versions 1 to 3.
//!
//! Read here and not by a crate because a file may be anything: the crates' parser of Python
//! literals recurses as deep as the header nests, and a shape is multiplied or reserved before it
//! is compared with the file's length, so that a few bytes can overflow the stack, a product or
//! the memory.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use crate::dtype::{DType, Value};

/// An opened file whose header has been read: its data comes next.
#[derive(Debug)]
pub struct Npy {
    /// The type of the elements; u8 for booleans.
    pub dtype: DType,
    pub boolean: bool,
    pub shape: Vec<usize>,
    fortran_order: bool,
    big_endian: bool,
    data: BufReader<File>,
    data_bytes: u64,
}

/// How a file starts.
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// More than a header with 64 axes, NumPy's limit, can need.
const LONGEST_HEADER: usize = 1 << 16;

impl Npy {
    /// Opens a file and reads its header. Arrays without elements are errors.
    pub fn open(path: &Path) -> Result<Self> {
        // A pipe that nobody writes to would not even open.
        ensure!(fs::metadata(path)?.is_file(), "not a regular file: expected a .npy file");
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut data = BufReader::new(file);
        let text = read_header(&mut data)?;
        let header = Header::parse(&text)?;
        let data_bytes = length.saturating_sub(data.stream_position()?);
        let Header { dtype, boolean, shape, fortran_order, big_endian } = header;
        ensure!(
            !shape.contains(&0),
            "the array is empty (shape {shape:?}): every axis needs at least one sample"
        );
        Ok(Self { dtype, boolean, shape, fortran_order, big_endian, data, data_bytes })
    }

    /// The array. `A` must be the type that `dtype` names.
    pub fn read<A: Value>(mut self) -> Result<ArrayD<A>> {
        let bytes = self
            .shape
            .iter()
            .try_fold(size_of::<A>(), |product, &n| product.checked_mul(n))
            .with_context(|| format!("shape {:?} does not fit into memory", self.shape))?;
        // Before anything is allocated.
        ensure!(
            bytes as u64 <= self.data_bytes,
            "truncated: shape {:?} needs {bytes} bytes of data, the file has {}",
            self.shape,
            self.data_bytes
        );
        let len = bytes / size_of::<A>();
        let mut samples: Vec<A> = Vec::new();
        samples.try_reserve_exact(len).with_context(|| format!("no memory for {bytes} bytes"))?;
        samples.resize(len, A::default());
        let raw: &mut [u8] = bytemuck::cast_slice_mut(&mut samples);
        self.data.read_exact(raw)?;
        let mut next = [0; MAGIC.len()];
        let another = self.data.read_exact(&mut next).is_ok() && next == *MAGIC;
        ensure!(!another, "several arrays, one after another: expected one");
        if self.boolean {
            raw.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
        }
        if self.big_endian != cfg!(target_endian = "big") {
            reverse_parts::<A>(raw);
        }
        let shape = IxDyn(&self.shape).set_f(self.fortran_order);
        Ok(ArrayD::from_shape_vec(shape, samples)?)
    }
}

/// Turns little into big endian and back.
fn reverse_parts<A: Value>(raw: &mut [u8]) {
    raw.chunks_exact_mut(size_of::<A>() / A::PARTS).for_each(<[u8]>::reverse);
}

fn read_header(file: &mut impl Read) -> Result<String> {
    let mut start = [0; 8];
    let is_npy = file.read_exact(&mut start).is_ok() && start.starts_with(MAGIC);
    ensure!(is_npy, "not a .npy file: it does not start with the format's signature");
    let mut length = [0; 4];
    match start[6] {
        1 => file.read_exact(&mut length[..2]),
        2 | 3 => file.read_exact(&mut length),
        version => bail!("version {version} of the .npy format is not supported: expected 1 to 3"),
    }
    .context("truncated in its header")?;
    let length = u32::from_le_bytes(length) as usize;
    ensure!(length <= LONGEST_HEADER, "a header of {length} bytes is too long for an array");
    let mut text = vec![0; length];
    file.read_exact(&mut text).context("truncated in its header")?;
    String::from_utf8(text).context("its header is not text")
}

#[derive(Debug, PartialEq)]
struct Header {
    dtype: DType,
    boolean: bool,
    shape: Vec<usize>,
    fortran_order: bool,
    big_endian: bool,
}

impl Header {
    /// A Python dictionary, of the one form that arrays without fields have:
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str) -> Result<Self> {
        let field = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}'"))?;
            rest.trim_start().strip_prefix(':').map(str::trim_start)
        };
        let missing = |key| format!("its header has no valid {key:?}");
        let descr = field("descr").with_context(|| missing("descr"))?;
        let supported = "expected b1, f2, f4, f8, c8, c16, i1, i2, i4, i8, u1, u2, u4 or u8";
        let name = descr.strip_prefix('\'').and_then(|rest| Some(rest.split_once('\'')?.0));
        let Some(name) = name else { bail!("arrays with fields are not supported: {supported}") };
        let code = name.trim_start_matches(['<', '|', '>', '=']);
        let big_endian = match &name[..name.len() - code.len()] {
            "<" | "|" => false,
            ">" => true,
            // NumPy takes a missing mark for the machine's own order.
            "=" | "" => cfg!(target_endian = "big"),
            _ => bail!("elements of type {name:?} are not supported: {supported}"),
        };
        let boolean = code == "b1";
        let dtype = DType::from_code(if boolean { u8::CODE } else { code })
            .with_context(|| format!("elements of type {name:?} are not supported: {supported}"))?;
        let order = field("fortran_order").with_context(|| missing("fortran_order"))?;
        let fortran_order = order.starts_with("True");
        ensure!(fortran_order || order.starts_with("False"), missing("fortran_order"));
        let shape = field("shape")
            .and_then(|rest| rest.strip_prefix('(')?.split_once(')'))
            .and_then(|(lengths, _)| parse_shape(lengths))
            .with_context(|| missing("shape"))?;
        Ok(Self { dtype, boolean, shape, fortran_order, big_endian })
    }
}

fn parse_shape(lengths: &str) -> Option<Vec<usize>> {
    let lengths = lengths.trim();
    if lengths.is_empty() {
        return Some(Vec::new());
    }
    let lengths = lengths.strip_suffix(',').unwrap_or(lengths);
    // Python 2 wrote its long integers as 3L.
    lengths.split(',').map(|length| length.trim().trim_end_matches('L').parse().ok()).collect()
}

/// Writes an array in C order and little endian.
pub fn write<A: Value>(file: &mut impl Write, array: &ArrayD<A>) -> Result<()> {
    let order = if size_of::<A>() == 1 { '|' } else { '<' };
    let lengths: String = array.shape().iter().map(|n| format!("{n}, ")).collect();
    // Python reads (3) as a number: a single length keeps its comma.
    let lengths = match array.ndim() {
        1 => lengths.trim_end(),
        _ => lengths.trim_end().trim_end_matches(','),
    };
    let mut header = format!(
        "{{'descr': '{order}{}', 'fortran_order': False, 'shape': ({lengths}), }}",
        A::CODE
    );
    // Blanks and a newline up to a multiple of 64, for readers that map the file into memory.
    let before = if header.len() + 64 < usize::from(u16::MAX) { 10 } else { 12 };
    let padded = (before + header.len() + 1).next_multiple_of(64) - before;
    header.push_str(&" ".repeat(padded - header.len() - 1));
    header.push('\n');
    file.write_all(MAGIC)?;
    match u16::try_from(padded) {
        Ok(short) if before == 10 => {
            file.write_all(&[1, 0])?;
            file.write_all(&short.to_le_bytes())?;
        }
        _ => {
            file.write_all(&[2, 0])?;
            file.write_all(&u32::try_from(padded)?.to_le_bytes())?;
        }
    }
    file.write_all(header.as_bytes())?;
    let samples = array.as_standard_layout();
    let raw: &[u8] = bytemuck::cast_slice(samples.as_slice().context("not in standard layout")?);
    if cfg!(target_endian = "big") {
        let mut raw = raw.to_vec();
        reverse_parts::<A>(&mut raw);
        file.write_all(&raw)?;
    } else {
        file.write_all(raw)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr0, arr1, arr2};
    use num_complex::Complex;

    fn with_file<T>(bytes: &[u8], check: impl FnOnce(Result<Npy>) -> T) -> T {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        check(Npy::open(file.path()))
    }

    fn file_of(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn error(bytes: &[u8]) -> String {
        let read = |npy: Npy| match npy.dtype {
            DType::F64 => npy.read::<f64>().map(|_| ()),
            _ => npy.read::<u8>().map(|_| ()),
        };
        with_file(bytes, |npy| format!("{:#}", npy.and_then(read).unwrap_err()))
    }

    fn round_trip<A: Value>(array: ArrayD<A>) {
        let mut bytes = Vec::new();
        write(&mut bytes, &array).unwrap();
        let header = bytes.len() - array.len() * size_of::<A>();
        assert_eq!(header % 64, 0);
        with_file(&bytes, |npy| assert_eq!(npy.unwrap().read::<A>().unwrap(), array));
    }

    #[test]
    fn what_is_written_is_read() {
        round_trip(arr0(3.5f64).into_dyn());
        round_trip(arr1(&[1.5f32, -2.0, 65504.0]).mapv(convolve::half::f16::from_f32).into_dyn());
        round_trip(arr1(&[1u8, 2, 3]).into_dyn());
        round_trip(arr2(&[[Complex::new(1.0f32, -2.0); 3]; 2]).into_dyn());
        round_trip(ArrayD::from_shape_fn(vec![1, 2, 3, 4], |i| i[3] as i64 - 2));
        round_trip(ArrayD::<u16>::zeros(vec![1; 40]));
    }

    #[test]
    fn headers_are_numpys() {
        let mut bytes = Vec::new();
        write(&mut bytes, &arr1(&[1.5f32, 2.0]).into_dyn()).unwrap();
        // numpy.save(f, numpy.array([1.5, 2], "f4")), NumPy 2.
        let mut expected = b"\x93NUMPY\x01\x00v\x00".to_vec();
        expected.extend(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }");
        expected.resize(127, b' ');
        expected.push(b'\n');
        expected.extend([0, 0, 0xc0, 0x3f, 0, 0, 0, 0x40]);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn reads_both_orders_of_bytes_and_axes() {
        let data: Vec<u8> = (1..=6u8).flat_map(|i| [0, i]).collect();
        let file = file_of("'>i2'", "True", "(2, 3L)", &data);
        let expected = arr2(&[[1i16, 3, 5], [2, 4, 6]]).into_dyn();
        with_file(&file, |npy| assert_eq!(npy.unwrap().read::<i16>().unwrap(), expected));
        let complex = [1f32.to_be_bytes(), 2f32.to_be_bytes()].concat();
        let file = file_of("'>c8'", "False", "()", &complex);
        let expected = arr0(Complex::new(1f32, 2.0)).into_dyn();
        with_file(&file, |npy| assert_eq!(npy.unwrap().read::<Complex<f32>>().unwrap(), expected));
    }

    #[test]
    fn several_arrays_in_a_file_are_an_error() {
        let one = file_of("'|u1'", "False", "(2,)", &[1, 2]);
        assert!(error(&[&one[..], &one[..]].concat()).contains("several arrays"));
        let padded = [&one[..], &[0; 9]].concat();
        with_file(&padded, |npy| assert_eq!(npy.unwrap().read::<u8>().unwrap().len(), 2));
    }

    #[test]
    fn booleans_are_zeros_and_ones() {
        let file = file_of("'|b1'", "False", "(3,)", &[0, 1, 255]);
        let expected = arr1(&[0u8, 1, 1]).into_dyn();
        with_file(&file, |npy| {
            let npy = npy.unwrap();
            assert!(npy.boolean && npy.dtype == DType::U8);
            assert_eq!(npy.read::<u8>().unwrap(), expected);
        });
    }

    #[test]
    fn files_that_lie_are_errors() {
        let f8 = |shape: &str| error(&file_of("'<f8'", "False", shape, &[0; 64]));
        assert!(f8("(9,)").contains("needs 72 bytes of data, the file has 64"));
        assert!(f8("(1000000000000,)").contains("truncated"));
        assert!(f8("(4611686018427387904, 4611686018427387904)").contains("does not fit"));
        assert!(f8("(99999999999999999999,)").contains("shape"));
        assert!(f8("(-1,)").contains("shape"));
        assert!(f8(&"(".repeat(50_000)).contains("shape"));
        assert!(f8("(3, 0)").contains("empty"));
        for descr in ["'|b2'", "'<f3'", "'|O'", "'<U3'", "'<M8[s]'", "''", "'é'"] {
            assert!(
                error(&file_of(descr, "False", "()", &[0; 64])).contains("expected b1, f2, f4"),
                "{descr}"
            );
        }
        assert!(error(&file_of("[('a', '<f4')]", "False", "()", &[])).contains("fields"));
        assert!(error(&file_of("'|u1'", "Maybe", "()", &[0])).contains("fortran_order"));
        assert!(error(b"\x93NUMPY\x04\x00").contains("version 4"));
        assert!(error(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").contains("too long"));
        assert!(error(b"\x93NUMPY\x01\x00\x76\x00{'descr'").contains("truncated"));
        assert!(error(b"\x89PNG").contains("not a .npy"));
        assert!(error(b"").contains("not a .npy"));
    }
}
