mod source;

use source::*;
use std::collections::HashMap;
use std::time::Instant;

type Any<T> = Result<T, String>;

struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    period: f64,
    limits: wgpu::Limits,
    stamps: bool,
    software: bool,
    subgroup: (u32, u32),
}

fn open() -> Any<Gpu> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::VULKAN));
    if let Ok(name) = std::env::var("WGPU_ADAPTER_NAME") {
        adapters.retain(|a| a.get_info().name.to_lowercase().contains(&name.to_lowercase()));
    }
    adapters.sort_by_key(|a| match a.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::Cpu => 3,
        _ => 2,
    });
    let adapter = adapters.into_iter().next().ok_or("no adapter")?;
    let info = adapter.get_info();
    println!("adapter: {} ({:?}, {} {})", info.name, info.device_type, info.driver, info.driver_info);
    let wanted = wgpu::Features::TIMESTAMP_QUERY
        | wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS
        | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES;
    let features = adapter.features() & wanted;
    let limits = adapter.limits();
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
        required_features: features,
        required_limits: limits.clone(),
        ..Default::default()
    }))
    .map_err(|e| e.to_string())?;
    device.on_uncaptured_error(std::sync::Arc::new(|e| println!("UNCAPTURED: {e}")));
    Ok(Gpu {
        period: queue.get_timestamp_period() as f64,
        stamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        software: info.device_type == wgpu::DeviceType::Cpu,
        subgroup: (info.subgroup_min_size, info.subgroup_max_size),
        device,
        queue,
        limits,
    })
}

const UNCHECKED: wgpu::ShaderRuntimeChecks = wgpu::ShaderRuntimeChecks {
    bounds_checks: false,
    force_loop_bounding: false,
    int_div_checks: false,
    ..wgpu::ShaderRuntimeChecks::checked()
};

impl Gpu {
    /// Runs something, and gives what wgpu says of it.
    fn guarded<T>(&self, run: impl FnOnce() -> T) -> Any<T> {
        let scopes = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Internal]
            .map(|filter| self.device.push_error_scope(filter));
        let value = run();
        let mut error = None;
        for scope in scopes.into_iter().rev() {
            error = pollster::block_on(scope.pop()).or(error);
        }
        match error {
            Some(e) => Err(e.to_string().chars().take(1500).collect()),
            None => Ok(value),
        }
    }

    fn buffer(&self, bytes: u64) -> Any<wgpu::Buffer> {
        if bytes > self.limits.max_storage_buffer_binding_size || bytes > self.limits.max_buffer_size {
            return Err(format!("{bytes} bytes are too many for a binding"));
        }
        self.guarded(|| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: bytes.max(256).next_multiple_of(16),
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            })
        })
    }

    fn filled<T: bytemuck::Pod>(&self, data: &[T]) -> Any<wgpu::Buffer> {
        let buffer = self.buffer(size_of_val(data) as u64)?;
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(data));
        Ok(buffer)
    }

    fn compile(&self, shader: &Shader) -> Any<Pipeline> {
        let entries: Vec<_> = shader
            .bindings
            .iter()
            .map(|b| wgpu::BindGroupLayoutEntry {
                binding: b.number(),
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage { read_only: !b.writes() },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let pipeline = self.guarded(|| {
            let descriptor = wgpu::ShaderModuleDescriptor {
                label: None,
                source: wgpu::ShaderSource::Wgsl(shader.source.as_str().into()),
            };
            // SAFETY: all indices are inside of what is bound, by construction; `check` compares.
            let module = unsafe { self.device.create_shader_module_trusted(descriptor, UNCHECKED) };
            let layout =
                self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
            let whole = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: Some(&whole),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            });
            (pipeline, layout)
        })?;
        Ok(Pipeline { pipeline: pipeline.0, layout: pipeline.1, bindings: shader.bindings.clone() })
    }

    fn read<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, count: usize) -> Any<Vec<T>> {
        let bytes = (count * size_of::<T>()) as u64;
        let staging = self.guarded(|| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: bytes,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
        self.queue.submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, |_| ());
        self.wait()?;
        let view = staging.slice(..).get_mapped_range().map_err(|e| e.to_string())?;
        Ok(bytemuck::pod_collect_to_vec(&view[..]))
    }

    fn wait(&self) -> Any<()> {
        let waited = self.device.poll(wgpu::PollType::Wait {
            submission_index: None,
            timeout: Some(std::time::Duration::from_secs(60)),
        });
        waited.map(|_| ()).map_err(|e| e.to_string())
    }
}

struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    bindings: Vec<Binding>,
}

/// A dispatch that is ready.
struct Step {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    groups: [u32; 2],
}

fn step(gpu: &Gpu, p: &Pipeline, of: &dyn Fn(Binding) -> (wgpu::Buffer, u64), groups: [u32; 2]) -> Any<Step> {
    let buffers: Vec<_> = p.bindings.iter().map(|&b| (b, of(b))).collect();
    let group = gpu.guarded(|| {
        let entries: Vec<_> = buffers
            .iter()
            .map(|(b, (buffer, offset))| wgpu::BindGroupEntry {
                binding: b.number(),
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: *offset, size: None }),
            })
            .collect();
        gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &p.layout, entries: &entries })
    })?;
    Ok(Step { pipeline: p.pipeline.clone(), group, groups })
}

fn dispatch(pass: &mut wgpu::ComputePass, step: &Step) {
    pass.set_pipeline(&step.pipeline);
    pass.set_bind_group(0, &step.group, &[]);
    pass.dispatch_workgroups(step.groups[0], step.groups[1], 1);
}

/// A tile's transforms without a kernel.
#[derive(Clone, Debug)]
enum Method {
    Fused(Tile, bool),
    /// Rows, columns, interior, MiB of a chunk of the work buffer (0: as much as a binding takes).
    Passes(Tile, Tile, bool, u64),
}

#[derive(Clone, Debug)]
struct Named {
    name: String,
    method: Method,
    baked: bool,
}

impl Method {
    fn block(&self) -> [usize; 2] {
        match self {
            Self::Fused(tile, _) => tile.bits.map(|b| 1 << b),
            Self::Passes(rows, columns, ..) => [1 << rows.bits[0], 1 << columns.bits[1]],
        }
    }
    fn needs(&self) -> (usize, usize) {
        match self {
            Self::Fused(t, _) => (t.invocations(), t.workgroup_bytes()),
            Self::Passes(a, b, ..) => {
                (a.invocations().max(b.invocations()), a.workgroup_bytes().max(b.workgroup_bytes()))
            }
        }
    }
    /// Shaders of the spectrum, then of the filter.
    fn shaders(&self, kernel: &Kernel) -> [Vec<Shader>; 2] {
        match self.clone() {
            Self::Fused(tile, interior) => {
                let fused = Fused { tile, kernel: kernel.clone(), interior };
                [vec![fused.spectrum()], vec![fused.filter()]]
            }
            Self::Passes(rows, columns, interior, _) => {
                let passes = Passes { rows, columns, kernel: kernel.clone(), interior };
                [
                    vec![passes.rows_of_taps(), passes.columns_spectrum()],
                    vec![passes.rows_forward(), passes.columns_filter(), passes.rows_back()],
                ]
            }
        }
    }
    fn twiddles(&self) -> Vec<Vec<[f32; 2]>> {
        match self {
            Self::Fused(t, _) => vec![t.twiddle_table()],
            Self::Passes(a, b, ..) => vec![a.twiddle_table(), b.twiddle_table()],
        }
    }
}

fn shared(name: &str, method: Method) -> Named {
    Named { name: name.into(), method, baked: false }
}

/// Work for one block size of tier 2: log2 of sides, of registers, of values in a workgroup.
fn passes(w: u32, h: u32, registers: u32, values: u32, exchange: Exchange, twiddles: Twiddles, chunk: u64) -> Method {
    let radices = |n: u32| -> Vec<u32> {
        let mut radices = Vec::new();
        let mut left = n;
        while left > 0 {
            let next = left.min(registers.min(5));
            radices.push(next);
            left -= next;
        }
        // 512 = 16 x 8 x 4 rather than 16 x 16 x 2.
        if let [.., a, b] = &mut radices[..] {
            if *b == 1 && *a > 2 {
                (*a, *b) = (*a - 1, 2);
            }
        }
        radices
    };
    let rows = Tile::new([w, values - w], registers, &radices(w), &[]).with(exchange, twiddles);
    let columns = Tile::new([values - h, h], registers, &[], &radices(h)).with(exchange, twiddles);
    Method::Passes(rows, columns, true, chunk)
}

