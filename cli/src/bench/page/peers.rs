//! Other libraries beside this one.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::{Chart, Point, Series};
use super::groups::{Group, figure};
use super::marks::Style;
use super::numbers::{UNKNOWN, count, positive, seconds, tick_seconds, times};
use super::tables;
use crate::bench::compare::{Verdict, verdict};
use crate::bench::record::{Case, Way};
use crate::bench::regret::fastest;

const OWN: &str = "convolve";

/// Whether there is any other library in it.
pub fn has_any(case: &Case) -> bool {
    case.ways.iter().any(|way| way.library != OWN)
}

/// What is chosen here, or else the fastest.
fn own(case: &Case) -> Option<&Way> {
    let ways = || case.ways.iter().filter(|way| way.library == OWN);
    fastest(ways().filter(|way| way.chosen)).or_else(|| fastest(ways()))
}

/// The fastest of other libraries that computes the same.
fn rival(case: &Case) -> Option<&Way> {
    fastest(case.ways.iter().filter(|way| way.library != OWN))
}

/// The fastest of a library; with another kernel only where it has nothing else.
fn best_of<'r>(case: &'r Case, library: &str) -> Option<&'r Way> {
    let ways = || case.ways.iter().filter(|way| way.library == library);
    let median = |way: &Way| way.median.unwrap_or(f64::INFINITY);
    let any = || {
        let timed = ways().filter(|way| positive(way.median).is_some());
        timed.min_by(|a, b| median(a).total_cmp(&median(b)))
    };
    if library == OWN { own(case) } else { fastest(ways()).or_else(any) }
}

/// How many times as long as a peer this library takes, where the peer is faster by more than both
/// spreads.
pub fn behind(case: &Case) -> Option<(&Way, f64)> {
    let (own, rival) = (own(case)?, rival(case)?);
    let ratio = own.median? / rival.median?;
    (verdict(own, rival) == Verdict::Faster).then_some((rival, ratio))
}

/// In how many cases others are faster, and of how many.
pub fn losses(cases: &[&Case]) -> (usize, usize) {
    let compared = cases.iter().filter(|case| own(case).is_some() && rival(case).is_some());
    (cases.iter().filter(|case| behind(case).is_some()).count(), compared.count())
}

pub fn section(cases: &[&Case]) -> Markup {
    let (lost, compared) = losses(cases);
    let mut libraries: Vec<&str> = vec![OWN];
    for way in cases.iter().flat_map(|case| &case.ways) {
        if !libraries.contains(&way.library.as_str()) {
            libraries.push(&way.library);
        }
    }
    let groups = Group::all(cases.iter().copied());
    html! {
        p {
            @if lost == 0 {
                "No other library was faster in any of " (count(compared, "case")) "."
            } @else {
                "Another library was faster in " (lost) " of " (count(compared, "case")) "."
            }
            " Faster is whose 90th percentile lies below the other's 10th. Of each library the fastest \
             way is shown, of convolve what it chooses."
        }
        @if lost > 0 { (lost_table(cases)) }
        @for (index, group) in groups.iter().enumerate() {
            (of_group(group, &format!("peers-{index}"), &libraries))
        }
    }
}

fn lost_table(cases: &[&Case]) -> Markup {
    tables::boxed(
        "Cases in which another library is faster",
        html! {
            thead {
                tr {
                    th scope="col" { "faster than convolve" }
                    th scope="col" { "case" }
                    th.number scope="col" { "its median" }
                    th.number scope="col" { "convolve" }
                    th.number scope="col" { "convolve takes" }
                }
            }
            tbody {
                @for case in cases {
                    @if let Some((rival, ratio)) = behind(case) {
                        tr.lost {
                            th scope="row" { (rival.library) " " (rival.name) }
                            td { (case.name) }
                            td.number { (rival.median.map_or(UNKNOWN.to_owned(), seconds)) }
                            td.number { (own(case).and_then(|own| own.median).map_or(UNKNOWN.to_owned(), seconds)) }
                            td.number { (times(ratio)) }
                        }
                    }
                }
            }
        },
    )
}

