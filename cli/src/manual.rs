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
    print(script)
}

/// Prints the manual page of the command, or of one of its commands.
pub fn page(of: Option<&str>) -> Result<()> {
    print(rendered(of)?)
}

fn rendered(of: Option<&str>) -> Result<Vec<u8>> {
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
    Man::new(command).render(&mut page)?;
    Ok(page)
}

fn print(text: Vec<u8>) -> Result<()> {
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    report::print(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_what_the_help_has() {
        let page = |of| String::from_utf8(rendered(of).unwrap()).unwrap();
        let all = page(None);
        assert!(all.contains("convolve\\-apply(1)") && all.contains(".SH SYNOPSIS"), "{all}");
        let apply = page(Some("apply"));
        for part in [".TH convolve-apply 1", "\\-\\-kernel", "\\-\\-region", "gaussian:SIGMA"] {
            assert!(apply.contains(part), "{part}: {apply}");
        }
        let error = rendered(Some("nothing")).unwrap_err().to_string();
        assert!(error.contains("apply") && error.contains("got nothing"), "{error}");
    }
}
