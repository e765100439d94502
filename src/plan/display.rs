//! A plan in words.

use std::fmt;

use super::{Candidate, Cost, Gpu, Plan, Recipe, Request, Verdict};
use crate::words::{Device, Method, Seconds, Shape};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = &self.problem;
        let inside = self.compute_dtype();
        let inside =
            if inside == problem.dtype { String::new() } else { format!(" ({inside} inside)") };
        write!(
            f,
            "{} {}{inside} of {} with a kernel of {}, mode {} -> {}",
            problem.operation,
            problem.dtype,
            Shape(&problem.input),
            Shape(&problem.kernel),
            problem.mode,
            Shape(&problem.output)
        )?;
        if let Some(outputs) = &problem.outputs {
            let ranges: Vec<String> = outputs.iter().map(|range| format!("{range:?}")).collect();
            write!(f, ", outputs {}", ranges.join(" x "))?;
        }
        writeln!(f)?;
        if problem.swapped {
            writeln!(f, "the kernel is the longer one: the two change places")?;
        }
        write!(
            f,
            "computed on {} samples as {} taps",
            Shape(&self.geometry.input()),
            Shape(&self.geometry.kernel())
        )?;
        let edges: Vec<String> =
            self.geometry.axes.iter().map(|axis| axis.edge.to_string()).collect();
        let first = &edges[0];
        if edges.iter().all(|edge| edge == first) {
            writeln!(f, ", edges: {first}")?;
        } else {
            writeln!(f, ", edges: {}", edges.join(", "))?;
        }
        match &self.gpu {
            Gpu::Present(gpu) => {
                writeln!(f, "gpu: {} ({:?}, {})", gpu.name, gpu.kind, gpu.backend)?
            }
            Gpu::Absent(reason) => writeln!(f, "gpu: none, {reason}")?,
            Gpu::NotAsked => writeln!(f, "gpu: not looked for")?,
        }
        self.table(f)?;
        write!(f, "chosen: {}", self.reason())
    }
}

/// A part of a cost, and its name.
type Part = (&'static str, fn(&Cost) -> f64);

/// In the order of their columns.
const PARTS: [Part; 4] = [
    ("work", |cost| cost.work),
    ("fixed", |cost| cost.fixed),
    ("transfer", |cost| cost.transfer),
    ("setup", |cost| cost.setup),
];

/// Parts below this share of a total are not worth a column.
const WORTH_A_COLUMN: f64 = 0.01;

impl Plan {
    /// One line for each candidate: the time of a run, those parts of it that matter to any of them,
    /// what was measured, and how it would run or why it is out.
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let costs = || self.candidates.iter().filter_map(Candidate::admitted).map(|(_, cost)| cost);
        let matters =
            |part: fn(&Cost) -> f64| costs().any(|c| part(c) >= WORTH_A_COLUMN * c.total());
        let parts: Vec<_> = PARTS.iter().filter(|(_, part)| matters(*part)).collect();
        let measured = self.candidates.iter().any(|candidate| candidate.measured.is_some());
        let runs = match self.request.runs {
            1 => "a single run".to_string(),
            n => format!("one of {n} runs"),
        };
        let width = runs.len().max(15);
        write!(f, "   {runs:<width$}{:>9}", "total")?;
        parts.iter().try_for_each(|(name, _)| write!(f, " {name:>9}"))?;
        writeln!(f, "{}", if measured { "  measured" } else { "" })?;
        for (i, candidate) in self.candidates.iter().enumerate() {
            let mark = if i == self.chosen { "->" } else { "  " };
            write!(f, "{mark} {:<width$}", candidate.name())?;
            match &candidate.verdict {
                Verdict::Admissible(recipe, cost) => {
                    write!(f, "{:>9}", cost.to_string())?;
                    for (_, part) in &parts {
                        match part(cost) {
                            0.0 => write!(f, " {:>9}", "-")?,
                            seconds => write!(f, " {:>9}", Seconds(seconds).to_string())?,
                        }
                    }
                    if measured {
                        let time = candidate.measured.map(|time| Seconds(time).to_string());
                        write!(f, " {:>9}", time.as_deref().unwrap_or("-"))?;
                    }
                    writeln!(f, "  {recipe}")?;
                }
                Verdict::Vetoed(reason) => writeln!(f, "        -  {reason}")?,
            }
        }
        Ok(())
    }

    /// Why the chosen candidate was chosen, in a sentence.
    pub fn reason(&self) -> String {
        let chosen = self.chosen();
        let name = chosen.name();
        // What was measured counts, where anything was.
        let measured = chosen.measured.is_some();
        let time = |candidate: &Candidate| {
            let (_, cost) = candidate.admitted()?;
            if measured { Some(candidate.measured? + cost.setup) } else { Some(cost.total()) }
        };
        let others = self.candidates.iter().enumerate().filter(|&(i, _)| i != self.chosen);
        let others = others.filter_map(|(_, other)| Some((other, time(other)?)));
        let Some((other, others)) = others.min_by(|(_, a), (_, b)| a.total_cmp(b)) else {
            return format!("{name}, the only one that can do this");
        };
        let ratio = others / time(chosen).unwrap_or(f64::NAN);
        let (expected, by) = (if measured { "measured" } else { "expected" }, other.name());
        let Request { device, method, .. } = self.request;
        let is_free = matches!(method, Method::Auto | Method::Measured) && device == Device::Auto;
        if ratio >= 1.0 {
            format!("{name}, {expected} to be {ratio:.1} times as fast as {by}")
        } else if matches!(other.admitted(), Some((Recipe::CpuFft { proved: false, .. }, _))) {
            format!(
                "{name}: {by}, which is exact for usual samples only, is {expected} to gain too \
                 little for that"
            )
        } else if is_free && other.device == Device::Gpu && self.gpu.is_software() {
            format!("{name}: {by} would run on the CPU too, and is used only where it is asked for")
        } else if matches!(other.admitted(), Some((Recipe::Gpu(schedule), _)) if schedule.block().is_some())
        {
            format!(
                "{name}: {by}, which sums directly what samples make doubtful, is {expected} to gain too \
                 little for that"
            )
        } else if is_free {
            let home = if self.request.resident { Device::Gpu } else { Device::Cpu };
            format!("{name}: {by} is {expected} to gain too little to leave the {home} for")
        } else {
            format!(
                "{name}, as asked, although {by} is {expected} to be {:.1} times as fast",
                1.0 / ratio
            )
        }
    }
}

impl Candidate {
    /// Device and method.
    fn name(&self) -> String {
        format!("{} {}", self.device, self.method)
    }
}
