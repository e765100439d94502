//! Weights as the shaders read them: the values outside, then rows of taps in whole quads.

use num_complex::Complex;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::element::wider::{Wider, widened};
use crate::element::{DType, Element};
use crate::error::{Error, Result};
use crate::gpu::context::Context;
use crate::gpu::fft;
use crate::gpu::spectrum::{self, Spectrum};
use crate::kernel::coarse::CoarseAxis;
use crate::kernel::{Factors, Kernel};
use crate::plan::gpu::launch::{MAX_RANK, QUAD};
use crate::plan::gpu::stage::{CoarsePass, Taps};
use crate::plan::gpu::transform::{BlockPass, Transform};
use crate::problem::extension::Extension;
use crate::problem::geometry::Axis;
use crate::util::memory;

/// What the weights of each stage are made of, in the type that sums are made in.
pub(super) struct Weights<'a, A> {
    extension: Extension<A>,
    kernel: Vec<A>,
    terms: &'a [Factors<A>],
    /// On coarser grids, where those are asked for.
    coarse: Option<&'a [Arc<CoarseAxis>; 2]>,
    /// Once some stage has asked for it: of blocks that one dispatch transforms.
    spectrum: OnceCell<Spectrum>,
    /// The weights of all passes over blocks in several.
    on_device: OnceCell<HashMap<BlockPass, wgpu::Buffer>>,
}

impl<'a, A: Element> Weights<'a, A> {
    /// The weights of a kernel that so many of these terms add up to; 0 where none are wanted.
    pub(super) fn new<S: Element<Summed = A>>(
        extension: &Extension<S>,
        kernel: &'a Kernel<S>,
        terms: usize,
    ) -> Result<Self>
    where
        A: Wider<S>,
    {
        let found = if terms == 0 { &[] } else { kernel.native_terms() };
        if found.len() != terms {
            return Err(Error::Inadmissible {
                wanted: "method separable".into(),
                reason: format!("the kernel is not a sum of {terms} outer products"),
            });
        }
        let (extension, kernel) = (extension.widened()?, widened(&kernel.taps)?);
        let (spectrum, on_device) = Default::default();
        Ok(Self { extension, kernel, terms: found, coarse: None, spectrum, on_device })
    }

    /// With taps for coarser grids.
    pub(super) fn on_coarse_grids(self, coarse: Option<&'a [Arc<CoarseAxis>; 2]>) -> Self {
        Self { coarse, ..self }
    }

