use super::*;
use crate::catalogue::ProtocolKind;
use crate::plan::{Metric, Overrides, Plan, Source};

/// A plan in which the answer's line stands where it says.
fn plan(answer: &ForeignKeyHint) -> String {
    let at = |home| if answer.home == home { answer.line } else { "" };
    let held = answer.line.starts_with("heartbeat");
    let protocol = if held { "tcp-hold\"\nexpect = \"ok" } else { "http" };
    let address = if held { "127.0.0.1:9000" } else { "https://127.0.0.1:9000/" };
    let or = |home, usual: &'static str| if answer.home == home { answer.line } else { usual };
    let level =
        if answer.line.starts_with("max_in_flight") { "rate = \"100/s\"" } else { "users = 50" };
    let level = format!("{level}, hold = \"60s\"");
    let stage = if answer.home == KeyPlace::Stage { answer.line } else { &level };
    let address_line = format!("address = \"{address}\"");
    let target = if answer.line.starts_with("address") { "" } else { &address_line };
    let request = format!("requests = [{{ {} }}]", or(KeyPlace::Request, "path = \"/\""));
    let request = match answer.home {
        KeyPlace::Scenario if answer.line.starts_with("steps") || held => String::new(),
        _ => request,
    };
    let threshold = match answer.home {
        KeyPlace::Threshold => format!("thresholds = [{{ {} }}]", answer.line),
        _ => String::new(),
    };
    format!(
        "name = \"p\"\n[targets.t]\n{target}\n{}\n[scenarios.s]\nprotocol = \"{protocol}\"\n{}\n{request}\nstages = [{{ {stage} }}]\n{threshold}\n",
        at(KeyPlace::Target),
        at(KeyPlace::Scenario),
    )
}

#[test]
fn what_an_answer_says_to_write_is_a_plan() {
    for answer in ANSWERS {
        let text = plan(answer);
        let source = Source { name: "plan.toml".to_owned(), text: text.clone() };
        let read = Plan::parse(&source, &Overrides::default(), &|_| None);
        assert!(read.is_ok(), "{:?}: {}\n{text}", answer.words, read.unwrap_err());
    }
}

#[test]
fn no_word_has_two_answers_in_one_table() {
    for (index, one) in ANSWERS.iter().enumerate() {
        for other in &ANSWERS[..index] {
            let shared = one.words.iter().find(|word| other.words.contains(word));
            let meet = one.inside.is_empty()
                || other.inside.is_empty()
                || one.inside.iter().any(|noun| other.inside.contains(noun));
            assert!(shared.is_none() || !meet, "{shared:?}");
        }
        assert!(one.words.iter().all(|word| plain(word) == *word), "{:?}", one.words);
    }
}

/// Keys that people write, their places, and a key that the answer must name.
const ASKED: &[(&str, &str, &str)] = &[
    ("vus", "a plan", "users"),
    ("vus", "a scenario", "users"),
    ("duration", "a plan", "hold"),
    ("duration", "a scenario", "hold"),
    ("target", "a stage", "users"),
    ("executor", "a scenario", "rate"),
    ("wait_time", "a plan", "think_time"),
    ("wait_time", "a scenario", "think_time"),
    ("timeUnit", "a scenario", "600/m"),
    ("maxVUs", "a scenario", "max_in_flight"),
    ("preAllocatedVUs", "a scenario", "max_in_flight"),
    ("abortOnFail", "a threshold", "abort = true"),
    ("delayAbortEval", "a threshold", "grace"),
    ("threshold", "a threshold", "condition"),
    ("on_connect", "a scenario", "greeting"),
    ("gracefulStop", "a scenario", "timeout"),
    ("startTime", "a scenario", "start_after"),
    ("iterations", "a plan", "iterations"),
    ("rampUp", "a scenario", "ramp"),
    ("ramp-up", "a scenario", "ramp"),
    ("hold-for", "a scenario", "hold"),
    ("concurrency", "a scenario", "users"),
    ("throughput", "a scenario", "rate"),
    ("throughput", "a stage", "rate"),
    ("arrivalRate", "a scenario", "rate"),
    ("rampTo", "a stage", "ramp"),
    ("usersPerSec", "a scenario", "rate"),
    ("sharedConnections", "a scenario", "users"),
    ("default-address", "a scenario", "address"),
    ("url", "a plan", "address"),
    ("flow", "a scenario", "steps"),
    ("spawn_rate", "a scenario", "spawn_rate"),
    ("ensure", "a plan", "thresholds"),
    ("connections", "a plan", "users"),
    ("threads", "a plan", "users"),
    ("LoopCount", "a scenario", "iterations"),
    ("insecureSkipTLSVerify", "a plan", "insecure"),
];

