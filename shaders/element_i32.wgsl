// Elements: i32, wrapping.
alias Element = i32;

fn is_finite(x: Element) -> bool {
    return true;
}
