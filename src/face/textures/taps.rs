//! Taps of textures' filters: their own, and those that come with a call.

use ndarray::{ArcArray2, ArrayRef, Ix2};
use std::sync::Arc;

use super::TextureFilter;
use crate::error::{Error, Result};
use crate::kernel::coarse::{CoarseAxis, Coarsening};
use crate::kernel::{Factors, Kernel};
use crate::plan::Request;
use crate::plan::gpu::textures::Designs;
use crate::problem::{Options, Problem};
use crate::words::Method;

/// The taps of a call.
#[derive(Clone, Copy)]
pub(super) struct Weighing<'a> {
    pub kernel: &'a Kernel<f32>,
    pub sum: f64,
    pub designs: Option<&'a Designs>,
    /// Whether they are others than the filter's.
    pub changed: bool,
}

impl Weighing<'_> {
    /// On no coarser grid.
    pub(super) fn but_fine(self) -> Self {
        Self { designs: None, ..self }
    }
}

/// Taps for calls of one filter, in place of its own: see [`TextureFilter::encode_with`].
#[derive(Clone)]
pub struct TextureKernel {
    pub(super) kernel: Arc<Kernel<f32>>,
    /// The filter that they were made for.
    pub(super) filter: u64,
    pub(super) shape: [usize; 2],
    /// Of all taps.
    pub(super) sum: f64,
    /// On coarser grids, where they run there.
    pub(super) designs: Option<Designs>,
}

impl TextureKernel {
    pub(super) fn own(&self) -> Weighing<'_> {
        let Self { kernel, sum, designs, .. } = self;
        Weighing { kernel, sum: *sum, designs: designs.as_ref(), changed: true }
    }
}

impl TextureFilter {
    /// Taps of the kernel's shape, for [`TextureFilter::encode_with`].
    ///
    /// # Errors
    /// [`Error::Shape`] where the shape is another one; [`Error::Inadmissible`] where the filter's
    /// method is separable and these taps are not as many outer products.
    pub fn kernel(&self, taps: &ArrayRef<f32, Ix2>) -> Result<TextureKernel> {
        let (height, width) = taps.dim();
        let shape = [height, width];
        if shape != self.shape() {
            let (expected, got) = (self.shape().into(), shape.into());
            return Err(Error::Shape { what: "kernel", expected, got });
        }
        let terms = self.planned()?.schedule.terms;
        let kernel = searched(&taps.to_owned().into_shared(), &self.options, self.request)?;
        let facts = &kernel.facts;
        let keeps = facts.keeps_signs || !self.kernel.facts.keeps_signs || terms > 1;
        if terms > 0 && (facts.terms != terms || !keeps) {
            return Err(Error::Inadmissible {
                wanted: "taps that change".into(),
                reason: format!(
                    "the filter computes a sum of {terms} outer products, and these taps are not one like \
                     that of its own: expected others, or a filter planned with Method::Direct"
                ),
            });
        }
        let (sum, designs) = (sum(&kernel.taps), designs(&kernel, &self.options, self.request)?);
        Ok(TextureKernel { kernel: Arc::new(kernel), filter: self.id, shape, sum, designs })
    }
}

/// Taps from which on a coarser grid is worth its six dispatches: more than one dispatch runs over at once.
pub(super) const COARSE: usize = 35;

/// Taps on coarser grids for a kernel that is to run there.
pub(super) fn designs(
    kernel: &Kernel<f32>,
    options: &Options<f32>,
    request: Request,
) -> Result<Option<Designs>> {
    let asked = request.method == Method::Coarse;
    let long = || {
        let terms = kernel.native_terms().first();
        terms.is_some_and(|factors| factors.iter().all(|taps| taps.len() >= COARSE))
    };
    let refused = |reason: &str| match asked {
        true => Err(Error::Inadmissible { wanted: "method coarse".into(), reason: reason.into() }),
        false => Ok(None),
    };
    if !asked && (request.method != Method::Auto || request.tolerance.is_none() || !long()) {
        return Ok(None);
    }
    let steps = [options.stride.resolve("stride", 2)?, options.dilation.resolve("dilation", 2)?];
    if steps.iter().flatten().any(|&step| step != 1) {
        return refused("it has strides or dilations");
    }
    match &kernel.facts.coarse {
        Coarsening::Designed(found) => match covering(found, &kernel.native_terms()[0]) {
            Some(designs) => Ok(Some(designs)),
            None => {
                refused("no coarser grid is proved to stay within the tolerance along both axes")
            }
        },
        Coarsening::Refused(reason) => refused(reason),
        _ => refused("no tolerance was given"),
    }
}

/// What was found, where that is for both axes, reading all samples under the factors' taps.
pub(super) fn covering(
    found: &[Option<Arc<CoarseAxis>>],
    factors: &Factors<f32>,
) -> Option<Designs> {
    let [Some(y), Some(x)] = found else { return None };
    let [rows, columns] = [0, 1].map(|axis| factors[axis].len());
    Some([y.covering(rows), x.covering(columns)].map(Arc::new))
}

/// The kernel as the method reads it, along both axes.
pub(super) fn searched(
    given: &ArcArray2<f32>,
    options: &Options<f32>,
    request: Request,
) -> Result<Kernel<f32>> {
    let (height, width) = given.dim();
    let shape = [height, width];
    // The operation is what the order of taps depends on.
    let options = Options { outputs: None, ..options.clone() };
    let problem = Problem::new(&shape, &shape, &options)?;
    let taps = problem.canonical_kernel(given)?;
    Kernel::new(request.precision, taps, &shape, request.allowed())
}

pub(super) fn sum(taps: &[f32]) -> f64 {
    taps.iter().map(|&tap| f64::from(tap)).sum()
}

impl std::fmt::Debug for TextureKernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextureKernel").field("shape", &self.shape).finish_non_exhaustive()
    }
}
