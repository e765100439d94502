//! A Gaussian whose sigma comes with each call.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::taps::{COARSE, covering};
use super::{TextureCost, TextureFilter, TextureKernel};
use crate::error::{Error, Result};
use crate::face::convolver::Convolver;
use crate::gpu::GpuTexture;
use crate::kernel::Kernel;
use crate::kernel::builtin::gaussian::row;
use crate::kernel::coarse::{Coarsening, coarsen};
use crate::plan::Request;
use crate::plan::gpu::textures::Designs;
use crate::problem::Options;
use crate::problem::boundary::Boundary;
use crate::words::Tolerance;

/// A Gaussian blur of textures whose sigma is said with each call: animated, or another for each light.
///
/// There are pipelines for some numbers of taps; a call takes those of the next number that reaches four
/// sigma, so that a new sigma compiles and allocates nothing once [`TextureBlur::prepare`] has run. The
/// Gaussian ends where the taps do, at four sigma or farther out; infinities and NaN spread as far.
///
/// Made by [`Convolver::texture_blur`]. All that [`TextureFilter`] says of sizes, rectangles, formats, alpha,
/// light and threads holds here too.
#[derive(Debug)]
pub struct TextureBlur {
    convolver: Convolver,
    boundary: Boundary<f32>,
    largest: f64,
    tolerance: Option<Tolerance>,
    classes: Vec<Class>,
}

/// What runs for sigmas up to some size.
#[derive(Debug)]
struct Class {
    radius: usize,
    filter: OnceLock<TextureFilter>,
    /// Sigma and taps of the last call.
    last: Mutex<Option<(f64, TextureKernel)>>,
}

impl Class {
    fn new(radius: usize) -> Self {
        Self { radius, filter: OnceLock::new(), last: Mutex::default() }
    }

    fn last(&self) -> MutexGuard<'_, Option<(f64, TextureKernel)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Taps from the middle to the end, for one dispatch. Each next number is at most half as large again.
const RADII: [usize; 6] = [2, 4, 6, 8, 12, 16];

/// No texture is larger than two of these.
const MOST: f64 = 16384.0;

/// The size that methods are chosen for.
const SIZE: [usize; 2] = [1080, 1920];

impl Convolver {
    /// A Gaussian blur of textures for all sigmas up to `largest`, in texels, with this boundary.
    ///
    /// ```no_run
    /// # fn frames(device: convolve::wgpu::Device, queue: convolve::wgpu::Queue,
    /// #     scene: convolve::wgpu::Texture, blurred: convolve::wgpu::Texture) -> convolve::Result<()> {
    /// use convolve::{Boundary, Convolver};
    ///
    /// let convolver = Convolver::with_device(device.clone(), queue.clone())?;
    /// let blur = convolver.texture_blur(12.0, Boundary::Nearest)?;
    /// blur.prepare(&scene, &blurred)?;
    /// for frame in 0..60 {
    ///     let mut encoder = device.create_command_encoder(&Default::default());
    ///     blur.encode(&mut encoder, 0.2 * f64::from(frame), &scene, &blurred)?;
    ///     queue.submit([encoder.finish()]);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::KernelParameter`] where `largest` is negative or no number; [`Error::NoDevice`] where there
    /// is no GPU.
    pub fn texture_blur(&self, largest: f64, boundary: Boundary<f32>) -> Result<TextureBlur> {
        let needed = radius_of(largest)?;
        let mut radii = RADII.to_vec();
        while radii[radii.len() - 1] < needed {
            radii.push(radii[radii.len() - 1] * 3 / 2);
        }
        radii.truncate(radii.partition_point(|&radius| radius < needed) + 1);
        let classes = radii.into_iter().map(Class::new).collect();
        let convolver = self.clone();
        let blur = TextureBlur { convolver, boundary, largest, tolerance: None, classes };
        blur.filter(&blur.classes[blur.classes.len() - 1])?;
        Ok(blur)
    }
}

/// Where a Gaussian is cut by default, as SciPy does.
fn radius_of(sigma: f64) -> Result<usize> {
    // It checks the parameter.
    row(sigma, 0)?;
    let radius = (4.0 * sigma + 0.5).floor();
    if radius > MOST {
        return Err(Error::KernelParameter {
            kernel: "gaussian",
            reason: format!("expected a sigma of at most {} for textures, got {sigma}", MOST / 4.0),
        });
    }
    Ok(radius as usize)
}

impl TextureBlur {
    /// The largest sigma that can be asked for.
    pub fn largest_sigma(&self) -> f64 {
        self.largest
    }

