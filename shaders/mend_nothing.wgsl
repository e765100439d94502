// Sums are what they are.

fn mended(sum: Quad, row: u32, column: u32) -> Quad {
    return sum;
}
