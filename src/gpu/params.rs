//! The shaders' parameters, laid out as `shaders/extended.wgsl` declares them.

use bytemuck::{Pod, Zeroable};

use crate::plan::gpu::launch::{Launch, MAX_RANK};
use crate::problem::boundary::Edge;
use crate::problem::geometry::{self, Geometry};

/// `struct Axis` of the shaders.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub(crate) struct Axis {
    positions: i32,
    channels: i32,
    taps: u32,
    outputs: u32,
    stride: i32,
    tap_step: i32,
    start: i32,
    edge: u32,
}

/// `struct Params` of the shaders. `vec3<u32>` stands at a multiple of 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub(crate) struct Params {
    axes: [Axis; MAX_RANK],
    rank: u32,
    input_start: u32,
    output_start: u32,
    depth: u32,
    tiles: [u32; 3],
    padding_after_tiles: u32,
    chunk: [u32; 2],
    stage_rows: u32,
    shares: u32,
    input_origin: [u32; 2],
    output_origin: [u32; 2],
    widths: [u32; 2],
    team: [u32; 2],
}

/// Where the samples at either end of a dispatch lie in what is bound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Starts {
    /// The first sample's number; in a texture, in the rectangle that is read or written.
    pub samples: [usize; 2],
    /// Column and row of that rectangle's first texel.
    pub origins: [[u32; 2]; 2],
    /// Texels of its rows.
    pub widths: [u32; 2],
}

impl Starts {
    /// In buffers.
    pub(crate) fn at(samples: [usize; 2]) -> Self {
        Self { samples, ..Self::default() }
    }
}

impl Params {
    /// The parameters of a dispatch whose samples start there, and of other axes that it reads along. Every
    /// number fits: the launch exists.
    pub(crate) fn new(
        geometry: &Geometry,
        launch: &Launch,
        starts: Starts,
        others: &[geometry::Axis],
    ) -> Self {
        let [input_start, output_start] = starts.samples;
        let [input_origin, output_origin] = starts.origins;
        // The shaders see two axes at least.
        let one = (geometry.rank() == 1).then(geometry::Axis::one_sample);
        let axes: Vec<&geometry::Axis> = one.iter().chain(&geometry.axes).collect();
        let rank = axes.len() as u32;
        let mut params = Self {
            rank,
            input_start: input_start as u32,
            output_start: output_start as u32,
            depth: launch.depth.outputs as u32,
            tiles: launch.tiles.map(|n| n as u32),
            chunk: launch.chunk.map(|n| n as u32),
            stage_rows: launch.stage_rows as u32,
            shares: launch.second_look.shares as u32,
            input_origin,
            output_origin,
            widths: starts.widths,
            team: launch.second_look.team.map(|n| n as u32),
            ..Self::default()
        };
        for (to, axis) in params.axes.iter_mut().zip(axes.into_iter().chain(others)) {
            *to = Axis {
                positions: axis.n as i32,
                channels: axis.channels as i32,
                taps: axis.taps as u32,
                outputs: axis.outputs() as u32,
                stride: axis.stride as i32,
                tap_step: axis.tap_step() as i32,
                start: axis.start(0) as i32,
                edge: edge(axis.edge),
            };
        }
        params
    }
}

/// The shaders' `EDGE_*`.
fn edge(edge: Edge) -> u32 {
    match edge {
        Edge::Zero | Edge::Constant(()) => 0,
        Edge::Nearest => 1,
        Edge::Reflect => 2,
        Edge::Mirror => 3,
        Edge::Wrap => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::DType;
    use crate::gpu::shaders;
    use std::mem::offset_of;

    fn module() -> naga::Module {
        let source = shaders::source(&shaders::tests::variants(DType::F32)[0]);
        let source = source.expect("f32 is supported");
        naga::front::wgsl::parse_str(&source).expect("the shader parses")
    }

    fn layout(module: &naga::Module, name: &str) -> (Vec<(String, u32)>, u32) {
        let (_, ty) = module
            .types
            .iter()
            .find(|(_, ty)| ty.name.as_deref() == Some(name))
            .expect("the struct is declared");
        let naga::TypeInner::Struct { members, span } = &ty.inner else { panic!("not a struct") };
        let offsets =
            members.iter().map(|m| (m.name.clone().unwrap_or_default(), m.offset)).collect();
        (offsets, *span)
    }

    macro_rules! offsets {
        ($t:ty: $($field:ident),*) => {
            vec![$((stringify!($field).to_string(), offset_of!($t, $field) as u32)),*]
        };
    }

    #[test]
    fn layouts_are_the_shaders_own() {
        let module = module();
        let axis =
            offsets!(Axis: positions, channels, taps, outputs, stride, tap_step, start, edge);
        assert_eq!(layout(&module, "Axis"), (axis, size_of::<Axis>() as u32));
        let params = offsets!(
            Params: axes, rank, input_start, output_start, depth, tiles, chunk, stage_rows, shares, input_origin,
            output_origin, widths, team
        );
        assert_eq!(layout(&module, "Params"), (params, size_of::<Params>() as u32));
    }

    #[test]
    fn constants_are_the_shaders_own() {
        let module = module();
        let constant = |name: &str| {
            let (_, constant) = module
                .constants
                .iter()
                .find(|(_, constant)| constant.name.as_deref() == Some(name))
                .expect("the constant is declared");
            match module.global_expressions[constant.init] {
                naga::Expression::Literal(naga::Literal::U32(value)) => value,
                ref other => panic!("{name} is {other:?}"),
            }
        };
        assert_eq!(constant("MAX_RANK") as usize, MAX_RANK);
        for (name, rule) in [
            ("EDGE_OUTSIDE", Edge::Zero),
            ("EDGE_OUTSIDE", Edge::Constant(())),
            ("EDGE_NEAREST", Edge::Nearest),
            ("EDGE_REFLECT", Edge::Reflect),
            ("EDGE_MIRROR", Edge::Mirror),
            ("EDGE_WRAP", Edge::Wrap),
        ] {
            assert_eq!(constant(name), edge(rule), "{name}");
        }
    }
}
