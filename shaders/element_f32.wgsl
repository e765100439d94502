// Elements: f32.
alias Element = f32;

fn is_finite(x: Element) -> bool {
    // A look at the exponent's bits: a compiler may take comparisons with infinities for decided.
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
