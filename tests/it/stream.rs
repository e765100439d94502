//! Streams of frames: the same results in the same order, whatever is on its way.

use convolve::{Boundary, Convolver, Device, Error, Filter, FrameSample, Method};
use ndarray::{Array3, ArrayD, Ix3, s};

use crate::common::*;

/// Exact in `f32`, with sums below 0 and above the largest integer, and with ties.
fn kernel() -> Array3<f32> {
    let taps = [3.0, -2.0, 0.5, 0.25, 1.5, -0.5, 0.125, -1.0, 0.75, 0.5, -0.25, 0.25];
    Array3::from_shape_vec((3, 4, 1), taps.map(|tap| tap / 2.0).to_vec()).expect("3 x 4")
}

fn devices() -> Vec<Device> {
    let mut devices = vec![Device::Cpu];
    devices.extend(gpu().map(|_| Device::Gpu));
    devices
}

fn planned(
    device: Device,
    boundary: Boundary<f32>,
    shape: (usize, usize, usize),
) -> Filter<f32, Ix3> {
    let builder = convolver().filter(&kernel()).boundary(boundary).device(device);
    builder.method(Method::Direct).for_shape(shape).expect("admissible")
}

#[test]
fn frames_are_computed_as_they_are_alone() {
    for case in table().iter().step_by(41) {
        let subject = case.subject::<f32>();
        for device in devices() {
            let way = (device, Method::Direct);
            let filter = subject.filter(convolver(), way).expect("admissible");
            let other = subject.x.mapv(|x| 1.0 - x);
            let other_result = filter.apply(&other).expect("runs");
            let mut depth = 0;
            let tolerance = subject.tolerance(filter.plan());
            let ran = subject.check(tolerance, |x, _, _, y| {
                depth += 2;
                let mut stream = filter.stream().depth(depth);
                let mut results = Vec::new();
                for i in 0..7 {
                    results.extend(stream.push(if i % 3 == 1 { &other } else { x })?);
                    assert!(stream.in_flight() <= depth);
                }
                while let Some(result) = stream.pop()? {
                    results.push(result);
                }
                assert_eq!(results.len(), 7);
                assert_eq!(results[1], other_result);
                assert_eq!(results[4], other_result);
                assert!([0, 2, 3, 5].iter().all(|&i| results[i] == results[6]));
                y.assign(&results[6]);
                Ok(())
            });
            ran.unwrap_or_else(|error| panic!("{case:?} {device}\n{error}"));
        }
    }
}

/// What must come out: sums in `f64`, rounded and saturated.
fn rounded<T: FrameSample<f32> + Copy>(
    filter: &Filter<f32, Ix3>,
    x: &Array3<T>,
    to_f32: impl Fn(T) -> f32,
    round: impl Fn(f64) -> T,
) -> Array3<T> {
    let cpu = convolver()
        .filter(&kernel())
        .boundary(Boundary::Constant(f32::NAN))
        .device(Device::Cpu)
        .method(Method::Direct);
    let shape = filter.plan().problem.input.clone();
    let cpu = cpu.for_shape((shape[0], shape[1], shape[2])).expect("admissible");
    cpu.apply(&x.mapv(to_f32)).expect("runs").mapv(|y| round(y.into()))
}

/// Frames of integers on every device, of lengths that fill no whole words.
fn integers<T>(to_f32: impl Fn(T) -> f32 + Copy, round: impl Fn(f64) -> T + Copy)
where
    T: FrameSample<f32> + Copy + Value + std::cmp::Eq,
{
    for shape in [(5, 7, 3), (1, 1, 1), (2, 5, 1), (33, 65, 4), (40, 64, 1)] {
        for device in devices() {
            // Where a window leaves the picture, the sum is no number, and comes back as 0.
            let filter = planned(device, Boundary::Constant(f32::NAN), shape);
            let mut random = Random::new(shape.0 as u64);
            let dims = [shape.0, shape.1, shape.2];
            let frames: Vec<Array3<T>> = (0..5)
                .map(|_| random.array::<T>(&dims).into_dimensionality().expect("three axes"))
                .collect();
            let results: Vec<_> = filter.stream_of::<T>().over(frames.clone()).collect();
            assert_eq!(results.len(), 5);
            for (x, y) in frames.iter().zip(results) {
                let y = y.expect("runs");
                assert_eq!(y, rounded(&filter, x, to_f32, round), "{shape:?} {device}");
            }
        }
    }
}

#[test]
fn bytes_are_rounded_and_saturated() {
    let round = |y: f64| if y.is_nan() { 0 } else { y.round_ties_even().clamp(0.0, 255.0) as u8 };
    integers::<u8>(f32::from, round);
}

