//! JPEG: how a file was compressed, what follows it, and writing one on all threads.

mod read;
mod rows;
mod write;

pub use read::{File, Style};
pub use write::{Head, Subsampling, write};
