// Elements: complex numbers, real part first.
alias Element = vec2<f32>;

fn zero() -> Element {
    return vec2<f32>(0.0, 0.0);
}

fn mul_add(sum: Element, w: Element, x: Element) -> Element {
    return sum + vec2<f32>(w.x * x.x - w.y * x.y, w.x * x.y + w.y * x.x);
}
