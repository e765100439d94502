// Results are stored in the type that is computed in.
fn rounded(value: Element) -> Output {
    return value;
}
