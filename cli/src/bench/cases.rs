//! What is measured: cases as data.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::memory;
use super::options::Bench;
use crate::dtype::DType;
use crate::meaning::Shape;
use crate::report;

/// Samples, and the kernels that filter them.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    pub samples: Samples,
    pub kernels: Vec<Kernel>,
}

/// What is filtered. The shape of a picture from a file is known when that has been read.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    Array {
        dtype: DType,
        shape: Vec<usize>,
        data: Data,
    },
    /// RGB of 8 bits: height and width.
    Picture {
        size: [usize; 2],
        data: Data,
    },
    File(PathBuf),
}

/// What samples show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data {
    Noise,
    /// Edges, slopes and a little noise.
    Photograph,
    /// The same between two black bars.
    Letterbox,
    /// The same, nearly black.
    Dark,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    pub shape: Vec<usize>,
    pub taps: Taps,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Taps {
    /// No outer product, and no sum of a few.
    FullRank,
    /// An outer product; its ends are at three sigma.
    Gaussian,
}

impl Data {
    pub fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Photograph => "photograph",
            Self::Letterbox => "letterbox",
            Self::Dark => "dark",
        }
    }
}

impl Kernel {
    /// What its taps are.
    pub fn name(&self) -> &'static str {
        match self.taps {
            Taps::Gaussian => "gaussian",
            // An outer product of one axis.
            Taps::FullRank if is_line(&self.shape) => "random",
            Taps::FullRank => "full rank",
        }
    }
}

fn is_line(shape: &[usize]) -> bool {
    shape.iter().filter(|&&n| n > 1).count() < 2
}

/// `1080 x 1920`.
pub fn lengths(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}

/// Edges of kernels of so many axes.
fn edges(rank: usize) -> &'static [usize] {
    match rank {
        1 => &[31, 127, 1023],
        2 => &[3, 7, 15, 31, 63],
        3 => &[3, 7, 11],
        _ => &[3, 5],
    }
}

/// The kernels of an edge in each of so many axes.
fn kernels(rank: usize, edges: &[usize], taps: &[Taps]) -> Vec<Kernel> {
    let of = |&taps: &Taps| edges.iter().map(move |&n| Kernel { shape: vec![n; rank], taps });
    taps.iter().flat_map(of).collect()
}

const BOTH: &[Taps] = &[Taps::FullRank, Taps::Gaussian];
const FULL_RANK: &[Taps] = &[Taps::FullRank];
const HD: [usize; 2] = [1080, 1920];
const UHD: [usize; 2] = [2160, 3840];

fn array(dtype: DType, shape: &[usize], data: Data) -> Samples {
    Samples::Array { dtype, shape: shape.to_vec(), data }
}

fn set(samples: Samples, edges: &[usize], taps: &[Taps]) -> Set {
    let kernels = kernels(samples.rank(), edges, taps);
    Set { samples, kernels }
}

/// The cases where nobody asks for others.
fn table(args: &Bench) -> Vec<Set> {
    use Data::{Dark, Letterbox, Noise, Photograph};
    let picture = |size, data| Samples::Picture { size, data };
    let f32s = |shape: &[usize]| array(DType::F32, shape, Noise);
    if args.quick {
        const EDGES: &[usize] = &[3, 15, 63];
        return vec![
            set(f32s(&[512, 512]), EDGES, BOTH),
            set(picture(HD, Photograph), EDGES, BOTH),
        ];
    }
    let all = edges(2);
    let mut sets = vec![
        set(f32s(&[512, 512]), all, BOTH),
        set(f32s(&[2048, 2048]), all, BOTH),
        set(picture(HD, Photograph), all, BOTH),
    ];
    let [data, typed]: [&[usize]; 2] = if args.full { [all; 2] } else { [&[15, 63], &[7, 31]] };
    for shows in [Noise, Letterbox, Dark] {
        sets.push(set(picture(HD, shows), data, FULL_RANK));
    }
    sets.push(set(array(DType::F32, &[2048, 2048], Letterbox), data, FULL_RANK));
    sets.push(set(array(DType::F64, &[2048, 2048], Noise), typed, BOTH));
    sets.push(set(array(DType::U8, &[2048, 2048], Noise), typed, FULL_RANK));
    sets.push(set(f32s(&[1 << 20]), edges(1), FULL_RANK));
    sets.push(set(f32s(&[128; 3]), edges(3), if args.full { BOTH } else { FULL_RANK }));
    if args.full {
        sets.push(set(f32s(&[4096, 4096]), &[3, 7, 15, 31, 63, 127], BOTH));
        sets.push(set(picture(UHD, Photograph), all, BOTH));
        sets.push(set(picture(UHD, Noise), all, FULL_RANK));
        for dtype in [DType::I32, DType::C64, DType::F16] {
            sets.push(set(array(dtype, &[2048, 2048], Noise), typed, FULL_RANK));
        }
    }
    sets
}

