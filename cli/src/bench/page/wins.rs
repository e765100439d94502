//! Which way is the fastest for which samples and kernel, beside the one that is chosen.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::taps;
use super::groups::Group;
use super::marks::{Palette, label};
use super::numbers::{count, shape, times};
use super::tables;
use crate::bench::record::{Case, Way};
use crate::bench::regret::{Choice, fastest};

/// Nothing where no case has ways to choose from.
pub fn section(groups: &[Group], palette: &Palette) -> Option<Markup> {
    // Kernels of other ranks are columns of other tables.
    let mut ranks: BTreeMap<usize, Vec<&Group>> = BTreeMap::new();
    for group in groups {
        let compared = |case: &&Case| own(case).filter(|way| way.median.is_some()).count() > 1;
        if group.cases.iter().any(compared) {
            ranks.entry(group.cases[0].kernel_shape.len()).or_default().push(group);
        }
    }
    if ranks.is_empty() {
        return None;
    }
    for groups in ranks.values_mut() {
        groups.sort_by(|a, b| samples(a).total_cmp(&samples(b)));
    }
    Some(html! {
        p {
            "Each cell has the fastest way and what is chosen. Where they are the same there is one \
             name; where not, the second is the chosen one, with how many times as long it takes. \
             Rows are sorted by the number of samples, columns by that of taps."
        }
        @for (rank, groups) in &ranks {
            (tables::boxed(
                &format!("Fastest and chosen ways, kernels of {}", count(*rank, "dimension")),
                map(groups, palette),
            ))
        }
    })
}

fn own(case: &Case) -> impl Iterator<Item = &Way> {
    case.ways.iter().filter(|way| way.library == "convolve")
}

fn samples(group: &Group) -> f64 {
    taps(&group.cases[0].shape)
}

fn map(groups: &[&Group], palette: &Palette) -> Markup {
    let mut kernels: Vec<&Vec<usize>> =
        groups.iter().flat_map(|group| &group.cases).map(|case| &case.kernel_shape).collect();
    kernels.sort_by(|a, b| taps(a).total_cmp(&taps(b)).then(a.cmp(b)));
    kernels.dedup();
    html! {
        thead {
            tr {
                th scope="col" { "samples" }
                @for kernel in &kernels { th scope="col" { (shape(kernel)) } }
            }
        }
        tbody.map {
            @for group in groups {
                tr {
                    th scope="row" { (group.title()) br; span.about { (group.cases[0].samples) } }
                    @for kernel in &kernels {
                        @match group.cases.iter().find(|case| case.kernel_shape == **kernel) {
                            Some(case) => { (cell(case, palette)) }
                            None => { td {} }
                        }
                    }
                }
            }
        }
    }
}

fn cell(case: &Case, palette: &Palette) -> Markup {
    let Some(best) = fastest(own(case)) else {
        return html! { td { "none measured" } };
    };
    let chosen = own(case).find(|way| way.chosen);
    let name = label(best);
    html! {
        td.win.(palette.style(&name).hue()) {
            div { (palette.named(&name)) }
            @match (Choice::of(case), chosen) {
                (Some(choice), _) => {
                    @if !choice.is_fastest() {
                        div.chosen-instead {
                            (palette.named(&label(choice.chosen))) " " (times(choice.regret))
                        }
                    }
                }
                (None, Some(way)) => {
                    div.chosen-instead { (palette.named(&label(way))) " not measured" }
                }
                (None, None) => { div.chosen-instead { "none chosen" } }
            }
        }
    }
}