    /// A buffer of weights. To be called where wgpu's errors are caught.
    pub(super) fn upload(&self, taps: &Taps, context: &Context) -> Result<wgpu::Buffer> {
        if let Taps::Transformed(Transform { block, pass }) = *taps
            && !block.is_whole()
        {
            if self.on_device.get().is_none() {
                let weights = |pass| self.of(&Taps::Transformed(Transform { block, pass }));
                let geometry = &self.extension.geometry;
                let made = spectrum::on_device::<A>(context, block, geometry, weights)?;
                // All passes have the same blocks.
                let _ = self.on_device.set(made);
            }
            return Ok(self.on_device.get().expect("it was set")[&pass].clone());
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::UNIFORM;
        context.constant("convolve kernel", &self.of(taps)?, usage)
    }

    /// Its contents.
    pub(super) fn of(&self, taps: &Taps) -> Result<Vec<u8>> {
        let axes = &self.extension.geometry.axes;
        let inner = axes[axes.len() - 1].taps;
        let values = &self.extension.values;
        match *taps {
            Taps::None => Ok(Vec::new()),
            Taps::All => {
                // The shaders see two axes at least.
                let one = &vec![A::default(); usize::from(axes.len() == 1)];
                packed(&[one, &values[..]].concat(), &[(&self.kernel, inner)])
            }
            Taps::Columns => packed(&[&values[..], &[A::default()]].concat(), &[(&self.kernel, 1)]),
            Taps::Transformed(transform) => {
                let one = Axis::one_sample();
                let (outer, inner) = match &axes[..] {
                    [.., outer, inner] => (outer, inner),
                    [.., inner] => (&one, inner),
                    [] => unreachable!("a geometry has an axis"),
                };
                let ends = &vec![A::default(); usize::from(axes.len() == 1)];
                let mut all = outside(&[ends, &values[..]].concat())?;
                if transform.block.is_whole() && self.spectrum.get().is_none() {
                    let made = Spectrum::new(transform.block, [outer, inner], &self.kernel)?;
                    let _ = self.spectrum.set(made);
                }
                let spectrum = self.spectrum.get();
                let plane = [outer.taps, inner.taps];
                let constants = spectrum::constants(&transform, spectrum, &self.kernel, plane)?;
                let rows = match fft::reads_taps(transform.pass) {
                    true => rows(&[(&self.kernel, inner.taps)])?,
                    false => Vec::new(),
                };
                memory::reserve(&mut all, constants.len() + rows.len(), WHAT)?;
                all.extend(constants);
                all.extend(rows);
                as_bytes(&all)
            }
            Taps::Fused => {
                // The shader sees the last two axes, and before them one that never leaves the input.
                let outer = axes.len() - 2;
                let values = [&vec![A::default(); usize::from(outer > 0)], &values[outer..]];
                let rows: Vec<(&[A], usize)> = self
                    .terms
                    .iter()
                    .flat_map(|term| [(&term[outer + 1][..], inner), (&term[outer][..], 1)])
                    .collect();
                packed(&values.concat(), &rows)
            }
            Taps::Coarse { axis, pass } => {
                let designs = self.coarse.expect("grids of its own");
                let rounded = |taps: &[f64]| {
                    let taps_of = taps.iter().map(|&tap| A::from_complex(Complex::new(tap, 0.0)));
                    memory::collected(taps_of, taps.len(), WHAT)
                };
                let CoarseAxis { down, taps, up, reads, .. } = &*designs[axis];
                let mut outside = vec![A::default(); 4];
                match pass {
                    CoarsePass::Down => {
                        // What lies outside of rows has been filtered along columns.
                        let before = rounded(&designs[0].down)?;
                        outside[axis] = match axis {
                            0 => values[0],
                            _ => before
                                .iter()
                                .fold(A::default(), |sum, &tap| sum.mul_add(tap, values[1])),
                        };
                        packed(&outside, &[(&rounded(down)?, down.len())])
                    }
                    CoarsePass::Coarse => packed(&outside, &[(&rounded(taps)?, taps.len())]),
                    CoarsePass::Up => {
                        // Behind its own are the kernel's, for what is summed anew.
                        outside[2..].copy_from_slice(values);
                        let [y, x] = [0, 1].map(|axis| &self.terms[0][axis][..]);
                        packed(&outside, &[(&rounded(up)?, *reads), (y, y.len()), (x, x.len())])
                    }
                }
            }
            Taps::Axis { term, axis } => {
                // What lies outside along this axis has been filtered along those behind it.
                let value =
                    self.terms[term][axis + 1..].iter().fold(values[axis], |value, taps| {
                        taps.iter().fold(A::default(), |sum, &w| sum.mul_add(w, value))
                    });
                let before = usize::from(axis > 0);
                let mut values = vec![A::default(); before + 1];
                values[before] = value;
                let row = if axis + 1 < axes.len() { 1 } else { inner };
                packed(&values, &[(&self.terms[term][axis], row)])
            }
        }
    }
}

const WHAT: &str = "the kernel for the GPU";

/// The values, MAX_RANK of them, and then rows of this many taps each.
fn packed<A: Element>(values: &[A], kernels: &[(&[A], usize)]) -> Result<Vec<u8>> {
    let (mut all, rows) = (outside(values)?, rows(kernels)?);
    memory::reserve(&mut all, rows.len(), WHAT)?;
    all.extend(rows);
    as_bytes(&all)
}

/// The values that stand outside, MAX_RANK of them.
fn outside<A: Element>(values: &[A]) -> Result<Vec<A>> {
    let mut all = memory::copied(values, WHAT)?;
    all.resize(MAX_RANK, A::default());
    Ok(all)
}

/// Rows of this many taps each, in whole quads.
fn rows<A: Element>(kernels: &[(&[A], usize)]) -> Result<Vec<A>> {
    let len = |(taps, row): &(&[A], usize)| taps.len() / row * row.next_multiple_of(QUAD);
    let mut all = memory::room(kernels.iter().map(len).sum(), WHAT)?;
    for (taps, row) in kernels {
        for row in taps.chunks(*row) {
            all.extend_from_slice(row);
            all.resize(all.len().next_multiple_of(QUAD), A::default());
        }
    }
    Ok(all)
}

/// Whole quads as the shaders read them.
fn as_bytes<A: Element>(all: &[A]) -> Result<Vec<u8>> {
    let what = WHAT;
    match A::DTYPE {
        DType::Complex32 => {
            let parts: &[f32] = bytemuck::cast_slice(all);
            let quads = parts.chunks(2 * QUAD).flat_map(|quad| {
                let real = quad.iter().step_by(2);
                real.chain(quad.iter().skip(1).step_by(2)).copied()
            });
            let quads = memory::collected(quads, parts.len(), what)?;
            memory::copied(bytemuck::cast_slice(&quads), what)
        }
        _ => memory::copied(bytemuck::cast_slice(all), what),
    }
}
