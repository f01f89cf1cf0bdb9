//! What plans can ask for: levels up and down, warm-ups, unpaced ramps, rates, starts after others,
//! addresses of every kind.

use crate::outcome::{Facts, Outcome, run_beside, run_once, run_paced};
use crate::served::Served;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::LazyLock;

const SHAPES: &str = r#"
name = "shapes"
[targets.lb]
builtin = "tcp-hold"
[targets.lb2]
builtin = "tcp-hold"
[targets.web]
builtin = "http"

[scenarios.levels]
protocol = "tcp-hold"
target = "lb"
expect = "ok"
greeting = "5s"
heartbeat = { from = "server", every = "1300ms", grace = "5s" }
stages = [
  { name = "warm", users = 20, ramp = "200ms", hold = "400ms", warmup = true },
  { name = "up", users = 100, spawn_rate = "200/s", hold = "600ms" },
  { name = "down", users = 40, ramp = "300ms", hold = "1s" },
]
thresholds = [
  "connect.success_ratio >= 99.9%",
  "hold.survival_ratio >= 100%",
  "success_ratio >= 100%",
  "heartbeat.success_ratio >= 100%",
  { condition = "connections.open >= 40", stage = "*" },
  { condition = "connect.attempts == 80", stage = "up" },
  { condition = "hold.lost <= 0", window = "1s" },
]

[scenarios.unpaced]
protocol = "tcp-hold"
target = "lb2"
expect = "ok"
heartbeat = { from = "client", send = "ping", every = "700ms", timeout = "700ms" }
close = "rst"
stages = [{ name = "all", users = 300, hold = "1200ms" }]
thresholds = ["connect.success_ratio >= 100%", "heartbeat.success_ratio >= 100%"]

[scenarios.later]
protocol = "http"
target = "web"
start_after = "hold"
think_time = "10ms..30ms"
stages = [{ users = 5, hold = "500ms" }]

[scenarios.arrivals]
protocol = "http"
target = "web"
start_after = "300ms"
requests = [
  { name = "home", path = "/", weight = 3, expect = { status = 200, body = "ok" } },
  { name = "save", method = "POST", path = "/save", body = "12345" },
]
stages = [{ name = "open", rate = "100/s", ramp = "1s", hold = "1s" }]
thresholds = ["failure_ratio < 0.1%", "dropped <= 0"]
"#;

static RUN: LazyLock<Outcome> = LazyLock::new(|| run_paced(0, SHAPES, &[]));

fn boundaries(facts: Facts<'_>) -> Vec<(String, u64)> {
    let all = facts.0["boundaries"].as_array().unwrap();
    all.iter()
        .map(|one| {
            let stage = one["stage"].as_str().unwrap_or_default();
            let mark = format!("{} {stage}", one["mark"].as_str().unwrap());
            (mark.trim_end().to_owned(), one["at_ns"].as_u64().unwrap() / 1_000_000)
        })
        .collect()
}

#[test]
fn everything_holds() {
    assert_eq!((RUN.verdict(), RUN.report["complete"].as_bool()), ("PASS", Some(true)));
    assert_eq!(RUN.report["stopped"]["reason"], "completed");
    let thresholds = RUN.report["thresholds"].as_array().unwrap();
    assert_eq!(thresholds.len(), 13, "one of them is the default of `later`");
    assert!(thresholds.iter().all(|one| one["passed"] == true), "{thresholds:#?}");
    assert!(RUN.stdout.starts_with("✓ PASS"), "{}", RUN.stdout);
    assert!(RUN.file("plan.toml").contains("[scenarios.levels]"));
}

#[test]
fn levels_go_up_and_down_at_their_times() {
    let levels = RUN.scenario("levels");
    let marks = [
        ("ramp warm", 0),
        ("hold warm", 200),
        ("ramp up", 600),
        ("hold up", 1000),
        ("ramp down", 1600),
        ("hold down", 1900),
        ("drain", 2900),
    ];
    let found = boundaries(levels);
    for (found, (mark, at)) in found.iter().zip(marks) {
        assert_eq!((found.0.as_str(), found.1), (mark, at));
    }
    assert_eq!(found.last().unwrap().0, "end");
    let attempts =
        ["warm", "up", "down"].map(|stage| levels.stage(stage).counter("connect.attempts"));
    assert_eq!(attempts, [20, 80, 0]);
    let closed = |part: &str| levels.stage("down").part(part).counter("closed");
    assert_eq!([closed("ramp"), closed("hold"), closed("drain")], [60, 0, 40]);
    let names = ["due", "ok", "connect.ok", "verified", "closed", "hold.lost"];
    assert_eq!(levels.counters(names), [100, 100, 100, 100, 100, 0]);
    // Those that entered each hold: 20, 100, 40.
    assert_eq!(levels.counter("hold.entered"), 160);
    let open = |stage: &str| levels.stage(stage).0["gauges"]["connections.open"].as_u64();
    assert_eq!([open("up"), open("down")], [Some(100), Some(40)]);

    let server = RUN.server("lb");
    assert_eq!(levels.counter("messages.received"), server["messages_sent"]);
    assert_eq!(levels.counter("bytes.received"), server["bytes_sent"]);
    // Those of the first 20 are 1.3 s old twice, the next 20 once, the others never.
    assert_eq!(levels.counter("heartbeat.received"), 60);
    assert_eq!(server["messages_sent"] - server["greeted"], 60);
    let ends = ["accepted", "greeted", "peak_open", "closed_by_client", "open_at_end"];
    assert_eq!(ends.map(|name| server[name]), [100, 100, 100, 100, 0]);
}

