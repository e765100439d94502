//! What was measured, as one page of HTML that needs nothing beside itself.
//!
//! Each chart has a table with the same numbers.

mod bars;
mod chart;
mod groups;
mod head;
mod marks;
mod numbers;
mod parts;
mod peers;
mod regret;
mod scale;
mod tables;
#[cfg(test)]
mod tests;
mod wins;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::record::{Case, Record};
use super::regret::Regret;
use groups::Group;
use marks::Palette;

const STYLE: &str = include_str!("style.css");
/// Names come from files: whatever they hold, nothing is run and nothing is fetched.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A part of the page: the end of its address, its heading, and what it has.
type Section = (&'static str, &'static str, Markup);

/// The page of a record. Cases of other libraries come from both, `peers` being a record of
/// `benches/peers`.
pub fn html(record: &Record, peers: Option<&Record>) -> String {
    let title = format!("convolve bench, {}", head::date(&record.date));
    let sections = sections(record, peers);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                (patterns())
                header {
                    h1 { "convolve bench" }
                    p.about { (record.machine.cpu) ", " (head::date(&record.date)) }
                    nav aria-label="Sections" {
                        ul { @for (id, name, _) in &sections { li { a href={ "#" (id) } { (name) } } } }
                    }
                }
                main id="content" {
                    @for (id, name, content) in &sections {
                        section aria-labelledby=(id) { h2 id=(id) { (name) } (content) }
                    }
                }
                footer { "Written by convolve " (env!("CARGO_PKG_VERSION")) "." }
            }
        }
    };
    page.into_string()
}

fn sections(record: &Record, peers: Option<&Record>) -> Vec<Section> {
    let all = record.cases.iter().chain(peers.iter().flat_map(|peers| &peers.cases));
    let rivals: Vec<&Case> = all.filter(|case| peers::has_any(case)).collect();
    let palette = Palette::of(&record.cases);
    let groups = Group::all(&record.cases);
    let regret = Regret::of(&record.cases);
    let mut sections = vec![
        ("summary", "At a glance", head::summary(record, &regret, &rivals)),
        ("machine", "The machine", head::machine(record)),
    ];
    if let Some(wins) = wins::section(&groups, &palette) {
        sections.push(("wins", "Where each way wins", wins));
    }
    if let Some(regret) = regret::section(&regret, &palette) {
        sections.push(("regret", "What the choice costs", regret));
    }
    sections.push(("cases", "Time over kernel size", cases(&groups, &palette)));
    if !rivals.is_empty() {
        let of_peers = html! {
            @if let Some(peers) = peers { (head::of_peers(peers, record)) }
            (peers::section(&rivals))
        };
        sections.push(("peers", "Beside other libraries", of_peers));
    }
    sections
}

fn cases(groups: &[Group], palette: &Palette) -> Markup {
    html! {
        @if groups.is_empty() { p { "Nothing was measured." } }
        @for (index, group) in groups.iter().enumerate() {
            (groups::section(group, &format!("group-{index}"), palette))
        }
    }
}

/// What parts of bars are filled with, so that they differ by more than their hue.
fn patterns() -> Markup {
    html! {
        svg.patterns width="0" height="0" aria-hidden="true" {
            defs {
                pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse"
                    patternTransform="rotate(45)"
                {
                    path.back d="M0,0h6v6h-6z" {}
                    path.stripe d="M0,0v6" {}
                }
                pattern id="dotted" width="5" height="5" patternUnits="userSpaceOnUse" {
                    path.back d="M0,0h5v5h-5z" {}
                    circle.dot cx="2.5" cy="2.5" r="1.1" {}
                }
            }
        }
    }
}
