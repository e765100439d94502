//! A GPU that fails must become an error, or the CPU's work: no panic, no hang, no wrong answer.

use convolve::plan::{CostModel, Gpu};
use convolve::{Boundary, Convolver, Device, Error, Filter, Method, Mode, wgpu};
use ndarray::{Array2, Ix2};

use crate::common::{Random, assert_verified, gpu, own_device};

/// A convolver on a device of its own, which a test may destroy.
fn doomed() -> Option<(wgpu::Device, Convolver)> {
    let (device, queue) = own_device(wgpu::Limits::default())?;
    let builder = Convolver::builder().cost_model(eager());
    let convolver = builder.build_with_device(device.clone(), queue);
    Some((device, convolver.expect("it has compute shaders")))
}

/// Expects so little of the CPU that every choice falls on a GPU.
fn eager() -> CostModel {
    let mut model = CostModel::default();
    (model.cpu.direct, model.cpu.fft, model.cpu.bandwidth) = (1.0, 1.0, 1.0);
    model.software_unasked = true;
    model
}

fn picture(rows: usize, columns: usize) -> Array2<f32> {
    Random::new(5).array::<f32>(&[rows, columns]).into_dimensionality::<Ix2>().expect("two axes")
}

fn kernel() -> Array2<f32> {
    picture(3, 4)
}

fn planned(convolver: &Convolver, device: Device, shape: (usize, usize)) -> Filter<f32, Ix2> {
    let builder = convolver.filter(&kernel()).boundary(Boundary::Mirror).device(device);
    builder.for_shape(shape).expect("admissible")
}

/// What the CPU says.
fn expected(x: &Array2<f32>) -> Array2<f32> {
    let convolver = Convolver::builder().gpu(false).build();
    planned(&convolver, Device::Cpu, x.dim()).apply(x).expect("runs")
}

fn assert_close(y: &Array2<f32>, expected: &Array2<f32>) {
    assert_eq!(y.dim(), expected.dim());
    for (y, expected) in y.iter().zip(expected) {
        assert!((y - expected).abs() < 1e-5, "{y} {expected}");
    }
}

#[test]
fn a_lost_device_is_an_error_where_it_was_asked_for() {
    let Some((device, convolver)) = doomed() else { return };
    let x = picture(30, 40);
    let used = planned(&convolver, Device::Gpu, x.dim());
    // Needs buffers that nobody had yet.
    let fresh = planned(&convolver, Device::Gpu, (300, 400));
    assert_close(&used.apply(&x).expect("the device is there"), &expected(&x));

    device.destroy();
    for _ in 0..2 {
        for error in [used.apply(&x), fresh.apply(&picture(300, 400))] {
            let error = error.expect_err("the device is gone");
            assert!(matches!(&error, Error::DeviceLost { .. }), "{error}");
        }
        assert_eq!(used.fell_back(), None);
    }
    // A new filter cannot be made for it either, but the CPU is still there.
    assert!(convolver.filter(&kernel()).device(Device::Gpu).for_shape(x.dim()).is_err());
    assert!(matches!(convolver.capabilities().gpu, Gpu::Absent(reason) if reason.contains("lost")));
    assert_close(
        &planned(&convolver, Device::Cpu, x.dim()).apply(&x).expect("runs"),
        &expected(&x),
    );
    let auto = planned(&convolver, Device::Auto, x.dim());
    assert_eq!((auto.plan().device(), auto.fell_back()), (Device::Cpu, None));
}

#[test]
fn the_cpu_takes_over_and_says_so() {
    let Some((device, convolver)) = doomed() else { return };
    let x = picture(31, 42);
    let filter = planned(&convolver, Device::Auto, x.dim());
    assert_eq!(filter.plan().device(), Device::Gpu, "{}", filter.plan());
    assert_close(&filter.apply(&x).expect("runs"), &expected(&x));
    assert_eq!(filter.fell_back(), None);

    device.destroy();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_close(&filter.apply(&x).expect("falls back"), &expected(&x)));
        }
    });
    assert!(filter.fell_back().is_some_and(|why| why.contains("lost")));
    assert_eq!(filter.plan().device(), Device::Cpu);
    let words = filter.plan().to_string();
    assert!(words.contains("it failed, and the CPU took over: the device was lost"), "{words}");
    // For good, and every other way of using it.
    let mut y = Array2::from_elem(x.dim(), f32::NAN);
    filter.apply_into(&x, &mut y).expect("runs");
    assert_close(&y, &expected(&x));
    assert_verified(&filter, &x);
}

#[test]
fn the_cpu_takes_over_where_the_input_is_the_kernel() {
    let Some((device, convolver)) = doomed() else { return };
    let (x, k) = (picture(5, 6), picture(40, 50));
    let filter = convolver.filter(&k).mode(Mode::Valid).for_shape(x.dim()).expect("admissible");
    let before = filter.apply(&x).expect("runs");
    assert_eq!(before.dim(), (36, 45));
    device.destroy();
    assert_close(&filter.apply(&x).expect("falls back"), &before);
}

#[test]
fn a_loss_before_the_download_is_an_error() {
    let Some((device, convolver)) = doomed() else { return };
    let x = picture(64, 64);
    let filter = planned(&convolver, Device::Gpu, x.dim());
    let gpu = convolver.gpu().expect("a GPU");
    let y = filter.apply_gpu(&gpu.upload(&x).expect("uploads")).expect("submits");
    device.destroy();
    let gone = |error: Error| {
        assert!(matches!(&error, Error::DeviceLost { .. }), "{error}");
    };
    gone(y.download().expect_err("gone"));
    gone(filter.apply_gpu(&y).expect_err("gone"));
    gone(gpu.upload(&x).expect_err("gone"));
    gone(convolver.gpu().expect_err("gone"));
}