fn variants() -> Vec<Named> {
    use Exchange::*;
    use Twiddles::*;
    let vector = || Tile::new([6, 6], 4, &[2, 2, 2], &[2, 2, 2]);
    let mixed = || Tile::new([6, 6], 4, &[0, 2, 4], &[4, 2, 0]);
    let fused = |name: &str, tile: Tile| shared(name, Method::Fused(tile, true));
    let mut all = vec![
        fused("a  64x64 r16 4x4,4x4,4x4 scalar table", vector()),
        fused("a  64x64 r16 4x4,4x4,4x4 scalar powers", vector().with(Scalar, Powers)),
        fused("d  64x64 r16 4x4,4x4,4x4 pair table", vector().with(Pair, Table)),
        fused("d  64x64 r16 4x4,4x4,4x4 pair powers", vector().with(Pair, Powers)),
        fused("d  64x64 r16 4x4,4x4,4x4 two powers", vector().with(Two, Powers)),
        fused("m  64x64 r16 y16,4x4,x16 scalar table", mixed()),
        fused("m  64x64 r16 y16,4x4,x16 scalar powers", mixed().with(Scalar, Powers)),
        fused("m  64x64 r16 y16,4x4,x16 pair table", mixed().with(Pair, Table)),
        fused("m  64x64 r16 y16,4x4,x16 two table", mixed().with(Two, Table)),
        shared("m  64x64 r16 y16,4x4,x16 scalar table edges", Method::Fused(mixed(), false)),
        fused("w  64x64 r64 y64,x64 scalar", Tile::new([6, 6], 6, &[0, 6], &[6, 0])),
        fused("b  128x64 r16 4 stages scalar table", Tile::new([7, 6], 4, &[0, 2, 4, 1], &[4, 2, 0, 0])),
        fused("b  128x64 r32 3 stages scalar table", Tile::new([7, 6], 5, &[0, 3, 4], &[5, 1, 0])),
        fused("b  64x128 r32 3 stages scalar table", Tile::new([6, 7], 5, &[0, 2, 4], &[5, 2, 0])),
        fused("c  32x32 r16 3 stages scalar table", Tile::new([5, 5], 4, &[0, 3, 2], &[4, 1, 0])),
        fused("c  32x32 r32 y32,x32 scalar", Tile::new([5, 5], 5, &[0, 5], &[5, 0])),
        fused("c  32x32 r32 y32,x32 pair", Tile::new([5, 5], 5, &[0, 5], &[5, 0]).with(Pair, Table)),
    ];
    for (w, h) in [(7, 7), (8, 8), (9, 8), (9, 9), (10, 9), (10, 10)] {
        let name = |what: &str| format!("t2 {}x{} {what}", 1 << w, 1 << h);
        all.push(shared(&name("r16 scalar, all"), passes(w, h, 4, 12, Scalar, Table, 0)));
        all.push(shared(&name("r16 scalar, 24 MiB"), passes(w, h, 4, 12, Scalar, Table, 24)));
        if (w, h) == (9, 9) || (w, h) == (8, 8) {
            all.push(shared(&name("r16 scalar, 12 MiB"), passes(w, h, 4, 12, Scalar, Table, 12)));
            all.push(shared(&name("r16 pair, 24 MiB"), passes(w, h, 4, 12, Pair, Table, 24)));
            all.push(shared(&name("r16 powers, 24 MiB"), passes(w, h, 4, 12, Scalar, Powers, 24)));
            all.push(shared(&name("r16 8192 values, 24 MiB"), passes(w, h, 4, 13, Scalar, Table, 24)));
        }
        if w >= 9 && h >= 9 {
            all.push(shared(&name("r32 scalar, 24 MiB"), passes(w, h, 5, 12, Scalar, Table, 24)));
            all.push(shared(&name("r32 8192 values, 24 MiB"), passes(w, h, 5, 13, Scalar, Table, 24)));
        }
    }
    all
}

/// Compiled for all kernels (or one).
struct Compiled {
    spectrum: Vec<Pipeline>,
    filter: Vec<Pipeline>,
    twiddles: Vec<wgpu::Buffer>,
}

fn compile(gpu: &Gpu, method: &Method, kernel: &Kernel) -> Any<Compiled> {
    let (invocations, bytes) = method.needs();
    if invocations > gpu.limits.max_compute_invocations_per_workgroup as usize
        || bytes > gpu.limits.max_compute_workgroup_storage_size as usize
    {
        return Err(format!("needs {invocations} invocations, {bytes} bytes of workgroup memory"));
    }
    let [spectrum, filter] = method.shaders(kernel);
    let all = |shaders: Vec<Shader>| shaders.iter().map(|s| gpu.compile(s)).collect::<Any<Vec<_>>>();
    Ok(Compiled {
        spectrum: all(spectrum)?,
        filter: all(filter)?,
        twiddles: method.twiddles().iter().map(|t| gpu.filled(t)).collect::<Any<_>>()?,
    })
}

