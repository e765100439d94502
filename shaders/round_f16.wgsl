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

// Four of them. Nearly all results are normal numbers, of which rounding needs no more than the bits.
fn rounded_quad(values: Quad) -> array<Output, 4> {
    let bits = bitcast<vec4<u32>>(values);
    // From 2^-14 on and below 65520; less than that wraps to a large number.
    let above = (bits & vec4<u32>(0x7fffffffu)) - vec4<u32>(0x38800000u);
    if all(above < vec4<u32>(0x0efff000u)) {
        let half = vec4<u32>(0xfffu) + ((bits >> vec4<u32>(13u)) & vec4<u32>(1u));
        let nearest = vec4<f16>(bitcast<vec4<f32>>((bits + half) & vec4<u32>(0xffffe000u)));
        return array<Output, 4>(nearest.x, nearest.y, nearest.z, nearest.w);
    }
    return array<Output, 4>(
        rounded(values.x),
        rounded(values.y),
        rounded(values.z),
        rounded(values.w),
    );
}
