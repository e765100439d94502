//! Samples that are not stored in the type that is computed in: what comes out is what comes out of the
//! same numbers in that type, rounded once.

use convolve::{Boundary, Convolver, Device, Error, Filter, FrameSample, Method, Precision};
use ndarray::{Array2, ArrayD, Dimension, IxDyn};

use crate::common::cases::Case;
use crate::common::*;

/// How far a result may be from where the sum lies: half a level, and what sums in another order, or
/// transforms, may be off by.
const HALF: f64 = 0.5 + 2e-3;
const HALF_OF_A_TRANSFORM: f64 = 0.5 + 1.0 / 8.0;

/// Checks frames of integers against the filter's own results of the same numbers.
fn check<T, D>(filter: &Filter<f32, D>, random: &mut Random, [least, most]: [f64; 2], what: &str)
where
    T: FrameSample<f32> + Value + Into<f64> + Into<f32>,
    D: Dimension,
{
    let plan = filter.plan();
    let half = if plan.method() == Method::Fft { HALF_OF_A_TRANSFORM } else { HALF };
    let frame = random.array::<T>(&plan.problem.input);
    let frame = frame.into_dimensionality::<D>().expect("the planned rank");
    let exact = filter.apply(&frame.mapv(Into::into)).expect("runs");
    let mut stream = filter.stream_of::<T>();
    let pushed = stream.push(&frame).expect("runs");
    let result = pushed.or_else(|| stream.pop().expect("runs")).expect("a result");
    for (at, (&got, &exact)) in result.iter().zip(&exact).enumerate() {
        let (got, exact): (f64, f64) = (got.into(), exact.into());
        let exact = if exact.is_nan() { 0.0 } else { exact.clamp(least, most) };
        assert!((got - exact).abs() <= half, "{what}: {got}, {exact} at {at}\n{plan}");
    }
    assert_eq!(filter.apply_of(&frame).expect("runs"), result, "{what}");
    let numbers = filter.apply_unrounded(&frame).expect("runs");
    let largest = exact.iter().filter(|y| y.is_finite());
    let largest = largest.fold(1.0, |largest: f32, y| largest.max(y.abs()));
    for (got, exact) in numbers.iter().zip(&exact) {
        let same = got == exact || got.is_nan() && exact.is_nan();
        assert!(same || (got - exact).abs() <= 1e-5 * largest, "{what}: {got}, {exact}\n{plan}");
    }
}

fn check_both<D: Dimension>(filter: &Filter<f32, D>, random: &mut Random, what: &str) {
    check::<u8, D>(filter, random, [0.0, 255.0], what);
    check::<u16, D>(filter, random, [0.0, 65_535.0], what);
    check::<i8, D>(filter, random, [-128.0, 127.0], what);
    check::<i16, D>(filter, random, [-32_768.0, 32_767.0], what);
}

#[test]
fn integers_are_read_and_written_by_every_method() {
    let cases: Vec<Case> = table();
    let mut ran = [0; 2];
    // Both precisions, by turns: an odd step.
    const STEP: usize = 3;
    for (i, case) in cases.iter().enumerate().step_by(STEP).filter(|(_, case)| !case.swaps()) {
        let mut random = Random::new(i as u64);
        // Small taps: sums that round, and some that saturate.
        let kernel = random.array::<u8>(&case.kernel).mapv(|tap| f32::from(tap) / 512.0 - 0.1);
        let taps = kernel.len() as f32;
        let outer = random.rank_one::<f32>(&case.kernel).mapv(|tap| tap / 4.0);
        let kernels = [(kernel / taps.sqrt(), 0), (outer, 1)];
        for (kernel, kind) in kernels {
            for method in [Method::Direct, Method::Separable, Method::Fft] {
                let builder = convolver().filter(&kernel).options(case.options());
                let precision = [Precision::Native, Precision::High][i % 2];
                let builder = builder.device(Device::Cpu).method(method).precision(precision);
                match builder.for_shape(IxDyn(&case.input)) {
                    Ok(filter) => {
                        check_both(&filter, &mut random, &format!("{case:?} {method}"));
                        ran[kind] += 1;
                    }
                    Err(Error::Inadmissible { .. }) => {}
                    Err(error) => panic!("{case:?} {error}"),
                }
            }
        }
    }
    assert!(ran.iter().all(|&ran| STEP * ran > cases.len()), "{ran:?}");
}

