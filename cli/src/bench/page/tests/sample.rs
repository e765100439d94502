//! A record such as a machine gives, made of a simple model of how long things take.

use crate::bench::record::{Case, FORMAT, Gpu, Limit, Machine, Parts, Record, VERSION, Way};

const COPY: f64 = 11e9;
const MULTIPLY_ADDS: f64 = 9e10;
const BUS: f64 = 2.2e10;
const GPU_COPY: f64 = 1.6e12;
const GPU_MULTIPLY_ADDS: f64 = 1.1e13;

/// Without cases.
pub fn empty() -> Record {
    Record {
        format: FORMAT.into(),
        version: VERSION,
        date: "2026-11-29T04:07:31Z".into(),
        convolve: "0.1.0".into(),
        machine: Machine {
            cpu: "AMD EPYC (family 25, model 17)".into(),
            cores: 2,
            threads: 2,
            os: "Linux".into(),
            instructions: "AVX-512".into(),
        },
        versions: [("rustc", "1.95.0"), ("commit", "be097d2")]
            .map(|(name, version)| (name.into(), version.into()))
            .into(),
        devices: Vec::new(),
        limits: Vec::new(),
        cases: Vec::new(),
    }
}

pub fn case(group: &str, name: &str, side: usize, ways: Vec<Way>) -> Case {
    Case {
        set: "bench".into(),
        group: group.into(),
        name: name.into(),
        samples: "2048 x 2048 f32".into(),
        shape: vec![2048, 2048],
        dtype: "f32".into(),
        data: "noise".into(),
        kernel: "full rank".into(),
        kernel_shape: vec![side, side],
        mode: "same".into(),
        boundary: "zero".into(),
        multiply_adds: (side * side * 2048 * 2048) as f64,
        bytes: 2.0 * 4.0 * 2048.0 * 2048.0,
        copy: None,
        ways,
    }
}

pub fn way(library: &str, device: &str, name: &str, median: f64) -> Way {
    Way {
        library: library.into(),
        device: device.into(),
        name: name.into(),
        median: Some(median),
        low: Some(0.96 * median),
        high: Some(1.13 * median),
        runs: Some(24),
        ..Way::default()
    }
}

pub fn left_out(library: &str, name: &str, reason: &str, wrong: bool) -> Way {
    let left_out = Some(reason.into());
    Way {
        left_out,
        wrong,
        median: None,
        low: None,
        high: None,
        runs: None,
        ..way(library, "cpu", name, 0.0)
    }
}

/// With everything that a record can have.
pub fn full() -> Record {
    let limit = |name: &str, device: &str, unit: &str, value| Limit {
        name: name.into(),
        device: device.into(),
        unit: unit.into(),
        value,
    };
    let gpu = |name: &str, driver: &str, software| Gpu {
        name: name.into(),
        backend: "Vulkan".into(),
        driver: driver.into(),
        software,
    };
    let groups = [
        ("2048² f32, full rank", "2048 x 2048 f32", vec![2048, 2048], "f32", "noise", false),
        ("2048² f32, Gaussian", "2048 x 2048 f32", vec![2048, 2048], "f32", "noise", true),
        ("512² f32, full rank", "512 x 512 f32", vec![512, 512], "f32", "noise", false),
        (
            "RGB picture, Gaussian",
            "1920 x 1080 RGB u8",
            vec![1080, 1920, 3],
            "u8",
            "photograph",
            true,
        ),
    ];
    let cases =
        groups.iter().flat_map(|group| [3, 7, 15, 31, 63].map(|side| modelled(group, side)));
    Record {
        devices: vec![
            gpu("NVIDIA H200", "NVIDIA 575.57.08", false),
            gpu("llvmpipe (LLVM 15.0.6, 256 bits)", "Mesa 22.3.6", true),
        ],
        limits: vec![
            limit("copy", "cpu", "B/s", COPY),
            limit("multiply-adds f32", "cpu", "1/s", MULTIPLY_ADDS),
            limit("upload", "gpu", "B/s", BUS),
            limit("copy", "gpu", "B/s", GPU_COPY),
            limit("multiply-adds f32", "gpu", "1/s", GPU_MULTIPLY_ADDS),
        ],
        cases: cases.collect(),
        ..empty()
    }
}

type Modelled = (&'static str, &'static str, Vec<usize>, &'static str, &'static str, bool);

