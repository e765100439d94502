//! The shaders of the FFT method: around the transforms, which are `butterflies.rs`, what each pass loads,
//! multiplies and stores. What needs no register by name is in `shaders/fft*.wgsl`.

use std::fmt::Write;

use crate::bounds;
use crate::element::DType;
use crate::gpu::butterflies::{Code, scatter};
use crate::gpu::registers::{Layout, Step, scattered};
use crate::plan::gpu::launch::{MAX_RANK, QUAD, Variant};
use crate::plan::gpu::stored::Stored;
use crate::plan::gpu::transform::{Block, BlockPass, Transform};

/// Largest taps that are looked at before an output that could not be trusted is summed up again.
pub(super) const PROBES: usize = 64;

/// Invocations that sum up the levels of all others.
const FOLDED: u32 = 16;

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
    /// Of the weights of a pass, with so many complex numbers in a quad.
    pub(super) fn new(transform: &Transform, numbers: usize) -> Self {
        let head = MAX_RANK / QUAD;
        let probes = head + 1;
        let twiddles = probes + if writes(transform.pass) { PROBES } else { 0 };
        let tables = Layout::of(transform).twiddles();
        let spectrum = twiddles + tables.iter().map(|&of| table_quads(of, numbers)).sum::<usize>();
        let taps = spectrum
            + if multiplies(transform.pass) { transform.block.samples() / numbers } else { 0 };
        Self { head, probes, twiddles, spectrum, taps }
    }
}

/// Whether a pass writes outputs, and so may sum up some of them.
pub(super) fn writes(pass: BlockPass) -> bool {
    matches!(pass, BlockPass::Whole | BlockPass::Back)
}

/// Whether a pass multiplies by the spectrum.
pub(super) fn multiplies(pass: BlockPass) -> bool {
    matches!(pass, BlockPass::Whole | BlockPass::Columns)
}

/// Whether a pass reads samples.
pub(super) fn loads(pass: BlockPass) -> bool {
    matches!(pass, BlockPass::Whole | BlockPass::Look | BlockPass::Rows | BlockPass::Back)
}

