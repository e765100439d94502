//! Memory that cannot be had is an error, wherever it is missing, and never the end of the process;
//! what is kept between calls is bounded.

use convolve::{
    Boundary, Check, Convolver, Error, Filter, Method, Mode, Precision, Tolerance, convolve,
    filters,
};
use ndarray::{Array1, Array2, Ix2};
use std::process::Command;

use crate::common::allocations::{held, refuse};
use crate::common::*;

type Outcome = convolve::Result<()>;
type Scenario = fn() -> Outcome;

/// Bytes from which allocations are refused: what does not grow with data is smaller.
const LARGE: usize = 16 << 10;

/// What is run with one allocation after another refused.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("direct", || planar(Method::Direct, noise(66, 66), 72)),
    ("direct in a volume", || volume(Method::Direct, noise(400, 25))),
    ("direct along a line", || line(Method::Direct, 1)),
    ("fft along a line", || line(Method::Fft, 1)),
    ("fft along a line with gaps between taps", || line(Method::Fft, 2)),
    ("a long thin kernel", || {
        let tall = refuse_nothing(|| Array2::from_elem((9_000, 2), 0.25));
        let filter = cpu().filter(&tall).for_shape((9_500, 4))?;
        filter.apply(&noise(9_500, 4)).map(drop)
    }),
    ("without NaN", || {
        let positive = refuse_nothing(|| noise(66, 66).mapv(f32::abs));
        let filter = cpu().filter(&positive).for_shape_ignoring_nan((90, 100))?;
        let mut x = noise(90, 100);
        x[[3, 4]] = f32::NAN;
        filter.apply(&x).map(drop)
    }),
    ("separable", || planar(Method::Separable, filters::gaussian(9.0)?, 90)),
    ("separable in a volume", || {
        volume(Method::Separable, refuse_nothing(|| Array2::from_elem((500, 20), 0.25)))
    }),
    ("a sum of outer products", || {
        let [narrow, wide] =
            [4.0, 12.0].map(|sigma| filters::Gaussian::new(sigma).radius(36).kernel::<f32>());
        planar(Method::Separable, wide? - narrow?, 120)
    }),
    ("on a coarser grid", || {
        let builder = cpu().filter(&filters::gaussian(24.0)?).method(Method::Coarse);
        let filter = builder.tolerance(Tolerance::Relative(1e-2)).for_shape((300, 310))?;
        filter.apply(&noise(300, 310)).map(drop)
    }),
    ("on a coarser grid along a line", || {
        let tap = |i: i32| (-f64::from(i * i) / 2e6).exp() as f32;
        let taps = refuse_nothing(|| (-4000..=4000).map(tap).collect::<Array1<f32>>());
        let builder = cpu().filter(&taps).method(Method::Coarse);
        let filter = builder.tolerance(Tolerance::Relative(1e-2)).for_shape(40_000)?;
        filter.apply(&refuse_nothing(|| Array1::ones(40_000))).map(drop)
    }),
    ("fft", || planar(Method::Fft, noise(66, 66), 140)),
    ("fft in a volume", || volume(Method::Fft, noise(400, 25))),
    ("whatever is fastest", || planar(Method::Measured, noise(66, 66), 90)),
    ("in more precision", || {
        let builder = cpu().filter(&noise(66, 66)).precision(Precision::High);
        use_in_every_way(&builder.for_shape((90, 100))?, &noise(90, 100))
    }),
    ("the input as a kernel", || {
        let filter = cpu().filter(&noise(120, 130)).mode(Mode::Valid).for_shape((100, 100))?;
        filter.apply(&noise(100, 100)).map(drop)
    }),
    ("the input as a checked kernel", || {
        let builder = cpu().filter(&noise(120, 130)).mode(Mode::Valid).check(Check::Sampled(3));
        builder.for_shape((100, 100))?.apply(&noise(100, 100)).map(drop)
    }),
    ("verified", || {
        let filter = cpu().filter(&noise(66, 66)).stride(4).for_shape((100, 100))?;
        filter.verify(&noise(100, 100)).map(|report| assert!(report.agrees(), "{report}"))
    }),
    ("in one line", || convolve(&noise(100, 100), &noise(66, 66), Mode::Full).map(drop)),
    ("built-in kernels", || {
        filters::gaussian::<f32>(12.0)?;
        filters::disk::<f32>(120.0)?;
        filters::motion::<f32>(200.0, 30.0)?;
        filters::box_mean::<f32>(92).map(drop)
    }),
    #[cfg(feature = "image")]
    ("pictures", pictures),
];