/// Picture: planes, rows, columns.
struct Picture {
    shape: [usize; 3],
    input: wgpu::Buffer,
    output: wgpu::Buffer,
}

/// Dispatches of spectrum and filter. `taps` are those of a correlation, row by row.
fn prepare(gpu: &Gpu, method: &Method, compiled: &Compiled, kernel: &Kernel, taps: &[f32], picture: &Picture)
    -> Any<[Vec<Step>; 2]> {
    let [planes, rows, columns] = picture.shape;
    let block = method.block();
    let valid = [0, 1].map(|i| block[i] + 1 - kernel.taps[i]);
    let across = columns.div_ceil(valid[0]);
    let plane = across * rows.div_ceil(valid[1]);
    let tiles = plane * planes;
    let pairs = tiles.div_ceil(2);
    let words = |first: usize| -> [u32; 64] {
        let mut words = [0; 64];
        let all = [rows, columns, rows, columns, across, plane, tiles, first, kernel.taps[0], kernel.taps[1],
            kernel.origin[0], kernel.origin[1], valid[0], valid[1]];
        for (word, value) in words.iter_mut().zip(all) {
            *word = value as u32;
        }
        words
    };
    let taps = gpu.filled(taps)?;
    let spectrum = gpu.buffer((block[0] * block[1] * 8) as u64)?;
    let of = |params: &wgpu::Buffer, offset: u64, work: Option<&wgpu::Buffer>, pass: usize| {
        let twiddles = compiled.twiddles[pass.min(compiled.twiddles.len() - 1)].clone();
        let (params, work) = (params.clone(), work.cloned());
        let (taps, spectrum) = (taps.clone(), spectrum.clone());
        let (input, output) = (picture.input.clone(), picture.output.clone());
        move |b: Binding| match b {
            Binding::Params => (params.clone(), offset),
            Binding::Input => (input.clone(), 0),
            Binding::Output => (output.clone(), 0),
            Binding::Spectrum { .. } => (spectrum.clone(), 0),
            Binding::Twiddles => (twiddles.clone(), 0),
            Binding::Work => (work.clone().expect("work"), 0),
            Binding::Taps => (taps.clone(), 0),
        }
    };
    match method {
        Method::Fused(..) => {
            let params = gpu.filled(&words(0))?;
            let make = step(gpu, &compiled.spectrum[0], &of(&params, 0, None, 0), [1, 1])?;
            let groups = [pairs.min(32768) as u32, pairs.div_ceil(32768) as u32];
            let run = step(gpu, &compiled.filter[0], &of(&params, 0, None, 0), groups)?;
            Ok([vec![make], vec![run]])
        }
        Method::Passes(rows, columns, interior, mib) => {
            let passes = Passes {
                rows: rows.clone(), columns: columns.clone(), kernel: kernel.clone(), interior: *interior,
            };
            let pair = (block[0] * block[1] * 8) as u64;
            let most = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size) / pair;
            let chunk = if *mib == 0 { most } else { (mib << 20) / pair };
            let chunk = chunk.max(1).min(most).min(pairs as u64).min(65535) as usize;
            let work = gpu.buffer(chunk as u64 * pair)?;
            let firsts: Vec<usize> = (0..pairs).step_by(chunk).collect();
            let params = gpu.filled(&firsts.iter().flat_map(|&f| words(f)).collect::<Vec<u32>>())?;
            let [forward, middle, back] = passes.groups();
            let at = |offset, twiddles| of(&params, offset, Some(&work), twiddles);
            let make = vec![
                step(gpu, &compiled.spectrum[0], &at(0, 0), [forward, 1])?,
                step(gpu, &compiled.spectrum[1], &at(0, 1), [middle, 1])?,
            ];
            let mut run = Vec::new();
            for (i, first) in firsts.iter().enumerate() {
                let count = chunk.min(pairs - first) as u32;
                let offset = 256 * i as u64;
                run.push(step(gpu, &compiled.filter[0], &at(offset, 0), [forward, count])?);
                run.push(step(gpu, &compiled.filter[1], &at(offset, 1), [middle, count])?);
                run.push(step(gpu, &compiled.filter[2], &at(offset, 0), [back, count])?);
            }
            Ok([make, run])
        }
    }
}

