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

mod on_device;

use on_device::{Gpu, on};

const ALL: TextureUsages =
    TextureUsages::TEXTURE_BINDING.union(TextureUsages::COPY_DST).union(TextureUsages::COPY_SRC);
const STORED: TextureUsages = ALL.union(TextureUsages::STORAGE_BINDING);
const DRAWN: TextureUsages = ALL.union(TextureUsages::RENDER_ATTACHMENT);

macro_rules! on {
    ($gpu:ident of $convolver:ident) => {
        let Some($convolver) = gpu() else { return };
        let (device, queue) = on($convolver);
        let $gpu = Gpu { device: &device, queue: &queue };
    };
}

// Behind the macro that they use.
mod coarse;
mod frames;

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
