//! Turns a command line that was meant for another tool into one that works here, or into a plan to
//! paste.

mod address;
mod flags;
mod subcommands;

use crate::units::is_printable;
use address::{is_address, is_secured, is_url, with_port};
use flags::{FLAGS, Flag};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

/// The problem and the remedy.
#[derive(Debug)]
pub(super) struct Answer {
    pub message: String,
    pub help: String,
    /// A plan to save, for standard output.
    pub plan: Option<String>,
}

/// The parts of a command line that can be understood.
#[derive(Debug, Default)]
struct Typed {
    urls: Vec<String>,
    files: Vec<String>,
    flags: Vec<(String, Flag, Option<String>)>,
}

impl Typed {
    fn of(arguments: &[OsString]) -> Self {
        let mut typed = Self::default();
        let mut words = arguments.iter().map(|word| word.to_string_lossy().into_owned()).peekable();
        while let Some(word) = words.next() {
            if is_url(&word) || is_address(&word) {
                typed.urls.push(word);
                continue;
            }
            if !word.starts_with('-') || word == "-" {
                typed.files.push(word);
                continue;
            }
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word.clone(), None),
            };
            let known = |name: &str| FLAGS.iter().find(|(names, _)| names.contains(&name));
            let (name, attached) = match (known(&name), word.char_indices().nth(2)) {
                // `-c10`.
                (None, Some((at, _)))
                    if !word.starts_with("--") && known(&word[..at]).is_some() =>
                {
                    (word[..at].to_owned(), Some(word[at..].to_owned()))
                }
                _ => (name, attached),
            };
            if let Some((_, meaning)) = known(&name) {
                let takes = !matches!(meaning, Flag::Other(_));
                let next = || {
                    words
                        .next_if(|next| if takes { !next.starts_with('-') } else { is_value(next) })
                };
                let value = attached.or_else(next);
                // Whatever its flag is called: `-u` is a number of users in one tool, a URL in
                // others.
                if let Some(url) = value.as_ref().filter(|value| is_url(value)) {
                    typed.urls.push(url.clone());
                }
                typed.flags.push((name, *meaning, value));
            } else if attached.is_none() {
                // Its value, if it takes one, is no subcommand.
                words.next_if(|next| is_value(next));
            }
        }
        typed
    }

    fn value(&self, meaning: Flag) -> Option<&str> {
        self.flags
            .iter()
            .find(|(_, one, _)| *one == meaning)
            .and_then(|(_, _, value)| value.as_deref())
    }

    /// A time as a plan has it: other tools take a bare number for seconds.
    fn time(&self, meaning: Flag) -> Option<String> {
        let value = self.value(meaning)?;
        let text =
            if value.parse::<u64>().is_ok() { format!("{value}s") } else { value.to_owned() };
        text.parse::<crate::units::Time>().ok().map(|_| text)
    }

    fn rate(&self, meaning: Flag) -> Option<String> {
        let value = self.value(meaning)?;
        let text =
            if value.parse::<u64>().is_ok() { format!("{value}/s") } else { value.to_owned() };
        text.parse::<crate::units::Rate>().ok().map(|_| text)
    }

    /// `users = 10, hold = "30s"`.
    fn stage(&self) -> String {
        let hold = self.time(Flag::Hold).unwrap_or_else(|| "30s".to_owned());
        let mut stage = if let Some(rate) = self.rate(Flag::Rate) {
            format!("rate = \"{rate}\"")
        } else {
            let mut users = self.flags.iter().filter(|(_, meaning, _)| *meaning == Flag::Users);
            let users = users.find_map(|(_, _, value)| value.as_ref()?.parse::<u64>().ok());
            format!("users = {}", users.filter(|users| *users > 0).unwrap_or(10))
        };
        let spawn = self.rate(Flag::SpawnRate).filter(|_| stage.starts_with("users"));
        if let Some(spawn) = spawn {
            let _ = write!(stage, ", spawn_rate = \"{spawn}\"");
        } else if let Some(ramp) = self.time(Flag::Ramp) {
            let _ = write!(stage, ", ramp = \"{ramp}\"");
        }
        let _ = write!(stage, ", hold = \"{hold}\"");
        stage
    }

    /// A plan that does what was typed, at this address.
    fn plan(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap_or(("tcp", url));
        let scheme = scheme.to_ascii_lowercase();
        let held = !scheme.starts_with("http");
        let stage = self.stage();
        let (address, protocol) = if held {
            (with_port(&scheme, rest), "tcp-hold")
        } else {
            (format!("{scheme}://{rest}"), "http")
        };
        let tls = if is_secured(&scheme) { "tls = {}\n" } else { "" };
        let address = toml::Value::String(address);
        let stage =
            if held { stage.replacen("rate =", "users = 10, spawn_rate =", 1) } else { stage };
        let thresholds = if held { "connect.success_ratio >= 99%" } else { "failure_ratio < 1%" };
        format!(
            "name = \"my-plan\"\n\n[targets.t]\naddress = {address}\n{tls}\n[scenarios.s]\nprotocol = \"{protocol}\"\nstages = [{{ {stage} }}]\nthresholds = [\"{thresholds}\"]\n"
        )
    }
}

