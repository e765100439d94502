//! Arrays: .npy in, .npy out, of the same type and rank.

use std::path::Path;

use anyhow::Result;
use convolve::Boundary;

use crate::apply::Session;
use crate::dtype::Value;
use crate::npy::{self, Npy};
use crate::output::Outputs;
use crate::with_dtype;

/// Convolves one array.
pub fn run(session: &Session, input: &Path, output: &Path, outputs: &mut Outputs) -> Result<()> {
    let npy = Npy::open(input)?;
    with_dtype!(npy.dtype, typed(session, npy, output, outputs))
}

fn typed<A: Value>(
    session: &Session,
    npy: Npy,
    output: &Path,
    outputs: &mut Outputs,
) -> Result<()> {
    let meaning = &session.args.meaning;
    let kernel = session.kernel.cast::<A>(npy.shape.len())?;
    let options = meaning.options(Boundary::<A>::Zero)?;
    let x = npy.read::<A>()?;
    let filter = session
        .convolver
        .filter(&kernel)
        .options(options)
        .method(meaning.method.into())
        .device(meaning.device.into())
        .precision(meaning.precision.into())
        .check(session.args.check())
        .for_shape(x.raw_dim())?;
    session.explain_plan(filter.plan());
    let y = session.timed(filter.plan(), || filter.apply(&x))?;
    if session.args.verify {
        session.note(&filter.verify(&x)?.to_string());
    }
    if session.args.profile {
        session.note(&filter.profile(&x)?.to_string());
    }
    outputs.write(output, |file| npy::write(file, &y))
}
