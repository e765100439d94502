//! What a free choice costs: the chosen way beside the fastest.

use maud::{Markup, html};

use super::bars::{Bars, Row};
use super::groups::figure;
use super::marks::{Palette, label};
use super::numbers::{cell, count, seconds, times};
use super::tables;
use crate::bench::regret::{Choice, Regret};

/// Less is noise.
const LEAST: f64 = 0.01;
const MOST_ROWS: usize = 12;

pub fn section(regret: &Regret, palette: &Palette) -> Option<Markup> {
    let (median, high, worst) = regret.summary()?;
    let right = regret.choices.iter().filter(|choice| choice.is_fastest()).count();
    let chart = chart(regret);
    Some(html! {
        p {
            "How many times as long as the fastest way the chosen one takes. It was the fastest in "
            (right) " of " (count(regret.choices.len(), "case")) "."
        }
        dl.figures {
            div { dt { "median" } dd { (times(median)) } }
            div { dt { "95th percentile" } dd { (times(high)) } }
            div { dt { "worst" } dd { (times(worst.regret)) } }
        }
        @if !worst.is_fastest() {
            p {
                "The worst: " (worst.case.name) ", where " (label(worst.chosen)) " took "
                (seconds(worst.chosen.median.unwrap_or_default())) " and " (label(worst.fastest)) " "
                (seconds(worst.fastest.median.unwrap_or_default())) "."
            }
        }
        @if let Some(chart) = chart { div.charts { (chart) } }
        (tables::folded("As a table", "every choice", true, table(regret, palette)))
    })
}

fn chart(regret: &Regret) -> Option<Markup> {
    let most = regret.choices.first()?.regret - 1.0;
    let lossy = regret.choices.iter().filter(|choice| choice.regret - 1.0 >= LEAST);
    let row = |choice: &Choice| {
        let lost = choice.regret - 1.0;
        let note = times(choice.regret);
        Row {
            name: choice.case.name.clone(),
            parts: vec![(lost / most, "lost")],
            words: format!("{}: {note}", choice.case.name),
            note,
        }
    };
    let about =
        "How many times as long as the fastest way the chosen one takes, where that matters most.";
    let bars = Bars {
        id: "regret-chart".to_owned(),
        title: "Time lost by the choice".to_owned(),
        about: about.to_owned(),
        names: 262.0,
        rows: lossy.take(MOST_ROWS).map(row).collect(),
    };
    figure("Time lost by the choice", about, bars.draw())
}

fn table(regret: &Regret, palette: &Palette) -> Markup {
    html! {
        thead {
            tr {
                th scope="col" { "case" }
                th scope="col" { "chosen" }
                th.number scope="col" { "expected" }
                th.number scope="col" { "median" }
                th scope="col" { "fastest" }
                th.number scope="col" { "median" }
                th.number scope="col" { "chosen / fastest" }
            }
        }
        tbody {
            @for choice in &regret.choices {
                tr {
                    th scope="row" { (choice.case.name) }
                    td { (palette.named(&label(choice.chosen))) }
                    (cell(choice.chosen.expected, seconds))
                    (cell(choice.chosen.median, seconds))
                    td { (palette.named(&label(choice.fastest))) }
                    (cell(choice.fastest.median, seconds))
                    (cell(Some(choice.regret), times))
                }
            }
        }
    }
}
