//! The `import` subcommand: turns curl commands, recordings of browsers, OpenAPI documents and
//! lists of URLs into plans.
//!
//! **Invariant:** what is written passes `planrun check` once the variables that are named are set.

#![expect(clippy::disallowed_methods, reason = "reads the file that is imported")]

mod arrange;
mod credentials;
mod curl;
mod error;
mod har;
mod headers;
mod marks;
mod numbers;
mod openapi;
mod outline;
mod request;
mod rows;
mod saving;
mod secret_fields;
mod urls;
mod variables;

use super::{ExitStatus, diagnostic};
use crate::plan::{LARGEST_PLAN, Overrides, Plan, Source};
use arrange::{ImportedScenario, Sequence};
use clap::{Args, Subcommand};
use error::{ImportError, ImportPlace};
use outline::{ImportedFile, Preface};
use std::io::Read;
use std::path::{Path, PathBuf};
use variables::{Variable, Variables};

/// Files larger than this are not read: bytes.
const LARGEST: u64 = 256 << 20;

const EXIT_STATUS: &str = "\
Exit status:
  0  the plan is written
  2  the file cannot be imported, or a file exists already
  5  the plan could not be written";

/// From which format.
#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Turn curl commands, as browsers copy them, into requests or steps.
    #[command(after_help = EXIT_STATUS)]
    Curl(ImportSource),
    /// Turn a recording of a browser (HAR 1.2) into the steps of a user.
    #[command(after_help = EXIT_STATUS)]
    Har(HarArgs),
    /// Turn an OpenAPI 3 document, JSON or YAML, into one request for each operation.
    #[command(after_help = EXIT_STATUS)]
    Openapi(ImportSource),
    /// Turn a list of URLs, one a line, into requests, or rows if there are more than 20.
    #[command(after_help = EXIT_STATUS)]
    Urls(ImportSource),
}

/// The file to import, and where to write the plan.
#[derive(Debug, Args)]
pub(super) struct ImportSource {
    /// File to import; `-` reads standard input.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Write the plan to this file (`NAME.toml`), or to `FILE.toml` in this directory; files that
    /// it names are written beside it. Existing files are never overwritten.
    #[arg(short, long, value_name = "DIR|FILE", default_value = ".", value_hint = clap::ValueHint::AnyPath)]
    output: PathBuf,
    /// Keep only requests to this host, such as `api.example` or `api.example:8443`; may be given
    /// several times.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
}

/// What is imported of a recording.
#[derive(Debug, Args)]
pub(super) struct HarArgs {
    #[command(flatten)]
    source: ImportSource,
    /// Keep requests for static assets: scripts, styles, images, fonts.
    #[arg(long)]
    assets: bool,
}

impl ImportCommand {
    fn name(&self) -> &'static str {
        match self {
            Self::Curl(_) => "curl",
            Self::Har(_) => "har",
            Self::Openapi(_) => "openapi",
            Self::Urls(_) => "urls",
        }
    }

    fn source(&self) -> &ImportSource {
        match self {
            Self::Curl(source) | Self::Openapi(source) | Self::Urls(source) => source,
            Self::Har(args) => &args.source,
        }
    }
}

/// A plan that was made, and what to tell of it.
#[derive(Debug)]
struct Imported {
    text: String,
    files: Vec<ImportedFile>,
    variables: Vec<Variable>,
    left_out: Vec<String>,
    advice: Vec<String>,
    /// `3 steps to https://shop.example`.
    contents: Vec<String>,
}

pub(super) fn import(command: &ImportCommand) -> ExitStatus {
    let source = command.source();
    let shown = if is_stdin(&source.file) {
        "standard input".to_owned()
    } else {
        source.file.display().to_string()
    };
    let bytes = match read(&source.file) {
        Ok(bytes) => bytes,
        Err((message, help)) => {
            diagnostic::print_error(&message, Some(&help));
            return ExitStatus::WrongPlan;
        }
    };
    let name = plan_name(source);
    match imported(command, &bytes, &name, &|path| std::fs::read(path)) {
        Ok(imported) => saving::save(&source.output, &name, &imported),
        Err(ImportError { place, message, help }) => {
            let help = Some(help.as_str()).filter(|help| !help.is_empty());
            diagnostic::print_error(&format!("{shown}{place}: {message}"), help);
            ExitStatus::WrongPlan
        }
    }
}