#[test]
fn an_unpaced_ramp_is_over_when_all_are_there() {
    let unpaced = RUN.scenario("unpaced");
    let (hold, drain) = {
        let marks = boundaries(unpaced);
        let at = |mark: &str| marks.iter().find(|(name, _)| name == mark).unwrap().1;
        (at("hold all"), at("drain"))
    };
    assert!((1_199..=1_201).contains(&(drain - hold)), "{hold} to {drain}");
    let names = ["due", "connect.ok", "ok", "hold.entered", "heartbeat.missed"];
    assert_eq!(unpaced.counters(names), [300, 300, 300, 300, 0]);
    assert_eq!(unpaced.samples("schedule_lag"), 0);
    let [sent, received] = unpaced.counters(["heartbeat.sent", "heartbeat.received"]);
    let server = RUN.server("lb2");
    assert!(
        received <= server["replies"] && server["replies"] <= sent,
        "{received} {sent} {server:?}"
    );
    assert!(received >= 300 && unpaced.samples("heartbeat.rtt") == received, "{received}");
    assert_eq!(server["reset_by_client"], 300);
}

#[test]
fn a_scenario_waits_for_the_holds_of_the_others() {
    let first = |name: &str, mark: &str| {
        let marks = boundaries(RUN.scenario(name));
        marks.iter().find(|(found, _)| found.starts_with(mark)).unwrap().1
    };
    let others = ["levels", "unpaced", "arrivals"].map(|name| first(name, "hold"));
    assert_eq!(others[0], 200);
    assert_eq!(others[2], 1_300);
    assert!(first("later", "ramp") >= *others.iter().max().unwrap(), "{others:?}");
    assert!(RUN.scenario("later").counter("ok") > 20);
}

#[test]
fn arrivals_come_at_their_rate() {
    let arrivals = RUN.scenario("arrivals");
    assert_eq!(boundaries(arrivals)[0], ("ramp open".to_owned(), 300));
    let due = |part: &str| arrivals.stage("open").part(part).counter("due");
    assert_eq!([due("ramp"), due("hold")], [50, 100]);
    assert_eq!(arrivals.counters(["due", "started", "dropped", "ok"]), [150, 150, 0, 150]);
    for time in ["response_time", "service_time", "queue_wait", "schedule_lag"] {
        assert_eq!(arrivals.samples(time), 150, "{time}");
    }
    let of = |name: &str| {
        let all = arrivals.0["requests"].as_array().unwrap();
        all.iter().find(|request| request["name"] == name).unwrap()["ok"].as_u64().unwrap()
    };
    assert_eq!(of("home") + of("save"), 150);
    assert!((15..=65).contains(&of("save")), "{} of 150 are no quarter", of("save"));
    assert_eq!(arrivals.counter("bytes.sent"), 5 * of("save"));
    let server = RUN.server("web");
    let both = ["arrivals", "later"].map(|name| RUN.scenario(name));
    let sum = |name: &str| both.iter().map(|facts| facts.counter(name)).sum::<u64>();
    assert_eq!([server["requests"], server["accepted"]], [sum("started"), sum("connect.ok")]);
    assert_eq!(server["status.200"], sum("ok"));
}

#[test]
fn seconds_and_stages_sum_up_to_the_whole() {
    for file in ["timeline.csv", "summary.csv"] {
        let text = RUN.file(file);
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let headings = rows.headers().unwrap().clone();
        let at = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
        let records: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        for scenario in ["levels", "unpaced", "later", "arrivals"] {
            for counter in ["due", "ok", "connect.ok", "bytes.received"] {
                // In the summary, rows of whole scenarios say it again; in the timeline, those of
                // requests.
                let of = |record: &&csv::StringRecord| {
                    let whole = &record[at("stage")] == "*";
                    let request = headings.iter().position(|heading| heading == "request");
                    let of_request = request.is_some_and(|at| !record[at].is_empty());
                    &record[at("scenario")] == scenario && !whole && !of_request
                };
                let sum: u64 = records
                    .iter()
                    .filter(of)
                    .map(|record| record[at(counter)].parse().unwrap_or(0))
                    .sum();
                assert_eq!(
                    sum,
                    RUN.scenario(scenario).counter(counter),
                    "{file} {scenario} {counter}"
                );
            }
        }
    }
}

