// Elements: i32, wrapping.
alias Element = i32;

fn zero() -> Element {
    return 0i;
}

fn mul_add(sum: Element, w: Element, x: Element) -> Element {
    return sum + w * x;
}
