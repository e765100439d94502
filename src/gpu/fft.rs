//! The shaders of the FFT method: what they bind, their constants, and the files in `shaders/fft*.wgsl`, in front of
//! the code of a pass (`fft/passes.rs`) around the transforms (`butterflies.rs`).

mod columns;
mod load;
mod passes;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use crate::bounds;
use crate::element::DType;
use crate::gpu::butterflies::{Code, real};
use crate::gpu::registers::Layout;
use crate::plan::gpu::launch::{MAX_RANK, QUAD, Variant};
use crate::plan::gpu::stored::Stored;
use crate::plan::gpu::transform::{Block, BlockPass, FOLDED, PROBES, Transform};

/// Where the parts of a transform's weights begin, in quads, behind the values that stand outside. All
/// but the last have lengths of their own, so that pipelines serve kernels of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sections {
    /// What results are judged by, what they are scaled by, and how loud the spectrum is.
    pub head: usize,
    /// The largest taps, and where they are.
    pub probes: usize,
    pub twiddles: usize,
    pub spectrum: usize,
    /// The kernel.
    pub taps: usize,
}

impl Sections {
    /// Of the weights of a pass, with so many complex numbers in a quad, and of the spectrum the first slab.
    pub(super) fn new(transform: &Transform, numbers: usize) -> Self {
        let head = MAX_RANK / QUAD;
        let probes = head + 1;
        let twiddles = probes + if sums(transform.pass) { PROBES } else { 0 };
        let tables = tables(transform);
        let spectrum = twiddles + tables.iter().map(|&of| table_quads(of, numbers)).sum::<usize>();
        let taps = spectrum
            + if multiplies(transform.pass) { transform.block.samples() / numbers } else { 0 };
        Self { head, probes, twiddles, spectrum, taps }
    }
}

/// Whether a pass writes outputs.
pub(super) fn writes(pass: BlockPass) -> bool {
    matches!(pass, BlockPass::Whole | BlockPass::Back | BlockPass::Again)
}

/// Whether a pass has butterflies, and so twiddles.
pub(super) fn turns(pass: BlockPass) -> bool {
    !matches!(pass, BlockPass::Look | BlockPass::Again)
}

/// Whether a pass may sum up outputs, and probes before that.
pub(super) fn sums(pass: BlockPass) -> bool {
    pass == BlockPass::Again
}

/// Whether a pass multiplies by the spectrum.
pub(super) fn multiplies(pass: BlockPass) -> bool {
    matches!(pass, BlockPass::Whole | BlockPass::Columns | BlockPass::Slabs)
}

/// Whether a pass reads samples.
pub(super) fn loads(pass: BlockPass) -> bool {
    matches!(pass, BlockPass::Whole | BlockPass::Look | BlockPass::Rows | BlockPass::Again)
}

/// Whether a pass reads the kernel itself.
pub(super) fn reads_taps(pass: BlockPass) -> bool {
    sums(pass) || pass == BlockPass::KernelRows
}

/// The tables of twiddles of a pass.
pub(super) fn tables(transform: &Transform) -> Vec<(u32, u32)> {
    if turns(transform.pass) { Layout::of(transform).twiddles() } else { Vec::new() }
}

/// Quads of a table of twiddles: for each group of powers one for every rest.
pub(super) fn table_quads((split, radix): (u32, u32), numbers: usize) -> usize {
    ((1usize << radix) - 1).div_ceil(numbers) << (split - radix)
}

/// Complex numbers in a quad of elements.
pub(super) fn numbers_of_quad(accumulator: DType) -> usize {
    if accumulator.is_complex() { QUAD } else { QUAD / 2 }
}

/// All of a shader behind the parameters and what loads and stores.
pub(super) fn source(variant: &Variant, transform: &Transform) -> String {
    let accumulator = variant.types.accumulator;
    let layout = Layout::of(transform);
    let mut code = Code::new(transform, &layout, accumulator);
    code.pass();
    let mut source = constants(transform, &code.sections, accumulator);
    source += match accumulator {
        DType::F64 => include_str!("../../shaders/fft_f64.wgsl"),
        _ => include_str!("../../shaders/fft_f32.wgsl"),
    };
    let bearable = real(accumulator, bearable(variant.types.output));
    let _ = writeln!(source, "const BEARABLE: Real = {bearable};\n");
    source += include_str!("../../shaders/fft.wgsl");
    source += match transform.block.slabs {
        true => include_str!("../../shaders/fft_slabs.wgsl"),
        false => include_str!("../../shaders/fft_plane.wgsl"),
    };
    if loads(transform.pass) {
        source += include_str!("../../shaders/fft_input.wgsl");
    }
    if writes(transform.pass) {
        source += include_str!("../../shaders/fft_output.wgsl");
    }
    if sums(transform.pass) {
        source += include_str!("../../shaders/fft_again.wgsl");
        source += &code.held();
    }
    if transform.pass == BlockPass::KernelRows {
        source += include_str!("../../shaders/fft_kernel.wgsl");
    }
    source += &between(transform);
    let _ = write!(
        source,
        "
@compute @workgroup_size(WORKGROUP_X)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) t: u32,
) {{
    output_start = params.output_start;
{}}}
",
        code.text
    );
    source
}

