//! Filters of textures: of any size, of rectangles, with taps that change, into every format.

use convolve::reference::Oracle;
use convolve::wgpu::{self, TextureFormat, TextureUsages};
use convolve::{
    Alpha, Boundary, Convolver, Device, Error, GpuTexture, Light, Method, Mode, Options,
    TextureFilter, Tolerance, filters,
};
use ndarray::{Array2, Array3, Axis, s};

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

const ALL: TextureUsages =
    TextureUsages::TEXTURE_BINDING.union(TextureUsages::COPY_DST).union(TextureUsages::COPY_SRC);
const STORED: TextureUsages = ALL.union(TextureUsages::STORAGE_BINDING);
const DRAWN: TextureUsages = ALL.union(TextureUsages::RENDER_ATTACHMENT);

struct Gpu<'a> {
    device: &'a wgpu::Device,
    queue: &'a wgpu::Queue,
}

impl Gpu<'_> {
    fn texture(
        &self,
        format: TextureFormat,
        [height, width]: [usize; 2],
        usage: TextureUsages,
    ) -> wgpu::Texture {
        self.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d {
                width: width as u32,
                height: height as u32,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage,
            view_formats: &[],
        })
    }

    /// A texture of four single-precision channels that holds this.
    fn holding(&self, x: &Array3<f32>) -> wgpu::Texture {
        let (height, width, channels) = x.dim();
        assert_eq!(channels, 4);
        let texture = self.texture(TextureFormat::Rgba32Float, [height, width], STORED);
        self.fill(&texture, x);
        texture
    }

    fn fill(&self, texture: &wgpu::Texture, x: &Array3<f32>) {
        let samples: Vec<f32> = x.iter().copied().collect();
        self.queue.write_texture(
            texture.as_image_copy(),
            bytemuck::cast_slice(&samples),
            wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(texture.width() * 16),
                rows_per_image: None,
            },
            texture.size(),
        );
    }

    fn submit(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        record(&mut encoder);
        self.queue.submit([encoder.finish()]);
    }

    fn wait(&self) {
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("done");
    }

    /// What a texture of four single-precision channels holds.
    fn read(&self, texture: &wgpu::Texture) -> Array3<f32> {
        assert_eq!(texture.format(), TextureFormat::Rgba32Float);
        let (height, width) = (texture.height() as usize, texture.width() as usize);
        let row = (width * 16).next_multiple_of(256);
        let staged = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (row * height) as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.submit(|encoder| {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(row as u32),
                rows_per_image: None,
            };
            encoder.copy_texture_to_buffer(
                texture.as_image_copy(),
                wgpu::TexelCopyBufferInfo { buffer: &staged, layout },
                texture.size(),
            );
        });
        staged.map_async(wgpu::MapMode::Read, .., |mapped| mapped.expect("maps"));
        self.wait();
        let bytes = staged.get_mapped_range(..).expect("mapped");
        Array3::from_shape_fn((height, width, 4), |(i, j, c)| {
            bytemuck::pod_read_unaligned(&bytes[i * row + j * 16 + c * 4..][..4])
        })
    }

    /// What a shader sees of a texture of any format.
    fn seen(&self, convolver: &Convolver, texture: &wgpu::Texture) -> Array3<f32> {
        let size = [texture.height() as usize, texture.width() as usize];
        let seen = self.texture(TextureFormat::Rgba32Float, size, STORED);
        let identity = convolver.filter(&ndarray::arr2(&[[1.0f32]]));
        let identity = identity.for_textures((size[0], size[1])).expect("admissible");
        self.submit(|encoder| identity.encode(encoder, texture, &seen).expect("records"));
        self.read(&seen)
    }
}

/// The device of a convolver, for what callers bring.
fn on(convolver: &Convolver) -> (wgpu::Device, wgpu::Queue) {
    let gpu = convolver.gpu().expect("a GPU");
    (gpu.device().clone(), gpu.queue().clone())
}

macro_rules! on {
    ($gpu:ident of $convolver:ident) => {
        let Some($convolver) = gpu() else { return };
        let (device, queue) = on($convolver);
        let $gpu = Gpu { device: &device, queue: &queue };
    };
}

/// In 0 .. 1.
fn noise(random: &mut Random, [height, width]: [usize; 2]) -> Array3<f32> {
    Array3::from_shape_simple_fn((height, width, 4), || random.below(256) as f32 / 256.0)
}

fn convolved(x: &Array3<f32>, kernel: &Array2<f32>, options: &Options<f32>) -> Array3<f32> {
    let mut planes = Vec::new();
    for channel in 0..x.dim().2 {
        let x = x.slice(s![.., .., channel]).into_dyn();
        let exact = Oracle::new(x, kernel.view().into_dyn(), options).expect("valid").wide();
        planes.push(exact.mapv(|y| y as f32));
    }
    let (height, width) = (planes[0].shape()[0], planes[0].shape()[1]);
    Array3::from_shape_fn((height, width, planes.len()), |(i, j, c)| planes[c][[i, j]])
}

fn assert_close(y: &Array3<f32>, exact: &Array3<f32>, most: f32, what: &str) {
    assert_eq!(y.dim(), exact.dim(), "{what}");
    for ((at, y), exact) in y.indexed_iter().zip(exact) {
        assert!((y - exact).abs() <= most, "{what} {at:?}: {y} for {exact}");
    }
}

