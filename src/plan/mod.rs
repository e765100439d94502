//! Deciding: which method runs where. A pure function of plain data.

mod capabilities;
pub(crate) mod cost;
pub(crate) mod cpu;
mod design;
mod display;
pub(crate) mod gpu;
#[cfg(feature = "serde")]
mod json;
mod judge;
pub(crate) mod lazy;
pub(crate) mod passes;
mod request;

#[cfg(feature = "gpu")]
pub(crate) use capabilities::DEFAULT_MEMORY;
pub(crate) use capabilities::GpuSettings;
pub use capabilities::{Capabilities, Gpu, GpuCapabilities, GpuKind, InstructionSet};
pub use cost::{Cost, CostModel, CpuRates, GpuRates};
pub use design::design;
pub use request::{MANY_RUNS, Request};

use std::fmt;

use crate::element::DType;
use crate::kernel::KernelFacts;
use crate::problem::Problem;
use crate::problem::geometry::Geometry;
use crate::words::{Device, Method};
use cpu::{Blocks, CoarseGrid, Passing, Tile};
use gpu::schedule::Schedule;

/// All that an executor needs to know besides the data: nothing is left to choose.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Recipe {
    /// [`Method::Direct`] on the CPU.
    CpuDirect {
        /// Rows of outputs that are computed at once.
        tile: Tile,
        /// Threads.
        threads: usize,
        /// Vector instructions.
        instructions: InstructionSet,
        /// Whether work is cut by its shape alone: see
        /// [`FilterBuilder::reproducible`](crate::FilterBuilder::reproducible).
        by_shape: bool,
    },
    /// [`Method::Separable`] on the CPU.
    CpuSeparable {
        /// Outer products whose sum the kernel is.
        terms: usize,
        /// The passes, in their order.
        passes: Vec<Passing>,
        /// For outputs that the direct method has the last word on.
        tile: Tile,
        /// Threads.
        threads: usize,
        /// Vector instructions.
        instructions: InstructionSet,
        /// Whether work is cut by its shape alone: see
        /// [`FilterBuilder::reproducible`](crate::FilterBuilder::reproducible).
        by_shape: bool,
    },
    /// [`Method::Fft`] on the CPU.
    CpuFft {
        /// Sizes of the blocks.
        blocks: Blocks,
        /// Whether integers come out exact whatever they are. Where they need not, each block is
        /// proved by the samples that are in it, or left to the direct method.
        proved: bool,
        /// For outputs that are computed directly.
        tile: Tile,
        /// Threads.
        threads: usize,
        /// Vector instructions of what is computed directly.
        instructions: InstructionSet,
    },
    /// [`Method::Coarse`] on the CPU.
    CpuCoarse {
        /// Which axes go over a coarser grid, and what is proved of it.
        grid: CoarseGrid,
        /// For inputs that are not finite, or very large.
        exact: Box<Recipe>,
        /// Threads.
        threads: usize,
        /// Vector instructions.
        instructions: InstructionSet,
        /// Whether work is cut by its shape alone: see
        /// [`FilterBuilder::reproducible`](crate::FilterBuilder::reproducible).
        by_shape: bool,
    },
    /// Any method on the GPU: the schedule says which.
    Gpu(Schedule),
}

impl Recipe {
    /// How it computes; never `Auto` nor `Measured`.
    pub fn method(&self) -> Method {
        match self {
            Self::CpuDirect { .. } => Method::Direct,
            Self::CpuSeparable { .. } => Method::Separable,
            Self::CpuFft { .. } => Method::Fft,
            Self::CpuCoarse { .. } => Method::Coarse,
            Self::Gpu(schedule) => schedule.method,
        }
    }

    /// Whether it runs on the GPU.
    pub fn is_on_gpu(&self) -> bool {
        matches!(self, Self::Gpu(_))
    }

    /// The same on no more threads than this.
    pub(crate) fn on_at_most(mut self, most: usize) -> Self {
        match &mut self {
            Self::CpuDirect { threads, .. }
            | Self::CpuSeparable { threads, .. }
            | Self::CpuFft { threads, .. } => *threads = most.clamp(1, *threads),
            Self::CpuCoarse { exact, threads, .. } => {
                *threads = most.clamp(1, *threads);
                **exact = exact.as_ref().clone().on_at_most(most);
            }
            Self::Gpu(_) => {}
        }
        self
    }

