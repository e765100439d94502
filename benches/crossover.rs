//! What the planner's choice costs: every candidate over a grid of problems, and the time of the choice
//! over the time of the best.
//!
//! Arrays of noise, and photographs as `image` has them, in 8 and 16 bits and floating point, dark ones too.
//!
//! `cargo bench --features image --bench crossover` calibrates, measures for some minutes, and writes
//! `benches/results/crossover.md` and `crossover.svg`; `-- --quick` takes few problems and writes to
//! the target directory, and so does `-- GROUP`, which takes the groups that have this in their name. Times are medians of runs that take turns with those of the other candidates.
//! A candidate that is expected to take more than [`HOPELESS`] times as long as the best is left out.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use convolve::{Convolver, Device, Element, Method, Plan, filters};
use image::DynamicImage;
use ndarray::{Array2, ArrayD, IxDyn};

#[path = "common/pictures.rs"]
mod pictures;
#[path = "common/regions.rs"]
mod regions;

/// Expected times of the best after which a candidate is not tried.
const HOPELESS: f64 = 8.0;
/// Time for all runs of one candidate, and the least and the most of them.
const BUDGET: Duration = Duration::from_millis(120);
const RUNS: std::ops::RangeInclusive<usize> = 5..=200;

/// One problem of the grid.
struct Problem {
    group: &'static str,
    shape: Vec<usize>,
    kernel: Vec<usize>,
    /// Whether the kernel is an outer product.
    separable: bool,
}

/// How one candidate did.
struct Trial {
    device: Device,
    method: Method,
    chosen: bool,
    expected: f64,
    seconds: f64,
}

/// A problem and all of its candidates.
pub struct Outcome {
    problem: Problem,
    trials: Vec<Trial>,
}

impl Outcome {
    fn best(&self) -> &Trial {
        let trials = self.trials.iter();
        trials.min_by(|a, b| a.seconds.total_cmp(&b.seconds)).expect("the choice is among them")
    }

    fn chosen(&self) -> &Trial {
        self.trials.iter().find(|trial| trial.chosen).expect("measured")
    }

    fn regret(&self) -> f64 {
        self.chosen().seconds / self.best().seconds
    }
}

fn grid(quick: bool) -> Vec<Problem> {
    let mut grid = Vec::new();
    let mut add = |group, shape: &[usize], taps: &[usize], separable| {
        let fits = |&&taps: &&usize| shape.iter().all(|&n| taps <= n);
        grid.extend(taps.iter().filter(fits).map(|&taps| Problem {
            group,
            shape: shape.to_vec(),
            kernel: vec![taps; shape.len()],
            separable,
        }));
    };
    if quick {
        add("1-D", &[1000], &[3, 101], false);
        add("2-D", &[64, 64], &[3, 15], false);
        add("2-D outer product", &[64, 64], &[3, 15], true);
        add("3-D", &[16, 16, 16], &[3], false);
        return grid;
    }
    for n in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        add("1-D", &[n], &[3, 11, 31, 63, 127, 255], false);
    }
    let squares = [32, 64, 128, 256, 512, 1024, 2048, 4096];
    for n in squares {
        add("2-D", &[n, n], &regions::TAPS, false);
        add("2-D outer product", &[n, n], &regions::TAPS, true);
    }
    for n in [32, 64, 128, 256] {
        add("3-D", &[n, n, n], &[3, 5, 7, 15, 31], false);
        add("3-D outer product", &[n, n, n], &[3, 7, 15, 31], true);
    }
    for shape in [[64, 65_536], [65_536, 64], [16, 262_144], [1_000_000, 4]] {
        add("long and narrow", &shape, &[3, 7, 15, 31], false);
        add("long and narrow", &shape, &[7, 31], true);
    }
    grid
}

/// The same for other types, at two sizes.
fn types_grid(group: &'static str, quick: bool) -> Vec<Problem> {
    let sizes: &[usize] = if quick { &[48] } else { &[256, 2048] };
    let taps: &[usize] = if quick { &[3] } else { &[3, 7, 11, 15, 31, 63] };
    let of = |&n: &usize| {
        taps.iter().flat_map(move |&taps| {
            [false, true].map(|separable| Problem {
                group,
                shape: vec![n, n],
                kernel: vec![taps, taps],
                separable,
            })
        })
    };
    sizes.iter().flat_map(of).collect()
}

