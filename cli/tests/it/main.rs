//! The command as its users run it: one crate of tests, so that the library is linked once.

mod arrays;
mod bench;
mod common;
mod errors;
mod files;
mod folders;
mod interrupted;
mod kernels;
mod manual;
mod misread;
mod openexr;
mod pictures;
mod places;
mod standard;
mod tiffs;
mod whole;
