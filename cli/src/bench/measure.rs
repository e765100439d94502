//! One case: every way of it is tried, compared with the others, and timed in turns with them.

use std::time::Instant;

use convolve::plan::Plan;
use convolve::{Check, Convolver, Device, Error, Method};

use super::limits::Limits;
use super::record::{Parts, Way};
use super::subject::{Subject, Wanted};
use super::times;
use super::words::seconds as in_seconds;

const WAYS: [(Device, Method); 6] = [
    (Device::Cpu, Method::Direct),
    (Device::Cpu, Method::Separable),
    (Device::Cpu, Method::Fft),
    (Device::Gpu, Method::Direct),
    (Device::Gpu, Method::Separable),
    (Device::Gpu, Method::Fft),
];
/// Outputs of the first result that are computed from the definition.
const CHECKED: usize = 256;

/// A first run that takes so many times what a run is expected to take says nothing of the others.
const UNLIKE: f64 = 10.0;

/// Why a way has no times.
struct Out {
    reason: String,
    wrong: bool,
}

impl From<Error> for Out {
    fn from(error: Error) -> Self {
        let wrong = matches!(error, Error::FailedCheck { .. } | Error::GpuInternal { .. });
        let reason = match error {
            Error::Inadmissible { reason, .. } => reason,
            other => other.to_string(),
        };
        Self { reason, wrong }
    }
}

/// A result that others are compared with.
struct Reference<O> {
    name: String,
    output: O,
    /// What it may be off by.
    bound: f64,
}

/// Measures all ways of this in so many seconds, where a copy of the samples takes as long as that.
pub fn measured<S: Subject>(
    subject: &S,
    convolver: &Convolver,
    limits: &Limits,
    copy: f64,
    seconds: f64,
) -> Vec<Way> {
    let start = Instant::now();
    let share = seconds / WAYS.len() as f64;
    let mut reference = None;
    let (mut ways, mut running) = (Vec::new(), Vec::new());
    for (device, method) in WAYS {
        let mut way = Way {
            library: "convolve".into(),
            name: method.to_string(),
            device: device.to_string(),
            ..Way::default()
        };
        let wanted = Wanted { device, method, check: Check::Nothing };
        match first(subject, convolver, wanted, share, &mut way, &mut reference) {
            Ok(filter) => running.push((ways.len(), filter)),
            Err(out) => leave_out(&mut way, out),
        }
        ways.push(way);
    }
    let free = Wanted { device: Device::Auto, method: Method::Auto, check: Check::Nothing };
    if let Ok(filter) = subject.filter(convolver, free) {
        let plan = subject.plan(&filter);
        let taken = (plan.device().to_string(), plan.method().to_string());
        for way in &mut ways {
            way.chosen = (&way.device, &way.name) == (&taken.0, &taken.1);
        }
    }
    let Some(Reference { mut output, .. }) = reference else { return ways };
    let left = (seconds - start.elapsed().as_secs_f64()).max(0.0);
    let times =
        times::in_turns(running.len(), left, |i| subject.apply_into(&running[i].1, &mut output));
    for ((at, filter), times) in running.iter().zip(times) {
        let way = &mut ways[*at];
        match times {
            Ok(times) => {
                if let Some(summary) = times.summary() {
                    way.median = Some(summary.median);
                    way.low = Some(summary.low);
                    way.high = Some(summary.high);
                    way.runs = Some(summary.runs);
                }
                let plan = subject.plan(filter);
                way.limit = Some(limit(plan, subject.bytes() as f64, copy, limits));
                way.parts = parts(subject, filter);
            }
            Err(error) => leave_out(way, error.into()),
        }
    }
    ways
}

fn leave_out(way: &mut Way, out: Out) {
    way.left_out = Some(out.reason);
    way.wrong = out.wrong;
}