/// All cases, each once.
pub fn cases(args: &Bench) -> Result<Vec<Set>> {
    let mut samples: Vec<Set> = match args.shapes.is_empty() && args.dtypes.is_empty() {
        true => table(args),
        false => {
            let usual = [Shape(vec![512, 512]), Shape(vec![2048, 2048])];
            let shapes = if args.shapes.is_empty() { &usual[..] } else { &args.shapes };
            for Shape(shape) in shapes {
                ensure!(
                    !shape.contains(&0),
                    "--shape {}: expected lengths of at least 1",
                    as_an_option(shape)
                );
            }
            let dtypes = if args.dtypes.is_empty() { &[DType::F32][..] } else { &args.dtypes };
            let both = shapes.iter().flat_map(|Shape(shape)| {
                dtypes.iter().map(move |&dtype| array(dtype, shape, Data::Noise))
            });
            both.map(|samples| set(samples.clone(), edges(samples.rank()), BOTH)).collect()
        }
    };
    if let Some(path) = &args.picture {
        samples.push(set(Samples::File(path.clone()), edges(2), BOTH));
    }
    if !args.kernel_shapes.is_empty() {
        let ranks: Vec<usize> = samples.iter().map(|set| set.samples.rank()).collect();
        for Shape(shape) in &args.kernel_shapes {
            ensure!(
                !shape.contains(&0),
                "--kernel-shape {}: expected lengths of at least 1",
                as_an_option(shape)
            );
            ensure!(
                ranks.contains(&shape.len()),
                "--kernel-shape {}: expected as many lengths as what is filtered has axes, {}",
                as_an_option(shape),
                ranks[0]
            );
        }
        let of_these = |rank: usize| -> Vec<Kernel> {
            let fit = args.kernel_shapes.iter().filter(move |shape| shape.0.len() == rank);
            let of = |&taps: &Taps| {
                fit.clone().map(move |shape| Kernel { shape: shape.0.clone(), taps })
            };
            BOTH.iter().flat_map(of).collect()
        };
        for set in &mut samples {
            set.kernels = of_these(set.samples.rank());
        }
        let left = unfiltered(args, &samples);
        ensure!(
            left.is_empty(),
            "{}: expected a --kernel-shape with as many lengths as this has axes",
            report::names(left.into_iter())
        );
        samples.retain(|set| !set.kernels.is_empty());
    }
    let sets = each_once(samples);
    sets.iter().try_for_each(memory::fits)?;
    Ok(sets)
}

/// What was asked for and no kernel fits. Of the usual cases those are measured that a kernel fits.
fn unfiltered(args: &Bench, sets: &[Set]) -> Vec<String> {
    let name = |set: &Set| match &set.samples {
        Samples::File(path) => Some(format!("--picture {}", path.display())),
        Samples::Array { shape, .. } if !args.shapes.is_empty() => {
            Some(format!("--shape {}", as_an_option(shape)))
        }
        _ => None,
    };
    let mut names: Vec<String> =
        sets.iter().filter(|set| set.kernels.is_empty()).filter_map(name).collect();
    names.dedup();
    names
}

/// `1080x1920`.
pub fn as_an_option(shape: &[usize]) -> String {
    lengths(shape).replace(' ', "")
}

/// Drops what is asked for twice, and kernels along one axis of which the other kind is there.
fn each_once(sets: Vec<Set>) -> Vec<Set> {
    let mut once: Vec<Set> = Vec::new();
    for mut set in sets {
        if once.iter().any(|other| other.samples == set.samples) {
            continue;
        }
        let mut kernels: Vec<Kernel> = Vec::new();
        for kernel in set.kernels {
            let twin = kernel.taps == Taps::Gaussian && is_line(&kernel.shape);
            if !twin && !kernels.contains(&kernel) {
                kernels.push(kernel);
            }
        }
        set.kernels = kernels;
        once.push(set);
    }
    once
}

