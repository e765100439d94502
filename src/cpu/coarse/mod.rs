//! Wide smooth kernels on a coarser grid: all axes go down first, and come up last.
//!
//! Passes on the coarse grid are direct ones. Passes over all of the input and of the output run along rows' axes, with
//! vectors along the rows. While the last axis is coarse, and others are, samples are turned over, so that there too
//! vectors lie along other axes.

mod down;
mod turned;
mod up;

use std::sync::Arc;

use crate::cpu::direct::{Call, Direct};
use crate::element::Element;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::kernel::Factors;
use crate::plan::cpu::Tile;
use crate::plan::cpu::coarse::{CoarseGrid, Span};
use crate::problem::boundary::Edge;
use crate::problem::extension::Extension;
use crate::problem::geometry::{Axis, Geometry};
use crate::simd::{InstructionSet, vectorized};
use crate::util::memory;
use crate::util::shared_scratch::{Buffer, SharedScratch};
use crate::util::threads::Workers;
use down::Down;
use up::Up;

/// A kernel whose axes, or some of them, go over a coarser grid.
pub(crate) struct Coarse<A: Compute> {
    stages: Vec<Stage<A>>,
    /// Stages after which all samples have been read, and samples may be looked at.
    read: usize,
    /// What is larger on the coarse grid may overflow on its way up.
    largest: f64,
    /// Whether what stands outside is no larger either: along axes that are not coarse it comes in later.
    tame_outside: bool,
    scratch: Arc<SharedScratch>,
    threads: usize,
}

/// One way through all samples.
enum Stage<A: Compute> {
    Down(Down<A>),
    Pass(Box<Direct<A>>, usize),
    Up(Up<A>),
    /// Up along the last axis, of so many channels, which comes first until then.
    UpTurned(Up<A>, usize),
}

/// What passes are made of.
struct Building<A: Compute> {
    extension: Extension<A>,
    /// The axes in the order in which samples lie: the last one may come first.
    layout: Vec<usize>,
    /// Whether it does while it is coarse.
    turns: bool,
    stages: Vec<Stage<A>>,
    instructions: InstructionSet,
    workers: Workers,
}

/// What the memory is for.
const TAPS: &str = "the taps of a coarser grid";
const SAMPLES: &str = "samples on a coarser grid";

impl<A: Compute> Coarse<A> {
    /// An executor for the outer product of these factors.
    pub(crate) fn new(
        extension: Extension<A>,
        factors: &Factors<A>,
        grid: &CoarseGrid,
        (instructions, workers): (InstructionSet, Workers),
        scratch: Arc<SharedScratch>,
    ) -> Result<Self> {
        let axes = extension.geometry.axes.clone();
        let outside: Vec<f64> = extension.values.iter().map(|value| value.magnitude()).collect();
        let layout = (0..axes.len()).collect();
        // Turned over are rows of coarse samples of the other axes, of which there are fewest on the way up.
        let rows = axes.iter().zip(&grid.axes).rev().skip(1).map(|(axis, design)| match design {
            Some(design) => Span::new(axis, design).between * axis.channels,
            None => axis.outputs().min(axis.samples()),
        });
        let channels = axes.last().map_or(1, |axis| axis.channels);
        let turns = grid.turns() && turned::is_worth_it::<A>(rows.product(), channels);
        let mut building =
            Building { extension, layout, turns, stages: Vec::new(), instructions, workers };
        let designs = || grid.down().filter_map(|id| Some((id, grid.axes[id].as_deref()?)));
        for (id, design) in designs() {
            let (span, axis) = (Span::new(&axes[id], design), &axes[id]);
            let (out, offset) = (span.count, span.offset);
            let with = Axis {
                taps: design.down.len(),
                stride: design.factor,
                out,
                offset,
                ..axis.clone()
            };
            building.down(id, &design.down, with)?;
        }
        let read = building.stages.len();
        // Kernels are narrower on the coarse grid, and samples few: all of them run here.
        let mut gain = 1f64;
        for (id, axis) in axes.iter().enumerate().rev() {
            match grid.axes[id].as_deref() {
                Some(design) => {
                    let span = Span::new(axis, design);
                    let taps = design.taps.len();
                    let (n, out, offset) = (span.count, span.between, span.skipped as isize);
                    let edge = Edge::Zero;
                    let with = Axis { n, taps, stride: 1, out, offset, edge, ..axis.clone() };
                    building.pass(id, &rounded(&design.taps)?, with)?;
                    gain *= sum(&design.taps).max(1.0) * 2.0;
                }
                None if !axis.is_identity() => {
                    gain *= factors[id].iter().map(|tap| tap.magnitude()).sum::<f64>().max(1.0);
                    building.pass(id, &factors[id], axis.clone())?;
                }
                None => {}
            }
        }
        let ups: Vec<_> = designs().collect();
        for (id, design) in ups.into_iter().rev() {
            building.up(id, &axes[id], design)?;
        }
        let largest = 1.0 / A::DTYPE.smallest_normal() / (8.0 * gain);
        Ok(Self {
            stages: building.stages,
            read,
            largest,
            tame_outside: outside.iter().all(|&value| value <= largest),
            scratch,
            threads: workers.threads,
        })
    }

