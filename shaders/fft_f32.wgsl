// The parts of complex numbers: f32, and integers of as many bits.
alias Real = f32;
alias Bits = u32;

// Bits of a mantissa, and what is added to exponents.
const MANTISSA: u32 = 23u;
const BIAS: u32 = 127u;

// From here on magnitudes are infinite or no numbers.
const ODD: Bits = 0x7f800000u;

const UNSIGNED: Bits = 0x7fffffffu;

// The upper 32 bits of a magnitude, which have its order.
fn upper(x: Real) -> u32 {
    return bitcast<u32>(x);
}
