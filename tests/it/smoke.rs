use convolve::{Boundary, Convolver, Device, Method, Mode, Options, PerAxis, reference::Oracle};
use ndarray::{Array, Dimension, IntoDimension};

fn check<D: Dimension>(n: impl IntoDimension<Dim = D>, m: impl IntoDimension<Dim = D>) {
    let conv = Convolver::new();
    let mut i = 0u32;
    let mut next = || {
        i = i.wrapping_mul(1664525).wrapping_add(1013904223);
        (i >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let x = Array::from_shape_simple_fn(n.into_dimension(), &mut next);
    let k = Array::from_shape_simple_fn(m.into_dimension(), &mut next);
    for mode in [Mode::Full, Mode::Same, Mode::Valid] {
        for b in [
            Boundary::Zero,
            Boundary::Constant(0.5),
            Boundary::Nearest,
            Boundary::Reflect,
            Boundary::Mirror,
            Boundary::Wrap,
        ] {
            for stride in [1, 2] {
                for dilation in [1, 3] {
                    let options = Options {
                        mode,
                        boundary: b.into(),
                        stride: PerAxis::All(stride),
                        dilation: PerAxis::All(dilation),
                        ..Options::default()
                    };
                    let Ok(f) = conv.filter(&k).options(options).for_shape(x.raw_dim()) else {
                        continue;
                    };
                    let v = f.verify(&x);
                    match v {
                        Ok(v) => {
                            if mode == Mode::Same
                                && stride == 1
                                && dilation == 1
                                && b == Boundary::Zero
                            {
                                println!("{}\n{v}", f.plan());
                            }
                        }
                        Err(e) => panic!("{:?} {b:?} {stride} {dilation}\n{}\n{e}", mode, f.plan()),
                    }
                }
            }
        }
    }
}

#[test]
fn smoke() {
    check(50, 7);
    check((37, 41), (5, 8));
    check((12, 13, 3), (3, 4, 1));
    check((9, 8, 10), (3, 4, 2));
    check((2, 9, 8, 10), (1, 3, 4, 1));
    check((3, 5), (7, 9));
    check((), ());
}
