//! One dispatch: what it is over, what it multiplies with, where it reads and writes, and how much that is.

use crate::plan::gpu::launch::{Launch, Types};
use crate::plan::gpu::transform::{BlockPass, Transform};
use crate::problem::geometry::Geometry;

/// One dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// The axes that the shader sees: those that a pass leaves alone are put together.
    pub geometry: Geometry,
    /// How it is launched.
    pub launch: Launch,
    /// What it multiplies with.
    pub taps: Taps,
    /// Where it reads.
    pub from: Place,
    /// Where it writes.
    pub to: Place,
    /// Where it reads besides what an earlier stage has left there, or leaves something itself.
    pub also: Option<Place>,
}

/// The weights of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Taps {
    /// Nothing.
    None,
    /// The kernel.
    All,
    /// The kernel, whose last axis is followed by one that has no taps.
    Columns,
    /// The kernel, and what a pass of transforms needs of it: its spectrum among others.
    Transformed(Transform),
    /// The factors of all terms along the last two axes.
    Fused,
    /// Those of a coarser grid along one axis.
    Coarse {
        /// The axis.
        axis: usize,
        /// Which of its taps.
        pass: CoarsePass,
    },
    /// The factor of one term along one axis.
    Axis {
        /// The term.
        term: usize,
        /// The axis of the whole geometry.
        axis: usize,
    },
}

/// A way through the samples along one axis of a coarser grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CoarsePass {
    /// Filtered, and most samples left out.
    Down,
    /// The kernel on the coarse grid.
    Coarse,
    /// All outputs, from neighbours on the grid.
    Up,
}

/// Where samples lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// In the part's input.
    Input,
    /// In the part's output.
    Output,
    /// Between two stages, in one of two places that take turns.
    Between(usize),
}

impl Stage {
    pub(super) fn new(
        geometry: &Geometry,
        launch: Launch,
        taps: Taps,
        [from, to]: [Place; 2],
    ) -> Self {
        Self { geometry: geometry.clone(), launch, taps, from, to, also: None }
    }

    /// Bytes of input and output, and of what is between two passes of transforms.
    pub fn bytes(&self) -> f64 {
        let Types { input, output, accumulator } = self.launch.variant.types;
        let samples = input.bytes(self.geometry.input_len()) as f64;
        let outputs = output.bytes(self.geometry.output_len()) as f64;
        let Some(transform) = self.launch.variant.shader.transform() else {
            return samples + outputs;
        };
        let [values, sums, _] = self.launch.between().map(|n| (n * accumulator.size()) as f64);
        // A slab is read again for each of the taps that it lies under.
        let values = match transform.pass {
            BlockPass::Slabs => sums * self.launch.depth.taps as f64,
            _ => values,
        };
        let touched = transform.touched();
        let times = |of: [bool; 2]| of.map(f64::from).iter().sum::<f64>();
        f64::from(touched.samples) * samples
            + f64::from(touched.outputs) * outputs
            + times(touched.values) * values
            + times(touched.sums) * sums
    }

    /// Shares of butterflies: a transform of `N` complex numbers has `N log2 N` of them.
    pub fn shares(&self) -> f64 {
        let Some(transform) = self.launch.variant.shader.transform() else { return 0.0 };
        let stride = match &self.geometry.axes[..] {
            [.., outer, _] => outer.stride,
            _ => 1,
        };
        let rows = (self.launch.tile[0] - 1) * stride + 1;
        self.launch.transforms() as f64 * transform.shares(rows, self.launch.depth)
    }

    /// Multiplications with additions, those of tiles that stick out included. In transforms these are
    /// not what is expected, but the most: of samples that no transform can be trusted with.
    pub fn multiply_adds(&self) -> f64 {
        let outputs = self.launch.computed_outputs() as f64;
        let axes = &self.geometry.axes;
        match (&self.taps, &axes[..]) {
            // What is repaired is next to nothing; it is looked at.
            _ if self.launch.variant.repair => 0.0,
            (Taps::Transformed(Transform { pass, .. }), _) if *pass != BlockPass::Again => 0.0,
            (Taps::Fused, [.., outer, inner]) => {
                // Rows above and below a tile are filtered for each of them.
                let tall = self.launch.tile[0] as f64;
                let rows = (tall + outer.taps as f64 - 1.0) / tall;
                let taps = rows * inner.taps as f64 + outer.taps as f64;
                outputs * taps * self.launch.variant.terms as f64
            }
            _ => outputs * self.geometry.taps() as f64,
        }
    }
}