/// The answer to a file that is no plan by its extension, or of a URL in its place.
pub(super) fn of_path(path: &Path) -> Option<Answer> {
    let shown = path.to_string_lossy();
    if is_url(&shown) || is_address(&shown) {
        return Some(of_url(&Typed::default(), &shown));
    }
    if shown == "-" {
        return Some(Answer {
            message: "expected a plan file, found `-`".to_owned(),
            help: "name the file; `planrun check /dev/stdin < PLAN.toml` reads standard input"
                .to_owned(),
            plan: None,
        });
    }
    if !path.exists()
        && let Some(help) = subcommands::of_other_tools(&shown)
    {
        return Some(no_subcommand(&shown, help.to_owned()));
    }
    if !path.exists()
        && let Some(meant) = subcommands::misspelt(&shown)
    {
        return Some(Answer {
            message: format!("cannot read the plan {shown}: there is no such file"),
            help: format!("did you mean `planrun {meant}`?"),
            plan: None,
        });
    }
    let ending = path.extension()?.to_string_lossy().to_ascii_lowercase();
    let tool = match ending.as_str() {
        "js" | "ts" | "mjs" => "a script of k6 or Artillery",
        "py" => "a locustfile",
        "jmx" => "a test plan of JMeter",
        "yaml" | "yml" => "a script of Artillery, Taurus or Hyperfoil",
        "json" => "JSON",
        "lua" => "a script of wrk",
        "scala" | "java" | "kt" => "a simulation of Gatling",
        "har" => "a recording of a browser",
        "hf" => "a benchmark of Hyperfoil",
        _ => return None,
    };
    Some(Answer {
        message: format!("expected a plan, which is a TOML file; {shown} is {tool}"),
        help: match ending.as_str() {
            "har" => format!("make a plan of it: `planrun import har {shown}`"),
            "json" | "yaml" | "yml" => format!("write the same load as targets, scenarios, stages and thresholds; `planrun init` writes a commented plan to start from, `planrun import openapi {shown}` one of an OpenAPI document"),
            _ => "write the same load as targets, scenarios, stages and thresholds; `planrun init` writes a commented plan to start from".to_owned(),
        },
        plan: None,
    })
}

/// The answer to a first word that is neither a plan nor a subcommand, with others behind it.
fn of_subcommand(arguments: &[OsString], files: &[&String]) -> Option<Answer> {
    let [word, _, ..] = files else { return None };
    if !is_word(word) || Path::new(word).exists() {
        return None;
    }
    if let Some(help) = subcommands::of_other_tools(word) {
        return Some(no_subcommand(word, help.to_owned()));
    }
    let rest = arguments.iter().map(|one| one.to_string_lossy()).skip_while(|one| one != *word);
    let rest: Vec<_> = rest.skip(1).collect();
    let help = subcommands::misspelt(word).map_or_else(
        || "`planrun --help` lists the subcommands; `planrun PLAN.toml` runs a plan".to_owned(),
        |meant| format!("did you mean `planrun {meant} {}`?", rest.join(" ")),
    );
    Some(no_subcommand(word, help))
}