    /// Threads of the CPU that it runs on.
    pub(crate) fn threads(&self) -> usize {
        match self {
            Self::CpuDirect { threads, .. }
            | Self::CpuSeparable { threads, .. }
            | Self::CpuFft { threads, .. }
            | Self::CpuCoarse { threads, .. } => *threads,
            Self::Gpu(_) => 1,
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_threads = |f: &mut fmt::Formatter<'_>, n| {
            write!(f, "{n} thread{}", if n == 1 { "" } else { "s" })
        };
        match self {
            Self::CpuDirect { threads, instructions, .. } => {
                on_threads(f, *threads)?;
                write!(f, ", {instructions}")
            }
            Self::CpuSeparable { terms, threads, instructions, .. } => {
                if *terms > 1 {
                    write!(f, "{terms} terms, ")?;
                }
                on_threads(f, *threads)?;
                write!(f, ", {instructions}")
            }
            Self::CpuFft { blocks, proved, threads, .. } => {
                let size: Vec<String> = blocks.size.iter().map(usize::to_string).collect();
                write!(f, "{} block", blocks.total())?;
                write!(
                    f,
                    "{} of {}, ",
                    if blocks.total() == 1 { "" } else { "s" },
                    size.join(" x ")
                )?;
                if let Some(summed) = blocks.summed {
                    write!(f, "{} taps summed, ", summed.taps)?;
                }
                if !proved {
                    write!(f, "each proved exact or left to direct, ")?;
                }
                on_threads(f, *threads)
            }
            Self::CpuCoarse { grid, threads, instructions, .. } => {
                write!(f, "{grid}, ")?;
                on_threads(f, *threads)?;
                write!(f, ", {instructions}")
            }
            Self::Gpu(schedule) => write!(f, "{schedule}"),
        }
    }
}

/// What became of one way of computing a problem.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// It gives the right answer here, at this cost.
    Admissible(Recipe, Cost),
    /// It is out, and why.
    Vetoed(String),
}

/// One way of computing a problem.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// Where; never `Auto`.
    pub device: Device,
    /// How; never `Auto` nor `Measured`.
    pub method: Method,
    /// Whether it can, and at what cost.
    pub verdict: Verdict,
    /// Seconds that a run took, where it was tried: see [`Method::Measured`].
    pub measured: Option<f64>,
}

impl Candidate {
    /// The same on no more threads than this.
    fn on_at_most(mut self, threads: usize) -> Self {
        if let Verdict::Admissible(recipe, _) = &mut self.verdict {
            *recipe = recipe.clone().on_at_most(threads);
        }
        self
    }

    /// Recipe and cost of a candidate that was not vetoed.
    pub fn admitted(&self) -> Option<(&Recipe, &Cost)> {
        match &self.verdict {
            Verdict::Admissible(recipe, cost) => Some((recipe, cost)),
            Verdict::Vetoed(_) => None,
        }
    }
}

/// What will run, what else could have, and why it does not.
///
/// Plain data: equal problems on equal machines have equal plans. `Display` explains it in words.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// What is computed.
    pub problem: Problem,
    /// Its folded axes.
    pub geometry: Geometry,
    /// What is known of the kernel.
    pub kernel: KernelFacts,
    /// What the caller asked for.
    pub request: Request,
    /// The adapter that the GPU's candidates would run on, or why there is none.
    pub gpu: Gpu,
    /// Every way of computing it that exists.
    pub candidates: Vec<Candidate>,
    /// Index of the candidate that runs; it is admissible.
    chosen: usize,
}

impl Plan {
    /// The candidate that runs.
    pub fn chosen(&self) -> &Candidate {
        &self.candidates[self.chosen]
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.chosen().device
    }

    /// The method that runs.
    pub fn method(&self) -> Method {
        self.chosen().method
    }

    /// Whether the CPU may take over where the GPU fails.
    pub(crate) fn may_fall_back(&self) -> bool {
        self.request.device == Device::Auto
    }

    /// The type that it is computed in.
    pub fn compute_dtype(&self) -> DType {
        self.request.precision.compute_dtype(self.problem.dtype)
    }

    /// What is expected of one run, from and to where the data is.
    pub fn cost(&self) -> Cost {
        self.chosen().admitted().map_or_else(Cost::default, |(_, cost)| *cost)
    }
}
