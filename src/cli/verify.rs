//! The `verify` subcommand: whether result folders say what their data say.

use super::{ExitStatus, diagnostic, print_result, report, screen};
use crate::report::page::{Page, listed};
use crate::results::runs_below;
use crate::results::verify::{Verification, verify as verify_folder};
use anstyle::{AnsiColor, Style};
use clap::Args;
use clap_complete::ArgValueCompleter;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

const EXIT_STATUS: &str = "\
Exit status:
  0  every folder is verified
  1  a folder is not: the file and its first difference are named
  2  a directory is not a result folder, or its run is still active
  5  a file could not be read";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct VerifyArgs {
    /// Result folders, or directories with result folders below them, such as `results`.
    #[arg(value_name = "DIR", required = true, add = ArgValueCompleter::new(super::complete::folders))]
    folders: Vec<PathBuf>,
    /// Print JSON: an object a line for each folder.
    #[arg(long)]
    json: bool,
}

pub(super) fn verify(args: &VerifyArgs) -> ExitStatus {
    let mut runs = BTreeSet::new();
    for folder in &args.folders {
        match runs_below(folder) {
            Ok(below) => runs.extend(below),
            // A folder without a recording is not verified.
            Err(_) if folder.join("SHA256SUMS").is_file() => drop(runs.insert(folder.clone())),
            Err(error) => return report::refused(&error),
        }
    }
    let mut status = ExitStatus::Pass;
    for folder in runs {
        let found = match verify_folder(&folder) {
            Ok(found) => found,
            Err(error) => return report::refused(&error),
        };
        let mut text = Vec::new();
        let written = if args.json {
            serde_json::to_writer(&mut text, &found)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(text))
        } else {
            print(&found, &mut Page::new(&mut text, screen::columns()))
        };
        if let Err(error) = written {
            diagnostic::print_error(&format!("cannot write what was found: {error}"), None);
            return ExitStatus::Internal;
        }
        if print_result(&text) != ExitStatus::Pass {
            return ExitStatus::Internal;
        }
        if !found.verified {
            status = ExitStatus::Fail;
        }
    }
    status
}

fn print(found: &Verification, page: &mut Page<'_>) -> io::Result<()> {
    let (word, colour) = if found.verified {
        ("verified", AnsiColor::Green)
    } else {
        ("NOT verified", AnsiColor::Red)
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    writeln!(page, "{style}{word}{style:#}  {}", found.folder.display())?;
    let plain = Style::new();
    for problem in &found.problems {
        page.hanging("  ", "    ", &format!("{}: {}", problem.file, problem.what), plain)?;
    }
    let say = |page: &mut Page<'_>, files: &[String], what: &str| {
        if files.is_empty() {
            return Ok(());
        }
        page.hanging("  ", "    ", &format!("{what}: {}", listed(files)), plain)
    };
    say(page, &found.same, "the same to the byte")?;
    let made_by = found.made_by.as_deref().unwrap_or("planrun");
    let figures = format!("written by another build ({made_by}), every figure is the same");
    say(page, &found.same_figures, &figures)?;
    for one in &found.corrected {
        page.hanging("  ", "    ", one, plain)?;
    }
    say(page, &found.not_compared, "written by another build, only the checksum agrees")?;
    say(page, &found.others, "not made by planrun, only the checksum agrees")?;
    say(page, &found.left_out, "left out")
}
