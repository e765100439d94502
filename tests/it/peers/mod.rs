//! What other libraries make of a picture, and how to get the same here: fixtures that fixtures/peers.py
//! wrote down. `docs/peers.md` tells it.

mod fixture;
mod magick;
mod opencv;
mod otherwise;
mod ours;
mod pillow;
mod scikit_image;
mod scipy;
mod vips;
