//! Cases that differ in the kernel's size only, and their charts.

use maud::{Markup, html};

use super::chart::{Chart, Point, Series, taps};
use super::marks::{Palette, Style, label};
use super::numbers::{percent, positive, seconds, tick_percent, tick_seconds};
use super::{parts, tables};
use crate::bench::record::{Case, Way};

pub struct Group<'r> {
    pub set: &'r str,
    pub name: &'r str,
    /// Whether another one has this name.
    has_twin: bool,
    /// The smallest kernel first.
    pub cases: Vec<&'r Case>,
}

impl<'r> Group<'r> {
    /// In the order in which they come. What is no single line over sizes is taken apart.
    pub fn all(cases: impl IntoIterator<Item = &'r Case>) -> Vec<Self> {
        let key = |case: &'r Case| (&case.set, &case.group, &case.samples, kind(&case.kernel));
        let mut groups: Vec<Self> = Vec::new();
        for case in cases {
            match groups.iter_mut().find(|group| key(group.cases[0]) == key(case)) {
                Some(group) => group.cases.push(case),
                None => {
                    groups.push(Self {
                        set: &case.set,
                        name: &case.group,
                        has_twin: false,
                        cases: vec![case],
                    });
                }
            }
        }
        for group in &mut groups {
            let size = |case: &Case| taps(&case.kernel_shape);
            group.cases.sort_by(|a, b| size(a).total_cmp(&size(b)));
        }
        let names: Vec<_> = groups.iter().map(|group| (group.set, group.name)).collect();
        for group in &mut groups {
            let same = names.iter().filter(|name| **name == (group.set, group.name));
            group.has_twin = same.count() > 1;
        }
        groups
    }

    /// With the set, where that is not this command's own, and with the kernel's kind, where another
    /// one has the same name.
    pub fn title(&self) -> String {
        let title = match self.set {
            "bench" => self.name.to_owned(),
            set => format!("{set}: {}", self.name),
        };
        if self.has_twin { format!("{title}, {}", kind(&self.cases[0].kernel)) } else { title }
    }

    /// What all of its cases have in common, in words.
    pub fn about(&self) -> String {
        let first = self.cases[0];
        let common = |field: fn(&Case) -> &String| {
            self.cases.iter().all(|case| field(case) == field(first)).then(|| field(first).clone())
        };
        let mut words = vec![first.samples.clone()];
        let told: [fn(&Case) -> &String; 2] = [|case| &case.dtype, |case| &case.data];
        for field in told {
            words.extend(common(field).filter(|word| !first.samples.contains(word.as_str())));
        }
        let kernel = common(|case| &case.kernel).unwrap_or(kind(&first.kernel).to_owned());
        words.push(format!("kernel {kernel}"));
        words.extend(common(|case| &case.mode).map(|mode| format!("mode {mode}")));
        words.extend(common(|case| &case.boundary).map(|boundary| format!("boundary {boundary}")));
        words.retain(|word| !word.trim().is_empty());
        words.join("; ")
    }

