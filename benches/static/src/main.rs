//! Compiles what the planner launches with a Vulkan driver that needs no hardware, and prints what the
//! driver says of each, as a line of JSON. `table.py` runs it:
//!
//!     shader-statistics WORKGROUP_KIB INVOCATIONS OUT EDITED NAME...
//!
//! WGSL and the compiler's texts go to the folder OUT. WGSL that is found in the folder EDITED takes the
//! place of the library's.

mod inside;
mod launches;
mod spirv;
mod vulkan;

use std::path::Path;

use convolve::plan::{GpuCapabilities, GpuKind};
use serde_json::{Value, json};

/// Whatever goes wrong with one launch is its line of the table.
type Any<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Any<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kib, invocations, out, edited, names @ ..] = &arguments[..] else {
        return Err("expected WORKGROUP_KIB INVOCATIONS OUT EDITED NAME...".into());
    };
    let gpu = capabilities(kib.parse()?, invocations.parse()?);
    let device = vulkan::Device::open()?;
    for name in names {
        match launches::named(name, &gpu) {
            Ok(all) => {
                for (name, launch) in all {
                    let line = statistics(&name, launch, &device, [out, edited].map(Path::new));
                    println!("{}", line.unwrap_or_else(|error| refused(&name, &*error)));
                }
            }
            Err(error) => println!("{}", refused(name, &*error)),
        }
    }
    Ok(())
}

/// A large card of today, but for what is asked for.
fn capabilities(kib: u32, invocations: u32) -> GpuCapabilities {
    let mut gpu = GpuCapabilities::webgpu_defaults("invented", GpuKind::Discrete);
    gpu.max_workgroup_memory = kib << 10;
    gpu.max_invocations = invocations;
    gpu.max_workgroup_size = [invocations; 2];
    (gpu.max_binding, gpu.max_buffer) = (1 << 30, 1 << 30);
    gpu.f16 = true;
    gpu
}

fn statistics(
    name: &str,
    launch: launches::Named,
    device: &vulkan::Device,
    [out, edited]: [&Path; 2],
) -> Any<Value> {
    let file = format!("{name}.wgsl");
    let source = match std::fs::read_to_string(edited.join(&file)) {
        Ok(changed) => changed,
        Err(_) => launch.source,
    };
    std::fs::write(out.join(file), &source)?;
    let found = device.compile(&spirv::Compiled::new(&source)?, &out.join(name))?;
    let inside = inside::inside(&source)?;
    device.compile(&spirv::Compiled::new(&inside)?, &out.join(format!("{name}.inside")))?;
    Ok(json!({
        "name": name, "device": device.name, "driver": device.driver, "about": launch.about,
        "statistics": found,
    }))
}

fn refused(name: &str, error: &dyn std::error::Error) -> Value {
    json!({ "name": name, "error": error.to_string() })
}
