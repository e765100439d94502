//! The WGSL of every pipeline: an element's file, sizes, the extended input, what loads and stores samples,
//! the lines for each register, a method.

use crate::element::DType;
use crate::gpu::{fft, unrolled};
use crate::plan::gpu::launch::{Shader, Types, Variant, tap_quads};
use crate::plan::gpu::stored::{Stored, Texels};

/// All WGSL that there is: calibrations on disk say which they were made with.
#[cfg(any(feature = "serde", test))]
pub(crate) const SOURCES: [&str; 42] = [
    include_str!("../../shaders/colours.wgsl"),
    include_str!("../../shaders/convert.wgsl"),
    include_str!("../../shaders/copy_rows.wgsl"),
    include_str!("../../shaders/direct_2d.wgsl"),
    include_str!("../../shaders/direct_nd.wgsl"),
    include_str!("../../shaders/direct_strided.wgsl"),
    include_str!("../../shaders/direct_texels.wgsl"),
    include_str!("../../shaders/draw.wgsl"),
    include_str!("../../shaders/element_complex32.wgsl"),
    include_str!("../../shaders/element_f32.wgsl"),
    include_str!("../../shaders/element_f64.wgsl"),
    include_str!("../../shaders/element_i32.wgsl"),
    include_str!("../../shaders/element_u32.wgsl"),
    include_str!("../../shaders/extended.wgsl"),
    include_str!("../../shaders/fft.wgsl"),
    include_str!("../../shaders/fft_again.wgsl"),
    include_str!("../../shaders/fft_between.wgsl"),
    include_str!("../../shaders/fft_between_slabs.wgsl"),
    include_str!("../../shaders/fft_doubts.wgsl"),
    include_str!("../../shaders/fft_f32.wgsl"),
    include_str!("../../shaders/fft_f64.wgsl"),
    include_str!("../../shaders/fft_input.wgsl"),
    include_str!("../../shaders/fft_kernel.wgsl"),
    include_str!("../../shaders/fft_output.wgsl"),
    include_str!("../../shaders/fft_plane.wgsl"),
    include_str!("../../shaders/fft_slabs.wgsl"),
    include_str!("../../shaders/fft_whole.wgsl"),
    include_str!("../../shaders/load_elements.wgsl"),
    include_str!("../../shaders/load_packed.wgsl"),
    include_str!("../../shaders/load_texture.wgsl"),
    include_str!("../../shaders/mend_nothing.wgsl"),
    include_str!("../../shaders/mend_texels.wgsl"),
    include_str!("../../shaders/resample.wgsl"),
    include_str!("../../shaders/round_f16.wgsl"),
    include_str!("../../shaders/round_nothing.wgsl"),
    include_str!("../../shaders/scalars.wgsl"),
    include_str!("../../shaders/separable_2d.wgsl"),
    include_str!("../../shaders/staging.wgsl"),
    include_str!("../../shaders/store_elements.wgsl"),
    include_str!("../../shaders/store_packed.wgsl"),
    include_str!("../../shaders/store_texture.wgsl"),
    include_str!("../../shaders/tiles.wgsl"),
];

