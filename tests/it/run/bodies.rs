//! Values in bodies: what arrives is what the content type says, whatever the value holds.

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
