//! README and the pages of `docs/`: every plan in them can be read, every command is one, every
//! link leads somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<(PathBuf, String)> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let own = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "plans/README.md"]
        .map(|name| root().join(name));
    let pages =
        own.into_iter().chain(docs.filter(|path| path.extension().is_some_and(|e| e == "md")));
    pages.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// What stands between the fences of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

fn planrun(arguments: &[&str], folder: &Path) -> (bool, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_planrun"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    (ran.status.success(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// A whole plan of an excerpt: what an excerpt leaves out is filled in, and nothing else is
/// changed.
fn whole(excerpt: &str) -> String {
    let mut table: toml::Table = toml::from_str(excerpt).unwrap();
    let entry = |table: &mut toml::Table, key: &str, text: &str| {
        let value = toml::from_str::<toml::Table>(&format!("x = {text}")).unwrap()["x"].clone();
        table.entry(key).or_insert(value);
    };
    let thresholds = table.remove("thresholds");
    entry(&mut table, "name", "\"excerpt\"");
    entry(&mut table, "targets", "{ web = { builtin = \"http\" } }");
    entry(&mut table, "scenarios", "{ s = {} }");
    let several = table["targets"].as_table().unwrap().len() > 1;
    for (_, scenario) in table["scenarios"].as_table_mut().unwrap() {
        let scenario = scenario.as_table_mut().unwrap();
        if several {
            entry(scenario, "target", "\"web\"");
        }
        entry(scenario, "protocol", "\"http\"");
        entry(scenario, "stages", "[{ users = 1000, hold = \"60s\" }]");
        if let Some(thresholds) = &thresholds {
            let requests =
                "[{ name = \"order\", path = \"/\" }, { name = \"home\", path = \"/\" }]";
            entry(scenario, "requests", requests);
            scenario.insert("thresholds".to_owned(), thresholds.clone());
        }
    }
    toml::to_string(&table).unwrap()
}

#[test]
fn every_plan_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let rows = format!("user\n{}", "ann\n".repeat(5_000));
    std::fs::write(folder.path().join("users.csv"), rows).unwrap();
    let mut seen = 0;
    for (path, page) in pages() {
        for excerpt in blocks(&page, "toml") {
            seen += 1;
            std::fs::write(folder.path().join("plan.toml"), whole(&excerpt)).unwrap();
            let (passed, said) = planrun(&["check", "plan.toml"], folder.path());
            // A baseline is looked for once all else has been read.
            let lacks_baseline =
                excerpt.contains("\nbaseline = ") || excerpt.starts_with("baseline = ");
            let only = "is not a result folder of planrun: it does not exist";
            let all_else =
                lacks_baseline && said.contains(only) && said.matches("error:").count() == 1;
            assert!(passed || all_else, "{}:\n{excerpt}\n{said}", path.display());
        }
    }
    assert!(seen >= 15, "{seen} plans");
}

/// Commands of a page: lines of `sh` blocks, what is typed in `console` blocks, and what stands
/// between backticks.
fn commands(page: &str) -> Vec<String> {
    let prose: String = page.split("\n```").step_by(2).collect();
    let spans = prose.split('`').skip(1).step_by(2).map(str::to_owned);
    let lines = blocks(page, "sh").join("\n").replace("\\\n", " ");
    let typed = blocks(page, "console").join("\n");
    let typed = typed.lines().filter_map(|line| line.strip_prefix("$ "));
    let lines = lines.lines().chain(typed);
    let lines = lines.map(|line| line.split(" #").next().unwrap().trim().to_owned());
    spans.chain(lines).collect()
}

/// The same command without load: a run of a plan that is there becomes a check of it, with the
/// same overrides. `None` where it needs what only its reader has.
fn without_load(words: &[String]) -> Option<Vec<String>> {
    let given = |word: &String| match word.as_str() {
        "PLAN.toml" | "PLAN" => "plans/quickstart.toml".to_owned(),
        "WORD" => "dropped".to_owned(),
        "FORMAT" => "report".to_owned(),
        "COMMAND" => "compare".to_owned(),
        _ => word.clone(),
    };
    let words: Vec<String> = words.iter().map(given).collect();
    let is_plan = |word: &&String| word.starts_with("plans/") && root().join(word).is_file();
    match words.first()?.as_str() {
        "explain" | "schema" | "man" | "completions" => return Some(words),
        "check" | "try" | "doctor" | "run" => {}
        first if first.starts_with("plans/") => {}
        _ => return None,
    }
    let plan = words.iter().find(is_plan)?.clone();
    let mut check = vec!["check".to_owned(), plan];
    for pair in words.windows(2) {
        if ["--set", "--target", "--scale", "--only"].contains(&pair[0].as_str()) {
            check.extend_from_slice(pair);
        }
    }
    Some(check)
}