#[test]
fn words_are_rounded_and_saturated() {
    let round =
        |y: f64| if y.is_nan() { 0 } else { y.round_ties_even().clamp(0.0, 65535.0) as u16 };
    integers::<u16>(f32::from, round);
}

#[test]
fn frames_of_any_layout_and_of_no_other_shape() {
    for device in devices() {
        let filter = planned(device, Boundary::Mirror, (9, 11, 2));
        let big = Random::new(3).array::<u8>(&[20, 24, 4]);
        let big: Array3<u8> = big.into_dimensionality().expect("three axes");
        let view = big.slice(s![1..19;2, ..22;-2, ..;2]);
        let packed = view.as_standard_layout().into_owned();
        let mut stream = filter.stream_of::<u8>().depth(1);
        let wrong = stream.push(&big);
        assert!(matches!(wrong, Err(Error::Shape { what: "frame", .. })));
        let mut results = Vec::new();
        results.extend(stream.push(&view).expect("runs"));
        results.extend(stream.push(&packed).expect("runs"));
        while let Some(result) = stream.pop().expect("runs") {
            results.push(result);
        }
        assert_eq!(results.len(), 2, "{device}");
        assert_eq!(results[0], results[1], "{device}");
        assert!(stream.pop().expect("nothing is left").is_none());
    }
}

/// Into arrays of any layout, in any mixture with those that are handed out.
#[test]
fn results_go_where_they_are_wanted() {
    for device in devices() {
        let filter = planned(device, Boundary::Reflect, (9, 11, 2));
        let frames: Vec<Array3<u8>> = (0..8)
            .map(|seed| Random::new(seed).array(&[9, 11, 2]).into_dimensionality().expect("three"))
            .collect();
        let expected: Vec<_> = filter.stream_of::<u8>().over(frames.clone()).collect();
        let mut expected = expected.into_iter().map(|y| y.expect("runs"));
        let mut stream = filter.stream_of::<u8>().depth(2);
        let mut packed = Array3::from_elem((9, 11, 2), 7);
        let mut wide = Array3::from_elem((18, 11, 4), 7);
        let mut next = |y: ndarray::ArrayView3<u8>| assert_eq!(expected.next().expect("one"), y);
        for (i, frame) in frames.iter().enumerate() {
            match i % 3 {
                0 if stream.push_into(frame, &mut packed).expect("runs") => next(packed.view()),
                1 => {
                    let mut into = wide.slice_mut(s![..;-2, .., ..;2]);
                    if stream.push_into(frame, &mut into).expect("runs") {
                        next(into.view());
                    }
                }
                2 => stream.push(frame).expect("runs").iter().for_each(|y| next(y.view())),
                _ => {}
            }
        }
        let wrong = stream.pop_into(&mut Array3::zeros((9, 11, 3)));
        assert!(matches!(wrong, Err(Error::Shape { what: "result", .. })));
        while stream.pop_into(&mut packed).expect("runs") {
            next(packed.view());
        }
        assert!(expected.next().is_none(), "{device}");
        assert!(wide.slice(s![1..;-2, .., 1..;2]).iter().all(|y| *y == 7), "written beside");
    }
}

/// On the CPU; on a GPU, wgpu allocates for each submission.
#[test]
fn later_frames_allocate_nothing() {
    let convolver = Convolver::builder().threads(1).build();
    let filter = convolver.filter(&kernel()).boundary(Boundary::Mirror).device(Device::Cpu);
    let filter = filter.for_shape((40, 50, 3)).expect("admissible");
    let (packed, wide) =
        (Array3::from_elem((40, 50, 3), 9u8), Array3::from_elem((40, 100, 3), 9u8));
    for x in [packed.view(), wide.slice(s![.., ..;2, ..])] {
        for mut y in [packed.clone(), wide.clone()] {
            let mut y = match y.dim() == x.dim() {
                true => y.view_mut(),
                false => y.slice_mut(s![.., ..;2, ..]),
            };
            let mut stream = filter.stream_of::<u8>();
            let mut counts = [0; 5];
            for count in &mut counts {
                let before = allocations();
                assert!(stream.push_into(&x, &mut y).expect("runs"));
                *count = allocations() - before;
            }
            let packs = x.as_slice().is_none() || y.as_slice().is_none();
            assert!(!packs || counts[0] > 0, "the count counts");
            assert_eq!(counts[2..], [0, 0, 0]);
        }
    }
}