/// The formats, as they are typed.
#[cfg(any(test, fuzzing))]
pub(crate) const IMPORT_FORMATS: [&str; 4] = ["curl", "har", "openapi", "urls"];

/// The text of the plan that is made of some bytes, without files of others.
#[cfg(any(test, fuzzing))]
pub(crate) fn imported_plan(format: &str, bytes: &[u8]) -> Option<String> {
    let source =
        ImportSource { file: PathBuf::from("-"), output: PathBuf::from("."), host: Vec::new() };
    let command = match format {
        "curl" => ImportCommand::Curl(source),
        "har" => ImportCommand::Har(HarArgs { source, assets: true }),
        "openapi" => ImportCommand::Openapi(source),
        _ => ImportCommand::Urls(source),
    };
    let nothing = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    imported(&command, bytes, "imported", &nothing).ok().map(|imported| imported.text)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The plan's name: that of its file, or of the file that is imported.
fn plan_name(source: &ImportSource) -> String {
    let is_plan = source.output.extension().is_some_and(|ending| ending == "toml");
    let from = if is_plan { &source.output } else { &source.file };
    let stem = from.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    arrange::word(&stem.filter(|_| is_plan || !is_stdin(from)).unwrap_or_default())
}

fn read(path: &Path) -> Result<Vec<u8>, (String, String)> {
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    if let Err(error) = read {
        let help = "name a file, or `-` for standard input".to_owned();
        return Err((format!("cannot read {}: {error}", path.display()), help));
    }
    if bytes.len() as u64 > LARGEST {
        let help = "import a part of it: a shorter recording, or fewer lines".to_owned();
        return Err((format!("{} is larger than 256 MiB", path.display()), help));
    }
    Ok(bytes)
}

/// Makes a plan of the content of a file.
fn imported(
    command: &ImportCommand,
    bytes: &[u8],
    name: &str,
    read_file: curl::ReadFile<'_>,
) -> Result<Imported, ImportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = before.matches('\n').count() + 1;
        let help = "save the file as UTF-8: `iconv -f LATIN1 -t UTF-8 FILE`";
        ImportError::at_line(line, "expected UTF-8, found other bytes", help)
    })?;
    let mut variables = Variables::default();
    let (mut rows, mut advice) = (None, Vec::new());
    let (sequence, mut requests, mut left_out) = match command {
        ImportCommand::Curl(_) => {
            let (requests, lost) = curl::read(text, read_file)?;
            (Sequence::Steps, requests, lost)
        }
        ImportCommand::Har(args) => {
            let choice = har::HarChoice { assets: args.assets, hosts: args.source.host.clone() };
            let (requests, lost) = har::read(text, &choice)?;
            (Sequence::Recorded, requests, lost)
        }
        ImportCommand::Openapi(_) => {
            let document = openapi::read(text, &mut variables)?;
            (rows, advice) = (document.rows, document.advice);
            (Sequence::Independent, document.requests, document.left_out)
        }
        ImportCommand::Urls(_) => {
            variables.share_names();
            (Sequence::Independent, urls::read(text)?, Vec::new())
        }
    };
    let hosts = &command.source().host;
    if !hosts.is_empty() {
        let before = requests.len();
        requests.retain(|request| request.origin.is_one_of(hosts));
        let others = before - requests.len();
        if others > 0 {
            let others = numbers::count_of(others, "request", "requests");
            left_out.push(format!("{others} to other hosts"));
        }
    }
    if requests.is_empty() {
        return Err(nothing(command, &left_out));
    }
    left_out.extend(headers::clean(&mut requests));
    for request in &mut requests {
        credentials::take_out(request, &mut variables);
    }
    let only_name = if matches!(command, ImportCommand::Openapi(_)) { "api" } else { "web" };
    let into_rows = matches!(command, ImportCommand::Urls(_));
    let (mut scenarios, notes) = arrange::scenarios(requests, sequence, only_name, into_rows)?;
    left_out.extend(notes);
    if let Some(rows) = rows {
        for scenario in &mut scenarios {
            scenario.rows = Some(rows.clone());
        }
    }
    for scenario in &mut scenarios {
        credentials::take_out_basic(scenario, &mut variables);
    }
    own_variables(&scenarios, &mut variables);
    finish(command, name, &scenarios, &variables, (left_out, advice))
}

