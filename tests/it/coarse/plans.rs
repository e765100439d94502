//! What is designed, refused and said of coarser grids.

use super::*;

/// Why a filter is refused.
fn refusal<A: Element, D: Dimension>(filter: convolve::Result<Filter<A, D>>) -> String {
    match filter {
        Err(Error::Inadmissible { wanted, reason }) => format!("{wanted}: {reason}"),
        Err(error) => error.to_string(),
        Ok(filter) => panic!("{}", filter.plan()),
    }
}

#[test]
fn what_cannot_be_proved_is_refused_with_a_reason() {
    let under = |kernel: &Array2<f64>, tolerance: f64| {
        let builder = cpu(1).filter(kernel).method(Method::Coarse);
        let shape = (4 * kernel.nrows(), 4 * kernel.ncols());
        builder.tolerance(Tolerance::Relative(tolerance)).for_shape(shape)
    };
    let ramp = |n: i32| (1 - n..n).map(|i| f64::from(n - i.abs())).collect::<Vec<_>>();
    let tent = product::<f64>(&[ramp(20), ramp(20)]).into_dimensionality().expect("a plane");
    for (kernel, words) in [
        (filters::box_mean(81).expect("a kernel"), "steep"),
        (filters::disk(12.0).expect("a kernel"), "outer product"),
        (tent, "coarser grid"),
        (filters::identity().expect("a kernel"), "one tap"),
        (filters::gaussian(1.0).expect("a kernel"), "narrow"),
    ] {
        let reason = refusal(under(&kernel, 1e-4));
        assert!(reason.contains(words), "{reason}");
    }
    let smooth = filters::gaussian::<f32>(9.0).expect("a kernel");
    let builder =
        || cpu(1).filter(&smooth).method(Method::Coarse).tolerance(Tolerance::Relative(1e-2));
    let reasons = [
        refusal(builder().stride(2).for_shape((300, 300))),
        refusal(builder().dilation([1, 3]).for_shape((300, 300))),
        refusal(builder().mode(Mode::Valid).for_shape((80, 80))),
        refusal(cpu(1).filter(&smooth).method(Method::Coarse).for_shape((300, 300))),
        refusal(
            builder()
                .boundary([Boundary::Constant(1.0), Boundary::Constant(2.0)])
                .for_shape((300, 300)),
        ),
        refusal(builder().device(convolve::Device::Gpu).for_shape((300, 300))),
    ];
    let words = ["strides", "dilations", "long", "no tolerance", "different constants", "gpu"];
    for (reason, words) in reasons.iter().zip(words) {
        assert!(reason.contains(words), "{reason}");
    }
    let integers =
        cpu(1).filter(&smooth.mapv(|tap| (1e4 * tap) as i32)).tolerance(Tolerance::Relative(0.1));
    assert!(refusal(integers.method(Method::Coarse).for_shape((300, 300))).contains("exact"));
    let complex =
        cpu(1).filter(&smooth.mapv(num_complex::Complex::from)).tolerance(Tolerance::Relative(0.1));
    assert!(refusal(complex.method(Method::Coarse).for_shape((300, 300))).contains("complex"));
}

#[test]
fn tolerances_that_make_no_sense_are_errors() {
    let smooth = filters::gaussian::<f32>(9.0).expect("a kernel");
    let bad = [-1.0, 0.0, f64::NAN, f64::INFINITY].map(Tolerance::Relative).into_iter();
    let bad = bad
        .chain([-1.0, 0.0, f64::NAN, 0.25].map(Tolerance::Levels))
        .chain([Tolerance::Relative(2.0)]);
    for tolerance in bad {
        let error = cpu(1).filter(&smooth).tolerance(tolerance).for_shape((300, 300));
        let error = error.map(drop).expect_err("senseless");
        assert!(matches!(error, Error::Tolerance { .. }), "{error}");
        let words = error.to_string();
        assert!(words.contains("expected") && words.contains(&format!("{tolerance:?}")), "{words}");
    }
}