#[test]
fn a_convolver_finds_a_device_again() {
    if gpu().is_none() {
        return;
    }
    let convolver = Convolver::new();
    let x = picture(33, 44);
    for _ in 0..3 {
        let lost = convolver.gpu().expect("a GPU");
        let filter = planned(&convolver, Device::Gpu, x.dim());
        let there = lost.upload(&x).expect("uploads");
        lost.device().destroy();
        assert!(filter.apply(&x).is_err());

        // Arrays there are gone, new ones work, with new filters and with old ones.
        assert!(there.download().is_err());
        let new = planned(&convolver, Device::Gpu, x.dim());
        assert_close(&new.apply(&x).expect("another device"), &expected(&x));
        let here = convolver.gpu().expect("another device").upload(&x).expect("uploads");
        assert_close(
            &filter.apply_gpu(&here).expect("runs").download().expect("downloads"),
            &expected(&x),
        );
        let error = filter.apply_gpu(&there).expect_err("gone").to_string();
        assert!(error.contains("lost"), "{error}");
    }
}

#[test]
fn memory_that_is_not_granted() {
    let Some((device, queue)) = own_device(wgpu::Limits::default()) else { return };
    let builder = Convolver::builder().gpu_memory(1 << 20).cost_model(eager());
    let convolver = builder.build_with_device(device, queue).expect("it has compute shaders");
    let x = picture(200, 200);
    let [asked, auto] =
        [Device::Gpu, Device::Auto].map(|device| planned(&convolver, device, x.dim()));
    assert_eq!(auto.plan().device(), Device::Gpu);
    let gpu = convolver.gpu().expect("a GPU");
    let mut held = Vec::new();
    let full = loop {
        match gpu.upload(&x) {
            Ok(array) => held.push(array),
            Err(error) => break error.to_string(),
        }
        assert!(held.len() < 100, "16 MB in 1 MiB");
    };
    assert!(full.contains("1048576"), "{full}");
    let error = asked.apply(&x).expect_err("no memory is left").to_string();
    assert!(error.contains("in use"), "{error}");
    assert_close(&auto.apply(&x).expect("falls back"), &expected(&x));
    assert!(auto.fell_back().is_some_and(|why| why.contains("in use")));

    // What was held is still what it was, and room that is made is used.
    assert_eq!(held[0].download().expect("downloads"), x);
    drop(held);
    assert_close(&asked.apply(&x).expect("there is room again"), &expected(&x));
    assert!(auto.fell_back().is_some(), "once, and for good");
}

/// Uploads hold staging memory until the device has read them and somebody has asked it. That is no
/// lack of memory, however long it takes.
#[test]
fn memory_of_uploads_on_their_way_is_waited_for() {
    let Some((device, queue)) = own_device(wgpu::Limits::default()) else { return };
    // A frame takes four buffers of this size, one of them for its upload.
    let builder = Convolver::builder().gpu_memory(7 * 163_840);
    let convolver = builder.build_with_device(device, queue).expect("compute shaders");
    let x = picture(200, 200);
    let filter = planned(&convolver, Device::Gpu, x.dim());
    let mut stream = filter.stream().depth(2);
    for _ in 0..2 {
        assert!(stream.push(&x).expect("the first upload makes room").is_none());
    }
    let error = stream.push(&x).expect_err("these two are on their way").to_string();
    assert!(error.contains("in use"), "{error}");
    for _ in 0..2 {
        assert_close(&stream.pop().expect("runs").expect("on its way"), &expected(&x));
    }
}

#[test]
fn limits_that_are_too_small() {
    let limits = wgpu::Limits { max_buffer_size: 1 << 16, ..wgpu::Limits::default() };
    let Some((device, queue)) = own_device(limits) else { return };
    let convolver = Convolver::with_device(device, queue).expect("it has compute shaders");
    let gpu = convolver.gpu().expect("a GPU");
    let error = gpu.upload(&picture(200, 200)).expect_err("too large").to_string();
    assert!(error.contains("160000") && error.contains("65536"), "{error}");
    assert!(gpu.upload(&picture(100, 100)).is_ok());

    let limits = wgpu::Limits {
        max_storage_buffers_per_shader_stage: 1,
        ..wgpu::Limits::downlevel_defaults()
    };
    let (device, queue) = own_device(limits).expect("there is a GPU");
    let error = Convolver::with_device(device, queue).expect_err("too few bindings");
    assert!(matches!(error, Error::NoDevice { .. }), "{error}");
    assert!(error.to_string().contains("storage buffers"), "{error}");
}

/// A shader that no compiler takes is a fault of ours: an error wherever it shows, and no work for
/// the CPU, which would hide it.
#[test]
fn a_fault_of_a_shader_is_not_hidden() {
    let x = picture(30, 40);
    for device in [Device::Gpu, Device::Auto] {
        for method in [Method::Direct, Method::Measured] {
            let Some((gpu, queue)) = own_device(wgpu::Limits::default()) else { return };
            let builder = Convolver::builder().cost_model(eager()).inject_shader_fault();
            let convolver = builder.build_with_device(gpu, queue).expect("it has compute shaders");
            let filter = convolver.filter(&kernel()).device(device).method(method);
            let error = filter.for_shape(x.dim()).expect_err("no compiler takes it");
            assert!(matches!(error, Error::GpuInternal { .. }), "{device} {method}: {error}");
            // The CPU is still there for those who ask for it.
            let filter = convolver.filter(&kernel()).device(Device::Cpu).boundary(Boundary::Mirror);
            let y = filter.for_shape(x.dim()).expect("planned").apply(&x).expect("runs");
            assert_close(&y, &expected(&x));
        }
    }
}
