//! This library, on the CPU.

use std::time::{Duration, Instant};

use convolve::{Convolver, Device, Filter, Method};
use ndarray::{ArrayD, IxDyn};

use crate::case::{Case, Compared};
use crate::contender::Contender;

/// This library from and to host memory.
struct Ours<A: Compared> {
    filter: Filter<A, IxDyn>,
    x: ArrayD<A>,
    y: ArrayD<A>,
}

/// This library with a method, `auto` for the planner's choice.
pub fn contender<A: Compared>(case: &Case<A>, method: &str) -> Result<Box<dyn Contender>, String> {
    let methods = [Method::Auto, Method::Direct, Method::Separable, Method::Fft];
    let method = methods.into_iter().find(|candidate| candidate.to_string() == method);
    let method = method.ok_or("no such method")?;
    let filter = Convolver::new()
        .filter(&case.k)
        .device(Device::Cpu)
        .method(method)
        .for_shape(case.x.raw_dim())
        .map_err(|error| error.to_string())?;
    Ok(planned(filter, case))
}

/// A filter on the host's arrays, wherever it runs.
pub fn planned<A: Compared>(filter: Filter<A, IxDyn>, case: &Case<A>) -> Box<dyn Contender> {
    let y = poisoned(filter.output_dim());
    Box::new(Ours { filter, x: case.x.clone(), y })
}

/// What is not written must show: all bits set are NaN, or -1, or the largest number.
pub fn poisoned<A: Compared>(shape: IxDyn) -> ArrayD<A> {
    let mut y = ArrayD::from_elem(shape, A::zeroed());
    y.as_slice_mut().map(bytemuck::cast_slice_mut).unwrap_or_default().fill(0xff_u8);
    y
}

impl<A: Compared> Contender for Ours<A> {
    fn note(&self) -> String {
        self.filter.plan().method().to_string()
    }

    fn run(&mut self) -> Result<Duration, String> {
        let start = Instant::now();
        self.filter.apply_into(&self.x, &mut self.y).map_err(|error| error.to_string())?;
        Ok(start.elapsed())
    }

    fn result(&self) -> Vec<u8> {
        self.y.as_slice().map(bytemuck::cast_slice).unwrap_or_default().to_vec()
    }
}
