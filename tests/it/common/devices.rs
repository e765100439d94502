//! Two convolvers, and so two devices, for the whole crate.

use convolve::Convolver;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A software adapter compiles shaders on one thread of each device, which is what most tests wait for.
const DEVICES: usize = 2;

/// The convolver that all tests of a thread share: it goes by what is shipped, so that plans are the same on
/// every machine of a kind.
pub fn convolver() -> &'static Convolver {
    static SHARED: [OnceLock<Convolver>; DEVICES] = [const { OnceLock::new() }; DEVICES];
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static DEVICE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % DEVICES;
    }
    SHARED[DEVICE.with(|device| *device)]
        .get_or_init(|| Convolver::builder().calibrated(false).build())
}

/// The shared convolver where it has a GPU. Where there is none a test that needs one is skipped,
/// and says so; with `CONVOLVE_REQUIRE_GPU=1` it fails.
#[cfg(feature = "gpu")]
pub fn gpu() -> Option<&'static Convolver> {
    use convolve::plan::Gpu;
    static ABSENCE: OnceLock<Option<String>> = OnceLock::new();
    let absence = ABSENCE.get_or_init(|| match convolver().capabilities().gpu {
        Gpu::Present(_) => None,
        Gpu::Absent(reason) => Some(reason),
        other => panic!("capabilities look for a GPU: {other:?}"),
    });
    let required = std::env::var_os("CONVOLVE_REQUIRE_GPU").is_some_and(|value| value == "1");
    match absence {
        None => Some(convolver()),
        Some(reason) if required => panic!("CONVOLVE_REQUIRE_GPU=1, but: {reason}"),
        Some(reason) => {
            eprintln!("SKIPPED on the GPU: {reason}");
            None
        }
    }
}

/// The shared convolver where its GPU has this type.
#[cfg(feature = "gpu")]
pub fn gpu_with(dtype: convolve::DType) -> Option<&'static Convolver> {
    use convolve::plan::Gpu;
    let convolver = gpu()?;
    match convolver.capabilities().gpu {
        Gpu::Present(gpu) if gpu.supports(dtype) => Some(convolver),
        _ => {
            eprintln!("SKIPPED: the GPU has no {dtype}");
            None
        }
    }
}

/// A device of its own, which a test may do anything to; where there is a GPU.
#[cfg(feature = "gpu")]
pub fn own_device(
    limits: convolve::wgpu::Limits,
) -> Option<(convolve::wgpu::Device, convolve::wgpu::Queue)> {
    use convolve::wgpu;
    gpu()?;
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default());
    let adapter = pollster::block_on(adapter).expect("there is an adapter");
    let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
    Some(pollster::block_on(adapter.request_device(&descriptor)).expect("a device"))
}

/// No GPU in this build.
#[cfg(not(feature = "gpu"))]
pub fn gpu_with(_: convolve::DType) -> Option<&'static Convolver> {
    None
}

/// No GPU in this build.
#[cfg(not(feature = "gpu"))]
pub fn gpu() -> Option<&'static Convolver> {
    None
}

/// A convolver whose planner is told of a smaller GPU than there is.
#[cfg(feature = "gpu")]
pub fn narrowed(
    builder: convolve::ConvolverBuilder,
    narrow: fn(&mut convolve::plan::GpuCapabilities),
) -> convolve::ConvolverBuilder {
    // SAFETY: tests make limits smaller, and a GPU another kind of the same.
    unsafe { builder.adapt_gpu(narrow) }
}
