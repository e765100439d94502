//! Convolutions on data that stays on the GPU, in buffers and in textures, beside what that GPU can do
//! at most; and pictures that travel there and back. f32, mode same, zero edges.
//!
//! `cargo bench --bench gpu`, at 4096² on hardware and at 1024² on a software adapter. Resident work
//! is timed by the GPU's own clock where it has timestamp queries, and from submission to the end of
//! a batch elsewhere; throughput is in multiply-adds, or in bytes, read plus written. Runs that
//! would take longer than a second are left out. Hardware is kept busy before each batch: its clock
//! falls to a fifth where little is asked of it. With `CONVOLVE_BENCH_LINES=FILE`, a line of JSON
//! per case is added to that file: medians by both clocks, and the work of one run.

use std::time::{Duration, Instant};

use convolve::{Convolver, Device, Filter, GpuArray, GpuDevice, Method, plan::GpuKind, wgpu};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use ndarray::{Array1, Array2, Array3, Axis, Ix2};

use gpu::{Clock, Times};
use lines::{Lines, Work};

#[path = "../cli/src/bench/gpu_peak.rs"]
mod gpu;
#[path = "common/lines.rs"]
mod lines;

const KERNELS: [usize; 10] = [3, 5, 7, 9, 11, 15, 17, 31, 63, 127];
/// Those whose pictures also travel.
const TRAVELLING: [usize; 4] = [3, 7, 15, 31];
/// A run that is expected to take longer than this, in seconds, is left out.
const LONGEST: f64 = 1.0;
/// What is submitted at one time takes about this long at most, in seconds: drivers end work that
/// keeps them much longer.
const SUBMITTED: f64 = 0.2;
const MOST_SUBMITTED: f64 = 500.0;
/// How long hardware is kept busy before each batch.
const BUSY: Duration = Duration::from_millis(10);

/// Everything that the cases share.
struct Bench {
    convolver: Convolver,
    gpu: GpuDevice,
    clock: Clock,
    side: usize,
    /// Workgroups that are enough to keep the device busy.
    groups: u32,
    /// Keeps hardware busy: what, and how often before each batch.
    busy: Option<(gpu::Work, u32)>,
    lines: Lines,
}

impl Bench {
    /// None where there is no GPU.
    fn new() -> Option<Self> {
        let convolver = Convolver::new();
        let gpu = match convolver.gpu() {
            Ok(gpu) => gpu,
            Err(error) => {
                let required =
                    std::env::var("CONVOLVE_REQUIRE_GPU").is_ok_and(|value| value == "1");
                assert!(!required, "CONVOLVE_REQUIRE_GPU=1, but: {error}");
                eprintln!("nothing to measure: {error}");
                return None;
            }
        };
        let clock = Clock::new(&gpu);
        // As criterion decides whether it measures, or runs everything once.
        let given = |flag: &str| std::env::args().any(|argument| argument == flag);
        let measures = given("--bench") && !given("--test");
        let software = gpu.capabilities().kind == GpuKind::Software;
        let (side, groups) = match (measures, software) {
            (false, _) => (64, 1),
            (true, true) => (1024, 16),
            (true, false) => (4096, 8192),
        };
        let lines = Lines::new(&gpu.capabilities().name, clock.name());
        let busy = (measures && !software).then(|| {
            let (work, _) = gpu::multiply_adds(&gpu, groups);
            let once = clock.time(|encoder| work.record(encoder)).best();
            let times = BUSY.as_secs_f64() / once.as_secs_f64();
            (work, times.ceil() as u32)
        });
        Some(Self { convolver, gpu, clock, side, groups, busy, lines })
    }

    fn bytes(&self) -> u64 {
        (self.side * self.side * size_of::<f32>()) as u64
    }

    /// Bytes read and written in one run.
    fn moved(&self) -> Work {
        Work { bytes: 2 * self.bytes(), multiply_adds: 0 }
    }

    fn input(&self) -> Array2<f32> {
        random(self.side, 1)
    }

    /// Measures what `record` records, over and over in one submission. One of them is expected to
    /// take `expected` seconds.
    fn device_time(
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        case: Case<'_>,
        expected: f64,
        mut record: impl FnMut(&mut wgpu::CommandEncoder),
    ) {
        let batch = (SUBMITTED / expected).clamp(1.0, MOST_SUBMITTED) as u64;
        self.measure(group, case, |times| {
            let mut all = Times { device: Some(Duration::ZERO), wall: Duration::ZERO };
            for start in (0..times).step_by(batch as usize) {
                let these = batch.min(times - start);
                if let Some((work, often)) = &self.busy {
                    self.clock.time(|encoder| (0..*often).for_each(|_| work.record(encoder)));
                }
                let took = self.clock.time(|encoder| (0..these).for_each(|_| record(encoder)));
                all.device = all.device.zip(took.device).map(|(all, took)| all + took);
                all.wall += took.wall;
            }
            all
        });
    }

