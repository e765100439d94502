//! Filters in the caller's command encoder, on the caller's textures.

use convolve::reference::Oracle;
use convolve::wgpu::{self, TextureFormat, TextureUsages};
use convolve::{Boundary, Convolver, Device, Error, Filter, Method, Mode, Options};
use ndarray::{Array2, Array3, Ix2, s};

use crate::common::cases::{EDGES, of_type};
use crate::common::textures::texture;
use crate::common::with;
use crate::common::*;

mod texels;

use texels::{FORMATS, Format, filtered, through};

fn options(boundary: Boundary<i8>, mode: Mode, stride: usize) -> Options<f32> {
    let boundary = match of_type::<f32>(boundary) {
        // In the range of every format.
        Boundary::Constant(value) => Boundary::Constant(value / 4.0),
        other => other,
    };
    with!(Options::default(), mode, boundary: boundary.into(), stride: stride.into())
}

#[test]
fn some_of_the_outputs() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(11);
    let kernel = Array2::from_shape_fn((3, 4), |(i, j)| (1 + (i * 5 + j * 3) % 4) as f32 / 32.0);
    let format = FORMATS[3];
    for boundary in EDGES {
        for (rows, columns) in [(0..5, 20..23), (7..8, 3..19), (15..19, 0..23usize)] {
            let options = options(boundary, Mode::Same, 1).outputs([rows, columns]);
            let filter = convolver.filter(&kernel).options(options.clone()).for_shape((19, 23));
            let filter = filter.expect("admissible");
            let x = Array3::from_shape_simple_fn((19, 23, 4), || format.exact(&mut random));
            let y = filtered(convolver, &filter, [format, format], &x);
            for channel in 0..4 {
                let x = x.slice(s![.., .., channel]).into_dyn();
                let exact = Oracle::new(x, kernel.view().into_dyn(), &options);
                let exact = exact.expect("a valid problem").wide();
                assert_eq!(exact.shape(), &y.shape()[..2]);
                for ((row, column), y) in y.slice(s![.., .., channel]).indexed_iter() {
                    let exact = exact[[row, column]] as f32;
                    assert!((y - exact).abs() <= 1e-6, "{boundary:?} {row} {column}: {y} {exact}");
                }
            }
        }
    }
}

#[test]
fn every_format_every_boundary_and_every_mode() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(7);
    let kernel = Array2::from_shape_fn((3, 4), |(i, j)| (1 + (i * 5 + j * 3) % 4) as f32 / 32.0);
    let mut runs = 0;
    for (i, boundary) in EDGES.into_iter().enumerate() {
        for (j, mode) in [Mode::Full, Mode::Same, Mode::Valid].into_iter().enumerate() {
            let from = FORMATS[(i + j) % 4];
            let as_many = |to: &&Format| to.channels == from.channels;
            let options = options(boundary, mode, 1 + j / 2);
            let filter = convolver.filter(&kernel).options(options.clone()).for_shape((19, 23));
            let filter = filter.expect("admissible");
            for to in FORMATS.iter().filter(as_many) {
                let x = Array3::from_shape_simple_fn((19, 23, from.channels), || {
                    from.exact(&mut random)
                });
                let y = filtered(convolver, &filter, [from, *to], &x);
                for channel in 0..from.channels {
                    let x = x.slice(s![.., .., channel]).into_dyn();
                    let exact = Oracle::new(x, kernel.view().into_dyn(), &options);
                    let exact = exact.expect("a valid problem").wide();
                    assert_eq!(exact.shape(), &y.shape()[..2]);
                    for (at, y) in y.slice(s![.., .., channel]).indexed_iter() {
                        let exact = exact[[at.0, at.1]] as f32;
                        let most = to.error + 1e-6;
                        assert!((y - exact).abs() <= most, "{from:?} {to:?} {at:?} {y} {exact}");
                        runs += 1;
                    }
                }
            }
        }
    }
    assert!(runs > 10_000, "only {runs} texels were compared");
}

#[cfg(feature = "image")]
fn meant(
    texture: &wgpu::Texture,
    alpha: convolve::Alpha,
    light: convolve::Light,
) -> convolve::GpuTexture<'_> {
    convolve::GpuTexture::new(texture).alpha(alpha).light(light)
}