/// What the estimated error of an output may be of the share of its window that it may be, where it is stored so:
/// whole levels are rounded to.
fn bearable(output: Stored) -> f64 {
    match output {
        Stored::Packed { .. } => bounds::LEVEL / bounds::share(f64::from(f32::EPSILON)),
        _ => 0.0,
    }
}

/// Sizes, and complex numbers in quads.
fn constants(transform: &Transform, sections: &Sections, accumulator: DType) -> String {
    let Block { bits, values, .. } = transform.block;
    let [rows, columns] = bits.map(|bits| 1u32 << bits);
    let Sections { head, probes, taps, .. } = sections;
    let (is_complex, packed) = (accumulator.is_complex(), accumulator.packed_blocks());
    let len = transform.block.samples();
    let (row_groups, group_rows, looks) = match transform.block {
        block if block.is_whole() => (1, len >> block.bits[1], 1),
        block => (block.row_groups(), block.rows_of_group(), block.looks()),
    };
    let mut text = format!(
        "const VALUES: u32 = {}u;
const PACKED: u32 = {packed}u;
const FOLDED: u32 = {FOLDED}u;
const BLOCK_LEN: u32 = {len}u;
const BLOCK_ROWS: u32 = {rows}u;
const BLOCK_COLUMNS: u32 = {columns}u;
const ROW_GROUPS: u32 = {row_groups}u;
const GROUP_ROWS: u32 = {group_rows}u;
const LOOKS: u32 = {looks}u;
const HEAD: u32 = {head}u;
const PROBED: u32 = {probes}u;
const PROBES: u32 = {PROBES}u;
const TAPS: u32 = {taps}u;

// The complex numbers of a quad.
",
        1u32 << values
    );
    let numbers: &[&str] = match is_complex {
        true => &["component0(q)", "component1(q)", "component2(q)", "component3(q)"],
        false => &["q.xy", "q.zw"],
    };
    for (i, number) in numbers.iter().enumerate() {
        let _ = writeln!(text, "fn number{i}(q: Quad) -> Number {{\n    return {number};\n}}\n");
    }
    let quad = match is_complex {
        true => {
            "a: Number, b: Number, c: Number, d: Number, scale: Real) -> Quad {
    return quad(a * scale, b * scale, c * scale, d * scale);"
        }
        false => {
            "a: Number, b: Number, scale: Real) -> Quad {
    return vec4<Real>(a, b) * scale;"
        }
    };
    let _ = writeln!(text, "fn quad_of({quad}\n}}\n");
    let number = if is_complex { "value" } else { "Number(value, 0.0)" };
    let _ = writeln!(text, "fn as_number(value: Element) -> Number {{\n    return {number};\n}}\n");
    let element = if is_complex { "number" } else { "number.x" };
    let _ =
        writeln!(text, "fn as_element(number: Number) -> Element {{\n    return {element};\n}}\n");
    let size = if is_complex { "max(abs(value.x), abs(value.y))" } else { "abs(value)" };
    let _ = writeln!(
        text,
        "// A magnitude, or less.\nfn size(value: Element) -> Real {{\n    return {size};\n}}\n"
    );
    text
}

/// What is between passes: the values of all transforms, behind them sums of slabs, the levels of their rows or
/// slabs, and then for each group of rows how loud the transform is and which outputs are doubted.
fn between(transform: &Transform) -> String {
    let (binding, access) = match transform.pass {
        BlockPass::KernelColumns => {
            return "
@group(0) @binding(1) var<storage, read> between: array<TwoBits>;
@group(0) @binding(3) var<storage, read_write> spectrum: array<Quad>;
// The largest magnitude of a value; magnitudes have the order of their bits.
@group(0) @binding(4) var<storage, read_write> loudest: atomic<u32>;
"
            .into();
        }
        BlockPass::Whole | BlockPass::Back => (4, "read_write"),
        BlockPass::Again => (4, "read"),
        _ => (3, "read_write"),
    };
    let declared = format!(
        "\n@group(0) @binding({binding}) var<storage, {access}> between: array<TwoBits>;\n"
    );
    let way = match (transform.block.is_whole(), transform.block.slabs) {
        (true, _) => include_str!("../../shaders/fft_whole.wgsl"),
        (false, false) => include_str!("../../shaders/fft_between.wgsl"),
        (false, true) => include_str!("../../shaders/fft_between_slabs.wgsl"),
    };
    let doubts = match writes(transform.pass) {
        true => include_str!("../../shaders/fft_doubts.wgsl"),
        false => "",
    };
    [&declared, way, doubts].concat()
}
