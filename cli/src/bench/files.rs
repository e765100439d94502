//! Where what was measured goes: files that are begun before anything is measured, and are whole or not
//! there at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::options::Bench;
use super::record::Record;
use super::{csv, page};
use crate::output::Unfinished;
use crate::{jobs, standard};

/// Writes a record in some form.
type Form = fn(&Record, Option<&Record>, &mut dyn Write) -> Result<()>;

/// Files that are begun.
pub struct Files {
    files: Vec<(PathBuf, Unfinished, Form)>,
    /// Whether one of them is standard output, where nothing else is printed then.
    pub to_standard: bool,
}

impl Files {
    pub fn begin(args: &Bench) -> Result<Self> {
        let asked: [(&Option<PathBuf>, Form); 3] = [
            (&args.json, |record, _, file| record.write(file)),
            (&args.csv, |record, _, file| csv::write(record, file)),
            (&args.report, |record, peers, file| {
                Ok(file.write_all(page::html(record, peers).as_bytes())?)
            }),
        ];
        let mut begun = Self { files: Vec::new(), to_standard: false };
        for (path, form) in asked {
            let Some(path) = path else { continue };
            let target = match standard::is_dash(path) {
                true => path.clone(),
                false => standard::as_a_name(path),
            };
            let twice = begun.files.iter().any(|(other, ..)| *other == target);
            ensure!(
                !twice,
                "{} would be written twice: expected names that differ for --json, --csv and --report",
                path.display()
            );
            let file = begin(&target)?;
            begun.to_standard |= standard::is_output(&target);
            begun.files.push((target, file, form));
        }
        Ok(begun)
    }

    /// Puts all of them in their places. Where one fails the others are written; the error is the first
    /// one's.
    pub fn finish(self, record: &Record, peers: Option<&Record>) -> Result<()> {
        let finish = |(target, mut file, form): (PathBuf, Unfinished, Form)| {
            form(record, peers, file.writer()).with_context(|| standard::named(&target))?;
            file.finish()
        };
        let all: Vec<Result<()>> = self.files.into_iter().map(finish).collect();
        all.into_iter().collect()
    }
}

fn begin(target: &Path) -> Result<Unfinished> {
    if !standard::is_output(target) {
        jobs::check_parent(target)?;
        jobs::check_place(target)?;
    }
    Unfinished::start(target)
}
