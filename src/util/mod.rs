//! What no other room is about: caches, memory, threads, files, clocks.

pub(crate) mod disk;
pub(crate) mod lines;
pub(crate) mod lru;
pub(crate) mod memory;
pub(crate) mod scratch;
pub(crate) mod threads;
pub(crate) mod timing;