fn general() -> Array2<f32> {
    Array2::from_shape_fn((5, 4), |(i, j)| (1 + (i * 5 + j * 3) % 4) as f32 / 64.0)
}

fn options(boundary: Boundary<i8>, mode: Mode, stride: usize) -> Options<f32> {
    with!(Options::default(), mode, boundary: of_type::<f32>(boundary).into(), stride: stride.into())
}

/// One filter, planned for another size than any that it gets: rectangles of a texture, with edges at
/// their ends and read beyond, into a corner of a larger one.
#[test]
fn rectangles_of_any_size() {
    on!(gpu of convolver);
    let mut random = Random::new(5);
    let gaussian = filters::gaussian::<f32>(1.1).expect("a sigma");
    let general = general();
    let column = Array2::from_shape_fn((7, 1), |(i, _)| (1 + i % 3) as f32 / 16.0);
    let row = column.t().to_owned();
    let mut calls = 0;
    for (kernel, method, modes) in [
        (&general, Method::Direct, &[(Mode::Same, 1), (Mode::Full, 1), (Mode::Same, 2)][..]),
        (&gaussian, Method::Separable, &[(Mode::Same, 1), (Mode::Valid, 1)]),
        (&general, Method::Fft, &[(Mode::Same, 1), (Mode::Full, 1)]),
        (&column, Method::Fft, &[(Mode::Same, 1)]),
        (&row, Method::Fft, &[(Mode::Same, 1)]),
        (&column, Method::Direct, &[(Mode::Same, 1)]),
        (&row, Method::Direct, &[(Mode::Same, 1)]),
    ] {
        for (&(mode, stride), boundary) in modes.iter().flat_map(|m| EDGES.map(|edge| (m, edge))) {
            let options = options(boundary, mode, stride);
            let filter = convolver.filter(kernel).options(options.clone());
            let filter = filter.device(Device::Gpu).method(method).for_textures((64, 50));
            let filter = filter.expect("admissible");
            let x = noise(&mut random, [31, 37]);
            let source = gpu.holding(&x);
            for ([left, top], [width, height]) in
                [([0, 0], [37, 31]), ([5, 3], [20, 17]), ([24, 12], [13, 19]), ([1, 30], [30, 1])]
            {
                for beyond in [false, true] {
                    let rectangle = s![top..top + height, left..left + width, ..];
                    let what =
                        format!("{method} {mode} {boundary:?} {stride} {left} {top} {beyond}");
                    if mode == Mode::Valid && (height < kernel.nrows() || width < kernel.ncols()) {
                        continue;
                    }
                    let exact = match beyond {
                        false => convolved(&x.slice(rectangle).to_owned(), kernel, &options),
                        true => {
                            // A part of what all of it gives, as often as there is one.
                            if stride > 1 {
                                continue;
                            }
                            let whole = convolved(&x, kernel, &options);
                            let long = |n: usize, taps: usize| match mode {
                                Mode::Full => n + taps - 1,
                                Mode::Valid => n + 1 - taps,
                                _ => n,
                            };
                            let (rows, columns) =
                                (long(height, kernel.nrows()), long(width, kernel.ncols()));
                            whole.slice(s![top..top + rows, left..left + columns, ..]).to_owned()
                        }
                    };
                    let (rows, columns, _) = exact.dim();
                    let before = noise(&mut random, [rows + 7, columns + 5]);
                    let target = gpu.holding(&before);
                    let [x_origin, y_origin] = [3, 6];
                    let from = GpuTexture::new(&source)
                        .origin([left as u32, top as u32])
                        .size([width as u32, height as u32])
                        .reads_beyond(beyond);
                    let to = GpuTexture::new(&target).origin([x_origin as u32, y_origin as u32]);
                    gpu.submit(|encoder| filter.encode(encoder, from, to).expect("records"));
                    let mut expected = before;
                    let part = s![y_origin..y_origin + rows, x_origin..x_origin + columns, ..];
                    expected.slice_mut(part).assign(&exact);
                    let most = if method == Method::Fft { 2e-5 } else { 2e-6 };
                    assert_close(&gpu.read(&target), &expected, most, &what);
                    calls += 1;
                }
            }
        }
    }
    assert!(calls > 200, "{calls}");
}

