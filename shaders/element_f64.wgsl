// Elements: f64, where the adapter has them.
alias Element = f64;

fn is_finite(x: Element) -> bool {
    return abs(x) <= 1.7976931348623157e308lf;
}