/// Three channels of a photograph, and of noise.
fn photographs(quick: bool) -> Vec<(&'static str, DynamicImage)> {
    let size = if quick { (96, 64) } else { (1920, 1080) };
    let photograph = DynamicImage::from(pictures::photograph(size));
    let dark = |picture: DynamicImage| picture.brighten(-200);
    vec![
        ("noise in 8 bits", pictures::noise(size).into()),
        ("photograph in 8 bits", photograph.clone()),
        ("dark photograph in 8 bits", dark(photograph.clone())),
        ("photograph in 16 bits", photograph.to_rgb16().into()),
        ("dark photograph in 16 bits", dark(photograph.clone()).to_rgb16().into()),
        ("photograph in f32", photograph.to_rgb32f().into()),
        ("dark photograph in f32", dark(photograph.clone()).to_rgb32f().into()),
        ("grey photograph in 8 bits", photograph.to_luma8().into()),
    ]
}

fn array<A: Element>(shape: &[usize], value: impl Fn(usize) -> i64) -> ArrayD<A> {
    let len = shape.iter().product();
    let values = (0..len).map(|i| A::from_integer(value(i))).collect();
    ArrayD::from_shape_vec(IxDyn(shape), values).expect("as many as the shape has")
}

fn measure<A: Element>(convolver: &Convolver, problem: Problem) -> Outcome {
    let x: ArrayD<A> = array(&problem.shape, |i| (i * 31 % 101) as i64);
    let taps = problem.kernel[0];
    let k: ArrayD<A> = array(&problem.kernel, |i| match problem.separable {
        true => {
            let digits = (0..problem.kernel.len() as u32).map(|d| i / taps.pow(d) % taps);
            digits.map(|digit| 1 + (digit % 2) as i64).product()
        }
        false => 1 + (i * i * 7 % 13) as i64,
    });
    let plan = convolver.filter(&k).for_shape(x.raw_dim()).expect("a right problem").plan().clone();
    compared(&plan, problem, |device, method| {
        let filter = convolver.filter(&k).device(device).method(method).for_shape(x.raw_dim());
        let filter = filter.expect("what the plan admits");
        let (x, mut y) = (&x, ArrayD::from_elem(x.raw_dim(), A::default()));
        Box::new(move || filter.apply_into(x, &mut y).expect("a planned run"))
    })
}

/// Kernels over one picture: some that are no outer products, and Gaussians.
fn measure_picture(
    convolver: &Convolver,
    group: &'static str,
    picture: &DynamicImage,
    quick: bool,
    tell: &mut impl FnMut(Outcome),
) {
    let (general, sigmas): (&[usize], &[f64]) = match quick {
        true => (&[3], &[1.0]),
        false => (&[3, 5, 7, 9, 11, 13, 15, 21, 31, 63], &[0.8, 2.0, 5.0, 10.0, 20.0]),
    };
    let tap = |(i, j): (usize, usize)| (1 + (i * i * 7 + j * 5) % 13) as f32;
    let general = general.iter().map(|&taps| {
        let kernel = Array2::from_shape_fn((taps, taps), tap);
        (&kernel / kernel.sum(), false)
    });
    let gaussians = sigmas.iter().map(|&sigma| (filters::gaussian(sigma).expect("a sigma"), true));
    for (kernel, separable) in general.chain(gaussians) {
        let shape = vec![picture.height() as usize, picture.width() as usize];
        let problem = Problem { group, shape, kernel: kernel.shape().to_vec(), separable };
        let filter = convolver.picture_filter(&kernel);
        let plan = filter.for_picture(picture).expect("a right problem").plan().clone();
        tell(compared(&plan, problem, |device, method| {
            let filter = convolver.picture_filter(&kernel).device(device).method(method);
            let filter = filter.for_picture(picture).expect("what the plan admits");
            let mut result = picture.clone();
            Box::new(move || filter.apply_into(picture, &mut result).expect("a planned run"))
        }));
    }
}

/// What is measured: one call of it.
type Run<'a> = Box<dyn FnMut() + 'a>;

