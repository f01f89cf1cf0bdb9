//! Turns a plan into digests that show whether two runs are comparable: the same load, targets,
//! schedule and thresholds.
//!
//! A digest is SHA-256 of canonical JSON of the checked plan, with defaults filled in: comments,
//! spellings (`10k`, `60s`) and the order of keys do not change it. To be given the plan without
//! values of the environment, which are secrets.
//! Builds that know other keys have other digests: those of two runs are computed by one build.
//!
//! **Invariant:** an edited threshold changes no digest of the load.

use super::{Schedule, Shape, SpawnPace};
use crate::plan::{Endpoint, Plan, Scenario, Target};
use crate::schedule::{Partition, ScenarioSchedule, ScheduledEvent};
use crate::units::sha256;
use serde::Serialize;
use serde_json::{Value, json};

/// Due times of each stage that are in the digest of the schedule; the others follow from the same
/// parameters.
const DUE_TIMES: usize = 1_000;

/// The digests that distinguish two plans, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Digests {
    /// The load: scenarios, stages, requests, time-outs.
    pub(crate) workload: String,
    /// Exactly when it is due.
    pub(crate) schedule: String,
    /// Thresholds and limits of validity rules.
    pub(crate) thresholds: String,
    /// To whom it is offered.
    pub(crate) targets: String,
}

impl Digests {
    /// The digests of a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        let scenarios: Vec<Value> = plan.scenarios.iter().map(|one| workload(plan, one)).collect();
        let thresholds = |one: &Scenario| json!({ "name": one.name, "is": value(&one.thresholds) });
        let thresholds: Vec<Value> = plan.scenarios.iter().map(thresholds).collect();
        let limits = value(&plan.generator.limits);
        let targets: Vec<Value> = plan.targets.iter().map(target).collect();
        Self {
            workload: digest("workload", json!({ "seed": plan.seed, "scenarios": scenarios })),
            schedule: schedule(plan),
            thresholds: digest("thresholds", json!({ "all": thresholds, "limits": limits })),
            targets: digest("targets", json!(targets)),
        }
    }
}

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).expect("maps with text keys, and no secrets")
}

fn digest(what: &str, mut value: Value) -> String {
    remove_places(&mut value);
    sha256(format!("planrun-{what}-v1\n{value}"))
}

/// Places in the plan's text do not change its meaning, nor does the spelling of a condition.
fn remove_places(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, of| {
                !(["relative", "proxy", "work"].contains(&&**key) && of.is_null())
            });
            map.retain(|key, of| !(key == "fixed_work" && *of == false));
            map.retain(|key, _| {
                !["spot", "line", "condition", "written", "is_default", "tunnels"].contains(&&**key)
            });
            map.values_mut().for_each(remove_places);
        }
        Value::Array(all) => all.iter_mut().for_each(remove_places),
        _ => {}
    }
}

fn workload(plan: &Plan, scenario: &Scenario) -> Value {
    let protocol = scenario.protocol.without_thresholds();
    json!({
        "name": scenario.name,
        "target": plan.target(scenario).name,
        "start_after": value(&scenario.start_after),
        "protocol": value(&protocol),
        "stages": value(&scenario.stages),
    })
}

fn target(target: &Target) -> Value {
    let place = match &target.endpoint {
        Endpoint::Builtin(server) => value(server),
        Endpoint::Hosts(_) | Endpoint::Urls(_) => json!(target.shown),
    };
    let mut target_value =
        json!({ "name": target.name, "place": place, "tls": value(&target.tls) });
    // Plans without it keep the digests that they had.
    if !target.resolve.is_empty() {
        target_value["resolve"] = value(&target.resolve);
    }
    if let Some(dns) = &target.dns {
        target_value["dns"] = value(dns);
    }
    target_value
}

/// Parameters of each stage, and the first due times, by which a change of the arithmetic shows.
fn schedule(plan: &Plan) -> String {
    let schedule = Schedule::new(plan);
    let scenarios: Vec<Value> = schedule.scenarios().iter().map(stages).collect();
    digest("schedule", json!(scenarios))
}

