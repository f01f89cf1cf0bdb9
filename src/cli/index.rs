//! The `index` subcommand: the list of published runs, or whether it is up to date.

#![expect(clippy::disallowed_methods, reason = "the list that is there is read")]

use super::{ExitStatus, diagnostic, print_result, report};
use crate::results::index::{FILES, Index};
use crate::results::runs_below;
use crate::store;
use clap::Args;
use std::path::PathBuf;

const EXIT_STATUS: &str = "\
Exit status:
  0  the files are written, or with --check up to date
  1  with --check: a file is stale
  2  the directory has no result folders
  5  a file could not be read or written";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct IndexArgs {
    /// Directory with result folders.
    #[arg(value_name = "DIR", default_value = "results")]
    folder: PathBuf,
    /// Write nothing: say whether the files are up to date.
    #[arg(long)]
    check: bool,
}

pub(super) fn index(args: &IndexArgs) -> ExitStatus {
    let made = runs_below(&args.folder).and_then(|runs| Index::of(&args.folder, &runs)?.files());
    let made = match made {
        Ok(made) => made,
        Err(error) => return report::refused(&error),
    };
    let mut stale = Vec::new();
    for (name, text) in FILES.into_iter().zip(made) {
        let path = args.folder.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if !args.check
            && let Err(error) = store::write(&args.folder, name, text.as_bytes())
        {
            return report::refused(&error);
        }
        stale.push(path);
    }
    if !args.check {
        let written = stale.iter().map(|path| format!("wrote {}\n", path.display()));
        return print_result(written.collect::<String>().as_bytes());
    }
    for path in &stale {
        let message = format!("{} is stale", path.display());
        let help = format!("planrun index {}", args.folder.display());
        diagnostic::print_error(&message, Some(&format!("run `{help}`")));
    }
    if stale.is_empty() { ExitStatus::Pass } else { ExitStatus::Fail }
}