impl Samples {
    /// Axes that are filtered.
    pub fn rank(&self) -> usize {
        match self {
            Self::Array { shape, .. } => shape.len(),
            Self::Picture { .. } | Self::File(_) => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(lengths: &[usize]) -> Shape {
        Shape(lengths.to_vec())
    }

    #[test]
    fn the_usual_cases_grow() {
        let count = |args: &Bench| -> usize {
            cases(args).unwrap().iter().map(|set| set.kernels.len()).sum()
        };
        let quick = Bench { quick: true, ..Bench::default() };
        let full = Bench { full: true, ..Bench::default() };
        let [quick, usual, full] = [&quick, &Bench::default(), &full].map(count);
        assert!(quick < usual && usual < full, "{quick} {usual} {full}");
        let sets = cases(&Bench::default()).unwrap();
        for data in [Data::Noise, Data::Photograph, Data::Letterbox, Data::Dark] {
            let shows = |set: &Set| matches!(set.samples, Samples::Picture { data: shown, .. } if shown == data);
            assert!(sets.iter().any(shows), "{data:?}");
        }
    }

    #[test]
    fn options_say_what_is_measured() {
        let args = Bench {
            shapes: vec![shape(&[32, 48]), shape(&[32, 48]), shape(&[9, 9, 9])],
            kernel_shapes: vec![shape(&[3, 5]), shape(&[3, 3, 3])],
            dtypes: vec![DType::U8, DType::F64],
            ..Bench::default()
        };
        let sets = cases(&args).unwrap();
        let found: Vec<_> = sets.iter().map(|set| set.samples.clone()).collect();
        let expected = [
            array(DType::U8, &[32, 48], Data::Noise),
            array(DType::F64, &[32, 48], Data::Noise),
            array(DType::U8, &[9, 9, 9], Data::Noise),
            array(DType::F64, &[9, 9, 9], Data::Noise),
        ];
        assert_eq!(found, expected);
        let kernel = |shape: &[usize], taps| Kernel { shape: shape.to_vec(), taps };
        let expected = [kernel(&[3, 5], Taps::FullRank), kernel(&[3, 5], Taps::Gaussian)];
        assert_eq!(sets[0].kernels, expected);
        assert_eq!(sets[2].kernels[1], kernel(&[3, 3, 3], Taps::Gaussian));
    }

    #[test]
    fn kernels_alone_replace_the_usual_ones() {
        let args = Bench { kernel_shapes: vec![shape(&[5, 5])], ..Bench::default() };
        let sets = cases(&args).unwrap();
        assert!(sets.len() > 2);
        assert!(sets.iter().all(|set| set.samples.rank() == 2 && set.kernels.len() == 2));
    }

    #[test]
    fn a_line_is_measured_with_one_kernel() {
        let args = Bench {
            shapes: vec![shape(&[1000])],
            kernel_shapes: vec![shape(&[11])],
            ..Bench::default()
        };
        let sets = cases(&args).unwrap();
        assert_eq!(sets[0].kernels.len(), 1);
        assert_eq!(sets[0].kernels[0].name(), "random");
    }

    #[test]
    fn kernels_have_as_many_axes_as_something() {
        let args = Bench {
            shapes: vec![shape(&[100])],
            kernel_shapes: vec![shape(&[3, 3])],
            ..Bench::default()
        };
        let error = cases(&args).unwrap_err().to_string();
        assert!(error.contains("--kernel-shape 3x3") && error.ends_with("axes, 1"), "{error}");
    }
    fn refusal(shapes: &[&[usize]], kernels: &[&[usize]], picture: Option<&str>) -> String {
        let of = |all: &[&[usize]]| all.iter().map(|lengths| shape(lengths)).collect();
        let args = Bench {
            shapes: of(shapes),
            kernel_shapes: of(kernels),
            picture: picture.map(Into::into),
            ..Bench::default()
        };
        format!("{:#}", cases(&args).unwrap_err())
    }

    #[test]
    fn what_no_kernel_fits_is_named() {
        let error = refusal(&[&[5, 5, 5], &[6, 6], &[7]], &[&[3, 3]], None);
        assert!(
            error.starts_with("--shape 5x5x5, --shape 7: expected a --kernel-shape"),
            "{error}"
        );
        for shapes in [&[&[9][..]][..], &[]] {
            let error = refusal(shapes, &[&[3]], Some("one.png"));
            assert!(error.starts_with("--picture one.png: expected a --kernel-shape"), "{error}");
        }
    }

    #[test]
    fn what_memory_does_not_hold_is_refused() {
        const HUGE: usize = 9_999_999_999;
        for shapes in [[&[64, 64][..], &[99_999_999_999, 9]], [&[HUGE, HUGE], &[64, 64]]] {
            let error = refusal(&shapes, &[], None);
            assert!(
                error.starts_with("--shape 9999") && error.contains("at most 16 GiB"),
                "{error}"
            );
        }
        for kernel in [[99_999, 99_999], [HUGE, HUGE]] {
            let error = refusal(&[&[64, 64]], &[&kernel], None);
            assert!(error.starts_with("--kernel-shape 9999"), "{error}");
            assert!(error.contains("at most 67108864 taps"), "{error}");
        }
        let error = refusal(&[&[9, 9]], &[&[0, 3]], None);
        assert_eq!(error, "--kernel-shape 0x3: expected lengths of at least 1");
    }
}
