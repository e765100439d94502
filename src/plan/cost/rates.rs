//! The constants of the cost model, all of one shape: a name, a unit, a value, and whether a probe can
//! measure it. They are rates of this library's own methods, not the hardware's peaks.

/// What a [`Rate`](crate::Rate) is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// So many of something per second; more is better.
    PerSecond(&'static str),
    /// Seconds; less is better.
    Seconds,
    /// So many of something.
    Of(&'static str),
}

/// A constant, by name.
pub(crate) struct Term<R: 'static> {
    /// Its field.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// Whether a calibration measures it.
    pub probed: bool,
    /// Where it stands.
    pub of: fn(&mut R) -> &mut f64,
}

/// The constants of a kind of device.
pub(crate) trait Rates: Clone + 'static {
    /// All of them.
    const TERMS: &'static [Term<Self>];

    /// Those that a calibration measures.
    fn probed() -> impl Iterator<Item = &'static Term<Self>> {
        Self::TERMS.iter().filter(|term| term.probed)
    }
}

/// Lists the constants of a device.
macro_rules! terms {
    ($rates:ident: $($name:ident, $unit:expr, $how:ident;)*) => {
        impl Rates for $rates {
            const TERMS: &'static [Term<Self>] = &[$(Term {
                name: stringify!($name),
                unit: $unit,
                probed: terms!(@$how),
                of: |rates| &mut rates.$name,
            },)*];
        }
    };
    (@probed) => { true };
    (@given) => { false };
}

/// Rates of the CPU's methods, per thread.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CpuRates {
    /// Multiply-adds of the direct method per second, on 4-byte elements with tiles of full height
    /// and AVX2 or wider vectors.
    pub direct: f64,
    /// Samples of 4 bytes per second that go from one pass to the next.
    pub ring: f64,
    /// Samples per second that are picked out of the input one by one, under an inner stride.
    pub gather: f64,
    /// Butterflies' shares per second, in f32: a transform of `N` samples has `N log2 N` of them.
    pub fft: f64,
    /// Sharing the result out to blocks and looking at what is in them, in seconds: what a
    /// transform takes at least.
    pub fft_start: f64,
    /// Bytes of input and output that stay in the caches from run to run: up to there, memory is as
    /// fast as the methods.
    pub cache: f64,
    /// Bytes per second beyond that, read and written, of all threads together.
    pub bandwidth: f64,
    /// Bytes per second of memory that nobody has touched before, as a first result is: the system has to find
    /// pages for it. Large ones come in huge pages on Linux, four times as fast.
    pub fresh: f64,
    /// Finding and starting one row of samples for one row of outputs, in seconds.
    pub row: f64,
    /// Handing work to other threads and waiting for them, in seconds.
    pub wake: f64,
}

terms! {
    CpuRates:
    direct, Unit::PerSecond("MAC"), probed;
    ring, Unit::PerSecond("sample"), probed;
    gather, Unit::PerSecond("sample"), probed;
    fft, Unit::PerSecond("share"), probed;
    fft_start, Unit::Seconds, probed;
    cache, Unit::Of("B"), given;
    bandwidth, Unit::PerSecond("B"), probed;
    fresh, Unit::PerSecond("B"), given;
    row, Unit::Seconds, probed;
    wake, Unit::Seconds, probed;
}

/// Rates of one kind of GPU.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GpuRates {
    /// Multiply-adds per second of the tiled direct shaders.
    pub direct: f64,
    /// Multiply-adds per second of the N-dimensional shader.
    pub direct_nd: f64,
    /// Butterflies' shares per second: a transform of `N` complex numbers has `N log2 N` of them.
    pub fft: f64,
    /// Bytes per second of device memory.
    pub bandwidth: f64,
    /// Bytes per second over the bus, each way.
    pub bus: f64,
    /// One submission, waited for, in seconds.
    pub round_trip: f64,
    /// Compiling one pipeline that no cache has, in seconds. Depends on caches that a probe cannot
    /// empty.
    pub pipeline: f64,
}

terms! {
    GpuRates:
    direct, Unit::PerSecond("MAC"), probed;
    direct_nd, Unit::PerSecond("MAC"), probed;
    fft, Unit::PerSecond("share"), probed;
    bandwidth, Unit::PerSecond("B"), probed;
    bus, Unit::PerSecond("B"), probed;
    round_trip, Unit::Seconds, probed;
    pipeline, Unit::Seconds, given;
}

impl CpuRates {
    /// From benches/results/executors.md and the benches `direct` and `cases`, rounded: 2 cores AMD EPYC
    /// (Zen 4), 2026-11-23. `fft_start` is what tiny transforms took above direct sums there. `gather`
    /// and `wake` are estimates of the same machine. `fresh` is a result of 25 MB in pages of 4 KiB, by two threads
    /// (7.7 ms).
    pub(super) const SHIPPED: Self = Self {
        direct: 52e9,
        ring: 7e9,
        gather: 0.7e9,
        fft: 5.8e9,
        fft_start: 0.6e-6,
        cache: 10e6,
        bandwidth: 60e9,
        fresh: 3.2e9,
        row: 4e-9,
        wake: 10e-6,
    };
}

impl GpuRates {
    /// `direct` and `bandwidth` are what a small card (10 TFLOP/s, 300 GB/s) should do by what compilers
    /// make of the shaders (benches/results/static.md); an H200 does 4 to 9 times as much (benches/results/gpu.md), and has the
    /// `bus`, from and to memory that is not pinned. The round trip is the upper end of what wgpu's users
    /// report. `fft` is as far below the 2.9e12 of an H200's prototype (benches/results/gpu_fft.md) as
    /// `direct` is below what that card does.
    pub(super) const DISCRETE: Self = Self {
        direct: 2.5e12,
        direct_nd: 0.15e12,
        fft: 0.55e12,
        bandwidth: 200e9,
        bus: 6e9,
        round_trip: 300e-6,
        pipeline: 10e-3,
    };

    /// Not measured either: a quarter of 1 TFLOP/s and 40 GB/s.
    pub(super) const INTEGRATED: Self = Self {
        direct: 0.125e12,
        direct_nd: 0.015e12,
        fft: 0.03e12,
        bandwidth: 10e9,
        bus: 5e9,
        round_trip: 300e-6,
        pipeline: 10e-3,
    };

    /// `direct` and `bandwidth` are from single runs of Mesa lavapipe on the same machine as the CPU's
    /// rates, which hardly gets beyond its cost per sample; the others are estimates. `fft` is as cautious as
    /// `direct`: there the method was ahead from some 12 x 12 taps on (2026-11-28, 512 x 512 samples).
    pub(super) const SOFTWARE: Self = Self {
        direct: 0.4e9,
        direct_nd: 0.05e9,
        fft: 0.06e9,
        bandwidth: 0.15e9,
        bus: 2e9,
        round_trip: 1e-3,
        pipeline: 20e-3,
    };
}
