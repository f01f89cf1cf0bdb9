//! `report.html`: one file that loads nothing, runs only its own script, and shows the text of
//! others as text.

use super::{canned, finished, read};
use base64::Engine as _;
use planrun::machine::Environment;
use planrun::plan::{Overrides, Phase, Plan, Source};
use planrun::record::{
    AttemptOutcome, Cause, Cell, CellKey, Counter, Entry, Failure, FailureStage, HostId,
    HostSample, MonitorReading, ScenarioSecond, Second, StageTransition, StopReason, Transition,
};
use planrun::report::{self, RowSeries};
use planrun::store::{NewRun, Store};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What turns text into markup, or markup into a script, somewhere.
const PAYLOADS: [&str; 26] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<iframe src=javascript:alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<style>@import 'http://192.0.2.1/x'</style>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<!--<script>alert(1)//-->",
    "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<base href=http://192.0.2.1/>",
    "<meta http-equiv=refresh content=0;url=http://192.0.2.1/>",
    "<link rel=stylesheet href=http://192.0.2.1/x.css>",
    "<object data=http://192.0.2.1/>",
    "<form action=http://192.0.2.1/><input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "\u{2028}<script>alert(1)</script>\u{202e}",
    "${alert(1)}`alert(1)`",
    "\\u003cscript\\u003ealert(1)",
];

/// The payloads as they are, and in three places of other text.
pub(super) fn payloads() -> Vec<String> {
    let each = |payload: &&str| {
        [
            (*payload).to_owned(),
            format!("x{payload}y"),
            format!("' {payload}"),
            format!("\" {payload}"),
        ]
    };
    PAYLOADS.iter().flat_map(each).collect()
}

/// The page of a run in which every text of others is a payload.
pub(super) fn hostile() -> String {
    let payloads = payloads();
    // The others cannot be names.
    let named = |payload: &&String| payload.is_ascii() && !payload.contains("${");
    let requests: Vec<String> = payloads
        .iter()
        .filter(named)
        .map(|payload| format!("{{ name = {}, path = \"/\" }}", serde_json::json!(payload)))
        .collect();
    let text = format!(
        "name = \"x\"\ndescription = {}\ntargets.t.address = \"http://127.0.0.1:1/\"\n\
         [scenarios.s]\nprotocol = \"http\"\nrequests = [{}]\n\
         stages = [{{ users = 1, hold = \"2s\" }}]\n\
         [monitors.m]\nurl = \"http://127.0.0.1:1/\"\nmetrics = [\"up\"]\n",
        serde_json::json!(payloads[0]),
        requests.join(", ")
    );
    let source = Source { name: "x.toml".into(), text: text.clone() };
    let overrides = Overrides::default();
    let plan = Plan::parse(&source, &overrides, &|_| None)
        .unwrap_or_else(|errors| panic!("{:?}", errors.iter().collect::<Vec<_>>()));
    let out = tempfile::tempdir().unwrap();
    let environment = Environment::default();
    let now = super::NOW.parse().unwrap();
    let run = NewRun {
        plan: &plan,
        baseline: None,
        text: &text,
        overrides: &overrides,
        now,
        environment: &environment,
    };
    let mut store = Store::create(out.path(), &run, Box::new(RowSeries::new(&plan))).unwrap();
    let mut started = canned::started();
    started.targets.truncate(1);
    started.workers.truncate(1);
    started.paths.truncate(1);
    started.warnings.clone_from(&payloads);
    store.started(started);
    for entry in entries(&payloads) {
        store.add(&std::sync::Arc::new(entry));
    }
    let closed = store.finish(canned::finished()).unwrap();
    read(&report::write(&closed.saved, closed.problems).folder, "report.html")
}

fn entries(payloads: &[String]) -> Vec<Entry> {
    let mut cell = Cell::default();
    for (at, payload) in (0..).zip(payloads) {
        let cause = Cause { failure: Failure::Status, at: FailureStage::Request, code: 500 };
        let mut own = Cell::default();
        own.count(Counter::Due);
        own.count(Counter::Started);
        own.end(AttemptOutcome::Failed(cause), 1_000_000, || payload.clone());
        cell.merge_counts(&own);
        let tally = cell.requests.entry(at).or_default();
        (tally.started, tally.failed) = (1, 1);
        tally.failures.extend(own.failures.clone());
    }
    let key = CellKey { stage: 0, phase: Phase::Hold };
    let facts = ScenarioSecond { cells: vec![(key, cell)], reporting: 1, ..Default::default() };
    let counters = payloads.iter().map(|payload| (payload.clone(), 7)).collect();
    let hosts = vec![HostSample { counters, ..HostSample::default() }];
    let lost = |why: &String| Entry::WorkerLost {
        scenario: 0,
        worker: 0,
        host: HostId::default(),
        at_ns: 1_500_000_000,
        why: why.clone(),
    };
    let begin = StageTransition { scenario: 0, transition: Transition::Hold(0), at_ns: 0 };
    let mut entries = vec![
        Entry::Baseline(Box::default()),
        Entry::Transition(begin),
        Entry::Second(Second {
            second: 0,
            scenarios: [(0, facts)].into(),
            hosts,
            parts: Vec::new(),
        }),
    ];
    entries.extend(payloads.iter().map(lost));
    let failed = Some(payloads.join(" "));
    entries.push(Entry::Monitored(MonitorReading { failed, ..MonitorReading::default() }));
    entries.push(Entry::Stopped { at_ns: 2_000_000_000, reason: StopReason::Completed });
    entries
}

