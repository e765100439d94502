//! The chart of lines that all of the page's are: logarithmic over the kernel's size.

use maud::{Markup, html};

use super::marks::Style;
use super::numbers::shape;
use super::scale::Log;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 462.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 268.0;
/// Of a letter of a tick's label.
const LETTER: f64 = 8.0;

pub struct Chart {
    /// Of this page's charts.
    pub id: String,
    pub title: String,
    /// What the chart shows, in words.
    pub about: String,
    pub series: Vec<Series>,
    /// Lines without points: what limits the others.
    pub limits: Vec<Series>,
    /// What the vertical axis has to have, beside what is drawn.
    pub include: Vec<f64>,
    /// What values are called; round ones beside the axis.
    pub text: fn(f64) -> String,
    pub tick: fn(f64) -> String,
}

pub struct Series {
    pub label: String,
    pub style: Style,
    pub points: Vec<Point>,
}

#[derive(Clone)]
pub struct Point {
    /// A kernel's shape.
    pub kernel: Vec<usize>,
    pub value: f64,
    /// The 10th and the 90th percentile.
    pub spread: Option<(f64, f64)>,
    pub chosen: bool,
}

impl Point {
    /// All that is drawn of it.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        let spread = self.spread.map(<[f64; 2]>::from);
        spread.into_iter().flatten().chain([self.value])
    }

    fn taps(&self) -> f64 {
        taps(&self.kernel)
    }
}

pub fn taps(kernel: &[usize]) -> f64 {
    kernel.iter().map(|side| *side as f64).product()
}

impl Chart {
    /// Nothing where there are not points over several sizes.
    pub fn draw(&self) -> Option<Markup> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let kernels = self.kernels();
        let (first, last) = (kernels.first()?, kernels.last()?);
        if taps(first) == taps(last) {
            return None;
        }
        let of_limits = self.limits.iter().flat_map(|limit| &limit.points);
        let values = points().chain(of_limits).flat_map(Point::values);
        let values = values.chain(self.include.iter().copied());
        let x = Log::tight(kernels.iter().map(|kernel| taps(kernel)), LEFT + 16.0, RIGHT - 16.0)?;
        let y = Log::round(values, BOTTOM, TOP)?;
        let (title, desc) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        Some(html! {
            svg.chart.lines role="img" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } aria-labelledby=(title)
                aria-describedby=(desc)
            {
                title id=(title) { (self.title) }
                desc id=(desc) { (self.about) " " (self.in_words()) }
                (self.vertical(&y))
                (horizontal(&x, &kernels))
                @for limit in &self.limits { (limit.limit(&x, &y)) }
                @for series in &self.series { (series.draw(&x, &y, self.text)) }
            }
        })
    }

    /// All sizes, the smallest first.
    fn kernels(&self) -> Vec<&[usize]> {
        let points = self.series.iter().flat_map(|series| &series.points);
        let mut kernels: Vec<&[usize]> = points.map(|point| point.kernel.as_slice()).collect();
        kernels.sort_by(|a, b| taps(a).total_cmp(&taps(b)).then(a.cmp(b)));
        kernels.dedup();
        kernels
    }

    /// Where each line begins and ends.
    fn in_words(&self) -> String {
        let ends = |series: &Series| {
            let (first, last) = (series.points.first()?, series.points.last()?);
            let end =
                |point: &Point| format!("{} at {}", (self.text)(point.value), shape(&point.kernel));
            Some(format!("{}: {} to {}.", series.label, end(first), end(last)))
        };
        self.series.iter().filter_map(ends).collect::<Vec<_>>().join(" ")
    }

    fn vertical(&self, scale: &Log) -> Markup {
        html! {
            @for tick in scale.ticks() {
                @let y = scale.at(tick);
                path.grid d=(format!("M{LEFT},{y:.1}H{RIGHT}")) {}
                text.tick.end x=(LEFT - 8.0) y=(format!("{:.1}", y + 4.5)) { ((self.tick)(tick)) }
            }
        }
    }
}

fn horizontal(scale: &Log, kernels: &[&[usize]]) -> Markup {
    let mut free_from = f64::NEG_INFINITY;
    // Where there is room for it: its class, and where its middle is, or its end.
    let mut name_at = |x: f64, kernel: &[usize]| {
        let name = shape(kernel);
        let width = name.chars().count() as f64 * LETTER;
        let is_cut = x + width / 2.0 > WIDTH;
        let (class, at, start) = match is_cut {
            true => ("end", WIDTH - 2.0, WIDTH - 2.0 - width),
            false => ("middle", x, x - width / 2.0),
        };
        let fits = start >= free_from;
        if fits {
            free_from = start + width + LETTER;
        }
        fits.then_some((class, at, name))
    };
    html! {
        path.axis d=(format!("M{LEFT},{BOTTOM}H{RIGHT}")) {}
        @for kernel in kernels {
            @let x = scale.at(taps(kernel));
            path.axis d=(format!("M{x:.1},{BOTTOM}v5")) {}
            @if let Some((class, at, name)) = name_at(x, kernel) {
                text.tick.(class) x=(format!("{at:.1}")) y=(BOTTOM + 20.0) { (name) }
            }
        }
        text.axis-name.middle x=((LEFT + RIGHT) / 2.0) y=(HEIGHT - 8.0) { "kernel" }
    }
}

impl Series {
    fn path(&self, x: &Log, y: &Log) -> String {
        let mut path = String::new();
        for point in &self.points {
            let to = if path.is_empty() { 'M' } else { 'L' };
            path += &format!("{to}{:.1},{:.1}", x.at(point.taps()), y.at(point.value));
        }
        path
    }

    fn limit(&self, x: &Log, y: &Log) -> Markup {
        html! {
            path.limit d=(self.path(x, y)) stroke-dasharray=(self.style.dashes()) {}
        }
    }

    fn draw(&self, x: &Log, y: &Log, text: fn(f64) -> String) -> Markup {
        html! {
            g.(self.style.hue()) {
                path.line d=(self.path(x, y)) stroke-dasharray=(self.style.dashes()) {}
                @for point in &self.points {
                    @let (at, value) = (x.at(point.taps()), y.at(point.value));
                    @if let Some((low, high)) = point.spread {
                        path.spread d=(format!("M{at:.1},{:.1}V{:.1}", y.at(low), y.at(high))) {}
                    }
                    @if point.chosen {
                        circle.chosen cx=(format!("{at:.1}")) cy=(format!("{value:.1}")) r="8.5" {}
                    }
                    g {
                        title { (self.label) ", " (shape(&point.kernel)) ": " (text(point.value)) }
                        (self.style.point(at, value))
                    }
                }
            }
        }
    }
}
