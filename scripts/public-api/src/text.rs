//! Pieces of source on one line.

use quote::ToTokens;

/// Without blanks, to compare.
pub fn squeezed(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

/// With the blanks that a reader expects.
pub fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (with, without) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        (" :", ":"),
        (" ;", ";"),
        ("( ", "("),
        (" (", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        ("! ", "!"),
        ("? ", "?"),
        ("# [", "#["),
        (",)", ")"),
        (", >", ">"),
        (",>", ">"),
    ] {
        text = text.replace(with, without);
    }
    // The arrow, a bound and an assignment have lost theirs.
    text.replace("->", " -> ").replace(" ->  ", " -> ").replace("  ->", " ->").replace("- >", "->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_as_they_are_written() {
        for source in [
            "fn apply<'a, A: Element + 'static>(&self, x: &'a ArrayRef<A, D>) -> Result<Vec<A>, Error>",
            "fn each<const N: usize>(f: impl Fn(usize) -> bool, of: [usize; N]) -> Option<(A, B)>",
            "fn over<I: IntoIterator<Item = T>>(self, items: I) -> Results<'_, T>",
        ] {
            let signature: syn::Signature = syn::parse_str(source).unwrap();
            assert_eq!(text(&signature), source);
        }
    }
}
