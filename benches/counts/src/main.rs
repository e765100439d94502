//! Small cases on one thread, with AVX2: `scripts/counts.sh` has valgrind count the instructions of each.
//!
//! `counts` lists the cases, `counts CASE` runs one of them. Nothing that is read from the machine is in
//! them: threads and instructions are given, no GPU is looked for, and no calibration is read.

mod cases;

use std::hint::black_box;
use std::process::ExitCode;

use cases::CASES;

/// What is counted: valgrind collects from its first instruction until it returns.
#[inline(never)]
#[unsafe(no_mangle)]
fn counted(run: &mut dyn FnMut() -> f64) -> f64 {
    // Something is left to do after the call, which would be a jump otherwise.
    black_box(run())
}

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        CASES.iter().for_each(|case| println!("{}", case.name));
        return ExitCode::SUCCESS;
    };
    let Some(case) = CASES.iter().find(|case| case.name == name) else {
        eprintln!("no case {name:?}: `counts` alone lists them");
        return ExitCode::from(2);
    };
    let mut run = (case.prepare)();
    if !case.first {
        // Scratch and tables are there then, as in a loop.
        run();
    }
    let sample = counted(&mut *run);
    assert!(sample.is_finite(), "{name}: {sample} is no result");
    ExitCode::SUCCESS
}
