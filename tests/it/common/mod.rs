//! What all tests share: one table of cases, one oracle, one runner.

/// A value with some of its public fields changed: structs that may grow have no literals elsewhere.
macro_rules! with {
    ($base:expr, $($field:ident $(: $value:expr)?),* $(,)?) => {{
        let mut with = $base;
        $(with.$field = $crate::common::with!(@ $field $(, $value)?);)*
        with
    }};
    (@ $field:ident) => { $field };
    (@ $field:ident, $value:expr) => { $value };
}
pub(crate) use with;

pub mod allocations;
pub mod cases;
pub mod data;
pub mod devices;
pub mod machines;
pub mod subject;
#[cfg(feature = "gpu")]
pub mod textures;

pub use allocations::allocations;
pub use cases::table;
pub use data::{Random, Value};
pub use devices::{convolver, gpu, gpu_with};
#[cfg(feature = "gpu")]
pub use devices::{narrowed, own_device};
pub use subject::Subject;

use convolve::{Device, Method};

/// A way of computing: where and how.
pub type Way = (Device, Method);

pub const CPU_DIRECT: Way = (Device::Cpu, Method::Direct);
pub const CPU_SEPARABLE: Way = (Device::Cpu, Method::Separable);
pub const CPU_FFT: Way = (Device::Cpu, Method::Fft);
pub const GPU_DIRECT: Way = (Device::Gpu, Method::Direct);
pub const GPU_SEPARABLE: Way = (Device::Gpu, Method::Separable);
pub const GPU_FFT: Way = (Device::Gpu, Method::Fft);

/// The ways that are open to any `f32` kernel along one or two axes; the GPU's where there is one.
pub fn ways() -> Vec<Way> {
    let mut ways = vec![CPU_DIRECT, CPU_FFT];
    ways.extend(gpu().into_iter().flat_map(|_| [GPU_DIRECT, GPU_FFT]));
    ways
}

/// The ways that are open to any `f32` kernel that is an outer product.
pub fn separable_ways() -> Vec<Way> {
    let mut ways = vec![CPU_SEPARABLE];
    ways.extend(gpu().map(|_| GPU_SEPARABLE));
    ways
}

/// Where the repository is: what cargo says at run time, which tests that were built elsewhere are told too.
pub fn repository() -> std::path::PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    here.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).into()
}

/// What all methods say of each other; they must agree.
pub fn verified<A: convolve::Element, D: ndarray::Dimension>(
    filter: &convolve::Filter<A, D>,
    x: &ndarray::ArrayRef<A, D>,
) -> convolve::Verification {
    let report = filter.verify(x).unwrap_or_else(|error| panic!("{error}\n{}", filter.plan()));
    assert!(report.agrees(), "{report}\n{}", filter.plan());
    report
}

/// [`verified`], for those who need no report.
pub fn assert_verified<A: convolve::Element, D: ndarray::Dimension>(
    filter: &convolve::Filter<A, D>,
    x: &ndarray::ArrayRef<A, D>,
) {
    let _ = verified(filter, x);
}
