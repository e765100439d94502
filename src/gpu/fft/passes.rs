//! What each pass of transforms loads, multiplies and stores, register by register.

use crate::gpu::butterflies::{Code, scatter};
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
            BlockPass::Spectra => self.spectra(),
            BlockPass::Slabs => self.slabs(),
            BlockPass::Back => self.back(),
            BlockPass::Again => self.again(),
            BlockPass::KernelRows => self.kernel_rows(),
            BlockPass::KernelColumns => self.kernel_columns(),
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
        if self.is_complex() { &["one"] } else { &["one", "two"] }
    }

    fn find_blocks(&mut self, slab: &str, output: &str) {
        for (i, block) in self.blocks().iter().enumerate() {
            let line =
                format!("let {block} = block_at(PACKED * transform + {i}u, {slab}, {output});");
            self.line(&line);
        }
    }

    /// How loud the values of an invocation are, as `own`.
    fn measure(&mut self) {
        self.line("var largest = TwoBits();");
        for value in self.values.clone() {
            self.line(&format!("largest = max(largest, magnitude({value}));"));
        }
        if self.is_complex() {
            self.line("largest = TwoBits(max(largest.x, largest.y));");
        }
        self.line("let finer = shrinking(largest);");
        self.line("var squares = Number();");
        for value in self.values.clone() {
            let scaled = self.named(&format!("{value} * finer"));
            self.line(&format!("squares += {scaled} * {scaled};"));
        }
        if self.is_complex() {
            self.line("squares = Number(squares.x + squares.y, 0.0);");
        }
        self.line("let own = Level(largest, squares);");
    }

    /// Scales both parts to the same loudness, by powers of two; what is not finite becomes zeros.
    fn scale(&mut self) {
        self.line("let smaller = shrinking(loud.scale);");
        self.line("let odd = loud.largest >= TwoBits(ODD);");
        for register in 0..self.values.len() {
            let value = &self.values[register];
            self.values[register] =
                self.named(&format!("select({value} * smaller, Number(), odd)"));
        }
    }

    /// Stores the outputs of the blocks, and says which of them are doubted.
    fn store(&mut self, from: From) {
        self.line("let need = need_of(loud);");
        self.line("let scale = loud.scale;");
        self.line("let loudest = loud.largest;");
        self.line("var doubts = 0u;");
        let blocks = self.blocks();
        for (i, block) in blocks.iter().enumerate() {
            let part = ["x", "y"][i];
            let line = format!("let judge_{block} = judge_of(scale.{part}, loudest.{part}, need);");
            self.line(&line);
            let at = self.coordinates(&format!("{block}, "), from, "output");
            for (register, [y, x]) in at.iter().enumerate() {
                let value = &self.values[register];
                let value =
                    if self.is_complex() { value.clone() } else { format!("{value}.{part}") };
                let bit = 1u32 << (register * blocks.len() + i);
                self.line(&format!(
                    "doubts |= put_output({block}, judge_{block}, {y}, {x}, {value}, {bit}u);"
                ));
            }
        }
        let group = if self.transform.block.is_whole() { "0u" } else { "group.x" };
        self.line(&format!("let left = doubts_of(transform, output, {group});"));
        self.line("let any = any_of_workgroup(t, doubts);");
        self.line("if t == 0u {");
        self.line("    between[left] = scale;");
        self.line("    between[left + 1u] = loudest;");
        self.line("    between[left + 2u] = TwoBits(bitcast<Bits>(need), Bits(any));");
        self.line("}");
        self.line("if any != 0u {");
        self.line("    between[left + 3u + t] = TwoBits(vec2<u32>(doubts, overflowed));");
        self.line("}");
    }

    fn whole(&mut self) {
        self.line("let transform = group.y * groups.x + group.x;");
        self.line("if transform >= transform_count() { return; }");
        self.line("let output = 0u;");
        self.find_blocks("0u", "output");
        self.load(From::Block);
        self.measure();
        self.line("let level = of_workgroup(t, own);");
        self.line("let loud = Loud(level, level.largest, level.largest);");
        self.scale();
        self.forward();
        self.times_spectrum("");
        self.inverse();
        self.store(From::Block);
    }

    /// The first row of a workgroup among so many.
    fn find_row(&mut self, group: &str) {
        let rows = self.transform.block.rows_of_group();
        self.line(&format!("let row = {group} * {rows}u;"));
    }

    /// The transform of a workgroup, and which of its slabs.
    fn find_slab(&mut self) {
        self.line("let transform = group.y / slabs();");
        self.line("let slab = group.y % slabs();");
    }

    /// The transform of a workgroup, and which of its outputs along an axis before its rows.
    pub(super) fn find_output(&mut self) {
        self.line("let transform = group.y / outputs_of_block();");
        self.line("let output = group.y % outputs_of_block();");
    }

    fn look(&mut self) {
        self.find_slab();
        self.find_blocks("slab", "0u");
        let block = self.transform.block;
        match block.row_groups() / block.looks() {
            1 => {
                self.look_at_rows("group.x");
                self.line("let level = of_workgroup(t, own);");
            }
            each => {
                self.line("var all = Level();");
                self.line(&format!("for (var part = 0u; part < {each}u; part++) {{"));
                self.look_at_rows(&format!("(group.x * {each}u + part)"));
                self.line("all = joined(all, own);");
                self.line("}");
                self.line("let level = of_workgroup(t, all);");
            }
        }
        let slab = if block.slabs { "slab, " } else { "" };
        self.line(&format!("let at = level_at(transform, {slab}group.x);"));
        self.line("if t == 0u {");
        self.line("    between[at] = level.largest;");
        self.line("    between[at + 1u] = bitcast<TwoBits>(level.squares);");
        self.line("}");
    }

    fn look_at_rows(&mut self, group: &str) {
        self.find_row(group);
        self.load(From::Row);
        self.measure();
    }

    /// Where a register of the last step of rows is between passes, behind `first`.
    fn between_of_rows(&mut self, first: &str) -> Vec<String> {
        let last = self.layout.steps.len() - 1;
        let Step { registers, invocations, .. } = &self.layout.steps[last];
        let slots = self.layout.slots();
        let slot = |bits: &[u32]| -> Vec<Option<u32>> {
            let place = |bit| slots.iter().position(|slot| *slot == bit).map(|place| place as u32);
            bits.iter().map(|&bit| place(bit)).collect()
        };
        let [of_invocation, of_register] = [slot(invocations), slot(registers)];
        self.line(&format!("let slot = {};", scatter("t", of_invocation)));
        let columns = self.layout.columns;
        self.line(&format!("let plane = {first} + group.y * BLOCK_LEN;"));
        (0..self.registers())
            .map(|register| {
                let add = scattered(register, of_register.iter().copied());
                let [y, _] = self.place(last, register, From::Row);
                format!("between[plane + (({y}) << {columns}u) + slot + {add}u]")
            })
            .collect()
    }

    fn rows(&mut self) {
        self.find_slab();
        self.find_row("group.x");
        self.find_blocks("slab", "0u");
        self.line("let loud = loud_slab(transform, slab, t);");
        self.load(From::Row);
        self.scale();
        self.leave_rows();
    }

    /// Transforms rows, and leaves them to the next pass.
    fn leave_rows(&mut self) {
        self.forward();
        for (register, at) in self.between_of_rows("0u").into_iter().enumerate() {
            let line = format!("{at} = bitcast<TwoBits>({});", self.values[register]);
            self.line(&line);
        }
    }

    fn kernel_rows(&mut self) {
        self.find_row("group.x");
        let places = self.coordinates("", From::Row, "tap");
        self.values =
            places.iter().map(|[y, x]| self.named(&format!("tap_at(group.y, {y}, {x})"))).collect();
        self.leave_rows();
    }

    /// Loads what a pass before it has left.
    pub(super) fn load_values(&mut self, places: &[String]) {
        self.values =
            places.iter().map(|place| self.named(&format!("bitcast<Number>({place})"))).collect();
    }

    fn back(&mut self) {
        self.find_output();
        self.find_row("group.x");
        self.find_blocks("0u", "output");
        self.line("let loud = loud_output(transform, output, t);");
        let first = if self.transform.block.slabs { "first_sums()" } else { "0u" };
        let places = self.between_of_rows(first);
        self.load_values(&places);
        self.inverse();
        self.store(From::Row);
    }

    /// Looks again at the outputs of the pass before: those in the same registers of the same invocations.
    fn again(&mut self) {
        let is_whole = self.transform.block.is_whole();
        // Several workgroups may share what one has left.
        if is_whole {
            self.line("let plane = group.y * groups.x + group.x;");
            self.line("let transform = plane / params.shares;");
            self.line("if transform >= transform_count() { return; }");
            self.line("let own = plane % params.shares;");
            self.line("let output = 0u;");
            self.line("let row = 0u;");
            self.line("let left = doubts_of(transform, output, 0u);");
        } else {
            self.line("let plane = group.y / params.shares;");
            self.line("let own = group.y % params.shares;");
            self.line("let transform = plane / outputs_of_block();");
            self.line("let output = plane % outputs_of_block();");
            self.find_row("group.x");
            self.line("let left = doubts_of(transform, output, group.x);");
        }
        self.line("look_again(transform, output, row, left, own, t);");
    }

    /// Functions that say where in its rows a register of an invocation has its output.
    pub(super) fn held(&self) -> String {
        let Step { registers, invocations, .. } = &self.layout.steps[0];
        let function = |axis: usize| {
            let [of_invocation, of_register] = [("t", invocations), ("held", registers)]
                .map(|(of, bits)| scatter(of, self.along(bits, axis)));
            let name = ["y", "x"][axis];
            format!(
                "
fn held_{name}(t: u32, held: u32) -> u32 {{
    return ({of_invocation}) + ({of_register});
}}
"
            )
        };
        [0, 1].map(function).concat()
    }
}
