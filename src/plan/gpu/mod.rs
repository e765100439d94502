//! Lowering to the GPU, as data: what is launched, over which tiles and parts, in which order.

mod blocks;
#[cfg(feature = "gpu")]
mod coarse;
pub(crate) mod depth;
pub(crate) mod launch;
mod methods;
pub(crate) mod parts;
mod planes;
pub(crate) mod schedule;
pub(crate) mod second_look;
pub(crate) mod stage;
pub(crate) mod stored;
#[cfg(feature = "gpu")]
pub(crate) mod textures;
mod tiling;
pub(crate) mod transform;
