//! A GPU that fails must become an error: no panic, no hang, no wrong answer.

use convolve::plan::Gpu;
use convolve::{Convolver, Device, Error, wgpu};
use ndarray::Array2;

use crate::common::own_device;

/// A device of its own, which a test may destroy.
fn doomed() -> Option<(wgpu::Device, Convolver)> {
    let (device, queue) = own_device(wgpu::Limits::default())?;
    let convolver = Convolver::with_device(device.clone(), queue).expect("it has compute shaders");
    Some((device, convolver))
}

#[test]
fn a_lost_device_is_an_error() {
    let Some((device, convolver)) = doomed() else { return };
    let x = Array2::<f32>::ones((30, 40));
    let k = Array2::<f32>::ones((3, 3));
    let planned = convolver.filter(&k).device(Device::Gpu).for_shape(x.dim()).expect("a GPU");
    let y = planned.apply(&x).expect("the device is there");
    assert_eq!(y[[15, 20]], 9.0);

    device.destroy();
    for _ in 0..2 {
        let error = planned.apply(&x).expect_err("the device is gone");
        assert!(matches!(&error, Error::Gpu(reason) if reason.contains("lost")), "{error}");
    }
    // A new filter cannot be made for it either, but the CPU is still there.
    assert!(convolver.filter(&k).device(Device::Gpu).for_shape(x.dim()).is_err());
    assert!(matches!(convolver.capabilities().gpu, Gpu::Absent(reason) if reason.contains("lost")));
    let on_cpu = convolver.filter(&k).device(Device::Cpu).for_shape(x.dim()).expect("a CPU");
    assert_eq!(on_cpu.apply(&x).expect("a run"), y);
}
