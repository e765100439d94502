//! Arrays: .npy in, .npy out, of the same rank, and of the same type unless another one is asked for.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use convolve::{Boundary, FilterBuilder};
use ndarray::{ArrayD, Axis, Dimension, IxDyn};

use crate::apply::Session;
use crate::args::Channels;
use crate::dtype::{DType, Value};
use crate::jobs::Job;
use crate::kernel::{Kernel, read_taps};
use crate::npy::{self, Npy};
use crate::number::Number;
use crate::operation::Planned;
use crate::output;
use crate::place::check_no_picture;
use crate::room;
use crate::with_dtype;
use crate::wrapping;

/// Convolves one array.
pub fn run(session: &Session, job: &Job) -> Result<()> {
    let npy = Npy::open(job.source())?;
    // A mean of booleans is none.
    let own = if npy.boolean { DType::F32 } else { npy.dtype };
    let dtype = session.args.dtype.unwrap_or(own);
    with_dtype!(dtype, typed(session, npy, &job.input, &job.output))
}

fn typed<A: Value>(session: &Session, npy: Npy, input: &Path, output: &Path) -> Result<()> {
    ensure!(!session.args.linear, "--linear goes with pictures, got an array");
    ensure!(session.args.alpha.is_none(), "--alpha goes with pictures, got an array");
    check_no_picture(session.args, "an array")?;
    let (filter, rank) = planner::<A>(session, &npy.shape, input)?;
    // With its result.
    let both = 2 * size_of::<A>() as u64;
    let _room = room::take(npy.shape.iter().fold(both, |bytes, &n| bytes.saturating_mul(n as u64)));
    let x = read::<A>(npy)?;
    let taps = |kernel: &Kernel| {
        let taps = kernel.cast::<A>(rank)?;
        // The axis of the channels.
        Ok(if rank < x.ndim() { taps.insert_axis(Axis(rank)) } else { taps })
    };
    let planned = Planned::new(session, filter, x.raw_dim(), taps)?;
    session.explain_plan(planned.plan());
    let kernel = &session.kernel;
    let offset = A::exactly(Number::Real(kernel.offset))
        .map_err(|reason| anyhow!("kernel {}: offset: {reason}", kernel.name()))?;
    let y = planned.run(session, &x, offset)?;
    if let Some(text) = wrapping::remark(&taps(kernel)?, &x, &outside(session)?, offset) {
        session.remark(input, text);
    }
    drop(x);
    output::write(output, |file| npy::write(file, &y))
}

/// The kernel and its options, for an array of this shape, and how many axes it has before the channels.
fn planner<A: Value>(
    session: &Session,
    shape: &[usize],
    input: &Path,
) -> Result<(FilterBuilder<A, IxDyn>, usize)> {
    let meaning = &session.args.meaning;
    let rank = shape.len();
    let (kernel, options) = match session.args.channels {
        Channels::None => {
            let kernel = session.kernel.cast::<A>(rank)?;
            if let ([_, _, 1 | 3 | 4], Some(2..), None) =
                (shape, kernel.shape().last(), meaning.axis)
            {
                session.remark(
                    input,
                    format!(
                        "all 3 axes of {shape:?} are filtered, the last one too: if that has \
                     channels, --channels last filters each on its own"
                    ),
                );
            }
            (kernel, meaning.options(Boundary::Zero, rank)?)
        }
        Channels::Last => {
            let axes = rank.checked_sub(1).context("an array without axes has no channels")?;
            let kernel = session.kernel.cast::<A>(axes)?;
            let axis = Axis(kernel.ndim());
            let options = meaning.options_with_channels(Boundary::Zero, axes)?;
            (kernel.insert_axis(axis), options)
        }
    };
    let axes = if session.args.channels == Channels::Last { rank - 1 } else { rank };
    Ok((session.planned(session.convolver.filter(&kernel).options(options)), axes))
}

/// Constants that stand outside.
fn outside<A: Value>(session: &Session) -> Result<Vec<A>> {
    let boundaries = session.args.meaning.boundaries(Boundary::<A>::Zero)?.0;
    let constant = |boundary| match boundary {
        Boundary::Constant(value) => Some(value),
        _ => None,
    };
    Ok(boundaries.into_iter().filter_map(constant).collect())
}

/// The array in the type that is computed in, where digits may be rounded, and no more.
fn read<A: Value>(npy: Npy) -> Result<ArrayD<A>> {
    if DType::from_code(A::CODE) == Some(npy.dtype) {
        return npy.read();
    }
    let samples = read_taps(npy)?;
    let shape = samples.shape().to_vec();
    let mut converted: Vec<A> = Vec::new();
    let len = shape.iter().product();
    converted.try_reserve_exact(len).with_context(|| format!("no memory for {len} samples"))?;
    for (number, place) in samples.numbers().zip(ndarray::indices(IxDyn(&shape))) {
        // The smallest may become 0.
        let sample = A::tap(number, 1.0).map_err(|reason| {
            anyhow!("sample {:?}: {reason}: expected another --dtype", place.slice())
        })?;
        converted.push(sample);
    }
    Ok(ArrayD::from_shape_vec(shape, converted)?)
}