/// Formats that no shader stores to are drawn: as near to the definition as the format can hold.
#[test]
fn formats_that_are_drawn() {
    on!(gpu of convolver);
    let mut random = Random::new(9);
    let kernel = general() / general().sum();
    let x = noise(&mut random, [23, 29]);
    let options = options(Boundary::Mirror, Mode::Same, 1);
    let exact = convolved(&x, &kernel, &options);
    let source = gpu.holding(&x);
    let filter = convolver.filter(&kernel).options(options).for_textures((23, 29));
    let filter = filter.expect("admissible");
    use TextureFormat::*;
    // Half a step of the format, and the rounding of what is drawn.
    let steps = |steps: f32| 0.5 / steps + 0.26e-3;
    for (format, most, channels) in [
        // sRGB's steps grow with the light, up to 2.3 of 255.
        (Rgba8UnormSrgb, [steps(110.0), steps(255.0)], 4),
        (Bgra8UnormSrgb, [steps(110.0), steps(255.0)], 4),
        (Bgra8Unorm, [steps(255.0); 2], 4),
        (Rgba8Unorm, [steps(255.0); 2], 4),
        (Rgb10a2Unorm, [0.5 / 1023.0 + 1e-6, steps(3.0)], 4),
        // Six digits of a number up to 1, which may be cut off, and five of blue.
        (Rg11b10Ufloat, [1.0 / 64.0 + 3e-4, 0.0], 3),
        (R8Unorm, [steps(255.0); 2], 1),
        (Rg8Unorm, [steps(255.0); 2], 2),
        (R16Float, [1.0 / 2048.0 + 1e-6; 2], 1),
        (Rg16Float, [1.0 / 2048.0; 2], 2),
        (Rgba16Float, [0.5 / 2048.0 + 1e-6; 2], 4),
    ] {
        let able = format.guaranteed_format_features(gpu.device.features()).allowed_usages;
        if !able.contains(TextureUsages::RENDER_ATTACHMENT) {
            // Some devices do not draw to it.
            assert_eq!(format, Rg11b10Ufloat);
            continue;
        }
        let target = gpu.texture(format, [23, 29], DRAWN);
        let cost = filter.cost(&source, &target).expect("admissible");
        assert_eq!((cost.dispatches, cost.draws), (1, 1), "{format:?}");
        gpu.submit(|encoder| filter.encode(encoder, &source, &target).expect("records"));
        let y = gpu.seen(convolver, &target);
        for ((at, y), exact) in y.indexed_iter().zip(&exact) {
            let channel = at.2;
            if channel < channels {
                let most = most[usize::from(channel == 3)];
                assert!((y - exact).abs() <= most, "{format:?} {at:?}: {y} for {exact}");
            } else {
                assert_eq!(*y, if channel == 3 { 1.0 } else { 0.0 }, "{format:?} {at:?}");
            }
        }
    }
}

/// What is drawn means the same as what is stored.
#[test]
fn alpha_is_the_same_where_it_is_drawn() {
    on!(gpu of convolver);
    let mut random = Random::new(53);
    let mut x = noise(&mut random, [23, 29]);
    x.slice_mut(s![..12, .., 3]).fill(0.0);
    let source = gpu.holding(&x);
    let sharp = ndarray::arr2(&[[0.0f32, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]]);
    for alpha in [Alpha::Straight, Alpha::Premultiplied, Alpha::AsChannel] {
        let filter = convolver.filter(&sharp).boundary(Boundary::Nearest);
        let filter = filter.for_textures((23, 29)).expect("admissible");
        let [stored, drawn] = [STORED, DRAWN].map(|usage| {
            let target = gpu.texture(TextureFormat::Rgba8Unorm, [23, 29], usage);
            let [from, to] =
                [&source, &target].map(|texture| GpuTexture::new(texture).alpha(alpha));
            gpu.submit(|encoder| filter.encode(encoder, from, to).expect("records"));
            gpu.seen(convolver, &target)
        });
        assert_close(&drawn, &stored, 1.01 / 255.0, &format!("{alpha:?}"));
        for drawn in drawn.exact_chunks((1, 1, 4)) {
            let (colour, opacity) = (drawn[[0, 0, 0]], drawn[[0, 0, 3]]);
            assert!(alpha == Alpha::AsChannel || opacity > 0.0 || colour == 0.0);
            assert!(alpha != Alpha::Premultiplied || colour <= opacity);
        }
    }
}

/// A part of a frame is blurred where it stands, and all around it stays.
#[test]
fn a_texture_into_itself() {
    on!(gpu of convolver);
    let mut random = Random::new(13);
    let kernel = filters::gaussian::<f32>(1.5).expect("a sigma");
    let options = options(Boundary::Nearest, Mode::Same, 1);
    let filter = convolver.filter(&kernel).options(options.clone());
    let filter = filter.for_textures((64, 64)).expect("admissible");
    let x = noise(&mut random, [40, 44]);
    // Half precision has all of these.
    let frame = gpu.texture(TextureFormat::Rgba16Float, [40, 44], DRAWN);
    let source = gpu.holding(&x);
    let identity = convolver.filter(&ndarray::arr2(&[[1.0f32]])).for_textures((40, 44));
    let identity = identity.expect("admissible");
    gpu.submit(|encoder| identity.encode(encoder, &source, &frame).expect("records"));
    let panel = || GpuTexture::new(&frame).origin([8, 10]).size([20, 15]);
    let whole = convolved(&x, &kernel, &options);
    gpu.submit(|encoder| {
        filter.encode(encoder, panel().reads_beyond(true), panel()).expect("records");
    });
    let mut expected = x;
    let part = s![10..25, 8..28, ..];
    expected.slice_mut(part).assign(&whole.slice(part));
    let y = gpu.seen(convolver, &frame);
    assert_close(&y, &expected, 1.0 / 2048.0, "in place");
    let around = |at: (usize, usize, usize)| !(10..25).contains(&at.0) || !(8..28).contains(&at.1);
    assert!(y.indexed_iter().zip(&expected).all(|((at, y), x)| y == x || !around(at)));
    // One that can only be stored to would be read while it is written.
    let stored = gpu.texture(TextureFormat::Rgba32Float, [8, 8], STORED);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let error = filter.encode(&mut encoder, &stored, &stored).expect_err("both at once");
    assert!(error.to_string().contains("expected usage RENDER_ATTACHMENT"), "{error}");
}