/// Variables that the file itself names: those of a shell.
fn own_variables(scenarios: &[ImportedScenario], variables: &mut Variables) {
    for request in scenarios.iter().flat_map(|scenario| &scenario.requests) {
        for name in request.variables() {
            variables.named(&name, || format!("the shell's ${name} in {}", request.title()));
        }
    }
    for basic in scenarios.iter().filter_map(|scenario| scenario.basic.as_deref()) {
        for name in marks::variables(basic) {
            variables.named(&name, || format!("the shell's ${name}"));
        }
    }
}

fn nothing(command: &ImportCommand, left_out: &[String]) -> ImportError {
    let (what, help) = match command {
        ImportCommand::Curl(_) => ("curl commands", "paste what a browser copies as cURL"),
        ImportCommand::Har(_) => {
            ("requests", "name their host, or keep static assets: `--host NAME`, `--assets`")
        }
        ImportCommand::Openapi(_) => ("operations", "the document needs `paths` with operations"),
        ImportCommand::Urls(_) => ("URLs", "write one URL a line: `https://shop.example/cart`"),
    };
    let left_out = if left_out.is_empty() {
        String::new()
    } else {
        format!(" (left out: {})", left_out.join("; "))
    };
    ImportError::new(ImportPlace::Whole, format!("expected {what}, found none{left_out}"), help)
}

/// Writes the plan's text, and reads it once as `planrun check` does.
fn finish(
    command: &ImportCommand,
    name: &str,
    scenarios: &[ImportedScenario],
    variables: &Variables,
    (left_out, advice): (Vec<String>, Vec<String>),
) -> Result<Imported, ImportError> {
    let file = command.source().file.display().to_string();
    let source = format!("{} {file}", command.name());
    let preface =
        Preface { source, variables: variables.all(), left_out: &left_out, advice: &advice };
    let (text, files) = outline::plan(name, &preface, scenarios)?;
    if text.len() > LARGEST_PLAN {
        let message =
            format!("the plan would have {} bytes, more than a plan may have", text.len());
        let help = "import fewer requests: a shorter recording, or one host by `--host NAME`";
        return Err(ImportError::new(ImportPlace::Whole, message, help));
    }
    let source = Source { name: format!("{name}.toml"), text };
    let any = |_: &str| Some("name:password".to_owned());
    if let Err(errors) = Plan::parse(&source, &Overrides::default(), &any) {
        let first = errors.iter().next().map(|error| error.message.clone()).unwrap_or_default();
        let help = "remove the request in question from the file, and import it again";
        let message = format!("a plan cannot have what is asked for here: {first}");
        return Err(ImportError::new(ImportPlace::Whole, message, help));
    }
    let contents = scenarios.iter().map(|scenario| {
        let (one, many) = match scenario.sequence {
            Sequence::Independent => ("request", "requests"),
            Sequence::Recorded | Sequence::Steps => ("step", "steps"),
        };
        let count = numbers::count_of(scenario.requests.len(), one, many);
        format!("{count} to {}", scenario.origin.text)
    });
    Ok(Imported {
        text: source.text,
        files,
        variables: variables.all().to_vec(),
        left_out,
        advice,
        contents: contents.collect(),
    })
}
