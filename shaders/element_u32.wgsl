// Elements: u32, wrapping.
alias Element = u32;

fn is_finite(x: Element) -> bool {
    return true;
}
