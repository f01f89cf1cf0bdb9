mod odd;

use super::*;
use crate::units::{Rate, Time};
use std::time::Duration;

pub(in crate::plan) const HOLD: &str = r#"
name = "p"
targets.lb.address = "127.0.0.1:9000"
[scenarios.hold]
protocol = "tcp-hold"
stages = [{ name = "up", users = 1000, spawn_rate = "100/s", hold = "30s" }, { users = 10, hold = "5s" }]
"#;

pub(in crate::plan) const WEB: &str = r#"
name = "p"
targets.web.builtin = "http"
[scenarios.web]
protocol = "http"
stages = [{ rate = "100/s", hold = "30s" }]
"#;

fn no_environment(_: &str) -> Option<String> {
    None
}

pub(in crate::plan) fn read(text: &str, overrides: &Overrides) -> Result<Plan, PlanErrors> {
    let source = Source { name: "plan.toml".to_owned(), text: text.to_owned() };
    Plan::parse(&source, overrides, &no_environment)
}

pub(in crate::plan) fn plan(text: &str) -> Plan {
    read(text, &Overrides::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

pub(in crate::plan) fn set(text: &str, changes: &[&str]) -> Plan {
    let set = changes.iter().map(|change| (*change).to_owned()).collect();
    read(text, &Overrides { set, ..Overrides::default() })
        .unwrap_or_else(|errors| panic!("{errors}"))
}

pub(in crate::plan) fn seconds(seconds: u64) -> Time {
    Time(Duration::from_secs(seconds))
}

pub(in crate::plan) fn http(plan: &Plan) -> &Http {
    match &plan.scenarios[0].protocol {
        Protocol::Http(http) => http,
        Protocol::Hold(_) => panic!("not http"),
    }
}

pub(in crate::plan) fn hold(plan: &Plan) -> &HoldSettings {
    match &plan.scenarios[0].protocol {
        Protocol::Hold(hold) => hold,
        Protocol::Http(_) => panic!("not tcp-hold"),
    }
}

#[test]
fn what_a_tcp_hold_plan_leaves_out_has_a_default() {
    let plan = plan(HOLD);
    assert_eq!((plan.seed, plan.description.as_deref()), (42, None));
    assert_eq!(plan.generator, Generator::default());
    let scenario = &plan.scenarios[0];
    assert_eq!(scenario.start_after, StartAfter::Delay(seconds(0)));
    assert_eq!(scenario.stages[1].name, "2");
    assert_eq!(scenario.stages[1].level, Level::Users { users: 10, ramp: Ramp::Unpaced });
    let expected = HoldSettings {
        expect: None,
        greeting: None,
        heartbeat: None,
        connect_timeout: seconds(10),
        close: Close::Fin,
        churn: crate::plan::Churn::default(),
        ..HoldSettings::default()
    };
    assert_eq!(hold(&plan), &expected);
    let client = "scenarios.hold.heartbeat={ from = \"client\", send = \"ping\", every = \"3s\" }";
    let (every, timeout) = (seconds(3), seconds(3));
    let heartbeat = Heartbeat::Client { send: "ping".into(), every, timeout };
    assert_eq!(hold(&set(HOLD, &[client])).heartbeat, Some(heartbeat));
    let server = "scenarios.hold.heartbeat={ from = \"server\", every = \"60s\" }";
    let heartbeat = Heartbeat::Server { every: seconds(60), grace: seconds(10) };
    assert_eq!(hold(&set(HOLD, &[server])).heartbeat, Some(heartbeat));
}

#[test]
fn what_an_http_plan_leaves_out_has_a_default() {
    let plan = plan(WEB);
    let http = http(&plan);
    assert_eq!(http.timeout, seconds(30));
    assert_eq!((http.connect_timeout, http.first_byte_timeout), (seconds(10), seconds(30)));
    assert_eq!(http.think_time, ThinkTime::default());
    // 100/s times 30 s, and six times the root.
    assert_eq!(http.max_in_flight, 3_329);
    let request = &http.requests[0];
    assert_eq!((request.name.as_str(), request.method.as_str()), ("get", "GET"));
    assert_eq!((&request.path, request.weight), (&None, 1));
    assert_eq!(request.checks, []);
    let short = set(WEB, &["scenarios.web.timeout=2s", "scenarios.web.stages.0.rate=100k/s"]);
    let http = self::http(&short);
    assert_eq!((http.connect_timeout, http.first_byte_timeout), (seconds(2), seconds(2)));
    assert_eq!(http.max_in_flight, 20_000);
}

#[test]
fn overrides_reach_every_key() {
    let plan = set(
        HOLD,
        &[
            "name=other",
            "seed=7",
            "scenarios.hold.stages.up.hold=5s",
            "scenarios.hold.stages.1.users=1_500",
            "scenarios.hold.close=rst",
            "generator.workers=3",
            "scenarios.\"hold\".thresholds=[\"hold.lost == 0\"]",
            "targets.lb.address=127.0.0.1:1",
            "targets.lb.address=127.0.0.1:2",
        ],
    );
    let scenario = &plan.scenarios[0];
    assert_eq!((plan.name.as_str(), plan.seed), ("other", 7));
    assert_eq!(scenario.stages[0].hold, seconds(5));
    assert_eq!(scenario.stages[1].level, Level::Users { users: 1_500, ramp: Ramp::Unpaced });
    assert_eq!(hold(&plan).close, Close::Rst);
    assert_eq!(plan.generator.workers, Some(3));
    assert_eq!(
        (scenario.thresholds[0].condition.as_str(), scenario.thresholds[0].line),
        ("hold.lost == 0", 0)
    );
    assert_eq!(plan.targets[0].shown, ["127.0.0.1:2"]);
}

#[test]
fn a_scale_rounds_half_up_and_leaves_at_least_one() {
    let stages = |scale: &str| {
        let overrides = Overrides { scale: Some(scale.to_owned()), ..Overrides::default() };
        let plan = read(HOLD, &overrides).unwrap_or_else(|errors| panic!("{errors}"));
        let levels = plan.scenarios[0].stages.iter().map(|stage| stage.level);
        levels.collect::<Vec<_>>()
    };
    let paced = |users, rate| Level::Users { users, ramp: Ramp::SpawnRate(Rate::per_second(rate)) };
    let unpaced = |users| Level::Users { users, ramp: Ramp::Unpaced };
    assert_eq!(stages("1%"), [paced(10, 1), unpaced(1)]);
    assert_eq!(stages("0.05%"), [paced(1, 1), unpaced(1)]);
    assert_eq!(stages("0.1"), [paced(100, 10), unpaced(1)]);
    assert_eq!(stages("15%"), [paced(150, 15), unpaced(2)]);
    assert_eq!(stages("200%"), [paced(2_000, 200), unpaced(20)]);
    assert_eq!(stages("100%"), [paced(1_000, 100), unpaced(10)]);
}

#[test]
fn only_what_is_asked_for_runs() {
    let text = format!(
        "{HOLD}target = \"lb\"\n[targets.other]\naddress = \"127.0.0.1:1\"\n[scenarios.late]\nprotocol = \"tcp-hold\"\ntarget = \"other\"\nstart_after = \"hold\"\nstages = [{{ users = 1 }}]\n"
    );
    let overrides = Overrides { only: vec!["late".to_owned()], ..Overrides::default() };
    let plan = read(&text, &overrides).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(plan.scenarios.len(), 1);
    assert_eq!((plan.scenarios[0].name.as_str(), plan.targets[0].name.as_str()), ("late", "other"));
    assert_eq!(plan.target(&plan.scenarios[0]).name, "other");
    assert_eq!(plan.scenarios[0].start_after, StartAfter::Delay(seconds(0)), "nobody to wait for");
    assert_eq!(self::plan(&text).scenarios[1].start_after, StartAfter::Hold);
}

#[test]
fn the_environment_is_filled_in_and_not_shown() {
    let text =
        HOLD.replace("127.0.0.1:9000", "${env.HOST}:$${x") + "expect = \"a${env.HOST}b$${c}\"";
    let source = Source { name: "plan.toml".to_owned(), text: text.replace(":$${x", ":80") };
    let environment = |name: &str| (name == "HOST").then(|| "10.0.0.9".to_owned());
    let plan = Plan::parse(&source, &Overrides::default(), &environment).unwrap();
    let host = HostPort { host: "10.0.0.9".to_owned(), port: 80 };
    assert_eq!(plan.targets[0].endpoint, Endpoint::Hosts(vec![host]));
    assert_eq!(plan.targets[0].shown, ["${env.HOST}:80"]);
    assert_eq!(hold(&plan).expect, Some("a10.0.0.9b${c}".into()));
}

#[test]
fn errors_have_a_line_and_a_column_in_characters() {
    let text = HOLD.replace("name = \"up\"", "name = \"größe\"").replace("1000", "\"1m\"");
    let errors = read(&text, &Overrides::default()).unwrap_err();
    assert_eq!(errors.count(), 1);
    let error = errors.iter().next().unwrap();
    assert_eq!(errors.line_and_column(error), Some((6, 37)));
    assert_eq!(errors.to_string(), "plan.toml:6:37: `1m` is not a count");
}

#[test]
fn a_plan_that_is_too_large_is_refused() {
    let errors = read(&"#".repeat(LARGEST_PLAN + 1), &Overrides::default()).unwrap_err();
    assert_eq!(errors.to_string(), "plan.toml: the plan is larger than 1 MiB (1048577 bytes)");
    let errors =
        read(&format!("{HOLD}{}", "#".repeat(LARGEST_PLAN - HOLD.len())), &Overrides::default());
    assert!(errors.is_ok());
}

#[test]
fn a_saved_plan_may_have_the_keys_of_its_time() {
    let text = format!(
        "{HOLD}thresholds = [\"hold.lost == 0\", {{ check = \"hold.lost < 5\", stage = \"2\" }}]\n"
    );
    let source = Source { name: "plan.toml".to_owned(), text: text.clone() };
    let change = "scenarios.hold.thresholds.1.check=\"hold.lost < 7\"".to_owned();
    for (set, condition) in [(vec![], "hold.lost < 5"), (vec![change], "hold.lost < 7")] {
        let overrides = Overrides { set, ..Overrides::default() };
        let saved = Plan::parse_saved(&source, &overrides, &no_environment).unwrap();
        let thresholds = &saved.scenarios[0].thresholds;
        assert_eq!((thresholds[1].condition.as_str(), thresholds.len()), (condition, 2));
        // A plan that is about to run gets the warning.
        let errors = read(&text, &overrides).unwrap_err();
        let error = errors.iter().next().unwrap();
        assert_eq!(error.message, "a threshold's `check` is now called `condition`");
        assert_eq!(
            error.help.as_deref(),
            Some(format!("write `condition = \"{condition}\"`").as_str())
        );
        assert_eq!(errors.count(), 1);
    }
    let modern = text.replace("check =", "condition =");
    let source = Source { text: modern.clone(), ..source };
    let saved = Plan::parse_saved(&source, &Overrides::default(), &no_environment).unwrap();
    assert_eq!(saved, plan(&modern));
}
