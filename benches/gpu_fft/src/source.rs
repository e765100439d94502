//! WGSL of convolutions by FFT, generated from data.
//!
//! A tile of 2^bits[0] x 2^bits[1] complex values lies in the registers of one workgroup. A position in
//! it is a number whose low bits are x and whose high bits are y; in every stage some of these bits
//! say which register of an invocation holds the value, the others which invocation. All maps are
//! therefore linear over bits, and an address is `of the invocation ^ of the register`.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fmt::Write;
use std::ops::Range;

/// How registers go from the invocations of one stage to those of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Real parts, then imaginary ones, through 4 bytes a value; 3 barriers.
    Scalar,
    /// Whole `vec2`, 8 bytes a value; 1 barrier.
    Pair,
    /// Both parts through two arrays of f32, 8 bytes a value; 1 barrier.
    Two,
}

/// Where twiddles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twiddles {
    /// All powers are loaded.
    Table,
    /// The first power is loaded, others are its products.
    Powers,
}

/// One stage: butterflies along ranges of bits, in registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Ranges of bits of positions that are transformed, at most one an axis.
    pub transforms: Vec<Range<u32>>,
    /// The bit of a position that each bit of a register's number is.
    pub registers: Vec<u32>,
    /// The bit of a position that each bit of an invocation's number is.
    pub threads: Vec<u32>,
}

/// A tile, and how it is transformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Log2 of columns and rows.
    pub bits: [u32; 2],
    pub stages: Vec<Stage>,
    pub exchange: Exchange,
    pub twiddles: Twiddles,
}

/// What is filtered: taps (columns, rows) and the tap over the output's own place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub taps: [usize; 2],
    pub origin: [usize; 2],
    /// Whether the sizes are constants of the text, or members of `params` (one pipeline for all kernels).
    pub baked: bool,
}

impl Kernel {
    /// Where the sizes come from: lines in front of a shader's functions, lines at the start of `main`.
    fn names(&self, valid: [usize; 2]) -> [String; 2] {
        let ([kw, kh], [ox, oy], [vw, vh]) = (self.taps, self.origin, valid);
        let numbers = [("KW", kw), ("KH", kh), ("OX", ox), ("OY", oy), ("VW", vw), ("VH", vh)];
        let mut text = [String::new(), String::new()];
        for (name, number) in numbers {
            let _ = match self.baked {
                true => writeln!(text[0], "const {name}: u32 = {number}u;"),
                false => writeln!(text[1], "    let {name} = params.{};", name.to_lowercase()),
            };
        }
        text
    }
}

/// A filter in one dispatch (tier 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fused {
    pub tile: Tile,
    pub kernel: Kernel,
    /// Whether tiles inside of the picture are loaded without the edge rule.
    pub interior: bool,
}

/// A filter in three dispatches (tier 2): blocks of `rows.bits[0]` by `columns.bits[1]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passes {
    /// Several rows of a block, transformed along x.
    pub rows: Tile,
    /// Several columns of a block, transformed along y.
    pub columns: Tile,
    pub kernel: Kernel,
    pub interior: bool,
}

/// Bindings of a shader, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    Params,
    Input,
    Output,
    /// Read, or written where the shader makes it.
    Spectrum { write: bool },
    Twiddles,
    Work,
    Taps,
}

impl Binding {
    pub fn number(self) -> u32 {
        match self {
            Self::Params => 0,
            Self::Input => 1,
            Self::Output => 2,
            Self::Spectrum { .. } => 3,
            Self::Twiddles => 4,
            Self::Work => 5,
            Self::Taps => 6,
        }
    }

    pub fn writes(self) -> bool {
        matches!(self, Self::Output | Self::Spectrum { write: true } | Self::Work)
    }

    fn line(self) -> String {
        let (name, ty) = match self {
            Self::Params => ("params", "Params"),
            Self::Input => ("input", "array<f32>"),
            Self::Output => ("output", "array<f32>"),
            Self::Spectrum { .. } => ("spectrum", "array<vec2<f32>>"),
            Self::Twiddles => ("twiddles", "array<vec2<f32>>"),
            Self::Work => ("work", "array<vec2<f32>>"),
            Self::Taps => ("taps", "array<f32>"),
        };
        let access = if self.writes() { "read_write" } else { "read" };
        let number = self.number();
        format!("@group(0) @binding({number}) var<storage, {access}> {name}: {ty};\n")
    }
}

