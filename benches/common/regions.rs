//! Which method is fastest where, beside which one is chosen: squares of samples by squares of taps.

use std::path::Path;

use convolve::{Device, Method};
use plotters::prelude::*;

use super::{Outcome, Trial};

/// Taps along each axis.
pub const TAPS: [usize; 11] = [3, 5, 7, 9, 11, 15, 21, 31, 63, 127, 255];

const SIZE: (u32, u32) = (1100, 860);

fn colour(trial: &Trial) -> RGBColor {
    match (trial.device, trial.method) {
        (Device::Gpu, _) => RGBColor(120, 94, 240),
        (_, Method::Direct) => RGBColor(100, 143, 255),
        (_, Method::Separable) => RGBColor(255, 176, 0),
        _ => RGBColor(220, 38, 127),
    }
}

/// Four fields: the choice and the fastest, for kernels that are outer products and others.
pub fn draw(outcomes: &[Outcome], file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let words = "blue: direct, yellow: separable, red: FFT, violet: GPU";
    let root = root.titled(words, ("sans-serif", 20))?;
    let groups = ["2-D", "2-D outer product"];
    for (half, group) in root.split_evenly((2, 1)).iter().zip(groups) {
        let of: Vec<&Outcome> = outcomes.iter().filter(|o| o.problem.group == group).collect();
        let mut sides: Vec<usize> = of.iter().map(|outcome| outcome.problem.shape[0]).collect();
        sides.dedup();
        for (area, best) in half.split_evenly((1, 2)).iter().zip([false, true]) {
            let title = if best { "fastest" } else { "chosen" };
            let mut chart = ChartBuilder::on(area)
                .caption(format!("{group}: {title}"), ("sans-serif", 18))
                .margin(8)
                .x_label_area_size(34)
                .y_label_area_size(48)
                .build_cartesian_2d(0..sides.len() as i32, 0..TAPS.len() as i32)?;
            let name = |names: &[usize], i: &i32| {
                names.get(*i as usize).map_or(String::new(), usize::to_string)
            };
            chart
                .configure_mesh()
                .disable_mesh()
                .x_labels(sides.len())
                .y_labels(TAPS.len())
                .x_label_formatter(&|i| name(&sides, i))
                .y_label_formatter(&|i| name(&TAPS, i))
                .x_desc("samples along each axis")
                .y_desc("taps")
                .draw()?;
            chart.draw_series(of.iter().filter_map(|outcome| {
                let (shape, kernel) = (outcome.problem.shape[0], outcome.problem.kernel[0]);
                let x = sides.iter().position(|&side| side == shape)? as i32;
                let y = TAPS.iter().position(|&taps| taps == kernel)? as i32;
                let trial = if best { outcome.best() } else { outcome.chosen() };
                Some(Rectangle::new([(x, y), (x + 1, y + 1)], colour(trial).filled()))
            }))?;
        }
    }
    root.present()?;
    Ok(())
}
