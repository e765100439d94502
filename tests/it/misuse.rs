//! What a caller's frame may do wrong: each is an error at every call, with nothing in the encoder and
//! nothing waited for.

use convolve::plan::{CostModel, GpuKind};
use convolve::wgpu::{self, BufferUsages, TextureFormat, TextureUsages};
use convolve::{Boundary, Convolver, Device, Error, Filter, GpuTexture};
use ndarray::{Array2, Ix2};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use crate::common::*;

type Gpu = (wgpu::Device, wgpu::Queue);

/// Devices of one instance.
fn two_devices() -> Option<[Gpu; 2]> {
    gpu()?;
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default());
    let adapter = pollster::block_on(adapter).expect("there is an adapter");
    let device = || pollster::block_on(adapter.request_device(&Default::default()));
    Some([device().expect("a device"), device().expect("another device")])
}

fn on((device, queue): &Gpu) -> Convolver {
    Convolver::with_device(device.clone(), queue.clone()).expect("it has compute shaders")
}

fn filter(convolver: &Convolver, shape: (usize, usize)) -> Filter<f32, Ix2> {
    let kernel = Random::new(3).array::<f32>(&[3, 5]);
    let kernel = kernel.into_dimensionality::<Ix2>().expect("two axes");
    convolver.filter(&kernel).boundary(Boundary::Nearest).for_shape(shape).expect("admissible")
}

fn encoder((device, _): &Gpu) -> wgpu::CommandEncoder {
    device.create_command_encoder(&Default::default())
}

fn texture((device, _): &Gpu, [height, width]: [u32; 2], levels: u32) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: levels,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: TextureFormat::R32Float,
        usage: TextureUsages::TEXTURE_BINDING
            | TextureUsages::STORAGE_BINDING
            | TextureUsages::COPY_SRC
            | TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

fn buffer((device, _): &Gpu, floats: usize) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4 * floats as u64,
        usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// The texels of one level.
fn read((device, queue): &Gpu, texture: &wgpu::Texture, level: u32) -> Vec<f32> {
    let [width, height] = [texture.width(), texture.height()].map(|n| n >> level);
    let pitch = (4 * width).next_multiple_of(256);
    let staged = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(pitch * height),
        usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    encoder.copy_texture_to_buffer(
        wgpu::TexelCopyTextureInfo { mip_level: level, ..texture.as_image_copy() },
        wgpu::TexelCopyBufferInfo {
            buffer: &staged,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(pitch),
                rows_per_image: None,
            },
        },
        wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
    );
    queue.submit([encoder.finish()]);
    staged.map_async(wgpu::MapMode::Read, .., |mapped| mapped.expect("maps"));
    device.poll(wgpu::PollType::wait_indefinitely()).expect("done");
    let bytes = staged.get_mapped_range(..).expect("mapped").to_vec();
    let rows = bytes.chunks(pitch as usize);
    rows.flat_map(|row| bytemuck::pod_collect_to_vec(&row[..4 * width as usize])).collect()
}

fn write((_, queue): &Gpu, texture: &wgpu::Texture, level: u32, x: &Array2<f32>) {
    let (height, width) = (x.nrows() as u32, x.ncols() as u32);
    queue.write_texture(
        wgpu::TexelCopyTextureInfo { mip_level: level, ..texture.as_image_copy() },
        bytemuck::cast_slice(x.as_slice().expect("standard")),
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(4 * width),
            rows_per_image: None,
        },
        wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
    );
}

fn is_on_gl((device, _): &Gpu) -> bool {
    device.adapter_info().backend == wgpu::Backend::Gl
}

/// An error of wgpu's or of ours, in words.
fn refused(result: convolve::Result<()>) -> String {
    match result {
        Err(Error::GpuMisuse { reason }) => reason,
        other => panic!("expected an error of the GPU, got {other:?}"),
    }
}