struct Random(u64);
impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let x = self.0 ^ self.0 >> 33;
        x.wrapping_mul(0xff51afd7ed558ccd) >> 20
    }
    fn unit(&mut self) -> f32 {
        (self.next() & 0xffffff) as f32 / 8388608.0 - 1.0
    }
}

/// A convolution of mode 'same' as a correlation: turned taps and their origin.
fn turned(k: [usize; 2], kernel: &[f32]) -> (Vec<f32>, [usize; 2]) {
    (kernel.iter().rev().copied().collect(), k.map(|k| k - 1 - (k - 1) / 2))
}

/// One output of the convolution `full[y + (kh - 1) / 2, x + (kw - 1) / 2]`.
fn direct(x: &[f32], [planes, rows, columns]: [usize; 3], k: [usize; 2], kernel: &[f32], at: [usize; 3]) -> f64 {
    let _ = planes;
    let mut sum = 0.0;
    for j in 0..k[1] {
        let y = (at[1] + (k[1] - 1) / 2).wrapping_sub(j);
        if y >= rows {
            continue;
        }
        for i in 0..k[0] {
            let c = (at[2] + (k[0] - 1) / 2).wrapping_sub(i);
            if c < columns {
                sum += kernel[j * k[0] + i] as f64 * x[(at[0] * rows + y) * columns + c] as f64;
            }
        }
    }
    sum
}

fn submit(gpu: &Gpu, steps: &[&[Step]]) -> Any<()> {
    gpu.guarded(|| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for step in steps.iter().copied().flatten() {
                dispatch(&mut pass, step);
            }
        }
        gpu.queue.submit([encoder.finish()]);
    })?;
    gpu.wait()
}

fn check(gpu: &Gpu, only: Option<&str>) -> Any<bool> {
    // Planes, rows, columns; taps (columns, rows).
    let cases: Vec<([usize; 3], [usize; 2])> = vec![
        ([1, 150, 171], [1, 1]),
        ([1, 7, 5], [2, 2]),
        ([3, 61, 130], [2, 5]),
        ([1, 201, 97], [33, 33]),
        ([2, 70, 90], [9, 4]),
        ([1, 33, 300], [31, 3]),
        ([1, 150, 131], [40, 40]),
        ([1, 97, 103], [63, 63]),
        ([1, 140, 131], [65, 65]),
        ([1, 300, 281], [15, 15]),
        ([1, 270, 520], [65, 101]),
    ];
    let mut random = Random(7);
    let mut data = Vec::new();
    for (shape, k) in cases {
        let x: Vec<f32> = (0..shape.iter().product()).map(|_| random.unit() + 0.3).collect();
        let kernel: Vec<f32> = (0..k[0] * k[1]).map(|_| random.unit()).collect();
        let [p, r, c] = shape;
        let expected: Vec<f64> = (0..p * r * c)
            .map(|i| direct(&x, shape, k, &kernel, [i / (r * c), i / c % r, i % c]))
            .collect();
        let scale = kernel.iter().map(|k| k.abs() as f64).sum::<f64>()
            * x.iter().map(|x| x.abs() as f64).fold(0.0, f64::max);
        data.push((shape, k, x, kernel, expected, scale));
    }
    let mut all = variants();
    let baked: Vec<Named> = all.iter().filter(|v| v.name.contains("r16 scalar, all") || v.name.contains("scalar table"))
        .map(|v| Named { name: format!("{} baked", v.name), baked: true, ..v.clone() })
        .collect();
    all.extend(baked);
    let mut right = true;
    for variant in all.iter().filter(|v| only.is_none_or(|only| v.name.contains(only))) {
        let start = Instant::now();
        let (mut worst, mut count, mut compiled) = (0f64, 0, None);
        let mut failed = None;
        for (shape, k, x, kernel, expected, scale) in &data {
            let block = variant.method.block();
            if (0..2).any(|i| k[i] > block[i]) || (variant.baked && count >= 3) {
                continue;
            }
            let mut one = || -> Any<f64> {
                let (taps, origin) = turned(*k, kernel);
                let spec = Kernel { taps: *k, origin, baked: variant.baked };
                if compiled.is_none() || variant.baked {
                    compiled = Some(compile(gpu, &variant.method, &spec)?);
                }
                let output = gpu.filled(&vec![f32::NAN; x.len()])?;
                let picture = Picture { shape: *shape, input: gpu.filled(x)?, output };
                let [make, run] =
                    prepare(gpu, &variant.method, compiled.as_ref().expect("compiled"), &spec, &taps, &picture)?;
                submit(gpu, &[&make, &run])?;
                let got: Vec<f32> = gpu.read(&picture.output, x.len())?;
                let off = got.iter().zip(expected).map(|(g, e)| {
                    let off = (*g as f64 - e).abs();
                    if off.is_nan() { f64::INFINITY } else { off }
                });
                Ok(off.fold(0.0, f64::max) / scale)
            };
            match one() {
                Ok(off) => {
                    if off > 1e-5 {
                        println!("    WRONG {shape:?} taps {k:?}: {off:.2e}");
                    }
                    worst = worst.max(off);
                }
                Err(e) => failed = Some(e),
            }
            count += 1;
        }
        let ok = worst < 1e-5 && failed.is_none();
        right &= ok;
        println!(
            "{} {:<52} {count:2} cases, max error {worst:.2e} of sum|k| max|x|, {:.1} s {}",
            if ok { "ok   " } else { "WRONG" },
            variant.name,
            start.elapsed().as_secs_f64(),
            failed.unwrap_or_default()
        );
    }
    Ok(right)
}

