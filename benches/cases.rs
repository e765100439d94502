//! Every kind of case beside its neighbours: types, ranks, boundaries, strides, dilations, channels
//! and small calls, so that none of them is many times slower than the next one unnoticed.
//!
//! `cargo bench --bench cases`. Throughput is in multiply-adds as the definition counts them,
//! whatever the method makes of them. Kernels are outer products, so that all methods can run; one
//! that cannot, an FFT that would not be exact for instance, is left out.

use std::time::Duration;

use convolve::{Boundary, Convolver, Device, Element, FilterBuilder, Method};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use ndarray::{Array, Dimension, IntoDimension};
use num_complex::Complex;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

const METHODS: [Method; 4] = [Method::Auto, Method::Direct, Method::Separable, Method::Fft];

fn array<A, D: Dimension>(
    shape: impl IntoDimension<Dim = D>,
    value: impl Fn(u8) -> A,
) -> Array<A, D> {
    let shape = shape.into_dimension();
    let samples = (0..shape.size()).map(|i| value((i * 31 % 127) as u8)).collect();
    Array::from_shape_vec(shape, samples).expect("as many samples as the shape has")
}

fn float(value: u8) -> f32 {
    value.into()
}

/// Measures each method on an input of `shape`, under a kernel of ones and what `options` adds.
fn bench<A: Element, D: Dimension>(
    group: &mut Group<'_>,
    name: &str,
    value: impl Fn(u8) -> A,
    (shape, kernel): (impl IntoDimension<Dim = D>, impl IntoDimension<Dim = D>),
    options: impl Fn(FilterBuilder<A, D>) -> FilterBuilder<A, D>,
) {
    let x = array(shape, &value);
    let k = array(kernel, |_| value(1));
    for method in METHODS {
        let builder = options(Convolver::new().filter(&k)).device(Device::Cpu).method(method);
        let Ok(filter) = builder.for_shape(x.raw_dim()) else { continue };
        let mut y = Array::from_elem(filter.output_dim(), A::default());
        group.throughput(Throughput::Elements((y.len() * k.len()) as u64));
        group.bench_function(BenchmarkId::new(name, method), |bencher| {
            bencher.iter(|| filter.apply_into(&x, &mut y).expect("a planned run"));
        });
    }
}

fn types(group: &mut Group<'_>) {
    let plane = ((512, 512), (7, 7));
    bench(group, "f32", float, plane, |f| f);
    bench(group, "f64", f64::from, plane, |f| f);
    bench(group, "complex f32", |v| Complex::from(float(v)), plane, |f| f);
    bench(group, "complex f64", |v| Complex::from(f64::from(v)), plane, |f| f);
    bench(group, "i8", |v| v as i8, plane, |f| f);
    bench(group, "i16", i16::from, plane, |f| f);
    bench(group, "i32", i32::from, plane, |f| f);
    bench(group, "i64", i64::from, plane, |f| f);
    bench(group, "u8", |v| v, plane, |f| f);
    bench(group, "u16", u16::from, plane, |f| f);
    bench(group, "u32", u32::from, plane, |f| f);
    bench(group, "u64", u64::from, plane, |f| f);
}

fn ranks(group: &mut Group<'_>) {
    bench(group, "1-D 10^6, 11", float, ([1_000_000], [11]), |f| f);
    bench(group, "1-D 10^6, 101", float, ([1_000_000], [101]), |f| f);
    bench(group, "1-D 10^5, 1001", float, ([100_000], [1001]), |f| f);
    bench(group, "2-D 512^2, 7^2", float, ((512, 512), (7, 7)), |f| f);
    bench(group, "2-D 509x503, 7^2", float, ((509, 503), (7, 7)), |f| f);
    bench(group, "2-D 512^2, 6x8", float, ((512, 512), (6, 8)), |f| f);
    bench(group, "2-D rows 512^2, 1x31", float, ((512, 512), (1, 31)), |f| f);
    bench(group, "2-D columns 512^2, 31x1", float, ((512, 512), (31, 1)), |f| f);
    bench(group, "2-D tall 65536x8, 7^2", float, ((65_536, 8), (7, 7)), |f| f);
    bench(group, "2-D wide 8x65536, 7^2", float, ((8, 65_536), (7, 7)), |f| f);
    bench(group, "2-D HxWx3, 7^2", float, ((512, 512, 3), (7, 7, 1)), |f| f);
    bench(group, "2-D HxWx4, 7^2", float, ((512, 512, 4), (7, 7, 1)), |f| f);
    bench(group, "2-D batch 3xHxW, 7^2", float, ((3, 512, 512), (1, 7, 7)), |f| f);
    bench(group, "3-D 64^3, 3^3", float, ((64, 64, 64), (3, 3, 3)), |f| f);
    bench(group, "3-D 64^3, 5^3", float, ((64, 64, 64), (5, 5, 5)), |f| f);
    bench(group, "4-D 24^4, 3^4", float, ((24, 24, 24, 24), (3, 3, 3, 3)), |f| f);
}

fn geometry(group: &mut Group<'_>) {
    let plane = ((512, 512), (7, 7));
    bench(group, "plain", float, plane, |f| f);
    for (name, stride) in [("inner", [1, 2]), ("outer", [2, 1]), ("both", [2, 2]), ("by 3", [3, 3])]
    {
        bench(group, &format!("stride {name}"), float, plane, |f| f.stride(stride));
    }
    for (name, dilation) in
        [("inner", [1, 2]), ("outer", [2, 1]), ("both", [2, 2]), ("by 8", [8, 8])]
    {
        bench(group, &format!("dilation {name}"), float, plane, |f| f.dilation(dilation));
    }
    bench(group, "correlation", float, plane, |f| f.correlate());
    bench(group, "mode full", float, plane, |f| f.mode(convolve::Mode::Full));
    bench(group, "mode valid", float, plane, |f| f.mode(convolve::Mode::Valid));
}

fn boundaries(group: &mut Group<'_>) {
    let plane = ((512, 512), (15, 15));
    for (name, boundary) in [
        ("zero", Boundary::Zero),
        ("constant", Boundary::Constant(2.0)),
        ("nearest", Boundary::Nearest),
        ("reflect", Boundary::Reflect),
        ("mirror", Boundary::Mirror),
        ("wrap", Boundary::Wrap),
    ] {
        bench(group, name, float, plane, |f| f.boundary(boundary));
    }
}

/// A method may look at its data before it trusts itself with them: what is in them must not make
/// it many times slower.
fn small(group: &mut Group<'_>) {
    bench(group, "1-D 64, 3", float, ([64], [3]), |f| f);
    bench(group, "2-D 8^2, 3^2", float, ((8, 8), (3, 3)), |f| f);
    bench(group, "2-D 64^2, 3^2", float, ((64, 64), (3, 3)), |f| f);
    bench(group, "2-D 64^2, 7^2", float, ((64, 64), (7, 7)), |f| f);
    bench(group, "2-D 16^2, 31^2", float, ((16, 16), (31, 31)), |f| f);
}

fn cases(criterion: &mut Criterion) {
    let groups: [(_, fn(&mut Group<'_>)); 5] = [
        ("types", types),
        ("ranks", ranks),
        ("geometry", geometry),
        ("boundaries", boundaries),
        ("small", small),
    ];
    for (name, fill) in groups {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).warm_up_time(Duration::from_millis(100));
        group.measurement_time(Duration::from_millis(400));
        fill(&mut group);
        group.finish();
    }
}

criterion_group!(benches, cases);
criterion_main!(benches);