#[test]
fn a_refused_view_is_an_error_every_time() {
    let Some([gpu, _]) = two_devices() else { return };
    let (convolver, x) = (on(&gpu), picture(20, 30));
    let filter = filter(&convolver, x.dim());
    let [source, destination] = [(); 2].map(|()| texture(&gpu, [20, 30], 1));
    write(&gpu, &source, 0, &x);
    let array = wgpu::TextureViewDescriptor {
        dimension: Some(wgpu::TextureViewDimension::D2Array),
        ..Default::default()
    };
    let mut encoder = encoder(&gpu);
    let (refused_source, refused_target) =
        (source.create_view(&array), destination.create_view(&array));
    for _ in 0..3 {
        for (from, to) in [
            (GpuTexture::from(&refused_source), GpuTexture::from(&destination)),
            (GpuTexture::from(&source), GpuTexture::from(&refused_target)),
        ] {
            let error = refused(filter.encode_texture(&mut encoder, from, to));
            assert!(error.contains("dimension"), "{error}");
        }
    }
    // The encoder and the filter are as they were.
    filter.encode_texture(&mut encoder, &source, &destination).expect("right");
    gpu.1.submit([encoder.finish()]);
    assert_close(&read(&gpu, &destination, 0), &on_cpu(&x));
}

/// What the CPU says.
fn on_cpu(x: &Array2<f32>) -> Vec<f32> {
    let convolver = Convolver::builder().gpu(false).build();
    filter(&convolver, x.dim()).apply(x).expect("runs").into_raw_vec_and_offset().0
}

fn picture(rows: usize, columns: usize) -> Array2<f32> {
    Random::new(5).array::<f32>(&[rows, columns]).into_dimensionality::<Ix2>().expect("two axes")
}

fn assert_close(y: &[f32], expected: &[f32]) {
    assert_eq!(y.len(), expected.len());
    assert!(y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 1e-5));
}

#[test]
fn a_mip_level_has_its_own_size() {
    let Some([gpu, _]) = two_devices() else { return };
    let (convolver, x) = (on(&gpu), picture(12, 16));
    let (half, whole) = (filter(&convolver, (12, 16)), filter(&convolver, (24, 32)));
    let [source, destination] = [(); 2].map(|()| texture(&gpu, [24, 32], 2));
    write(&gpu, &source, 1, &x);
    let [from, to] = [&source, &destination].map(|texture| GpuTexture::new(texture).mip_level(1));

    let mut encoder = encoder(&gpu);
    let error = refused(whole.encode_texture(&mut encoder, &source, to));
    assert!(error.contains("32 x 24") && error.contains("16 x 12 in mip level 1"), "{error}");
    let error = refused(half.encode_texture(&mut encoder, from, &destination));
    assert!(error.contains("16 x 12") && error.contains("got 32 x 24"), "{error}");
    let error = refused(half.encode_texture(&mut encoder, from.mip_level(2), to));
    assert!(error.contains("below 2, got 2"), "{error}");
    let error = refused(half.encode_texture(&mut encoder, from, to.layer(1)));
    assert!(error.contains("layer below 1, got 1"), "{error}");
    // Nobody can tell which level a view shows.
    let second = wgpu::TextureViewDescriptor { base_mip_level: 1, ..Default::default() };
    for filter in [&half, &whole] {
        let view = source.create_view(&second);
        let error = refused(filter.encode_texture(&mut encoder, &view, to));
        assert!(error.contains("mip_level"), "{error}");
    }

    half.encode_texture(&mut encoder, from, to).expect("the level's size");
    gpu.1.submit([encoder.finish()]);
    assert_close(&read(&gpu, &destination, 1), &on_cpu(&x));
}