/// A shader of plain text over input 1 and output 2.
fn plain(text: &str) -> Shader {
    Shader { source: text.into(), bindings: vec![Binding::Input, Binding::Output] }
}

const FMA: &str = "
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> goal: array<f32>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let f = source[id.x & 1023u] * 0.001 + 0.5;
    let a = source[id.x & 1023u];
    var s0 = a; var s1 = a + 1.0; var s2 = a + 2.0; var s3 = a + 3.0;
    var s4 = a + 4.0; var s5 = a + 5.0; var s6 = a + 6.0; var s7 = a + 7.0;
    for (var i = 0u; i < 128u; i++) {
        REPEAT
    }
    let sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
    if sum == 12345.678 { goal[id.x & 1023u] = sum; }
}";

const COPY: &str = "
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> goal: array<vec4<f32>>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let i = (group.x + group.y * 32768u) * 256u + t;
    goal[i] = source[i];
}";

struct Clock<'a> {
    gpu: &'a Gpu,
    fma: Step,
    /// Fastest time of `fma` so far, in microseconds: what the clock is compared with.
    best: f64,
    queries: Option<wgpu::QuerySet>,
    resolved: wgpu::Buffer,
}

impl<'a> Clock<'a> {
    /// Times (us) of the arithmetic before, of `repeats` runs, of the arithmetic after.
    fn batch(&mut self, steps: &[Step], repeats: u32) -> Any<[f64; 3]> {
        let gpu = self.gpu;
        let start = Instant::now();
        let queries = self.queries.clone();
        let resolved = self.resolved.clone();
        let fma = &self.fma;
        gpu.guarded(|| {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            for part in 0..3u32 {
                let stamps = queries.as_ref().map(|query_set| wgpu::ComputePassTimestampWrites {
                    query_set,
                    beginning_of_pass_write_index: Some(2 * part),
                    end_of_pass_write_index: Some(2 * part + 1),
                });
                let mut pass = encoder
                    .begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes: stamps });
                if part == 1 {
                    for _ in 0..repeats {
                        steps.iter().for_each(|step| dispatch(&mut pass, step));
                    }
                } else {
                    dispatch(&mut pass, fma);
                }
            }
            if let Some(queries) = &queries {
                encoder.resolve_query_set(queries, 0..6, &resolved, 0);
            }
            gpu.queue.submit([encoder.finish()]);
        })?;
        gpu.wait()?;
        if queries.is_none() {
            let us = start.elapsed().as_secs_f64() * 1e6;
            return Ok([1.0, us / repeats as f64, 1.0]);
        }
        let ticks: Vec<u64> = gpu.read(&self.resolved, 6)?;
        let us = |i: usize| ticks[2 * i + 1].saturating_sub(ticks[2 * i]) as f64 * gpu.period * 1e-3;
        let [a, b, c] = [us(0), us(1) / repeats as f64, us(2)];
        self.best = self.best.min(a.min(c));
        Ok([a, b, c])
    }

    /// Minimum and median of at least 7 batches, and the median as if the clock were at its best.
    fn measure(&mut self, steps: &[Step]) -> Any<[f64; 4]> {
        let soft = self.gpu.software;
        let first = self.batch(steps, 1)?[1].max(1.0);
        let repeats = if soft { 1 } else { (1500.0 / first).ceil().clamp(1.0, 200.0) as u32 };
        let count = if soft { 1 } else if first > 20000.0 { 3 } else { 9 };
        let mut times = Vec::new();
        for _ in 0..count {
            let [a, b, c] = self.batch(steps, repeats)?;
            times.push((b, b * self.best * 2.0 / (a + c), a.max(c)));
        }
        let median = |mut v: Vec<f64>| {
            v.sort_by(f64::total_cmp);
            v[v.len() / 2]
        };
        let min = times.iter().map(|t| t.0).fold(f64::INFINITY, f64::min);
        Ok([
            min,
            median(times.iter().map(|t| t.0).collect()),
            median(times.iter().map(|t| t.1).collect()),
            median(times.iter().map(|t| t.2 / self.best).collect()),
        ])
    }
}

