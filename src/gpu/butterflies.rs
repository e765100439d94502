//! Transforms as WGSL: straight-line code over registers, and the exchange between invocations.
//!
//! naga unrolls no loop and checks every dynamic index into a private array, so that every value has a
//! name here.

use std::fmt::Write;
use std::ops::Range;

use crate::element::DType;
use crate::gpu::fft::{Sections, numbers_of_quad, table_quads};
use crate::gpu::registers::{Layout, Step, scattered};
use crate::gpu::spectrum::root;
use crate::plan::gpu::transform::Transform;

/// Straight-line code: every value has a name.
pub(super) struct Code<'a> {
    pub transform: &'a Transform,
    pub layout: &'a Layout,
    pub accumulator: DType,
    pub sections: Sections,
    pub swizzle: Vec<u32>,
    pub text: String,
    next: usize,
    /// Names of the registers.
    pub values: Vec<String>,
}

impl<'a> Code<'a> {
    pub(super) fn new(transform: &'a Transform, layout: &'a Layout, accumulator: DType) -> Self {
        let sections = Sections::new(transform, numbers_of_quad(accumulator));
        let swizzle = layout.swizzle();
        let (text, values) = (String::new(), Vec::new());
        let mut code =
            Self { transform, layout, accumulator, sections, swizzle, text, next: 0, values };
        for (s, step) in layout.steps.iter().enumerate() {
            for axis in 0..2 {
                let at = scatter("t", code.along(&step.invocations, axis));
                code.line(&format!("let {}{s} = {at};", ["y", "x"][axis]));
            }
            let mut terms = vec![scatter("t", step.invocations.iter().map(|&bit| Some(bit)))];
            for (i, &bit) in step.invocations.iter().enumerate() {
                let to = code.swizzle[bit as usize];
                if to != 0 {
                    terms.push(format!("((t >> {i}u) & 1u) * {to}u"));
                }
            }
            let terms: Vec<String> = terms.iter().map(|term| format!("({term})")).collect();
            code.line(&format!("let a{s} = {};", terms.join(" ^ ")));
        }
        code
    }

    pub(super) fn registers(&self) -> usize {
        1 << self.layout.steps[0].registers.len()
    }

