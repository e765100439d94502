//! Calibrations: what is measured, kept, read again, and refused.

use convolve::plan::CostModel;
use convolve::{Calibration, Convolver, ConvolverBuilder, DeviceRates};
use std::path::{Path, PathBuf};

/// A directory of its own for each test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("convolve-calibration-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// A convolver on the CPU that keeps its calibrations here.
    fn convolver(&self) -> ConvolverBuilder {
        Convolver::builder().threads(2).gpu(false).cache_directory(self.0.clone())
    }

    fn calibrate(&self) -> (Calibration, PathBuf) {
        let calibration = self.convolver().build().calibrate().expect("measures");
        let files = calibration.kept.clone().expect("a directory that can be written");
        assert_eq!(files.len(), calibration.devices.len());
        (calibration, files[0].clone())
    }

    fn read(&self) -> Vec<DeviceRates> {
        self.convolver().build().calibrations()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn names(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).expect("a directory");
    files.map(|file| file.expect("listed").file_name().into_string().expect("text")).collect()
}

#[test]
fn what_was_measured_is_read_by_the_next_convolver() {
    let place = Place::new("kept");
    assert_eq!(place.read(), [], "nothing is there yet");
    let convolver = place.convolver().build();
    let before = convolver.cost_model();
    assert_eq!(before, CostModel::default());
    // Even without optimisation there is a rate of sums, at least; but times have to agree, which they may not
    // for a while where much else runs.
    let calibrations = std::iter::repeat_with(|| convolver.calibrate().expect("measures"));
    let found = |calibration: &Calibration| {
        calibration.devices.iter().any(|device| device.rates.iter().any(|rate| rate.measured))
    };
    let calibration = calibrations.take(60).find(found).expect("times that agree");
    let [cpu] = &calibration.devices[..] else { panic!("one device: {calibration}") };
    assert!(cpu.kind.is_none() && cpu.measured_at > 1_700_000_000 && cpu.rates.len() == 8);
    for rate in &cpu.rates {
        let ratio = rate.value / rate.shipped;
        assert!((0.01..=100.0).contains(&ratio), "{rate:?}");
        let follows = rate.name == "fft_start";
        assert!(rate.measured || follows || ratio == 1.0, "{rate:?}");
    }
    // This convolver, and one that reads the file.
    assert_ne!(convolver.cost_model(), before);
    let next = place.convolver().build();
    assert_eq!(next.calibrations(), calibration.devices);
    assert_eq!(next.cost_model(), convolver.cost_model());
    assert_eq!(names(&place.0).len(), 1, "nothing is left beside the file");
    // Those who want none of it.
    assert_eq!(place.convolver().calibrated(false).build().cost_model(), before);
    let given = place.convolver().cost_model(before.clone()).build();
    assert_eq!(given.cost_model(), before);
    // Another number of threads is another machine.
    assert_eq!(place.convolver().threads(1).build().calibrations(), []);
    let nowhere = place.convolver().cache_directory(None).build();
    assert_eq!(nowhere.calibrations(), []);
}

#[test]
fn files_that_make_no_sense_are_ignored_and_rewritten() {
    let place = Place::new("refused");
    let (calibration, file) = place.calibrate();
    assert_eq!(place.read(), calibration.devices);
    let good = std::fs::read_to_string(&file).expect("text");
    let rate = calibration.devices[0].rates.iter().find(|rate| rate.name == "direct");
    let direct = format!("\"direct\": {:?}", rate.expect("listed").value);
    assert!(good.contains(&direct), "{direct} in {good}");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let bad = [
        String::new(),
        "no JSON".into(),
        "[1, 2]".into(),
        good[..good.len() / 2].to_string(),
        good.replace(&direct, "\"direct\": -1.0"),
        good.replace(&direct, "\"direct\": 0"),
        good.replace(&direct, "\"direct\": 1e300"),
        good.replace(&direct, "\"direct\": \"fast\""),
        good.replace("\"direct\"", "\"directly\""),
        good.replace(&version, "\"version\": \"0.0.0\""),
        good.replace("\"threads\": 2", "\"threads\": 3"),
        "x".repeat(1 << 20),
    ];
    for text in bad {
        assert_ne!(text, good, "nothing was changed");
        std::fs::write(&file, &text).expect("written");
        let convolver = place.convolver().build();
        assert_eq!(convolver.calibrations(), [], "{text}");
        assert_eq!(convolver.cost_model(), CostModel::default());
    }
    let (again, same_file) = place.calibrate();
    assert_eq!(same_file, file);
    assert_eq!(place.read(), again.devices);
}

#[test]
fn what_cannot_be_kept_still_holds() {
    let place = Place::new("unwritable");
    std::fs::write(&place.0, "a file where a directory should be").expect("written");
    let convolver = place.convolver().build();
    let calibration = convolver.calibrate().expect("measures");
    assert!(calibration.kept.is_err(), "{calibration}");
    assert!(calibration.to_string().contains("not kept"));
    assert_eq!(convolver.calibrations(), calibration.devices);
    std::fs::remove_file(&place.0).expect("removed");
}

/// Those who calibrate at one time leave one file, of one of them. That readers never meet half of
/// one is tested where files are written.
#[test]
fn many_writers_leave_one_file() {
    let place = Place::new("writers");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| place.calibrate());
        }
    });
    assert_eq!(place.read().len(), 1);
    assert_eq!(names(&place.0).len(), 1);
}

#[cfg(feature = "gpu")]
#[test]
fn a_gpu_is_measured_too() {
    if crate::common::gpu().is_none() {
        return;
    }
    let place = Place::new("gpu");
    let convolver = Convolver::builder().cache_directory(place.0.clone()).build();
    let calibration = convolver.calibrate().expect("measures");
    let [_, gpu] = &calibration.devices[..] else { panic!("two devices: {calibration}") };
    assert!(gpu.kind.is_some() && gpu.rates.len() == 6, "{calibration}");
    let next = Convolver::builder().cache_directory(place.0.clone()).build();
    let model = next.cost_model();
    assert_eq!(next.calibrations(), calibration.devices);
    let rates = model.gpu_rates(gpu.kind.expect("a GPU"));
    for rate in &gpu.rates {
        let value = match rate.name {
            "direct" => rates.direct,
            "direct_nd" => rates.direct_nd,
            "fft" => rates.fft,
            "bandwidth" => rates.bandwidth,
            "bus" => rates.bus,
            "round_trip" => rates.round_trip,
            other => panic!("an unknown constant {other}"),
        };
        assert_eq!(value, rate.value, "{}", rate.name);
    }
}
