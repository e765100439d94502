//! `convolve devices`.

use std::fmt::Write;

use anyhow::Result;
use convolve::plan::Gpu;
use convolve::{Adapter, Convolver};

use crate::calibrate::kept;
use crate::report;

pub fn run() -> Result<()> {
    let convolver = Convolver::new();
    let capabilities = convolver.capabilities();
    let measured = convolver.calibrations();
    let mut text =
        format!("cpu: {} threads, {}\n", capabilities.threads, capabilities.instructions);
    match measured.iter().find(|device| device.kind.is_none()) {
        Some(cpu) => text += &kept(cpu),
        None => text += "     not measured: see `convolve calibrate`\n",
    }
    match &capabilities.gpu {
        Gpu::Present(gpu) => writeln!(text, "gpu: {} ({})", gpu.name, gpu.backend)?,
        Gpu::Absent(reason) => writeln!(text, "gpu: none, {reason}")?,
        _ => writeln!(text, "gpu: not looked for")?,
    }
    for Adapter { capabilities: gpu, driver, chosen, .. } in convolve::adapters() {
        let mark = if chosen { "->" } else { "  " };
        let mebibytes = |bytes: u64| bytes >> 20;
        writeln!(text, "\n{mark} {} ({:?}, {}), {driver}", gpu.name, gpu.kind, gpu.backend)?;
        writeln!(text, "     largest buffer           {} MiB", mebibytes(gpu.max_buffer))?;
        writeln!(text, "     largest storage binding  {} MiB", mebibytes(gpu.max_binding))?;
        writeln!(text, "     workgroup memory         {} KiB", gpu.max_workgroup_memory >> 10)?;
        writeln!(text, "     workgroup invocations    {}", gpu.max_invocations)?;
        let [x, y] = gpu.max_workgroup_size;
        writeln!(text, "     workgroup size           {x} x {y}")?;
        writeln!(text, "     workgroups a dimension   {}", gpu.max_groups)?;
        if let Some(device) = measured.iter().find(|device| device.is_of(&gpu)) {
            text += &kept(device);
        }
    }
    report::print(text.trim_end())
}
