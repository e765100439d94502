//! Which input becomes which output: settled before anything is computed.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::formats;
use crate::kernel::has_extension;
use crate::report;
use crate::standard;

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Picture,
    Array,
}

impl Kind {
    fn of(path: &Path) -> Result<Self> {
        if has_extension(path, "npy") {
            Ok(Self::Array)
        } else if formats::format(path).is_some() {
            Ok(Self::Picture)
        } else {
            bail!(
                "{}: expected a name that ends in .npy or in {}",
                path.display(),
                formats::extensions()
            )
        }
    }
}

/// One input and its output.
#[derive(Debug)]
pub struct Job {
    /// Its name, as the caller wrote it.
    pub input: PathBuf,
    pub output: PathBuf,
    pub kind: Kind,
    /// What it is, where that has come from standard input.
    standard: Option<standard::Input>,
}

impl Job {
    /// Where the input can be read.
    pub fn source(&self) -> &Path {
        self.standard.as_ref().map_or(&self.input, standard::Input::path)
    }
}

/// All that is to be done.
#[derive(Debug)]
pub struct Jobs {
    pub jobs: Vec<Job>,
    /// The outputs' folder, unless there is one output that was named.
    pub folder: Option<PathBuf>,
    /// What is passed over in folders, in words.
    pub passed_over: Vec<String>,
}

impl Jobs {
    /// For these inputs and this output; `format` is what standard output is asked to be.
    pub fn new(inputs: &[PathBuf], output: &Path, format: Option<&str>) -> Result<Self> {
        let to_standard = standard::is_dash(output);
        ensure!(
            format.is_none() || to_standard,
            "--format goes with -o -: the name of an output says its format, got {}",
            output.display()
        );
        let from_standard = inputs.iter().any(|input| standard::is_dash(input));
        ensure!(
            inputs.len() == 1 || !from_standard,
            "standard input (-) goes alone: expected no other inputs, got {}",
            inputs.len()
        );
        for input in inputs.iter().filter(|input| !standard::is_dash(input)) {
            let found = fs::metadata(input).with_context(|| input.display().to_string())?;
            ensure!(
                found.is_file() || found.is_dir(),
                "{}: neither a regular file nor a folder",
                input.display()
            );
        }
        match inputs {
            [input] if from_standard || !input.is_dir() => Self::one(input, output, format),
            _ => {
                ensure!(!to_standard, "standard output has room for one file: expected a folder");
                Self::many(inputs, &standard::as_a_name(output))
            }
        }
    }

    fn one(input: &Path, output: &Path, format: Option<&str>) -> Result<Self> {
        let to_standard = standard::is_dash(output);
        if to_standard {
            // Before anything is waited for.
            standard::output("")?;
        }
        let standard = standard::is_dash(input).then(standard::Input::read).transpose()?;
        let name = match &standard {
            Some(standard) => Path::new("-").with_extension(standard.extension),
            None => input.into(),
        };
        let kind = Kind::of(&name)?;
        let output = match to_standard {
            true => {
                let own = name.extension().and_then(|extension| extension.to_str());
                standard::output(format.or(own).unwrap_or_default())?
            }
            false => standard::as_a_name(output),
        };
        let output = &*output;
        ensure!(
            !output.is_dir(),
            "the output {} is a folder: expected a file for a single input, such as {}",
            output.display(),
            output.join(name.file_name().unwrap_or_default()).display()
        );
        let becomes = Kind::of(output)?;
        ensure!(
            kind == Kind::Picture || becomes == Kind::Array,
            "an array stays an array: expected an output that ends in .npy, got {}",
            output.display()
        );
        if !to_standard {
            check_parent(output)?;
            check_place(output)?;
        }
        let job = Job { input: input.into(), output: output.into(), kind, standard };
        Ok(Self { jobs: vec![job], folder: None, passed_over: Vec::new() })
    }

