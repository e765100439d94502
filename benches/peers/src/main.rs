//! The Rust side of the comparisons: `compare.py` or `gpu_peers.py` starts it and tells it, line by
//! line, what to run.
//!
//! Each command is a line of fields with tabs between them; each answer is a line that starts with
//! `ok`, or with `error` and the reason.
//!
//! | command | answer |
//! | --- | --- |
//! | `about` | instructions in use; with the feature `gpu` its name, interface and driver, and `hardware` or `software` |
//! | `case DTYPE SHAPE KERNEL_SHAPE INPUT KERNEL` | reads two files of raw samples |
//! | `picture DTYPE SHAPE KERNEL_SHAPE INPUT KERNEL SIGMA` | the same for a picture, with taps of `f32`; a Gaussian's sigma or `-` |
//! | `prepare NAME` | plans; says what was planned |
//! | `run NAME TIMES` | runs so many times; seconds for all of them |
//! | `write NAME FILE` | writes the last result as raw samples |

mod case;
mod contender;
#[cfg(feature = "gpu")]
mod gpu;
mod imageproc;
mod ndarray_conv;
mod ours;
#[path = "../../../cli/src/bench/peak.rs"]
#[allow(dead_code, reason = "benches have the other half of it")]
mod peak;
mod pictures;

use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use case::AnyCase;
use contender::Contender;

#[derive(Default)]
struct Worker {
    case: Option<Box<dyn AnyCase>>,
    contenders: HashMap<String, Box<dyn Contender>>,
}

/// What computes here.
fn about() -> String {
    let instructions = convolve::plan::InstructionSet::detect().to_string();
    let fields = [instructions.to_lowercase().replace('-', "")].into_iter();
    #[cfg(feature = "gpu")]
    let fields = fields.chain(gpu::about());
    fields.collect::<Vec<_>>().join("\t")
}

impl Worker {
    fn obey(&mut self, line: &str) -> Result<String, String> {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["about"] => Ok(about()),
            ["case", dtype, shape, kernel_shape, input, kernel] => {
                self.contenders.clear();
                self.case = Some(case::read(dtype, (input, shape), (kernel, kernel_shape))?);
                Ok(String::new())
            }
            ["picture", dtype, shape, kernel_shape, input, kernel, sigma] => {
                self.contenders.clear();
                let (x, k) = ((input, shape), (kernel, kernel_shape));
                self.case = Some(case::read_picture(dtype, x, k, sigma.parse().ok())?);
                Ok(String::new())
            }
            ["prepare", name] => {
                let case = self.case.as_ref().ok_or("no case has been read")?;
                let contender = case.contender(name)?;
                let note = contender.note();
                self.contenders.insert(name.into(), contender);
                Ok(note)
            }
            ["run", name, times] => {
                let times = times.parse().map_err(|_| format!("{times:?} is not a number"))?;
                Ok(self.prepared(name)?.run_many(times)?.as_secs_f64().to_string())
            }
            ["write", name, file] => {
                std::fs::write(file, self.prepared(name)?.result())
                    .map_err(|error| format!("{file}: {error}"))?;
                Ok(String::new())
            }
            _ => Err(format!("no such command: {line:?}")),
        }
    }

    fn prepared(&mut self, name: &str) -> Result<&mut Box<dyn Contender>, String> {
        self.contenders.get_mut(name).ok_or_else(|| format!("{name} has not been prepared"))
    }
}

fn main() -> io::Result<()> {
    let mut worker = Worker::default();
    let mut out = io::stdout();
    for line in io::stdin().lock().lines() {
        match worker.obey(&line?) {
            Ok(answer) => writeln!(out, "ok\t{answer}")?,
            Err(reason) => writeln!(out, "error\t{}", reason.replace('\n', " "))?,
        }
        out.flush()?;
    }
    Ok(())
}