/// The complete source of a variant, or `None` where no shader has its types.
///
/// Its bindings are parameters, input, weights and output, all of group 0; its entry point is `main`.
///
/// ```
/// use convolve::low_level::{Launch, wgsl};
/// use convolve::plan::{GpuCapabilities, GpuKind};
/// use convolve::{DType, Options, Problem};
///
/// let problem = Problem::new::<f32>(&[1080, 1920], &[5, 5], &Options::default())?;
/// let gpu = GpuCapabilities::webgpu_defaults("any", GpuKind::Discrete);
/// let launch = Launch::direct(DType::F32, &problem.geometry(), &gpu).expect("it fits");
/// let source = wgsl(&launch.variant).expect("f32 has shaders");
/// assert!(source.contains("@compute"));
/// # Ok::<(), convolve::Error>(())
/// ```
pub fn source(variant: &Variant) -> Option<String> {
    let accumulator = variant.types.accumulator;
    let transform = variant.shader.transform();
    if transform.is_some() && !matches!(accumulator, DType::F32 | DType::F64 | DType::Complex32) {
        return None;
    }
    // What is between passes is neither loaded nor stored like samples.
    let none = || Some(String::new());
    let load = if transform.is_none_or(|t| fft::loads(t.pass)) { load(variant) } else { none() }?;
    let store =
        if transform.is_none_or(|t| fft::writes(t.pass)) { store(variant) } else { none() }?;
    let element = match accumulator {
        DType::F32 => include_str!("../../shaders/element_f32.wgsl"),
        DType::F64 => include_str!("../../shaders/element_f64.wgsl"),
        DType::I32 => include_str!("../../shaders/element_i32.wgsl"),
        DType::U32 => include_str!("../../shaders/element_u32.wgsl"),
        DType::Complex32 => include_str!("../../shaders/element_complex32.wgsl"),
        _ => return None,
    };
    let arithmetic = match accumulator {
        DType::Complex32 => "",
        _ => include_str!("../../shaders/scalars.wgsl"),
    };
    let staging = match variant.shader {
        Shader::Direct2d | Shader::Separable2d => include_str!("../../shaders/staging.wgsl"),
        Shader::DirectStrided
        | Shader::DirectNd
        | Shader::DirectTexels
        | Shader::Convert
        | Shader::Resample(_)
        | Shader::Fft(_) => "",
    };
    let tiles = match variant.shader {
        Shader::DirectNd
        | Shader::DirectTexels
        | Shader::Convert
        | Shader::Resample(_)
        | Shader::Fft(_) => "",
        _ => include_str!("../../shaders/tiles.wgsl"),
    };
    let method = match variant.shader {
        Shader::Direct2d => include_str!("../../shaders/direct_2d.wgsl"),
        Shader::DirectStrided => include_str!("../../shaders/direct_strided.wgsl"),
        Shader::DirectNd => include_str!("../../shaders/direct_nd.wgsl"),
        Shader::Separable2d => include_str!("../../shaders/separable_2d.wgsl"),
        Shader::Convert => include_str!("../../shaders/convert.wgsl"),
        Shader::DirectTexels => include_str!("../../shaders/direct_texels.wgsl"),
        Shader::Resample(mended) => {
            let mend = match mended {
                Some(_) => include_str!("../../shaders/mend_texels.wgsl"),
                None => include_str!("../../shaders/mend_nothing.wgsl"),
            };
            &[mend, include_str!("../../shaders/resample.wgsl")].join("\n")
        }
        Shader::Fft(transform) => &fft::source(variant, &transform),
    };
    let Types { input, output, .. } = variant.types;
    let half = Stored::Elements(DType::F16);
    let enable = if [input, output].contains(&half) { "enable f16;\n" } else { "" };
    let extended = include_str!("../../shaders/extended.wgsl");
    let (sizes, unrolled) = (sizes(variant), unrolled::lines(variant));
    let read = match (input, variant.shader) {
        (Stored::Texture { texels, .. }, _) | (_, Shader::Resample(Some(texels))) => Some(texels),
        // A shader that stores has the same colours.
        _ => output.is_texture().then(Texels::default),
    };
    let colours = match read {
        Some(texels) => {
            &[&meant("LOADED", texels), include_str!("../../shaders/colours.wgsl")].join("\n")
        }
        None => "",
    };
    let parts = [
        enable, element, arithmetic, &sizes, extended, colours, &load, &store, tiles, staging,
        &unrolled, method,
    ];
    Some(parts.join("\n"))
}

/// What loads the samples of a variant's input.
fn load(variant: &Variant) -> Option<String> {
    let Types { input, accumulator, .. } = variant.types;
    let (names, source) = match input {
        Stored::Elements(dtype) => (
            format!("alias Input = {};", number(dtype, accumulator)?),
            include_str!("../../shaders/load_elements.wgsl"),
        ),
        _ if accumulator != DType::F32 => return None,
        Stored::Packed { bits } => (
            format!("const LOADED_BITS: u32 = {bits}u;"),
            include_str!("../../shaders/load_packed.wgsl"),
        ),
        Stored::Texture { channels, .. } => (
            format!("const LOADED_CHANNELS: u32 = {channels}u;"),
            include_str!("../../shaders/load_texture.wgsl"),
        ),
        Stored::StorageTexture(..) => return None,
    };
    Some([&names, source].join("\n"))
}

