//! Time on a GPU, by its own clock where it has one, and what it can do at most: copying, and
//! multiply-adds in registers.

use std::time::{Duration, Instant};

use convolve::{GpuDevice, wgpu};

/// How long a submission is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const INVOCATIONS: u32 = 256;

/// What a batch of work took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// By the GPU's clock, without submission and waiting; none where it has no timestamp queries.
    pub device: Option<Duration>,
    /// By the host's: recording, submission, work and waiting.
    pub wall: Duration,
}

impl Times {
    /// By the better clock that there is.
    pub fn best(&self) -> Duration {
        // A driver's clock may be coarser than a small batch is long.
        self.device.unwrap_or(self.wall).max(Duration::from_nanos(1))
    }
}

/// A device that did not finish what it was given.
#[derive(Clone, Copy, Debug)]
pub struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the device did not finish what was submitted")
    }
}

impl std::error::Error for Failed {}

/// Measures what is recorded into a command encoder.
pub struct Clock {
    device: wgpu::Device,
    queue: wgpu::Queue,
    queries: Option<Queries>,
}

/// Two points in time, where they are written, and where the host can read them.
struct Queries {
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readable: wgpu::Buffer,
}

const POINTS: u32 = 2;
const QUERY_BYTES: u64 = POINTS as u64 * size_of::<u64>() as u64;

impl Clock {
    /// For work on this device.
    pub fn new(gpu: &GpuDevice) -> Self {
        let (device, queue) = (gpu.device().clone(), gpu.queue().clone());
        let has_queries = device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        let queries = has_queries.then(|| Queries::new(&device));
        Self { device, queue, queries }
    }

    /// Whose clock it is, in a word.
    pub fn name(&self) -> &'static str {
        if self.queries.is_some() { "device" } else { "wall" }
    }

    /// Runs what `record` records, and waits for it.
    pub fn time(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Times {
        self.try_time(record).expect("the device finishes what was submitted")
    }

    /// The same of a device that may be lost, or hang.
    pub fn try_time(
        &self,
        record: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<Times, Failed> {
        let start = Instant::now();
        let mut encoder = self.device.create_command_encoder(&Default::default());
        if let Some(queries) = &self.queries {
            queries.mark(&mut encoder, 0);
        }
        record(&mut encoder);
        if let Some(queries) = &self.queries {
            queries.mark(&mut encoder, 1);
            queries.resolve(&mut encoder);
        }
        let submission = self.queue.submit([encoder.finish()]);
        self.wait(Some(submission))?;
        let wall = start.elapsed();
        let queries = self.queries.as_ref();
        let ticks = queries.map(|queries| queries.ticks(|| self.wait(None))).transpose()?;
        let period = f64::from(self.queue.get_timestamp_period());
        let device = ticks.map(|ticks| Duration::from_secs_f64(ticks as f64 * period * 1e-9));
        Ok(Times { device, wall })
    }

    fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<(), Failed> {
        let wait = wgpu::PollType::Wait { submission_index, timeout: Some(PATIENCE) };
        self.device.poll(wait).map(drop).map_err(|_| Failed)
    }
}

impl Queries {
    fn new(device: &wgpu::Device) -> Self {
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: QUERY_BYTES,
                usage,
                mapped_at_creation: false,
            })
        };
        let set = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: POINTS,
        });
        use wgpu::BufferUsages as Usage;
        let resolved = buffer(Usage::QUERY_RESOLVE | Usage::COPY_SRC);
        let readable = buffer(Usage::MAP_READ | Usage::COPY_DST);
        Self { set, resolved, readable }
    }

    /// Notes a point in time, once all that was recorded before is done. A pass without work
    /// carries it, because encoders themselves note times only where a device has one more feature.
    fn mark(&self, encoder: &mut wgpu::CommandEncoder, at: u32) {
        encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: &self.set,
                beginning_of_pass_write_index: None,
                end_of_pass_write_index: Some(at),
            }),
        });
    }

    fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.set, 0..POINTS, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readable, 0, Some(QUERY_BYTES));
    }

    /// From one point to the other, in the device's ticks.
    fn ticks(&self, wait: impl FnOnce() -> Result<(), Failed>) -> Result<u64, Failed> {
        self.readable.map_async(wgpu::MapMode::Read, .., |_| {});
        wait()?;
        let bytes = self.readable.get_mapped_range(..).map_err(|_| Failed)?;
        let mut points = [0u64; POINTS as usize];
        bytemuck::cast_slice_mut(&mut points).copy_from_slice(&bytes);
        drop(bytes);
        self.readable.unmap();
        Ok(points[1].saturating_sub(points[0]))
    }
}

