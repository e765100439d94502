//! Sizes of what is measured.

use std::ops::Div;

/// This size; an eighth of it where a bench is only tried (`cargo bench -- --test`), which should not
/// take as long as measuring.
pub fn sized<N: Div<Output = N> + From<u8>>(size: N) -> N {
    let tried = std::env::args().any(|argument| argument == "--test");
    if tried { size / N::from(8) } else { size }
}