#[test]
fn designs_of_gaussians() {
    // What is found for these, in multiply-adds of a plane's output, may not get worse.
    for (sigma, cut, tolerance, most) in [
        (4.0, 4.0, 2e-3, 17.0),
        (4.0, 6.0, 1e-5, 25.0),
        (8.0, 4.0, 2e-3, 11.0),
        (8.0, 6.0, 1e-6, 35.0),
        (20.0, 4.0, 2e-3, 8.0),
        (20.0, 6.0, 1e-6, 16.0),
        (60.0, 4.0, 2e-3, 7.5),
        (60.0, 6.0, 1e-6, 13.5),
        (120.0, 4.0, 2e-3, 7.0),
        (120.0, 6.0, 1e-6, 12.0),
    ] {
        let taps = gaussian(sigma, cut);
        let kernel = product::<f32>(&[taps.clone(), taps.clone()]);
        let builder = cpu(2).filter(&kernel).tolerance(Tolerance::Relative(tolerance));
        let filter = builder.method(Method::Coarse).for_shape(IxDyn(&[1000, 1000]));
        let filter = filter.unwrap_or_else(|error| panic!("sigma {sigma}, cut at {cut}: {error}"));
        let grid = grid(filter.plan());
        assert!(grid.error <= tolerance, "{}", filter.plan());
        let axis = grid.axes[0].as_deref().expect("coarse");
        let f = axis.factor as f64;
        let work = axis.down.len() as f64 * (1.0 / f + 1.0 / (f * f))
            + 2.0 * axis.taps.len() as f64 / (f * f)
            + axis.reads as f64 * (1.0 + 1.0 / f);
        assert!(work <= most, "{work:.1} at sigma {sigma}: {}", filter.plan());
    }
    // A step of 3e-4 at each end is more than that.
    let taps = gaussian(20.0, 4.0);
    let builder = cpu(2).filter(&product::<f32>(&[taps.clone(), taps]));
    let builder = builder.tolerance(Tolerance::Relative(1e-6)).method(Method::Coarse);
    assert!(refusal(builder.for_shape(IxDyn(&[1000, 1000]))).contains("steep"));
}

#[test]
fn a_plan_says_what_was_proved() {
    let taps = gaussian(20.0, 6.0);
    let kernel = product::<f32>(&[taps.clone(), taps]);
    let builder = cpu(2).filter(&kernel).tolerance(Tolerance::Relative(1e-6));
    let filter = builder.for_shape(IxDyn(&[2000, 3000])).expect("any");
    let plan = filter.plan();
    assert_eq!(plan.method(), Method::Coarse, "{plan}");
    let axis = grid(plan).axes[1].clone().expect("coarse");
    let words = plan.to_string();
    let sizes = format!("({} + {} + {} taps)", axis.down.len(), axis.taps.len(), axis.reads);
    let factors = format!("coarse by {0} x {0} {sizes}", axis.factor);
    assert!(words.contains(&factors) && words.contains("e-7 of max |x| * sum |k|"), "{words}");
    #[cfg(feature = "serde")]
    {
        let json: serde_json::Value = serde_json::from_str(&plan.to_json()).expect("JSON");
        let found = json["candidates"].as_array().expect("a list").iter();
        let found = found.filter(|one| one["method"] == "coarse").collect::<Vec<_>>();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["coarse"]["axes"][0]["factor"], axis.factor);
        assert_eq!(found[0]["coarse"]["proved"], grid(plan).proved);
        assert_eq!(json["request"]["tolerance"]["relative"], 1e-6);
    }
    // Nothing but a tolerance lets it in.
    let plain = cpu(2).filter(&kernel).for_shape(IxDyn(&[2000, 3000])).expect("any");
    let vetoed = plain.plan().candidates.iter().find(|one| one.method == Method::Coarse);
    assert!(
        matches!(&vetoed.expect("listed").verdict, Verdict::Vetoed(reason) if reason.contains("no tolerance"))
    );
}

#[test]
fn narrow_kernels_and_small_inputs_are_left_to_others() {
    for (sigma, shape) in [(1.5, [2000, 2000]), (9.0, [40, 40])] {
        let kernel = filters::gaussian::<f32>(sigma).expect("a kernel");
        let builder = cpu(2).filter(&kernel).tolerance(Tolerance::Relative(1e-2));
        let filter = builder.for_shape(shape).expect("any");
        assert_ne!(filter.plan().method(), Method::Coarse, "{}", filter.plan());
    }
}

#[test]
fn every_result_can_be_checked() {
    let kernel = product::<f32>(&[gaussian(8.0, 4.0), gaussian(8.0, 4.0)]);
    let builder =
        cpu(2).filter(&kernel).tolerance(Tolerance::Relative(2e-3)).method(Method::Coarse);
    let filter =
        builder.check(convolve::Check::Sampled(64)).for_shape(IxDyn(&[150, 160])).expect("smooth");
    filter.apply(&Random::new(2).array::<f32>(&[150, 160])).expect("within its bound");
    let wrong = Convolver::builder()
        .gpu(false)
        .inject_fault(|recipe| matches!(recipe, Recipe::CpuCoarse { .. }).then_some(0));
    let builder = wrong.build().filter(&kernel).tolerance(Tolerance::Relative(2e-3));
    let filter = builder.method(Method::Coarse).for_shape(IxDyn(&[150, 160])).expect("smooth");
    let report = filter.verify(&Random::new(2).array::<f32>(&[150, 160])).expect("runs");
    assert!(!report.agrees(), "{report}");
}
