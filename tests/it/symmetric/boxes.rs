//! Taps that are all the same: neighbouring outputs share the sum of what they have in common.

use super::*;

/// Filters whose neighbouring outputs share sums.
fn shares<A: convolve::Element, D: ndarray::Dimension>(filter: &Filter<A, D>) -> bool {
    let Some((Recipe::CpuSeparable { passes, .. }, _)) = filter.plan().chosen().admitted() else {
        panic!("{}", filter.plan());
    };
    passes.iter().any(|passing| matches!(passing, Passing::Folded { order: Order::Shared, .. }))
}

/// Boxes of every parity, narrower and wider than tiles and strips, over rows that leave each number of vectors.
fn boxes<A: Value + Into<f64>>() {
    let mut random = Random::new(29);
    for (number, (shape, taps)) in [
        (vec![41, 300], [17, 15]),
        (vec![70, 530], [61, 54]),
        (vec![30, 301, 3], [17, 17]),
        (vec![90, 300], [85, 6]),
        (vec![104, 140, 4], [100, 11]),
        (vec![22, 530, 2], [40, 101]),
        (vec![2, 45, 300, 3], [16, 17]),
        (vec![50, 210, 3], [90, 51]),
    ]
    .into_iter()
    .enumerate()
    {
        let large = taps.iter().sum::<usize>() > 90;
        // Each boundary with some of the large ones.
        let [first, every] = if large { [number % 3, 3] } else { [0, 1] };
        let edges = EDGES.into_iter().enumerate().skip(first).step_by(every);
        for (turn, (i, boundary)) in edges.enumerate() {
            let mut k = ArrayD::<A>::from_elem(IxDyn(&taps), A::from_integer(3));
            if shape.len() == 4 {
                k = k.insert_axis(Axis(0));
            }
            if shape.len() > 2 {
                let last = Axis(k.ndim());
                k = k.insert_axis(last);
            }
            let options = with!(
                Options::default(),
                boundary: of_type::<A>(boundary).into(),
                mode: [Mode::Same, Mode::Full][(turn + number) % 2],
            );
            let x = random.array::<A>(&shape);
            let expected = sums((&x, &k, &options));
            for set in sets() {
                let filter = convolver(set, 1 + i % 2).filter(&k).options(options.clone());
                let filter = filter.method(Method::Separable).for_shape(x.raw_dim());
                let filter = filter.expect("an outer product");
                // With AVX-512 samples slide under all but large boxes.
                let must = set != InstructionSet::Avx512 || large;
                assert!(shares(&filter) || !must, "{set} {shape:?} {taps:?}: {}", filter.plan());
                check(&filter, &x, k.shape(), &expected);
            }
        }
    }
}

#[test]
fn boxes_share_their_sums() {
    boxes::<f32>();
}

#[test]
fn boxes_share_their_sums_in_double_precision() {
    boxes::<f64>();
}

/// What is loud, infinite or NaN is in the sums of its own windows alone, to the last bit; and a sum is one of its
/// own window, on any number of threads.
#[test]
fn shared_sums_hold_nothing_of_their_neighbours() {
    let mut random = Random::new(31);
    let quiet = random.array::<f32>(&[150, 600]);
    let mut loud = quiet.clone();
    let marks = [
        ([40, 100], f32::NAN),
        ([41, 500], f32::INFINITY),
        ([75, 300], 1e30),
        ([149, 0], f32::NEG_INFINITY),
    ];
    for (at, value) in marks {
        loud[at] = value;
    }
    for set in sets() {
        for taps in [[60, 45], [70, 63]] {
            let k = ArrayD::<f32>::from_elem(IxDyn(&taps), 1.0);
            let filter = |threads| {
                let filter = convolver(set, threads).filter(&k).boundary(Boundary::Zero);
                let filter = filter.method(Method::Separable).for_shape(quiet.raw_dim());
                filter.expect("an outer product")
            };
            let [alone, together] = [1, 3].map(filter);
            assert!(shares(&alone));
            let y = alone.apply(&quiet).expect("runs");
            assert_eq!(y, together.apply(&quiet).expect("runs"), "{set}");
            let marked = alone.apply(&loud).expect("runs");
            for (at, &value) in marked.indexed_iter() {
                let hit = |&(mark, _): &([usize; 2], f32)| {
                    // The window of an output reaches as far behind it as before, or one less.
                    (0..2).all(|axis| {
                        let (p, n) = (at[axis] as isize - mark[axis] as isize, taps[axis] as isize);
                        p >= -((n - 1) / 2) && p <= n / 2
                    })
                };
                let hits: Vec<_> = marks.iter().filter(|mark| hit(mark)).collect();
                match &hits[..] {
                    [] => assert_eq!(value.to_bits(), y[&at].to_bits(), "{set} {taps:?} {at:?}"),
                    [(_, mark)] if mark.is_nan() => assert!(value.is_nan(), "{at:?}"),
                    [(_, mark)] if mark.is_infinite() => assert_eq!(value, *mark, "{at:?}"),
                    [(_, mark), ..] => assert!((value / mark - 1.0).abs() < 1e-5, "{at:?}"),
                }
            }
        }
    }
}

/// Sums of samples that are no numbers any more are averages all the same.
#[test]
fn boxes_of_samples_too_large_to_be_added_are_averaged() {
    let k = Array2::<f32>::from_elem((61, 61), 1.0 / (61.0 * 61.0));
    for set in sets() {
        for value in [3e38, 3e37, 1e37, 3e36] {
            let filter = convolver(set, 2).filter(&k).boundary(Boundary::Nearest);
            let filter = filter.method(Method::Separable).for_shape((90, 512)).expect("admissible");
            assert!(shares(&filter));
            let y = filter.apply(&Array2::from_elem((90, 512), value)).expect("runs");
            assert!(y.iter().all(|&y| (y / value - 1.0).abs() < 1e-4), "{set} {value}: {y}");
        }
    }
}

/// Sums are shared where all taps are one number, also as an average in `f64`, and not where taps differ along an axis,
/// or one of them is short.
#[test]
fn boxes_are_known_by_their_taps() {
    let average = Array2::<f64>::from_elem((61, 63), 1.0 / (61.0 * 63.0));
    let mut ramp = average.clone();
    (0..61).for_each(|i| ramp.row_mut(i).fill(1.0 + i.abs_diff(30) as f64));
    let low = Array2::<f64>::from_elem((3, 61), 1.0);
    for set in sets() {
        let filter = |k: &Array2<f64>| {
            let filter = convolver(set, 1).filter(k).method(Method::Separable);
            filter.for_shape((90, 600)).expect("an outer product")
        };
        assert!(shares(&filter(&average)), "{set}");
        assert!(!shares(&filter(&ramp)), "{set}");
        assert!(!shares(&filter(&low)), "{set}");
        // Zeros stay zeros without a sign.
        let y = filter(&average.mapv(|tap| -tap)).apply(&Array2::zeros((90, 600))).expect("runs");
        assert!(y.iter().all(|y| y.to_bits() == 0), "{set}");
    }
}