/// Measures the candidates of a plan; `run` makes them.
fn compared<'a>(plan: &Plan, problem: Problem, run: impl Fn(Device, Method) -> Run<'a>) -> Outcome {
    let admitted: Vec<_> = plan
        .candidates
        .iter()
        .filter_map(|candidate| Some((candidate, candidate.admitted()?.1.total())))
        .collect();
    let best = admitted.iter().map(|(_, cost)| *cost).fold(f64::INFINITY, f64::min);
    let mut runs: Vec<(Trial, Run<'a>)> = Vec::new();
    for (candidate, expected) in admitted {
        let chosen = std::ptr::eq(candidate, plan.chosen());
        if !chosen && expected > HOPELESS * best {
            continue;
        }
        let (device, method) = (candidate.device, candidate.method);
        let trial = Trial { device, method, chosen, expected, seconds: 0.0 };
        runs.push((trial, run(device, method)));
    }
    let mut times = vec![Vec::new(); runs.len()];
    let mut spent = Duration::ZERO;
    for round in 0..=*RUNS.end() {
        for ((_, run), times) in runs.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run();
            let elapsed = start.elapsed();
            // The first run allocates.
            if round > 0 {
                times.push(elapsed.as_secs_f64());
                spent += elapsed;
            }
        }
        if round >= *RUNS.start() && spent > BUDGET * runs.len() as u32 {
            break;
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let trials = runs.into_iter().zip(times);
    let trials = trials.map(|((trial, _), times)| Trial { seconds: median(times), ..trial });
    Outcome { problem, trials: trials.collect() }
}

/// Median, 95th percentile and worst of some regrets.
fn summary(mut regrets: Vec<f64>) -> String {
    regrets.sort_by(f64::total_cmp);
    let at = |share: f64| regrets[((regrets.len() - 1) as f64 * share).round() as usize];
    format!("{} | {:.2} | {:.2} | {:.2}", regrets.len(), at(0.5), at(0.95), at(1.0))
}

fn table(outcomes: &[Outcome], title: &str) -> String {
    let mut text = format!(
        "# What the choice costs\n\n`cargo bench --features image --bench crossover`. {title}\n\nTime of the planner's \
         choice over that of the fastest candidate, after calibration. Mode same, zeros outside (of \
         pictures mirrored), host memory, plans for many runs. The regions: `crossover.svg`.\n\n\
         | group | problems | median | 95 % | worst |\n| --- | --- | --- | --- | --- |\n"
    );
    let mut groups: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !groups.contains(&outcome.problem.group) {
            groups.push(outcome.problem.group);
        }
    }
    for group in groups {
        let of = outcomes.iter().filter(|outcome| outcome.problem.group == group);
        let _ = writeln!(text, "| {group} | {} |", summary(of.map(Outcome::regret).collect()));
    }
    let all = outcomes.iter().map(Outcome::regret).collect();
    let _ = writeln!(text, "| **all** | {} |\n", summary(all));
    text.push_str(
        "Where another one was faster by more than a twentieth, times in milliseconds, measured and \
         (expected):\n\n| problem | choice | best | regret |\n| --- | --- | --- | --- |\n",
    );
    let mut missed: Vec<&Outcome> = outcomes.iter().filter(|o| o.regret() > 1.05).collect();
    missed.sort_by(|a, b| b.regret().total_cmp(&a.regret()));
    for outcome in missed {
        let words = |trial: &Trial| {
            let Trial { device, method, expected, seconds, .. } = trial;
            format!("{device} {method} {:.3} ({:.3})", seconds * 1e3, expected * 1e3)
        };
        let Problem { group, shape, kernel, .. } = &outcome.problem;
        let _ = writeln!(
            text,
            "| {group} {shape:?} x {kernel:?} | {} | {} | {:.2} |",
            words(outcome.chosen()),
            words(outcome.best()),
            outcome.regret()
        );
    }
    text
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let wanted = |group: &str| only.as_ref().is_none_or(|only| group.contains(only.as_str()));
    // What is measured here is not for the user's other programs.
    let convolver = Convolver::builder().cache_directory(None).build();
    let calibration = convolver.calibrate().expect("probes run everywhere");
    let mut outcomes = Vec::new();
    let mut tell = |outcome: Outcome| {
        let Problem { group, shape, kernel, .. } = &outcome.problem;
        println!("{group} {shape:?} x {kernel:?}: regret {:.2}", outcome.regret());
        outcomes.push(outcome);
    };
    for (group, picture) in photographs(quick).into_iter().filter(|(group, _)| wanted(group)) {
        measure_picture(&convolver, group, &picture, quick, &mut tell);
    }
    let mut run = |problems: Vec<Problem>, measure: fn(&Convolver, Problem) -> Outcome| {
        let problems = problems.into_iter().filter(|problem| wanted(problem.group));
        problems.for_each(|problem| tell(measure(&convolver, problem)));
    };
    run(grid(quick), measure::<f32>);
    run(types_grid("f64", quick), measure::<f64>);
    run(types_grid("u8", quick), measure::<u8>);
    run(types_grid("i32", quick), measure::<i32>);
    let cpu = &calibration.devices[0];
    let title = format!("{}, {}; convolve {}.", cpu.name, cpu.detail, env!("CARGO_PKG_VERSION"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join(if quick || only.is_some() { "target" } else { "benches/results" });
    std::fs::write(folder.join("crossover.md"), table(&outcomes, &title))
        .expect("a place to write");
    regions::draw(&outcomes, &folder.join("crossover.svg")).expect("a place to write");
    let regrets = outcomes.iter().map(Outcome::regret).collect();
    println!("problems | median | 95 % | worst: {}", summary(regrets));
}
