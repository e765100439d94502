//! The adapters of this machine, and what one can do.

use crate::plan::{DEFAULT_MEMORY, GpuCapabilities, GpuKind};

/// An adapter that this machine has, whether or not it would be chosen.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Adapter {
    /// What it can do, with its own limits.
    pub capabilities: GpuCapabilities,
    /// Driver and its version.
    pub driver: String,
    /// Whether a [`Convolver`](crate::Convolver) would use it.
    pub chosen: bool,
}

/// All adapters of this machine, the one that a [`Convolver`](crate::Convolver) uses first.
///
/// The environment variables `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` restrict them, as elsewhere
/// with wgpu.
pub fn adapters() -> Vec<Adapter> {
    ranked_adapters()
        .iter()
        .enumerate()
        .map(|(i, adapter)| {
            let info = adapter.get_info();
            Adapter {
                capabilities: capabilities(&info, &adapter.limits(), adapter.features()),
                driver: driver(&info),
                chosen: i == 0,
            }
        })
        .collect()
}

/// Whether this thread may wait for a GPU. A page's must not: its GPU answers when the page's code has
/// returned.
pub(super) const CAN_WAIT: bool = !cfg!(target_arch = "wasm32");

/// Adapters with compute shaders, real hardware first, and of one piece of hardware the native
/// interface before GL.
pub(super) fn ranked_adapters() -> Vec<wgpu::Adapter> {
    if !CAN_WAIT {
        return Vec::new();
    }
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let backends = descriptor.backends;
    let instance = wgpu::Instance::new(descriptor);
    let wanted = std::env::var("WGPU_ADAPTER_NAME").map(|name| name.to_lowercase());
    let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
    adapters.retain(|adapter| {
        let flags = adapter.get_downlevel_capabilities().flags;
        let name = adapter.get_info().name.to_lowercase();
        flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
            && wanted.as_ref().is_ok_and(|wanted| name.contains(wanted)) | wanted.is_err()
    });
    adapters.sort_by_key(|adapter| {
        let info = adapter.get_info();
        let kind = match kind(info.device_type) {
            GpuKind::Discrete => 0,
            GpuKind::Integrated => 1,
            GpuKind::Other => 2,
            GpuKind::Software => 3,
        };
        (kind, info.backend == wgpu::Backend::Gl)
    });
    adapters
}

fn kind(device_type: wgpu::DeviceType) -> GpuKind {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => GpuKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => GpuKind::Integrated,
        wgpu::DeviceType::Cpu => GpuKind::Software,
        wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => GpuKind::Other,
    }
}

fn driver(info: &wgpu::AdapterInfo) -> String {
    format!("{} {}", info.driver, info.driver_info).trim().to_string()
}

pub(super) fn capabilities(
    info: &wgpu::AdapterInfo,
    limits: &wgpu::Limits,
    features: wgpu::Features,
) -> GpuCapabilities {
    let kind = kind(info.device_type);
    GpuCapabilities {
        name: info.name.clone(),
        backend: info.backend.to_string(),
        driver: driver(info),
        kind,
        max_binding: limits.max_storage_buffer_binding_size,
        max_buffer: limits.max_buffer_size,
        max_workgroup_memory: limits.max_compute_workgroup_storage_size,
        max_invocations: limits.max_compute_invocations_per_workgroup,
        max_workgroup_size: [
            limits.max_compute_workgroup_size_x,
            limits.max_compute_workgroup_size_y,
        ],
        max_groups: limits.max_compute_workgroups_per_dimension,
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        max_uniform_weights: match kind {
            GpuKind::Software => 0,
            _ => limits.max_uniform_buffer_binding_size,
        },
        offset_alignment: limits.min_storage_buffer_offset_alignment,
        f16: features.contains(wgpu::Features::SHADER_F16),
        f64: features.contains(wgpu::Features::SHADER_F64),
        i64: features.contains(wgpu::Features::SHADER_INT64),
        memory: DEFAULT_MEMORY,
    }
}