#[test]
fn a_layer_is_filtered_by_itself_or_refused() {
    let Some([gpu, _]) = two_devices() else { return };
    let (convolver, x) = (on(&gpu), picture(12, 16));
    let filter = filter(&convolver, x.dim());
    let layers = |texture: wgpu::Texture| {
        gpu.0.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { depth_or_array_layers: 2, ..texture.size() },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: texture.format(),
            usage: texture.usage(),
            view_formats: &[],
        })
    };
    let [array, destination] = [layers(texture(&gpu, [12, 16], 1)), texture(&gpu, [12, 16], 1)];
    let second = wgpu::TexelCopyTextureInfo {
        origin: wgpu::Origin3d { z: 1, ..Default::default() },
        ..array.as_image_copy()
    };
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(64), rows_per_image: None };
    let bytes = bytemuck::cast_slice(x.as_slice().expect("standard"));
    gpu.1.write_texture(second, bytes, layout, destination.size());
    let view = array.create_view(&wgpu::TextureViewDescriptor {
        dimension: Some(wgpu::TextureViewDimension::D2),
        base_array_layer: 1,
        array_layer_count: Some(1),
        ..Default::default()
    });
    for source in [GpuTexture::new(&array).layer(1), GpuTexture::from(&view)] {
        let mut encoder = encoder(&gpu);
        let recorded = filter.encode_texture(&mut encoder, source, &destination);
        if is_on_gl(&gpu) {
            let error = refused(recorded);
            assert!(error.contains("one layer, got 2"), "{error}");
            continue;
        }
        recorded.expect("a layer");
        gpu.1.submit([encoder.finish()]);
        assert_close(&read(&gpu, &destination, 0), &on_cpu(&x));
    }
    if !is_on_gl(&gpu) {
        // From one layer to the other.
        let mut encoder = encoder(&gpu);
        let [from, to] = [1, 0].map(|layer| GpuTexture::new(&array).layer(layer));
        let error = refused(filter.encode_texture(&mut encoder, from, from));
        assert!(error.contains("the same level and layer"), "{error}");
        filter.encode_texture(&mut encoder, from, to).expect("two layers");
        gpu.1.submit([encoder.finish()]);
        assert_close(&read(&gpu, &array, 0), &on_cpu(&x));
    }
}

#[test]
fn a_texture_is_not_filtered_into_itself() {
    let Some([gpu, _]) = two_devices() else { return };
    let filter = filter(&on(&gpu), (20, 30));
    let [texture, other] = [(); 2].map(|()| texture(&gpu, [20, 30], 1));
    let views = [(); 2].map(|()| texture.create_view(&Default::default()));
    let mut encoder = encoder(&gpu);
    for (from, to) in [
        (GpuTexture::from(&texture), GpuTexture::from(&texture)),
        (GpuTexture::from(&views[0]), GpuTexture::from(&views[0])),
        (GpuTexture::from(&views[0]), GpuTexture::from(&views[1])),
        (GpuTexture::from(&views[0]), GpuTexture::from(&texture)),
    ] {
        let error = refused(filter.encode_texture(&mut encoder, from, to));
        assert!(error.contains("the same level and layer"), "{error}");
    }
    // Nothing of it is in the encoder.
    filter.encode_texture(&mut encoder, &texture, &other).expect("two textures");
    gpu.1.submit([encoder.finish()]);
}

/// No sRGB format can be stored to, and need not be where it is only sampled.
#[test]
fn another_format_needs_only_what_it_is_used_for() {
    let Some([gpu, _]) = two_devices() else { return };
    if is_on_gl(&gpu) {
        // No texture is seen in another format there.
        return;
    }
    let textures = [(); 2].map(|()| {
        gpu.0.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width: 30, height: 20, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: TextureFormat::Rgba8Unorm,
            usage: TextureUsages::TEXTURE_BINDING | TextureUsages::STORAGE_BINDING,
            view_formats: &[TextureFormat::Rgba8UnormSrgb],
        })
    });
    let filter = filter(&on(&gpu), (20, 30));
    let mut encoder = encoder(&gpu);
    let decoded = GpuTexture::new(&textures[0]).format(TextureFormat::Rgba8UnormSrgb);
    filter.encode_texture(&mut encoder, decoded, &textures[1]).expect("sampled");
    gpu.1.submit([encoder.finish()]);
}

