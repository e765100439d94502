//! What each pass of transforms loads, multiplies and stores, register by register.

use std::fmt::Write;

use crate::element::DType;
use crate::gpu::butterflies::{Code, scatter};
use crate::gpu::fft::numbers_of_quad;
use crate::gpu::registers::{Step, scattered};
use crate::plan::gpu::transform::BlockPass;

/// The rows of a block from which the rows of a workgroup are counted; none where it has all.
#[derive(Clone, Copy)]
pub(super) enum From {
    Block,
    Row,
}

impl Code<'_> {
    /// All that an invocation does in a pass.
    pub(super) fn pass(&mut self) {
        match self.transform.pass {
            BlockPass::Whole => self.whole(),
            BlockPass::Look => self.look(),
            BlockPass::Rows => self.rows(),
            BlockPass::Columns => self.columns(),
            BlockPass::Back => self.back(),
            BlockPass::Again => self.again(),
            BlockPass::KernelRows => self.kernel_rows(),
            BlockPass::KernelColumns => self.kernel_columns(),
        }
    }

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
    pub(super) fn place(&self, step: usize, register: usize, from: From) -> [String; 2] {
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
    pub(super) fn blocks(&self) -> &'static [&'static str] {
        if self.is_complex { &["one"] } else { &["one", "two"] }
    }

    fn find_blocks(&mut self) {
        for (i, block) in self.blocks().iter().enumerate() {
            self.line(&format!("let {block} = block_at(PACKED * transform + {i}u);"));
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

    /// Stores the outputs of the blocks, and says which of them are doubted.
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
        let group = if self.transform.block.is_whole() { "0u" } else { "group.x" };
        self.line(&format!("let left = doubts_of(transform, {group});"));
        self.line("if t == 0u {");
        self.line("    between[left] = loud.largest;");
        self.line("    between[left + 1u] = bitcast<vec2<u32>>(loud.squares);");
        self.line("}");
        self.line("between[left + 2u + t] = vec2<u32>(doubts, overflowed);");
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
    }

    fn look(&mut self) {
        self.start_rows();
        self.find_blocks();
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
        self.find_blocks();
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
        self.find_blocks();
        self.line("let loud = level_of(transform, t);");
        let places = self.between_of_rows();
        self.values = places
            .iter()
            .map(|place| self.named(&format!("bitcast<vec2<f32>>({place})")))
            .collect();
        self.inverse();
        self.store(From::Row);
    }

    /// Looks again at the outputs of the pass before: in the same registers of the same invocations.
    fn again(&mut self) {
        let is_whole = self.transform.block.is_whole();
        // Several workgroups may share what one has left.
        self.line("let shares = params.stage_rows;");
        if is_whole {
            self.line("let index = group.y * groups.x + group.x;");
            self.line("let transform = index / shares;");
            self.line("if transform >= transform_count() { return; }");
            self.line("let own = index % shares;");
            self.line("let left = doubts_of(transform, 0u);");
        } else {
            let rows = self.transform.block.rows_of_group();
            self.line("let transform = group.y;");
            self.line(&format!("let row = group.x / shares * {rows}u;"));
            self.line("let own = group.x % shares;");
            self.line("let left = doubts_of(transform, group.x / shares);");
        }
        self.line("var doubts = between[left + 2u + t].x & share_of(own, shares);");
        self.line("if doubts == 0u { return; }");
        self.line("let overflowed = between[left + 2u + t].y;");
        self.line("let squares = bitcast<vec2<f32>>(between[left + 1u]);");
        self.line("let loud = Level(between[left], squares);");
        self.line("let need = need_of(loud);");
        self.find_blocks();
        let blocks = self.blocks();
        for (block, part) in blocks.iter().zip(["x", "y"]) {
            self.line(&format!("let judge_{block} = judge_of(loud.largest.{part}, need);"));
        }
        let registers = &self.layout.steps[0].registers;
        let [y, x] = [0, 1].map(|axis| scatter("held", self.along(registers, axis)));
        let row = if is_whole { "y0" } else { "row + y0" };
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
}