#[test]
fn every_command_that_needs_no_target_runs() {
    let mut run = BTreeSet::new();
    for (path, page) in pages() {
        for command in commands(&page) {
            let command = command.replace("cargo run --release -- ", "planrun ");
            let Some(arguments) = command.strip_prefix("planrun ") else { continue };
            let arguments = arguments.split(['|', '>', '&']).next().unwrap();
            let Some(words) = without_load(&words(arguments)) else { continue };
            if run.insert(words.clone()) {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let (passed, said) = planrun(&words, root());
                assert!(passed, "{}: {command}: {words:?}: {said}", path.display());
            }
        }
    }
    assert!(run.len() >= 15, "{run:?}");
}

#[test]
fn every_script_can_be_read_by_its_reader() {
    let mut seen = 0;
    for (path, page) in pages() {
        for script in blocks(&page, "sh") {
            seen += 1;
            let mut bash = Command::new("bash");
            let read = bash.args(["-n", "-c", &script]).output().unwrap();
            assert!(read.status.success(), "{}: {script}\n{read:?}", path.display());
        }
        for text in blocks(&page, "yaml") {
            seen += 1;
            let read = serde_yaml_ng::from_str::<serde_json::Value>(&text);
            assert!(read.is_ok(), "{}: {text}\n{read:?}", path.display());
        }
    }
    assert!(seen >= 15, "{seen}");
    for file in ["action.yml", ".github/workflows/ci.yml", ".github/workflows/release.yml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let read = serde_yaml_ng::from_str::<serde_json::Value>(&text);
        assert!(read.is_ok(), "{file}: {read:?}");
    }
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for (path, _) in pages() {
        let name = path.file_name().unwrap().to_string_lossy();
        let is_page = path.parent().unwrap().ends_with("docs") && name != "SUMMARY.md";
        let entries = summary.matches(&format!("]({name})")).count();
        assert!(!is_page || entries == 1, "{name}: {entries}");
    }
}

/// The words of a command line, as a shell takes them.
fn words(line: &str) -> Vec<String> {
    shlex::split(line).unwrap_or_else(|| panic!("not a command line: {line}"))
}

#[test]
fn every_command_is_one() {
    let mut seen = 0;
    for (path, page) in pages() {
        for command in commands(&page) {
            let command = command.replace("cargo run --release -- ", "planrun ");
            let Some(arguments) = command.strip_prefix("planrun ") else { continue };
            let arguments = arguments.split('|').next().unwrap();
            seen += 1;
            let words = words(arguments);
            let words: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
            let (passed, said) = planrun(&words, root());
            assert!(passed, "{}: {command}: {said}", path.display());
            for file in words
                .iter()
                .filter(|word| word.starts_with("plans/") || word.starts_with("results/"))
            {
                assert!(
                    file.contains('<') || root().join(file).exists(),
                    "{}: {file}",
                    path.display()
                );
            }
        }
    }
    assert!(seen >= 15, "{seen} commands");
}

#[test]
fn every_flag_is_one() {
    let forms: [&[&str]; 11] = [
        &["x.toml"],
        &["try", "x.toml"],
        &["agent", "--nats", "nats://127.0.0.1"],
        &["report", "x"],
        &["verify", "x"],
        &["compare", "x"],
        &["replay", "x"],
        &["index", "x"],
        &["import", "har", "x"],
        &["serve", "http"],
        &["serve", "tcp-hold"],
    ];
    let mut seen = 0;
    for (path, page) in pages() {
        for command in commands(&page) {
            if !command.starts_with("--") {
                continue;
            }
            seen += 1;
            let flag = command.replace("=ADDR", "=127.0.0.1:8080");
            let flag: Vec<&str> = flag.split_whitespace().collect();
            // A name alone lacks the value that it takes.
            let known = forms.iter().any(|form| {
                [&[][..], &["1"][..]].iter().any(|value| {
                    planrun(&[form, flag.as_slice(), value, &["--help"]].concat(), root()).0
                })
            });
            assert!(known, "{}: {command}", path.display());
        }
    }
    assert!(seen >= 15, "{seen} flags");
}

#[test]
fn every_link_leads_somewhere_and_every_plan_is_named() {
    for (path, page) in pages() {
        for link in page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            let is_here = !file.is_empty() && !file.contains("://");
            assert!(
                !is_here || path.parent().unwrap().join(file).exists(),
                "{}: {link}",
                path.display()
            );
        }
    }
    let page = std::fs::read_to_string(root().join("plans/README.md")).unwrap();
    for plan in std::fs::read_dir(root().join("plans")).unwrap() {
        let path = plan.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        let is_plan = path.extension().is_some_and(|ending| ending == "toml");
        assert!(!is_plan || page.contains(&format!("plans/{name})")), "{name}");
    }
}
