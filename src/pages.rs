//! Pages of the repository that the README links to.

#[doc = "[design]: crate::plan"]
#[doc = "[cost]: crate::plan::CostModel"]
#[doc = "[bounds]: crate::bounds\n"]
#[doc = include_str!("../docs/how-it-chooses.md")]
pub mod how_it_chooses {}

#[doc = "[same-bits]: crate::FilterBuilder::reproducible\n"]
#[doc = include_str!("../docs/correctness.md")]
pub mod correctness {}

#[doc = include_str!("../docs/in-a-frame.md")]
pub mod inside_a_frame {}

#[doc = include_str!("../docs/peers.md")]
pub mod same_words {}

// Its shapes, as [2048, 2048], are no links.
#[allow(rustdoc::broken_intra_doc_links)]
#[doc = include_str!("../benches/results/crossover.md")]
pub mod crossover {}

#[doc = include_str!("../benches/results/executors.md")]
pub mod executors {}

#[doc = include_str!("../benches/results/peers.md")]
pub mod peers {}

#[doc = include_str!("../benches/results/picture_peers.md")]
pub mod picture_peers {}

#[doc = include_str!("../benches/results/coarse.md")]
pub mod coarse {}

#[doc = include_str!("../benches/results/data.md")]
pub mod data {}

#[doc = include_str!("../benches/results/folder.md")]
pub mod folder {}

#[doc = include_str!("../benches/results/gpu.md")]
pub mod gpu {}

#[doc = include_str!("../benches/results/gpu_fft.md")]
pub mod gpu_fft {}

#[doc = include_str!("../benches/results/kawase.md")]
pub mod kawase {}

/// A filter in the caller's own frame.
///
/// ```ignore
#[doc = include_str!("../examples/in_frame.rs")]
/// ```
pub mod in_frame {}

/// A folder of pictures on all threads.
///
/// ```ignore
#[doc = include_str!("../examples/folder.rs")]
/// ```
pub mod all_of_a_folder {}

/// Blurs in linear light.
///
/// ```ignore
#[doc = include_str!("../examples/linear_light.rs")]
/// ```
pub mod linear_light {}

/// A video through a stream.
///
/// ```ignore
#[doc = include_str!("../examples/video_stream.rs")]
/// ```
pub mod video_stream {}

/// A panel of frosted glass. It shares `examples/frames/mod.rs` with others.
///
/// ```ignore
#[doc = include_str!("../examples/backdrop.rs")]
/// ```
pub mod backdrop {}

/// Lights out of focus. It shares `examples/frames/mod.rs` with others.
///
/// ```ignore
#[doc = include_str!("../examples/bokeh.rs")]
/// ```
pub mod bokeh {}
