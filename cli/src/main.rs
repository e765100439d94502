//! The command `convolve`.

mod about;
mod apply;
mod args;
mod array;
mod axis;
mod bench;
mod builtin;
mod calibrate;
mod compare;
mod date;
mod decode;
mod devices;
mod dtype;
mod finished;
mod formats;
mod jobs;
mod jpeg;
mod kernel;
mod leftovers;
mod manual;
mod matrix;
mod meaning;
mod npy;
mod number;
mod operation;
mod output;
mod picture;
mod place;
mod plan;
mod raster;
mod report;
mod room;
mod show;
mod standard;
mod threads;
mod tiff;
mod wrapping;

use std::process::ExitCode;

fn main() -> ExitCode {
    quiet_mesa();
    let args = match args::parse() {
        Ok(args) => args,
        Err(status) => return status,
    };
    let result = threads::with_all(|| match &args.command {
        args::Command::Apply(args) => apply::run(args),
        args::Command::Plan(args) => plan::run(args),
        args::Command::Kernel(args) => show::run(args),
        args::Command::Devices => devices::run(),
        args::Command::Calibrate => calibrate::run(),
        args::Command::Bench(args) => bench::run(args),
        args::Command::Completions { shell } => manual::completions(*shell),
        args::Command::Man { command } => manual::page(command.as_deref()),
    });
    report::exit_code(result)
}

/// Mesa's device-select layer prints a line about an invalid `XDG_RUNTIME_DIR` where that is not
/// set, as in containers and services, when Vulkan starts. Without a session there is no choice of
/// device for that layer to look up, so it is switched off.
fn quiet_mesa() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: no other thread has been started yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