#[test]
fn addresses_of_every_kind_are_used() {
    let (outcome, servers) = run_beside(0, addresses);
    let [v6, web6, name, one, two] = servers;
    let targets = outcome.report["targets"].as_array().unwrap();
    let of = |target: &str| targets.iter().find(|one| one["name"] == target).unwrap();
    let probes = |target: &str| of(target)["preflight.probes"].as_u64().unwrap();
    assert_eq!(of("v6")["addresses"], Value::from([v6.0.to_string()].as_slice()));
    assert_eq!(of("name")["addresses"], Value::from([name.0.to_string()].as_slice()));
    assert_eq!(of("name")["written"][0], format!("localhost:{}", name.0.port()));
    for scenario in ["v6", "web6", "name", "turn"] {
        let facts = outcome.scenario(scenario);
        assert_eq!(facts.counter("ok"), facts.counter("due"), "{scenario}");
    }
    for (target, (_, accepted)) in [("v6", v6), ("web6", web6), ("name", name)] {
        let opened = outcome.scenario(target).counter("connect.ok");
        assert_eq!(accepted, opened + probes(target), "{target}");
    }
    assert_eq!((probes("turn"), one.1, two.1), (2, 129, 129));
}

/// A run, and what each of its servers accepted where.
fn addresses() -> (Outcome, [(SocketAddr, u64); 5]) {
    let hold = |listen: &str| Served::start(&["tcp-hold", "--listen", listen]);
    let http = |listen: &str| Served::start(&["http", "--listen", listen]);
    let (v6, web6, name) = (hold("[::1]:0"), http("[::1]:0"), http("127.0.0.1:0"));
    let (one, two) = (hold("127.0.0.1:0"), hold("127.0.0.2:0"));
    let plan = format!(
        r#"
name = "addresses"
targets.v6 = {{ address = "{}" }}
targets.web6 = {{ address = "http://{}/" }}
targets.name = {{ address = "http://localhost:{}/" }}
targets.turn = {{ address = ["{}", "{}"] }}
[scenarios.v6]
protocol = "tcp-hold"
target = "v6"
expect = "ok"
greeting = "5s"
stages = [{{ users = 30, hold = "300ms" }}]
[scenarios.web6]
protocol = "http"
target = "web6"
think_time = "20ms"
stages = [{{ users = 4, hold = "300ms" }}]
[scenarios.name]
protocol = "http"
target = "name"
think_time = "20ms"
stages = [{{ users = 4, hold = "300ms" }}]
[scenarios.turn]
protocol = "tcp-hold"
target = "turn"
expect = "ok"
greeting = "5s"
stages = [{{ users = 256, ramp = "500ms", hold = "300ms" }}]
"#,
        v6.address,
        web6.address,
        name.address.port(),
        one.address,
        two.address
    );
    let outcome = run_once(&plan, &[]);
    let servers = [v6, web6, name, one, two];
    (outcome, servers.map(|server| (server.address, server.stop()["accepted"])))
}

#[test]
fn what_the_command_line_changes_is_in_the_report() {
    let (outcome, (target, requests)) = run_beside(0, || {
        let web = Served::start(&["http"]);
        let target = format!("web=http://{}/", web.address);
        let hold = "scenarios.arrivals.stages.0.hold=500ms";
        let sets = ["--set", hold, "--set", "seed=7"];
        let arguments = ["--only", "arrivals", "--scale", "50%", "--target", &target];
        let outcome = run_once(SHAPES, &[&arguments[..], &sets].concat());
        (outcome, (target, web.stop()["requests"]))
    });
    let plan = &outcome.report["plan"];
    let mut overrides: Vec<&str> =
        plan["overrides"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    overrides.sort_unstable();
    let target = format!("--target {target}");
    let hold = "--set scenarios.arrivals.stages.0.hold=500ms";
    assert_eq!(overrides, ["--only arrivals", "--scale 50%", hold, "--set seed=7", &target]);
    assert_eq!(plan["seed"], 7);
    assert_eq!(outcome.report["scenarios"].as_array().unwrap().len(), 1);
    assert_eq!(outcome.scenario("arrivals").counter("due"), 50);
    assert_eq!(requests, 50);
    assert!(outcome.report["servers"].is_null());
}

#[test]
fn arrivals_by_chance_are_as_many_as_planned_by_any_number_of_workers() {
    let plan = r#"
name = "chance"
[targets.web]
builtin = "http"
[scenarios.s]
protocol = "http"
stages = [{ name = "open", rate = "200/s", spacing = "poisson", ramp = "500ms", hold = "1s" }]
thresholds = ["failure_ratio < 0.1%", "dropped <= 0"]
[generator]
workers = 3
"#;
    let three = run_paced(0, plan, &[]);
    let parts = |outcome: &Outcome| {
        let stage = outcome.scenario("s").stage("open");
        assert_eq!(stage.0["planned"]["spacing"], "poisson");
        ["ramp", "hold"].map(|part| stage.part(part).counter("due"))
    };
    assert_eq!(parts(&three).iter().sum::<u64>(), 250);
    let one = run_paced(0, plan, &["--set", "generator.workers=1"]);
    assert_eq!(parts(&one), parts(&three));
}