/// What a picture becomes on the CPU: alpha that counts, or is multiplied in, and light behind sRGB's curve.
#[cfg(feature = "image")]
#[test]
fn alpha_and_light_are_those_of_pictures() {
    use convolve::image::{ImageBuffer, Rgba};
    use convolve::{Alpha, GpuTexture, Light, filters};

    let Some(convolver) = gpu() else { return };
    let on_cpu = Convolver::builder().gpu(false).build();
    let mut random = Random::new(23);
    let (height, width) = (19, 23);
    let general = Array2::from_shape_fn((3, 4), |(i, j)| (1 + (i * 5 + j * 3) % 4) as f32);
    let general = &general / general.sum();
    let gaussian = filters::gaussian::<f32>(1.2).expect("a sigma");
    let mut compared = 0;
    for (kernel, method, stride) in [
        (&gaussian, Method::Separable, 1),
        (&general, Method::Direct, 1),
        (&general, Method::Direct, 2),
        (&general, Method::Fft, 1),
    ] {
        for alpha in [Alpha::Straight, Alpha::Premultiplied, Alpha::AsChannel] {
            for (light, format) in [
                (Light::AsStored, FORMATS[0]),
                (Light::Linear, FORMATS[0]),
                (Light::Linear, FORMATS[3]),
            ] {
                let mut x =
                    Array3::from_shape_fn((height, width, 4), |(_, column, channel)| {
                        match (channel, column % 5) {
                            (3, 0) => 0.0,
                            (3, 1) => 1.0,
                            _ => format.exact(&mut random),
                        }
                    });
                if alpha == Alpha::Premultiplied {
                    x.lanes_mut(ndarray::Axis(2)).into_iter().for_each(|mut pixel| {
                        (0..3).for_each(|channel| pixel[channel] = pixel[channel].min(pixel[3]));
                    });
                }
                let filter = |convolver: &Convolver| {
                    convolver.filter(kernel).boundary(Boundary::Mirror).stride(stride).light(light)
                };
                let planned = filter(convolver).device(Device::Gpu).method(method);
                let planned = planned.for_shape((height, width)).expect("admissible");
                let y = through(convolver, planned.output_dim(), [format; 2], &x, |frame, a, b| {
                    planned
                        .encode_texture(frame, meant(a, alpha, light), meant(b, alpha, light))
                        .expect("records");
                });
                let whole = if format.size == 1 { 255.0 } else { 1.0 };
                let samples: Vec<f32> = x.iter().map(|x| x * whole).collect();
                let expected: Vec<f32> = if format.size == 1 {
                    let bytes = samples.iter().map(|x| x.round() as u8).collect();
                    let picture = ImageBuffer::<Rgba<u8>, Vec<u8>>::from_raw(23, 19, bytes);
                    let picture = picture.expect("as many");
                    let on_cpu =
                        filter(&on_cpu).for_picture(&picture).expect("planned").alpha(alpha);
                    on_cpu.apply(&picture).expect("runs").iter().map(|&x| f32::from(x)).collect()
                } else {
                    let picture = ImageBuffer::<Rgba<f32>, Vec<f32>>::from_raw(23, 19, samples);
                    let picture = picture.expect("as many");
                    let on_cpu =
                        filter(&on_cpu).for_picture(&picture).expect("planned").alpha(alpha);
                    on_cpu.apply(&picture).expect("runs").into_raw()
                };
                assert_eq!(expected.len(), y.len());
                let most = if format.size == 1 { 1.01 } else { 1e-4 };
                for ((at, y), expected) in y.indexed_iter().zip(expected) {
                    let off = (y * whole - expected).abs();
                    let what = format!("{method} {alpha:?} {light:?} {format:?} {at:?}");
                    assert!(off <= most, "{what}: {} for {expected}", y * whole);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 30_000, "{compared}");
    // A derivative makes of alpha something else.
    let edges = convolver.filter(&filters::sobel_x::<f32>().expect("taps")).device(Device::Gpu);
    let edges = edges.for_shape((height, width)).expect("admissible");
    let x = Array3::zeros((height, width, 4));
    through(convolver, edges.output_dim(), [FORMATS[0]; 2], &x, |frame, a, b| {
        let straight = GpuTexture::new(a).alpha(Alpha::Straight);
        let error = edges.encode_texture(frame, straight, b).expect_err("no constants");
        assert!(error.to_string().contains("sum to 1, got a sum of 0"), "{error}");
        edges.encode_texture(frame, a, b).expect("a channel like others");
    });
}

#[test]
fn transforms_read_and_write_textures() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(11);
    let kernel = Array2::from_shape_fn((5, 4), |(i, j)| (1 + (i * 5 + j * 3) % 4) as f32 / 64.0);
    let options = options(Boundary::Mirror, Mode::Same, 1);
    let filter = convolver.filter(&kernel).options(options.clone());
    let filter = filter.device(Device::Gpu).method(Method::Fft).for_shape((19, 23));
    let filter = filter.expect("admissible");
    for format in [FORMATS[0], FORMATS[2]] {
        let x =
            Array3::from_shape_simple_fn((19, 23, format.channels), || format.exact(&mut random));
        let y = filtered(convolver, &filter, [format; 2], &x);
        for channel in 0..format.channels {
            let x = x.slice(s![.., .., channel]).into_dyn();
            let exact = Oracle::new(x, kernel.view().into_dyn(), &options).expect("valid").wide();
            for (at, y) in y.slice(s![.., .., channel]).indexed_iter() {
                let exact = exact[[at.0, at.1]] as f32;
                assert!((y - exact).abs() <= format.error + 1e-5, "{format:?} {at:?} {y} {exact}");
            }
        }
    }
}

#[test]
fn unorm_textures_saturate() {
    let Some(convolver) = gpu() else { return };
    let format = FORMATS[0];
    let x = Array3::from_shape_fn((5, 6, 4), |(i, j, c)| ((i + j + c) % 2) as f32);
    let kernel = ndarray::arr2(&[[3.0f32, -1.5]]);
    let filter = convolver.filter(&kernel).boundary(Boundary::Nearest).for_shape((5, 6));
    let y = filtered(convolver, &filter.expect("admissible"), [format; 2], &x);
    assert!(y.iter().all(|&y| y == 0.0 || y == 1.0));
    assert!(y.iter().any(|&y| y == 0.0) && y.iter().any(|&y| y == 1.0));
}

#[test]
fn an_srgb_view_is_filtered_in_linear_light() {
    let Some(convolver) = gpu() else { return };
    let gpu = convolver.gpu().expect("a GPU");
    let (device, queue) = (gpu.device(), gpu.queue());
    let dim = [4, 4];
    let usage = TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST;
    let source = texture(device, TextureFormat::Rgba8UnormSrgb, dim, usage);
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(16), rows_per_image: None };
    queue.write_texture(source.as_image_copy(), &[188; 64], layout, source.size());
    let usage = TextureUsages::STORAGE_BINDING | TextureUsages::COPY_SRC;
    let destination = texture(device, TextureFormat::Rgba32Float, dim, usage);
    let identity = convolver.filter(&ndarray::arr2(&[[1.0f32]])).for_shape((4, 4));
    let identity = identity.expect("admissible");
    let staged = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 1024,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    let views = [&source, &destination].map(|texture| texture.create_view(&Default::default()));
    identity.encode_texture(&mut encoder, &views[0], &views[1]).expect("records");
    let layout = wgpu::TexelCopyBufferLayout { bytes_per_row: Some(256), ..layout };
    encoder.copy_texture_to_buffer(
        destination.as_image_copy(),
        wgpu::TexelCopyBufferInfo { buffer: &staged, layout },
        destination.size(),
    );
    queue.submit([encoder.finish()]);
    staged.map_async(wgpu::MapMode::Read, .., |mapped| mapped.expect("maps"));
    device.poll(wgpu::PollType::wait_indefinitely()).expect("done");
    let bytes = staged.get_mapped_range(..).expect("mapped");
    let texel: [f32; 4] = bytemuck::pod_read_unaligned(&bytes[..16]);
    // sRGB 188 is half of the light; alpha is never encoded.
    assert!((texel[0] - 0.503).abs() < 2e-3, "{texel:?}");
    assert!((texel[3] - 188.0 / 255.0).abs() < 1e-3, "{texel:?}");
}

#[test]
fn what_cannot_be_is_said() {
    let Some(convolver) = gpu() else { return };
    let gpu = convolver.gpu().expect("a GPU");
    let filter = convolver.filter(&Array2::<f32>::ones((3, 3))).for_shape((8, 9));
    let filter = filter.expect("admissible");
    let view = |format, dim: [usize; 2], usage| {
        let texture = texture(gpu.device(), format, dim, usage);
        texture.create_view(&Default::default())
    };
    let (sampled, storage) = (TextureUsages::TEXTURE_BINDING, TextureUsages::STORAGE_BINDING);
    let both = sampled | storage;
    let rgba8 = TextureFormat::Rgba8Unorm;
    let good = [view(rgba8, [8, 9], sampled), view(rgba8, [8, 9], storage)];
    let refused = |source: &wgpu::TextureView, target: &wgpu::TextureView| {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        match filter.encode_texture(&mut encoder, source, target) {
            Err(Error::GpuMisuse { reason }) => reason,
            other => panic!("{other:?}"),
        }
    };
    for (source, words) in [
        (
            view(rgba8, [9, 8], sampled),
            "expected 8 x 9 texels (width x height), which the result has",
        ),
        (view(rgba8, [8, 9], storage), "source texture: expected usage TEXTURE_BINDING"),
        (view(TextureFormat::Rgba8Uint, [8, 9], sampled), "floating-point texels, got Rgba8Uint"),
    ] {
        let reason = refused(&source, &good[1]);
        assert!(reason.contains(words), "{words}: {reason}");
    }
    for (target, words) in [
        (
            view(TextureFormat::Rgba8UnormSrgb, [8, 9], sampled),
            "expected usage RENDER_ATTACHMENT, got",
        ),
        (
            view(rgba8, [8, 9], sampled),
            "destination texture: expected usage STORAGE_BINDING or RENDER_ATTACHMENT",
        ),
        (view(rgba8, [8, 10], both), "expected 9 x 8"),
    ] {
        let reason = refused(&good[0], &target);
        assert!(reason.contains(words), "{words}: {reason}");
    }
}
