// Arithmetic of elements that are numbers of WGSL, one by one and four neighbours at a time. Joined
// behind a file that defines `Element`; element_complex32.wgsl has its own.
alias Quad = vec4<Element>;

fn zero() -> Element {
    return Element();
}

fn mul_add(sum: Element, w: Element, x: Element) -> Element {
    return sum + w * x;
}

fn quad(a: Element, b: Element, c: Element, d: Element) -> Quad {
    return Quad(a, b, c, d);
}

fn quad_zero() -> Quad {
    return Quad();
}

fn quad_mul_add(sum: Quad, w: Element, x: Quad) -> Quad {
    return sum + w * x;
}

fn component0(q: Quad) -> Element {
    return q.x;
}

fn component1(q: Quad) -> Element {
    return q.y;
}

fn component2(q: Quad) -> Element {
    return q.z;
}

fn component3(q: Quad) -> Element {
    return q.w;
}

// The four elements that start one, two or three behind the first of `a`, whose neighbour is `b`.
fn shift1(a: Quad, b: Quad) -> Quad {
    return Quad(a.yzw, b.x);
}

fn shift2(a: Quad, b: Quad) -> Quad {
    return Quad(a.zw, b.xy);
}

fn shift3(a: Quad, b: Quad) -> Quad {
    return Quad(a.w, b.xyz);
}
