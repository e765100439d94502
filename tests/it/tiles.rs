//! Pictures as wide and as tall as tiles need, with every instruction set: tiles of every height in
//! the middle, single vectors and windows at the ends, and the ring of fused passes.

use convolve::plan::InstructionSet;
use convolve::{Boundary, Convolver, Method, Mode, Options, PerAxis};
use num_complex::Complex;

use crate::common::with;
use crate::common::*;

const SETS: [InstructionSet; 3] =
    [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512];

fn convolvers() -> impl Iterator<Item = Convolver> {
    SETS.into_iter().map(|set| Convolver::builder().gpu(false).threads(2).instructions(set).build())
}

fn options<A: Value>(random: &mut Random, shape: &[usize], taps: &[usize]) -> Options<A> {
    let axes = shape.len();
    let boundaries = [
        Boundary::Zero,
        Boundary::Constant(random.array::<A>(&[1])[[0]]),
        Boundary::Nearest,
        Boundary::Reflect,
        Boundary::Mirror,
        Boundary::Wrap,
    ];
    let mut options = with!(Options::default(), boundary: boundaries[random.below(6)].into());
    options.mode = [Mode::Same, Mode::Full, Mode::Valid][random.below(3)];
    if random.below(3) == 0 {
        options.stride = PerAxis::Each((0..axes).map(|_| 1 + random.below(3)).collect());
    }
    if random.below(3) == 0 {
        options.dilation = PerAxis::Each((0..axes).map(|_| 1 + random.below(3)).collect());
    }
    let dilation = match &options.dilation {
        PerAxis::Each(each) => each.clone(),
        PerAxis::All(one) => vec![*one; axes],
        other => panic!("{other:?}"),
    };
    let fits = |axis: usize| (taps[axis] - 1) * dilation[axis] < shape[axis];
    if options.mode == Mode::Valid && !(0..axes).all(fits) {
        options.mode = Mode::Same;
    }
    options
}

/// Kernels of all heights and of rows shorter and longer than the vectors, over `shape`.
fn direct<A: Value>(seed: u64, shape: &[usize], kernels: &[&[usize]]) {
    let mut random = Random::new(seed);
    let x = random.array::<A>(shape);
    for taps in kernels {
        let options = options(&mut random, shape, taps);
        let k = random.array::<A>(taps);
        let subject = Subject::new(x.clone(), k, options);
        for convolver in convolvers() {
            subject.check_way(&convolver, CPU_DIRECT).unwrap_or_else(|error| {
                panic!("{:?} {taps:?} {:?}\n{error}", A::DTYPE, subject.options)
            });
        }
    }
}

const PLANES: [&[usize]; 11] = [
    &[1, 3],
    &[2, 2],
    &[3, 3],
    &[4, 5],
    &[5, 7],
    &[7, 5],
    &[8, 1],
    &[9, 40],
    &[1, 70],
    &[31, 3],
    &[6, 17],
];

macro_rules! types {
    ($($name:ident $t:ty, $every:literal;)*) => {$(
        #[test]
        fn $name() {
            let some = |all: &'static [&'static [usize]]| -> Vec<_> {
                all.iter().copied().step_by($every).collect()
            };
            direct::<$t>(1, &[23, 150], &some(&PLANES));
            direct::<$t>(2, &[9, 14, 90], &some(&[&[3, 4, 5], &[2, 1, 9], &[5, 7, 1]]));
            direct::<$t>(3, &[19, 40, 3], &some(&[&[3, 3, 1], &[6, 5, 1], &[1, 7, 1]]));
            direct::<$t>(4, &[700], &some(&[&[33], &[3], &[129], &[11]]));
            separable::<$t>(6 / $every);
        }
    )*};
}

types! {
    float32 f32, 1;
    float64 f64, 2;
    complex32 Complex<f32>, 2;
    complex64 Complex<f64>, 3;
    int8 i8, 3;
    int16 i16, 3;
    int32 i32, 3;
    int64 i64, 3;
}

/// Fused passes: kernels that are outer products, over pictures of some strips and bands.
fn separable<A: Value>(rounds: usize) {
    let mut random = Random::new(5);
    for (shape, taps) in [
        (vec![70, 150], vec![5, 7]),
        (vec![40, 300], vec![31, 3]),
        (vec![33, 90], vec![3, 35]),
        (vec![4, 21, 80], vec![3, 4, 5]),
        (vec![30, 40, 3], vec![7, 4, 1]),
    ] {
        let x = random.array::<A>(&shape);
        for _ in 0..rounds {
            let options = options(&mut random, &shape, &taps);
            let subject = Subject::new(x.clone(), random.rank_one(&taps), options);
            for convolver in convolvers() {
                match subject.filter(&convolver, CPU_SEPARABLE) {
                    Ok(filter) => assert_eq!(filter.plan().method(), Method::Separable),
                    Err(error) => panic!("{shape:?} {taps:?}: {error}"),
                }
                subject.check_way(&convolver, CPU_SEPARABLE).unwrap_or_else(|error| {
                    panic!("{:?} {shape:?} {taps:?} {:?}\n{error}", A::DTYPE, subject.options)
                });
            }
        }
    }
}