/// A shader that reads one buffer and writes another, with a work of known size.
pub struct Work {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    groups: [u32; 2],
}

impl Work {
    fn new(
        device: &wgpu::Device,
        source: String,
        buffers: [&wgpu::Buffer; 2],
        groups: [u32; 2],
    ) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let entries = [0, 1].map(|i| wgpu::BindGroupEntry {
            binding: i,
            resource: buffers[i as usize].as_entire_binding(),
        });
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Self { pipeline, bindings, groups }
    }

    /// Records it once.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], 1);
    }
}

/// Copies one buffer to another in vectors of four words: what a shader can move at most. Some
/// drivers' own copies are slower.
pub fn copy(gpu: &GpuDevice, source: &wgpu::Buffer, target: &wgpu::Buffer, bytes: u64) -> Work {
    let vectors = bytes / 16;
    let columns = vectors.div_ceil(INVOCATIONS.into()).min(1024) as u32;
    let rows = vectors.div_ceil(u64::from(columns * INVOCATIONS)) as u32;
    let shader = format!(
        "@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
        @group(0) @binding(1) var<storage, read_write> goal: array<vec4<f32>>;
        @compute @workgroup_size({INVOCATIONS})
        fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
            let i = id.y * {width}u + id.x;
            if (i < {vectors}u) {{ goal[i] = source[i]; }}
        }}",
        width = columns * INVOCATIONS
    );
    Work::new(gpu.device(), shader, [source, target], [columns, rows])
}

/// Vectors of four sums in each invocation; eight in flight hide the latency of a multiply-add.
const CHAINS: u64 = 8;
/// Written out, so that the loop around them costs little.
const STEPS: u64 = 16;
const ROUNDS: u64 = 32;

/// Multiply-adds in registers, and how many there are in one run.
pub fn multiply_adds(gpu: &GpuDevice, groups: u32) -> (Work, u64) {
    let invocations = u64::from(groups * INVOCATIONS);
    let device = gpu.device();
    let buffers = [(); 2].map(|()| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: invocations * size_of::<f32>() as u64,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        })
    });
    let each = |line: &dyn Fn(u64) -> String| (0..CHAINS).map(line).collect::<String>();
    let begin = each(&|i| format!("var s{i} = term + {i}.0;\n"));
    let step = each(&|i| format!("s{i} = fma(s{i}, factor, term);\n"));
    let total: Vec<String> = (0..CHAINS).map(|i| format!("s{i}")).collect();
    // What is read is not known when this is compiled, so nothing can be left out.
    let shader = format!(
        "@group(0) @binding(0) var<storage, read> source: array<f32>;
        @group(0) @binding(1) var<storage, read_write> goal: array<f32>;
        @compute @workgroup_size({INVOCATIONS})
        fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
            let factor = vec4<f32>(source[id.x] + 0.5);
            let term = vec4<f32>(source[id.x] + 1.0);
            {begin}
            for (var round = 0u; round < {ROUNDS}u; round++) {{
                {steps}
            }}
            goal[id.x] = dot({total}, term);
        }}",
        steps = step.repeat(STEPS as usize),
        total = total.join(" + ")
    );
    let work = Work::new(device, shader, [&buffers[0], &buffers[1]], [groups, 1]);
    (work, invocations * 4 * CHAINS * STEPS * ROUNDS)
}
