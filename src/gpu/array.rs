//! Arrays that stay on the GPU.

use ndarray::{Array, ArrayRef, Dimension};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::gpu::buffers::{Pooled, Role};
use crate::gpu::context::Context;
use crate::gpu::counts::GpuCounts;
use crate::gpu::end::Span;
use crate::gpu::staging::{Download, Upload};
use crate::plan::GpuCapabilities;
use crate::util::memory;

/// The GPU of a [`Convolver`](crate::Convolver), for arrays that stay there.
///
/// ```no_run
/// use convolve::{Convolver, filters};
/// use ndarray::Array2;
///
/// let x = Array2::<f32>::ones((2048, 2048));
/// let convolver = Convolver::new();
/// let blur = convolver.filter(&filters::gaussian(3.0)?).for_shape(x.dim())?;
/// let edges = convolver.filter(&filters::laplacian()?).for_shape(x.dim())?;
///
/// let on_gpu = convolver.gpu()?.upload(&x)?;
/// // Work is only submitted here; nothing comes back over the bus in between.
/// let y = edges.apply_gpu(&blur.apply_gpu(&on_gpu)?)?;
/// let y = y.download()?;
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GpuDevice {
    context: Arc<Context>,
}

impl GpuDevice {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// What the planner knows of it.
    pub fn capabilities(&self) -> GpuCapabilities {
        self.context.capabilities()
    }

    /// The device itself.
    pub fn device(&self) -> &wgpu::Device {
        self.context.show()
    }

    /// What was made and recorded on it since it was started.
    pub fn counts(&self) -> GpuCounts {
        self.context.counters.all()
    }

    /// Its queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.context.queue
    }

    /// Copies an array of any memory layout to the GPU. Does not wait for the copy to arrive,
    /// unless memory is short and earlier copies hold some.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::GpuMemory`] where the device has no such buffer or memory;
    /// [`Error::Empty`] for an array without elements.
    pub fn upload<A: Element, D: Dimension>(&self, x: &ArrayRef<A, D>) -> Result<GpuArray<A, D>> {
        let context = &self.context;
        let y = GpuArray::new(context, x.raw_dim())?;
        let packed;
        let samples = match x.as_slice() {
            Some(samples) => samples,
            None => {
                packed = memory::collected(x.iter().copied(), x.len(), "a copy of the array")?;
                &packed
            }
        };
        let upload = Upload::new(context, bytemuck::cast_slice(samples), "the upload")?;
        context.guarded(|| {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            upload.record(&mut encoder, &y.span());
            context.submit(encoder, Duration::ZERO);
            upload.recall();
        })?;
        // Staging buffers of earlier uploads come back while the device is asked how it is.
        context.reclaim()?;
        Ok(y)
    }
}

/// An array on a GPU, in standard (row-major) order.
///
/// Its buffer goes back to the device's pool when it is dropped; work that was submitted still runs
/// to its end. Made by [`GpuDevice::upload`] and [`Filter::apply_gpu`](crate::Filter::apply_gpu).
#[derive(Debug)]
pub struct GpuArray<A, D> {
    context: Arc<Context>,
    data: Pooled,
    dim: D,
    element: PhantomData<fn() -> A>,
}

impl<A: Element, D: Dimension> GpuArray<A, D> {
    /// An array that holds whatever its buffer held.
    pub(crate) fn new(context: &Arc<Context>, dim: D) -> Result<Self> {
        context.check_alive()?;
        if dim.size() == 0 {
            return Err(Error::Empty { what: "array", shape: dim.slice().to_vec() });
        }
        let bytes = (dim.size() * size_of::<A>()) as u64;
        let data = context.take(Role::Storage, bytes, "an array on the GPU")?;
        Ok(Self { context: context.clone(), data, dim, element: PhantomData })
    }

    /// Its shape, as `ndarray` has it for the rank: a number, a tuple, or a dynamic dimension.
    pub fn dim(&self) -> D::Pattern {
        self.dim.clone().into_pattern()
    }

    /// Its shape.
    pub fn raw_dim(&self) -> D {
        self.dim.clone()
    }

    /// Lengths of its axes.
    pub fn shape(&self) -> &[usize] {
        self.dim.slice()
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.dim.ndim()
    }

    /// Number of elements; never 0.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.dim.size()
    }

    /// The buffer that holds it from its start on, in standard order; it may be longer. Keep the
    /// array until commands on the buffer are submitted: dropped, its buffer becomes another's.
    pub fn buffer(&self) -> &wgpu::Buffer {
        self.data.buffer()
    }

    /// Waits for all work that it comes from, and copies it to host memory.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] where the device is lost, also while it does earlier work;
    /// [`Error::GpuInternal`] where it fails.
    pub fn download(&self) -> Result<Array<A, D>> {
        let y = memory::zeros(self.dim.size(), "the download")?;
        let mut y = Array::from_shape_vec(self.dim.clone(), y).expect("the length is the shape's");
        self.download_into(&mut y)?;
        Ok(y)
    }

    /// Waits for all work that it comes from, and copies it to an array of any memory layout.
    ///
    /// # Errors
    /// Those of [`GpuArray::download`], and [`Error::Shape`].
    pub fn download_into(&self, y: &mut ArrayRef<A, D>) -> Result<()> {
        if y.raw_dim() != self.dim {
            let (expected, got) = (self.dim.slice().to_vec(), y.shape().to_vec());
            return Err(Error::Shape { what: "the array to download to", expected, got });
        }
        let context = &self.context;
        context.check_alive()?;
        let staged = Download::stage(context, self.data.bytes(), "the download")?;
        let download = context.guarded(|| {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            Download::record(&mut encoder, &self.span(), &staged);
            let submission = context.submit(encoder, Duration::ZERO);
            Download::start(context, staged, submission)
        })?;
        download.finish(|bytes| match y.as_slice_mut() {
            Some(y) => bytemuck::cast_slice_mut(y).copy_from_slice(bytes),
            None => {
                for (y, bytes) in y.iter_mut().zip(bytes.chunks_exact(size_of::<A>())) {
                    *y = bytemuck::pod_read_unaligned(bytes);
                }
            }
        })
    }

    pub(crate) fn span(&self) -> Span {
        self.data.span()
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }
}