fn stages(schedule: &ScenarioSchedule) -> Value {
    let stage = |(stage, segment): (usize, &super::Segment)| {
        let shape = match segment.shape {
            Shape::Users { from, to, pace } => json!({
                "from": from,
                "to": to,
                "pace": match pace {
                    SpawnPace::Unpaced => Value::Null,
                    SpawnPace::Paced(rate) => value(&rate),
                },
            }),
            Shape::Rate { from, to, ramp_ns, before, spacing } => json!({
                "from_per_s": from,
                "to_per_s": to,
                "ramp_ns": ramp_ns,
                "before": before,
                "spacing": value(&spacing),
            }),
        };
        let mut cursor = schedule.cursor(stage, Partition::WHOLE);
        let mut due = Vec::new();
        while let Some((event, at_ns)) = cursor.peek().filter(|_| due.len() < DUE_TIMES) {
            let number = match event {
                ScheduledEvent::UserStart(number)
                | ScheduledEvent::UserStop(number)
                | ScheduledEvent::Arrival(number) => number,
            };
            due.push(json!([number, at_ns]));
            cursor.advance();
        }
        json!({ "shape": shape, "hold_ns": segment.hold_ns, "due": due })
    };
    let all: Vec<Value> = schedule.segments.iter().enumerate().map(stage).collect();
    json!({ "start_after": value(&schedule.start_after), "stages": all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Source};

    const TEXT: &str = "name = \"p\"\nseed = 7\n[targets.t]\naddress = \"http://localhost/\"\n\
        [scenarios.s]\nprotocol = \"http\"\nrequests = [{ path = \"/\", weight = 2 }]\n\
        thresholds = [\"service_time.p99 < 1s\"]\n\
        stages = [{ rate = \"1k/s\", ramp = \"1m\", hold = \"60s\", spacing = \"poisson\" }]\n";

    fn digests(text: &str) -> Digests {
        let source = Source { name: "p.toml".to_owned(), text: text.to_owned() };
        let plan = Plan::parse(&source, &Overrides::default(), &|_| None);
        Digests::of(
            &plan.unwrap_or_else(|errors| panic!("{:?}", errors.iter().collect::<Vec<_>>())),
        )
    }

    /// Which digests differ from those of the text above.
    fn changed(from: &str, to: &str) -> Vec<&'static str> {
        assert!(TEXT.contains(from), "{from}");
        let (old, new) = (digests(TEXT), digests(&TEXT.replace(from, to)));
        let all = [
            ("workload", old.workload == new.workload),
            ("schedule", old.schedule == new.schedule),
            ("thresholds", old.thresholds == new.thresholds),
            ("targets", old.targets == new.targets),
        ];
        all.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }

    #[test]
    fn spellings_and_comments_change_nothing() {
        assert!(changed("name = \"p\"", "# a comment\nname   =   \"other\"").is_empty());
        assert!(changed("\"1m\"", "\"60s\"").is_empty());
        assert!(changed("1k/s", "1000/s").is_empty());
        assert!(changed("\"service_time.p99 < 1s\"", "\"service_time.p99<1000ms\"").is_empty());
        assert!(changed("path = \"/\", weight = 2", "weight = 2, path = \"/\"").is_empty());
    }

    #[test]
    fn each_change_shows_where_it_belongs() {
        assert_eq!(changed("p99 < 1s", "p99 < 2s"), ["thresholds"]);
        assert_eq!(changed("localhost", "127.0.0.1"), ["targets"]);
        assert_eq!(changed("weight = 2", "weight = 3"), ["workload"]);
        assert_eq!(changed("1k/s", "1001/s"), ["workload", "schedule"]);
        // Random arrivals come from the seed.
        assert_eq!(changed("seed = 7", "seed = 8"), ["workload", "schedule"]);
        let limits = "seed = 7\ngenerator = { limits = { schedule_lag = \"50ms\" } }";
        assert_eq!(changed("seed = 7", limits), ["thresholds"]);
    }
}