#[test]
fn streams_of_many_threads() {
    for device in devices() {
        let filter = planned(device, Boundary::Wrap, (20, 31, 3));
        let frame = |seed| -> Array3<u8> {
            let frame = Random::new(seed).array::<u8>(&[20, 31, 3]);
            frame.into_dimensionality().expect("three axes")
        };
        let alone: Vec<_> = (0..6)
            .map(|seed| filter.stream_of::<u8>().over([frame(seed)]).next().expect("one"))
            .map(|result| result.expect("runs"))
            .collect();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let all = filter.stream_of::<u8>().over((0..6).map(frame));
                    for (result, alone) in all.zip(&alone) {
                        assert_eq!(&result.expect("runs"), alone);
                    }
                });
            }
        });
    }
}

#[cfg(feature = "gpu")]
mod on_gpu {
    use super::*;
    use convolve::plan::CostModel;

    /// A filter on a device of its own, which is destroyed while frames are on their way.
    fn doomed(device: Device) -> Option<(convolve::wgpu::Device, Filter<f32, Ix3>)> {
        let mut model = CostModel::default();
        (model.cpu.direct, model.cpu.fft, model.cpu.bandwidth) = (1.0, 1.0, 1.0);
        model.software_unasked = true;
        let (gpu, queue) = own_device(Default::default())?;
        let convolver = Convolver::builder().cost_model(model);
        let convolver = convolver.build_with_device(gpu.clone(), queue).expect("compute shaders");
        let filter = convolver.filter(&kernel()).boundary(Boundary::Mirror).device(device);
        let filter = filter.for_shape((30, 41, 3)).expect("admissible");
        assert_eq!(filter.plan().device(), Device::Gpu);
        Some((gpu, filter))
    }

    fn frames() -> Vec<Array3<u8>> {
        let frame = |seed| Random::new(seed).array::<u8>(&[30, 41, 3]).into_dimensionality();
        (0..6).map(|seed| frame(seed).expect("three axes")).collect()
    }

    #[test]
    fn the_cpu_takes_over_in_the_middle() {
        let Some((device, filter)) = doomed(Device::Auto) else { return };
        let on_cpu = planned(Device::Cpu, Boundary::Mirror, (30, 41, 3));
        let expected: Vec<_> = on_cpu.stream_of::<u8>().over(frames()).collect();
        let mut stream = filter.stream_of::<u8>();
        let mut results = Vec::new();
        for (i, frame) in frames().iter().enumerate() {
            if i == 2 {
                device.destroy();
            }
            results.extend(stream.push(frame).expect("falls back"));
        }
        while let Some(result) = stream.pop().expect("falls back") {
            results.push(result);
        }
        assert!(filter.fell_back().is_some_and(|why| why.contains("lost")));
        let expected: Vec<_> = expected.into_iter().map(|y| y.expect("runs")).collect();
        assert_eq!(results, expected);
    }

    #[test]
    fn a_loss_is_an_error_where_the_gpu_was_asked_for() {
        let Some((device, filter)) = doomed(Device::Gpu) else { return };
        let frames = frames();
        let mut stream = filter.stream_of::<u8>();
        assert!(stream.push(&frames[0]).expect("submits").is_none());
        device.destroy();
        let error = stream.push(&frames[1]).expect_err("gone").to_string();
        assert!(error.contains("lost"), "{error}");
        assert!(stream.pop().is_err());
        assert!(stream.pop().expect("nothing is left").is_none());
        let mut results = filter.stream_of::<u8>().over(frames);
        assert!(results.next().is_some_and(|result| result.is_err()));
        assert!(results.next().is_none());
    }

    #[test]
    fn frames_longer_than_a_binding() {
        let Some((device, queue)) = own_device(Default::default()) else { return };
        let builder = narrowed(Convolver::builder(), |gpu| gpu.max_binding = 10_000);
        let convolver = builder.build_with_device(device, queue).expect("compute shaders");
        let (shape, boundary) = ((53, 61, 3), Boundary::Reflect);
        let filter = convolver.filter(&kernel()).boundary(boundary).device(Device::Gpu);
        let filter = filter.for_shape(shape).expect("admissible");
        let on_cpu = planned(Device::Cpu, boundary, shape);
        let frame = Random::new(6).array::<u8>(&[53, 61, 3]);
        let frame: Array3<u8> = frame.into_dimensionality().expect("three axes");
        let [here, there] = [&on_cpu, &filter]
            .map(|filter| filter.stream_of::<u8>().over([frame.clone(), frame.clone()]));
        for (here, there) in here.zip(there) {
            assert_eq!(here.expect("runs"), there.expect("runs"));
        }
    }

