//! How samples come into registers: where each row and each column of a block is stored, and what is there.

use crate::gpu::butterflies::Code;
use crate::gpu::fft::passes::From;

impl Code<'_> {
    /// Names for what a function, given `first`, makes of the row and the column of each register.
    pub(super) fn coordinates(
        &mut self,
        first: &str,
        from: From,
        function: &str,
    ) -> Vec<[String; 2]> {
        let mut of = |axis: usize| {
            self.along_axis(axis, |code, register| {
                let place = &code.place(0, register, from)[axis];
                format!("{function}_{}({first}{place})", ["y", "x"][axis])
            })
        };
        let [y, x] = [of(0), of(1)];
        y.into_iter().zip(x).map(|(y, x)| [y, x]).collect()
    }

    /// Names for what an expression makes of each register, which depends on where that is along one axis.
    fn along_axis(
        &mut self,
        axis: usize,
        expression: impl Fn(&Self, usize) -> String,
    ) -> Vec<String> {
        let mut known: Vec<(usize, String)> = Vec::new();
        let mut all = Vec::with_capacity(self.registers());
        for register in 0..self.registers() {
            let part = self.of_register(0, register)[axis];
            let name = match known.iter().find(|(known, _)| *known == part) {
                Some((_, name)) => name.clone(),
                None => {
                    let expression = expression(self, register);
                    self.named(&expression)
                }
            };
            known.push((part, name.clone()));
            all.push(name);
        }
        all
    }

    /// Loads the samples of the blocks; where all of them are in the input, without the edge rule.
    pub(super) fn load(&mut self, from: From) {
        let (blocks, count) = (self.blocks(), self.registers());
        self.values = (0..count).map(|register| format!("r{register}")).collect();
        for register in 0..count {
            self.line(&format!("var r{register}: Number;"));
        }
        let inner: Vec<String> = blocks.iter().map(|block| format!("is_inner({block})")).collect();
        self.line(&format!("let inner = {};", inner.join(" && ")));
        let lens = self.shared_places();
        let shares = lens != [0; 2];
        if shares {
            let row = if let From::Row = from { "row" } else { "0u" };
            let [rows, columns] = lens;
            self.line("if !inner {");
            for (i, block) in blocks.iter().enumerate() {
                let at = i * (rows + columns);
                self.line(&format!("put_places(t, {block}, {row}, {at}u, {rows}u, {columns}u);"));
            }
            self.line("}");
            self.line("workgroupBarrier();");
        }
        self.line("if inner {");
        self.load_by(|code, i| {
            let at = code.coordinates(&format!("{}, ", blocks[i]), from, "inner");
            at.iter().map(|[y, x]| format!("load({y} + {x})")).collect()
        });
        self.line("} else {");
        self.load_by(|code, i| {
            let at = code.places(i, from, lens);
            at.iter().map(|[y, x]| format!("sample({}.corner, {y}, {x})", blocks[i])).collect()
        });
        self.line("}");
        if shares {
            // What was read there is overwritten.
            self.line("workgroupBarrier();");
        }
    }

    /// Rows and columns of a block whose places invocations find for each other; zero where they are too many
    /// for that.
    fn shared_places(&self) -> [usize; 2] {
        let most = 1usize << (self.layout.total - 1);
        let lens = [self.layout.total - self.layout.columns, self.layout.columns];
        lens.map(|bits| 1usize << bits).map(|len| match self.blocks().len() * len {
            all if all <= most => len,
            _ => 0,
        })
    }

    /// Where the rows and the columns of a block's registers are stored, by the edge rule.
    fn places(&mut self, block: usize, from: From, lens: [usize; 2]) -> Vec<[String; 2]> {
        let first = block * lens.iter().sum::<usize>();
        let starts = [first, first + lens[0]];
        let name = self.blocks()[block];
        let mut of = |axis: usize| {
            self.along_axis(axis, |code, register| match lens[axis] {
                0 => {
                    let place = &code.place(0, register, from)[axis];
                    format!("source_{}({name}, {place})", ["y", "x"][axis])
                }
                _ => {
                    let place = &code.place(0, register, From::Block)[axis];
                    format!("bitcast<i32>(u32(exchanged[{}u + {place}]))", starts[axis])
                }
            })
        };
        let [y, x] = [of(0), of(1)];
        y.into_iter().zip(x).map(|(y, x)| [y, x]).collect()
    }

    /// Loads what is said of each register and of each of the blocks, first one and then the other.
    fn load_by(&mut self, of_block: impl Fn(&mut Self, usize) -> Vec<String>) {
        let mut samples: Vec<Vec<String>> = vec![Vec::new(); self.registers()];
        for block in 0..self.blocks().len() {
            let of = of_block(self, block);
            samples.iter_mut().zip(of).for_each(|(samples, sample)| samples.push(sample));
        }
        for (register, samples) in samples.iter().enumerate() {
            let value = match &samples[..] {
                [one] => one.clone(),
                samples => format!("Number({})", samples.join(", ")),
            };
            self.line(&format!("r{register} = {value};"));
        }
    }
}