fn sized(random: &mut Random, most: usize) -> [u32; 2] {
    [0, 1].map(|_| 8 + random.below(most - 8) as u32)
}

/// Once warm, frames with rectangles, sizes and taps of their own make nothing.
#[test]
fn warm_frames_make_nothing() {
    // Nobody else's counts.
    let Some(_) = gpu() else { return };
    let convolver = Convolver::new();
    let (device, queue) = on(&convolver);
    let gpu = Gpu { device: &device, queue: &queue };
    let counts = || convolver.gpu().expect("a GPU").counts();
    let mut random = Random::new(17);
    let x = noise(&mut random, [70, 60]);
    let source = gpu.holding(&x);
    let stored = gpu.texture(TextureFormat::Rgba32Float, [70, 60], STORED);
    let drawn = gpu.texture(TextureFormat::Rgba8UnormSrgb, [70, 60], DRAWN);
    for (kernel, method) in [
        (general(), Method::Direct),
        (filters::gaussian::<f32>(2.0).expect("a sigma"), Method::Separable),
        (Array2::from_shape_fn((70, 3), |(i, j)| 1.0 / (1 + i + j) as f32), Method::Direct),
    ] {
        let filter = convolver.filter(&kernel).method(method).for_textures((70, 60));
        let filter = filter.expect("admissible");
        let frame = |size: [u32; 2], seed: f32| {
            let taps = filter.kernel(&(&kernel * seed)).expect("as many");
            for target in [&stored, &drawn] {
                gpu.submit(|encoder| {
                    let from = GpuTexture::new(&source).size(size);
                    let to = GpuTexture::new(target).origin([0, 0]);
                    filter.encode(encoder, from, to).expect("records");
                    filter.encode_with(encoder, &taps, from, to).expect("records");
                });
            }
            gpu.wait();
        };
        filter.prepare(&source, &stored).expect("compiles");
        let compiled = counts().pipelines;
        frame([60, 70], 1.0);
        // Drawing is another pipeline, and that of the method.
        assert!(counts().pipelines <= compiled + 2, "{:?}", counts());
        let before = counts();
        for number in 0..12 {
            frame(sized(&mut random, 60), 0.5 + number as f32);
        }
        let after = counts();
        assert_eq!(after.made(), before.made(), "{method}: {before:?} {after:?}");
        let cost = filter.cost(&source, &stored).expect("admissible");
        assert_eq!(after.dispatches - before.dispatches, 12 * 4 * cost.dispatches as u64);
        assert_eq!(after.draws - before.draws, 12 * 2);
    }
}

/// Several frames in flight keep their own taps and parameters.
#[test]
fn recordings_keep_their_taps() {
    on!(gpu of convolver);
    let mut random = Random::new(19);
    let x = noise(&mut random, [21, 18]);
    let source = gpu.holding(&x);
    let options = options(Boundary::Reflect, Mode::Same, 1);
    let kernel = general();
    let filter = convolver.filter(&kernel).options(options.clone()).for_textures((21, 18));
    let filter = filter.expect("admissible");
    let scales = [1.0, 0.5, 2.0, 3.0, 0.25];
    let targets = scales.map(|_| gpu.texture(TextureFormat::Rgba32Float, [21, 18], STORED));
    let mut encoders = Vec::new();
    for (scale, target) in scales.iter().zip(&targets) {
        let taps = filter.kernel(&(&kernel * *scale)).expect("as many");
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        filter.encode_with(&mut encoder, &taps, &source, target).expect("records");
        // What is never submitted takes nothing from the others.
        let mut dropped = gpu.device.create_command_encoder(&Default::default());
        filter.encode_with(&mut dropped, &taps, &source, target).expect("records");
        encoders.push(encoder.finish());
    }
    drop(filter);
    encoders.reverse();
    gpu.queue.submit(encoders);
    let exact = convolved(&x, &kernel, &options);
    for (scale, target) in scales.iter().zip(&targets) {
        assert_close(&gpu.read(target), &(&exact * *scale), 1e-5, &format!("times {scale}"));
    }
}

