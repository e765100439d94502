//! One crate of integration tests, so that wgpu is linked once and a device is made once.

mod common;

mod geometry;
mod harness;
mod parity;
mod problem;
