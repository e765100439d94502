//! What was measured on what, and when.

use maud::{Markup, html};

use super::numbers::{count, rate, times};
use super::peers;
use super::tables;
use crate::bench::record::{Case, Gpu, Limit, Machine, Record};
use crate::bench::regret::Regret;

/// Such as `2026-11-29 04:00 UTC`; what is no such date stays as it is.
pub fn date(date: &str) -> String {
    let minutes = date.get(..16).filter(|_| date.ends_with('Z'));
    match minutes.and_then(|minutes| minutes.split_once('T')) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => date.to_owned(),
    }
}

/// What stands out of all that follows.
pub fn summary(record: &Record, regret: &Regret, rivals: &[&Case]) -> Markup {
    let ways = record.cases.iter().flat_map(|case| &case.ways);
    let timed = ways.clone().filter(|way| way.median.is_some()).count();
    let wrong = ways.filter(|way| way.wrong).count();
    let (lost, compared) = peers::losses(rivals);
    html! {
        dl.figures {
            div { dt { "cases" } dd { (record.cases.len()) } }
            div { dt { "ways timed" } dd { (timed) } }
            @if let Some((median, _, worst)) = regret.summary() {
                div { dt { "regret, median" } dd { (times(median)) } }
                div { dt { "regret, worst" } dd { (times(worst.regret)) } }
            }
            @if compared > 0 {
                div { dt { "a peer is faster" } dd { (lost) " of " (compared) } }
            }
            @if wrong > 0 {
                div.bad { dt { "wrong results" } dd { (wrong) } }
            }
        }
        @if wrong > 0 {
            ul.reasons {
                @for case in &record.cases {
                    @for way in case.ways.iter().filter(|way| way.wrong) {
                        li {
                            span.badge.bad { "wrong" } " "
                            (case.name) ", " (super::marks::label(way)) ": "
                            (way.left_out.as_deref().unwrap_or("no reason given"))
                        }
                    }
                }
            }
        }
        @if record.devices.iter().any(|device| device.software) {
            p.note {
                strong { "There is no GPU behind a software adapter." }
                " The CPU does its work: times of GPU ways here say nothing about a GPU's speed."
            }
        }
    }
}

pub fn machine(record: &Record) -> Markup {
    html! {
        div.machine {
        dl.facts {
            (facts(&record.machine))
            @for device in &record.devices { (gpu(device)) }
            @if record.devices.is_empty() { div { dt { "GPU" } dd { "none took part" } } }
            div { dt { "date" } dd { (date(&record.date)) } }
            div { dt { "versions" } dd { (versions(record)) } }
        }
        @if !record.limits.is_empty() {
            (tables::boxed("What this machine can do at most", limits(&record.limits)))
        }
        }
    }
}

fn facts(machine: &Machine) -> Markup {
    html! {
        div { dt { "CPU" } dd { (machine.cpu) } }
        div {
            dt { "threads" }
            dd { (count(machine.threads, "thread")) " on " (count(machine.cores, "core")) }
        }
        div { dt { "instructions" } dd { (machine.instructions) } }
        div { dt { "system" } dd { (machine.os) } }
    }
}

fn gpu(device: &Gpu) -> Markup {
    html! {
        div {
            dt { "GPU" }
            dd {
                (device.name)
                @if device.software { " " span.badge.bad { "software adapter" } }
                br; span.about { (device.backend) @if !device.driver.is_empty() { ", " (device.driver) } }
            }
        }
    }
}

/// In one line.
pub fn versions(record: &Record) -> String {
    let own = format!("convolve {}", record.convolve);
    let others = record.versions.iter().map(|(name, version)| format!("{name} {version}"));
    [own].into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

fn limits(limits: &[Limit]) -> Markup {
    html! {
        caption { "What this machine can do at most, measured in the same run" }
        thead {
            tr {
                th scope="col" { "limit" }
                th scope="col" { "device" }
                th.number scope="col" { "value" }
            }
        }
        tbody {
            @for limit in limits {
                tr {
                    th scope="row" { (limit.name) }
                    td { (limit.device.to_uppercase()) }
                    td.number { (rate(limit.value, &limit.unit)) }
                }
            }
        }
    }
}

/// Where peers were measured, and whether that was here.
pub fn of_peers(peers: &Record, record: &Record) -> Markup {
    html! {
        p.about { (peers.machine.cpu) "; " (date(&peers.date)) "; " (versions(peers)) "." }
        @if peers.machine != record.machine {
            p.note {
                strong { "Measured on another machine or with other threads." }
                " Within these cases times may be compared, with the ones above they may not."
            }
        }
    }
}
