//! The public face: devices, filters, streams, pictures.

pub(crate) mod builder;
pub(crate) mod convolver;
pub(crate) mod filter;
pub(crate) mod gradient;
pub(crate) mod normalized;
#[cfg(feature = "image")]
pub(crate) mod picture;
mod pointwise;
pub(crate) mod stream;
pub(crate) mod template;
#[cfg(feature = "gpu")]
pub(crate) mod textures;
pub(crate) mod unsharp;
