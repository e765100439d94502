//! Frames one after another, several in flight, and from several threads.

use super::*;

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