/// Under a tolerance wide kernels run on coarser grids, and stay within it.
#[test]
fn coarser_grids_stay_within_the_tolerance() {
    on!(gpu of convolver);
    let mut random = Random::new(41);
    let kernel = filters::gaussian::<f32>(4.2).expect("a sigma");
    let size = [60, 56];
    for (number, boundary) in EDGES.into_iter().enumerate() {
        let options = options(boundary, Mode::Same, 1);
        // Noise, and what is as steep as can be.
        let x = match number % 2 {
            0 => noise(&mut random, size),
            _ => Array3::from_shape_fn((size[0], size[1], 4), |(i, j, c)| {
                ((i / 3 + j / 5 + c) % 2) as f32
            }),
        };
        let source = gpu.holding(&x);
        let exact = convolved(&x, &kernel, &options);
        // A constant outside may be larger than what is inside.
        let large = match of_type::<f32>(boundary) {
            Boundary::Constant(value) => value.abs().max(1.0),
            _ => 1.0,
        };
        for (tolerance, most) in
            [(Tolerance::Levels(0.25), 0.25 / 255.0), (Tolerance::Relative(8e-4), 8e-4)]
        {
            let filter = convolver.filter(&kernel).options(options.clone());
            let filter = filter.tolerance(tolerance).for_textures((size[0], size[1]));
            let filter = filter.expect("admissible");
            assert!(filter.is_coarse(), "{tolerance:?}");
            let target = gpu.texture(TextureFormat::Rgba32Float, size, STORED);
            let cost = filter.cost(&source, &target).expect("admissible");
            assert_eq!((cost.dispatches, cost.draws), (6, 0));
            gpu.submit(|encoder| filter.encode(encoder, &source, &target).expect("records"));
            let what = format!("{boundary:?} {tolerance:?}");
            assert_close(&gpu.read(&target), &exact, large * most + 3e-6, &what);
            // A part of it, with what lies around.
            let part = GpuTexture::new(&source).origin([11, 20]).size([30, 36]).reads_beyond(true);
            let to = GpuTexture::new(&target).origin([1, 2]);
            gpu.submit(|encoder| filter.encode(encoder, part, to).expect("records"));
            let y = gpu.read(&target).slice(s![2..38, 1..31, ..]).to_owned();
            let exact = exact.slice(s![20..56, 11..41, ..]).to_owned();
            assert_close(&y, &exact, large * most + 3e-6, &what);
            // Too small for it: these run on no coarser grid.
            let small = GpuTexture::new(&source).size([7, 50]);
            let cost = filter.cost(small, GpuTexture::new(&target).origin([0, 0]));
            assert_ne!(cost.expect("admissible").dispatches, 6);
        }
    }
}

/// On a coarser grid too an output depends on its own window alone.
#[test]
fn what_is_not_finite_stays_in_its_windows() {
    on!(gpu of convolver);
    let mut random = Random::new(43);
    let kernel = filters::gaussian::<f32>(4.2).expect("a sigma");
    let options = options(Boundary::Mirror, Mode::Same, 1);
    let mut x = noise(&mut random, [120, 110]);
    (x[[60, 50, 0]], x[[60, 50, 1]], x[[3, 100, 2]]) = (f32::NAN, f32::INFINITY, f32::MAX);
    (x[[119, 0, 3]], x[[90, 109, 1]]) = (f32::NEG_INFINITY, 3e38);
    let source = gpu.holding(&x);
    let filter = convolver.filter(&kernel).options(options.clone());
    let filter = filter.tolerance(Tolerance::Levels(0.25)).for_textures((120, 110));
    let filter = filter.expect("admissible");
    assert!(filter.is_coarse());
    let target = gpu.texture(TextureFormat::Rgba32Float, [120, 110], STORED);
    gpu.submit(|encoder| filter.encode(encoder, &source, &target).expect("records"));
    let (y, exact) = (gpu.read(&target), convolved(&x, &kernel, &options));
    let radius = kernel.nrows() / 2;
    let largest = |i: usize, j: usize, c: usize| {
        // Of the window, and as far around as a coarse grid may reach.
        let reach = radius + 16;
        let near = s![
            i.saturating_sub(reach)..(i + reach).min(120),
            j.saturating_sub(reach)..(j + reach).min(110),
            c
        ];
        let finite =
            x.slice(near).iter().filter(|x| x.is_finite()).fold(0f32, |a, x| a.max(x.abs()));
        finite.max(1.0)
    };
    let mut odd = 0;
    for ((at, y), exact) in y.indexed_iter().zip(&exact) {
        if !exact.is_finite() {
            odd += 1;
            assert!(
                y.is_nan() == exact.is_nan() && (y.is_nan() || y == exact),
                "{at:?}: {y} {exact}"
            );
            continue;
        }
        let most = 1e-3 * largest(at.0, at.1, at.2);
        assert!((y - exact).abs() <= most, "{at:?}: {y} for {exact}");
    }
    assert!(odd > 2000, "{odd}");
}

