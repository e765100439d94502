//! How ways look in charts: by hue, by the form of their points, and by dashes.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::bench::record::{Case, Way};

/// Always the same, in this order; others follow as they come.
const METHODS: [&str; 3] = ["direct", "separable", "fft"];
/// In `style.css`.
const HUES: usize = 6;
/// For each round of hues two: of CPUs, and of GPUs. Then they come again with other points.
const DASHES: [[&str; 2]; 5] = [
    ["none", "7 4"],
    ["2 3", "9 3 2 3"],
    ["12 3", "4 2"],
    ["1 5", "9 3 2 3 2 3"],
    ["14 3 5 3", "5 7"],
];

/// How a series looks. Nothing is told by the hue alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    index: usize,
    /// For GPUs: with other dashes and points that are empty.
    hollow: bool,
}

impl Style {
    /// Of the lines that have no hue.
    pub fn plain(hollow: bool) -> Self {
        Self { index: 0, hollow }
    }

    pub fn new(index: usize, hollow: bool) -> Self {
        Self { index, hollow }
    }

    /// The class that sets the hue.
    pub fn hue(self) -> String {
        format!("hue{}", self.index % HUES)
    }

    pub fn dashes(self) -> &'static str {
        DASHES[self.round() % DASHES.len()][usize::from(self.hollow)]
    }

    /// How often all hues have been used before.
    fn round(self) -> usize {
        self.index / HUES
    }

    /// A point of it. Each round of hues has its forms in another order.
    pub fn point(self, x: f64, y: f64) -> Markup {
        const FORMS: [&str; HUES] = [
            "m-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0z",
            "m-4,-4h8v8h-8z",
            "m0,-5.2l5,8.8h-10z",
            "m0,-5.6l5.6,5.6l-5.6,5.6l-5.6,-5.6z",
            "m0,5.2l5,-8.8h-10z",
            "m-1.5,-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
        ];
        let path = format!("M{x:.1},{y:.1}{}", FORMS[(self.index + self.round()) % HUES]);
        html! { path.point.hollow[self.hollow] d=(path) {} }
    }

    /// A sample of the line of a limit.
    pub fn limit(self) -> Markup {
        html! {
            svg.swatch viewBox="0 0 34 14" width="34" height="14" aria-hidden="true" {
                path.limit d="M1,7H33" stroke-dasharray=(self.dashes()) {}
            }
        }
    }

    /// A sample of it for a legend.
    pub fn swatch(self) -> Markup {
        html! {
            svg.swatch.(self.hue()) viewBox="0 0 34 14" width="34" height="14" aria-hidden="true" {
                path.line d="M1,7H33" stroke-dasharray=(self.dashes()) {}
                (self.point(17.0, 7.0))
            }
        }
    }
}

/// What a way is called beside others of the same case.
pub fn label(way: &Way) -> String {
    let device = match way.device.as_str() {
        "cpu" => "CPU",
        "gpu" => "GPU",
        other => other,
    };
    match way.library.as_str() {
        "convolve" => format!("{device} {}", way.name),
        library => format!("{device} {library} {}", way.name),
    }
}

/// One look for each way, the same in all charts.
pub struct Palette(BTreeMap<String, Style>);

impl Palette {
    pub fn of<'r>(cases: impl IntoIterator<Item = &'r Case>) -> Self {
        let mut names: Vec<(&str, &str)> = METHODS.map(|method| ("convolve", method)).into();
        let mut styles = BTreeMap::new();
        for way in cases.into_iter().flat_map(|case| &case.ways) {
            let name = (way.library.as_str(), way.name.as_str());
            let index = names.iter().position(|other| *other == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            styles.insert(label(way), Style::new(index, way.device == "gpu"));
        }
        Self(styles)
    }

    pub fn style(&self, label: &str) -> Style {
        self.0.get(label).copied().unwrap_or(Style::new(0, false))
    }

    /// A sample, and the name.
    pub fn named(&self, label: &str) -> Markup {
        html! { (self.style(label).swatch()) " " (label) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_ways_on_two_devices_differ() {
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..30 {
            for hollow in [false, true] {
                let style = Style::new(index, hollow);
                let point = style.point(0.0, 0.0).into_string();
                // Without the hue.
                assert!(seen.insert((style.dashes(), point)), "{index} {hollow}");
            }
        }
    }
}