fn cpu() -> Convolver {
    Convolver::builder().gpu(false).calibrated(false).threads(2).build()
}

/// Made without an allocation that may be refused: what a caller has is there already.
fn noise(rows: usize, columns: usize) -> Array2<f32> {
    refuse_nothing(|| {
        let noise = Random::new(7).array::<f32>(&[rows, columns]);
        noise.into_dimensionality::<Ix2>().expect("two axes")
    })
}

fn refuse_nothing<T>(work: impl FnOnce() -> T) -> T {
    crate::common::allocations::paused(work)
}

fn planar(method: Method, kernel: Array2<f32>, n: usize) -> Outcome {
    let builder = cpu().filter(&kernel).boundary(Boundary::Mirror).method(method);
    let filter = builder.check(Check::Sampled(2)).for_shape((n, n + 10))?;
    let mut x = noise(n, n + 10);
    use_in_every_way(&filter, &x)?;
    // A quiet passage, and then none: what an FFT leaves to the direct method.
    x.slice_mut(ndarray::s![..n - 5, ..]).fill(1e-9);
    filter.apply(&x)?;
    x[[3, 4]] = f32::NAN;
    filter.apply(&x)?;
    x.fill(f32::NAN);
    filter.apply(&x).map(drop)
}

fn volume(method: Method, kernel: Array2<f32>) -> Outcome {
    let [outer, inner] = [20, kernel.nrows() / 20];
    let columns = kernel.ncols();
    let shape = (outer, inner, columns);
    let kernel = refuse_nothing(|| kernel.into_shape_with_order(shape).expect("as many"));
    let x = noise(24 * 26, 30);
    let x = refuse_nothing(|| x.into_shape_with_order((24, 26, 30)).expect("as many"));
    let filter = cpu().filter(&kernel).method(method).for_shape((24, 26, 30))?;
    filter.apply(&x).map(drop)
}

fn line(method: Method, dilation: usize) -> Outcome {
    let of = |n: usize| refuse_nothing(|| Array1::from_iter(noise(1, n)));
    let builder = cpu().filter(&of(10_000)).boundary(Boundary::Reflect).method(method);
    builder.dilation(dilation).for_shape(22_000)?.apply(&of(22_000)).map(drop)
}

/// Layouts of all kinds, streams of bytes, profiles.
fn use_in_every_way(filter: &Filter<f32, Ix2>, x: &Array2<f32>) -> Outcome {
    filter.apply(x)?;
    let turned = refuse_nothing(|| x.t().to_owned());
    let mut y = refuse_nothing(|| Array2::zeros(x.t().dim()));
    filter.apply_into(&turned.t(), &mut y.view_mut().reversed_axes())?;
    filter.profile(x)?;
    let bytes = refuse_nothing(|| turned.mapv(|x| (100.0 * x.abs()) as u8));
    let mut stream = filter.stream_of::<u8>();
    stream.push(&bytes.t())?;
    Ok(())
}

#[cfg(feature = "image")]
fn pictures() -> Outcome {
    let picture = refuse_nothing(|| {
        let pixel = |x, y| image::Rgba([x as u8, y as u8, 7, 255]);
        image::DynamicImage::from(image::RgbaImage::from_fn(120, 110, pixel))
    });
    let filter = cpu().picture_filter(&noise(66, 66)).for_picture(&picture)?;
    let mut filtered = filter.apply(&picture)?;
    filter.apply_into(&picture, &mut filtered)?;
    filter.verify(&picture).map(|report| assert!(report.agrees(), "{report}"))
}