/// The elements of a page with the names of their attributes, and what stands in its scripts.
struct Parsed {
    elements: Vec<(String, Vec<String>)>,
    /// Attributes of each script, and its text.
    scripts: Vec<(Vec<String>, String)>,
}

/// Reads markup as a browser does, as far as elements go.
fn parse(page: &str) -> Parsed {
    let mut parsed = Parsed { elements: Vec::new(), scripts: Vec::new() };
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        if name.is_empty() {
            let is_end_or_doctype = rest.starts_with('/') || rest.starts_with("!DOCTYPE html>");
            assert!(is_end_or_doctype, "{}", &rest[..rest.len().min(60)]);
            continue;
        }
        rest = &rest[name.len()..];
        let mut attributes = Vec::new();
        let mut inside = None;
        let mut end = rest.len();
        let mut word = String::new();
        for (at, c) in rest.char_indices() {
            match (inside, c) {
                (Some(quote), c) if c == quote => inside = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => inside = Some(c),
                (None, '>') => {
                    end = at;
                    break;
                }
                (None, ' ' | '\n' | '/' | '=') => {
                    attributes.extend(Some(std::mem::take(&mut word)));
                }
                (None, c) => word.push(c),
            }
        }
        attributes.push(word);
        attributes.retain(|one| !one.is_empty());
        rest = &rest[(end + 1).min(rest.len())..];
        if name == "script" || name == "style" {
            let close = rest.find(&format!("</{name}")).unwrap();
            if name == "script" {
                parsed.scripts.push((attributes.clone(), rest[..close].to_owned()));
            }
            rest = &rest[close..];
        }
        parsed.elements.push((name, attributes));
    }
    parsed
}

#[test]
fn text_of_others_is_text_wherever_it_stands() {
    let page = hostile();
    let payloads = payloads();
    let shown = payloads.iter().filter(|payload| {
        let escaped = payload.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        page.contains(&escaped.replace('"', "&quot;"))
    });
    // What stands nowhere is not tested; what changes the direction of text is shown as its number.
    assert!(shown.count() >= 90);
    let known: BTreeSet<&str> = [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "section",
        "script",
        "h1",
        "h2",
        "h3",
        "p",
        "span",
        "strong",
        "code",
        "pre",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "figure",
        "figcaption",
        "svg",
        "text",
        "line",
        "rect",
        "circle",
        "polyline",
        "polygon",
        "path",
    ]
    .into();
    let parsed = parse(&page);
    for (name, attributes) in &parsed.elements {
        assert!(known.contains(name.as_str()), "<{name}>");
        for attribute in attributes {
            let runs = attribute.starts_with("on") || attribute == "style";
            let loads = ["src", "href", "xlink:href", "srcset", "action", "data"];
            assert!(!runs && !loads.contains(&attribute.as_str()), "<{name} {attribute}>");
        }
    }
}

#[test]
fn the_policy_lets_the_page_run_its_own_script_alone() {
    let page = hostile();
    let scripts = parse(&page).scripts;
    let (data, own): (Vec<_>, Vec<_>) =
        scripts.iter().partition(|(attributes, _)| !attributes.is_empty());
    assert!(!data.is_empty());
    for (_, text) in data {
        serde_json::from_str::<serde_json::Value>(text).unwrap();
    }
    let [(_, script)] = own[..] else { panic!("{} scripts", own.len()) };
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script));
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.contains(&format!("script-src 'sha256-{hash}';")), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
}

#[test]
fn a_page_has_a_chart_of_each_thing_that_happened() {
    let (_out, folder) = finished();
    let page = read(&folder, "report.html");
    for title in [
        "Connections",
        "Connections opened a second",
        "Failures a second, by cause",
        "connect.time over time",
        "heartbeat.gap over time",
        "Users and requests in flight",
        "Requests a second",
        "service_time over time",
        "service_time: heat map of samples",
        "Times by percentile",
        "Processors used by the workers",
        "Memory of the workers",
        "Processor time for each attempt",
    ] {
        assert!(page.contains(&format!("<strong>{title}</strong>")), "{title}");
    }
    assert!(page.contains("FAIL</span><h1>canned</h1>"));
    assert!(!page.contains(canned::SECRET));
    assert!(page.len() < 200_000, "{}", page.len());
    let charts: Vec<serde_json::Value> = parse(&page)
        .scripts
        .iter()
        .filter(|(attributes, _)| !attributes.is_empty())
        .map(|(_, text)| serde_json::from_str(text).unwrap())
        .collect();
    // 1,200 connections opened at 400 a second, as the canned run has it.
    let open =
        charts.iter().find(|chart| chart["series"][0]["name"] == "connections.open").unwrap();
    let values = open["series"][0]["values"].as_array().unwrap();
    assert_eq!(values.len(), 9);
    assert_eq!(values[0], 400.0);
    assert_eq!(open["series"].as_array().unwrap().last().unwrap()["name"], "planned");
}
