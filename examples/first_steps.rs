//! Plan once, run many times, see what was chosen and prove it.
//!
//! `cargo run --release --example first_steps`

use convolve::{Boundary, Convolver, Mode, convolve, filters};
use ndarray::Array2;

fn main() -> Result<(), convolve::Error> {
    let x = Array2::from_shape_fn((480, 640), |(i, j)| ((i * j) % 256) as f32);
    let k = filters::gaussian::<f32>(2.0)?;

    // One line, with zeros outside: scipy.signal.convolve.
    let y = convolve(&x, &k, Mode::Full)?;
    println!("full: {:?} * {:?} -> {:?}\n", x.dim(), k.dim(), y.dim());

    // Planned once for a shape, with any boundary, and applied into an array that is there.
    let convolver = Convolver::new();
    let blur = convolver.filter(&k).boundary(Boundary::Reflect).for_shape(x.dim())?;
    let mut y = Array2::zeros(blur.output_dim());
    blur.apply_into(&x, &mut y)?;
    println!("{}\n", blur.plan());

    // Every other method on every device, against the definition and the error bounds.
    println!("{}", blur.verify(&x)?);
    Ok(())
}