/// A shader with the bindings that it uses.
#[derive(Clone, Debug)]
pub struct Shader {
    pub source: String,
    pub bindings: Vec<Binding>,
}

impl Tile {
    /// A tile of 2^bits, `registers` (log2) values an invocation; `x` and `y` are log2 of the radix of
    /// each stage on that axis (0: none).
    pub fn new(bits: [u32; 2], registers: u32, x: &[u32], y: &[u32]) -> Self {
        let total = bits[0] + bits[1];
        let mut top = [bits[0], total];
        let count = x.len().max(y.len());
        let stages = (0..count).map(|s| {
            let mut transforms = Vec::new();
            // Bits that the invocation may hold besides: none below a transform's own on its axis,
            // since twiddles depend on these.
            let mut free: Vec<u32> = Vec::new();
            for axis in 0..2 {
                let radix = [x, y][axis].get(s).copied().unwrap_or(0);
                let range = top[axis] - radix..top[axis];
                let end = [bits[0], total][axis];
                free.extend(if radix == 0 { [0, bits[0]][axis] } else { range.end }..end);
                if radix > 0 {
                    top[axis] = range.start;
                    transforms.push(range);
                }
            }
            let mut own: Vec<u32> = transforms.iter().cloned().flatten().collect();
            free.retain(|bit| !own.contains(bit));
            while (own.len() as u32) < registers {
                own.push(free.pop().expect("bits for registers"));
            }
            own.sort();
            assert_eq!(own.len() as u32, registers);
            let threads = (0..total).filter(|bit| !own.contains(bit)).collect();
            Stage { transforms, registers: own, threads }
        });
        let stages = stages.collect();
        for (axis, radices) in [x, y].into_iter().enumerate() {
            assert!(radices.is_empty() || radices.iter().sum::<u32>() == bits[axis]);
        }
        Self { bits, stages, exchange: Exchange::Scalar, twiddles: Twiddles::Table }
    }

    pub fn with(self, exchange: Exchange, twiddles: Twiddles) -> Self {
        Self { exchange, twiddles, ..self }
    }

    pub fn values(&self) -> usize {
        1 << (self.bits[0] + self.bits[1])
    }

    pub fn registers(&self) -> usize {
        1 << self.stages[0].registers.len()
    }

    pub fn invocations(&self) -> usize {
        self.values() / self.registers()
    }

    /// Bytes of workgroup memory.
    pub fn workgroup_bytes(&self) -> usize {
        let bytes = if self.exchange == Exchange::Scalar { 4 } else { 8 };
        if self.stages.len() > 1 { self.values() * bytes } else { 0 }
    }

    /// Where the powers of a transform lie in the table: by log2 of the length that it splits, and of
    /// its radix.
    fn tables(&self) -> BTreeMap<(u32, u32), usize> {
        let mut found = BTreeMap::new();
        let mut next = 0;
        for range in self.stages.iter().flat_map(|stage| &stage.transforms) {
            let (split, radix) = (range.end - self.start(range), range.end - range.start);
            if split > radix && !found.contains_key(&(split, radix)) {
                found.insert((split, radix), next);
                next += ((1 << radix) - 1) << (split - radix);
            }
        }
        found
    }

    /// The first bit of the axis of a range.
    fn start(&self, range: &Range<u32>) -> u32 {
        if range.start < self.bits[0] { 0 } else { self.bits[0] }
    }

    /// The table of twiddles, never empty: for each transform and k > 0, W^(k r) for all r.
    pub fn twiddle_table(&self) -> Vec<[f32; 2]> {
        let mut table = BTreeMap::new();
        for ((split, radix), at) in self.tables() {
            let rest = 1usize << (split - radix);
            for k in 1..1usize << radix {
                for r in 0..rest {
                    let angle = -2.0 * PI * (k * r) as f64 / (1u64 << split) as f64;
                    table.insert(at + (k - 1) * rest + r, [angle.cos() as f32, angle.sin() as f32]);
                }
            }
        }
        table.insert(table.len(), [1.0, 0.0]);
        table.into_values().collect()
    }