#[test]
fn an_error_while_recording_waits_for_nothing() {
    let Some([gpu, _]) = two_devices() else { return };
    let convolver = on(&gpu);
    let filter = filter(&convolver, (20, 30));
    let view = texture(&gpu, [20, 30], 1).create_view(&wgpu::TextureViewDescriptor {
        dimension: Some(wgpu::TextureViewDimension::D2Array),
        ..Default::default()
    });
    let destination = texture(&gpu, [20, 30], 1);
    // Compiled, and kept.
    refused(filter.encode_texture(&mut encoder(&gpu), &view, &destination));

    // A second or so for a software adapter.
    let x = Array2::<f32>::ones((700, 700));
    let kernel = Random::new(1).array::<f32>(&[15, 15]).into_dimensionality::<Ix2>().expect("two");
    let busy = convolver.filter(&kernel).device(Device::Gpu).for_shape(x.dim()).expect("valid");
    let x = convolver.gpu().expect("a GPU").upload(&x).expect("uploads");
    let results: Vec<_> = (0..16).map(|_| busy.apply_gpu(&x).expect("submits")).collect();
    let start = Instant::now();
    refused(filter.encode_texture(&mut encoder(&gpu), &view, &destination));
    let refusing = start.elapsed();
    results.into_iter().for_each(|y| drop(y.download().expect("downloads")));
    let all = start.elapsed();
    assert!(refusing < all / 2, "{refusing:?} of {all:?}");
}

#[test]
fn the_caller_keeps_the_devices_callbacks() {
    let Some([gpu, _]) = two_devices() else { return };
    let (device, _) = &gpu;
    let (called, calls) = mpsc::channel();
    device.set_device_lost_callback(move |reason, _| called.send(reason).expect("waited for"));
    let seen = Arc::new(AtomicBool::new(false));
    let flag = seen.clone();
    device.on_uncaptured_error(Arc::new(move |_| flag.store(true, Ordering::Relaxed)));

    let x = picture(20, 30);
    let kernel = Array2::<f32>::ones((3, 3));
    let filter = on(&gpu).filter(&kernel).device(Device::Gpu).for_shape(x.dim()).expect("valid");
    filter.apply(&x).expect("the device is there");
    let [source, destination] = [(); 2].map(|()| buffer(&gpu, 600));
    filter.encode(&mut encoder(&gpu), &source, &destination).expect("records");
    device.destroy();
    for result in
        [filter.apply(&x).map(drop), filter.encode(&mut encoder(&gpu), &source, &destination)]
    {
        assert!(matches!(result, Err(Error::DeviceLost { .. })), "{result:?}");
    }
    device.poll(wgpu::PollType::wait_indefinitely()).expect("nothing is left to do");
    assert_eq!(calls.try_recv(), Ok(wgpu::DeviceLostReason::Destroyed));
    assert!(!seen.load(Ordering::Relaxed), "errors are caught");
}

#[test]
fn what_is_on_another_device_is_an_error() {
    let Some([ours, theirs]) = two_devices() else { return };
    let (convolver, x) = (on(&ours), picture(20, 30));
    let filter = filter(&convolver, x.dim());
    let buffers = [&ours, &theirs].map(|gpu| [(); 2].map(|()| buffer(gpu, 600)));
    let textures = [&ours, &theirs].map(|gpu| [(); 2].map(|()| texture(gpu, [20, 30], 1)));
    let mut encoder = encoder(&ours);
    for _ in 0..2 {
        for (from, to) in [(0, 1), (1, 0), (1, 1)] {
            refused(filter.encode(&mut encoder, &buffers[from][0], &buffers[to][1]));
            refused(filter.encode_texture(&mut encoder, &textures[from][0], &textures[to][1]));
        }
    }
    filter.encode(&mut encoder, &buffers[0][0], &buffers[0][1]).expect("both are here");
    filter.encode_texture(&mut encoder, &textures[0][0], &textures[0][1]).expect("both are here");
    ours.1.submit([encoder.finish()]);

    let array = on(&theirs).gpu().expect("a GPU").upload(&x).expect("uploads");
    assert!(filter.apply_gpu(&array).is_err());
}