    /// Where bits of a position go in its row (axis 0) or column (axis 1).
    pub(super) fn along<'b>(
        &self,
        bits: &'b [u32],
        axis: usize,
    ) -> impl Iterator<Item = Option<u32>> + use<'b> {
        let columns = self.layout.columns;
        bits.iter().map(move |&bit| match axis {
            0 => bit.checked_sub(columns),
            _ => (bit < columns).then_some(bit),
        })
    }

    /// The part of a register in the row and the column of a step.
    pub(super) fn of_register(&self, step: usize, register: usize) -> [usize; 2] {
        let registers = &self.layout.steps[step].registers;
        [0, 1].map(|axis| scattered(register, self.along(registers, axis)))
    }

    pub(super) fn is_complex(&self) -> bool {
        self.accumulator.is_complex()
    }

    /// A real number.
    pub(super) fn real(&self, value: f64) -> String {
        real(self.accumulator, value)
    }

    pub(super) fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "    {line}");
    }

    pub(super) fn named(&mut self, expression: &str) -> String {
        let name = format!("v{}", self.next);
        self.next += 1;
        self.line(&format!("let {name} = {expression};"));
        name
    }

    /// `v` times `W_n^e`, or its conjugate.
    fn rotated(&mut self, v: &str, e: usize, n: usize, inverse: bool) -> String {
        match (e * 4, inverse) {
            (0, _) => v.into(),
            (q, false) if q == n => self.named(&format!("Number({v}.y, -{v}.x)")),
            (q, true) if q == n => self.named(&format!("Number(-{v}.y, {v}.x)")),
            _ => {
                let turns = e as f64 / n as f64 * if inverse { 1.0 } else { -1.0 };
                let factor = root(turns);
                let [c, s] = [factor.re, factor.im].map(|part| self.real(part));
                self.named(&format!("Number({v}.x * {c} - {v}.y * {s}, {v}.x * {s} + {v}.y * {c})"))
            }
        }
    }

    /// The transform of values, in the order of frequencies.
    fn transformed(&mut self, v: Vec<String>, inverse: bool) -> Vec<String> {
        let n = v.len();
        match n {
            1 => v,
            2 => {
                let [a, b] = [&v[0], &v[1]];
                vec![self.named(&format!("{a} + {b}")), self.named(&format!("{a} - {b}"))]
            }
            4 => {
                let [a, b, c, d] = [&v[0], &v[1], &v[2], &v[3]];
                let s0 = self.named(&format!("{a} + {c}"));
                let s1 = self.named(&format!("{a} - {c}"));
                let s2 = self.named(&format!("{b} + {d}"));
                let s3 = self.named(&format!("{b} - {d}"));
                let minus = format!("Number({s1}.x + {s3}.y, {s1}.y - {s3}.x)");
                let plus = format!("Number({s1}.x - {s3}.y, {s1}.y + {s3}.x)");
                let (one, three) = if inverse { (plus, minus) } else { (minus, plus) };
                vec![
                    self.named(&format!("{s0} + {s2}")),
                    self.named(&one),
                    self.named(&format!("{s0} - {s2}")),
                    self.named(&three),
                ]
            }
            _ => {
                let outer = if n == 8 { 2 } else { 4 };
                let inner = n / outer;
                let mut parts = vec![Vec::new(); outer];
                for n2 in 0..inner {
                    let column = (0..outer).map(|n1| v[inner * n1 + n2].clone()).collect();
                    for (k1, value) in self.transformed(column, inverse).into_iter().enumerate() {
                        parts[k1].push(self.rotated(&value, n2 * k1, n, inverse));
                    }
                }
                let mut out = vec![String::new(); n];
                for (k1, row) in parts.into_iter().enumerate() {
                    for (k2, value) in self.transformed(row, inverse).into_iter().enumerate() {
                        out[k1 + outer * k2] = value;
                    }
                }
                out
            }
        }
    }

    /// The quads of so many numbers in weights, as complex numbers: quad `i` is where `at` says.
    pub(super) fn numbers(&mut self, count: usize, at: impl Fn(usize) -> String) -> Vec<String> {
        let each = numbers_of_quad(self.accumulator);
        let mut numbers = Vec::with_capacity(count);
        for i in 0..count.div_ceil(each) {
            let quad = self.named(&format!("weights[{}]", at(i)));
            for part in 0..each.min(count - i * each) {
                numbers.push(self.named(&format!("number{part}({quad})")));
            }
        }
        numbers
    }

    /// Butterflies and twiddles of one step along one range of bits.
    fn butterflies(&mut self, step: usize, range: &Range<u32>, inverse: bool) {
        let Step { registers, invocations, .. } = &self.layout.steps[step];
        let start = self.layout.start(range);
        let (split, radix) = (range.end - start, range.end - range.start);
        // Bits of a register's number that are the digit.
        let digit = |k: usize| -> usize {
            let place = |bit: u32| registers.iter().position(|&b| b == bit).expect("a bit held");
            (0..radix).map(|i| (k >> i & 1) << place(range.start + i)).sum()
        };
        let all = digit((1 << radix) - 1);
        let mut powers: Vec<String> = Vec::new();
        if split > radix {
            let below = start..range.start;
            let rest = invocations.iter().map(|&bit| below.contains(&bit).then(|| bit - start));
            let r = format!("q{}", self.next);
            self.line(&format!("let {r} = {};", scatter("t", rest)));
            let each = numbers_of_quad(self.accumulator);
            let tables = self.layout.twiddles();
            let before = tables.iter().take_while(|&&table| table != (split, radix));
            let at = self.sections.twiddles
                + before.map(|&table| table_quads(table, each)).sum::<usize>();
            powers = self
                .numbers((1 << radix) - 1, |i| format!("{}u + {r}", at + (i << (split - radix))));
        }
        for group in (0..self.values.len()).filter(|register| register & all == 0) {
            let mut v: Vec<String> =
                (0..1 << radix).map(|k| self.values[group | digit(k)].clone()).collect();
            if inverse {
                for (k, power) in powers.iter().enumerate() {
                    v[k + 1] = self.named(&format!("times_conjugate({}, {power})", v[k + 1]));
                }
            }
            let mut v = self.transformed(v, inverse);
            if !inverse {
                for (k, power) in powers.iter().enumerate() {
                    v[k + 1] = self.named(&format!("times({}, {power})", v[k + 1]));
                }
            }
            for (k, value) in v.into_iter().enumerate() {
                self.values[group | digit(k)] = value;
            }
        }
    }

    /// Hands values from the invocations of one step to those of another. Values are written where their
    /// invocation has read last, so that no barrier is needed before.
    fn exchange(&mut self, from: usize, to: usize) {
        let address = |code: &Self, step: usize, register: usize| -> String {
            let registers = &code.layout.steps[step].registers;
            let position = scattered(register, registers.iter().map(|&bit| Some(bit)));
            let swizzled = code.swizzle.iter().enumerate().fold(position, |at, (bit, &to)| {
                if position >> bit & 1 == 1 { at ^ to as usize } else { at }
            });
            if swizzled == 0 { format!("a{step}") } else { format!("a{step} ^ {swizzled}u") }
        };
        let count = self.values.len();
        let mut parts = [Vec::new(), Vec::new()];
        for (part, read) in ["x", "y"].into_iter().zip(&mut parts) {
            if part == "y" {
                self.line("workgroupBarrier();");
            }
            for register in 0..count {
                let (at, value) = (address(self, from, register), &self.values[register]);
                let line = format!("exchanged[{at}] = bitcast<Bits>({value}.{part});");
                self.line(&line);
            }
            self.line("workgroupBarrier();");
            for register in 0..count {
                let at = address(self, to, register);
                read.push(self.named(&format!("bitcast<Real>(exchanged[{at}])")));
            }
        }
        let [x, y] = parts;
        for (register, (x, y)) in x.into_iter().zip(y).enumerate() {
            self.values[register] = self.named(&format!("Number({x}, {y})"));
        }
    }

    pub(super) fn forward(&mut self) {
        for s in 0..self.layout.steps.len() {
            if s > 0 {
                self.exchange(s - 1, s);
            }
            for range in &self.layout.steps[s].transforms {
                self.butterflies(s, range, false);
            }
        }
    }

    pub(super) fn inverse(&mut self) {
        for s in (0..self.layout.steps.len()).rev() {
            for range in self.layout.steps[s].transforms.iter().rev() {
                self.butterflies(s, range, true);
            }
            if s > 0 {
                self.exchange(s, s - 1);
            }
        }
    }
}

/// A real number in WGSL, in the precision of a type.
pub(super) fn real(accumulator: DType, value: f64) -> String {
    match accumulator {
        DType::F64 => format!("{value:?}lf"),
        _ => format!("{:?}f", value as f32),
    }
}

/// Bits of a variable sent to the places that `to` names, as an expression; `None` drops one.
pub(super) fn scatter(variable: &str, to: impl IntoIterator<Item = Option<u32>>) -> String {
    let to: Vec<Option<u32>> = to.into_iter().collect();
    let mut terms = Vec::new();
    let mut i = 0;
    while i < to.len() {
        let Some(first) = to[i] else {
            i += 1;
            continue;
        };
        // Neighbours that stay neighbours go together.
        let mut end = i + 1;
        while end < to.len() && to[end] == Some(first + (end - i) as u32) {
            end += 1;
        }
        let mut term = if i == 0 { variable.to_string() } else { format!("({variable} >> {i}u)") };
        if end < to.len() {
            term = format!("({term} & {}u)", (1u32 << (end - i)) - 1);
        }
        if first > 0 {
            term = format!("({term} << {first}u)");
        }
        terms.push(term);
        i = end;
    }
    if terms.is_empty() { "0u".into() } else { terms.join(" | ") }
}