/// Rows that are converted in several strips, and transformed in several blocks.
#[test]
fn long_rows_are_converted_in_strips() {
    let (mut random, mut ran) = (Random::new(5), 0);
    let cpu = Convolver::builder().gpu(false).build();
    for (shape, kernel) in [
        ((23, 9_001, 3), random.array::<f32>(&[3, 3, 1])),
        ((40, 2_500, 1), random.array::<f32>(&[15, 15, 1])),
        ((400, 700, 4), random.rank_one::<f32>(&[9, 9, 1])),
        ((1, 70_000, 2), random.array::<f32>(&[1, 33, 1])),
        ((3_000, 5, 2), random.rank_one::<f32>(&[21, 2, 1])),
    ] {
        let kernel = kernel / 200.0f32;
        for method in [Method::Direct, Method::Separable, Method::Fft] {
            for stride in [[1, 1, 1], [2, 3, 1]] {
                let builder = cpu.filter(&kernel).method(method).boundary(Boundary::Reflect);
                let filter = match builder.stride(stride).for_shape(IxDyn(&shape_of(shape))) {
                    Ok(filter) => filter,
                    Err(Error::Inadmissible { .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                check_both(&filter, &mut random, &format!("{shape:?} {method} {stride:?}"));
                ran += 1;
            }
        }
    }
    assert!(ran >= 20, "{ran}");
}

fn shape_of((rows, columns, channels): (usize, usize, usize)) -> [usize; 3] {
    [rows, columns, channels]
}

/// A difference of Gaussians: a sum of two outer products.
fn two_terms() -> Array2<f32> {
    Array2::from_shape_fn((9, 9), |(y, x)| {
        let (y, x) = (y as f32 - 4.0, x as f32 - 4.0);
        (-(x * x + y * y) / 8.0).exp() - 0.4 * (-(x * x + y * y) / 3.0).exp()
    })
}

/// Terms of a sum may be infinite where the sum is not: that is seen before a result is a level.
#[test]
fn what_is_outside_may_be_infinite() {
    let smooth = two_terms();
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        for method in [Method::Direct, Method::Separable, Method::Fft] {
            let builder = convolver().filter(&smooth).boundary(Boundary::Constant(value));
            let builder = builder.device(Device::Cpu).method(method);
            let filter = match builder.for_shape((70, 90)) {
                Ok(filter) => filter,
                Err(Error::Inadmissible { .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            check_both(&filter, &mut Random::new(1), &format!("{value} {method}"));
        }
    }
}

#[test]
fn arrays_of_one_byte_are_still_wrapped() {
    let x = ArrayD::from_elem(IxDyn(&[4, 4]), 200u8);
    let k = ArrayD::from_elem(IxDyn(&[1, 1]), 2u8);
    let filter = convolver().filter(&k).for_shape(x.raw_dim()).expect("planned");
    assert!(filter.apply(&x).expect("runs").iter().all(|&y| y == 144));
}

#[cfg(feature = "gpu")]
mod on_gpu {
    use super::*;
    use crate::common::textures::texture;
    use convolve::wgpu;
    use ndarray::Array3;

    /// Packed integers under every kind of shader, and of all widths that leave words in part.
    #[test]
    fn integers_are_packed_by_every_method() {
        let Some(_) = gpu() else { return };
        let mut ran = 0;
        for (i, case) in table().iter().enumerate().step_by(29).filter(|(_, case)| !case.swaps()) {
            let mut random = Random::new(i as u64);
            let kernel = random.array::<u8>(&case.kernel).mapv(|tap| f32::from(tap) / 512.0 - 0.1);
            let taps = kernel.len() as f32;
            let outer = random.rank_one::<f32>(&case.kernel).mapv(|tap| tap / 4.0);
            for (kernel, method) in
                [(kernel / taps.sqrt(), Method::Direct), (outer, Method::Separable)]
            {
                let builder = convolver().filter(&kernel).options(case.options());
                let builder = builder.device(Device::Gpu).method(method);
                match builder.for_shape(IxDyn(&case.input)) {
                    Ok(filter) => {
                        check_both(&filter, &mut random, &format!("{case:?} {method} gpu"));
                        ran += 1;
                    }
                    Err(Error::Inadmissible { .. }) => {}
                    Err(error) => panic!("{case:?} {error}"),
                }
            }
        }
        assert!(ran > 10, "{ran}");
    }

    #[test]
    fn rows_of_any_width_are_packed() {
        let Some(_) = gpu() else { return };
        let (mut random, mut ran, mut repaired) = (Random::new(3), 0, 0);
        // Noise, an outer product, and a sum of two whose terms add up in the output.
        let noise = random.array::<f32>(&[3, 5, 1]) / 20.0f32;
        let outer = random.rank_one::<f32>(&[9, 7, 1]) / 20.0f32;
        let two = two_terms().insert_axis(ndarray::Axis(2)).into_dyn();
        let kernels =
            [(noise, Method::Direct), (outer, Method::Separable), (two, Method::Separable)];
        for (kernel, method) in &kernels {
            for width in (1..=9).chain(21..=28) {
                for stride in [1, 2] {
                    let builder = convolver().filter(kernel).method(*method).device(Device::Gpu);
                    let builder = builder.boundary(Boundary::Reflect).stride([1, stride, 1]);
                    let filter = match builder.for_shape(IxDyn(&[13, width, 3])) {
                        Ok(filter) => filter,
                        Err(Error::Inadmissible { .. }) => continue,
                        Err(error) => panic!("{error}"),
                    };
                    check_both(&filter, &mut random, &format!("{width} {method} {stride}"));
                    ran += 1;
                    repaired += usize::from(filter.plan().to_string().contains("repair"));
                }
            }
        }
        assert!(ran >= 40 && repaired >= 8, "{ran} {repaired}");
    }

    /// What is too large for one binding is computed in ranges, whose ends are in no whole words.
    #[test]
    fn integers_in_parts() {
        let Some(_) = gpu() else { return };
        let mut random = Random::new(4);
        let noise = random.array::<f32>(&[3, 3]) / 10.0f32;
        let outer = random.rank_one::<f32>(&[5, 5]) / 10.0f32;
        let convolver = narrowed(Convolver::builder(), |gpu| gpu.max_binding = 16_384).build();
        for (kernel, method) in [(&noise, Method::Direct), (&outer, Method::Separable)] {
            let builder = convolver.filter(kernel).device(Device::Gpu).method(method);
            let filter = builder.for_shape(IxDyn(&[101, 133])).expect("admissible");
            assert!(filter.plan().to_string().contains(" ranges: "), "{}", filter.plan());
            check_both(&filter, &mut random, &method.to_string());
        }
    }

    /// All four channels at once, as the CPU has them one by one.
    #[test]
    fn textures_are_filtered_by_every_kind_of_launch() {
        use wgpu::TextureUsages as Usage;
        let Some(convolver) = gpu() else { return };
        let device = convolver.gpu().expect("a device");
        let (mut random, mut ran) = (Random::new(12), [0; 3]);
        let noise = random.array::<f32>(&[3, 4]);
        let outer = random.rank_one::<f32>(&[5, 7]);
        let two = two_terms().into_dyn();
        let wide = random.array::<f32>(&[1, 40]);
        for kernel in [&noise, &outer, &two, &wide] {
            let kernel = kernel.clone().into_dimensionality::<ndarray::Ix2>().expect("two axes");
            for (method, stride, size) in [
                (Method::Direct, 1, [5usize, 1usize]),
                (Method::Direct, 1, [37, 61]),
                (Method::Direct, 3, [37, 61]),
                (Method::Separable, 1, [66, 131]),
                (Method::Separable, 2, [66, 131]),
            ] {
                let planned = |device, boundary: Boundary<f32>| {
                    let builder = convolver.filter(&kernel).device(device).method(method);
                    builder.boundary(boundary).stride(stride).for_shape((size[0], size[1]))
                };
                for boundary in [Boundary::Mirror, Boundary::Constant(3.0)] {
                    let (filter, cpu) =
                        match (planned(Device::Gpu, boundary), planned(Device::Cpu, boundary)) {
                            (Ok(filter), Ok(cpu)) => (filter, cpu),
                            (Err(Error::Inadmissible { .. }), _)
                            | (_, Err(Error::Inadmissible { .. })) => continue,
                            (filter, cpu) => panic!("{:?} {:?}", filter.err(), cpu.err()),
                        };
                    let x = random.array::<f32>(&[size[0], size[1], 4]);
                    let x: Array3<f32> = x.into_dimensionality().expect("three axes");
                    let y = through_textures(&device, &filter, &x);
                    let plan = filter.plan().to_string();
                    for (ran, kind) in ran.iter_mut().zip(["direct", "fused", "repair"]) {
                        *ran += usize::from(plan.contains(kind));
                    }
                    for channel in 0..4 {
                        let plane = x.index_axis(ndarray::Axis(2), channel).to_owned();
                        let exact = cpu.apply(&plane).expect("runs");
                        let got = y.index_axis(ndarray::Axis(2), channel);
                        let largest = exact.iter().fold(1.0f32, |most, y| most.max(y.abs()));
                        for (got, exact) in got.iter().zip(&exact) {
                            let what = (method, stride, size, boundary, channel);
                            assert!(
                                (got - exact).abs() <= 1e-4 * largest,
                                "{what:?} {got} {exact}"
                            );
                        }
                    }
                }
            }
        }
        assert!(ran.iter().all(|&ran| ran > 1), "{ran:?}");

        fn through_textures(
            device: &convolve::GpuDevice,
            filter: &Filter<f32, ndarray::Ix2>,
            x: &Array3<f32>,
        ) -> Array3<f32> {
            let (device, queue) = (device.device(), device.queue());
            let out = filter.output_dim();
            let (input, output) = ([x.dim().0, x.dim().1], [out[0], out[1]]);
            let four = wgpu::TextureFormat::Rgba32Float;
            let source = texture(device, four, input, Usage::TEXTURE_BINDING | Usage::COPY_DST);
            let target = texture(device, four, output, Usage::STORAGE_BINDING | Usage::COPY_SRC);
            queue.write_texture(
                source.as_image_copy(),
                bytemuck::cast_slice(x.as_slice().expect("standard layout")),
                wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(16 * source.width()),
                    rows_per_image: None,
                },
                source.size(),
            );
            let pitch = (16 * target.width()).next_multiple_of(256);
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: u64::from(pitch * target.height()),
                usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
                mapped_at_creation: false,
            });
            let mut encoder = device.create_command_encoder(&Default::default());
            filter.encode_texture(&mut encoder, &source, &target).expect("recorded");
            encoder.copy_texture_to_buffer(
                target.as_image_copy(),
                wgpu::TexelCopyBufferInfo {
                    buffer: &buffer,
                    layout: wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some(pitch),
                        rows_per_image: None,
                    },
                },
                target.size(),
            );
            queue.submit([encoder.finish()]);
            buffer.slice(..).map_async(wgpu::MapMode::Read, |result| result.expect("mapped"));
            device.poll(wgpu::PollType::wait_indefinitely()).expect("done");
            let mapped = buffer.slice(..).get_mapped_range().expect("mapped");
            let rows = mapped.chunks_exact(pitch as usize);
            let samples = rows.flat_map(|row| {
                let row: &[f32] = bytemuck::cast_slice(&row[..16 * output[1]]);
                row.to_vec()
            });
            Array3::from_shape_vec((out[0], out[1], 4), samples.collect()).expect("its shape")
        }
    }
}

/// Integers of 32 bits are exact in `f64` alone.
#[test]
fn a_filter_of_f64_takes_larger_integers() {
    let kernel = ndarray::arr1(&[0.5f64, 1.0, 0.5]);
    let filter =
        convolver().filter(&kernel).boundary(Boundary::Nearest).for_shape(4).expect("planned");
    let x = ndarray::arr1(&[u32::MAX, u32::MAX - 1, 5, 6]);
    let expected = ndarray::arr1(&[u32::MAX, u32::MAX, 2_147_483_655, 12]);
    assert_eq!(filter.apply_of(&x).expect("runs"), expected);
    let exact = filter.apply(&x.mapv(f64::from)).expect("runs");
    assert_eq!(filter.apply_unrounded(&x).expect("runs"), exact);
    let x = ndarray::arr1(&[i32::MIN, -7, 2, 2]);
    assert_eq!(
        filter.apply_of(&x).expect("runs"),
        ndarray::arr1(&[i32::MIN, -1_073_741_830, 0, 4])
    );
    // As a kernel that is longer than its input, too, and where results are checked.
    let swapped =
        convolver().filter(&kernel).mode(convolve::Mode::Valid).check(convolve::Check::Sampled(9));
    let swapped = swapped.for_shape(2).expect("planned");
    let y = swapped.apply_of(&ndarray::arr1(&[3i16, -1])).expect("runs");
    assert_eq!(y, ndarray::arr1(&[2, 0]));
    let y = swapped.apply_unrounded(&ndarray::arr1(&[3i16, -1])).expect("runs");
    assert_eq!(y, ndarray::arr1(&[2.5, 0.5]));
}

#[test]
fn arrays_of_any_layout_are_taken() {
    let blur = convolver()
        .filter(&Array2::from_elem((3, 3), 1f32 / 9.0))
        .for_shape((5, 7))
        .expect("planned");
    let x = Random::new(3)
        .array::<u8>(&[7, 5])
        .into_dimensionality::<ndarray::Ix2>()
        .expect("two axes");
    let (turned, whole) = (x.t(), x.t().as_standard_layout().into_owned());
    let expected = blur.apply_of(&whole).expect("runs");
    assert_eq!(blur.apply_of(&turned).expect("runs"), expected);
    let mut y = Array2::<u8>::zeros((7, 5)).reversed_axes();
    blur.apply_of_into(&turned, &mut y).expect("runs");
    assert_eq!(y, expected);
    let error = blur.apply_of(&x).expect_err("of another shape");
    assert!(matches!(error, Error::Shape { what: "input", .. }), "{error}");
}
