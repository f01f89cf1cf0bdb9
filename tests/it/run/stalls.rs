//! Who stands still, and what the run makes of it: a server's stall is a fact of the target, the
//! generator's own proves nothing.

use crate::going::{Going, send};
use crate::outcome::{BUSY, Facts, Outcome};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

const FREEZE: Duration = Duration::from_secs(1);

/// Arrivals at a rate, and a user who waits for each answer before it asks again.
const PLAN: &str = r#"
name = "stalls"
[targets.web]
builtin = "http"
[scenarios.open]
protocol = "http"
target = "web"
stages = [{ rate = "200/s", hold = "9s" }]
thresholds = ["response_time.p99 < 100ms"]
[scenarios.closed]
protocol = "http"
target = "web"
think_time = "4ms"
stages = [{ users = 1, hold = "9s" }]
[generator]
workers = 1
# Who gets the machine's processors beside it is not what these runs are about.
limits = { steal = "100%" }
"#;

/// Stops processes for a while, all of them in the same moment or nearly so.
fn freeze(pids: &[i32], length: Duration) {
    let until = Instant::now() + length;
    for pid in pids {
        send(*pid, Signal::SIGSTOP);
    }
    std::thread::sleep(until - Instant::now());
    for pid in pids {
        send(*pid, Signal::SIGCONT);
    }
}

/// A run in which somebody stood still, made again where this machine was too busy for it anyway.
fn ran(who: impl Fn(&Going) -> Vec<i32>, length: Duration, busy_is_wrong: bool) -> Outcome {
    for again in (0..4).rev() {
        let going = Going::start(PLAN, &[], 2);
        freeze(&who(&going), length);
        let outcome = going.end();
        let busy = outcome.rules().iter().any(|rule| BUSY.contains(&rule.as_str()));
        if !(busy && busy_is_wrong) || again == 0 {
            outcome.assert_whole();
            return outcome;
        }
    }
    unreachable!("the last one is taken as it is");
}

fn time_ms(facts: Facts<'_>, name: &str, stat: &str) -> u64 {
    let ns = &facts.0["times"][name][format!("{stat}_ns")];
    ns.as_u64().unwrap_or_else(|| panic!("{name}.{stat} in {}", facts.0["times"])) / 1_000_000
}

#[test]
fn a_server_that_freezes_shows_in_response_times() {
    let outcome = ran(|going| going.below("serve"), FREEZE, true);
    // The target's fault, and the run can tell.
    assert_eq!((outcome.code, outcome.verdict()), (Some(1), "FAIL"), "{}", outcome.stdout);
    let open = outcome.scenario("open");
    assert_eq!(open.counter("due"), open.counter("ok"));
    // 200 of 1,800 were due in the freeze and waited for its end: the worst hundredth more than 0.9
    // s.
    let p99 = time_ms(open, "response_time", "p99");
    assert!((800..1_300).contains(&p99), "{p99} ms");
    let p75 = time_ms(open, "service_time", "p75");
    assert!(p75 < 100, "{p75} ms");
    // The user met it once: who only waits does not see what it did not send.
    let closed = outcome.scenario("closed");
    assert!(closed.samples("service_time") > 500);
    let (p99, max) =
        (time_ms(closed, "service_time", "p99"), time_ms(closed, "service_time", "max"));
    assert!(p99 < 200 && max >= 900, "{p99} ms, {max} ms");
}

#[test]
fn a_pacer_that_freezes_proves_nothing() {
    let outcome = ran(|going| going.below("worker"), Duration::from_millis(300), false);
    // The threshold is broken, but not by the target.
    assert_eq!((outcome.code, outcome.verdict()), (Some(3), "INVALID"), "{}", outcome.stdout);
    let threshold = &outcome.report["thresholds"][0];
    assert_eq!(threshold["passed"], false, "{threshold}");
    let rules = outcome.rules();
    for rule in ["schedule_lag", "stalled"] {
        assert!(rules.contains(&rule.to_owned()), "{rules:?}");
    }
    let open = outcome.scenario("open");
    assert_eq!(open.counter("due"), open.counter("ok"), "what was due late was sent late");
    let lag = time_ms(open, "schedule_lag", "max");
    assert!(lag >= 200, "{lag} ms");
    // It waited here, not there.
    let p99 = time_ms(open, "response_time", "p99");
    assert!(p99 >= 100, "{p99} ms");
}

#[test]
fn a_run_that_freezes_as_a_whole_proves_nothing() {
    let all = |going: &Going| {
        let mut all = vec![going.pid()];
        all.extend(going.below("worker"));
        all.extend(going.below("serve"));
        all
    };
    let outcome = ran(all, FREEZE, false);
    assert_eq!((outcome.code, outcome.verdict()), (Some(3), "INVALID"), "{}", outcome.stdout);
    let rules = outcome.rules();
    assert!(rules.contains(&"stalled".to_owned()), "{rules:?}");
    assert!(outcome.health("stall")["measured_ns"].as_u64() >= Some(800_000_000));
    assert_eq!(outcome.report["workers_lost"].as_array().unwrap().len(), 0);
}