/// Straight alpha and levels of sRGB, through coarser grids into a format that is drawn.
#[test]
fn coarser_grids_have_alpha_and_light() {
    on!(gpu of convolver);
    let mut random = Random::new(47);
    let kernel = filters::gaussian::<f32>(5.0).expect("a sigma");
    let x = noise(&mut random, [70, 64]);
    let source = gpu.holding(&x);
    let [near, far] = [Some(Tolerance::Relative(8e-4)), None].map(|tolerance| {
        let filter = convolver.filter(&kernel).boundary(Boundary::Nearest);
        let filter = match tolerance {
            Some(tolerance) => filter.tolerance(tolerance),
            None => filter,
        };
        let filter = filter.for_textures((70, 64)).expect("admissible");
        assert_eq!(filter.is_coarse(), tolerance.is_some());
        let target = gpu.texture(TextureFormat::Rgba8Unorm, [70, 64], STORED);
        let [from, to] = [&source, &target]
            .map(|texture| GpuTexture::new(texture).alpha(Alpha::Straight).light(Light::Linear));
        // Both ways are compared.
        let cost = filter.cost(from, to).expect("admissible");
        assert_eq!(cost.dispatches, if tolerance.is_some() { 6 } else { 2 });
        gpu.submit(|encoder| filter.encode(encoder, from, to).expect("records"));
        gpu.seen(convolver, &target)
    });
    let off = near.iter().zip(&far).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(off <= 1.01 / 255.0, "{off}");
    assert!(far.iter().any(|&y| y > 0.3));
    // Where it is dark a level stands for less light: what is proved of light need not hold for levels.
    let filter = convolver.filter(&kernel).tolerance(Tolerance::Levels(0.1));
    let filter = filter.for_textures((70, 64)).expect("admissible");
    let target = gpu.texture(TextureFormat::Rgba8Unorm, [70, 64], STORED);
    let dispatches = |light| {
        let to = GpuTexture::new(&target).light(light);
        filter.cost(&source, to).expect("admissible").dispatches
    };
    assert_eq!([Light::AsStored, Light::Linear].map(dispatches), [6, 2]);
}

/// Sigma from call to call, in rectangles of other sizes, and nothing is made once it is prepared.
#[test]
fn sigmas_that_change() {
    let Some(_) = gpu() else { return };
    let convolver = Convolver::new();
    let (device, queue) = on(&convolver);
    let gpu = Gpu { device: &device, queue: &queue };
    let mut random = Random::new(37);
    let x = noise(&mut random, [50, 60]);
    let source = gpu.holding(&x);
    let target = gpu.texture(TextureFormat::Rgba32Float, [50, 60], STORED);
    let blur = convolver.texture_blur(11.0, Boundary::Mirror).expect("a sigma");
    blur.prepare(&source, &target).expect("compiles");
    let options = options(Boundary::Mirror, Mode::Same, 1);
    // The true Gaussian, along each axis: wherever taps end, they are next to nothing there.
    let blurred = |x: &Array3<f32>, sigma: f64| {
        let kernel = match sigma > 1e-6 {
            true => filters::Gaussian::new(sigma).truncate(7.0).kernel::<f32>().expect("a sigma"),
            false => Array2::ones((1, 1)),
        };
        let taps = kernel.sum_axis(Axis(0));
        let along = convolved(x, &taps.clone().insert_axis(Axis(0)), &options);
        convolved(&along, &taps.insert_axis(Axis(1)), &options)
    };
    let sigmas = [0.0, 1e-9, 0.3, 0.8, 1.5, 2.5, 4.0, 5.3, 6.5, 8.0, 11.0];
    let run = |sigma: f64, [width, height]: [u32; 2]| {
        gpu.submit(|encoder| {
            let from = GpuTexture::new(&source).size([width, height]);
            let to = GpuTexture::new(&target).origin([0, 0]);
            blur.encode(encoder, sigma, from, to).expect("records");
        });
        gpu.wait();
    };
    let counts = || convolver.gpu().expect("a GPU").counts();
    let before = counts();
    for (number, &sigma) in sigmas.iter().chain(&[0.4, 1.1, 3.3, 5.0, 9.1]).enumerate() {
        let size = [60 - number, 50 - 2 * number];
        run(sigma, size.map(|n| n as u32));
        let part = s![..size[1], ..size[0], ..];
        let exact = blurred(&x.slice(part).to_owned(), sigma);
        let y = gpu.read(&target).slice(part).to_owned();
        assert_close(&y, &exact, 1.5e-4, &format!("sigma {sigma}"));
    }
    assert_eq!(counts().made(), before.made());
    // On coarser grids as on fine ones.
    let blur = blur.tolerance(Tolerance::Levels(0.25)).expect("a tolerance");
    blur.prepare(&source, &target).expect("compiles");
    let compiled = counts().pipelines;
    for sigma in [0.5, 3.0, 4.7, 5.1, 8.0] {
        gpu.submit(|encoder| blur.encode(encoder, sigma, &source, &target).expect("records"));
        let exact = blurred(&x, sigma);
        let most = 0.25 / 255.0 + 1.5e-4;
        assert_close(&gpu.read(&target), &exact, most, &format!("within 0.25, sigma {sigma}"));
    }
    let dispatches = |sigma| blur.cost(sigma, &source, &target).expect("admissible").dispatches;
    assert_eq!([1.0, 5.1].map(dispatches), [1, 6]);
    assert_eq!(counts().pipelines, compiled);
    assert!(
        convolver
            .texture_blur(2.0, Boundary::Zero)
            .unwrap()
            .tolerance(Tolerance::Levels(0.0))
            .is_err()
    );
    for wrong in [-1.0, f64::NAN, f64::INFINITY, 11.1] {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let error = blur.encode(&mut encoder, wrong, &source, &target).expect_err("a wrong sigma");
        assert!(matches!(error, Error::KernelParameter { .. }), "{error}");
    }
    for wrong in [f64::NAN, 1e300, 1e5, -1.0] {
        assert!(convolver.texture_blur(wrong, Boundary::Zero).is_err());
    }
}

