//! TIFF: every page, and the types of samples that pictures of the `image` crate cannot have.

mod palette;
mod read;
mod write;

pub use read::Pages;
pub use write::{Output, Sample};
