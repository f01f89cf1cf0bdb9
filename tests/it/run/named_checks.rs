//! Named checks in steps: what they count, and that the pass goes on.

use super::api::{accounting, answer, go, lines, plan, serve};

#[test]
fn a_check_that_the_plan_names_does_not_end_the_pass() {
    let (address, asked) = serve(|_| answer(200, "", "{\"id\":\"a\"}"));
    let first = |check: &str, extract: &str| {
        format!(
            "steps = [{{ path = \"/a\", expect = {{ {check} }}, extract = {{ id = {{ json = \"{extract}\" }} }} }}, \
             {{ path = \"/b/${{var.id}}\" }}]\n\
             think_time = \"10ms\"\nstages = [{{ users = 1, hold = \"300ms\" }}]\nthresholds = []\n"
        )
    };
    let goes_on = [
        ("name = \"other\", json = { \"/id\" = \"b\" }", "/id", true),
        ("name = \"gone\", status = 404", "/id", true),
        ("name = \"fast\", time = \"1ns\"", "/id", true),
        // Without a name, or without the value that the next step needs, the pass ends.
        ("json = { \"/id\" = \"b\" }", "/id", false),
        ("name = \"other\", json = { \"/id\" = \"b\" }", "/none", false),
    ];
    for (check, extract, expected) in goes_on {
        asked.lock().unwrap().clear();
        let outcome = go(&plan(address, &first(check, extract)), &[]);
        let lines = lines(&asked);
        let failed = accounting(&outcome)["failed"];
        let first = lines.iter().filter(|line| *line == "GET /a").count();
        assert_eq!(failed, first as u64, "{check}");
        assert_eq!(lines.iter().any(|line| line == "GET /b/a"), expected, "{check}: {lines:?}");
    }
}

#[test]
fn a_check_that_only_counts_fails_no_request() {
    let (address, _) = serve(|_| answer(200, "x-id: 7\r\n", "{\"id\":\"a\"}"));
    let counted = [
        "status = 404",
        "body = \"b\"",
        "contains = \"b\"",
        "json = { \"/id\" = \"b\" }",
        "headers = { x-id = \"8\" }",
        "size = 1",
        "time = \"1ns\"",
    ];
    let requests = counted.map(|check| {
        format!("{{ name = '{check}', path = \"/\", expect = [{{ name = '{check}', {check}, count_only = true }}, {{ status = 200 }}] }}")
    });
    let scenario = format!(
        "steps = [{}]\nthink_time = \"5ms\"\nstages = [{{ users = 1, hold = \"400ms\" }}]\nthresholds = []\n",
        requests.join(",\n")
    );
    let outcome = go(&plan(address, &scenario), &[]);
    let accounting = accounting(&outcome);
    assert_eq!(accounting["failed"], 0, "{accounting:?}");
    assert!(accounting["ok"] > 7, "{accounting:?}");
    let checks = outcome.file("checks.csv");
    for check in counted {
        let quoted = check.replace('"', "\"\"");
        let row = checks
            .lines()
            .find(|line| line.contains(&quoted))
            .unwrap_or_else(|| panic!("{check}: {checks}"));
        assert!(row.contains("0.0") || row.contains(",0,"), "{row}");
    }
}