/// In processes of their own: an allocation that is not prepared to fail ends one.
#[test]
fn any_allocation_may_fail() {
    let names: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
    let Some(name) = alone("memory::any_allocation_may_fail", &names) else { return };
    let (_, work) = SCENARIOS.iter().find(|(other, _)| *other == name).expect("listed");
    // Threads, tables and the like are there from the first run on.
    work().expect("there is memory");
    let (result, count) = refuse(LARGE, None, work);
    result.expect("there is memory");
    assert!(count > 0, "nothing was large");
    let mut errors = 0;
    for number in 0..count {
        match refuse(LARGE, Some(number), work).0 {
            Ok(()) => {}
            Err(Error::OutOfMemory { bytes, .. }) => {
                assert!(bytes >= LARGE, "{bytes}");
                errors += 1;
            }
            Err(other) => panic!("{number} of {count}: {other}"),
        }
    }
    assert!(2 * errors > count, "{errors} errors for {count} refusals");
    // And it still runs.
    work().expect("there is memory again");
}

/// In a process of its own: all of its memory is counted.
#[test]
fn what_sixteen_threads_used_at_once_is_not_kept() {
    let name = "memory::what_sixteen_threads_used_at_once_is_not_kept";
    let Some(_) = alone(name, &["threads"]) else { return };
    let convolver = Convolver::builder().gpu(false).calibrated(false).build();
    let threads = convolver.capabilities().threads;
    let x = noise(200, 200);
    let turned = x.t();
    for (method, precision) in [
        (Method::Direct, Precision::Native),
        (Method::Separable, Precision::Native),
        (Method::Fft, Precision::Native),
        (Method::Direct, Precision::High),
    ] {
        let kernel = filters::gaussian::<f32>(3.0).expect("a kernel");
        let builder = convolver.filter(&kernel).method(method).precision(precision);
        let filter = builder.for_shape(x.dim()).expect("admissible");
        let planned = held();
        let run = || {
            let mut y = Array2::zeros(x.dim());
            filter.apply_into(&turned, &mut y.view_mut().reversed_axes()).expect("runs");
        };
        run();
        let after_one = held() - planned;
        let start = std::sync::Barrier::new(16);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    start.wait();
                    (0..3).for_each(|_| run());
                });
            }
        });
        let after_all = held() - planned;
        // Eight buffers of samples may stay on any machine.
        let bound =
            threads * after_one + 8 * size_of_val(x.as_slice().expect("packed")) + (256 << 10);
        assert!(after_all <= bound, "{method} {precision}: {after_all} bytes, {bound} allowed");
    }
}