    /// Computes all outputs. False, with nothing written, where samples are not finite, or so large that
    /// something on the way may not be: then the definition has to be kept in another way.
    pub(crate) fn run(&self, x: Input<'_, A>, y: Output<'_, A>) -> Result<bool> {
        if !self.tame_outside {
            return Ok(false);
        }
        let (last, before) = self.stages.split_last().expect("an axis is coarse");
        let mut between: Option<Buffer<'_, A>> = None;
        for (i, stage) in before.iter().enumerate() {
            let mut to = self.scratch.take(stage.outputs(), SAMPLES)?;
            let x = between.as_ref().map_or(x, |from| Input::InPlace(from));
            self.stage(stage, x, Output::InPlace(&mut to))?;
            if i + 1 == self.read && !self.are_tame(&to) {
                return Ok(false);
            }
            between = Some(to);
        }
        let x = between.as_ref().map_or(x, |from| Input::InPlace(from));
        self.stage(last, x, y)?;
        Ok(true)
    }

    fn stage(&self, stage: &Stage<A>, x: Input<'_, A>, y: Output<'_, A>) -> Result<()> {
        match stage {
            Stage::Down(down) => {
                let Output::InPlace(to) = y else { unreachable!("samples come up after that") };
                down.run(x, to, self.threads)
            }
            Stage::Pass(direct, _) => direct.run(Call::from(x), y),
            Stage::Up(up) => {
                up.run(x.in_place().expect("only the input is stored"), y, self.threads)
            }
            Stage::UpTurned(up, channels) => {
                let (from, Output::InPlace(to)) = (x.in_place().expect("not the first"), y) else {
                    unreachable!("others come up after the last axis")
                };
                up.run_turned(from, to, *channels, self.threads)
            }
        }
    }

    /// Whether all samples of the coarse grid are finite, and none so large that others may not be.
    fn are_tame(&self, samples: &[A]) -> bool {
        samples.chunks(LOOKED_AT).all(|some| {
            vectorized(|| some.iter().fold(true, |tame, x| tame & (x.magnitude() <= self.largest)))
        })
    }
}

/// Samples that are looked at without a branch.
const LOOKED_AT: usize = 4096;

impl<A: Compute> Stage<A> {
    fn outputs(&self) -> usize {
        match self {
            Self::Down(down) => down.outputs(),
            Self::Pass(_, outputs) => *outputs,
            Self::Up(up) | Self::UpTurned(up, _) => up.outputs(),
        }
    }
}