fn modelled((group, samples, shape, dtype, data, is_gaussian): &Modelled, side: usize) -> Case {
    let count = shape.iter().product::<usize>() as f64;
    let bytes = 2.0 * count * if *dtype == "u8" { 1.0 } else { 4.0 };
    let (direct, separable) = ((side * side) as f64 * count, 2.0 * side as f64 * count);
    let needed = if *is_gaussian { separable } else { direct };
    let on = |device: &str| match device {
        "cpu" => (COPY, MULTIPLY_ADDS, 0.0),
        _ => (GPU_COPY, GPU_MULTIPLY_ADDS, bytes / BUS + 90e-6),
    };
    let modelled = |device: &str, name: &str, multiply_adds: f64, fraction: f64| {
        let (copy, peak, travel) = on(device);
        let compute = bytes / copy * 1.4 + multiply_adds / (peak * fraction) + 9e-6;
        let median = compute + travel;
        // So that it looks measured.
        let wobble = 1.0 + 0.04 * ((side * 37 + name.len() * 11) % 7) as f64 / 7.0;
        let parts = (device == "gpu").then_some(Parts {
            upload: 0.55 * (travel - 90e-6),
            compute,
            download: 0.45 * (travel - 90e-6),
        });
        Way {
            first: Some(median * 1.3 + if device == "gpu" { 21e-3 } else { 0.8e-3 }),
            expected: Some(median * 0.93),
            limit: Some((bytes / copy).max(needed / peak)),
            error: Some("2e-07 of the largest".into()),
            parts,
            ..way("convolve", device, name, median * wobble)
        }
    };
    let transformed = 190.0 * count;
    let mut ways = Vec::new();
    for device in ["cpu", "gpu"] {
        if side < 63 {
            ways.push(modelled(device, "direct", direct, 0.7));
        }
        if *is_gaussian {
            ways.push(modelled(device, "separable", separable, 0.45));
        }
        ways.push(modelled(device, "fft", transformed, 0.5));
    }
    if side == 63 {
        ways.push(left_out(
            "convolve",
            "direct",
            "expected to take longer than its share of the time",
            false,
        ));
    }
    let rank = |way: &&mut Way| {
        way.expected.unwrap_or(f64::INFINITY)
            * if side == 15 { 1.0 } else { way.median.unwrap_or(1.0) }
    };
    if let Some(chosen) = ways.iter_mut().min_by(|a, b| rank(a).total_cmp(&rank(b))) {
        chosen.chosen = true;
    }
    // One wrong choice among them.
    if side == 15 && *is_gaussian {
        for way in &mut ways {
            way.chosen = way.name == "fft" && way.device == "cpu";
        }
    }
    Case {
        samples: (*samples).into(),
        shape: shape.clone(),
        dtype: (*dtype).into(),
        data: (*data).into(),
        kernel: if *is_gaussian {
            format!("gaussian:{}", side as f64 / 6.0)
        } else {
            "full rank".into()
        },
        multiply_adds: needed,
        bytes,
        ..case(group, &format!("{group}, {side} x {side}"), side, ways)
    }
}

/// As `benches/peers` write it.
pub fn peers() -> Record {
    let arrays = [3, 7, 15, 31].map(|side| {
        let own = 1e-3 + 2e-6 * (side * side) as f64;
        let mut ways = vec![
            Way {
                chosen: true,
                method: Some("direct".into()),
                ..way("convolve", "cpu", "auto", own)
            },
            way("SciPy", "cpu", "fftconvolve", 35e-3),
            way("SciPy", "cpu", "ndimage", 28e-3 + 1e-5 * (side * side) as f64),
            way("ndarray-conv", "cpu", "fft on threads", 47e-3),
        ];
        ways.push(match side {
            3 => way("OpenCV", "cpu", "filter2D", 0.8 * own),
            31 => left_out("OpenCV", "filter2D", "off by 0.3, not 1e-05", true),
            _ => way("OpenCV", "cpu", "filter2D", 2.3 * own),
        });
        Case {
            set: "arrays".into(),
            kernel: "random".into(),
            ..case("2d", &format!("2048², {side}²"), side, ways)
        }
    });
    let pictures = [5, 25].map(|side| {
        let own = 2e-3 + 1e-4 * side as f64;
        let ways = vec![
            Way {
                chosen: true,
                method: Some("separable".into()),
                ..way("convolve", "cpu", "apply", own)
            },
            way("OpenCV", "cpu", "GaussianBlur", 1.7 * own),
            Way { other_kernel: true, ..way("Pillow", "cpu", "GaussianBlur", 0.5 * own) },
            left_out("libvips", "gaussblur", "slower than the library's best", false),
        ];
        Case {
            set: "pictures".into(),
            kernel: format!("gaussian:{}", side as f64 / 6.0),
            ..case("photograph", &format!("photograph, {side} x {side}"), side, ways)
        }
    });
    let mut record = empty();
    record.cases = arrays.into_iter().chain(pictures).collect();
    record.versions.insert("OpenCV".into(), "5.0.0".into());
    record
}
