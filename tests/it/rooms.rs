//! The order of the rooms: what a file under `src/` may import (docs/ARCHITECTURE.md).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::common::repository;

/// Each may import from those before it.
const ROOMS: [&str; 17] = [
    "words",
    "error",
    "util",
    "simd",
    "element",
    "format",
    "problem",
    "kernel",
    "bounds",
    "plan",
    "cpu",
    "gpu",
    "machine",
    "run",
    "calibrate",
    "prove",
    "face",
];

/// A file's module path below the crate, and its text.
type Source = (Vec<String>, String);

#[test]
fn every_room_imports_from_those_before_it() {
    let sources = sources();
    assert!(sources.len() > 100, "these are the sources");
    let found: BTreeSet<&str> = sources.iter().filter_map(|(path, _)| room(path)).collect();
    assert_eq!(found, BTreeSet::from(ROOMS), "every file is in a room");
    let wrong = check(&sources);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn arrows_that_go_up_are_found() {
    let source = |path: &str, text: &str| -> Source {
        (path.split("::").map(String::from).collect(), text.into())
    };
    let fine = [
        source("plan", "use crate::words::Device; use self::cpu::Tile;"),
        source("plan::cpu", "use super::Plan; // use crate::face::Filter;"),
        source("cpu::direct", "use crate::{error::Result, plan::cpu::Tile};"),
        source("face::filter", "/// See [`crate::face`].\nuse crate::run::Executor;"),
        source("run", "#[cfg(test)]\nmod tests { use crate::face::Filter; }"),
    ];
    assert!(check(&fine).is_empty(), "{:?}", check(&fine));
    for (path, text) in [
        ("plan::design", "use crate::cpu::direct;"),
        ("plan::design", "use crate::{words::Device, cpu};"),
        ("plan::design", "use crate::{\n    words::{Device, Mode},\n    gpu::passes::Passes,\n};"),
        ("cpu::fft", "fn f() -> crate::run::Executor { todo() }"),
        ("element", "use super::plan::Plan;"),
        ("util::lru", "use super::super::machine::Devices;"),
        ("error", "use crate::Filter;"),
    ] {
        let all = [&fine[..], &[source(path, text)]].concat();
        let against = check(&all).into_iter().filter(|wrong| wrong.contains("against the order"));
        assert_eq!(against.count(), 1, "{path}: {text}");
    }
    let circle = [
        source("cpu::direct::tile", "use crate::cpu::fft::block::Block;"),
        source("cpu::fft::block", "use crate::cpu::direct::tile::Tile;"),
    ];
    // Files of one folder may name each other, folders may not.
    assert!(check(&circle).iter().any(|wrong| wrong.contains("circle")), "{:?}", check(&circle));
    let neighbours = [
        source("cpu::fft::block", "use super::sweep::Sweep;"),
        source("cpu::fft::sweep", "use super::block::Block;"),
    ];
    assert!(check(&neighbours).is_empty());
}

/// All files under `src/`, but for the crate's root and files of tests.
fn sources() -> Vec<Source> {
    fn collect(directory: &Path, path: &[String], sources: &mut Vec<Source>) {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("listed").path();
            let name = entry.file_stem().expect("named").to_string_lossy().into_owned();
            let below = [path, std::slice::from_ref(&name)].concat();
            if entry.is_dir() {
                collect(&entry, &below, sources);
            } else if !["tests", "lib", "pages"].contains(&&name[..]) {
                let module = if name == "mod" { path.to_vec() } else { below };
                let text = std::fs::read_to_string(&entry).expect("text");
                sources.push((module, text));
            }
        }
    }
    let mut sources = Vec::new();
    collect(&repository().join("src"), &[], &mut sources);
    sources
}

fn room(path: &[String]) -> Option<&str> {
    path.first().map(String::as_str)
}

/// What is wrong with the imports of these files.
fn check(sources: &[Source]) -> Vec<String> {
    let rank = |room: &str| ROOMS.iter().position(|known| *known == room);
    let modules: BTreeSet<&[String]> = sources.iter().map(|(path, _)| &path[..]).collect();
    let is_folder =
        |path: &[String]| modules.iter().any(|m| m.len() > path.len() && m.starts_with(path));
    // A module with others below it has a folder of its own, any other one is in its parent's.
    let folder = |path: &[String]| -> String {
        let below = if is_folder(path) || path.len() == 1 { path.len() } else { path.len() - 1 };
        path[..below].join("/")
    };
    let mut wrong = Vec::new();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources {
        for target in imports(path, text) {
            let name = format!("{} -> {}", path.join("::"), target.join("::"));
            match (room(path).and_then(rank), room(&target).and_then(rank)) {
                (Some(from), Some(to)) if to <= from => {}
                _ => wrong.push(format!("{name} goes against the order of the rooms")),
            }
            // The longest module that the path names.
            let module = (1..=target.len()).rev().map(|len| &target[..len]);
            if let Some(module) = module.into_iter().find(|path| modules.contains(path)) {
                let (from, to) = (folder(path), folder(module));
                let inside = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}/"));
                if !inside(&from, &to) && !inside(&to, &from) {
                    arrows.entry(from).or_default().insert(to);
                }
            }
        }
    }
    for start in arrows.keys() {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(at) = next.pop() {
            let fresh = arrows.get(at).into_iter().flatten().filter(|to| seen.insert(*to));
            next.extend(fresh);
        }
        if seen.contains(start) {
            wrong.push(format!("the folder {start} is in a circle"));
        }
    }
    wrong
}

/// The paths from the crate's root that a file names, outside of comments and of tests.
fn imports(path: &[String], text: &str) -> Vec<Vec<String>> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n");
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    let mut found = Vec::new();
    let starts = |word: &str| -> Vec<usize> {
        let before = |at: usize| code[..at].chars().next_back();
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$';
        code.match_indices(word)
            .map(|(at, _)| at)
            .filter(|&at| !before(at).is_some_and(is_word))
            .collect()
    };
    for at in starts("crate::") {
        leaves(&code[at + "crate::".len()..], &[], &mut found);
    }
    for at in starts("super::") {
        let (mut rest, mut base) = (&code[at..], path);
        while let (Some(after), Some((_, above))) =
            (rest.strip_prefix("super::"), base.split_last())
        {
            (rest, base) = (after, above);
        }
        // What a module of a file's own takes from the file stays in it.
        let mut relative = Vec::new();
        leaves(rest, base, &mut relative);
        found.extend(
            relative
                .into_iter()
                .filter(|target| room(target).is_some_and(|room| ROOMS.contains(&room))),
        );
    }
    found
}

/// Takes apart `a::{b, c::d}`.
fn leaves(text: &str, base: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = base.to_vec();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            let (mut depth, mut item) = (1, 0);
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 || (depth == 1 && c == ',') {
                    if !group[item..at].trim().is_empty() {
                        leaves(&group[item..at], &path, found);
                    }
                    item = at + 1;
                }
                if depth == 0 {
                    return;
                }
            }
            return;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end > 0 && &rest[..end] != "self" {
            path.push(rest[..end].into());
        }
        match rest[end..].strip_prefix("::") {
            Some(after) if end > 0 => rest = after,
            _ => break,
        }
    }
    if path.len() > base.len() || !base.is_empty() {
        found.push(path);
    }
}