    /// What its ways are called, in the order in which they come.
    pub fn labels(&self) -> Vec<String> {
        let mut labels = Vec::new();
        for way in self.cases.iter().flat_map(|case| &case.ways) {
            let label = label(way);
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels
    }

    /// Those of them that charts have points of.
    fn drawn(&self) -> Vec<String> {
        let mut labels = self.labels();
        labels.retain(|name| {
            let mut ways = self.ways().filter(|(_, way)| label(way) == *name);
            ways.any(|(_, way)| {
                [way.median, way.first].into_iter().any(|time| positive(time).is_some())
            })
        });
        labels
    }

    /// Each way with its case.
    pub fn ways(&self) -> impl Iterator<Item = (&'r Case, &'r Way)> {
        self.cases.iter().flat_map(|case| case.ways.iter().map(move |way| (*case, way)))
    }

    /// A line for each way with what is known of it.
    fn series(&self, palette: &Palette, value: impl Fn(&Way) -> Option<Point>) -> Vec<Series> {
        let of = |name: String| {
            let ways = self.ways().filter(|(_, way)| label(way) == name);
            let points = ways.filter_map(|(case, way)| {
                let kernel = case.kernel_shape.clone();
                (taps(&kernel) > 0.0).then_some(Point { kernel, ..value(way)? })
            });
            Series { style: palette.style(&name), points: points.collect(), label: name }
        };
        self.labels().into_iter().map(of).filter(|series| !series.points.is_empty()).collect()
    }

    pub fn times(&self, palette: &Palette) -> Vec<Series> {
        self.series(palette, |way| {
            let spread = positive(way.low).zip(positive(way.high));
            let value = positive(way.median)?;
            Some(Point { value, spread, kernel: Vec::new(), chosen: way.chosen })
        })
    }

    /// A line for each device: what none of its ways can be faster than. Ways that have to compute more
    /// have limits of their own.
    pub fn limits(&self) -> Vec<Series> {
        let devices = [("cpu", "limit, CPU"), ("gpu", "limit, GPU")];
        let line = |(device, label): (&str, &str)| {
            let least = |case: &&Case| {
                let ways = case.ways.iter().filter(|way| way.device == device);
                let least = ways.filter_map(|way| positive(way.limit)).reduce(f64::min);
                let kernel = case.kernel_shape.clone();
                (taps(&kernel) > 0.0).then_some(Point { kernel, ..plain(least)? })
            };
            let points: Vec<Point> = self.cases.iter().filter_map(least).collect();
            Series { label: label.to_owned(), style: Style::plain(device == "gpu"), points }
        };
        devices.map(line).into_iter().filter(|line| !line.points.is_empty()).collect()
    }
}

fn plain(value: Option<f64>) -> Option<Point> {
    let value = positive(value)?;
    Some(Point { value, spread: None, kernel: Vec::new(), chosen: false })
}

/// What kind of kernel, without its size: `gaussian` of `gaussian:4`.
fn kind(kernel: &str) -> &str {
    let end = kernel.find(|c: char| c == ':' || c.is_ascii_digit()).unwrap_or(kernel.len());
    kernel[..end].trim()
}

pub fn section(group: &Group, id: &str, palette: &Palette) -> Markup {
    let limits = group.limits();
    let charts = charts(group, id, palette);
    let drawn = !charts.is_empty();
    let has_choice = group.ways().any(|(_, way)| way.chosen && positive(way.median).is_some());
    html! {
        section.group aria-labelledby=(id) {
            h3 id=(id) { (group.title()) }
            p.about { (group.about()) }
            @if drawn {
                ul.legend {
                    @for label in group.drawn() { li { (palette.named(&label)) } }
                    @if has_choice { li { (ring()) " chosen" } }
                    @for limit in &limits { li { (limit.style.limit()) " " (limit.label) } }
                }
                div.charts { @for chart in charts { (chart) } }
            }
            (tables::folded("Times as a table", &group.title(), drawn, tables::times(group, palette)))
            @if let Some(table) = parts::table(group, palette) {
                (tables::folded("Where a GPU's time goes, as a table", &group.title(), drawn, table))
            }
        }
    }
}

fn ring() -> Markup {
    html! {
        svg.swatch viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" {
            circle.chosen cx="10" cy="10" r="8.5" {}
        }
    }
}

fn charts(group: &Group, id: &str, palette: &Palette) -> Vec<Markup> {
    let times = group.times(palette);
    let firsts = group.series(palette, |way| plain(way.first));
    let shares = group.series(palette, |way| {
        let share = positive(way.limit)? / positive(way.median)?;
        Some(Point { chosen: way.chosen, ..plain(Some(share))? })
    });
    let limits = group.limits();
    // Both charts of times have the same scale, so that they can be held against each other.
    let drawn = times.iter().chain(&firsts).chain(&limits).flat_map(|series| &series.points);
    let include: Vec<f64> = drawn.flat_map(Point::values).collect();
    let chart = |name: &str, title: &str, about: String, series| Chart {
        id: format!("{id}-{name}"),
        title: format!("{title}: {}", group.title()),
        about,
        series,
        limits: Vec::new(),
        include: include.clone(),
        text: seconds,
        tick: tick_seconds,
    };
    let mut run = "Median, with the 10th to 90th percentile.".to_owned();
    if !limits.is_empty() {
        run += " Grey: the least that the machine's limits allow any way.";
    }
    let mut first = "Planning and the first run together, on the same scale".to_owned();
    first += "; on a GPU with the shaders that no case before it needed.";
    let mut share =
        "The least time that the machine's limits allow this way, of the median.".to_owned();
    if shares.iter().flat_map(|series| &series.points).any(|point| point.value > 1.0) {
        share += " Above 100 %: less work than the limit counts, or noise.";
    }
    let time = Chart { limits, ..chart("time", "Time of a run", run, times) };
    let first = chart("first", "The first call", first, firsts);
    let share = Chart {
        limits: whole(&shares),
        include: Vec::new(),
        text: percent,
        tick: tick_percent,
        ..chart("share", "Share of the limit", share, shares)
    };
    let drawn = [
        figure("Time of a run", &time.about, time.draw()),
        figure("The first call", &first.about, first.draw()),
        figure("Share of the limit", &share.about, share.draw()),
        parts::figure_of(group, id),
    ];
    drawn.into_iter().flatten().collect()
}

/// A line at 100 %.
fn whole(shares: &[Series]) -> Vec<Series> {
    let mut points: Vec<Point> = shares.iter().flat_map(|series| &series.points).cloned().collect();
    points.sort_by(|a, b| taps(&a.kernel).total_cmp(&taps(&b.kernel)));
    points.iter_mut().for_each(|point| point.value = 1.0);
    vec![Series { label: "limit".to_owned(), style: Style::plain(false), points }]
}

pub fn figure(title: &str, about: &str, chart: Option<Markup>) -> Option<Markup> {
    chart.map(|chart| {
        html! {
            figure {
                figcaption { strong { (title) } " " span { (about) } }
                div { (chart) }
            }
        }
    })
}
