//! Passes over columns: where they are between passes, and what they are multiplied by.

use crate::gpu::butterflies::Code;
use crate::gpu::fft::numbers_of_quad;
use crate::gpu::fft::passes::From;
use crate::plan::gpu::transform::BlockPass;

impl Code<'_> {
    /// Where the quads of the spectrum are that belong to the registers of the last step.
    fn places_of_spectrum(&self) -> Vec<String> {
        let invocations = self.transform.invocations() as usize;
        let each = numbers_of_quad(self.accumulator);
        let (pass, quads) = (self.transform.pass, self.values.len() / each);
        let group = match pass {
            BlockPass::Whole => String::new(),
            _ => format!("group.x * {}u + ", quads * invocations),
        };
        // Passes over columns have the same sections up to there.
        let start = self.sections.spectrum;
        (0..quads).map(|i| format!("{group}{}u + t", start + i * invocations)).collect()
    }

    /// Multiplies by the spectrum, which lies as the invocations of the last step read it, behind `first`.
    pub(super) fn times_spectrum(&mut self, first: &str) {
        let places = self.places_of_spectrum();
        let spectrum = self.numbers(self.values.len(), |i| format!("{first}{}", places[i]));
        for (register, factor) in spectrum.into_iter().enumerate() {
            self.values[register] =
                self.named(&format!("times({}, {factor})", self.values[register]));
        }
    }

    pub(super) fn kernel_columns(&mut self) {
        // What all slabs of taps have of a frequency: so much louder than samples an output can be.
        for register in 0..self.registers() {
            self.line(&format!("var squares{register} = Real();"));
        }
        self.line("for (var tap = 0u; tap < tap_slabs(); tap++) {");
        // What was read in the round before is overwritten.
        self.line("workgroupBarrier();");
        let columns = self.places_of_columns("tap * BLOCK_LEN");
        self.load_values(&columns);
        self.forward();
        for (register, value) in self.values.clone().iter().enumerate() {
            self.line(&format!("squares{register} += dot({value}, {value});"));
        }
        // What a transform and its inverse multiply by.
        let scale = self.real(1.0 / self.transform.block.transformed() as f64);
        let places = self.places_of_spectrum();
        let each = self.values.len() / places.len();
        let section = self.transform.block.samples() / each;
        let quads: Vec<String> =
            self.values.chunks(each).map(|numbers| numbers.join(", ")).collect();
        for (place, numbers) in places.iter().zip(quads) {
            let line =
                format!("spectrum[tap * {section}u + {place}] = quad_of({numbers}, {scale});");
            self.line(&line);
        }
        self.line("}");
        self.line("var largest = Real();");
        for register in 0..self.registers() {
            self.line(&format!("largest = max(largest, squares{register});"));
        }
        self.line("atomicMax(&loudest, upper(sqrt(largest)));");
    }

    /// Where the pass over rows leaves what a workgroup has of columns, in the plane that begins there.
    fn places_of_columns(&mut self, plane: &str) -> Vec<String> {
        let block = self.transform.block;
        let (columns, own) = (block.bits[1], block.column_bits_of_group());
        let first = self.named(&format!("{plane} + (group.x << {own}u)"));
        (0..self.registers())
            .map(|register| {
                let [y, x] = self.place(0, register, From::Block);
                format!("between[{first} + (({y}) << {columns}u) + {x}]")
            })
            .collect()
    }

    /// The same places in another order: neighbouring invocations have neighbours of a row.
    fn places_of_spectra(&mut self, plane: &str) -> Vec<String> {
        let block = self.transform.block;
        let (columns, own) = (block.bits[1], block.column_bits_of_group());
        let invocations = self.transform.invocations() as usize;
        let first = self.named(&format!(
            "{plane} + (group.x << {own}u) + ((t >> {own}u) << {columns}u) + (t & {}u)",
            (1u32 << own) - 1
        ));
        (0..self.registers())
            .map(|register| {
                format!("between[{first} + {}u]", ((register * invocations) >> own) << columns)
            })
            .collect()
    }

    pub(super) fn columns(&mut self) {
        let places = self.places_of_columns("group.y * BLOCK_LEN");
        self.load_values(&places);
        self.forward();
        self.times_spectrum("");
        self.inverse();
        self.leave_columns(&places);
    }

    pub(super) fn spectra(&mut self) {
        let columns = self.places_of_columns("group.y * BLOCK_LEN");
        self.load_values(&columns);
        self.forward();
        // All of the workgroup's columns are read before any of them is overwritten.
        self.line("storageBarrier();");
        let places = self.places_of_spectra("group.y * BLOCK_LEN");
        for (register, place) in places.iter().enumerate() {
            let line = format!("{place} = bitcast<TwoBits>({});", self.values[register]);
            self.line(&line);
        }
    }

    pub(super) fn slabs(&mut self) {
        self.find_output();
        let sums: Vec<String> = (0..self.registers()).map(|i| format!("sum{i}")).collect();
        for sum in &sums {
            self.line(&format!("var {sum} = Number();"));
        }
        self.line("for (var tap = 0u; tap < tap_slabs(); tap++) {");
        self.line("let slab = transform * slabs() + slab_under(output, tap);");
        let places = self.places_of_spectra("slab * BLOCK_LEN");
        self.load_values(&places);
        let each = numbers_of_quad(self.accumulator);
        let section = self.transform.block.samples() / each;
        self.times_spectrum(&format!("tap * {section}u + "));
        for (sum, value) in sums.iter().zip(self.values.clone()) {
            self.line(&format!("{sum} += {value};"));
        }
        self.line("}");
        self.values = sums;
        self.inverse();
        let places = self.places_of_columns("first_sums() + group.y * BLOCK_LEN");
        self.leave_columns(&places);
    }

    /// Leaves columns to the pass over rows, of which only those with outputs are read again.
    fn leave_columns(&mut self, places: &[String]) {
        self.line("let stride = u32(params.axes[params.rank - 2u].stride);");
        self.line("let rows = (params.chunk.x - 1u) * stride + 1u;");
        for (register, place) in places.iter().enumerate() {
            let [y, _] = self.place(0, register, From::Block);
            let value = &self.values[register];
            let line = format!("if {y} < rows {{ {place} = bitcast<TwoBits>({value}); }}");
            self.line(&line);
        }
    }
}
