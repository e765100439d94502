//! Every executor computes every case of the table as the definition says, in every type.

use convolve::{Error, Method, Precision};
use num_complex::Complex;

use crate::common::*;

/// The direct and the FFT method on the CPU, over every `every`-th case of the table.
fn cpu<A: Value>(every: usize, precision: Precision) {
    for case in table().iter().step_by(every) {
        let subject = case.subject::<A>().in_precision(precision);
        for way in [CPU_DIRECT, CPU_FFT] {
            // With values over the whole range of 32 or more bits no transform is exact.
            let wide = A::DTYPE.is_integer() && A::DTYPE.size() >= 4 && way.1 == Method::Fft;
            if wide && case.swaps() {
                // The input is the kernel then: its values are first seen when it is applied.
                continue;
            }
            match subject.filter(convolver(), way) {
                Err(Error::Inadmissible { .. }) if wide => continue,
                Err(error) => panic!("{case:?}: {error}"),
                Ok(filter) => {
                    subject
                        .check_filter(&filter)
                        .unwrap_or_else(|e| panic!("{way:?} {case:?}\n{e}"));
                }
            }
        }
    }
}

/// The separable method on the CPU, with kernels that are outer products.
fn separable<A: Value>(every: usize, precision: Precision) {
    let mut ran = 0;
    let cases = table();
    let cases = cases.iter().filter(|case| (2..=4).contains(&case.long_axes()) && !case.swaps());
    for case in cases.step_by(every) {
        let subject = case.separable_subject::<A>().in_precision(precision);
        match subject.filter(convolver(), CPU_SEPARABLE) {
            // Constants that differ between the axes leave no common row outside.
            Err(Error::Inadmissible { .. }) if !case.has_one_boundary() => continue,
            Err(error) => panic!("{case:?}: {error}"),
            Ok(filter) => {
                ran += 1;
                subject.check_filter(&filter).unwrap_or_else(|e| panic!("{case:?}\n{e}"));
            }
        }
    }
    assert!(ran * every > 1000, "only {ran} cases ran");
}

fn on_gpu<A: Value>(every: usize) {
    let Some(convolver) = gpu_with(A::DTYPE) else { return };
    for case in table().iter().step_by(every) {
        let subject = case.subject::<A>();
        subject
            .check_way(convolver, GPU_DIRECT)
            .unwrap_or_else(|error| panic!("GPU {case:?}\n{error}"));
    }
}

/// Steps are coprime to the table's inner counts (8 variations, 6 or 9 boundaries), so that each
/// type meets every mode, boundary and variation.
macro_rules! types {
    ($($name:ident $t:ty, $cpu:literal, $separable:literal;)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::Complex;

            #[test]
            fn cpu() {
                super::cpu::<$t>($cpu, super::Precision::Native);
            }

            #[test]
            fn separable() {
                super::separable::<$t>($separable, super::Precision::Native);
            }
        }
    )*};
}

#[cfg(feature = "f16")]
types! {
    float16 convolve::half::f16, 5, 5;
}

types! {
    float32 f32, 1, 1;
    float64 f64, 5, 5;
    complex32 Complex<f32>, 5, 5;
    complex64 Complex<f64>, 11, 11;
    int8 i8, 7, 7;
    int16 i16, 11, 11;
    int32 i32, 7, 7;
    int64 i64, 11, 11;
    uint8 u8, 7, 7;
    uint16 u16, 11, 11;
    uint32 u32, 11, 11;
    uint64 u64, 11, 11;
}

#[test]
fn float32_in_high_precision() {
    cpu::<f32>(5, Precision::High);
    separable::<f32>(5, Precision::High);
}

#[cfg(feature = "f16")]
#[test]
fn float16_in_high_precision() {
    cpu::<convolve::half::f16>(7, Precision::High);
    separable::<convolve::half::f16>(7, Precision::High);
}

#[test]
fn complex32_in_high_precision() {
    cpu::<Complex<f32>>(7, Precision::High);
    separable::<Complex<f32>>(7, Precision::High);
}

#[test]
fn gpu_f32() {
    on_gpu::<f32>(1);
}

#[cfg(feature = "f16")]
#[test]
fn gpu_f16() {
    on_gpu::<convolve::half::f16>(7);
}

#[test]
fn gpu_i32() {
    on_gpu::<i32>(7);
}

#[test]
fn gpu_u32() {
    on_gpu::<u32>(11);
}

#[test]
fn gpu_complex() {
    on_gpu::<Complex<f32>>(5);
}

#[test]
fn the_gpu_refuses_types_without_a_shader_by_name() {
    let Some(convolver) = gpu() else { return };
    fn refusal<A: Value>(convolver: &convolve::Convolver) -> String {
        let (x, k) = (Random::new(1).array::<A>(&[9]), Random::new(2).array::<A>(&[3]));
        let subject = Subject::new(x, k, Default::default());
        subject.filter(convolver, GPU_DIRECT).expect_err("no shader").to_string()
    }
    assert!(refusal::<u8>(convolver).contains("u8"));
    assert!(refusal::<i64>(convolver).contains("i64"));
    assert!(refusal::<Complex<f64>>(convolver).contains("complex f64"));
}
