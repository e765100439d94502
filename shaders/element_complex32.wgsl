// Elements: complex numbers, real part first. Four of them are kept as four real and four imaginary
// parts, so that sums work on whole vectors.
alias Element = vec2<f32>;

struct Quad {
    re: vec4<f32>,
    im: vec4<f32>,
}

fn is_finite(x: Element) -> bool {
    return all((bitcast<vec2<u32>>(x) & vec2<u32>(0x7f800000u)) != vec2<u32>(0x7f800000u));
}

fn zero() -> Element {
    return vec2<f32>(0.0, 0.0);
}

fn mul_add(sum: Element, w: Element, x: Element) -> Element {
    return sum + vec2<f32>(w.x * x.x - w.y * x.y, w.x * x.y + w.y * x.x);
}

fn quad(a: Element, b: Element, c: Element, d: Element) -> Quad {
    return Quad(vec4<f32>(a.x, b.x, c.x, d.x), vec4<f32>(a.y, b.y, c.y, d.y));
}

fn quad_zero() -> Quad {
    return Quad(vec4<f32>(0.0), vec4<f32>(0.0));
}

fn quad_mul_add(sum: Quad, w: Element, x: Quad) -> Quad {
    return Quad(sum.re + (w.x * x.re - w.y * x.im), sum.im + (w.x * x.im + w.y * x.re));
}

fn component0(q: Quad) -> Element {
    return vec2<f32>(q.re.x, q.im.x);
}

fn component1(q: Quad) -> Element {
    return vec2<f32>(q.re.y, q.im.y);
}

fn component2(q: Quad) -> Element {
    return vec2<f32>(q.re.z, q.im.z);
}

fn component3(q: Quad) -> Element {
    return vec2<f32>(q.re.w, q.im.w);
}

fn shift1(a: Quad, b: Quad) -> Quad {
    return Quad(vec4<f32>(a.re.yzw, b.re.x), vec4<f32>(a.im.yzw, b.im.x));
}

fn shift2(a: Quad, b: Quad) -> Quad {
    return Quad(vec4<f32>(a.re.zw, b.re.xy), vec4<f32>(a.im.zw, b.im.xy));
}

fn shift3(a: Quad, b: Quad) -> Quad {
    return Quad(vec4<f32>(a.re.w, b.re.xyz), vec4<f32>(a.im.w, b.im.xyz));
}
