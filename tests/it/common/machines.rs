//! Machines that nobody has here, as plain numbers.

use convolve::plan::{Capabilities, Gpu, GpuCapabilities, GpuKind, InstructionSet};

fn cpu(threads: usize) -> Capabilities {
    Capabilities::new(threads, InstructionSet::Avx2, Gpu::Absent("no adapter".into()))
}

fn with(threads: usize, gpu: GpuCapabilities) -> Capabilities {
    with!(cpu(threads), gpu: Gpu::Present(gpu))
}

fn gpu(kind: GpuKind) -> GpuCapabilities {
    with!(
        GpuCapabilities::webgpu_defaults("Invented", kind),
        max_binding: 2 << 30,
        max_buffer: 4 << 30,
        max_workgroup_memory: 32 << 10,
    )
}

/// Names and capabilities.
pub fn machines() -> Vec<(&'static str, Capabilities)> {
    use GpuKind::{Discrete, Integrated, Other, Software};
    let defaults = GpuCapabilities::webgpu_defaults("Invented", Discrete);
    vec![
        ("no GPU", cpu(8)),
        ("no GPU, one core", cpu(1)),
        ("no GPU, 128 cores", cpu(128)),
        ("narrow CPU", with!(cpu(4), instructions: InstructionSet::Baseline)),
        ("discrete", with(8, gpu(Discrete))),
        ("discrete, 2 cores", with(2, gpu(Discrete))),
        ("discrete, 128 cores", with(128, gpu(Discrete))),
        ("discrete, one core", with(1, gpu(Discrete))),
        ("discrete with f64", with(2, with!(gpu(Discrete), f64: true, i64: true))),
        ("integrated", with(8, gpu(Integrated))),
        ("integrated, one core", with(1, gpu(Integrated))),
        ("virtual", with(1, gpu(Other))),
        ("software", with(2, gpu(Software))),
        ("software, one core", with(1, gpu(Software))),
        ("WebGPU's defaults", with(1, defaults)),
        ("16 KiB for a workgroup", with(1, with!(gpu(Discrete), max_workgroup_memory: 16 << 10))),
        ("small bindings", with(1, with!(gpu(Discrete), max_binding: 1 << 20))),
        ("64 MiB of memory", with(1, with!(gpu(Discrete), memory: 64 << 20))),
        (
            "tiny GPU",
            with(
                1,
                with!(
                    gpu(Integrated),
                    max_binding: 1 << 16,
                    max_buffer: 1 << 16,
                    max_workgroup_memory: 1 << 10,
                    max_invocations: 32,
                    max_workgroup_size: [32, 32],
                    max_groups: 64,
                    memory: 1 << 18,
                ),
            ),
        ),
    ]
}