/// Plans and runs for the first time, and compares the result. The first way that is right becomes the
/// reference.
fn first<S: Subject>(
    subject: &S,
    convolver: &Convolver,
    wanted: Wanted,
    share: f64,
    way: &mut Way,
    reference: &mut Option<Reference<S::Output>>,
) -> Result<S::Filter, Out> {
    let start = Instant::now();
    let filter = subject.filter(convolver, wanted)?;
    let expected = subject.plan(&filter).cost().run();
    way.expected = Some(expected);
    let too_long = |words: &str, run: f64| Out {
        reason: format!("{words} {}, too long for --seconds", in_seconds(run)),
        wrong: false,
    };
    if times::is_too_long(expected, share) {
        return Err(too_long("a run is expected to take", expected));
    }
    let run = Instant::now();
    let output = subject.apply(&filter)?;
    let run = run.elapsed().as_secs_f64();
    way.first = Some(start.elapsed().as_secs_f64());
    let bound = subject.bound(subject.plan(&filter));
    match reference {
        None => {
            let checked = Wanted { check: Check::Sampled(CHECKED), ..wanted };
            subject.apply(&subject.filter(convolver, checked)?)?;
            way.error = Some(format!("right at {CHECKED} outputs, by the definition"));
            let name = format!("{} {}", way.device, way.name);
            *reference = Some(Reference { name, output, bound });
        }
        Some(reference) => {
            let apart = subject.apart(&output, &reference.output);
            let most = bound + reference.bound;
            let words = apart_in_words(apart, most, &reference.name);
            // Whatever is no number is not within it.
            let within = apart <= most;
            if !within {
                return Err(Out { reason: words, wrong: true });
            }
            way.error = Some(words);
        }
    }
    // A first run takes longer than others: memory is touched, and some drivers translate shaders for
    // seconds.
    let mut typical = run / 2.0;
    if times::is_too_long(typical, share) && run > UNLIKE * expected {
        let again = Instant::now();
        subject.apply(&filter)?;
        typical = again.elapsed().as_secs_f64();
    }
    if times::is_too_long(typical, share) {
        return Err(too_long("a run takes about", typical));
    }
    Ok(filter)
}

fn apart_in_words(apart: f64, most: f64, from: &str) -> String {
    match apart {
        0.0 => format!("as {from}"),
        _ if apart <= most => {
            format!("off {from} by {apart:.2e}, {:.2} % of what it may be", 100.0 * apart / most)
        }
        _ => format!("off {from} by {apart:.2e}, and may be by {most:.2e}"),
    }
}

/// The least time that a plan can take on this machine, from and to host memory: that of a copy and of
/// the multiply-adds. What an FFT needs of those is not known.
fn limit(plan: &Plan, bytes: f64, copy: f64, limits: &Limits) -> f64 {
    let geometry = &plan.geometry;
    let each = match plan.method() {
        Method::Direct => geometry.taps(),
        Method::Separable => {
            let taps = geometry.axes.iter().map(|axis| axis.taps).filter(|&taps| taps > 1);
            taps.sum::<usize>() * plan.kernel.terms.max(1)
        }
        _ => 0,
    };
    let multiply_adds = geometry.output_len() as f64 * each as f64;
    let device = plan.device().to_string();
    let computing =
        limits.peak(plan.compute_dtype(), &device).map_or(0.0, |peak| multiply_adds / peak);
    let way = |name| limits.value(name, &device).map_or(0.0, |rate| bytes / rate);
    let moving = match plan.device() {
        Device::Gpu => way("upload") + way("download"),
        _ => copy,
    };
    moving.max(computing)
}

