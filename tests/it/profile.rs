//! Where the time of a run goes.

use convolve::{Convolver, Device, Error, Filter, Method};
use ndarray::{Array2, Ix2};
use std::time::Duration;

use crate::common::*;

fn planned(convolver: &Convolver, device: Device) -> Filter<f32, Ix2> {
    let kernel = Array2::<f32>::ones((9, 9));
    let builder = convolver.filter(&kernel).device(device).method(Method::Direct);
    builder.for_shape((120, 130)).expect("admissible")
}

#[test]
fn the_cpu_has_a_total_alone() {
    let filter = planned(convolver(), Device::Cpu);
    let profile = filter.profile(&Array2::ones((120, 130))).expect("runs");
    assert_eq!((profile.device, profile.method), (Device::Cpu, Method::Direct));
    assert!(profile.total > Duration::ZERO);
    assert!(profile.on_device.is_err());
    let words = profile.to_string();
    assert!(words.starts_with("cpu direct in ") && words.contains("the CPU computed"), "{words}");
    let error = filter.profile(&Array2::ones((120, 131)));
    assert!(matches!(error, Err(Error::Shape { what: "input", .. })));
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_has_times_where_it_has_a_clock() {
    use convolve::wgpu::Features;
    let Some(convolver) = gpu() else { return };
    let clock = convolver.gpu().expect("a GPU").device().features();
    let profile = planned(convolver, Device::Gpu).profile(&Array2::ones((120, 130)));
    let profile = profile.expect("runs");
    assert_eq!(profile.device, Device::Gpu);
    if clock.contains(Features::TIMESTAMP_QUERY) {
        let times = profile.on_device.clone().expect("it has a clock");
        assert!(times.compute > Duration::ZERO, "{profile}");
        assert!(times.total() <= profile.total, "{profile}");
        assert!(profile.to_string().contains("upload"), "{profile}");
    }

    // A device that was started without.
    let (device, queue) = own_device(Default::default()).expect("there is a GPU");
    let without = Convolver::with_device(device, queue).expect("it has compute shaders");
    let profile = planned(&without, Device::Gpu).profile(&Array2::ones((120, 130)));
    let reason = profile.expect("runs").on_device.expect_err("it has no clock");
    assert!(reason.contains("no timestamp queries"), "{reason}");
}
