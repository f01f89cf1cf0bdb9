//! Turns a path and the overrides of the command line into a plan.

use super::{ExitStatus, OverrideArgs, diagnostic, elsewhere, refuse};
use crate::engine;
use crate::plan::{LARGEST_PLAN, Overrides, Plan, PlanErrors, Source};
use crate::protocol::http::Files;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

impl From<&OverrideArgs> for Overrides {
    fn from(args: &OverrideArgs) -> Self {
        let OverrideArgs { set, scale, target, only } = args.clone();
        Self { set, scale, target, only }
    }
}

/// Reads a plan. What is wrong with it, or with its file, is on standard error by then.
pub(super) fn read_plan(
    path: &Path,
    args: &OverrideArgs,
) -> Result<(Source, Overrides, Plan), ExitStatus> {
    read_with_files(path, args).map(|(source, overrides, plan, _)| (source, overrides, plan))
}

/// The same, with the files that the plan names.
pub(super) fn read_with_files(
    path: &Path,
    args: &OverrideArgs,
) -> Result<(Source, Overrides, Plan, Vec<Files>), ExitStatus> {
    let overrides = Overrides::from(args);
    if let Some(answer) = elsewhere::of_path(path) {
        return Err(refuse(&answer));
    }
    let text = match read_text(path) {
        Ok(text) => text,
        Err((message, help)) => {
            diagnostic::print_error(&message, help);
            return Err(ExitStatus::WrongPlan);
        }
    };
    let source = Source { name: path.display().to_string(), text };
    match Plan::parse(&source, &overrides, &|name| std::env::var(name).ok()) {
        Ok(plan) => {
            let files = read_files(&source, &plan)?;
            Ok((source, overrides, plan, files))
        }
        Err(errors) => {
            diagnostic::print_plan_errors(&errors);
            Err(ExitStatus::WrongPlan)
        }
    }
}

/// The files that a plan names. What is wrong with them is on standard error by then.
pub(super) fn read_files(source: &Source, plan: &Plan) -> Result<Vec<Files>, ExitStatus> {
    engine::read_files(plan, folder(source)).map_err(|problems| {
        let all = problems.into_iter().map(|one| (one.spot, one.message, one.help));
        diagnostic::print_plan_errors(&PlanErrors::of_files(source, all));
        ExitStatus::WrongPlan
    })
}

/// Where the plan is: the files that it names are seen from there.
pub(super) fn folder(source: &Source) -> &Path {
    Path::new(&source.name).parent().unwrap_or(Path::new(""))
}

/// The text of a file that is at most as large as a plan may be.
fn read_text(path: &Path) -> Result<String, (String, Option<&'static str>)> {
    let shown = path.display();
    let unreadable = |error: &std::io::Error| {
        let help = match error.kind() {
            ErrorKind::NotFound => Some("`planrun init` writes a plan to start from"),
            ErrorKind::IsADirectory => Some("give the plan's file"),
            _ => None,
        };
        (format!("cannot read the plan {shown}: {}", reason(error)), help)
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    let limit = LARGEST_PLAN as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > LARGEST_PLAN {
        let help = Some("a plan is a page of text: is this the right file?");
        return Err((format!("the plan {shown} is larger than 1 MiB"), help));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
        let byte = error.as_bytes()[at];
        (
            format!("the plan {shown} is not UTF-8: byte {at} (line {line}) is 0x{byte:02x}"),
            Some("save the file as UTF-8"),
        )
    })
}

/// What the system says, without its number.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
