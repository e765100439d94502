//! What can go wrong, in words: every error says what was expected and what was got.

use std::ops::Range;

use crate::words::Mode;
use crate::words::{Device, Method};

/// Everything that this library can refuse or fail at.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array without elements has no convolution.
    #[error("the {what} is empty (shape {shape:?}): every axis needs at least one sample")]
    Empty {
        /// `"input"` or `"kernel"`.
        what: &'static str,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Input and kernel have different numbers of axes.
    #[error(
        "the input {input:?} has {} axes but the kernel {kernel:?} has {}: both need the same number",
        input.len(), kernel.len()
    )]
    RankMismatch {
        /// Shape of the input.
        input: Vec<usize>,
        /// Shape of the kernel.
        kernel: Vec<usize>,
    },
    /// Neither array covers the other.
    #[error(
        "mode valid: neither the input {input:?} nor the kernel {kernel:?} (dilated) is at least as long as the other on every axis"
    )]
    ValidDoesNotFit {
        /// Shape of the input.
        input: Vec<usize>,
        /// Effective shape of the kernel, dilation included.
        kernel: Vec<usize>,
    },
    /// In `valid` the kernel is the longer one, and an option stands that has no meaning then.
    #[error(
        "mode valid: the kernel {kernel:?} is longer than the input {input:?}; the two can change places only without stride, dilation and boundary, but {option} is set"
    )]
    ValidCannotSwap {
        /// Shape of the input.
        input: Vec<usize>,
        /// Shape of the kernel.
        kernel: Vec<usize>,
        /// The option in the way.
        option: &'static str,
    },
    /// An option per axis was given for another number of axes.
    #[error("{option}: expected one value, or {expected} (one per axis), got {got}")]
    PerAxis {
        /// The option's name.
        option: &'static str,
        /// Number of axes.
        expected: usize,
        /// Number of values.
        got: usize,
    },
    /// A stride or a dilation of zero.
    #[error("{option} on axis {axis}: expected at least 1, got 0")]
    ZeroStep {
        /// `"stride"` or `"dilation"`.
        option: &'static str,
        /// The axis.
        axis: usize,
    },
    /// An origin that moves the kernel's centre off the kernel.
    #[error(
        "origin on axis {axis}: expected {lowest} to {highest} for an effective kernel length of {length}, got {got}"
    )]
    Origin {
        /// The axis.
        axis: usize,
        /// Effective kernel length.
        length: usize,
        /// Lowest origin that is allowed.
        lowest: isize,
        /// Highest origin that is allowed.
        highest: isize,
        /// What was asked for.
        got: isize,
    },
    /// An origin has a meaning only in mode `same`.
    #[error("an origin moves mode same's centre and goes with no other mode, got mode {mode}")]
    OriginNeedsSame {
        /// The mode asked for.
        mode: Mode,
    },
    /// Outputs that there are none of.
    #[error("outputs on axis {axis}: expected some of 0..{outputs}, got {got:?}")]
    Outputs {
        /// The axis.
        axis: usize,
        /// Outputs that there are on it.
        outputs: usize,
        /// Those that were asked for.
        got: Range<usize>,
    },
    /// An array whose shape is not the planned one.
    #[error("{what}: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// The planned shape.
        expected: Vec<usize>,
        /// The shape that was given.
        got: Vec<usize>,
    },
    /// Sizes that no memory or index can hold, or a kernel larger than the picture under it.
    #[error("the {what} is too large: {detail}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large, and what would do.
        detail: String,
    },
    /// Memory that the system would not give.
    #[error("out of memory: {bytes} bytes for {what} could not be had")]
    OutOfMemory {
        /// What the memory was for.
        what: &'static str,
        /// How much was asked for.
        bytes: usize,
    },
    /// A forced method or device that cannot do this problem. A forced choice never falls back.
    #[error("{wanted} cannot do this: {reason}")]
    Inadmissible {
        /// The choice that was forced.
        wanted: String,
        /// Why it is out.
        reason: String,
    },
    /// A tolerance that makes no sense, or none here.
    #[error("tolerance: expected {expected}, got {got}")]
    Tolerance {
        /// What would be right.
        expected: &'static str,
        /// What was given.
        got: String,
    },
    /// A parameter of a built-in kernel that makes no sense.
    #[error("{kernel}: {reason}")]
    KernelParameter {
        /// Name of the kernel.
        kernel: &'static str,
        /// What was expected and what was got.
        reason: String,
    },
    /// A text that is no kernel: see [`filters::Named`](crate::filters::Named) and
    /// [`filters::TextKernel`](crate::filters::TextKernel).
    #[error("kernel {text:?}: {reason}")]
    KernelText {
        /// What was given, or the first line of it that is wrong.
        text: String,
        /// What was expected.
        reason: String,
    },
    /// An output is not what it must be: see [`FilterBuilder::check`](crate::FilterBuilder::check).
    #[error(
        "check failed: {device} {method} gave {value} at output {output:?}, expected {expected}: off by {off:.1e}, {bound:.1e} allowed"
    )]
    FailedCheck {
        /// Where it was computed.
        device: Device,
        /// How.
        method: Method,
        /// Where in the output.
        output: Vec<usize>,
        /// What stands there.
        value: String,
        /// What the definition gives, rounded to the result's type.
        expected: String,
        /// How far the value is from the definition.
        off: f64,
        /// How far it may be.
        bound: f64,
    },
    /// There is no GPU, or none that could be started.
    #[error("no GPU: {reason}")]
    NoDevice {
        /// Why.
        reason: String,
    },
    /// The GPU was lost, or does not answer any more. What was there is gone.
    #[error("the device was lost: {reason}")]
    DeviceLost {
        /// What is known of it.
        reason: String,
    },
    /// Memory that the GPU has not, will not give, or may not take
    /// ([`ConvolverBuilder::gpu_memory`](crate::ConvolverBuilder::gpu_memory)).
    #[error("GPU memory: {reason}")]
    GpuMemory {
        /// How much, and how much there is.
        reason: String,
    },
    /// Something of the caller's that the GPU cannot be given: a buffer, texture or array of another
    /// device, usage, format or size.
    #[error("GPU: {reason}")]
    GpuMisuse {
        /// What was expected and what was got.
        reason: String,
    },
    /// A fault of this library or of the GPU's driver: please report it. No other device takes over,
    /// which would hide it.
    #[error("the GPU failed where it must not, please report this: {reason}")]
    GpuInternal {
        /// What wgpu or the driver said.
        reason: String,
    },
    /// A picture in a pixel format that is not supported.
    #[error(
        "pictures of type {got} are not supported: expected 8, 16 or 32 bit grey, grey + alpha, RGB or RGBA"
    )]
    PixelType {
        /// The pixel type.
        got: String,
    },
    /// A rectangle that is no part of a picture.
    #[error(
        "region {}x{}+{}+{}: expected a rectangle of at least a pixel within the picture of {} x {}",
        region[0], region[1], region[2], region[3], picture[0], picture[1]
    )]
    Region {
        /// Width and height, and the column and the row where it starts.
        region: [usize; 4],
        /// Width and height of the picture.
        picture: [usize; 2],
    },
    /// A mask that is none for these pictures.
    #[error("mask: {reason}")]
    Mask {
        /// What was expected and what was got.
        reason: String,
    },
    /// A picture of another pixel format than the result that it was to hold.
    #[error(
        "the result is a picture of type {expected}, and was to be stored in one of type {got}"
    )]
    ResultType {
        /// The pixel type of the result: that of the picture that is filtered.
        expected: String,
        /// The pixel type of the picture for the result.
        got: String,
    },
    /// Samples that are no picture of the size that was given.
    #[error(
        "a view of {width} x {height} pixels: expected a pitch of at least {row} samples, and samples up to \
         the end of the last row, got a pitch of {pitch} and {samples} samples"
    )]
    Pitch {
        /// Width of the picture.
        width: u32,
        /// Its height.
        height: u32,
        /// Samples of a row.
        row: usize,
        /// Samples from the start of a row to that of the next.
        pitch: usize,
        /// Samples in all.
        samples: usize,
    },
}

/// `Result` with this library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn no_device(reason: impl Into<String>) -> Self {
        Self::NoDevice { reason: reason.into() }
    }

    /// Whether the CPU may do what the GPU could not: where that is missing, lost or full, but not
    /// where it is used wrongly or is wrong itself.
    pub(crate) fn lets_the_cpu_take_over(&self) -> bool {
        matches!(self, Self::NoDevice { .. } | Self::DeviceLost { .. } | Self::GpuMemory { .. })
    }
}

#[cfg(feature = "gpu")]
impl Error {
    pub(crate) fn device_lost(reason: impl Into<String>) -> Self {
        Self::DeviceLost { reason: reason.into() }
    }

    pub(crate) fn gpu_memory(reason: impl Into<String>) -> Self {
        Self::GpuMemory { reason: reason.into() }
    }

    pub(crate) fn gpu_misuse(reason: impl Into<String>) -> Self {
        Self::GpuMisuse { reason: reason.into() }
    }

    pub(crate) fn gpu_internal(reason: impl Into<String>) -> Self {
        Self::GpuInternal { reason: reason.into() }
    }
}
