//! The `completions` and `man` subcommands, both made from the command line's own definition.

use super::{Cli, ExitStatus, complete, diagnostic, print_result};
use crate::store::AtomicFile;
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io;
use std::path::{Path, PathBuf};

/// The heading of a command's exit statuses in its help.
const EXIT_STATUS: &str = "Exit status:";

/// For which shell.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Shell to complete for.
    shell: Shell,
}

/// Which pages.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Print the page of this command, such as `compare` or `serve http`.
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the pages of planrun and of every command into this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs) -> ExitStatus {
    match complete::script(args.shell) {
        Ok(script) => print_result(&script),
        Err(_) => ExitStatus::Internal,
    }
}

pub(super) fn man(args: &ManArgs) -> ExitStatus {
    let mut root = Cli::command();
    root.build();
    match &args.out {
        Some(folder) => write_all(&root, folder),
        None => print(&root, &args.command),
    }
}

fn print(root: &Command, words: &[String]) -> ExitStatus {
    let mut command = root;
    for word in words {
        let Some(next) = command.get_subcommands().find(|one| one.get_name() == word) else {
            let word = crate::units::visible(word);
            let known: Vec<&str> = commands(command).map(Command::get_name).collect();
            let help = format!("`planrun man` lists every command: {}", known.join(", "));
            diagnostic::print_error(&format!("no command is called `{word}`"), Some(&help));
            return ExitStatus::WrongPlan;
        };
        command = next;
    }
    page(command).map_or(ExitStatus::Internal, |page| print_result(&page))
}

/// The commands below one that people type.
fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help")
}

fn write_all(command: &Command, folder: &Path) -> ExitStatus {
    let name = format!("{}.1", command.get_display_name().unwrap_or(command.get_name()));
    let written = page(command).map_err(|error| error.to_string()).and_then(|page| {
        let mut file = AtomicFile::create(folder, &name).map_err(|error| error.to_string())?;
        file.add(&page).and_then(|()| file.finish()).map_err(|error| error.to_string())
    });
    if let Err(why) = written {
        diagnostic::print_error(&why, Some("give a directory that can be written to"));
        return ExitStatus::Internal;
    }
    let below = commands(command).map(|one| write_all(one, folder));
    below.fold(ExitStatus::Pass, |all, one| if one == ExitStatus::Pass { all } else { one })
}

/// The page of a command, with its exit statuses.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (extra, statuses) = help.split_once(EXIT_STATUS).unwrap_or((&help, ""));
    let man = Man::new(command.clone().after_help(extra.trim().to_owned()));
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if commands(command).next().is_some() {
        man.render_subcommands_section(&mut out)?;
    }
    if !extra.trim().is_empty() {
        man.render_extra_section(&mut out)?;
    }
    exit_statuses(statuses).to_writer(&mut out)?;
    Ok(out)
}

/// The section of exit statuses: a command's own, or those of a run.
fn exit_statuses(own: &str) -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["EXIT STATUS"]);
    let mut add = |code: &str, words: String| {
        section.control("TP", []);
        section.text([bold(code.to_owned())]);
        section.text([roman(words)]);
    };
    if own.is_empty() {
        for status in ExitStatus::ALL {
            let words = status.doc().split_whitespace().collect::<Vec<_>>().join(" ");
            add(&status.code().to_string(), words);
        }
        return section;
    }
    for (code, words) in statuses_of(own) {
        add(&code, words);
    }
    section
}

/// A command's own exit statuses, with their meanings.
fn statuses_of(own: &str) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in own.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let begins = first == "others" || first.chars().all(|c| c.is_ascii_digit());
        match rows.last_mut() {
            Some((_, words)) if !begins => *words = format!("{words} {line}"),
            _ => rows.push((first.to_owned(), rest.trim().to_owned())),
        }
    }
    rows
}

/// Each command that has exit statuses of its own, with their meanings.
#[cfg(test)]
pub(crate) fn commands_with_statuses() -> Vec<(String, Vec<(String, String)>)> {
    fn add(command: &Command, all: &mut Vec<(String, Vec<(String, String)>)>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if let Some((_, own)) = help.split_once(EXIT_STATUS) {
            let name = command.get_bin_name().unwrap_or(command.get_name());
            all.push((name.to_owned(), statuses_of(own)));
        }
        commands(command).for_each(|one| add(one, all));
    }
    let mut root = Cli::command();
    root.build();
    let mut all = Vec::new();
    add(&root, &mut all);
    all
}

/// The exit statuses of a run, with their meanings.
#[cfg(test)]
pub(crate) fn statuses_of_runs() -> Vec<(u8, &'static str)> {
    ExitStatus::ALL.iter().map(|status| (status.code(), status.doc())).collect()
}