    /// Measures what runs so many times and says how long that took.
    fn measure(
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        case: Case<'_>,
        mut run: impl FnMut(u64) -> Times,
    ) {
        let mut measured = Vec::new();
        group.throughput(match case.work.multiply_adds {
            0 => Throughput::Bytes(case.work.bytes),
            multiply_adds => Throughput::Elements(multiply_adds),
        });
        let id = match case.taps {
            0 => BenchmarkId::from_parameter(case.name),
            taps => BenchmarkId::new(case.name, taps),
        };
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|times| {
                let took = run(times);
                measured.push((times, took));
                took.best()
            });
        });
        self.lines.add(case.group, case.name, case.taps, self.side, case.work, &measured);
    }

    /// A filter on the GPU; none where it would take too long, or cannot be.
    fn filter(&self, kernel: &Array2<f32>, method: Method) -> Option<Filter<f32, Ix2>> {
        let filter = self.convolver.filter(kernel).device(Device::Gpu).method(method);
        let filter = filter.for_shape((self.side, self.side));
        let filter = filter.inspect_err(|error| eprintln!("left out: {error}")).ok()?;
        (filter.plan().cost().total() <= LONGEST).then_some(filter)
    }
}

/// What is measured.
struct Case<'a> {
    group: &'a str,
    name: &'a str,
    /// Length of the kernel along each axis, 0 where there is none.
    taps: usize,
    work: Work,
}

/// Samples without a pattern, the same ones each time, from -1 to 1.
fn random(side: usize, seed: u32) -> Array2<f32> {
    let mut state = seed;
    Array2::from_shape_simple_fn((side, side), || {
        // A linear congruential generator: Numerical Recipes' constants.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
}

/// A Gaussian whose ends are at three sigma.
fn gaussian(taps: usize) -> Array2<f32> {
    let centre = (taps / 2) as f32;
    let sigma = taps as f32 / 6.0;
    let line =
        Array1::from_shape_fn(taps, |i| (-((i as f32 - centre) / sigma).powi(2) / 2.0).exp());
    let line = &line / line.sum();
    &line.view().insert_axis(Axis(1)) * &line.view().insert_axis(Axis(0))
}

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_secs(1));
    group
}

fn empty_like(bench: &Bench, x: &Array2<f32>) -> GpuArray<f32, Ix2> {
    bench.gpu.upload(x).expect("the array was uploaded before")
}

fn limits(bench: &Bench, criterion: &mut Criterion) {
    const GROUP: &str = "gpu limits";
    let mut group = group(criterion, GROUP);
    let (x, bytes) = (bench.input(), bench.bytes());
    let [source, target] = [(); 2].map(|()| empty_like(bench, &x));
    let [from, to] = [source.buffer(), target.buffer()];
    let model = bench.convolver.cost_model();
    let rates = model.gpu_rates(bench.gpu.capabilities().kind);
    let expected = bench.moved().bytes as f64 / rates.bandwidth;

    let case = |name, work| Case { group: GROUP, name, taps: 0, work };
    bench.device_time(&mut group, case("copy", bench.moved()), expected, |encoder| {
        encoder.copy_buffer_to_buffer(from, 0, to, 0, Some(bytes));
    });
    let copy = gpu::copy(&bench.gpu, from, to, bytes);
    bench.device_time(&mut group, case("copy by a shader", bench.moved()), expected, |encoder| {
        copy.record(encoder);
    });
    let (peak, multiply_adds) = gpu::multiply_adds(&bench.gpu, bench.groups);
    let (work, expected) = (Work { bytes: 0, multiply_adds }, multiply_adds as f64 / rates.direct);
    bench.device_time(&mut group, case("multiply-adds", work), expected, |encoder| {
        peak.record(encoder);
    });
    group.finish();
}

const METHODS: [(Method, &str); 3] =
    [(Method::Direct, "direct"), (Method::Separable, "separable"), (Method::Fft, "fft")];

/// Multiply-adds for an output. Transforms have none: their throughput is in bytes.
fn products(method: Method, taps: usize) -> usize {
    match method {
        Method::Separable => 2 * taps,
        Method::Fft => 0,
        _ => taps * taps,
    }
}

