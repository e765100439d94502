// Results are stored in the type that is computed in.
fn rounded(value: Element) -> Output {
    return value;
}

fn rounded_quad(values: Quad) -> array<Output, 4> {
    return array<Output, 4>(
        component0(values),
        component1(values),
        component2(values),
        component3(values),
    );
}