#[test]
fn threads_record_with_one_filter() {
    on!(gpu of convolver);
    let mut random = Random::new(29);
    let x = noise(&mut random, [33, 27]);
    let source = gpu.holding(&x);
    let options = options(Boundary::Wrap, Mode::Same, 1);
    let kernel = filters::gaussian::<f32>(1.3).expect("a sigma");
    let filter = convolver.filter(&kernel).options(options.clone()).for_textures((64, 64));
    let filter: TextureFilter = filter.expect("admissible");
    let exact = convolved(&x, &kernel, &options);
    let (filter, source, exact, gpu) = (&filter, &source, &exact, &gpu);
    std::thread::scope(|scope| {
        for format in [TextureFormat::Rgba32Float; 4] {
            scope.spawn(move || {
                for _ in 0..5 {
                    let target = gpu.texture(format, [33, 27], STORED);
                    gpu.submit(|encoder| filter.encode(encoder, source, &target).expect("records"));
                    assert_close(&gpu.read(&target), exact, 2e-6, "of a thread");
                }
            });
        }
    });
}

/// Dispatches, and bytes that are read and written for each texel.
#[test]
fn what_formats_and_methods_cost() {
    on!(gpu of convolver);
    let size = [64, 128];
    use TextureFormat::*;
    for (method, from, to, dispatches, draws, read, written) in [
        (Method::Direct, Rgba16Float, Rgba16Float, 1, 0, 8, 8),
        (Method::Separable, Rgba16Float, Rgba16Float, 1, 0, 8, 8),
        (Method::Direct, Rgba8Unorm, Rgba8Unorm, 1, 0, 4, 4),
        (Method::Separable, Rgba8UnormSrgb, Rgba16Float, 1, 0, 4, 8),
        (Method::Separable, Rg11b10Ufloat, Rgba16Float, 1, 0, 4, 8),
        (Method::Separable, R32Float, R32Float, 1, 0, 4, 4),
        // Drawn.
        (Method::Separable, Rgba8UnormSrgb, Rgba8UnormSrgb, 1, 1, 4 + 8, 8 + 4),
        (Method::Direct, R8Unorm, R8Unorm, 1, 1, 1 + 4, 4 + 1),
        (Method::Direct, Rgba8Unorm, Rgb10a2Unorm, 1, 1, 4 + 16, 16 + 4),
        // Transforms are of numbers in buffers.
        (Method::Fft, Rgba16Float, Rgba16Float, 4, 0, 8 + 16 + 16, 16 + 16 + 8),
    ] {
        let kernel = filters::gaussian::<f32>(2.0).expect("a sigma");
        let filter = convolver.filter(&kernel).method(method).device(Device::Gpu);
        let filter = filter.for_textures((64, 128)).expect("admissible");
        let source = gpu.texture(from, size, TextureUsages::TEXTURE_BINDING);
        let usage = match draws {
            0 => TextureUsages::STORAGE_BINDING,
            _ => TextureUsages::RENDER_ATTACHMENT,
        };
        let target = gpu.texture(to, size, usage);
        let cost = filter.cost(&source, &target).expect("admissible");
        let what = format!("{method} {from:?} {to:?}: {cost:?}");
        assert_eq!((cost.dispatches, cost.draws), (dispatches, draws), "{what}");
        let texels = (size[0] * size[1]) as u64;
        assert_eq!((cost.read / texels, cost.written / texels), (read, written), "{what}");
    }
    // Half of the resolution in one dispatch.
    let half = convolver.filter(&filters::binomial::<f32>(2).expect("taps")).stride(2);
    let half = half.for_textures((64, 128)).expect("admissible");
    let [source, target] = [size, [32, 64]].map(|size| gpu.texture(Rgba16Float, size, STORED));
    let cost = half.cost(&source, &target).expect("admissible");
    assert_eq!((cost.dispatches, cost.read, cost.written), (1, 8 * 64 * 128, 8 * 32 * 64));
}

/// Textures are bound as a whole: no limit of buffers holds for them.
#[test]
fn large_textures_under_small_limits() {
    let Some(_) = gpu() else { return };
    let small = narrowed(Convolver::builder(), |gpu| {
        gpu.max_binding = 1 << 17;
        gpu.max_buffer = 1 << 18;
        // Tiles of a texture are more than a dispatch has workgroups.
        gpu.max_groups = 16;
    });
    let convolver = small.build();
    let (device, queue) = on(&convolver);
    let gpu = Gpu { device: &device, queue: &queue };
    let mut random = Random::new(31);
    let x = noise(&mut random, [90, 100]);
    let source = gpu.holding(&x);
    for (kernel, method) in [
        (general(), Method::Direct),
        (filters::gaussian::<f32>(1.5).expect("a sigma"), Method::Separable),
        // Two passes over buffers of rows.
        (filters::gaussian::<f32>(9.0).expect("a sigma"), Method::Separable),
        (general(), Method::Fft),
    ] {
        for boundary in [Boundary::Mirror, Boundary::Zero] {
            let options = options(boundary, Mode::Same, 1);
            let filter = convolver.filter(&kernel).options(options.clone());
            let filter = filter.method(method).device(Device::Gpu).for_textures((32, 32));
            let filter = filter.expect("admissible");
            let target = gpu.texture(TextureFormat::Rgba32Float, [90, 100], STORED);
            gpu.submit(|encoder| filter.encode(encoder, &source, &target).expect("records"));
            let cost = filter.cost(&source, &target).expect("admissible");
            assert!(cost.scratch <= 4 << 17, "{cost:?}");
            let exact = convolved(&x, &kernel, &options);
            assert_close(&gpu.read(&target), &exact, 2e-5, &format!("{method} {boundary:?}"));
        }
    }
}