fn of_group(group: &Group, id: &str, libraries: &[&str]) -> Markup {
    let series = libraries.iter().enumerate().filter_map(|(index, library)| {
        let points: Vec<Point> = group
            .cases
            .iter()
            .filter_map(|case| {
                let way = best_of(case, library)?;
                Some(Point {
                    kernel: case.kernel_shape.clone(),
                    value: positive(way.median)?,
                    spread: positive(way.low).zip(positive(way.high)),
                    chosen: false,
                })
            })
            .collect();
        let style = Style::new(index, false);
        (!points.is_empty()).then(|| Series { label: (*library).to_owned(), style, points })
    });
    let series: Vec<Series> = series.collect();
    let legend: Vec<(String, Style)> =
        series.iter().map(|series| (series.label.clone(), series.style)).collect();
    let about = "Median of each library's fastest way, with its 10th to 90th percentile.";
    let chart = Chart {
        id: format!("{id}-time"),
        title: format!("Libraries: {}", group.title()),
        about: about.to_owned(),
        series,
        limits: Vec::new(),
        include: Vec::new(),
        text: seconds,
        tick: tick_seconds,
    };
    let chart = figure("Libraries", about, chart.draw());
    let drawn = chart.is_some();
    html! {
        section.group aria-labelledby=(id) {
            h3 id=(id) { (group.title()) }
            p.about { (group.about()) }
            @if let Some(chart) = chart {
                ul.legend { @for (label, style) in &legend { li { (style.swatch()) " " (label) } } }
                div.charts { (chart) }
            }
            (tables::folded("Medians as a table", &group.title(), drawn, table(group, libraries)))
            (reasons(group))
        }
    }
}

fn table(group: &Group, libraries: &[&str]) -> Markup {
    let here = |library: &&&str| group.ways().any(|(_, way)| way.library == **library);
    let libraries: Vec<&&str> = libraries.iter().filter(here).collect();
    html! {
        thead {
            tr {
                th scope="col" { "case" }
                @for library in &libraries { th.number scope="col" { (library) } }
                th scope="col" { "fastest" }
            }
        }
        tbody {
            @for case in &group.cases {
                tr.lost[behind(case).is_some()] {
                    th scope="row" { (case.name) }
                    @for library in &libraries { (entry(case, library)) }
                    td {
                        @match behind(case) {
                            Some((rival, _)) => { span.badge.bad { (rival.library) " is faster" } }
                            None => (leader(case))
                        }
                    }
                }
            }
        }
    }
}

/// Who is the fastest where no other library is.
fn leader(case: &Case) -> &str {
    let Some(own) = own(case) else { return UNKNOWN };
    match rival(case) {
        Some(rival) if verdict(own, rival) == Verdict::Same => "within the spread",
        _ => OWN,
    }
}

fn entry(case: &Case, library: &str) -> Markup {
    let way = best_of(case, library);
    let Some((way, median)) = way.and_then(|way| Some((way, positive(way.median)?))) else {
        let wrong = case.ways.iter().any(|way| way.library == library && way.wrong);
        return html! { td.number { @if wrong { span.badge.bad { "wrong" } } @else { (UNKNOWN) } } };
    };
    let own = own(case).filter(|_| library != OWN).and_then(|own| positive(own.median));
    html! {
        td.number {
            (seconds(median))
            @if let Some(own) = own { " (" (times(median / own)) ")" }
            br;
            span.about {
                (way.name)
                @if let Some(method) = &way.method { ", " (method) }
                @if way.other_kernel { ", another kernel" }
            }
        }
    }
}

/// Why ways have no times; each reason once, with the cases it holds for.
fn reasons(group: &Group) -> Markup {
    let mut reasons: BTreeMap<(bool, String, &str), Vec<&str>> = BTreeMap::new();
    for (case, way) in group.ways() {
        if let Some(reason) = &way.left_out {
            let name = format!("{} {}", way.library, way.name);
            reasons.entry((!way.wrong, name, reason)).or_default().push(&case.name);
        }
    }
    html! {
        @if !reasons.is_empty() {
            details open[reasons.keys().any(|(right, ..)| !right)] {
                summary { "Ways without times" }
                ul.reasons {
                    @for ((right, name, reason), cases) in &reasons {
                        li {
                            @if !right { span.badge.bad { "wrong" } " " }
                            strong { (name) } ": " (reason)
                            span.about { " (" (cases.join("; ")) ")" }
                        }
                    }
                }
            }
        }
    }
}
