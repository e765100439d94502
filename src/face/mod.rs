//! The public face: devices, filters, streams, pictures.

pub(crate) mod builder;
pub(crate) mod convolver;
pub(crate) mod filter;
pub(crate) mod normalized;
#[cfg(feature = "image")]
pub(crate) mod picture;
pub(crate) mod stream;