fn bench(gpu: &Gpu, only: Option<&str>) -> Any<()> {
    let begun = Instant::now();
    let number = |name: &str, or: usize| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(or);
    let side = number("GPUFFT_SIDE", 4096);
    let deadline = number("GPUFFT_SECONDS", 110) as f64;
    let ks = [5, 9, 11, 15, 17, 21, 25, 31, 41, 47, 63, 95, 127, 255, 511];
    let shape = [1, side, side];
    let mut random = Random(3);
    let x: Vec<f32> = (0..side * side).map(|_| random.unit() + 0.3).collect();
    let kernels: Vec<Vec<f32>> = ks.iter().map(|k| (0..k * k).map(|_| random.unit()).collect()).collect();
    let spots: Vec<[usize; 3]> = (0..64)
        .map(|i| match i {
            0 => [0, 0, 0],
            1 => [0, side - 1, side - 1],
            _ => [0, random.next() as usize % side, random.next() as usize % side],
        })
        .collect();
    let mut expected: HashMap<usize, Vec<f64>> = HashMap::new();
    let picture = Picture { shape, input: gpu.filled(&x)?, output: gpu.filled(&vec![0f32; side * side])? };
    println!(
        "{side} x {side} f32; subgroups {}..{}; timestamps {} ({} ns); times in us; norm: median as if at the best clock; \
         slow: how much slower the arithmetic beside it ran (median)",
        gpu.subgroup.0, gpu.subgroup.1, gpu.stamps, gpu.period
    );
    let both = |b: Binding| match b {
        Binding::Input => (picture.input.clone(), 0),
        _ => (picture.output.clone(), 0),
    };
    let fma: String = (0..8).flat_map(|_| (0..8).map(|i| format!("s{i} = fma(s{i}, f, a);\n"))).collect();
    let fma = gpu.compile(&plain(&FMA.replace("REPEAT", &fma)))?;
    let groups = if gpu.software { 16 } else { 8192 };
    let fma = step(gpu, &fma, &both, [groups, 1])?;
    let queries = gpu.stamps.then(|| {
        gpu.device.create_query_set(&wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: 6 })
    });
    let resolved = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 256,
        usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let mut clock = Clock { gpu, fma, best: f64::INFINITY, queries, resolved };
    // Warms the card up.
    for _ in 0..if gpu.software { 1 } else { 200 } {
        let _ = clock.batch(&[], 1)?;
    }
    let tflops = groups as f64 * 256.0 * 128.0 * 64.0 / clock.best * 1e-6;
    println!("arithmetic: {:.1} us at best, {tflops:.2} T multiply-adds/s", clock.best);
    let pixels = (side * side) as f64;
    let copy = gpu.compile(&plain(COPY))?;
    let blocks = (side * side / 1024) as u32;
    let copy = step(gpu, &copy, &both, [blocks.min(32768), blocks.div_ceil(32768)])?;
    let [min, median, norm, slow] = clock.measure(&[copy])?;
    println!("{:<44} K   - {min:9.1} {median:9.1} norm {norm:9.1} slow {slow:.2} {:7.0} GB/s", "copy", 8e-3 * pixels / median);

    let mut all = variants();
    // One pipeline a kernel: only a few of them.
    let mut baked: Vec<Named> = Vec::new();
    for v in &all {
        let best = ["a  64x64 r16 4x4,4x4,4x4 scalar table", "m  64x64 r16 y16,4x4,x16 scalar table"];
        if best.contains(&v.name.as_str()) {
            baked.push(Named { name: format!("{} baked", v.name), baked: true, ..v.clone() });
        }
    }
    all.extend(baked);
    let mut table: Vec<(usize, f64, String)> = Vec::new();
    for variant in all.iter().filter(|v| only.is_none_or(|only| v.name.contains(only))) {
        if begun.elapsed().as_secs_f64() > deadline {
            println!("LEFT OUT for time: {}", variant.name);
            continue;
        }
        let (mut compiled, mut seconds) = (None, 0.0);
        for (&k, kernel) in ks.iter().zip(&kernels) {
            let block = variant.method.block();
            let valid = block.map(|n| (n + 1).saturating_sub(k));
            let over = (block[0] * block[1]) as f64 / (valid[0] * valid[1]) as f64;
            let tier_two = matches!(variant.method, Method::Passes(..));
            if valid.contains(&0) || over > 8.0 || (tier_two && k < 15) || (variant.baked && ![15, 31].contains(&k)) {
                continue;
            }
            if begun.elapsed().as_secs_f64() > deadline {
                break;
            }
            let mut one = || -> Any<()> {
                let (taps, origin) = turned([k; 2], kernel);
                let spec = Kernel { taps: [k; 2], origin, baked: variant.baked };
                if compiled.is_none() || variant.baked {
                    let start = Instant::now();
                    compiled = Some(compile(gpu, &variant.method, &spec)?);
                    seconds = start.elapsed().as_secs_f64();
                }
                let of = compiled.as_ref().expect("compiled");
                let [make, run] = prepare(gpu, &variant.method, of, &spec, &taps, &picture)?;
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                encoder.clear_buffer(&picture.output, 0, None);
                gpu.queue.submit([encoder.finish()]);
                submit(gpu, &[&make, &run])?;
                // A quarter of a picture of 64 MiB would do; reading all of it takes some 20 ms.
                let got: Vec<f32> = gpu.read(&picture.output, side * side)?;
                let want = expected.entry(k).or_insert_with(|| {
                    spots.iter().map(|&at| direct(&x, shape, [k; 2], kernel, at)).collect()
                });
                let scale = kernel.iter().map(|k| k.abs() as f64).sum::<f64>() * 1.3;
                let off = spots.iter().zip(want.iter()).map(|(at, e)| (got[at[1] * side + at[2]] as f64 - e).abs());
                let off = off.fold(0.0, |a, b| if b.is_nan() { f64::INFINITY } else { a.max(b) }) / scale;
                let [min, median, norm, slow] = clock.measure(&run)?;
                let wrong = if off > 1e-5 { " WRONG" } else { "" };
                println!(
                    "{:<44} K {k:3} {min:9.1} {median:9.1} norm {norm:9.1} slow {slow:.2} {:7.0} GB/s off {off:.1e} \
                     dispatches {} compiled {seconds:.2} s{wrong}",
                    variant.name,
                    8e-3 * pixels / median,
                    run.len()
                );
                if wrong.is_empty() {
                    table.push((k, norm, variant.name.clone()));
                }
                Ok(())
            };
            if let Err(e) = one() {
                println!("{:<44} K {k:3} FAILED {e}", variant.name);
                if compiled.is_none() {
                    break;
                }
            }
        }
    }
    println!("\nbest by K (norm us):");
    for k in ks {
        let mut of: Vec<_> = table.iter().filter(|t| t.0 == k).collect();
        of.sort_by(|a, b| a.1.total_cmp(&b.1));
        let of: Vec<String> = of.iter().take(4).map(|t| format!("{:.1} [{}]", t.1, t.2)).collect();
        println!("K {k:3}: {}", of.join("  "));
    }
    println!("total {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn dump(folder: &str) -> Any<()> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    for variant in variants() {
        for baked in [false, true] {
            let kernel = Kernel { taps: [15, 15], origin: [7, 7], baked };
            let [_, filter] = variant.method.shaders(&kernel);
            for (i, shader) in filter.iter().enumerate() {
                let name: String = variant.name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
                let name = format!("{folder}/{name}{}_{i}.wgsl", if baked { "_baked" } else { "" });
                std::fs::write(name, &shader.source).map_err(|e| e.to_string())?;
            }
        }
    }
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode = arguments.first().map(String::as_str).unwrap_or("bench");
    let only = arguments.get(1).map(String::as_str);
    let done = match mode {
        "dump" => dump(only.unwrap_or("wgsl")),
        "list" => {
            variants().iter().for_each(|v| println!("{}", v.name));
            Ok(())
        }
        "check" => open().and_then(|gpu| match check(&gpu, only)? {
            true => Ok(println!("all right")),
            false => Err("CHECK FAILED".into()),
        }),
        _ => open().and_then(|gpu| bench(&gpu, only)),
    };
    if let Err(e) = done {
        println!("ERROR {e}");
        std::process::exit(1);
    }
}
