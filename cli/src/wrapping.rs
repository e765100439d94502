//! Integer sums that may have left their type, which wraps them.

use clap::ValueEnum;
use ndarray::ArrayD;

use crate::dtype::{DType, Value};
use crate::number::Number;
use crate::with_dtype;

/// Between what sums of taps times samples lie, whatever stands where: 0 is among the samples, as what is
/// outside may be.
fn sums<A: Value>(taps: &ArrayD<A>, x: &ArrayD<A>, outside: &[A], offset: A) -> [i128; 2] {
    let ends = |values: &mut dyn Iterator<Item = &A>| {
        values.fold([0; 2], |[least, most]: [i128; 2], value| {
            let value = integer(*value);
            [least.min(value), most.max(value)]
        })
    };
    let [least, most] = ends(&mut x.iter().chain(outside));
    let (mut up, mut down) = (0i128, 0i128);
    for tap in taps.iter().map(|tap| integer(*tap)) {
        let weight = if tap > 0 { &mut up } else { &mut down };
        *weight = weight.saturating_add(tap.saturating_abs());
    }
    let sum = |plus: i128, minus: i128| {
        up.saturating_mul(plus).saturating_sub(down.saturating_mul(minus))
    };
    let offset = integer(offset);
    [sum(least, most), sum(most, least)].map(|end| end.saturating_add(offset))
}

fn integer<A: Value>(value: A) -> i128 {
    match value.number() {
        Number::Integer(value) => value,
        _ => 0,
    }
}

/// A remark where a sum of this kernel over these samples may leave an integer type; none where it cannot,
/// and for other types.
pub fn remark<A: Value>(
    taps: &ArrayD<A>,
    x: &ArrayD<A>,
    outside: &[A],
    offset: A,
) -> Option<String> {
    fn holds<A: Value>(number: i128) -> bool {
        A::DTYPE.is_integer() && A::exactly(Number::Integer(number)).is_ok()
    }
    if !A::DTYPE.is_integer() {
        return None;
    }
    let [least, most] = sums(taps, x, outside, offset);
    if holds::<A>(least) && holds::<A>(most) {
        return None;
    }
    let own = A::DTYPE;
    let wide =
        |dtype: &&DType| with_dtype!(**dtype, holds(least)) && with_dtype!(**dtype, holds(most));
    let enough = match DType::value_variants().iter().find(wide) {
        Some(dtype) => dtype.to_possible_value().map_or_else(String::new, |v| v.get_name().into()),
        None => "f64".into(),
    };
    Some(format!(
        "sums of {own} wrap where they leave the type, and may do so here: they lie within {least} and {most}, \
         for which --dtype {enough} has room"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr1;

    fn said<A: Value>(taps: &[A], x: &[A], outside: &[A]) -> Option<String> {
        remark(&arr1(taps).into_dyn(), &arr1(x).into_dyn(), outside, A::default())
    }

    #[test]
    fn sums_that_may_leave_the_type_are_told() {
        assert_eq!(said(&[1i16, 2, -1], &[8_000, -100], &[]), None);
        assert_eq!(said(&[300i16, -300], &[100, -9], &[]), None);
        let text = said(&[300i16, -300], &[100, -10], &[]).unwrap();
        assert!(text.contains("within -33000 and 33000, for which --dtype i32 has room"), "{text}");
        let text = said(&[1u8, 1, 1], &[100, 3], &[]).unwrap();
        assert!(text.contains("within 0 and 300, for which --dtype i16 has room"), "{text}");
        assert!(said(&[1u8, 1], &[100, 3], &[200]).is_some_and(|text| text.contains("0 and 400")));
        let text = said(&[i64::MAX, i64::MAX], &[i64::MAX], &[]).unwrap();
        assert!(text.contains("--dtype f64"), "{text}");
        assert_eq!(said(&[1e30f32; 9], &[1e30], &[]), None);
    }
}
