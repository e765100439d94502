//! Many filters at once, inside of a pool of threads: nobody may wait for a lock whose holder needs
//! the waiting thread.

use convolve::plan::CostModel;
use convolve::{Convolver, Device, Method};
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::common::Random;

/// Fails where `work` is not done in time. What is stuck is left behind.
fn within(seconds: u64, what: &str, work: impl FnOnce() + Send + 'static) {
    let (done, wait) = channel();
    let worker = std::thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    match wait.recv_timeout(Duration::from_secs(seconds)) {
        Ok(()) => worker.join().expect("it has sent its last word"),
        Err(RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(worker.join().expect_err("it has gone without its last word"))
        }
        Err(RecvTimeoutError::Timeout) => panic!("{what}: not done in {seconds} s"),
    }
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

/// A convolver that remembers nothing yet, and spreads the smallest work over all threads.
fn convolver(threads: usize) -> Convolver {
    let mut model = CostModel::default();
    model.cpu.wake = 1e-9;
    Convolver::builder().cost_model(model).threads(threads).gpu(false).build()
}

/// A filter of its own kind, every fourth of them measured; applied where there is time for it.
fn filter(convolver: &Convolver, i: usize, round: usize) {
    let mut random = Random::new((64 * round + i) as u64);
    let shape = (40 + i % 8, 64 + 3 * (i / 8));
    let kernel = random.array::<f32>(&[9 + i % 5, 9 + i % 7]);
    let method = if i.is_multiple_of(4) { Method::Measured } else { Method::Auto };
    let filter = convolver.filter(&kernel).method(method).device(Device::Cpu);
    let filter = filter.for_shape(ndarray::IxDyn(&[shape.0, shape.1])).expect("valid");
    if i.is_multiple_of(3) {
        let x = Array2::<f32>::ones(shape).into_dyn();
        filter.apply(&x).expect("runs");
    }
}

#[test]
fn filters_made_in_a_pool_of_threads_never_wait_for_each_other() {
    for threads in [2, 4, 8, 16] {
        within(30, &format!("{threads} threads"), move || {
            pool(threads).install(|| {
                for round in 0..4 {
                    let convolver = convolver(threads);
                    (0..64)
                        .into_par_iter()
                        .with_max_len(1)
                        .for_each(|i| filter(&convolver, i, round));
                }
            });
        });
    }
}

/// Every thread wants the same at one time.
#[test]
fn one_kind_of_filter_measured_by_all_threads_at_once() {
    for threads in [2, 4, 8, 16] {
        within(30, &format!("{threads} threads"), move || {
            pool(threads).install(|| {
                for round in 0..8 {
                    let convolver = convolver(threads);
                    let plans: Vec<_> = (0..2 * threads)
                        .into_par_iter()
                        .with_max_len(1)
                        .map(|_| {
                            let kernel = Random::new(round).array::<f32>(&[9, 9]);
                            let filter = convolver.filter(&kernel).method(Method::Measured);
                            let shape = ndarray::IxDyn(&[96, 96]);
                            filter.for_shape(shape).expect("valid").plan().clone()
                        })
                        .collect();
                    // Whoever was first has measured for all.
                    assert!(plans.iter().all(|plan| *plan == plans[0]));
                }
            });
        });
    }
}
