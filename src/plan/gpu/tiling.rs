//! How the direct and separable shaders are launched, derived from the geometry and the adapter's limits alone.

use crate::plan::capabilities::GpuCapabilities;
use crate::plan::gpu::depth::Depth;
use crate::plan::gpu::launch::{Launch, MAX_RANK, QUAD, Shader, Types, Variant, groups, tap_quads};
use crate::plan::gpu::planes::Planes;
use crate::plan::gpu::second_look::SecondLook;
#[cfg(feature = "gpu")]
use crate::plan::gpu::stored::Texels;
use crate::plan::gpu::transform::{BlockPass, Transform};
use crate::problem::geometry::Geometry;

/// Elements of the bindings' indices: positions are signed 32-bit numbers.
const MOST_ELEMENTS: usize = 1 << 30;

/// Rounds after which Mesa's software drivers end all loops of a shader, without a word (65,535 of them,
/// `LP_MAX_TGSI_LOOP_ITERATIONS`), less those of loops beside the one over taps.
pub(super) const MOST_ROUNDS: usize = 60_000;

impl Launch {
    /// The direct method for a geometry, or why there is no launch.
    pub fn direct(
        types: impl Into<Types>,
        geometry: &Geometry,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        let types = types.into();
        check_sizes(types, geometry, gpu)?;
        let tiled = Planes::of(geometry).and_then(|planes| planes.direct(types, gpu));
        tiled.map_or_else(|| Self::nd(types, geometry, gpu), Ok)
    }

    /// Both passes along the last two axes at once, or `None` where they would not fit or would not
    /// pay.
    pub fn separable(
        types: impl Into<Types>,
        geometry: &Geometry,
        terms: usize,
        gpu: &GpuCapabilities,
    ) -> Option<Self> {
        let types = types.into();
        check_sizes(types, geometry, gpu).ok()?;
        Planes::of(geometry)?.separable(types, terms, gpu)
    }

    /// The N-dimensional shader, which computes again what is not finite.
    pub fn repair(
        types: impl Into<Types>,
        geometry: &Geometry,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        let types = types.into();
        check_sizes(types, geometry, gpu)?;
        let mut launch = Self::nd(types, geometry, gpu)?;
        launch.variant.repair = true;
        Ok(launch)
    }

    /// Samples of one axis from one way of storing them to another.
    pub fn convert(
        types: Types,
        geometry: &Geometry,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        check_sizes(types, geometry, gpu)?;
        Self::in_line(Shader::Convert, QUAD, types, geometry, gpu)
    }

    /// Two axes of texels of four channels with any stride and dilation.
    #[cfg(feature = "gpu")]
    pub(crate) fn texels(
        types: Types,
        geometry: &Geometry,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        check_sizes(types, geometry, gpu)?;
        Self::in_line(Shader::DirectTexels, QUAD, types, geometry, gpu)
    }

    /// One axis of the coarse method: so many outputs begin at each place, along the first axis or the last.
    #[cfg(feature = "gpu")]
    pub(crate) fn resample(
        types: Types,
        geometry: &Geometry,
        mended: Option<Texels>,
        [phases, along]: [usize; 2],
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        check_sizes(types, geometry, gpu)?;
        let launch = Self::in_line(Shader::Resample(mended), QUAD, types, geometry, gpu)?;
        Ok(Self { chunk: [phases, along], ..launch })
    }

    fn nd(types: Types, geometry: &Geometry, gpu: &GpuCapabilities) -> Result<Self, String> {
        if geometry.rank() > MAX_RANK {
            return Err(format!(
                "{} axes after folding, the shader walks at most {MAX_RANK}",
                geometry.rank()
            ));
        }
        Self::in_line(Shader::DirectNd, 1, types, geometry, gpu)
    }

    /// About how often an invocation goes through loops over taps, at most.
    pub(crate) fn rounds(&self, geometry: &Geometry) -> usize {
        let (taps, inner) = (geometry.taps(), geometry.axes.last().map_or(1, |axis| axis.taps));
        let outer = taps / inner;
        match self.variant.shader {
            // Rows of a tile read those of their neighbours in every chunk.
            Shader::Direct2d => {
                let chunks = outer.div_ceil(self.chunk[0]);
                let rows = outer + chunks * (self.variant.registers[0] - 1);
                rows * inner.div_ceil(self.variant.unrolled)
            }
            // Rows and columns are code without loops over them, or short.
            Shader::Separable2d | Shader::Convert | Shader::Resample(_) => 0,
            // What transforms cannot be trusted with is summed, which may be all that an invocation holds.
            Shader::Fft(Transform { pass: BlockPass::Again, .. }) => {
                self.rounds_of_doubts(geometry)
            }
            Shader::Fft(_) => 0,
            Shader::DirectStrided | Shader::DirectNd | Shader::DirectTexels => taps,
        }
    }

    /// So many neighbouring outputs for each invocation, and a line of these.
    fn in_line(
        shader: Shader,
        outputs: usize,
        types: Types,
        geometry: &Geometry,
        gpu: &GpuCapabilities,
    ) -> Result<Self, String> {
        let wide = 64.min(gpu.max_invocations).min(gpu.max_workgroup_size[0]);
        let tile = wide as usize * outputs;
        let tiles = geometry.output_len().div_ceil(tile);
        let groups = groups(tiles, gpu).ok_or_else(|| {
            format!("{tiles} workgroups, a dispatch has at most {}²", gpu.max_groups)
        })?;
        Ok(Self {
            variant: Variant { shader, workgroup: [wide, 1], ..Variant::new(types) },
            tile: [1, tile],
            chunk: [1, 1],
            stage_rows: 0,
            tiles: [1, 1, tiles],
            depth: Depth::ONE,
            second_look: SecondLook::NONE,
            groups,
        })
    }
}

/// Bindings and the shaders' 32-bit indices.
pub(super) fn check_sizes(
    types: Types,
    geometry: &Geometry,
    gpu: &GpuCapabilities,
) -> Result<(), String> {
    let rows = geometry.taps() / geometry.axes[geometry.rank() - 1].taps;
    let row = tap_quads(geometry.axes[geometry.rank() - 1].taps) * QUAD;
    let parts = [
        ("input", geometry.input_len(), types.input),
        ("output", geometry.output_len(), types.output),
        ("kernel", rows.saturating_mul(row).saturating_add(MAX_RANK), types.accumulator.into()),
    ];
    for (what, len, stored) in parts {
        let binding =
            if stored.is_texture() { u64::MAX } else { gpu.max_binding.min(gpu.max_buffer) };
        let limit = binding.min(stored.bytes(MOST_ELEMENTS) as u64);
        let bytes = stored.bytes(len) as u64;
        if bytes > limit {
            return Err(format!("the {what} has {bytes} bytes, a binding here at most {limit}"));
        }
    }
    // Positions of the extended input, twice a period of a reflection, and a tile that sticks out
    // must fit into 31 bits.
    const LARGEST: usize = 1 << 29;
    for axis in &geometry.axes {
        let span = axis.advance(axis.outputs() - 1) + axis.reach() + axis.samples();
        let steps = axis.stride.max(axis.dilation).saturating_mul(axis.channels);
        if span > LARGEST || steps > LARGEST {
            return Err(format!(
                "an axis of the extended input has {span} samples, the shaders index up to {LARGEST}"
            ));
        }
    }
    Ok(())
}
