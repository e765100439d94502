//! Lowering to the CPU, as data: tiles of the direct method, strips of fused passes, blocks of transforms.

pub(crate) mod blocks;
pub(crate) mod coarse;
pub(crate) mod sizes;
pub(crate) mod strips;
pub(crate) mod tiles;

pub use blocks::{Blocks, Summed};
pub use coarse::CoarseGrid;
pub use strips::{Order, Passing, Strips};
pub use tiles::Tile;
