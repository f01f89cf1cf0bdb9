//! Requests over HTTP/2, to servers that behave in every wrong way that is known: one run, a
//! scenario for each.

use super::answers::Expected;
use super::frames::converse;
use super::replies::{Behaviour, Play, all};
use super::{alone, plan, serve};
use crate::outcome::{Outcome, run_broken};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

struct Played {
    name: &'static str,
    expected: Expected,
    apart: bool,
}

struct Ran {
    outcome: Outcome,
    played: Vec<Played>,
}

fn play(play: Play) -> SocketAddr {
    serve(move |socket| match play {
        Play::Frames(settings, act) => {
            converse(&socket, settings, act);
        }
        Play::Raw(act) => act(socket),
    })
}

static RUN: LazyLock<Ran> = LazyLock::new(|| run_against(all()));

/// One run against all of these at once.
fn run_against(behaviours: impl IntoIterator<Item = Behaviour>) -> Ran {
    let _alone = alone();
    let (mut played, mut targets) = (Vec::new(), Vec::new());
    for Behaviour { name, expected, apart, play: how } in behaviours {
        targets.push((name, format!("\"http://{}\"", play(how)), ""));
        played.push(Played { name, expected, apart });
    }
    let common = "version = \"2\"\nconnection = { streams = 3 }\nthink_time = \"300ms\"\n\
                  timeout = \"1500ms\"\nfirst_byte_timeout = \"1s\"\nconnect_timeout = \"1s\"\n\
                  requests = [{ name = \"bad\", method = \"POST\", path = \"/bad\", body = \"please\" },\n\
                  { name = \"good\", path = \"/good\", weight = 2 }]\n\
                  stages = [{ users = 3, hold = \"3s\" }]\nthresholds = [\"success_ratio >= 100%\"]\n";
    let plan = format!("{}[generator]\nworkers = 1\n", plan("http", common, &targets));
    Ran { outcome: run_broken(&plan), played }
}

/// Servers that send requests elsewhere until their time is over: on a busy machine that may be
/// while the next connection is being made.
const SENT_ELSEWHERE: [&str; 3] = ["goaway_unseen", "goaway_calm", "goaway_behind"];

/// Whether a request's time was over before the connection that it went to was ready.
fn is_between_connections(name: &str, failure: &serde_json::Value) -> bool {
    SENT_ELSEWHERE.contains(&name) && failure["phase"] == "connect"
}

#[test]
fn every_wrong_of_a_server_of_http2_has_its_name() {
    assert!(RUN.played.len() >= 60, "{}", RUN.played.len());
    let mut wrong = Vec::new();
    for Played { name, expected, .. } in &RUN.played {
        let facts = RUN.outcome.scenario(name);
        let failures = facts.0["failures"].as_array().unwrap();
        let is_right = match *expected {
            Expected::Good(status) => {
                failures.is_empty() && facts.0["statuses"][status.to_string()].as_u64() > Some(0)
            }
            Expected::Status(status) => {
                failures.len() == 1
                    && failures[0]["failure"] == "status"
                    && failures[0]["code"] == status
            }
            Expected::Bad(failure, origin, phase) => {
                let told = failures.iter().filter(|one| !is_between_connections(name, one));
                told.clone().count() > 0
                    && told.clone().all(|one| {
                        one["failure"] == failure
                            && one["origin"] == origin
                            && one["phase"] == phase
                    })
            }
        };
        if !is_right {
            wrong.push(format!("{name}: {expected:?}, but {}", facts.0["failures"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_good_stream_beside_a_bad_one_is_as_good_as_any() {
    for Played { name, expected, apart } in &RUN.played {
        expected.assert_kept_apart(name, RUN.outcome.scenario(name), *apart);
    }
    // What is wrong with a stream ends no connection.
    for name in ["status_500", "too_short", "reset", "reset_in_body", "always_refused", "trailers"]
    {
        let facts = RUN.outcome.scenario(name);
        let (ends, failures) = (&facts.0["connections_ended"], &facts.0["failures"]);
        assert_eq!(facts.counter("connect.ok"), 1, "{name}: {ends} {failures}");
    }
    // Each of its answers ends a connection.
    let bad = RUN.outcome.scenario("goaway_behind").ended("bad").0;
    assert!(RUN.outcome.scenario("goaway_behind").counter("connect.ok") > bad / 3);
    for name in ["always_refused", "refused_at_first", "goaway_unseen"] {
        assert!(RUN.outcome.scenario(name).counter("retried") > 0, "{name}");
    }
}

#[test]
fn a_server_that_allows_no_stream_is_no_silent_one() {
    // By themselves: among sixty others the settings of either may come late. The journal has a
    // sample of each second.
    let ran = run_against(all().filter(|one| ["no_streams", "mute"].contains(&one.name)));
    let journal = ran.outcome.journal();
    assert!(journal.contains("allows no stream"), "{journal}");
    let mute = ran.outcome.scenario("mute").0["failures"][0]["sample"].to_string();
    assert!(mute.contains("did not come in time"), "{mute}");
}

#[test]
fn a_run_against_them_ends_in_time() {
    let outcome = &RUN.outcome;
    assert!(outcome.took < Duration::from_secs(40), "{:?}", outcome.took);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert_eq!(outcome.report["workers_lost"].as_array().map(Vec::len), Some(0));
    for text in [&outcome.stdout, &outcome.stderr, &outcome.file("failures.csv")] {
        assert!(!text.contains('\u{1b}') && !text.contains('\0'));
    }
}
