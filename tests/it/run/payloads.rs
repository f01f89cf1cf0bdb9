//! Messages of bytes that are no text: sent, answered, and shown where they are wrong.

use crate::outcome::run;

/// A PINGREQ of MQTT and its answer, with a byte that no text and no argument has.
fn pings(faults: &str, code: i32) -> crate::outcome::Outcome {
    let plan = format!(
        "name = \"pings\"\n[targets.broker]\nbuiltin = \"tcp-hold\"\n{faults}\n\
         [scenarios.hold]\nprotocol = \"tcp-hold\"\nexpect = {{ hex = \"d0 00\" }}\n\
         heartbeat = {{ from = \"client\", send = {{ base64 = \"wAA=\" }}, every = \"500ms\", timeout = \"400ms\" }}\n\
         stages = [{{ users = 20, hold = \"1700ms\" }}]\nthresholds = [\"success_ratio >= 100%\"]\n"
    );
    run(code, &plan, &[])
}

#[test]
fn bytes_are_sent_and_expected_as_they_are() {
    let outcome = pings("", 0);
    let hold = outcome.scenario("hold");
    let [sent, received, missed] =
        hold.counters(["heartbeat.sent", "heartbeat.received", "heartbeat.missed"]);
    assert_eq!((sent, missed), (received, 0));
    assert!(sent >= 40, "{sent}");
    assert_eq!(hold.counters(["bytes.sent", "bytes.received"]), [2 * sent, 2 * sent]);
    assert_eq!(outcome.server("broker")["replies"], sent);
}

#[test]
fn wrong_bytes_are_shown_as_a_plan_would_write_them() {
    let outcome = pings("faults = { wrong_data = true }", 1);
    let failures = std::fs::read_to_string(outcome.results.unwrap().join("failures.csv")).unwrap();
    assert!(failures.contains("wrong_data"), "{failures}");
    assert!(failures.contains("the bytes `d100` at byte 0 of a read"), "{failures}");
}
