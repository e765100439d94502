//! `convolve completions` and `convolve man`: what shells and `man` are told, from the argument parser.

use std::io;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Cli;
use crate::report;

/// Prints a script that completes the command's arguments.
pub fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "convolve", &mut script);
    report::print(String::from_utf8(script).map_err(io::Error::other)?.trim_end())
}

/// Prints the manual page of the command, or of one of its commands.
pub fn page(of: Option<&str>) -> Result<()> {
    report::print(rendered(of)?.trim_end())
}

fn rendered(of: Option<&str>) -> Result<String> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let command = match of {
        None => command,
        Some(name) => {
            let names: Vec<_> =
                command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
            let expected = || format!("expected one of {}, got {name}", names.join(", "));
            command.find_subcommand(name).cloned().with_context(expected)?
        }
    };
    let mut page = Vec::new();
    let source = format!("convolve {}", env!("CARGO_PKG_VERSION"));
    Man::new(command).source(source).render(&mut page)?;
    Ok(with_rows(&String::from_utf8(page).map_err(io::Error::other)?))
}

/// A page whose tables and examples, which start with blanks, keep their lines.
fn with_rows(page: &str) -> String {
    let (mut set, mut in_rows) = (String::new(), false);
    for line in page.lines() {
        let is_row = line.starts_with(' ');
        if is_row != in_rows {
            set.push_str(if is_row { ".nf\n" } else { ".fi\n" });
            in_rows = is_row;
        }
        set.push_str(if line == ".SH EXTRA" { ".SH DETAILS" } else { line });
        set.push('\n');
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_what_the_help_has() {
        let page = |of| rendered(of).unwrap();
        let all = page(None);
        assert!(all.contains("convolve\\-apply(1)") && all.contains(".SH SYNOPSIS"), "{all}");
        let apply = page(Some("apply"));
        for part in [".TH convolve-apply 1", "\\-\\-kernel", "\\-\\-region", "gaussian:SIGMA"] {
            assert!(apply.contains(part), "{part}: {apply}");
        }
        // Rows of the table and examples stay on lines of their own, sentences do not.
        let (mut in_rows, mut rows) = (false, 0);
        for line in apply.lines() {
            match line {
                ".nf" | ".fi" => in_rows = line == ".nf",
                _ => assert_eq!(in_rows, line.starts_with(' '), "{line}"),
            }
            rows += usize::from(in_rows);
        }
        assert!(
            rows > 50 && apply.contains(".SH DETAILS\nKernels:\n.nf\n  gaussian:SIGMA"),
            "{apply}"
        );
        let error = rendered(Some("nothing")).unwrap_err().to_string();
        assert!(error.contains("apply") && error.contains("got nothing"), "{error}");
    }
}