impl<A: Compute> Building<A> {
    /// The axes before and after one, each as one.
    fn around(&self, id: usize) -> (Option<Axis>, Option<Axis>) {
        let at =
            self.layout.iter().position(|&other| other == id).expect("every axis lies somewhere");
        let flat = |ids: &[usize]| {
            let axes = &self.extension.geometry.axes;
            let n = ids.iter().map(|&id| axes[id].samples()).product();
            (!ids.is_empty()).then(|| Axis { n, out: n, ..Axis::one_sample() })
        };
        (flat(&self.layout[..at]), flat(&self.layout[at + 1..]))
    }

    /// The way down along an axis. The last one comes first from then on, if there are vectors along others.
    fn down(&mut self, id: usize, taps: &[f64], with: Axis) -> Result<()> {
        let (before, after) = self.around(id);
        let [before, after] = [before, after].map(|axis| axis.map_or(1, |axis| axis.n));
        let is_last = self.layout.last() == Some(&id);
        let turned = self.turns && is_last;
        let around = if turned { (1, before, true) } else { (before, after, false) };
        let axis = (&with, self.extension.values[id]);
        let Some(down) = Down::new(around, axis, taps, self.instructions)? else {
            return self.pass(id, &rounded(taps)?, with);
        };
        if turned {
            self.layout.rotate_right(1);
        }
        self.stages.push(Stage::Down(down));
        self.passed(id, &rounded(taps)?, with);
        Ok(())
    }

    /// A pass along an axis.
    fn pass(&mut self, id: usize, taps: &[A], with: Axis) -> Result<()> {
        let (before, after) = self.around(id);
        let values = &self.extension.values;
        let here = before.as_ref().map(|_| A::default()).into_iter().chain([values[id]]);
        let here = here.chain(after.as_ref().map(|_| A::default())).collect();
        let axes = before.into_iter().chain([with.clone()]).chain(after).collect();
        let geometry = Geometry { axes };
        let (tile, outputs) = (Tile::of(&geometry, self.instructions), geometry.output_len());
        let extension = Extension { geometry, values: here };
        let direct = Direct::new(extension, taps, tile, self.instructions, self.workers)?;
        self.stages.push(Stage::Pass(Box::new(direct), outputs));
        self.passed(id, taps, with);
        Ok(())
    }

    /// An axis has the outputs of a pass now.
    fn passed(&mut self, id: usize, taps: &[A], with: Axis) {
        // What lies outside along the other axes is filtered by this pass too.
        for (other, value) in self.extension.values.iter_mut().enumerate() {
            if other != id {
                *value = taps.iter().fold(A::default(), |sum, &w| sum.mul_add(w, *value));
            }
        }
        self.extension.geometry.axes[id] = Axis { n: with.out, ..with };
    }

    /// The way up along an axis.
    fn up(
        &mut self,
        id: usize,
        axis: &Axis,
        design: &crate::kernel::coarse::CoarseAxis,
    ) -> Result<()> {
        let (before, after) = self.around(id);
        let [rows, inner] = [before, after].map(|axis| axis.map_or(1, |axis| axis.n));
        let inner = inner * axis.channels;
        let up = Up::new(rows, axis.out, inner, design, self.instructions)?;
        if self.layout[0] != 0 {
            self.layout.rotate_left(1);
            self.stages.push(Stage::UpTurned(up, axis.channels));
        } else {
            self.stages.push(Stage::Up(up));
        }
        self.extension.geometry.axes[id].n = axis.out;
        Ok(())
    }
}

/// Taps in the type that is computed in, of which they are values.
fn rounded<A: Element>(taps: &[f64]) -> Result<Vec<A>> {
    memory::collected(taps.iter().map(|&tap| A::from_complex(tap.into())), taps.len(), TAPS)
}

/// The sum of magnitudes.
fn sum(taps: &[f64]) -> f64 {
    taps.iter().map(|tap| tap.abs()).sum()
}