    #[test]
    fn memory_for_fewer_frames_than_that_is_an_error() {
        let Some((device, queue)) = own_device(Default::default()) else { return };
        let builder = Convolver::builder().gpu_memory(200 << 10);
        let convolver = builder.build_with_device(device, queue).expect("compute shaders");
        let kernel = ndarray::Array2::<f32>::ones((3, 3));
        let filter = convolver.filter(&kernel).device(Device::Gpu).for_shape((64, 100));
        let filter = filter.expect("admissible");
        let frame = ndarray::Array2::<f32>::ones((64, 100));
        let mut stream = filter.stream().depth(8);
        let mut started = 0;
        let error = loop {
            match stream.push(&frame) {
                Ok(_) => started += 1,
                Err(error) => break error.to_string(),
            }
            assert!(started < 8, "8 frames of 100 KiB in 200 KiB");
        };
        assert!(error.contains("in use"), "{error}");
        for _ in 0..started {
            assert_eq!(stream.pop().expect("runs").expect("is on its way")[[5, 5]], 9.0);
        }
        assert!(stream.push(&frame).is_ok(), "there is room again");
    }
}

/// Types that no picture has travel as they are.
#[test]
fn complex_frames_pass_through_streams() {
    use num_complex::Complex;
    let x: ArrayD<Complex<f32>> = Random::new(9).array(&[6, 7]);
    let k: ArrayD<Complex<f32>> = Random::new(8).array(&[2, 3]);
    for device in devices() {
        let filter = convolver().filter(&k).device(device).method(Method::Direct);
        let filter = filter.for_shape(x.raw_dim()).expect("admissible");
        let alone = filter.apply(&x).expect("runs");
        for result in filter.stream().over([x.clone(), x.clone()]) {
            assert_eq!(result.expect("runs"), alone);
        }
    }
}

#[cfg(feature = "image")]
#[test]
fn pictures_are_the_same_on_every_device() {
    use image::{ColorType, DynamicImage};
    let kernel = kernel().remove_axis(ndarray::Axis(2));
    for color in [ColorType::L8, ColorType::Rgb8, ColorType::Rgba16, ColorType::Rgb32F] {
        let mut random = Random::new(4);
        let picture = image::RgbaImage::from_fn(31, 18, |_, _| {
            image::Rgba([0; 4].map(|_: u8| random.below(256) as u8))
        });
        let picture = DynamicImage::ImageRgba8(picture);
        let picture: DynamicImage = match color {
            ColorType::L8 => picture.to_luma8().into(),
            ColorType::Rgb8 => picture.to_rgb8().into(),
            ColorType::Rgba16 => picture.to_rgba16().into(),
            // Values of the 8 bits as they are, so that every sum is exact.
            _ => image::Rgb32FImage::from_fn(31, 18, |x, y| {
                image::Rgb([0, 1, 2].map(|c| f32::from(picture.to_rgb8().get_pixel(x, y).0[c])))
            })
            .into(),
        };
        let results: Vec<DynamicImage> = devices()
            .into_iter()
            .map(|device| {
                let builder = convolver().picture_filter(&kernel).device(device);
                let builder = builder.method(Method::Direct);
                let filter = builder.for_picture(&picture).expect("admissible");
                assert_eq!(filter.profile(&picture).expect("runs").device, device);
                filter.apply(&picture).expect("runs")
            })
            .collect();
        assert!(results.iter().all(|result| *result == results[0]), "{color:?}");
    }
}

/// Cut-outs, whose alpha counts, among pictures without: each result in its turn, as it is alone.
#[cfg(feature = "image")]
#[test]
fn pictures_come_in_their_order() {
    use convolve::filters;
    use convolve::image::{DynamicImage, GenericImageView, Rgba, RgbaImage};

    let picture = |i: u32| {
        let pixel = |x: u32, y: u32| {
            let alpha = if i % 3 == 1 && x > y { 40 } else { 255 };
            Rgba([(x * 7 + y * 5) as u8, 50 * i as u8, (x * y) as u8, alpha])
        };
        DynamicImage::from(RgbaImage::from_fn(41, 23, pixel))
    };
    let kernel = filters::disk::<f32>(2.5).expect("a radius");
    for device in devices() {
        let filter = convolver().picture_filter(&kernel).device(device);
        let filter = filter.for_picture(&picture(0)).expect("admissible");
        let (mut stream, mut results, mut most) = (filter.stream().depth(2), Vec::new(), 0);
        for i in 0..5 {
            results.extend(stream.push(&picture(i)).expect("runs"));
            most = most.max(stream.in_flight());
        }
        while let Some(result) = stream.pop().expect("runs") {
            results.push(result);
        }
        assert_eq!((results.len(), most > 0), (5, device == Device::Gpu), "{device}");
        for (i, result) in results.iter().enumerate() {
            let alone = filter.apply(&picture(i as u32)).expect("runs");
            for (x, y, pixel) in result.pixels() {
                assert_eq!(pixel, alone.get_pixel(x, y), "{device}: {i}, {x}, {y}");
            }
        }
        assert!(stream.push(&DynamicImage::new_rgb8(41, 23)).is_err());
    }
}