/// Whether a pass reads the kernel itself.
pub(super) fn reads_taps(pass: BlockPass) -> bool {
    writes(pass) || pass == BlockPass::KernelRows
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
    let is_complex = variant.types.accumulator.is_complex();
    let layout = Layout::of(transform);
    let mut code = Code::new(transform, &layout, is_complex);
    match transform.pass {
        BlockPass::Whole => code.whole(),
        BlockPass::Look => code.look(),
        BlockPass::Rows => code.rows(),
        BlockPass::Columns => code.columns(),
        BlockPass::Back => code.back(),
        BlockPass::KernelRows => code.kernel_rows(),
        BlockPass::KernelColumns => code.kernel_columns(),
    }
    let mut source = constants(transform, &code.sections, is_complex);
    let _ = writeln!(source, "const BEARABLE: f32 = {:?};\n", bearable(variant.types.output));
    source += include_str!("../../shaders/fft.wgsl");
    if loads(transform.pass) {
        source += include_str!("../../shaders/fft_input.wgsl");
    }
    if writes(transform.pass) {
        source += include_str!("../../shaders/fft_output.wgsl");
    }
    if transform.pass == BlockPass::KernelRows {
        source += include_str!("../../shaders/fft_kernel.wgsl");
    }
    source += &between(transform.pass);
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
fn constants(transform: &Transform, sections: &Sections, is_complex: bool) -> String {
    let Block { bits, values, .. } = transform.block;
    let [rows, columns] = bits.map(|bits| 1u32 << bits);
    let Sections { head, probes, taps, .. } = sections;
    let packed = if is_complex { 1 } else { 2 };
    let len = transform.block.samples();
    let (row_groups, group_rows) = match transform.block {
        block if block.is_whole() => (1, len >> block.bits[1]),
        block => (block.row_groups(), block.rows_of_group()),
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
        let _ = writeln!(text, "fn number{i}(q: Quad) -> vec2<f32> {{\n    return {number};\n}}\n");
    }
    let quad = match is_complex {
        true => {
            "a: vec2<f32>, b: vec2<f32>, c: vec2<f32>, d: vec2<f32>, scale: f32) -> Quad {
    return quad(a * scale, b * scale, c * scale, d * scale);"
        }
        false => {
            "a: vec2<f32>, b: vec2<f32>, scale: f32) -> Quad {
    return vec4<f32>(a, b) * scale;"
        }
    };
    let _ = writeln!(text, "fn quad_of({quad}\n}}\n");
    let number = if is_complex { "value" } else { "vec2<f32>(value, 0.0)" };
    let _ =
        writeln!(text, "fn as_number(value: Element) -> vec2<f32> {{\n    return {number};\n}}\n");
    let size = if is_complex { "max(abs(value.x), abs(value.y))" } else { "abs(value)" };
    let _ = writeln!(
        text,
        "// A magnitude, or less.\nfn size(value: Element) -> f32 {{\n    return {size};\n}}\n"
    );
    text
}

/// What is between passes: the values of all transforms, and behind them the levels of their rows.
fn between(pass: BlockPass) -> String {
    let (binding, access) = match pass {
        BlockPass::Whole => {
            return "
// Whether all of a block's row is known to be zero.
fn is_silent(transform: u32, part: u32, row: u32) -> bool {
    return false;
}
"
            .into();
        }
        BlockPass::KernelColumns => {
            return "
@group(0) @binding(1) var<storage, read> between: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read_write> spectrum: array<Quad>;
// The largest magnitude of a value; magnitudes have the order of their bits.
@group(0) @binding(4) var<storage, read_write> loudest: atomic<u32>;
"
            .into();
        }
        BlockPass::Back => (4, "read"),
        _ => (3, "read_write"),
    };
    format!(
        "
@group(0) @binding({binding}) var<storage, {access}> between: array<vec2<u32>>;

fn level_at(transform: u32, group: u32) -> u32 {{
    return transform_count() * BLOCK_LEN + 2u * (transform * ROW_GROUPS + group);
}}

// Whether all of a block's row is known to be zero.
fn is_silent(transform: u32, part: u32, row: u32) -> bool {{
    let largest = between[level_at(transform, row / GROUP_ROWS)];
    return select(largest.x, largest.y, part == 1u) == 0u;
}}

// How loud all rows of a transform are.
fn level_of(transform: u32, t: u32) -> Level {{
    var own = Level();
    for (var i = t; i < ROW_GROUPS; i += INVOCATIONS) {{
        let at = level_at(transform, i);
        own = joined(own, Level(between[at], bitcast<vec2<f32>>(between[at + 1u])));
    }}
    return of_workgroup(t, own);
}}
"
    )
}

/// The rows of a block from which the rows of a workgroup are counted; none where it has all.
#[derive(Clone, Copy)]
enum From {
    Block,
    Row,
}

impl Code<'_> {
    /// Where the quads of the spectrum are that belong to the registers of the last step.
    fn places_of_spectrum(&self) -> Vec<String> {
        let invocations = self.transform.invocations() as usize;
        let each = numbers_of_quad(if self.is_complex { DType::Complex32 } else { DType::F32 });
        let (pass, quads) = (self.transform.pass, self.values.len() / each);
        let group = match pass {
            BlockPass::Whole => String::new(),
            _ => format!("group.x * {}u + ", quads * invocations),
        };
        // Passes over columns have the same sections up to there.
        let start = self.sections.spectrum;
        (0..quads).map(|i| format!("{group}{}u + t", start + i * invocations)).collect()
    }

    /// Multiplies by the spectrum, which lies as the invocations of the last step read it.
    fn times_spectrum(&mut self) {
        let places = self.places_of_spectrum();
        let spectrum = self.numbers(self.values.len(), |i| places[i].clone());
        for (register, factor) in spectrum.into_iter().enumerate() {
            self.values[register] =
                self.named(&format!("times({}, {factor})", self.values[register]));
        }
    }

    /// The row and the column of a register in a step, as sums.
    fn place(&self, step: usize, register: usize, from: From) -> [String; 2] {
        let [y, x] = self.of_register(step, register);
        let sum =
            |base: String, add: usize| if add == 0 { base } else { format!("{base} + {add}u") };
        let row = match from {
            From::Block => format!("y{step}"),
            From::Row => format!("row + y{step}"),
        };
        [sum(row, y), sum(format!("x{step}"), x)]
    }

    /// Blocks that are packed into one transform.
    fn blocks(&self) -> &'static [&'static str] {
        if self.is_complex { &["one"] } else { &["one", "two"] }
    }

    fn find_blocks(&mut self) {
        for (i, block) in self.blocks().iter().enumerate() {
            self.line(&format!("let {block} = block_at(PACKED * transform + {i}u);"));
        }
    }

    /// Names for what a function, given `first`, makes of the row and the column of each register.
    fn coordinates(&mut self, first: &str, from: From, function: &str) -> Vec<[String; 2]> {
        let mut all = vec![[String::new(), String::new()]; self.registers()];
        for axis in 0..2 {
            let mut known: Vec<(usize, String)> = Vec::new();
            for (register, names) in all.iter_mut().enumerate() {
                let part = self.of_register(0, register)[axis];
                if let Some((_, name)) = known.iter().find(|(known, _)| *known == part) {
                    names[axis] = name.clone();
                    continue;
                }
                let place = &self.place(0, register, from)[axis];
                let name = self.named(&format!("{function}_{}({first}{place})", ["y", "x"][axis]));
                known.push((part, name.clone()));
                names[axis] = name;
            }
        }
        all
    }

    /// Loads the samples of the blocks; where all of them are in the input, without the edge rule.
    fn load(&mut self, from: From) {
        let (blocks, count) = (self.blocks(), self.registers());
        self.values = (0..count).map(|register| format!("r{register}")).collect();
        for register in 0..count {
            self.line(&format!("var r{register}: vec2<f32>;"));
        }
        let inner: Vec<String> = blocks.iter().map(|block| format!("is_inner({block})")).collect();
        self.line(&format!("if {} {{", inner.join(" && ")));
        self.load_by(from, "inner", |_, [y, x]| format!("load({y} + {x})"));
        self.line("} else {");
        self.load_by(from, "source", |block, [y, x]| format!("sample({block}.corner, {y}, {x})"));
        self.line("}");
    }

    /// Loads them from where a function puts each row and each column.
    fn load_by(
        &mut self,
        from: From,
        function: &str,
        sample: impl Fn(&str, &[String; 2]) -> String,
    ) {
        let mut samples: Vec<Vec<String>> = vec![Vec::new(); self.registers()];
        for block in self.blocks() {
            let at = self.coordinates(&format!("{block}, "), from, function);
            samples.iter_mut().zip(&at).for_each(|(of, at)| of.push(sample(block, at)));
        }
        for (register, samples) in samples.iter().enumerate() {
            let value = match &samples[..] {
                [one] => one.clone(),
                samples => format!("vec2<f32>({})", samples.join(", ")),
            };
            self.line(&format!("r{register} = {value};"));
        }
    }

    /// How loud the values of an invocation are, as `own`.
    fn measure(&mut self) {
        self.line("var largest = vec2<u32>();");
        for value in self.values.clone() {
            self.line(&format!("largest = max(largest, magnitude({value}));"));
        }
        if self.is_complex {
            self.line("largest = vec2<u32>(max(largest.x, largest.y));");
        }
        self.line("let finer = shrinking(largest);");
        self.line("var squares = vec2<f32>();");
        for value in self.values.clone() {
            let scaled = self.named(&format!("{value} * finer"));
            self.line(&format!("squares += {scaled} * {scaled};"));
        }
        if self.is_complex {
            self.line("squares = vec2<f32>(squares.x + squares.y, 0.0);");
        }
        self.line("let own = Level(largest, squares);");
    }

    /// Scales both parts to the same loudness, by powers of two; what is not finite becomes zeros.
    fn scale(&mut self) {
        self.line("let smaller = shrinking(loud.largest);");
        self.line("let odd = loud.largest >= vec2<u32>(ODD);");
        for register in 0..self.values.len() {
            let value = &self.values[register];
            self.values[register] =
                self.named(&format!("select({value} * smaller, vec2<f32>(), odd)"));
        }
    }

    /// Stores the outputs of the blocks, and sees to those that cannot be trusted.
    fn store(&mut self, from: From) {
        self.line("let need = need_of(loud);");
        self.line("var doubts = 0u;");
        let blocks = self.blocks();
        for (i, block) in blocks.iter().enumerate() {
            let part = ["x", "y"][i];
            self.line(&format!("let judge_{block} = judge_of(loud.largest.{part}, need);"));
            let at = self.coordinates(&format!("{block}, "), from, "output");
            for (register, [y, x]) in at.iter().enumerate() {
                let value = &self.values[register];
                let value = if self.is_complex { value.clone() } else { format!("{value}.{part}") };
                let bit = 1u32 << (register * blocks.len() + i);
                self.line(&format!(
                    "doubts |= put_output({block}, judge_{block}, {y}, {x}, {value}, {bit}u);"
                ));
            }
        }
        let registers = &self.layout.steps[0].registers;
        let [y, x] = [0, 1].map(|axis| scatter("held", self.along(registers, axis)));
        let row = match from {
            From::Block => "y0",
            From::Row => "row + y0",
        };
        let other = match blocks {
            [_, two] => format!(
                "        if doubt % PACKED == 1u {{
            block = {two};
            judge = judge_{two};
        }}
"
            ),
            _ => String::new(),
        };
        let _ = write!(
            self.text,
            "    // One bit less in every round.
    while doubts != 0u {{
        let doubt = firstTrailingBit(doubts);
        doubts &= doubts - 1u;
        let held = doubt / PACKED;
        var block = one;
        var judge = judge_one;
{other}        let y = output_y(block, {row} + ({y}));
        let x = output_x(block, x0 + ({x}));
        let shows = (overflowed >> doubt & 1u) == 0u;
        look_again(block, judge, y, x, transform, doubt % PACKED, shows);
    }}
"
        );
    }

    fn whole(&mut self) {
        self.line("let transform = group.y * groups.x + group.x;");
        self.line("if transform >= transform_count() { return; }");
        self.find_blocks();
        self.load(From::Block);
        self.measure();
        self.line("let loud = of_workgroup(t, own);");
        self.scale();
        self.forward();
        self.times_spectrum();
        self.inverse();
        self.store(From::Block);
    }

    /// The first row of a workgroup, and its transform.
    fn start_rows(&mut self) {
        let rows = self.transform.block.rows_of_group();
        self.line("let transform = group.y;");
        self.line(&format!("let row = group.x * {rows}u;"));
        self.find_blocks();
    }

    fn look(&mut self) {
        self.start_rows();
        self.load(From::Row);
        self.measure();
        self.line("let loud = of_workgroup(t, own);");
        self.line("if t == 0u {");
        self.line("    let at = level_at(transform, group.x);");
        self.line("    between[at] = loud.largest;");
        self.line("    between[at + 1u] = bitcast<vec2<u32>>(loud.squares);");
        self.line("}");
    }

    /// Where a register of the last step of rows is between passes.
    fn between_of_rows(&mut self) -> Vec<String> {
        let last = self.layout.steps.len() - 1;
        let Step { registers, invocations, .. } = &self.layout.steps[last];
        let slots = self.layout.slots();
        let slot = |bits: &[u32]| -> Vec<Option<u32>> {
            let place = |bit| slots.iter().position(|slot| *slot == bit).map(|place| place as u32);
            bits.iter().map(|&bit| place(bit)).collect()
        };
        let [of_invocation, of_register] = [slot(invocations), slot(registers)];
        self.line(&format!("let slot = {};", scatter("t", of_invocation)));
        let (len, columns) = (self.transform.block.samples(), self.layout.columns);
        (0..self.registers())
            .map(|register| {
                let add = scattered(register, of_register.iter().copied());
                let [y, _] = self.place(last, register, From::Row);
                format!("between[transform * {len}u + (({y}) << {columns}u) + slot + {add}u]")
            })
            .collect()
    }

    fn rows(&mut self) {
        self.start_rows();
        self.line("let loud = level_of(transform, t);");
        self.load(From::Row);
        self.scale();
        self.leave_rows();
    }

    /// Transforms rows, and leaves them to the next pass.
    fn leave_rows(&mut self) {
        self.forward();
        for (register, at) in self.between_of_rows().into_iter().enumerate() {
            let line = format!("{at} = bitcast<vec2<u32>>({});", self.values[register]);
            self.line(&line);
        }
    }

    fn kernel_rows(&mut self) {
        self.line("let transform = 0u;");
        self.line(&format!("let row = group.x * {}u;", self.transform.block.rows_of_group()));
        let places = self.coordinates("", From::Row, "tap");
        self.values =
            places.iter().map(|[y, x]| self.named(&format!("tap_at({y}, {x})"))).collect();
        self.leave_rows();
    }

    fn kernel_columns(&mut self) {
        self.load_columns();
        self.forward();
        // What a transform and its inverse multiply by.
        let scale = 1.0 / self.transform.block.transformed() as f64;
        self.line("var largest = 0.0;");
        for value in self.values.clone() {
            self.line(&format!("largest = max(largest, dot({value}, {value}));"));
        }
        self.line("atomicMax(&loudest, bitcast<u32>(sqrt(largest)));");
        let places = self.places_of_spectrum();
        let each = self.values.len() / places.len();
        let quads: Vec<String> =
            self.values.chunks(each).map(|numbers| numbers.join(", ")).collect();
        for (place, numbers) in places.iter().zip(quads) {
            self.line(&format!("spectrum[{place}] = quad_of({numbers}, {scale:?});"));
        }
    }

    /// Loads what the pass over rows has left in columns. Returns where.
    fn load_columns(&mut self) -> Vec<String> {
        let block = self.transform.block;
        let (len, columns, own) = (block.samples(), block.bits[1], block.column_bits_of_group());
        let places: Vec<String> = (0..self.registers())
            .map(|register| {
                let [y, x] = self.place(0, register, From::Block);
                format!(
                    "between[group.y * {len}u + (({y}) << {columns}u) + (group.x << {own}u) + {x}]"
                )
            })
            .collect();
        self.values = places
            .iter()
            .map(|place| self.named(&format!("bitcast<vec2<f32>>({place})")))
            .collect();
        places
    }

    fn columns(&mut self) {
        let places = self.load_columns();
        self.forward();
        self.times_spectrum();
        self.inverse();
        // Only rows with outputs are read again.
        self.line("let stride = u32(params.axes[params.rank - 2u].stride);");
        self.line("let rows = (params.chunk.x - 1u) * stride + 1u;");
        for (register, place) in places.iter().enumerate() {
            let [y, _] = self.place(0, register, From::Block);
            let value = &self.values[register];
            let line = format!("if {y} < rows {{ {place} = bitcast<vec2<u32>>({value}); }}");
            self.line(&line);
        }
    }

    fn back(&mut self) {
        self.start_rows();
        self.line("let loud = level_of(transform, t);");
        let places = self.between_of_rows();
        self.values = places
            .iter()
            .map(|place| self.named(&format!("bitcast<vec2<f32>>({place})")))
            .collect();
        self.inverse();
        self.store(From::Row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::{Gain, SAFETY, Samples, Spread, of_transforms};
    use crate::gpu::host::Host;
    use crate::gpu::passes::Passes;
    use crate::gpu::pipelines::tests::context;
    use crate::gpu::spectrum::Spectrum;
    use crate::kernel::Kernel;
    use crate::plan::gpu::schedule::Schedule;
    use crate::problem::extension::Extension;
    use crate::problem::geometry::{Axis, Geometry};
    use crate::words::Precision;
    use std::sync::Arc;

    /// Samples, or taps, of all kinds.
    fn kinds(side: usize) -> Vec<Vec<f32>> {
        let noise = |i: usize| ((i * 7919 % 10_007) as f32 - 5003.0) / 5003.0;
        let of = |f: &dyn Fn(usize) -> f32| (0..side * side).map(f).collect();
        vec![
            of(&noise),
            of(&|i| if i == side * side / 2 + side / 2 { 1.0 } else { 0.0 }),
            of(&|i| if i % 7 == 0 { 1.0 } else { 0.0 }),
            of(&|i| if i % side < side / 2 { 1.0 } else { -1.0 }),
            of(&|i| (i as f32 * 0.37).sin()),
            of(&|_| 1.0),
            of(&|i| if i % 11 == 0 { 1.0 } else { 0.01 * noise(i) }),
        ]
    }

    #[test]
    fn the_error_of_a_transform_is_what_it_is_taken_for() {
        let Some(context) = context() else { return };
        let context = Arc::new(context);
        let gpu = context.capabilities();
        let mut most = 0f64;
        for (bits, side, taps_side) in [([6, 6], 60, 9), ([7, 7], 100, 66)] {
            let block = Block { bits, lines: false, values: 12 };
            let out = side - taps_side + 1;
            let axis = Axis { n: side, taps: taps_side, out, ..Axis::one_sample() };
            let axes = [&axis, &axis];
            let geometry = Geometry { axes: vec![axis.clone(), axis.clone()] };
            let schedule = Schedule::fft(DType::F32, &geometry, block, &gpu).expect("it fits");
            for taps in kinds(taps_side) {
                let spectrum = Spectrum::new(block, axes, &taps).expect("memory");
                let largest = taps.iter().fold(0f64, |most, tap| most.max(tap.abs().into()));
                let gain = Gain { mean: spectrum.loudest(), largest };
                let shape = [taps_side; 2];
                let kernel = Kernel::new(Precision::Native, taps.clone(), &shape, None);
                let extension = Extension { geometry: geometry.clone(), values: vec![0.0; 2] };
                let kernel = kernel.expect("memory");
                let passes = Passes::new(context.clone(), &schedule, &extension, &kernel);
                let host = Host::new(Arc::new(passes.expect("compiles")));
                for x in kinds(side) {
                    let mut y = vec![f32::NAN; out * out];
                    host.run(&x, &mut y).expect("runs");
                    let squares = x.iter().map(|x| f64::from(*x).powi(2)).sum();
                    let largest = x.iter().fold(0f64, |most, x| most.max(x.abs().into()));
                    let spread = Spread::of(block.transformed());
                    let samples = Samples { squares, largest };
                    let unit = of_transforms(f32::EPSILON.into(), spread, samples, gain) / SAFETY;
                    // Some outputs of every row.
                    for at in (0..out * out).step_by(if taps_side > 20 { 17 } else { 1 }) {
                        let (row, column) = (at / out, at % out);
                        let mut exact = 0f64;
                        for (i, taps) in taps.chunks(taps_side).enumerate() {
                            let x = &x[(row + i) * side + column..][..taps_side];
                            let products =
                                taps.iter().zip(x).map(|(k, x)| f64::from(*k) * f64::from(*x));
                            exact += products.sum::<f64>();
                        }
                        most = most.max((exact - f64::from(y[at])).abs() / unit);
                    }
                }
            }
        }
        assert!(most < SAFETY / 2.0, "{most}");
        assert!(most > SAFETY / 100.0, "{most}: nothing was measured");
        eprintln!("the largest error is {most:.2} of {SAFETY}");
    }
}
