//! Lists what the library makes public: a line per item, with all features on.
//!
//! It reads the source and follows `pub use`. It compiles nothing, so it works with any compiler; for
//! that it does not see what macros write, and prints types as the source has them.

mod crate_tree;
mod listing;
mod text;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let root = std::env::args_os().nth(1).context("expected the path of a lib.rs")?;
    let tree = crate_tree::Tree::read(root.as_ref())?;
    for line in listing::lines(&tree) {
        println!("{line}");
    }
    Ok(())
}
