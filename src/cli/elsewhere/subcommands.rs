//! Turns a subcommand of another tool into what is done here in its place.

/// The replacements of subcommands of k6, Locust, vegeta, Artillery or `JMeter`.
pub(super) fn of_other_tools(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "convert" | "record" | "har" | "curl" | "openapi" | "swagger" | "generate" | "create" => {
            "`planrun import curl|har|openapi|urls FILE` writes a plan of what a browser copied or recorded, of an OpenAPI document, or of a list of URLs"
        }
        "new" | "quick" | "attack" | "bench" | "test" | "start" | "execute" => {
            "`planrun init` writes a plan to start from, `planrun PLAN.toml` runs it"
        }
        "inspect" | "validate" | "lint" | "info" | "dry-run" => {
            "`planrun check PLAN.toml` checks a plan without sending anything"
        }
        "plot" | "dump" | "encode" | "export" | "view" | "show" | "summary" => {
            "every run writes JSON, CSV and HTML into its result folder; `planrun report DIR` writes them again"
        }
        "cloud" | "login" | "run-lambda" | "run-fargate" | "archive" | "stats" | "pause" => {
            "planrun runs a plan on this machine: `planrun PLAN.toml`"
        }
        "version" => "`planrun --version` prints the version",
        _ => return None,
    })
}

/// The subcommand that a word may be meant for.
pub(super) fn misspelt(word: &str) -> Option<&'static str> {
    let known = crate::cli::SUBCOMMANDS.iter().chain(&["run", "help"]).copied();
    crate::plan::nearest(&word.to_lowercase(), known)
}
