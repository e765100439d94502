//! One crate of integration tests, so that wgpu is linked once.

mod smoke;
