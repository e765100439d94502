// The nearest f16, ties to even, infinite from halfway beyond the largest one on. What is converted
// here is an f16 already: a conversion may round to either side, and stop at the largest number.
fn rounded(value: f32) -> f16 {
    let bits = bitcast<u32>(value);
    let magnitude = bits & 0x7fffffffu;
    if magnitude >= 0x7f800000u {
        return f16(value);
    }
    if magnitude >= 0x477ff000u {
        // 65520 and more.
        return f16(bitcast<f32>((bits & 0x80000000u) | 0x7f800000u));
    }
    if magnitude < 0x38800000u {
        // Below 2^-14 they are multiples of 2^-24.
        return f16(round(value * 16777216.0) * 5.9604644775390625e-8);
    }
    return f16(bitcast<f32>((bits + 0xfffu + ((bits >> 13u) & 1u)) & 0xffffe000u));
}