#[test]
fn what_cannot_be_is_said() {
    on!(gpu of convolver);
    let kernel = general();
    let filter = convolver.filter(&kernel).boundary(Boundary::Nearest).for_textures((8, 9));
    let filter = filter.expect("admissible");
    let [source, target] =
        [(); 2].map(|()| gpu.texture(TextureFormat::Rgba32Float, [8, 9], STORED));
    let refused = |from: GpuTexture, to: GpuTexture| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        match filter.encode(&mut encoder, from, to) {
            Err(Error::GpuMisuse { reason }) => reason,
            other => panic!("{other:?}"),
        }
    };
    let (from, to) = (GpuTexture::new(&source), GpuTexture::new(&target));
    for (from, to, words) in [
        (from.origin([9, 0]), to, "within its 9 x 8, got 0 x 8 from column 9 and row 0 on"),
        (from.size([0, 3]), to, "at least 1 x 1"),
        (from.origin([1, 1]).size([9, 2]), to, "got 9 x 2 from column 1 and row 1 on"),
        (from.origin([u32::MAX, 1]).size([9, 2]), to, "from column 4294967295"),
        (
            from.size([4, 4]),
            to,
            "expected 4 x 4 texels (width x height), which the result has, got 9 x 8",
        ),
        (from.size([4, 4]), to.origin([6, 0]), "got 4 x 4 from column 6 and row 0 on"),
        (from, to.size([4, 4]), "expected 9 x 8 texels"),
    ] {
        let reason = refused(from, to);
        assert!(reason.contains(words), "{words}: {reason}");
    }
    for (format, usage, words) in [
        (
            TextureFormat::Rgba8UnormSrgb,
            STORED & !TextureUsages::STORAGE_BINDING,
            "RENDER_ATTACHMENT, got",
        ),
        (TextureFormat::Rgba8Uint, STORED, "can neither be stored nor drawn to here"),
        (
            TextureFormat::Rgba16Float,
            ALL,
            "expected usage STORAGE_BINDING or RENDER_ATTACHMENT, got",
        ),
    ] {
        let other = gpu.texture(format, [8, 9], usage);
        let reason = refused(from, GpuTexture::new(&other));
        assert!(reason.contains(words), "{words}: {reason}");
    }
    // A view in another format than that of its texture.
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: source.size(),
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: TextureFormat::Bgra8Unorm,
        usage: DRAWN,
        view_formats: &[TextureFormat::Bgra8UnormSrgb],
    });
    let format = Some(TextureFormat::Bgra8UnormSrgb);
    if convolver.gpu().expect("a GPU").capabilities().name.contains("llvmpipe")
        && gpu.device.adapter_info().backend == wgpu::Backend::Vulkan
    {
        let view =
            texture.create_view(&wgpu::TextureViewDescriptor { format, ..Default::default() });
        refused(from, GpuTexture::from(&view));
        let named = GpuTexture::new(&texture).format(TextureFormat::Bgra8UnormSrgb);
        gpu.submit(|encoder| filter.encode(encoder, from, named).expect("records"));
    }
    // Taps of another filter.
    let other = convolver.filter(&kernel).for_textures((8, 9)).expect("admissible");
    let taps = other.kernel(&kernel).expect("as many");
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let error = filter.encode_with(&mut encoder, &taps, from, to).expect_err("another filter's");
    assert!(error.to_string().contains("another filter"), "{error}");
    // A shape of another kernel, and taps that are no outer product.
    let error = filter.kernel(&Array2::ones((3, 3))).expect_err("another shape");
    assert!(matches!(error, Error::Shape { what: "kernel", .. }), "{error}");
    let gaussian = filters::gaussian::<f32>(1.0).expect("a sigma");
    let separable = convolver.filter(&gaussian).method(Method::Separable).for_textures((99, 99));
    let mut other = gaussian.clone();
    other[[0, 0]] = 7.0;
    let error = separable.expect("admissible").kernel(&other).expect_err("two products");
    assert!(error.to_string().contains("a sum of 1 outer products"), "{error}");
    let valid = convolver.filter(&kernel).mode(Mode::Valid).for_textures((8, 9));
    let small = gpu.texture(TextureFormat::Rgba32Float, [3, 3], STORED);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let error = valid.expect("admissible").encode(&mut encoder, &small, &target);
    assert!(error.expect_err("too small").to_string().contains("larger than the texture"));
    let on_cpu = convolver.filter(&kernel).device(Device::Cpu).for_textures((8, 9));
    assert!(on_cpu.expect_err("on the GPU").to_string().contains("textures are on the GPU"));
    let checked = convolver.filter(&kernel).check(convolve::Check::Sampled(3));
    assert!(checked.for_textures((8, 9)).is_err());
}