/// What a GPU's own clock says, where there is one.
fn parts<S: Subject>(subject: &S, filter: &S::Filter) -> Option<Parts> {
    if subject.plan(filter).device() != Device::Gpu {
        return None;
    }
    let times = subject.profile(filter).ok()?.on_device.ok()?;
    let [upload, compute, download] =
        [times.upload, times.compute, times.download].map(|time| time.as_secs_f64());
    Some(Parts { upload, compute, download })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cases::{Data, Kernel, Taps};
    use crate::bench::record::Limit;
    use crate::bench::samples;
    use crate::bench::subject::{Arrays, Pictures};
    use convolve::plan::Recipe;

    fn arrays() -> Arrays<f32> {
        let x = samples::array(&[40, 50], Data::Noise).unwrap();
        let kernel = Kernel { shape: vec![5, 5], taps: Taps::Gaussian };
        Arrays { x, kernel: samples::taps(&kernel).unwrap() }
    }

    fn on_cpu(convolver: &Convolver, subject: &impl Subject) -> Vec<Way> {
        measured(subject, convolver, &Limits::default(), 1e-6, 1.0)
    }

    #[test]
    fn every_way_is_measured_or_left_out_with_a_reason() {
        let convolver = Convolver::builder().gpu(false).build();
        let picture = samples::picture([30, 40], Data::Photograph).unwrap();
        let kernel = arrays().kernel.into_dimensionality().unwrap();
        for ways in [
            on_cpu(&convolver, &arrays()),
            on_cpu(&convolver, &Pictures { picture: &picture, kernel }),
        ] {
            assert_eq!(ways.len(), WAYS.len());
            for way in &ways {
                assert_eq!(way.median.is_some(), way.left_out.is_none(), "{way:?}");
                assert_eq!(way.median.is_some(), way.device == "cpu", "{way:?}");
                assert!(!way.wrong, "{way:?}");
            }
            assert_eq!(ways.iter().filter(|way| way.chosen).count(), 1);
            let cpu = &ways[..3];
            assert!(cpu.iter().all(|way| way.first.is_some() && way.expected.is_some()));
            assert!(cpu.iter().all(|way| way.error.is_some() && way.runs >= Some(3)));
        }
    }

    #[test]
    fn a_wrong_result_is_not_timed() {
        // At the first output: of a method that is compared, and of the one that others are compared with.
        type Fault = fn(&Recipe) -> Option<usize>;
        let faults: [(Fault, _); 2] = [
            (|recipe| matches!(recipe, Recipe::CpuFft { .. }).then_some(0), "fft"),
            (|recipe| matches!(recipe, Recipe::CpuDirect { .. }).then_some(0), "direct"),
        ];
        for (fault, method) in faults {
            let convolver = Convolver::builder().gpu(false).inject_fault(fault).build();
            for way in &on_cpu(&convolver, &arrays())[..3] {
                assert_eq!(way.wrong, way.name == method, "{way:?}");
                assert_eq!(way.median.is_none(), way.wrong, "{way:?}");
                assert_eq!(way.left_out.is_some(), way.wrong, "{way:?}");
            }
        }
    }

    #[test]
    fn what_is_expected_to_take_too_long_is_left_out() {
        let mut model = Convolver::builder().gpu(false).build().cost_model();
        // Of points a second.
        model.cpu.fft = 1.0;
        let convolver = Convolver::builder().gpu(false).cost_model(model).build();
        for way in &on_cpu(&convolver, &arrays())[..3] {
            let reason = way.left_out.as_deref().unwrap_or_default();
            assert_eq!(reason.ends_with("too long for --seconds"), way.name == "fft", "{way:?}");
            assert_eq!(way.median.is_none(), way.name == "fft", "{way:?}");
        }
    }

    #[test]
    fn limits_are_the_larger_of_moving_and_computing() {
        let convolver = Convolver::builder().gpu(false).build();
        let subject = arrays();
        let limits = |rate| {
            Limits(vec![Limit {
                name: "multiply-adds f32".into(),
                device: "cpu".into(),
                unit: "1/s".into(),
                value: rate,
            }])
        };
        let of = |method, rate: f64| {
            let wanted = Wanted { device: Device::Cpu, method, check: Check::Nothing };
            let filter = subject.filter(&convolver, wanted).unwrap();
            limit(subject.plan(&filter), 1.0, 1e-3, &limits(rate))
        };
        let outputs = 40.0 * 50.0;
        assert_eq!(of(Method::Direct, 1e6), outputs * 25.0 / 1e6);
        assert_eq!(of(Method::Separable, 1e6), outputs * 10.0 / 1e6);
        assert_eq!(of(Method::Fft, 1e6), 1e-3);
        assert_eq!(of(Method::Direct, 1e12), 1e-3);
    }
}
