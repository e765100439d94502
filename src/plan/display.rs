//! A plan in words.

use std::fmt;

use super::cost::Seconds;
use super::{Gpu, Plan, Verdict};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = &self.problem;
        let inside = self.inside();
        let inside =
            if inside == problem.dtype { String::new() } else { format!(" ({inside} inside)") };
        writeln!(
            f,
            "{} {}{inside} of {} with a kernel of {}, mode {} -> {}",
            problem.operation,
            problem.dtype,
            shape(&problem.input),
            shape(&problem.kernel),
            problem.mode,
            shape(&problem.output)
        )?;
        if problem.swapped {
            writeln!(f, "the kernel is the longer one: the two change places")?;
        }
        write!(
            f,
            "computed on {} samples as {} taps",
            shape(&self.geometry.input()),
            shape(&self.geometry.kernel())
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
        for (i, candidate) in self.candidates.iter().enumerate() {
            let mark = if i == self.chosen { "->" } else { "  " };
            let name = format!("{} {}", candidate.device, candidate.method);
            write!(f, "{mark} {name:<14}")?;
            match &candidate.verdict {
                Verdict::Admissible(recipe, cost) => {
                    write!(f, "{:>9}  {recipe}", cost.to_string())?;
                    if cost.transfer > 0.0 {
                        write!(f, "; {} of it on the bus", Seconds(cost.transfer))?;
                    }
                    writeln!(f)?;
                }
                Verdict::Vetoed(reason) => writeln!(f, "        -  {reason}")?,
            }
        }
        write!(f, "chosen: {}", self.reason())
    }
}

impl Plan {
    /// Why the chosen candidate was chosen, in a sentence.
    pub fn reason(&self) -> String {
        let chosen = self.chosen();
        let name = format!("{} {}", chosen.device, chosen.method);
        let others: Vec<(String, f64)> = self
            .candidates
            .iter()
            .enumerate()
            .filter(|&(i, _)| i != self.chosen)
            .filter_map(|(_, other)| {
                let (_, cost) = other.admitted()?;
                Some((format!("{} {}", other.device, other.method), cost.total()))
            })
            .collect();
        let Some((other, time)) = others.iter().min_by(|(_, a), (_, b)| a.total_cmp(b)) else {
            return format!("{name}, the only one that can do this");
        };
        let ratio = time / self.cost().total();
        if ratio >= 1.0 {
            format!("{name}, expected to be {ratio:.1} times as fast as {other}")
        } else if self.request.device == super::Device::Auto
            && self.request.method == super::Method::Auto
        {
            format!("{name}: {other} is expected to gain too little to leave the CPU for")
        } else {
            format!(
                "{name}, as asked, although {other} is expected to be {:.1} times as fast",
                1.0 / ratio
            )
        }
    }
}

/// `2048 x 1024`; an array without axes is a scalar.
fn shape(lengths: &[usize]) -> String {
    if lengths.is_empty() {
        return "a scalar".into();
    }
    lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}
