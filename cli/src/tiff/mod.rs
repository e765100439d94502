//! TIFF: every page, and the types of samples that pictures of the `image` crate cannot have.

mod page;
mod palette;
mod read;
mod write;

pub use read::Pages;
pub use write::{Output, Sample};

/// What the last channel does to the colours before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Alpha {
    /// Nothing: it is no alpha.
    None,
    Straight,
    /// Colours have it multiplied in.
    Premultiplied,
}
