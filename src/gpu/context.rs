//! A device, what it can do, and its pipelines.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::element::DType;
use crate::error::{Error, Result};
use crate::gpu::backlog::{Backlog, Submission};
use crate::gpu::buffers::{Buffers, Limits};
use crate::gpu::convert::{Compiled, Conversion};
use crate::gpu::shaders;
use crate::plan::{DEFAULT_MEMORY, GpuCapabilities, GpuKind, Launch, Shader};

/// An adapter that this machine has, whether or not it would be chosen.
#[derive(Clone, Debug, PartialEq)]
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
                capabilities: capabilities(&info, &adapter.limits()),
                driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
                chosen: i == 0,
            }
        })
        .collect()
}

/// Adapters with compute shaders, real hardware first, and of one piece of hardware the native
/// interface before GL.
fn ranked_adapters() -> Vec<wgpu::Adapter> {
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

fn capabilities(info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> GpuCapabilities {
    GpuCapabilities {
        name: info.name.clone(),
        backend: info.backend.to_string(),
        kind: kind(info.device_type),
        max_binding: limits.max_storage_buffer_binding_size,
        max_buffer: limits.max_buffer_size,
        max_workgroup_memory: limits.max_compute_workgroup_storage_size,
        max_invocations: limits.max_compute_invocations_per_workgroup,
        max_workgroup_size: [
            limits.max_compute_workgroup_size_x,
            limits.max_compute_workgroup_size_y,
        ],
        max_groups: limits.max_compute_workgroups_per_dimension,
        memory: DEFAULT_MEMORY,
    }
}

/// A device with its queue and its pipelines.
#[derive(Debug)]
pub struct Context {
    /// No other context of this process has the same.
    pub id: u64,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// Kept from run to run.
    pub buffers: Arc<Buffers>,
    backlog: Backlog,
    capabilities: GpuCapabilities,
    layout: wgpu::BindGroupLayout,
    pipelines: Mutex<HashMap<PipelineKey, wgpu::ComputePipeline>>,
    conversions: Mutex<HashMap<Conversion, Compiled>>,
    /// Why the device was lost, once it is.
    lost: Arc<OnceLock<String>>,
}

/// What a pipeline is compiled for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PipelineKey {
    shader: Shader,
    dtype: DType,
    workgroup: [u32; 2],
    memory: usize,
}

/// Indices stay checked. Loops are not counted: all of them run over a range whose ends are fixed
/// before the first round, with a step of at least one.
const CHECKS: wgpu::ShaderRuntimeChecks = wgpu::ShaderRuntimeChecks {
    force_loop_bounding: false,
    ..wgpu::ShaderRuntimeChecks::checked()
};

/// Bindings of every shader: parameters, input, weights, output.
const READ_ONLY: [bool; 4] = [true, true, true, false];

impl Context {
    /// Starts the best adapter there is, with its own limits.
    pub fn find(memory: u64) -> Result<Self> {
        let adapter = ranked_adapters()
            .into_iter()
            .next()
            .ok_or_else(|| Error::Gpu("no adapter with compute shaders was found".into()))?;
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("convolve"),
            required_limits: adapter.limits(),
            ..Default::default()
        });
        let (device, queue) = pollster::block_on(request).map_err(|error| {
            Error::Gpu(format!("{} could not be started: {error}", adapter.get_info().name))
        })?;
        Self::new(device, queue, memory)
    }

    /// Uses a device that is there already, with the limits that it was started with. Buffers take
    /// `memory` bytes at most, all together.
    pub fn new(device: wgpu::Device, queue: wgpu::Queue, memory: u64) -> Result<Self> {
        let capabilities =
            GpuCapabilities { memory, ..capabilities(&device.adapter_info(), &device.limits()) };
        if capabilities.max_invocations == 0 {
            return Err(Error::Gpu(format!("{} has no compute shaders", capabilities.name)));
        }
        let lost = Arc::new(OnceLock::new());
        let flag = lost.clone();
        device.set_device_lost_callback(move |reason, message| {
            let _ = flag.set(format!("{reason:?} {message}"));
        });
        let entries: Vec<wgpu::BindGroupLayoutEntry> = READ_ONLY
            .iter()
            .zip(0..)
            .map(|(&read_only, binding)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage { read_only },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let layout = guarded(&device, || {
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some("convolve"),
                entries: &entries,
            })
        })?;
        let limits = Limits {
            buffer: capabilities.max_buffer,
            all: capabilities.memory,
            kept: capabilities.memory / 4,
        };
        let buffers = Buffers::new(device.clone(), limits);
        static IDS: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            device,
            queue,
            buffers,
            backlog: Backlog::default(),
            capabilities,
            layout,
            pipelines: Mutex::default(),
            conversions: Mutex::default(),
            lost,
        })
    }

    /// What the planner needs to know.
    pub fn capabilities(&self) -> GpuCapabilities {
        self.capabilities.clone()
    }

    /// Bindings start at multiples of this many bytes.
    pub fn offset_alignment(&self) -> u64 {
        self.device.limits().min_storage_buffer_offset_alignment.into()
    }

    /// An error where the device was lost.
    pub fn check_alive(&self) -> Result<()> {
        match self.lost.get() {
            Some(reason) => Err(Error::Gpu(format!("the device was lost: {reason}"))),
            None => Ok(()),
        }
    }

    /// Runs `work`; whatever wgpu finds wrong with it becomes an error.
    pub fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        self.check_alive()?;
        guarded(&self.device, work).map_err(|error| self.explain(error))
    }

    /// [`Context::guarded`] for work that can fail by itself.
    pub fn attempt<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.guarded(work)?.map_err(|error| self.explain(error))
    }

    /// Calls on a lost device fail in many ways, and wgpu says that it is lost only when polled, and
    /// when what was submitted before is done.
    fn explain(&self, error: Error) -> Error {
        let patience = Some(Duration::from_secs(2));
        let _ = self.poll(wgpu::PollType::Wait { submission_index: None, timeout: patience });
        self.check_alive().err().unwrap_or(error)
    }

    /// Polls the device. In wgpu 30 that panics where the driver reports a lost device or a lack of
    /// memory.
    fn poll(&self, how: wgpu::PollType) -> Result<()> {
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(how))) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Error::Gpu(error.to_string())),
            Err(_) => Err(Error::Gpu("the device failed while it was waited for".into())),
        }
    }

    /// The pipeline of a launch; compiled at its first use.
    pub fn pipeline(&self, launch: &Launch, dtype: DType) -> Result<wgpu::ComputePipeline> {
        let key = PipelineKey {
            shader: launch.shader,
            dtype,
            workgroup: launch.workgroup,
            memory: launch.workgroup_memory,
        };
        // Held while compiling: a second thread in want of the same pipeline waits for it.
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = self.compile(&key)?;
        pipelines.insert(key, pipeline.clone());
        Ok(pipeline)
    }

    fn compile(&self, key: &PipelineKey) -> Result<wgpu::ComputePipeline> {
        let source = shaders::source(key.shader, key.dtype)
            .ok_or_else(|| Error::Gpu(format!("the shaders have no {}", key.dtype)))?;
        let [wide, high] = key.workgroup.map(f64::from);
        let constants =
            [("WORKGROUP_X", wide), ("WORKGROUP_Y", high), ("STAGE", key.memory as f64)];
        let constants = match key.shader {
            Shader::Direct2d => &constants[..],
            Shader::Direct1d => &[constants[0], constants[2]],
            Shader::DirectNd => &constants[..1],
        };
        let label = format!("convolve {:?} {}", key.shader, key.dtype);
        self.guarded(|| self.compute_pipeline(&label, source, constants, &self.layout))
    }

    /// A pipeline of this library's own WGSL. To be called where wgpu's errors are caught.
    pub fn compute_pipeline(
        &self,
        label: &str,
        source: String,
        constants: &[(&str, f64)],
        layout: &wgpu::BindGroupLayout,
    ) -> wgpu::ComputePipeline {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        // SAFETY: see `CHECKS`.
        let module = unsafe { self.device.create_shader_module_trusted(descriptor, CHECKS) };
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(label),
            bind_group_layouts: &[Some(layout)],
            immediate_size: 0,
        });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                // The shaders write what they read.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        })
    }

    /// The pipeline of a conversion; compiled at its first use.
    pub fn conversion(&self, conversion: Conversion) -> Result<Compiled> {
        let mut conversions = self.conversions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = conversions.get(&conversion) {
            return Ok(compiled.clone());
        }
        let compiled = conversion.compile(self)?;
        conversions.insert(conversion, compiled.clone());
        Ok(compiled)
    }

    /// A buffer that holds these bytes from now on.
    pub fn constant(
        &self,
        label: &str,
        bytes: &[u8],
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        self.guarded(|| {
            let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: (bytes.len() as u64).next_multiple_of(4),
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            self.queue.write_buffer(&buffer, 0, bytes);
            buffer
        })
    }

    /// Binds four buffers in the order of the shaders' bindings.
    pub fn bind(&self, resources: [wgpu::BindingResource; 4]) -> wgpu::BindGroup {
        let entries: Vec<wgpu::BindGroupEntry> = resources
            .into_iter()
            .zip(0..)
            .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("convolve"),
            layout: &self.layout,
            entries: &entries,
        })
    }

    /// Submits what was recorded, which may take this long. To be called where wgpu's errors are
    /// caught.
    pub fn submit(&self, encoder: wgpu::CommandEncoder, work: Duration) -> Submission {
        self.backlog.note(self.queue.submit([encoder.finish()]), work)
    }

    /// Waits for a submission, but not for ever.
    pub fn wait(&self, submission: &Submission) -> Result<()> {
        let wait = wgpu::PollType::Wait {
            submission_index: Some(submission.index.clone()),
            timeout: Some(self.backlog.patience(submission)),
        };
        self.poll(wait).map_err(|error| self.explain(error))?;
        self.backlog.finish(submission);
        self.check_alive()
    }

    /// Lets wgpu call back for what is done, without waiting.
    pub fn reclaim(&self) -> Result<()> {
        self.poll(wgpu::PollType::Poll).map_err(|error| self.explain(error))?;
        self.check_alive()
    }

    /// How long a submission may still take.
    pub fn patience(&self, submission: &Submission) -> Duration {
        self.backlog.patience(submission)
    }
}

/// Runs `work`; whatever wgpu finds wrong with it becomes an error.
pub fn guarded<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T> {
    use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
    let scopes = [Validation, OutOfMemory, Internal].map(|filter| device.push_error_scope(filter));
    let result = work();
    let mut failure = None;
    // Scopes must be popped in reverse order.
    for scope in scopes.into_iter().rev() {
        failure = pollster::block_on(scope.pop()).or(failure);
    }
    match failure {
        None => Ok(result),
        Some(error) => {
            // wgpu's errors have several lines, this library's have one.
            let words: Vec<String> =
                error.to_string().split_whitespace().map(String::from).collect();
            Err(Error::Gpu(words.join(" ")))
        }
    }
}
