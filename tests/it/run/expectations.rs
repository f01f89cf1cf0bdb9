//! What `expect` compares: classes of statuses, absence, patterns, numbers, existence, and values
//! of rows and earlier steps.

use super::api::{Asked, accounting, answer, go, lines, plan, serve};

fn shop(asked: &Asked) -> Vec<u8> {
    let path = asked.line.trim_start_matches("GET ");
    match path.strip_prefix("/items/") {
        Some(id) => {
            let body =
                format!("{{\"id\":{id},\"name\":\"item {id}\",\"price\":{id}.50,\"tags\":[]}}");
            answer(201, &format!("etag: \"e{id}\"\r\nx-item: {id}\r\n"), body)
        }
        None if path == "/old" => answer(302, "location: /items/1\r\n", ""),
        None => answer(200, "", "{\"first\":2}"),
    }
}

const STAGES: &str =
    "stages = [{ users = 2, hold = \"300ms\" }]\nthink_time = \"5ms\"\nthresholds = []\n";

/// Ok and failed requests, and the failures, where the request for an item expects this.
fn asked(expect: &str) -> (u64, u64, String) {
    let (address, _) = serve(shop);
    let scenario = format!(
        "data = {{ file = \"items.csv\" }}\nsteps = [\n\
         {{ path = \"/\", extract = {{ first = {{ json = \"/first\" }} }} }},\n\
         {{ path = \"/items/${{row.item}}\", expect = {{ {expect} }} }},\n]\n{STAGES}"
    );
    let outcome = go(&plan(address, &scenario), &[("items.csv", b"item,other\n2,x\n2,x\n")]);
    let accounting = accounting(&outcome);
    (accounting["ok"], accounting["failed"], outcome.file("failures.csv"))
}

#[test]
fn what_holds_fails_nothing() {
    let all = r#"status = ["2xx", 404], contains = "\"id\":${row.item},", not_contains = ["error", "${row.other}"],
        matches = ['"price":\d', 'item \d'], headers = { x-item = "${row.item}", etag = { exists = true }, x-none = { exists = false } },
        json = { "/id" = "${row.item}", "/name" = "item ${var.first}", "/price" = ">= ${row.item}", "/tags" = { exists = true },
                 "/gone" = { exists = false } }"#;
    let all = all.replace('\n', " ");
    let (ok, failed, failures) = asked(&all);
    assert!(ok > 4 && failed == 0, "{ok} {failed}: {failures}");
}

#[test]
fn what_does_not_hold_is_said() {
    for (expect, words) in [
        ("status = [\"4xx\", 200]", "status 201"),
        ("contains = \"${row.other}\"", "the body does not contain `x`"),
        ("not_contains = \"item ${row.item}\"", "the body contains `item 2`"),
        ("matches = 'price\":9'", "matches nothing"),
        ("headers = { x-item = \"${row.other}\" }", "the header `x-item` is not `x`"),
        ("json = { \"/id\" = \"> ${var.first}\" }", "`/id` is 2, not > 2"),
        ("json = { \"/price\" = \"< 2.5\" }", "`/price` is 2.50, not < 2.5"),
        ("json = { \"/gone\" = { exists = true } }", "there is nothing at `/gone`"),
    ] {
        let (_, failed, failures) = asked(expect);
        assert!(failed > 1, "{expect}: {failures}");
        assert!(failures.contains(words), "{expect}: {failures}");
    }
}

#[test]
fn a_redirect_is_a_success_where_it_is_followed_or_none_is() {
    let (address, seen) = serve(shop);
    let outcome = |keys: &str| {
        let scenario = format!("requests = [{{ path = \"/old\" }}]\n{keys}\n{STAGES}");
        go(&plan(address, &scenario), &[])
    };
    assert_eq!(accounting(&outcome(""))["failed"], 0);
    assert!(lines(&seen).iter().all(|line| line == "GET /old"));
    let followed = outcome("redirects = 1");
    assert_eq!(accounting(&followed)["failed"], 0);
    assert!(lines(&seen).iter().any(|line| line == "GET /items/1"));
}
