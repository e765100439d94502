//! Wide kernels on coarser grids, under a tolerance.

use super::*;

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