/// What stores the samples of a variant's output.
fn store(variant: &Variant) -> Option<String> {
    let Types { output, accumulator, .. } = variant.types;
    let (names, source) = match output {
        Stored::Elements(dtype) => {
            let number = number(dtype, accumulator)?;
            let rounding = match number {
                "f16" => include_str!("../../shaders/round_f16.wgsl"),
                _ => include_str!("../../shaders/round_nothing.wgsl"),
            };
            (
                format!("alias Output = {number};\n{rounding}"),
                include_str!("../../shaders/store_elements.wgsl"),
            )
        }
        _ if accumulator != DType::F32 || !output.has_store(variant) => return None,
        Stored::Packed { bits } => (
            format!("const STORED_BITS: u32 = {bits}u;"),
            include_str!("../../shaders/store_packed.wgsl"),
        ),
        Stored::StorageTexture(format, texels) => {
            let (name, channels, levels) = (format.name(), format.channels(), format.levels());
            let output = format!("alias Output = texture_storage_2d<{name}, write>;");
            (
                format!(
                    "{output}\nconst STORED_CHANNELS: u32 = {channels}u;\n\
                     const STORED_LEVELS: f32 = {levels:?};\n\
                     const STORED_HALVES: bool = {};\n{}",
                    format.is_half(),
                    meant("STORED", texels)
                ),
                include_str!("../../shaders/store_texture.wgsl"),
            )
        }
        Stored::Texture { .. } => return None,
    };
    Some([&names, source].join("\n"))
}

/// What texels mean, as constants.
pub(super) fn meant(end: &str, texels: Texels) -> String {
    let Texels { weighed, premultiplied, encoded, bounded } = texels;
    let constant = |(name, value)| format!("const {end}_{name}: bool = {value};");
    let all = [
        ("WEIGHED", weighed),
        ("PREMULTIPLIED", premultiplied),
        ("ENCODED", encoded),
        ("BOUNDED", bounded),
    ];
    all.map(constant).join("\n")
}

/// The name of a type of stored numbers in shaders that compute in another one, or in the same.
fn number(dtype: DType, accumulator: DType) -> Option<&'static str> {
    match dtype {
        DType::F16 if accumulator == DType::F32 => Some("f16"),
        _ => (dtype == accumulator).then_some("Element"),
    }
}

/// What the variant fixes, as constants in front of the source.
fn sizes(variant: &Variant) -> String {
    let [wide, high] = variant.workgroup;
    let [rows, quads] = variant.registers;
    let Variant { unrolled, step, pitch, stage, terms, .. } = variant;
    let has_rest = variant.rest > 0;
    let stage = (*stage).max(1);
    let (taps_y, taps_x, row) = match variant.taps {
        Some([outer, inner]) => {
            (format!("{outer}u"), format!("{inner}u"), format!("{}u", tap_quads(inner)))
        }
        None => {
            let axis = |from_last| format!("params.axes[params.rank - {from_last}u].taps");
            (axis(2), axis(1), format!("({} + 3u) / 4u", axis(1)))
        }
    };
    let [outer, inner] = variant.taps.unwrap_or([1, 1]);
    let tap_quads = tap_quads(inner);
    let ([chunk_y, chunk_x], rows_at_once) = match variant.staged {
        Some(staged) => ([taps_y.clone(), taps_x.clone()], format!("{staged}u")),
        None => {
            (["params.chunk.x", "params.chunk.y"].map(String::from), "params.stage_rows".into())
        }
    };
    let weights = match variant.uniform {
        Some(quads) => format!("var<uniform> weights: array<Quad, {quads}>"),
        None => "var<storage, read> weights: array<Quad>".into(),
    };
    let Variant { accumulate, repair, .. } = variant;
    format!(
        "// Sizes, fixed by the plan.
const WORKGROUP_X: u32 = {wide}u;
const WORKGROUP_Y: u32 = {high}u;
const INVOCATIONS: u32 = WORKGROUP_X * WORKGROUP_Y;
const ROWS: u32 = {rows}u;
const QUADS: u32 = {quads}u;
const UNROLL: u32 = {unrolled}u;
const HAS_REST: bool = {has_rest};
const STEP: u32 = {step}u;
const PITCH: u32 = {pitch}u;
const STAGE: u32 = {stage}u;
const TERMS: u32 = {terms}u;
const TAPS_Y: u32 = {outer}u;
const TAP_QUADS: u32 = {tap_quads}u;
const ACCUMULATE: bool = {accumulate};
const REPAIR: bool = {repair};

@group(0) @binding(2) {weights};

// Taps along the outer and the inner axis, and quads of a row of them.
fn taps_y() -> u32 {{
    return {taps_y};
}}

fn taps_x() -> u32 {{
    return {taps_x};
}}

fn tap_quads() -> u32 {{
    return {row};
}}

// Those of them that are seen to at a time, and the rows of input that are staged for them.
fn chunk_rows() -> u32 {{
    return {chunk_y};
}}

fn chunk_columns() -> u32 {{
    return {chunk_x};
}}

fn stage_rows() -> u32 {{
    return {rows_at_once};
}}
"
    )
}

#[cfg(test)]
pub(super) mod tests;
