//! Arrays that stay on the GPU: the same results, in buffers that others have used before.

use convolve::{Boundary, Convolver, Device, Error, GpuArray, Method, Mode, Precision, filters};
use ndarray::{Array2, Ix2, IxDyn, s};
use num_complex::Complex;

use crate::common::*;

/// Fills the pool with buffers of the sizes that a subject needs, full of what no result holds.
fn soil<A: Value>(convolver: &Convolver, subject: &Subject<A>, round: usize) {
    let gpu = convolver.gpu().expect("a GPU");
    let dirt = |shape: IxDyn| {
        let dirt = ndarray::ArrayD::from_elem(shape, A::poison(round));
        gpu.upload(&dirt).expect("uploads")
    };
    let all: Vec<GpuArray<A, IxDyn>> =
        (0..2).flat_map(|_| [dirt(subject.x.raw_dim()), dirt(subject.exact.raw_dim())]).collect();
    all[0].download().expect("downloads");
}

fn parity<A: Value>(every: usize) {
    let Some(convolver) = gpu_with(A::DTYPE) else { return };
    let gpu = convolver.gpu().expect("a GPU");
    for case in table().iter().step_by(every) {
        let subject = case.subject::<A>();
        let filter = subject.filter(convolver, (Device::Auto, Method::Auto)).expect("admissible");
        let plan = match filter.gpu_plan() {
            Err(Error::Inadmissible { reason, .. }) if case.swaps() => {
                assert!(reason.contains("change places"), "{reason}");
                continue;
            }
            plan => plan.expect("the GPU has this type"),
        };
        let mut round = 0;
        subject
            .check(subject.tolerance(&plan), |x, _, _, y| {
                soil(convolver, &subject, round);
                round += 1;
                let result = filter.apply_gpu(&gpu.upload(x)?)?;
                assert_eq!(result.shape(), y.shape());
                result.download_into(y)
            })
            .unwrap_or_else(|error| panic!("{case:?}\n{error}\n{plan}"));
    }
}

#[test]
fn parity_f32() {
    parity::<f32>(17);
}

#[cfg(feature = "f16")]
#[test]
fn parity_f16() {
    parity::<convolve::half::f16>(29);
}

#[test]
fn parity_i32() {
    parity::<i32>(29);
}

#[test]
fn parity_complex() {
    parity::<Complex<f32>>(29);
}

fn picture() -> Array2<f32> {
    Random::new(1).array::<f32>(&[37, 53]).into_dimensionality::<Ix2>().expect("two axes")
}

#[test]
fn a_chain_is_the_same_as_its_parts() {
    let Some(convolver) = gpu() else { return };
    let x = picture();
    let kernel = filters::gaussian::<f32>(0.8).expect("a kernel");
    let filter = |shape: Ix2, mode, stride: usize| {
        let builder = convolver.filter(&kernel).mode(mode).stride(stride).device(Device::Gpu);
        builder.boundary(Boundary::Mirror).for_shape(shape).expect("admissible")
    };
    let first = filter(x.raw_dim(), Mode::Full, 1);
    let second = filter(first.output_dim(), Mode::Same, 2);
    let third = filter(second.output_dim(), Mode::Valid, 1);
    let expected =
        third.apply(&second.apply(&first.apply(&x).expect("runs")).expect("runs")).expect("runs");

    let on_gpu = convolver.gpu().expect("a GPU").upload(&x).expect("uploads");
    // Each intermediate array is dropped while the device may still be at it.
    let y = third
        .apply_gpu(&second.apply_gpu(&first.apply_gpu(&on_gpu).expect("runs")).expect("runs"))
        .expect("runs");
    assert_eq!(y.dim(), expected.dim());
    assert_eq!((y.len(), y.ndim()), (expected.len(), 2));
    assert_eq!(y.download().expect("downloads"), expected);
    // The input is as it was.
    assert_eq!(on_gpu.download().expect("downloads"), x);

    // Into an array that held something else.
    let mut into = convolver.gpu().expect("a GPU").upload(&(&expected + 1.0)).expect("uploads");
    let halfway = second.apply_gpu(&first.apply_gpu(&on_gpu).expect("runs")).expect("runs");
    third.apply_gpu_into(&halfway, &mut into).expect("runs");
    assert_eq!(into.download().expect("downloads"), expected);
}