    fn many(inputs: &[PathBuf], folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            let is_file = folder.exists() || folder.is_symlink() || Kind::of(folder).is_ok();
            ensure!(
                !is_file,
                "several inputs or a folder need a folder as output, got the file {}",
                folder.display()
            );
            check_parent(folder)?;
        }
        let (mut files, mut passed_over) = (Vec::new(), Vec::new());
        for input in inputs {
            if input.is_dir() {
                let (pictures, others) = pictures_in(input)?;
                files.extend(pictures.into_iter().map(|picture| (picture, Kind::Picture)));
                passed_over.extend(in_words(input, &others));
            } else {
                files.push((input.clone(), Kind::of(input)?));
            }
        }
        let mut taken: HashMap<PathBuf, PathBuf> = HashMap::new();
        let mut jobs = Vec::new();
        for (input, kind) in files {
            let output = folder.join(input.file_name().unwrap_or_default());
            // Two links may stand for one file.
            let target = fs::canonicalize(&output).unwrap_or_else(|_| output.clone());
            let (name, expected) = match output.is_symlink() {
                true => (&target, "outputs that are no links to one file"),
                false => (&output, "inputs of different names"),
            };
            if let Some(other) = taken.insert(target.clone(), input.clone()) {
                bail!(
                    "{} and {} would both become {}: expected {expected}",
                    other.display(),
                    input.display(),
                    name.display()
                );
            }
            check_place(&output)?;
            jobs.push(Job { input, output, kind, standard: None });
        }
        check_inputs_stay(&jobs)?;
        Ok(Self { jobs, folder: Some(folder.into()), passed_over })
    }
}

/// Checks that no output replaces what another input is still to be read from. Its own it may.
fn check_inputs_stay(jobs: &[Job]) -> Result<()> {
    let file = |path: &Path| fs::canonicalize(path).ok();
    let inputs: HashMap<PathBuf, &Job> =
        jobs.iter().filter_map(|job| Some((file(&job.input)?, job))).collect();
    for job in jobs {
        let Some(other) = file(&job.output).and_then(|output| inputs.get(&output)) else {
            continue;
        };
        ensure!(
            file(&other.input) == file(&job.input),
            "{} would replace {}, which is an input too: expected another folder as output",
            job.output.display(),
            other.input.display()
        );
    }
    Ok(())
}

/// Checks that the folder of an output is there.
pub fn check_parent(output: &Path) -> Result<()> {
    match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            bail!("the folder {} of the output does not exist", parent.display())
        }
        _ => Ok(()),
    }
}

/// Checks that there is nothing in the output's place, or a regular file, which a new one may
/// replace. A pipe or a device would be gone then.
pub fn check_place(output: &Path) -> Result<()> {
    let shown = output.display();
    match fs::metadata(output) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(found) if found.is_dir() => bail!("the output {shown} is a folder"),
        Ok(_) => bail!(
            "the output {shown} is a pipe, a device or the like: expected a new name, or that of \
             a regular file, which is replaced"
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            ensure!(
                !output.is_symlink(),
                "the output {shown} is a link to something that does not exist"
            );
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("the output {shown}")),
    }
}

/// The pictures of a folder, and the names of what else is there, both sorted.
fn pictures_in(folder: &Path) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let (mut pictures, mut others) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if formats::format(&path).is_some() && path.is_file() {
            pictures.push(path);
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            others.push(if path.is_dir() { name + "/" } else { name });
        }
    }
    ensure!(
        !pictures.is_empty(),
        "{}: no pictures there, expected files that end in {}",
        folder.display(),
        formats::extensions()
    );
    pictures.sort();
    others.sort();
    Ok((pictures, others))
}

/// What is passed over in a folder; nothing where that is nothing.
fn in_words(folder: &Path, others: &[String]) -> Option<String> {
    let folder = folder.display();
    let count = others.len();
    let names = report::names(others.iter().cloned());
    let what = "no regular files whose names end like a picture's";
    (count > 0).then(|| format!("{folder}: passed over {count}, {what}: {names}"))
}
