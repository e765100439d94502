// The parts of complex numbers: f64, and integers of as many bits, where the adapter has both.
alias Real = f64;
alias Bits = u64;

// Bits of a mantissa, and what is added to exponents.
const MANTISSA: u32 = 52u;
const BIAS: u32 = 1023u;

// From here on magnitudes are infinite or no numbers.
const ODD: Bits = 0x7ff0000000000000lu;

const UNSIGNED: Bits = 0x7ffffffffffffffflu;

// The upper 32 bits of a magnitude, which have its order.
fn upper(x: Real) -> u32 {
    return u32(bitcast<Bits>(x) >> 32u);
}
