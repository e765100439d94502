//! A plan as JSON.

use serde_json::{Value, json};
use std::ops::Range;

use super::cpu::CoarseGrid;
use super::{Candidate, Cost, Gpu, Plan, Recipe, Verdict};
use crate::problem::geometry::Geometry;
use crate::words::Tolerance;

impl Plan {
    /// The plan as JSON, with all candidates; needs the feature `serde`.
    ///
    /// The names of fields are stable: new ones may come, and none will change or go within a major
    /// version. Times are in seconds, of one run. Texts for people (`recipe`, `veto`, `reason`) may
    /// change.
    ///
    /// | field | what it is |
    /// | --- | --- |
    /// | `problem` | `operation`, `dtype`, `compute_dtype` (the type that is computed in), `mode`, `input`, `kernel`, `output` (shapes), `swapped`, `outputs` (per axis `start` and `end`, of those that there would be) or `null`, `reads` (the same of the input) |
    /// | `geometry` | the folded axes: `input`, `kernel`, `output`, `edges` |
    /// | `kernel` | `finite`, `terms` (outer products whose sum it is; 0 where none are known) |
    /// | `request` | `method`, `device`, `precision`, `runs`, `resident`, `reproducible`, `tolerance` (`relative` or `levels`) or `null`, `stored` (a type) or `null` |
    /// | `gpu` | `name`, `backend`, `driver`, `kind`; or `absent` with the reason; `null` where nobody looked |
    /// | `candidates` | for each `device`, `method`, `chosen`, `admissible`, `veto` or `null`, `recipe` or `null`, `seconds` or `null` (`total`, `work`, `fixed`, `transfer`, `setup`), `measured_seconds` or `null`, and `coarse` or `null`: `axes` (for each folded axis `factor`, `down`, `taps`, `up` (numbers of taps) and `error`, or `null`), `error` (proved, of `max \|x\| * sum \|k\|`), `proved` (the same in the tolerance's unit) |
    /// | `chosen` | `device`, `method`, `reason` |
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    ///
    /// let blur = Convolver::new().filter(&filters::gaussian::<f32>(2.0)?).for_shape((480, 640))?;
    /// let plan: serde_json::Value = serde_json::from_str(&blur.plan().to_json()).unwrap();
    /// assert_eq!(plan["problem"]["input"], serde_json::json!([480, 640]));
    /// assert_eq!(plan["chosen"]["device"], "cpu");
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn to_json(&self) -> String {
        let Self { problem, kernel, request, .. } = self;
        let chosen = self.chosen();
        let json = json!({
            "problem": {
                "operation": problem.operation.to_string(),
                "dtype": problem.dtype.to_string(),
                "compute_dtype": self.compute_dtype().to_string(),
                "mode": problem.mode.to_string(),
                "input": problem.input,
                "kernel": problem.kernel,
                "output": problem.output,
                "swapped": problem.swapped,
                "outputs": problem.outputs.as_deref().map(ranges),
                "reads": ranges(&problem.reads),
            },
            "geometry": geometry(&self.geometry),
            "kernel": { "finite": kernel.finite, "terms": kernel.terms },
            "request": {
                "method": request.method.to_string(),
                "device": request.device.to_string(),
                "precision": request.precision.to_string(),
                "runs": request.runs,
                "reproducible": request.reproducible,
                "resident": request.resident,
                "tolerance": request.tolerance.map(tolerance),
                "stored": request.stored.map(|dtype| dtype.to_string()),
            },
            "gpu": gpu(&self.gpu),
            "candidates": self
                .candidates
                .iter()
                .map(|one| candidate(one, std::ptr::eq(one, chosen)))
                .collect::<Vec<_>>(),
            "chosen": {
                "device": chosen.device.to_string(),
                "method": chosen.method.to_string(),
                "reason": self.reason(),
            },
        });
        format!("{json:#}")
    }
}

fn ranges(ranges: &[Range<usize>]) -> Value {
    let ranges = ranges.iter().map(|range| json!({ "start": range.start, "end": range.end }));
    ranges.collect()
}

fn geometry(geometry: &Geometry) -> Value {
    let edges: Vec<String> = geometry.axes.iter().map(|axis| axis.edge.to_string()).collect();
    json!({
        "input": geometry.input(),
        "kernel": geometry.kernel(),
        "output": geometry.output(),
        "edges": edges,
    })
}

fn gpu(gpu: &Gpu) -> Value {
    match gpu {
        Gpu::Present(gpu) => json!({
            "name": gpu.name,
            "backend": gpu.backend,
            "driver": gpu.driver,
            "kind": format!("{:?}", gpu.kind).to_lowercase(),
        }),
        Gpu::Absent(reason) => json!({ "absent": reason }),
        Gpu::NotAsked => Value::Null,
    }
}

fn tolerance(tolerance: Tolerance) -> Value {
    match tolerance {
        Tolerance::Relative(share) => json!({ "relative": share }),
        Tolerance::Levels(levels) => json!({ "levels": levels }),
    }
}

fn coarse(grid: &CoarseGrid) -> Value {
    let axis = |axis: &Option<_>| {
        let axis: &crate::kernel::coarse::CoarseAxis = Option::as_deref(axis)?;
        Some(json!({
            "factor": axis.factor,
            "down": axis.down.len(),
            "taps": axis.taps.len(),
            "up": axis.reads,
            "error": axis.error,
        }))
    };
    json!({
        "axes": grid.axes.iter().map(axis).collect::<Vec<_>>(),
        "error": grid.error,
        "proved": grid.proved,
    })
}

fn candidate(candidate: &Candidate, chosen: bool) -> Value {
    let (recipe, cost, veto) = match &candidate.verdict {
        Verdict::Admissible(recipe, cost) => (Some(recipe.to_string()), Some(seconds(cost)), None),
        Verdict::Vetoed(reason) => (None, None, Some(reason)),
    };
    let coarse = match candidate.admitted() {
        Some((Recipe::CpuCoarse { grid, .. }, _)) => Some(coarse(grid)),
        _ => None,
    };
    json!({
        "device": candidate.device.to_string(),
        "method": candidate.method.to_string(),
        "chosen": chosen,
        "admissible": veto.is_none(),
        "veto": veto,
        "recipe": recipe,
        "seconds": cost,
        "measured_seconds": candidate.measured,
        "coarse": coarse,
    })
}

fn seconds(cost: &Cost) -> Value {
    json!({
        "total": cost.total(),
        "work": cost.work,
        "fixed": cost.fixed,
        "transfer": cost.transfer,
        "setup": cost.setup,
    })
}
