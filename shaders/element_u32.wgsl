// Elements: u32, wrapping.
alias Element = u32;

fn zero() -> Element {
    return 0u;
}

fn mul_add(sum: Element, w: Element, x: Element) -> Element {
    return sum + w * x;
}