/// Instances number what is theirs on their own: the same numbers again.
#[test]
fn textures_of_another_instance_are_never_taken_for_ones_of_this() {
    let (Some([ours, _]), Some([theirs, _])) = (two_devices(), two_devices()) else { return };
    let filters = [&ours, &theirs].map(|gpu| filter(&on(gpu), (20, 30)));
    let textures = [&ours, &theirs].map(|gpu| [(); 2].map(|()| texture(gpu, [20, 30], 1)));
    // Both have recorded, and keep what they have bound.
    for (gpu, (filter, [from, to])) in [&ours, &theirs].iter().zip(filters.iter().zip(&textures)) {
        let mut encoder = encoder(gpu);
        filter.encode_texture(&mut encoder, from, to).expect("its own");
        gpu.1.submit([encoder.finish()]);
    }
    // wgpu tells the other device too, which would panic.
    theirs.0.on_uncaptured_error(Arc::new(|_| {}));
    for _ in 0..2 {
        let mut encoder = encoder(&ours);
        refused(filters[0].encode_texture(&mut encoder, &textures[1][0], &textures[1][1]));
        refused(filters[0].encode_texture(&mut encoder, &textures[0][0], &textures[1][1]));
        filters[0].encode_texture(&mut encoder, &textures[0][0], &textures[0][1]).expect("its own");
        ours.1.submit([encoder.finish()]);
    }
}

#[test]
fn a_device_that_nobody_asked_for_has_no_encoders() {
    let Some([theirs, _]) = two_devices() else { return };
    let convolver = Convolver::builder().calibrated(false).build();
    let filter = filter(&convolver, (20, 30));
    let [from, to] = [(); 2].map(|()| buffer(&theirs, 600));
    let [source, destination] = [(); 2].map(|()| texture(&theirs, [20, 30], 1));
    let mut encoder = encoder(&theirs);
    for error in [
        refused(filter.encode(&mut encoder, &from, &to)),
        refused(filter.encode_texture(&mut encoder, &source, &destination)),
    ] {
        assert!(error.contains("with_device"), "{error}");
    }
    theirs.1.submit([encoder.finish()]);
}

#[test]
fn work_that_would_cost_the_device_is_an_error_unless_forced() {
    let Some([gpu, _]) = two_devices() else { return };
    // A device of so many multiply-adds per second.
    let planned = |rate, device| {
        let mut model = CostModel::default();
        (model.discrete.direct, model.discrete.fft) = (rate, rate);
        let builder = Convolver::builder().cost_model(model);
        let builder = narrowed(builder, |gpu| gpu.kind = GpuKind::Discrete);
        let convolver = builder.build_with_device(gpu.0.clone(), gpu.1.clone()).expect("compute");
        let kernel = Array2::<f32>::ones((1, 5));
        convolver.filter(&kernel).device(device).for_shape((20, 30)).expect("admissible")
    };
    let [from, to] = [(); 2].map(|()| buffer(&gpu, 600));
    let [source, destination] = [(); 2].map(|()| texture(&gpu, [20, 30], 1));
    let mut encoder = encoder(&gpu);
    let auto = planned(1e3, Device::Auto);
    for result in [
        auto.encode(&mut encoder, &from, &to),
        auto.encode_texture(&mut encoder, &source, &destination),
    ] {
        let error = result.expect_err("some seconds").to_string();
        assert!(error.contains(" s on ") && error.contains("Device::Gpu"), "{error}");
    }
    let forced = planned(1e3, Device::Gpu);
    forced.encode(&mut encoder, &from, &to).expect("asked for by name");
    forced.encode_texture(&mut encoder, &source, &destination).expect("asked for by name");
    planned(1e5, Device::Auto).encode(&mut encoder, &from, &to).expect("a moment");
    gpu.1.submit([encoder.finish()]);
}
