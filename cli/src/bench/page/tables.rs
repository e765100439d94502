//! Tables: each can be scrolled by itself, with a keyboard too.

use maud::{Markup, html};

use super::groups::Group;
use super::marks::{Palette, label};
use super::numbers::{UNKNOWN, cell, percent, positive, seconds, shape};
use crate::bench::record::{Case, Way};
use crate::bench::regret::fastest;

/// In a box of its own, which is named like this.
pub fn boxed(name: &str, table: Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(name) tabindex="0" { table { (table) } }
    }
}

/// Behind its name, or in plain sight where nothing else shows these numbers.
pub fn folded(name: &str, of: &str, is_folded: bool, table: Markup) -> Markup {
    html! {
        details open[!is_folded] {
            summary { (name) }
            (boxed(&format!("{name}: {of}"), table))
        }
    }
}

/// All that is known of each way.
pub fn times(group: &Group, palette: &Palette) -> Markup {
    html! {
        thead {
            tr {
                th scope="col" { "kernel" }
                th scope="col" { "way" }
                @for name in [
                    "median", "10th to 90th", "runs", "expected", "first call", "limit", "share of limit",
                ] {
                    th.number scope="col" { (name) }
                }
                th scope="col" { "error" }
                th scope="col" { "notes" }
            }
        }
        @for case in &group.cases {
            tbody {
                @for way in &case.ways { (row(case, way, palette)) }
            }
        }
    }
}

fn row(case: &Case, way: &Way, palette: &Palette) -> Markup {
    let share = positive(way.limit).zip(positive(way.median)).map(|(limit, median)| limit / median);
    html! {
        tr {
            th scope="row" { (shape(&case.kernel_shape)) }
            td { (palette.named(&label(way))) }
            (cell(way.median, seconds))
            td.number {
                @if let (Some(low), Some(high)) = (way.low, way.high) {
                    (seconds(low)) " to " (seconds(high))
                } @else { (UNKNOWN) }
            }
            td.number { (way.runs.map_or(UNKNOWN.to_owned(), |runs| runs.to_string())) }
            (cell(way.expected, seconds))
            (cell(way.first, seconds))
            (cell(way.limit, seconds))
            (cell(share, percent))
            td { (way.error.as_deref().unwrap_or(UNKNOWN)) }
            td { (notes(case, way)) }
        }
    }
}

fn notes(case: &Case, way: &Way) -> Markup {
    let fastest = fastest(&case.ways).is_some_and(|fastest| std::ptr::eq(fastest, way));
    html! {
        @if way.chosen { span.badge { "chosen" } " " }
        @if fastest { span.badge { "fastest" } " " }
        @if way.wrong { span.badge.bad { "wrong" } " " }
        @if way.other_kernel { span.badge { "another kernel" } " " }
        @if let Some(method) = &way.method { "took " (method) " " }
        @if let Some(reason) = &way.left_out { (reason) }
    }
}
