//! Wrong plans, each beside the text that it gets. `UPDATE=1` writes the texts anew: read the
//! difference.

use super::{folder_of_repository, planrun, plans_in};

const BAD: &str = "tests/plans/bad";

/// What `# args:` and `# env:` in the first lines say.
fn arguments_and_environment(plan: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut arguments, mut environment) = (Vec::new(), Vec::new());
    for line in plan.lines().take_while(|line| line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("# args: ") {
            arguments.extend(rest.split_whitespace().map(str::to_owned));
        }
        if let Some((name, value)) =
            line.strip_prefix("# env: ").and_then(|rest| rest.split_once('='))
        {
            environment.push((name.to_owned(), value.to_owned()));
        }
    }
    (arguments, environment)
}

#[test]
fn every_wrong_plan_gets_its_text() {
    let update = std::env::var_os("UPDATE").is_some();
    let names = plans_in(BAD);
    assert!(names.len() >= 120, "only {} wrong plans", names.len());
    let mut different = Vec::new();
    for name in &names {
        let path = folder_of_repository(BAD).join(name);
        let plan = std::fs::read_to_string(&path).expect("a plan");
        let (arguments, environment) = arguments_and_environment(&plan);
        let mut all = vec!["check", name];
        all.extend(arguments.iter().map(String::as_str));
        let output = planrun(BAD, &all, &environment);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(output.stdout.is_empty(), "{name}");
        assert_harmless(name, &said, &environment);
        let expected = path.with_extension("stderr");
        if update {
            std::fs::write(&expected, &said).expect("written");
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&said) {
            different.push(format!("{name}:\n{said}"));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

/// No escape reaches the terminal, no value of the environment is said, no more than 20 errors are
/// shown.
fn assert_harmless(name: &str, said: &str, environment: &[(String, String)]) {
    let hidden = said.chars().find(|c| *c != '\n' && !planrun::units::is_printable(*c));
    assert_eq!(hidden, None, "{name}");
    for (_, value) in environment.iter().filter(|(_, value)| !value.is_empty()) {
        assert!(!said.contains(value.as_str()), "{name} says a value of the environment: {said}");
    }
    let shown = said.lines().filter(|line| line.starts_with("error: ")).count();
    assert!(shown <= 21, "{name}: {shown} errors");
}