/// Whether it is rather the value of the flag before it than a plan or a subcommand.
fn is_value(text: &str) -> bool {
    is_word(text) && !super::is_subcommand(text)
}

fn is_word(text: &str) -> bool {
    !text.starts_with('-') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn no_subcommand(word: &str, help: String) -> Answer {
    Answer { message: format!("planrun has no subcommand `{word}`"), help, plan: None }
}

fn of_url(typed: &Typed, url: &str) -> Answer {
    Answer {
        message: format!("expected a plan file, found the address `{url}`"),
        help: "save the following plan as my-plan.toml (it is on standard output) and run `planrun my-plan.toml`; `planrun init` writes a plan with comments".to_owned(),
        plan: Some(typed.plan(&url.chars().filter(|c| is_printable(*c)).collect::<String>())),
    }
}

/// The answer to a command line that could not be read; `None` where it was not meant for another
/// tool.
pub(super) fn of_command_line(arguments: &[OsString]) -> Option<Answer> {
    let typed = Typed::of(arguments);
    let files: Vec<&String> = typed.files.iter().filter(|file| *file != "run").collect();
    let subcommand =
        files.first().is_some_and(|first| *first == "help" || super::is_subcommand(first));
    if subcommand {
        return None;
    }
    if let Some(answer) = of_subcommand(arguments, &files) {
        return Some(answer);
    }
    if let Some(url) = typed.urls.first() {
        return Some(of_url(&typed, url));
    }
    if let Some(answer) = files.iter().find_map(|file| of_path(Path::new(file))) {
        return Some(answer);
    }
    if let Some((flag, meaning, value)) = typed.flags.first() {
        let plan = files.first().map_or("PLAN.toml", |file| file.as_str());
        return Some(of_flag(&typed, flag, *meaning, value.as_deref(), plan));
    }
    let is_plan = |file: &&&String| Path::new(file).extension().is_some_and(|end| end == "toml");
    let plans: Vec<_> = files.iter().filter(is_plan).collect();
    let [first, second, ..] = plans.as_slice() else { return None };
    Some(Answer {
        message: format!("expected one plan, found `{first}` and `{second}`"),
        help: format!(
            "run them one after the other: `planrun {first} && planrun {second}`; to run them at the same time, put their scenarios into one plan"
        ),
        plan: None,
    })
}

fn of_flag(typed: &Typed, flag: &str, meaning: Flag, value: Option<&str>, plan: &str) -> Answer {
    let stage = || {
        format!(
            "set the load in the plan, in a scenario: `stages = [{{ {} }}]`; `planrun init` writes one to start from",
            typed.stage()
        )
    };
    let set = |key: &str, value: &str| {
        format!("; or for one run: `planrun {plan} --set scenarios.NAME.stages.0.{key}={value}`")
    };
    let help = match meaning {
        Flag::Users => stage() + &set("users", value.unwrap_or("10")),
        Flag::Rate => stage() + &set("rate", &typed.rate(meaning).unwrap_or_else(|| "100/s".to_owned())),
        Flag::Hold => stage() + &set("hold", &typed.time(meaning).unwrap_or_else(|| "30s".to_owned())),
        Flag::Ramp | Flag::SpawnRate => stage(),
        Flag::Requests => {
            let number = value.filter(|value| value.parse::<u64>().is_ok_and(|one| one > 0));
            format!(
                "set it in a stage of the plan: `stages = [{{ users = 10, iterations = {}, hold = \"10m\" }}]`; the users share them, and `hold` is the latest end",
                number.unwrap_or("1000")
            )
        }
        Flag::Address => {
            "set the target's address in the plan, or for one run: `--target NAME=ADDRESS`".to_owned()
        }
        Flag::Timeout => "set it in the scenario: `timeout = \"5s\"`".to_owned(),
        Flag::Method | Flag::Body | Flag::Header => {
            "set it in the scenario: `requests = [{ method = \"POST\", path = \"/\", headers = { content-type = \"application/json\" }, body = '{\"id\":1}' }]`".to_owned()
        }
        Flag::Other(help) => help.to_owned(),
    };
    Answer { message: format!("planrun has no flag `{flag}`"), help, plan: None }
}

#[cfg(test)]
mod tests;