    /// What bits from 5 on (4 for pairs) are xored into the banks' bits, so that no stage has
    /// conflicts: a vector for each bit of a position.
    fn swizzle(&self) -> Vec<u32> {
        let lanes = if self.exchange == Exchange::Pair { 4 } else { 5 };
        let total = (self.bits[0] + self.bits[1]) as usize;
        let low = 1u32 << lanes;
        let conflicts = |vectors: &[u32]| -> u32 {
            let stages = self.stages.iter().map(|stage| {
                // What is missing to full rank of the lanes' addresses modulo the banks.
                let mut basis: Vec<u32> = Vec::new();
                let mut dependent = 0;
                for &bit in stage.threads.iter().take(lanes) {
                    let mut v = ((1u32 << bit) & (low - 1)) ^ vectors[bit as usize];
                    for b in &basis {
                        v = v.min(v ^ b);
                    }
                    if v == 0 { dependent += 1 } else { basis.push(v) }
                }
                dependent
            });
            stages.sum()
        };
        let mut best = vec![0; total];
        let mut fewest = conflicts(&best);
        // Few bits first: each costs instructions.
        let high: Vec<usize> = (lanes..total).collect();
        for count in 1..=3usize {
            let mut chosen: Vec<usize> = (0..count).collect();
            'subsets: while fewest > 0 && count <= high.len() {
                for code in 0..(low as u64).pow(count as u32) {
                    let mut vectors = vec![0; total];
                    for (i, &c) in chosen.iter().enumerate() {
                        vectors[high[c]] = (code >> (lanes * i)) as u32 & (low - 1);
                    }
                    let now = conflicts(&vectors);
                    if now < fewest {
                        (best, fewest) = (vectors, now);
                        if fewest == 0 {
                            break 'subsets;
                        }
                    }
                }
                // The next subset of this size.
                let Some(i) = (0..count).rev().find(|&i| chosen[i] < high.len() - count + i) else {
                    break;
                };
                chosen[i] += 1;
                for j in i + 1..count {
                    chosen[j] = chosen[j - 1] + 1;
                }
            }
        }
        best
    }
}

/// Bits of `number` sent to the places that `to` names; `None` drops one.
fn scattered(number: usize, to: impl IntoIterator<Item = Option<u32>>) -> usize {
    let bits = to.into_iter().enumerate();
    bits.filter_map(|(i, to)| to.map(|to| (number >> i & 1) << to)).sum()
}

