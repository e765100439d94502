//! Where the time of a run on a GPU goes.

use maud::{Markup, html};

use super::bars::{Bars, Row};
use super::groups::{Group, figure};
use super::marks::{Palette, label};
use super::numbers::{cell, percent, positive, seconds, shape};
use crate::bench::record::{Case, Way};

/// Upload, compute and download by the GPU's clock, and what is left of the median for the host.
const NAMES: [&str; 4] = ["upload", "compute", "download", "host"];

struct Split<'r> {
    case: &'r Case,
    way: &'r Way,
    median: f64,
    parts: [f64; 4],
}

/// Of each way whose parts are known.
fn splits<'r>(group: &Group<'r>) -> Vec<Split<'r>> {
    let split = |(case, way): (&'r Case, &'r Way)| {
        let (parts, median) = (way.parts?, positive(way.median)?);
        let parts = [parts.upload, parts.compute, parts.download].map(|part| part.max(0.0));
        // Two clocks need not agree.
        let host = (median - parts.iter().sum::<f64>()).max(0.0);
        let [upload, compute, download] = parts;
        Some(Split { case, way, median, parts: [upload, compute, download, host] })
    };
    group.ways().filter_map(split).collect()
}

pub fn figure_of(group: &Group, id: &str) -> Option<Markup> {
    let row = |split: Split| {
        let whole: f64 = split.parts.iter().sum();
        let shares = split.parts.map(|part| part / whole);
        let name = format!("{} {}", shape(&split.case.kernel_shape), split.way.name);
        let words =
            NAMES.iter().zip(shares).map(|(part, share)| format!("{part} {}", percent(share)));
        let words: Vec<String> = words.collect();
        Row {
            words: format!("{name}: {}", words.join(", ")),
            parts: shares.into_iter().zip(NAMES).collect(),
            note: seconds(split.median),
            name,
        }
    };
    let about = "One run on the GPU that was timed part by part, as shares of the median, which stands at \
                 the right; host is the rest of it.";
    let bars = Bars {
        id: format!("{id}-parts"),
        title: format!("Where a GPU's time goes: {}", group.title()),
        about: about.to_owned(),
        names: 124.0,
        rows: splits(group).into_iter().map(row).collect(),
    };
    let drawn = bars.draw().map(|chart| {
        html! {
            ul.legend { @for name in NAMES { li { (swatch(name)) " " (name) } } }
            (chart)
        }
    });
    figure("Where a GPU's time goes", about, drawn)
}

fn swatch(class: &str) -> Markup {
    html! {
        svg.swatch viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" {
            path.part.(class) d="M0,0h14v14h-14z" {}
        }
    }
}

pub fn table(group: &Group, palette: &Palette) -> Option<Markup> {
    let splits = splits(group);
    (!splits.is_empty()).then(|| {
        html! {
            thead {
                tr {
                    th scope="col" { "kernel" }
                    th scope="col" { "way" }
                    th.number scope="col" { "median" }
                    @for name in NAMES { th.number scope="col" { (name) } }
                }
            }
            tbody {
                @for split in &splits {
                    tr {
                        th scope="row" { (shape(&split.case.kernel_shape)) }
                        td { (palette.named(&label(split.way))) }
                        (cell(Some(split.median), seconds))
                        @for part in split.parts { (cell(Some(part), seconds)) }
                    }
                }
            }
        }
    })
}