/// In a process of its own: what all of its threads allocate is counted.
#[cfg(feature = "image")]
#[test]
fn later_pictures_take_no_more_memory() {
    use convolve::Light;
    use image::{DynamicImage, ImageBuffer, Rgb, Rgba};

    let name = "memory::later_pictures_take_no_more_memory";
    let Some(_) = alone(name, &["pictures"]) else { return };
    let byte = |x: u32, y: u32, c: u32| (x * 7 + y * 13 + c * 101) as u8;
    let (width, height) = (260, 200);
    let rgb = ImageBuffer::from_fn(width, height, |x, y| Rgb([0, 1, 2].map(|c| byte(x, y, c))));
    let cut_out =
        ImageBuffer::from_fn(width, height, |x, y| Rgba([0, 1, 2, 3].map(|c| byte(x, y, c))));
    let pictures = [
        DynamicImage::from(rgb.clone()),
        DynamicImage::from(cut_out),
        DynamicImage::from(DynamicImage::from(rgb.clone()).into_rgb16()),
        DynamicImage::from(DynamicImage::from(rgb).into_rgb32f()),
    ];
    for picture in &pictures {
        for method in [Method::Direct, Method::Separable, Method::Fft, Method::Coarse] {
            for light in [Light::AsStored, Light::Linear] {
                let kernel = filters::gaussian::<f32>(3.0).expect("a kernel");
                let about = format!("{method}, {light:?}, {:?}", picture.color());
                let alone = Convolver::builder().gpu(false).calibrated(false).threads(1).build();
                let steady = alone.picture_filter(&kernel).method(method).light(light);
                let tolerance = Tolerance::Relative(5e-3);
                let steady = steady.tolerance(tolerance).for_picture(picture).expect("admissible");
                let mut result = picture.clone();
                let mut run = || steady.apply_into(picture, &mut result).expect("runs");
                run();
                for _ in 0..2 {
                    assert_eq!(refuse(4 << 10, None, &mut run).1, 0, "one thread, {about}");
                }
                let builder = cpu().picture_filter(&kernel).method(method).light(light);
                let filter = builder.tolerance(tolerance).for_picture(picture).expect("admissible");
                let mut run = || filter.apply_into(picture, &mut result).expect("runs");
                // Memory is kept for as many threads as have ever been at work at one time, and when
                // one more of them is depends on chance: most calls take no more, not each of them.
                let frugal = (0..10).filter(|_| refuse(4 << 10, None, &mut run).1 == 0).count();
                assert!(frugal >= 6, "{frugal}: {about}");
                assert_eq!(result, filter.apply(picture).expect("runs"));
            }
        }
    }
    let alone = Convolver::builder().gpu(false).calibrated(false).threads(1).build();
    let [right, down] = filters::Derivatives::Sobel.kernels::<f32>().expect("kernels");
    let gaussian = filters::gaussian::<f32>(3.0).expect("a kernel");
    for picture in &pictures {
        let edges = alone.picture_filter(&right).gradient(&down).for_picture(picture);
        let edges = edges.expect("planned");
        let sharpen = alone.picture_filter(&gaussian).unsharp(1.0, 2.0).for_picture(picture);
        let sharpen = sharpen.expect("planned");
        let mut result = picture.clone();
        let mut run = || {
            edges.apply_into(picture, &mut result).expect("runs");
            sharpen.apply_into(picture, &mut result).expect("runs");
        };
        run();
        assert_eq!(refuse(4 << 10, None, run).1, 0, "{:?}", picture.color());
    }
    let x = noise(200, 260);
    let edges = alone.filter(&right).gradient(&down).for_shape(x.dim()).expect("planned");
    let sharpen = alone.filter(&gaussian).unsharp(1.0, 2.0).for_shape(x.dim()).expect("planned");
    let blur = alone.filter(&gaussian).for_shape(x.dim()).expect("planned");
    // Columns that are next to each other in memory.
    let (mut y, mut turned) = (x.clone(), noise(260, 200).reversed_axes());
    let (bytes, mut blurred) = (x.mapv(|x| x as u8), x.mapv(|_| 0u8));
    let mut run = || {
        edges.apply_into(&x, &mut turned).expect("runs");
        sharpen.apply_into(&turned, &mut y).expect("runs");
        blur.apply_of_into(&bytes, &mut blurred).expect("runs");
    };
    run();
    assert_eq!(refuse(4 << 10, None, &mut run).1, 0);
    assert_eq!(turned, edges.apply(&x).expect("runs"));
    assert_eq!(y, sharpen.apply(&turned).expect("runs"));
    assert_eq!(blurred, blur.apply_of(&bytes).expect("runs"));
}

/// The scenario of this process, if it is one of those that a test has started for itself; if not, starts them.
fn alone(test: &str, scenarios: &[&str]) -> Option<String> {
    if let Ok(scenario) = std::env::var("CONVOLVE_TEST_CHILD") {
        return Some(scenario);
    }
    let program = std::env::current_exe().expect("this program");
    for scenario in scenarios {
        let mut child = Command::new(&program);
        child.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        let output = child.env("CONVOLVE_TEST_CHILD", scenario).output().expect("it starts");
        let [words, errors] = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(output.status.success(), "{test} {scenario}: {}\n{errors}", output.status);
        assert!(words.contains("1 passed"), "{test} {scenario} did not run:\n{words}");
    }
    None
}
