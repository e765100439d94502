//! What the command says on the terminal, and how it ends.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use convolve::{Error, Verification};

/// What methods say that disagree by more than their error bounds.
#[derive(Debug)]
struct Disagreement(Verification);

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("methods disagree by more than their error bounds")
    }
}

impl std::error::Error for Disagreement {}

/// A report of methods that agree, or an error.
pub fn agreed(report: Verification) -> anyhow::Result<Verification> {
    if report.agrees() { Ok(report) } else { Err(Disagreement(report).into()) }
}

/// What was looked for and should not be there.
#[derive(Debug)]
struct Finding(String);

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Finding {}

/// An error of its own status: the command has done its work, and this is what came out.
pub fn finding(text: String) -> anyhow::Error {
    Finding(text).into()
}

/// Methods disagree, or something else was found: the only failure that is not the caller's or the machine's.
const DISAGREEMENT: u8 = 1;
/// Anything else that kept the command from doing its work.
const FAILURE: u8 = 2;

/// Prints to standard output. A reader that has seen enough and closed it is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints to standard error. Where that is closed there is nobody to tell.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// What went wrong with some of several files.
#[derive(Debug)]
struct Failed {
    files: Vec<(PathBuf, anyhow::Error)>,
    of: usize,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let failed = self.files.len();
        match self.of - failed {
            0 => write!(f, "none of {} files was written", self.of),
            1 => write!(f, "{failed} of {} files failed, 1 was written", self.of),
            written => write!(f, "{failed} of {} files failed, {written} were written", self.of),
        }
    }
}

impl std::error::Error for Failed {}

/// An error of these files, of so many.
pub fn failed(files: Vec<(PathBuf, anyhow::Error)>, of: usize) -> anyhow::Error {
    Failed { files, of }.into()
}

/// Prints an error in one line, and gives the exit status. Of several files each has a line, but that
/// those with the same error share one; the last line counts them.
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(&error).into(),
    }
}

fn say(error: &anyhow::Error) -> u8 {
    if let Some(Failed { files, .. }) = error.downcast_ref() {
        let mut status = FAILURE;
        let mut said: Vec<(String, Vec<String>)> = Vec::new();
        for (file, error) in files {
            let (message, code) = message(error);
            // Wrong results are worse news than missing ones.
            status = status.min(code);
            let file = file.display().to_string();
            match said.iter_mut().find(|(other, _)| *other == message) {
                Some((_, files)) => files.push(file),
                None => said.push((message, vec![file])),
            }
        }
        for (message, files) in said {
            fail(&format!("{}: {message}", files.join(", ")));
        }
        fail(&error.to_string());
        return status;
    }
    let (message, status) = message(error);
    fail(&message);
    status
}

/// What an error says in one line, and its exit status. What methods say that disagree is printed.
fn message(error: &anyhow::Error) -> (String, u8) {
    if let Some(Disagreement(report)) = error.downcast_ref() {
        note(&report.to_string());
        // What stands before the error itself is the input's name.
        let input: String = error
            .chain()
            .map(|cause| format!("{cause}: "))
            .take(error.chain().count() - 1)
            .collect();
        let what = "methods disagree by more than their error bounds; nothing was written";
        return (format!("{input}{what}"), DISAGREEMENT);
    }
    let wrong =
        matches!(error.downcast_ref(), Some(Error::FailedCheck { .. })) || error.is::<Finding>();
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors say what their cause says already.
        if !message.contains(&cause) {
            message += if message.is_empty() { "" } else { ": " };
            message += &cause;
        }
    }
    (message, if wrong { DISAGREEMENT } else { FAILURE })
}

/// Prints `convolve: ...` in one line, and gives the exit status.
pub fn fail(message: &str) -> ExitCode {
    remark(&format!("convolve: {message}"));
    FAILURE.into()
}

/// Prints to standard error, in one line. Messages of other libraries may have several lines, and names
/// and contents of files anything that a terminal would obey.
pub fn remark(text: &str) {
    note(&in_a_line(text));
}

fn in_a_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `a, b, c`, and how many more there are than anybody reads.
pub fn names(names: impl Iterator<Item = String>) -> String {
    /// More names than these hide what matters.
    const MOST: usize = 20;
    let names: Vec<String> = names.collect();
    match names.len().saturating_sub(MOST) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..MOST].join(", ")),
    }
}

/// `a, b and c`.
pub fn listed(items: impl Iterator<Item = String>, before_last: &str) -> String {
    let mut items: Vec<String> = items.collect();
    let last = items.pop().unwrap_or_default();
    if items.is_empty() { last } else { format!("{} {before_last} {last}", items.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn terminals_are_told_nothing_but_words() {
        assert_eq!(in_a_line("a\n b\x1b[2J\u{9b}c"), "a b [2J c");
    }

    #[test]
    fn disagreement_has_its_own_status() {
        let convolver = convolve::Convolver::builder().gpu(false);
        // One method is wrong at its first output.
        let convolver = convolver.inject_fault(|recipe| {
            matches!(recipe, convolve::plan::Recipe::CpuFft { .. }).then_some(0)
        });
        let x = ndarray::Array1::<f32>::ones(100);
        let filter = convolver.build().filter(&x).for_shape(100).expect("planned");
        let disagreement = agreed(filter.verify(&x).expect("runs"));
        let status = exit_code(disagreement.context("picture.png").map(drop));
        assert_eq!(format!("{status:?}"), format!("{:?}", ExitCode::from(1)));
        let found = exit_code(Err(finding("slower".into())));
        assert_eq!(format!("{found:?}"), format!("{:?}", ExitCode::from(1)));
        let other = exit_code(Err(anyhow::anyhow!("no")));
        assert_eq!(format!("{other:?}"), format!("{:?}", ExitCode::from(2)));
    }
}