#[test]
fn arrays_of_any_layout_come_back() {
    let Some(convolver) = gpu() else { return };
    let gpu = convolver.gpu().expect("a GPU");
    let x = picture();
    for view in [x.view(), x.t(), x.slice(s![..;-2, 3..]), x.slice(s![1.., ..;3])] {
        assert_eq!(gpu.upload(&view).expect("uploads").download().expect("downloads"), view);
    }
    let mut big = Array2::from_elem((74, 53), f32::NAN);
    let on_gpu = gpu.upload(&x).expect("uploads");
    on_gpu.download_into(&mut big.slice_mut(s![..;2, ..;-1])).expect("downloads");
    assert_eq!(big.slice(s![..;2, ..;-1]), x);
    assert!(big.slice(s![1..;2, ..]).iter().all(|y| y.is_nan()));
    // Types that no shader has are stored all the same, and sizes that fill no whole word.
    let odd = ndarray::arr1(&[1u8, 2, 3, 250, 5, 6, 7]);
    assert_eq!(gpu.upload(&odd).expect("uploads").download().expect("downloads"), odd);
    let nothing = Array2::<f32>::zeros((3, 0));
    assert!(matches!(gpu.upload(&nothing), Err(Error::Empty { .. })));
}

#[test]
fn what_cannot_be_done_is_said() {
    let Some(convolver) = gpu() else { return };
    let gpu = convolver.gpu().expect("a GPU");
    let x = picture();
    let on_gpu = gpu.upload(&x).expect("uploads");
    let kernel = Array2::<f32>::ones((3, 3));
    let planned = |builder: convolve::FilterBuilder<f32, Ix2>| builder.for_shape(x.dim());

    let wrong = convolver.filter(&kernel).for_shape((37, 54)).expect("a filter");
    assert!(matches!(wrong.apply_gpu(&on_gpu), Err(Error::Shape { what: "input", .. })));
    let full = planned(convolver.filter(&kernel).mode(Mode::Full)).expect("a filter");
    let mut small = gpu.upload(&x).expect("uploads");
    let error = full.apply_gpu_into(&on_gpu, &mut small);
    assert!(matches!(error, Err(Error::Shape { what: "output", .. })));

    let on_cpu = planned(convolver.filter(&kernel).device(Device::Cpu)).expect("a filter");
    let error = on_cpu.apply_gpu(&on_gpu).expect_err("the CPU was asked for").to_string();
    assert!(error.contains("device cpu") && error.contains("on the GPU"), "{error}");
    let high = planned(convolver.filter(&kernel).precision(Precision::High)).expect("a filter");
    if let Err(error) = high.apply_gpu(&on_gpu) {
        assert!(error.to_string().contains("f64"), "{error}");
    }

    let (device, queue) = own_device(Default::default()).expect("there is a GPU");
    let other = Convolver::with_device(device, queue).expect("it has compute shaders");
    let filter = planned(other.filter(&kernel)).expect("a filter");
    let error = filter.apply_gpu(&on_gpu).expect_err("of another device").to_string();
    assert!(error.contains("another device"), "{error}");
}

#[test]
fn what_is_too_large_to_stay_is_an_error() {
    let Some((device, queue)) = own_device(Default::default()) else { return };
    let builder = narrowed(Convolver::builder(), |gpu| gpu.max_buffer = 4096);
    let convolver = builder.build_with_device(device, queue).expect("it has compute shaders");
    let x = picture();
    let filter = convolver.filter(&Array2::<f32>::ones((3, 3))).device(Device::Gpu);
    let filter = filter.for_shape(x.dim()).expect("in parts");
    let gpu = convolver.gpu().expect("a GPU");
    assert!(gpu.upload(&x).expect_err("too large").to_string().contains("4096"));
    // The filter runs from and to host memory, part by part.
    let on_cpu = convolver.filter(&Array2::<f32>::ones((3, 3))).device(Device::Cpu);
    let expected = on_cpu.for_shape(x.dim()).expect("a filter").apply(&x).expect("runs");
    for (y, expected) in filter.apply(&x).expect("runs").iter().zip(&expected) {
        assert!((y - expected).abs() < 1e-5);
    }
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let buffer = gpu.device().create_buffer(&convolve::wgpu::BufferDescriptor {
        label: None,
        size: 37 * 53 * 4,
        usage: convolve::wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    let error = filter.encode(&mut encoder, &buffer, &buffer).expect_err("too large").to_string();
    assert!(error.contains("part by part"), "{error}");
}

#[test]
fn many_arrays_from_many_threads() {
    let Some(convolver) = gpu() else { return };
    let gpu = convolver.gpu().expect("a GPU");
    let kernel = Array2::<f32>::ones((3, 5));
    let filter = convolver.filter(&kernel).device(Device::Gpu).for_shape((37, 53));
    let filter = filter.expect("admissible");
    let expected = filter.apply(&picture()).expect("runs");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut pending = Vec::new();
                for _ in 0..8 {
                    let x = gpu.upload(&picture()).expect("uploads");
                    pending.push(filter.apply_gpu(&x).expect("runs"));
                }
                for y in pending {
                    assert_eq!(y.download().expect("downloads"), expected);
                }
            });
        }
    });
}
