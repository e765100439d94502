// Elements: f32.
alias Element = f32;

fn zero() -> Element {
    return 0.0;
}

fn mul_add(sum: Element, w: Element, x: Element) -> Element {
    return sum + w * x;
}
