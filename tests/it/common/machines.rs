//! Machines that nobody has here, as plain numbers.

use convolve::plan::{Capabilities, Gpu, GpuCapabilities, GpuKind, InstructionSet};

fn cpu(threads: usize) -> Capabilities {
    let instructions = InstructionSet::Avx2;
    Capabilities { threads, instructions, gpu: Gpu::Absent("no adapter".into()) }
}

fn with(threads: usize, gpu: GpuCapabilities) -> Capabilities {
    Capabilities { gpu: Gpu::Present(gpu), ..cpu(threads) }
}

fn gpu(kind: GpuKind) -> GpuCapabilities {
    GpuCapabilities {
        max_binding: 2 << 30,
        max_buffer: 4 << 30,
        max_workgroup_memory: 32 << 10,
        ..GpuCapabilities::webgpu_defaults("Invented", kind)
    }
}

/// Names and capabilities.
pub fn machines() -> Vec<(&'static str, Capabilities)> {
    use GpuKind::{Discrete, Integrated, Other, Software};
    let defaults = GpuCapabilities::webgpu_defaults("Invented", Discrete);
    vec![
        ("no GPU", cpu(8)),
        ("no GPU, one core", cpu(1)),
        ("no GPU, 128 cores", cpu(128)),
        ("narrow CPU", Capabilities { instructions: InstructionSet::Baseline, ..cpu(4) }),
        ("discrete", with(8, gpu(Discrete))),
        ("discrete, 2 cores", with(2, gpu(Discrete))),
        ("discrete, 128 cores", with(128, gpu(Discrete))),
        ("discrete, one core", with(1, gpu(Discrete))),
        ("discrete with f64", with(2, GpuCapabilities { f64: true, ..gpu(Discrete) })),
        ("integrated", with(8, gpu(Integrated))),
        ("integrated, one core", with(1, gpu(Integrated))),
        ("virtual", with(1, gpu(Other))),
        ("software", with(2, gpu(Software))),
        ("software, one core", with(1, gpu(Software))),
        ("WebGPU's defaults", with(1, defaults)),
        (
            "16 KiB for a workgroup",
            with(1, GpuCapabilities { max_workgroup_memory: 16 << 10, ..gpu(Discrete) }),
        ),
        ("small bindings", with(1, GpuCapabilities { max_binding: 1 << 20, ..gpu(Discrete) })),
        ("64 MiB of memory", with(1, GpuCapabilities { memory: 64 << 20, ..gpu(Discrete) })),
        (
            "tiny GPU",
            with(
                1,
                GpuCapabilities {
                    max_binding: 1 << 16,
                    max_buffer: 1 << 16,
                    max_workgroup_memory: 1 << 10,
                    max_invocations: 32,
                    max_workgroup_size: [32, 32],
                    max_groups: 64,
                    memory: 1 << 18,
                    ..gpu(Integrated)
                },
            ),
        ),
    ]
}