    /// How far results may be off for the sake of speed, beside rounding: as
    /// [`FilterBuilder::tolerance`](crate::FilterBuilder::tolerance), where levels are those of 8 bits between 0
    /// and 1. Wide Gaussians then run on coarser grids, at a cost that does not grow with sigma.
    ///
    /// # Errors
    /// [`Error::Tolerance`].
    pub fn tolerance(self, tolerance: Tolerance) -> Result<Self> {
        let classes = self.classes.iter().map(|class| Class::new(class.radius)).collect();
        let blur = Self { tolerance: Some(tolerance), classes, ..self };
        blur.filter(&blur.classes[blur.classes.len() - 1])?;
        Ok(blur)
    }

    /// Makes what blurs of any sigma from such a texture to such another one need, and records nothing:
    /// pipelines above all, and for these two what binds them.
    ///
    /// # Errors
    /// Those of [`TextureFilter::encode`].
    pub fn prepare<'a>(
        &self,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<()> {
        let (source, destination) = (source.into(), destination.into());
        self.classes.iter().try_for_each(|class| {
            let largest = (class.radius as f64 / 4.0).min(self.largest);
            let (filter, taps) = self.taps(largest)?;
            filter.prepare_taps(taps.own(), source, destination)
        })
    }

    /// What a blur of this sigma dispatches and moves.
    ///
    /// # Errors
    /// Those of [`TextureBlur::encode`].
    pub fn cost<'a>(
        &self,
        sigma: f64,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<TextureCost> {
        let (filter, taps) = self.taps(sigma)?;
        filter.cost_of(taps.own(), source.into(), destination.into())
    }

    /// Records a blur of this sigma, in texels. With 0 the source is copied.
    ///
    /// # Errors
    /// Those of [`TextureFilter::encode`], and [`Error::KernelParameter`] where sigma is negative, no
    /// number, or larger than what this was made for.
    pub fn encode<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        sigma: f64,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<()> {
        let (filter, taps) = self.taps(sigma)?;
        filter.encode_with(encoder, &taps, source, destination)
    }

    /// The filter that a sigma runs on, and its taps.
    fn taps(&self, sigma: f64) -> Result<(&TextureFilter, TextureKernel)> {
        let class = self.class(sigma)?;
        let filter = self.filter(class)?;
        let last = class.last().clone();
        if let Some((_, taps)) = last.as_ref().filter(|(last, _)| *last == sigma) {
            return Ok((filter, taps.clone()));
        }
        let like = last.as_ref().and_then(|(_, taps)| taps.designs.as_ref());
        let row = row(sigma, class.radius)?;
        let taps = TextureKernel::product(&row, filter, like)?;
        *class.last() = Some((sigma, taps.clone()));
        Ok((filter, taps))
    }

    fn class(&self, sigma: f64) -> Result<&Class> {
        let needed = radius_of(sigma)?;
        let fits = self.classes.iter().find(|class| class.radius >= needed);
        fits.filter(|_| sigma <= self.largest).ok_or_else(|| Error::KernelParameter {
            kernel: "gaussian",
            reason: format!("expected a sigma of at most {}, got {sigma}", self.largest),
        })
    }

    fn filter<'c>(&self, class: &'c Class) -> Result<&'c TextureFilter> {
        if let Some(filter) = class.filter.get() {
            return Ok(filter);
        }
        // Any sigma of the class has the same plan.
        let row = row(class.radius as f64 / 4.0, class.radius)?;
        let options = Options::default().boundary(self.boundary);
        let request = Request { tolerance: self.tolerance, ..Request::default() };
        let filter = TextureFilter::of_row(self.convolver.clone(), row, options, request, SIZE)?;
        filter.planned()?;
        // Where several threads make one at a time the first is kept.
        Ok(class.filter.get_or_init(|| filter))
    }
}

impl TextureKernel {
    /// The outer product of a row of taps and itself, on coarser grids where that is allowed.
    /// What was found for taps much like these is tried first.
    fn product(taps: &[f32], filter: &TextureFilter, like: Option<&Designs>) -> Result<Self> {
        let like = like.map(|[y, _]| &**y);
        let sum = taps.iter().map(|&tap| f64::from(tap)).sum::<f64>().powi(2);
        let factors = vec![taps.to_vec(); 2];
        let allowed = filter.request.allowed().filter(|_| taps.len() >= COARSE);
        let found = allowed.map(|allowed| coarsen(&factors, sum, allowed, like)).transpose()?;
        let designs = found.and_then(|found| match found {
            Coarsening::Designed(found) => covering(&found, &factors),
            _ => None,
        });
        let kernel = Kernel::of_factors(factors).into();
        Ok(Self { kernel, filter: filter.id, shape: [taps.len(); 2], sum, designs })
    }
}
