//! Bodies of sessions: what arrives is what the content type says, whatever a value holds, and all
//! of it.

use super::api::{accounting, answer, go, plan, serve};
use crate::outcome::{Stage, run_as};

#[test]
fn values_in_json_and_in_forms_stay_one_value() {
    // A quote, a backslash, a line break, and what a form would take for the next field.
    let name = "a \"b\" \\\\ c\nd&e=f";
    let row = serde_json::json!({ "name": name, "count": 7 });
    let plan = r#"
name = "bodies"
targets.api.builtin = "http"
[scenarios.api]
protocol = "http"
data = { file = "rows.jsonl" }
steps = [
  { name = "json", method = "POST", path = "/echo", headers = { content-type = "application/json; charset=utf-8" }, body = '{"name":"${row.name}","count":${row.count},"all":"\"${row.name}\""}', expect = { status = 200 }, extract = { name = { json = "/name" }, all = { json = "/all" }, whole = { json = "" } } },
  { name = "again", method = "POST", path = "/echo", headers = { Content-Type = "application/vnd.api+json" }, body = '{"again":"${var.name}","inner":${var.whole}}', expect = { status = 200, json = { "/inner/count" = 7 } } },
  { name = "form", method = "POST", path = "/echo", headers = { content-type = "application/x-www-form-urlencoded" }, body = "x=1&name=${row.name}", expect = { status = 200, body = "x=1&name=a%20%22b%22%20%5C%5C%20c%0Ad%26e%3Df" } },
  { name = "plain", method = "POST", path = "/echo", body = "${row.count}: as it is", expect = { body = "7: as it is" } },
]
stages = [{ rate = "20/s", hold = "1s" }]
thresholds = ["checks.success_ratio == 100%", "failure_ratio == 0%"]
"#;
    let outcome = run_as(0, plan, |stage: &Stage| {
        std::fs::write(stage.folder.path().join("rows.jsonl"), row.to_string()).unwrap();
        stage.command(&[])
    });
    assert_eq!(outcome.scenario("api").counter("ok"), 80);
}

#[test]
fn a_large_body_of_a_session_is_sent_in_as_many_parts_as_it_takes() {
    let (address, asked) = serve(|_| answer(200, "", "x"));
    let body: Vec<u8> = (0..8_000_000_u32).map(|i| (i % 251) as u8).collect();
    let scenario = "cookies = true\nthink_time = \"1s\"\n\
         requests = [{ method = \"POST\", path = \"/\", body_file = \"large.bin\" }]\n\
         stages = [{ users = 2, hold = \"200ms\" }]\n";
    let outcome = go(&plan(address, scenario), &[("large.bin", &body)]);
    assert_eq!(accounting(&outcome)["ok"], 2, "{}", outcome.stdout);
    let asked = asked.lock().unwrap();
    assert!(asked.len() == 2 && asked.iter().all(|one| one.body == body));
}