/// From one array on the GPU to another.
fn resident(bench: &Bench, criterion: &mut Criterion) {
    const GROUP: &str = "gpu resident";
    let mut group = group(criterion, GROUP);
    let x = bench.input();
    let [source, target] = [(); 2].map(|()| empty_like(bench, &x));
    for (method, name) in METHODS {
        for taps in KERNELS {
            let kernel = if method == Method::Separable { gaussian(taps) } else { random(taps, 2) };
            let Some(filter) = bench.filter(&kernel, method) else { continue };
            let each = products(method, taps);
            let work = Work { multiply_adds: (x.len() * each) as u64, ..bench.moved() };
            let case = Case { group: GROUP, name, taps, work };
            bench.device_time(&mut group, case, filter.plan().cost().work, |encoder| {
                filter.encode(encoder, source.buffer(), target.buffer()).expect("a planned run");
            });
        }
    }
    group.finish();
}

/// From one texture of four channels to another.
fn textures(bench: &Bench, criterion: &mut Criterion) {
    const GROUP: &str = "gpu textures";
    let mut group = group(criterion, GROUP);
    let side = bench.side as u32;
    let size = wgpu::Extent3d { width: side, height: side, depth_or_array_layers: 1 };
    for (format, texel, format_name) in [
        (wgpu::TextureFormat::Rgba8Unorm, 4, "rgba8unorm"),
        (wgpu::TextureFormat::Rgba16Float, 8, "rgba16float"),
    ] {
        let view = |usage| {
            let texture = bench.gpu.device().create_texture(&wgpu::TextureDescriptor {
                label: None,
                size,
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage,
                view_formats: &[],
            });
            texture.create_view(&Default::default())
        };
        let source = view(wgpu::TextureUsages::TEXTURE_BINDING);
        let target = view(wgpu::TextureUsages::STORAGE_BINDING);
        for (method, name) in METHODS {
            let name = &format!("{format_name} {name}");
            for taps in TRAVELLING {
                let kernel =
                    if method == Method::Separable { gaussian(taps) } else { random(taps, 2) };
                let Some(filter) = bench.filter(&kernel, method) else { continue };
                let each = products(method, taps);
                let texels = (bench.side * bench.side) as u64;
                let multiply_adds = 4 * texels * each as u64;
                let work = Work { bytes: 2 * texel * texels, multiply_adds };
                let case = Case { group: GROUP, name, taps, work };
                let expected = 4.0 * filter.plan().cost().work;
                bench.device_time(&mut group, case, expected, |encoder| {
                    filter.encode_texture(encoder, &source, &target).expect("a planned run");
                });
            }
        }
    }
    group.finish();
}

/// Times by the host's clock.
fn by_the_host(run: impl FnOnce()) -> Times {
    let start = Instant::now();
    run();
    Times { device: None, wall: start.elapsed() }
}

/// From host memory and back.
fn travelling(bench: &Bench, criterion: &mut Criterion) {
    const GROUP: &str = "gpu host to host";
    let mut group = group(criterion, GROUP);
    let x = bench.input();
    let mut y = Array2::zeros(x.dim());
    for taps in TRAVELLING {
        let Some(filter) = bench.filter(&random(taps, 2), Method::Direct) else { continue };
        let case = Case { group: GROUP, name: "apply_into", taps, work: bench.moved() };
        bench.measure(&mut group, case, |times| {
            by_the_host(|| {
                for _ in 0..times {
                    filter.apply_into(&x, &mut y).expect("a planned run");
                }
            })
        });
    }

    // Red, green and blue, a byte each, there and back.
    let picture = Array3::from_shape_fn((bench.side, bench.side, 3), |(i, j, channel)| {
        (i * 31 + j * 17 + channel * 5) as u8
    });
    for taps in TRAVELLING {
        let kernel = gaussian(taps).insert_axis(Axis(2));
        let filter = bench.convolver.filter(&kernel).device(Device::Gpu);
        let filter = filter.for_shape(picture.dim()).expect("the GPU takes f32");
        if filter.plan().cost().total() > LONGEST {
            continue;
        }
        let work = Work { bytes: 2 * picture.len() as u64, multiply_adds: 0 };
        let case = Case { group: GROUP, name: "stream of u8", taps, work };
        bench.measure(&mut group, case, |times| {
            by_the_host(|| {
                let mut stream = filter.stream_of::<u8>();
                for _ in 0..times {
                    stream.push(&picture).expect("a planned run");
                }
                while stream.pop().expect("a planned run").is_some() {}
            })
        });
    }
    group.finish();
}

fn all(criterion: &mut Criterion) {
    let Some(bench) = Bench::new() else { return };
    limits(&bench, criterion);
    resident(&bench, criterion);
    textures(&bench, criterion);
    travelling(&bench, criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
