//! One crate of integration tests, so that wgpu is linked once and a device is made once.

mod common;

mod adversarial;
#[cfg(feature = "serde")]
mod calibration;
mod check;
mod coarse;
#[cfg(feature = "gpu")]
mod encode;
#[cfg(feature = "gpu")]
mod encode_texture;
mod extremes;
#[cfg(feature = "gpu")]
mod faults;
mod filters;
mod folding;
mod formats;
mod geometry;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
mod gpu_fft;
#[cfg(feature = "gpu")]
mod gpu_fft_doubles;
#[cfg(feature = "gpu")]
mod gpu_fft_volumes;
#[cfg(feature = "f16")]
mod half;
mod harness;
mod large;
mod links;
mod low_rank;
mod machines;
mod measured;
mod memory;
#[cfg(feature = "gpu")]
mod misuse;
mod nonfinite;
mod operations;
mod parity;
#[cfg(feature = "image")]
mod peers;
mod planner;
mod precision;
mod problem;
mod profile;
mod properties;
mod regions;
#[cfg(feature = "rayon")]
mod reproducible;
#[cfg(feature = "gpu")]
mod resident;
mod rooms;
mod scipy;
mod stream;
#[cfg(feature = "rayon")]
mod stress;
mod summed;
mod symmetric;
#[cfg(feature = "gpu")]
mod textures;
mod tiles;
mod transforms;
mod usage;