/// The same as an expression of the variable `t`.
fn scatter(to: impl IntoIterator<Item = Option<u32>>) -> String {
    let to: Vec<Option<u32>> = to.into_iter().collect();
    let mut terms = Vec::new();
    let mut i = 0;
    while i < to.len() {
        let Some(first) = to[i] else {
            i += 1;
            continue;
        };
        let mut end = i + 1;
        while end < to.len() && to[end] == Some(first + (end - i) as u32) {
            end += 1;
        }
        let mut term = if i == 0 { "t".to_string() } else { format!("(t >> {i}u)") };
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

/// Straight-line code: every value has a name.
struct Code<'a> {
    tile: &'a Tile,
    text: String,
    next: usize,
    swizzle: Vec<u32>,
    /// Names of the registers.
    values: Vec<String>,
}

impl<'a> Code<'a> {
    fn new(tile: &'a Tile) -> Self {
        let swizzle = tile.swizzle();
        let mut code = Self { tile, text: String::new(), next: 0, swizzle, values: Vec::new() };
        for (s, stage) in tile.stages.iter().enumerate() {
            for axis in 0..2 {
                let name = ["x", "y"][axis];
                let at = scatter(code.axis(&stage.threads, axis));
                code.line(&format!("let {name}{s} = {at};"));
            }
            if tile.stages.len() > 1 {
                let mut terms = vec![scatter(stage.threads.iter().map(|&bit| Some(bit)))];
                for (i, &bit) in stage.threads.iter().enumerate() {
                    let vector = code.swizzle[bit as usize];
                    if vector != 0 {
                        terms.push(format!("((t >> {i}u) & 1u) * {vector}u"));
                    }
                }
                let terms: Vec<String> = terms.iter().map(|term| format!("({term})")).collect();
                code.line(&format!("let a{s} = {};", terms.join(" ^ ")));
            }
        }
        code
    }

    /// Where bits go within an axis.
    fn axis<'b>(&self, bits: &'b [u32], axis: usize) -> impl Iterator<Item = Option<u32>> + use<'b> {
        let columns = self.tile.bits[0];
        bits.iter().map(move |&bit| match axis {
            0 => (bit < columns).then_some(bit),
            _ => bit.checked_sub(columns),
        })
    }

    /// The part of a register in a position (x, y) of a stage.
    fn register_at(&self, stage: usize, register: usize) -> [usize; 2] {
        let registers = &self.tile.stages[stage].registers;
        [0, 1].map(|axis| scattered(register, self.axis(registers, axis)))
    }

    /// The largest part of an invocation in a position (x, y) of a stage.
    fn threads_reach(&self, stage: usize) -> [usize; 2] {
        let threads = &self.tile.stages[stage].threads;
        [0, 1].map(|axis| scattered(usize::MAX, self.axis(threads, axis)))
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "    {line}");
    }

    fn named(&mut self, expression: &str) -> String {
        let name = format!("v{}", self.next);
        self.next += 1;
        self.line(&format!("let {name} = {expression};"));
        name
    }

    /// `v` times W_n^e, or its conjugate.
    fn rotated(&mut self, v: &str, e: usize, n: usize, inverse: bool) -> String {
        match (e * 4, inverse) {
            (0, _) => v.into(),
            (q, false) if q == n => self.named(&format!("vec2<f32>({v}.y, -{v}.x)")),
            (q, true) if q == n => self.named(&format!("vec2<f32>(-{v}.y, {v}.x)")),
            _ => {
                let angle = 2.0 * PI * e as f64 / n as f64 * if inverse { 1.0 } else { -1.0 };
                let [c, s] = [angle.cos() as f32, angle.sin() as f32];
                self.named(&format!(
                    "vec2<f32>({v}.x * {c:?}f - {v}.y * {s:?}f, {v}.x * {s:?}f + {v}.y * {c:?}f)"
                ))
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
                let minus = format!("vec2<f32>({s1}.x + {s3}.y, {s1}.y - {s3}.x)");
                let plus = format!("vec2<f32>({s1}.x - {s3}.y, {s1}.y + {s3}.x)");
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

    /// Butterflies and twiddles of one stage along one range of bits.
    fn butterflies(&mut self, stage: usize, range: &Range<u32>, inverse: bool) {
        let Stage { registers, threads, .. } = &self.tile.stages[stage];
        let start = self.tile.start(range);
        let (split, radix) = (range.end - start, range.end - range.start);
        // Bits of a register's number that are the digit.
        let digit = |k: usize| -> usize {
            let place = |bit: u32| registers.iter().position(|&b| b == bit).expect("a bit held");
            (0..radix).map(|i| (k >> i & 1) << place(range.start + i)).sum()
        };
        let all = digit((1 << radix) - 1);
        let mut powers: Vec<String> = Vec::new();
        if split > radix {
            let rest = threads.iter().map(|&bit| (start..range.start).contains(&bit).then(|| bit - start));
            let r = format!("q{}", self.next);
            self.line(&format!("let {r} = {};", scatter(rest)));
            let at = self.tile.tables()[&(split, radix)];
            for k in 1..1usize << radix {
                let power = match self.tile.twiddles {
                    Twiddles::Powers if k > 1 => {
                        format!("times({}, {})", powers[k / 2 - 1], powers[k - k / 2 - 1])
                    }
                    _ => format!("twiddles[{}u + {r}]", at + ((k - 1) << (split - radix))),
                };
                powers.push(self.named(&power));
            }
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

    /// Hands values from the invocations of one stage to those of another. Values are written where
    /// their invocation has read last, so that no barrier is needed before.
    fn exchange(&mut self, from: usize, to: usize) {
        let address = |code: &Self, stage: usize, register: usize| -> String {
            let registers = &code.tile.stages[stage].registers;
            let position = scattered(register, registers.iter().map(|&bit| Some(bit)));
            let mut at = position;
            for (bit, vector) in code.swizzle.iter().enumerate() {
                if position >> bit & 1 == 1 {
                    at ^= *vector as usize;
                }
            }
            if at == 0 { format!("a{stage}") } else { format!("a{stage} ^ {at}u") }
        };
        let count = self.values.len();
        let phases: &[&[(&str, &str)]] = match self.tile.exchange {
            Exchange::Scalar => &[&[("shared_x", ".x")], &[("shared_x", ".y")]],
            Exchange::Two => &[&[("shared_x", ".x"), ("shared_y", ".y")]],
            Exchange::Pair => &[&[("shared_x", "")]],
        };
        let mut read: Vec<Vec<String>> = vec![Vec::new(); count];
        for (p, phase) in phases.iter().enumerate() {
            if p > 0 {
                self.line("workgroupBarrier();");
            }
            for (array, part) in *phase {
                for register in 0..count {
                    let line = format!(
                        "{array}[{}] = {}{part};",
                        address(self, from, register),
                        self.values[register]
                    );
                    self.line(&line);
                }
            }
            self.line("workgroupBarrier();");
            for (array, _) in *phase {
                for register in 0..count {
                    let value = format!("{array}[{}]", address(self, to, register));
                    let name = self.named(&value);
                    read[register].push(name);
                }
            }
        }
        for (register, parts) in read.into_iter().enumerate() {
            self.values[register] = match &parts[..] {
                [x, y] => self.named(&format!("vec2<f32>({x}, {y})")),
                [whole] => whole.clone(),
                _ => unreachable!(),
            };
        }
    }

    fn forward(&mut self) {
        for s in 0..self.tile.stages.len() {
            if s > 0 {
                self.exchange(s - 1, s);
            }
            for range in &self.tile.stages[s].transforms {
                self.butterflies(s, range, false);
            }
        }
    }

    fn inverse(&mut self) {
        for s in (0..self.tile.stages.len()).rev() {
            for range in self.tile.stages[s].transforms.iter().rev() {
                self.butterflies(s, range, true);
            }
            if s > 0 {
                self.exchange(s, s - 1);
            }
        }
    }

    /// Where the spectrum of a register lies: what an invocation multiplies with is what an
    /// invocation of the same number has made.
    fn spectrum_at(&self, register: usize, groups: bool) -> String {
        let (count, invocations) = (self.values.len(), self.tile.invocations());
        let at = register * invocations;
        if groups {
            format!("spectrum[group.x * {}u + {at}u + t]", count * invocations)
        } else {
            format!("spectrum[{at}u + t]")
        }
    }

    fn times_spectrum(&mut self, groups: bool) {
        for register in 0..self.values.len() {
            let at = self.spectrum_at(register, groups);
            let value = format!("times({}, {at})", self.values[register]);
            self.values[register] = self.named(&value);
        }
    }

    fn store_spectrum(&mut self, groups: bool) {
        for register in 0..self.values.len() {
            let line = format!("{} = {};", self.spectrum_at(register, groups), self.values[register]);
            self.line(&line);
        }
    }

    /// Names of x and y of a register, as sums; y from `row` on.
    fn place(&self, stage: usize, register: usize, row: &str) -> [String; 2] {
        let [x, y] = self.register_at(stage, register);
        let sum = |base: String, add: usize| if add == 0 { base } else { format!("{base} + {add}u") };
        let y_base = if row.is_empty() { format!("y{stage}") } else { format!("{row} + y{stage}") };
        [sum(format!("x{stage}"), x), sum(y_base, y)]
    }

    /// Loads two tiles of the picture, or taps.
    fn load_pair(&mut self, row: &str, interior: bool, block: [usize; 2]) {
        self.line("let one = place_of(VW, VH, tile);");
        self.line("let two = place_of(VW, VH, min(tile + 1u, params.tiles - 1u));");
        let count = self.tile.registers();
        let lines = |code: &Self, load: &str| -> String {
            let mut lines = String::new();
            for register in 0..count {
                let [x, y] = code.place(0, register, row);
                let at = |tile: &str| {
                    format!("{load}({tile}.plane, i32({tile}.y + {y} - OY), i32({tile}.x + {x} - OX))")
                };
                let _ = writeln!(lines, "        r{register} = vec2<f32>({}, {});", at("one"), at("two"));
            }
            lines
        };
        for register in 0..count {
            self.line(&format!("var r{register}: vec2<f32>;"));
        }
        if interior {
            let [w, h] = block;
            self.line(&format!("if is_inside(one.y, one.x, OY, OX, {h}u, {w}u) && is_inside(two.y, two.x, OY, OX, {h}u, {w}u) {{"));
            self.text += &lines(self, "load_inside");
            self.line("} else {");
            self.text += &lines(self, "load");
            self.line("}");
        } else {
            self.line("{");
            self.text += &lines(self, "load");
            self.line("}");
        }
        self.values = (0..count).map(|register| format!("r{register}")).collect();
    }

    fn load_taps(&mut self, row: &str, block: [usize; 2]) {
        let scale = 1.0 / (block[0] * block[1]) as f32;
        for register in 0..self.tile.registers() {
            let [x, y] = self.place(0, register, row);
            let [w, h] = block;
            let value = format!(
                "vec2<f32>(tap(({h}u - ({y})) & {}u, ({w}u - ({x})) & {}u, KH, KW) * {scale:?}f, 0.0f)",
                h - 1,
                w - 1
            );
            let name = self.named(&value);
            self.values.push(name);
        }
    }

    /// Stores the valid outputs of two tiles.
    fn store_pair(&mut self, row: &str, kernel: &Kernel, valid: [usize; 2]) {
        self.line("let has_two = tile + 1u < params.tiles;");
        let reach = self.threads_reach(0);
        // What is not known when this is written holds for no register and fails for none.
        let known = kernel.baked;
        for register in 0..self.values.len() {
            let at = self.register_at(0, register);
            if known && (at[0] >= valid[0] || (row.is_empty() && at[1] >= valid[1])) {
                continue;
            }
            let [x, y] = self.place(0, register, row);
            let mut conditions = Vec::new();
            if !known || at[0] + reach[0] >= valid[0] {
                conditions.push(format!("{x} < VW"));
            }
            if !known || !row.is_empty() || at[1] + reach[1] >= valid[1] {
                conditions.push(format!("{y} < VH"));
            }
            if conditions.is_empty() {
                conditions.push("true".into());
            }
            self.line(&format!("if {} {{", conditions.join(" && ")));
            for (tile, part, condition) in [("one", "x", ""), ("two", "y", "has_two && ")] {
                let value = self.values[register].clone();
                self.line(&format!("    if {condition}{tile}.y + {y} < params.out_rows && {tile}.x + {x} < params.out_columns {{"));
                self.line(&format!("        store({tile}.plane, {tile}.y + {y}, {tile}.x + {x}, {value}.{part});"));
                self.line("    }");
            }
            self.line("}");
        }
    }

    /// Where a block's row keeps a value between passes: neighbouring invocations side by side,
    /// whatever frequencies they hold.
    fn slot(&mut self, register: usize, name: &str) -> String {
        let last = self.tile.stages.len() - 1;
        let columns = self.tile.bits[0];
        let Stage { registers, threads, .. } = &self.tile.stages[last];
        let packed = |bits: &[u32], first: u32| -> Vec<Option<u32>> {
            let mut next = first;
            let place = |&bit: &u32| {
                (bit < columns).then(|| {
                    next += 1;
                    next - 1
                })
            };
            bits.iter().map(place).collect()
        };
        if register == 0 {
            let line = format!("let {name} = {};", scatter(packed(threads, 0)));
            self.line(&line);
        }
        let held = threads.iter().filter(|&&bit| bit < columns).count() as u32;
        let at = scattered(register, packed(registers, held));
        if at == 0 { name.into() } else { format!("{name} + {at}u") }
    }

    /// Where the work buffer keeps a register of the last stage of rows.
    fn work_of_rows(&mut self, register: usize, block: [usize; 2]) -> String {
        let slot = self.slot(register, "slot");
        let last = self.tile.stages.len() - 1;
        let [_, y] = self.place(last, register, "row");
        format!("work[(group.y * {}u + {y}) * {}u + {slot}]", block[1], block[0])
    }

    fn finish(self, mut bindings: Vec<Binding>, [front, start]: [String; 2]) -> Shader {
        if !self.tile.tables().is_empty() {
            bindings.push(Binding::Twiddles);
        }
        let mut source = prelude(&bindings) + &front;
        if self.tile.stages.len() > 1 {
            let ty = if self.tile.exchange == Exchange::Pair { "vec2<f32>" } else { "f32" };
            let values = self.tile.values();
            let _ = writeln!(source, "var<workgroup> shared_x: array<{ty}, {values}>;");
            if self.tile.exchange == Exchange::Two {
                let _ = writeln!(source, "var<workgroup> shared_y: array<f32, {values}>;");
            }
        }
        let _ = write!(
            source,
            "
@compute @workgroup_size({})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {{
{start}{}}}
",
            self.tile.invocations(),
            self.text
        );
        Shader { source, bindings }
    }
}

/// What the library's formats and boundaries will replace.
fn prelude(bindings: &[Binding]) -> String {
    let mut source = String::from(
        "struct Params {
    in_rows: u32,
    in_columns: u32,
    out_rows: u32,
    out_columns: u32,
    tiles_across: u32,
    tiles_plane: u32,
    tiles: u32,
    first: u32,
    kw: u32,
    kh: u32,
    ox: u32,
    oy: u32,
    vw: u32,
    vh: u32,
}

fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

fn times_conjugate(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(a.x * b.x + a.y * b.y, a.y * b.x - a.x * b.y);
}

",
    );
    for binding in bindings {
        source += &binding.line();
    }
    let has = |binding| bindings.contains(&binding);
    if has(Binding::Params) {
        source += "
struct Place {
    plane: u32,
    y: u32,
    x: u32,
}

// Where the outputs of a tile begin.
fn place_of(width: u32, height: u32, tile: u32) -> Place {
    let plane = tile / params.tiles_plane;
    let within = tile - plane * params.tiles_plane;
    let down = within / params.tiles_across;
    return Place(plane, down * height, (within - down * params.tiles_across) * width);
}

// Whether all inputs of a tile exist.
fn is_inside(y: u32, x: u32, oy: u32, ox: u32, height: u32, width: u32) -> bool {
    return y >= oy && x >= ox && y - oy + height <= params.in_rows && x - ox + width <= params.in_columns;
}
";
    }
    if has(Binding::Input) {
        source += "
fn load_inside(plane: u32, y: i32, x: i32) -> f32 {
    return input[(plane * params.in_rows + u32(y)) * params.in_columns + u32(x)];
}

fn load(plane: u32, y: i32, x: i32) -> f32 {
    if u32(y) < params.in_rows && u32(x) < params.in_columns {
        return load_inside(plane, y, x);
    }
    return 0.0f;
}
";
    }
    if has(Binding::Taps) {
        source += TAP;
    }
    if has(Binding::Output) {
        source += "
fn store(plane: u32, y: u32, x: u32, value: f32) {
    output[(plane * params.out_rows + y) * params.out_columns + x] = value;
}
";
    }
    source
}

/// `tap(y, x)`, zero outside of the kernel.
const TAP: &str = "
fn tap(y: u32, x: u32, h: u32, w: u32) -> f32 {
    if y < h && x < w {
        return taps[y * w + x];
    }
    return 0.0f;
}
";

impl Fused {
    pub fn block(&self) -> [usize; 2] {
        self.tile.bits.map(|bits| 1 << bits)
    }

    /// Outputs (columns, rows) of a tile.
    pub fn valid(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.block()[axis] + 1 - self.kernel.taps[axis])
    }

    /// The filter; a workgroup for two tiles.
    pub fn filter(&self) -> Shader {
        let mut code = Code::new(&self.tile);
        code.line("let tile = 2u * (group.x + group.y * 32768u);");
        code.line("if tile >= params.tiles { return; }");
        code.load_pair("", self.interior, self.block());
        code.forward();
        code.times_spectrum(false);
        code.inverse();
        code.store_pair("", &self.kernel, self.valid());
        code.finish(vec![Binding::Params, Binding::Input, Binding::Output, Binding::Spectrum { write: false }], self.kernel.names(self.valid()))
    }

    /// Makes the spectrum; one workgroup.
    pub fn spectrum(&self) -> Shader {
        let mut code = Code::new(&self.tile);
        code.load_taps("", self.block());
        code.forward();
        code.store_spectrum(false);
        code.finish(vec![Binding::Params, Binding::Spectrum { write: true }, Binding::Taps], self.kernel.names(self.valid()))
    }
}

impl Passes {
    pub fn block(&self) -> [usize; 2] {
        [1 << self.rows.bits[0], 1 << self.columns.bits[1]]
    }

    pub fn valid(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.block()[axis] + 1 - self.kernel.taps[axis])
    }

    /// Workgroups of a pair of blocks in the passes.
    pub fn groups(&self) -> [u32; 3] {
        let [w, h] = self.block();
        let rows = 1 << self.rows.bits[1];
        [h / rows, w >> self.columns.bits[0], self.valid()[1].div_ceil(rows)].map(|n| n as u32)
    }

    fn rows_code(&self) -> Code<'_> {
        let mut code = Code::new(&self.rows);
        code.line(&format!("let row = group.x << {}u;", self.rows.bits[1]));
        code
    }

    fn store_rows(&self, code: &mut Code) {
        for register in 0..code.values.len() {
            let at = code.work_of_rows(register, self.block());
            let line = format!("{at} = {};", code.values[register]);
            code.line(&line);
        }
    }

    /// Rows of pairs of blocks to the work buffer.
    pub fn rows_forward(&self) -> Shader {
        let mut code = self.rows_code();
        code.line("let tile = 2u * (params.first + group.y);");
        code.load_pair("row", self.interior, self.block());
        code.forward();
        self.store_rows(&mut code);
        code.finish(vec![Binding::Params, Binding::Input, Binding::Work], self.kernel.names(self.valid()))
    }

    /// Rows of taps to the work buffer.
    pub fn rows_of_taps(&self) -> Shader {
        let mut code = self.rows_code();
        code.load_taps("row", self.block());
        code.forward();
        self.store_rows(&mut code);
        code.finish(vec![Binding::Params, Binding::Work, Binding::Taps], self.kernel.names(self.valid()))
    }

    fn columns_code(&self) -> (Code<'_>, Vec<String>) {
        let mut code = Code::new(&self.columns);
        let [w, h] = self.block();
        let count = self.columns.registers();
        let at = |code: &Code, register| {
            let [x, y] = code.place(0, register, "");
            format!("work[(group.y * {h}u + {y}) * {w}u + (group.x << {}u) + {x}]", self.columns.bits[0])
        };
        let places: Vec<String> = (0..count).map(|register| at(&code, register)).collect();
        code.values = places.iter().map(|place| code.named(place)).collect();
        code.forward();
        (code, places)
    }

    /// Columns of the work buffer: transformed, multiplied, transformed back, in place.
    pub fn columns_filter(&self) -> Shader {
        let (mut code, places) = self.columns_code();
        code.times_spectrum(true);
        code.inverse();
        let valid = self.valid()[1];
        let reach = code.threads_reach(0)[1];
        for (register, place) in places.iter().enumerate() {
            let at = code.register_at(0, register)[1];
            let value = &code.values[register];
            let line = if self.kernel.baked && at >= valid {
                continue;
            } else if !self.kernel.baked || at + reach >= valid {
                format!("if y0 + {at}u < VH {{ {place} = {value}; }}")
            } else {
                format!("{place} = {value};")
            };
            code.line(&line);
        }
        code.finish(vec![Binding::Params, Binding::Work, Binding::Spectrum { write: false }], self.kernel.names(self.valid()))
    }

    /// Columns of the transformed taps to the spectrum.
    pub fn columns_spectrum(&self) -> Shader {
        let (mut code, _) = self.columns_code();
        code.store_spectrum(true);
        code.finish(vec![Binding::Params, Binding::Work, Binding::Spectrum { write: true }], self.kernel.names(self.valid()))
    }

    /// Rows of the work buffer back to outputs.
    pub fn rows_back(&self) -> Shader {
        let mut code = self.rows_code();
        code.line("let tile = 2u * (params.first + group.y);");
        code.line("let one = place_of(VW, VH, tile);");
        code.line("let two = place_of(VW, VH, min(tile + 1u, params.tiles - 1u));");
        for register in 0..self.rows.registers() {
            let at = code.work_of_rows(register, self.block());
            let name = code.named(&at);
            code.values.push(name);
        }
        code.inverse();
        code.store_pair("row", &self.kernel, self.valid());
        code.finish(vec![Binding::Params, Binding::Output, Binding::Work], self.kernel.names(self.valid()))
    }
}