#[test]
fn words_of_other_tools_get_an_answer_that_leads_on() {
    for (word, noun, leads_to) in ASKED {
        let said = key(word, noun).unwrap_or_else(|| panic!("nothing for `{word}` in {noun}"));
        assert!(said.contains(leads_to), "{word} in {noun}: {said}");
    }
}

#[test]
fn every_name_of_a_metric_leads_to_one_of_the_protocol() {
    for (word, http, hold) in metrics::OTHERS {
        for (name, protocol) in [(http, ProtocolKind::Http), (hold, ProtocolKind::TcpHold)] {
            if name.is_empty() {
                continue;
            }
            let named = Metric::named(name).unwrap_or_else(|| panic!("{word}: no metric `{name}`"));
            assert_eq!(metric(word, protocol), Some(named), "{word}");
        }
    }
    for (word, _) in metrics::TIMES {
        let found = [ProtocolKind::Http, ProtocolKind::TcpHold].map(|one| metric(word, one));
        assert!(found.iter().any(Option::is_some), "{word}");
    }
}

/// Metrics that people write in thresholds, and their meaning in http and in tcp-hold.
const MEASURED: &[(&str, &str, &str)] = &[
    ("p(95)", "service_time.p95", "connect.time.p95"),
    ("p(99.9)", "service_time.p99.9", "connect.time.p99.9"),
    ("p95", "service_time.p95", "connect.time.p95"),
    ("95th", "service_time.p95", "connect.time.p95"),
    ("med", "service_time.p50", "connect.time.p50"),
    ("avg", "service_time.mean", "connect.time.mean"),
    ("max", "service_time.max", "connect.time.max"),
    ("rps", "requests.rate", "connect.rate"),
    ("error_rate", "failure_ratio", "failure_ratio"),
    ("errorRate", "failure_ratio", "failure_ratio"),
    ("latency", "service_time.p95", "connect.time.p95"),
    ("latency.p99", "service_time.p99", "connect.time.p99"),
    ("p99_latency", "service_time.p99", "connect.time.p99"),
    ("http_req_duration", "service_time.p95", "connect.time.p95"),
    ("http_req_duration.p(95)", "service_time.p95", "connect.time.p95"),
    ("http_req_duration{ok:true}", "service_time.p95", "connect.time.p95"),
    ("http_req_failed", "failure_ratio", "failure_ratio"),
    ("http_req_waiting.avg", "first_byte.mean", ""),
    ("http_req_connecting", "connect.time.p95", "connect.time.p95"),
    ("iterations", "requests.count", "connect.attempts"),
    ("http_reqs", "requests.count", ""),
    ("http_reqs.rate", "requests.rate", ""),
    ("checks", "checks.success_ratio", "success_ratio"),
    ("avg-rt", "service_time.mean", "connect.time.mean"),
    ("http.response_time.p99", "service_time.p99", "connect.time.p99"),
    ("dropped_iterations", "dropped", "dropped"),
    ("ws_connecting", "connect.time.p95", "connect.time.p95"),
];

#[test]
fn metrics_of_other_tools_are_known() {
    for (word, http, hold) in MEASURED {
        for (name, protocol) in [(http, ProtocolKind::Http), (hold, ProtocolKind::TcpHold)] {
            let found = metric(word, protocol).map(|metric| metric.to_string());
            assert_eq!(found.as_deref().unwrap_or_default(), *name, "{word} in {protocol:?}");
        }
    }
    assert_eq!(metric("colour", ProtocolKind::Http), None);
    assert_eq!(metric("p80", ProtocolKind::Http), None);
}

#[test]
fn placeholders_of_other_templates_are_seen_and_json_is_not() {
    for (text, name) in [
        ("/users/{{id}}", "id"),
        ("/users/{{ user.id }}/x", "user.id"),
        ("{\"a\":\"{{$guid}}\"}", "$guid"),
        ("{{ $randomString() }}", "$randomString()"),
    ] {
        let (range, found) = placeholder(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(found, name);
        assert!(text[range].starts_with("{{"));
    }
    for text in ["{\"a\":{\"b\":{}}}", "{a{b}}", "{{}}", "{{ 1 + 1 }}", "${row.id}"] {
        assert_eq!(placeholder(text), None, "{text}");
    }
    assert!(value("id").contains("`${row.id}`"));
    assert!(value("data.id").contains("`${row.id}`"));
    assert_eq!(value("__ENV.TOKEN"), "write `${env.TOKEN}` for a variable of the environment");
}
