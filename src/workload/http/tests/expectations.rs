//! The checks of `expect` that look at content and headers, on responses however they are split.

use super::super::assertions::{Assertions, FilledValues, InspectionOptions};
use super::super::inspector::ResponseInspector;
use crate::plan::{AnswerLimits, Overrides, Plan, Protocol, Source};
use httparse::Header;

const BODY: &[u8] = br#"{"id":7,"total":4.50,"name":"ada","none":null}"#;

/// Whether the only check of `expect` holds for a body, why not, and whether a limit hides it.
/// `filled`: the value of the check, where it is filled in.
fn judged(
    expect: &str,
    filled: Option<&str>,
    body: &[u8],
    limits: AnswerLimits,
) -> (bool, String, bool) {
    let text = format!(
        "name = \"p\"\n[targets.t]\naddress = \"http://127.0.0.1:1/\"\n[scenarios.s]\nprotocol = \"http\"\n\
         data = {{ file = \"rows.csv\" }}\nstages = [{{ users = 1, hold = \"1s\" }}]\n\
         requests = [{{ path = \"/\", expect = {{ {expect} }} }}]\n"
    );
    let source = Source { name: "p.toml".to_owned(), text };
    let plan = Plan::parse(&source, &Overrides::default(), &|_| None).unwrap();
    let Protocol::Http(http) = &plan.scenarios[0].protocol else { panic!() };
    let options = InspectionOptions { gzip: false, cookies: false, redirects: false, limits };
    let assertions = Assertions::new(&http.requests[0], &[], options);
    let mut all = Vec::new();
    for cut in [0, body.len() / 2, body.len()] {
        let filled: FilledValues =
            filled.map(|value| Some(value.as_bytes().into())).into_iter().collect();
        let mut inspector = ResponseInspector::new(&assertions, filled);
        inspector.head(&assertions, 200, &[Header { name: "ETag", value: b"x; y" }]);
        let (left, right) = body.split_at(cut);
        inspector.body(left);
        inspector.body(right);
        let found = inspector.finish(&assertions, body.len() as u64);
        all.push((found.broken == 0, found.words, found.over.is_some()));
    }
    assert!(all.iter().all(|one| *one == all[0]), "{expect}: {all:?}");
    all.swap_remove(0)
}

#[test]
fn content_and_headers_are_checked() {
    let cases = [
        (r#"not_contains = "error""#, ""),
        (r#"not_contains = "ada""#, "the body contains `ada`"),
        (r#"matches = '"id":\d+'"#, ""),
        (r"matches = '^\d+$'", "`^\\d+$` matches nothing"),
        (r#"json = { "/id" = { exists = true } }"#, ""),
        (r#"json = { "/none" = { exists = true } }"#, ""),
        (r#"json = { "/gone" = { exists = true } }"#, "there is nothing at `/gone`"),
        (r#"json = { "/gone" = { exists = false } }"#, ""),
        (r#"json = { "/id" = { exists = false } }"#, "`/id` is 7"),
        (r#"json = { "/total" = "< 5" }"#, ""),
        (r#"json = { "/total" = "== 4.5" }"#, ""),
        (r#"json = { "/total" = "> 4.5" }"#, "`/total` is 4.50, not > 4.5"),
        (r#"json = { "/name" = "> 1" }"#, "`/name` is \"ada\", which is not a number"),
        (r#"json = { "/name" = { equals = "ada" } }"#, ""),
        (r#"json = { "/name" = { equals = ">= 3" } }"#, "`/name` is \"ada\", not \">= 3\""),
        (r"headers = { etag = { exists = true } }", ""),
        (r#"headers = { etag = "x" }"#, ""),
        (r"headers = { x-gone = { exists = false } }", ""),
        (r"headers = { x-gone = { exists = true } }", "there is no header `x-gone`"),
        (r"headers = { etag = { exists = false } }", "there is a header `etag`"),
    ];
    for (expect, words) in cases {
        let (holds, said, is_over) = judged(expect, None, BODY, AnswerLimits::default());
        assert_eq!((holds, said.as_str(), is_over), (words.is_empty(), words, false), "{expect}");
    }
}

#[test]
fn values_of_rows_are_compared() {
    let cases = [
        (r#"contains = "${row.a}""#, "ada", ""),
        (r#"contains = "${row.a}""#, "eve", "the body does not contain `eve`"),
        (r#"not_contains = "${row.a}""#, "ada", "the body contains `ada`"),
        (r#"headers = { etag = "${row.a}" }"#, "x", ""),
        (r#"headers = { etag = "${row.a}" }"#, "z", "the header `etag` is not `z`"),
        (r#"json = { "/id" = "${row.a}" }"#, "\"7\"", ""),
        (r#"json = { "/name" = "${row.a}" }"#, "\"ada\"", ""),
        (r#"json = { "/name" = "${row.a}" }"#, "\"7\"", "`/name` is \"ada\", not \"7\""),
        (r#"json = { "/id" = ">= ${row.a}" }"#, "7", ""),
        (r#"json = { "/id" = "> ${row.a}" }"#, "7", "`/id` is 7, not > 7"),
        (
            r#"json = { "/id" = "> ${row.a}" }"#,
            "x",
            "`/id` is compared with `x`, which is not a number",
        ),
    ];
    for (expect, filled, words) in cases {
        let (holds, said, _) = judged(expect, Some(filled), BODY, AnswerLimits::default());
        assert_eq!((holds, said.as_str()), (words.is_empty(), words), "{expect} {filled}");
    }
    assert!(judged("body = \"${row.a}\"", Some("ok"), b"ok", AnswerLimits::default()).0);
    assert!(!judged("body = \"${row.a}\"", Some("ok"), b"okay", AnswerLimits::default()).0);
}

#[test]
fn an_empty_body_contains_and_matches_nothing() {
    for (expect, holds) in [
        ("not_contains = \"a\"", true),
        ("matches = 'a*'", false),
        ("json = { \"\" = { exists = true } }", false),
        ("json = { \"/a\" = { exists = false } }", false),
    ] {
        assert_eq!(judged(expect, None, b"", AnswerLimits::default()).0, holds, "{expect}");
    }
}

#[test]
fn a_match_beyond_the_limit_is_not_known() {
    let limits = AnswerLimits { body: 8, ..AnswerLimits::default() };
    assert!(judged("matches = 'ada'", None, BODY, limits).2);
    let (holds, _, is_over) = judged("matches = 'id'", None, BODY, limits);
    assert!(holds && !is_over);
}
