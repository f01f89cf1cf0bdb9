//! Saves an imported plan and its files, and says what comes next.

use super::Imported;
use crate::cli::{ExitStatus, diagnostic};
use crate::units::visible;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

pub(super) fn save(output: &Path, name: &str, imported: &Imported) -> ExitStatus {
    let plan = plan_path(output, name);
    let folder = plan.parent().unwrap_or(Path::new("")).to_owned();
    let mut all = vec![(plan.clone(), imported.text.as_bytes())];
    all.extend(
        imported.files.iter().map(|file| (folder.join(&file.name), file.content.as_slice())),
    );
    // None is written if one of them is there.
    if let Some((path, _)) = all.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        let message = format!("{} exists already, and is left as it is", path.display());
        diagnostic::print_error(&message, Some("give another name: `-o NAME.toml`"));
        return ExitStatus::WrongPlan;
    }
    let written = create(&folder).and_then(|()| {
        all.iter().try_for_each(|(path, content)| {
            let written = File::create_new(path).and_then(|mut file| file.write_all(content));
            written.map_err(|error| (path.clone(), error))
        })
    });
    if let Err((path, error)) = written {
        let message = format!("cannot write {}: {error}", path.display());
        let help = "give a directory that can be written to: `-o DIR`";
        diagnostic::print_error(&message, Some(help));
        return match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => ExitStatus::WrongPlan,
            _ => ExitStatus::Internal,
        };
    }
    // A closed standard error is no failure.
    let _ = anstream::stderr().write_all(told(&plan, &all, imported).as_bytes());
    ExitStatus::Pass
}

fn plan_path(output: &Path, name: &str) -> PathBuf {
    if output.extension().is_some_and(|ending| ending == "toml") && !output.is_dir() {
        return output.to_owned();
    }
    let file = format!("{name}.toml");
    if output == Path::new(".") { PathBuf::from(file) } else { output.join(file) }
}

fn create(folder: &Path) -> Result<(), (PathBuf, std::io::Error)> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))
}

/// What was written, what is missing, what to do.
fn told(plan: &Path, all: &[(PathBuf, &[u8])], imported: &Imported) -> String {
    let shown = |path: &Path| visible(&path.display().to_string()).into_owned();
    let plan = shown(plan);
    let mut out = format!("wrote {plan}: {}\n", visible(&imported.contents.join(", ")));
    for (path, _) in &all[1..] {
        let _ = writeln!(out, "wrote {}", shown(path));
    }
    if !imported.variables.is_empty() {
        out.push_str("\nSet these variables first (`export NAME='…'`):\n");
        let widest = imported.variables.iter().map(|one| one.name.len()).max().unwrap_or(0);
        for variable in &imported.variables {
            let _ = writeln!(out, "  {:widest$}  {}", variable.name, visible(&variable.about));
        }
    }
    for (title, notes) in [("Left out", &imported.left_out), ("Look at", &imported.advice)] {
        if !notes.is_empty() {
            let _ = writeln!(out, "\n{title}:");
        }
        for note in notes {
            let _ = writeln!(out, "  {}", visible(note));
        }
    }
    let _ = writeln!(out, "\nNext: planrun check {plan}, then planrun try {plan}");
    out
}
