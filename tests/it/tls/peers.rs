//! Targets whose certificates, or whose manners, are wrong; and what the plan says about whom to
//! trust.

use super::{Peer, certificate};
use crate::outcome::{Outcome, Stage, run_as};
use std::time::Instant;

/// A target and a scenario that opens ten connections to it.
fn target(name: &str, address: &str, tls: &str) -> String {
    format!(
        "[targets.{name}]\naddress = \"{address}\"\ntls = {{ {tls} }}\n\
         [scenarios.{name}]\nprotocol = \"tcp-hold\"\ntarget = \"{name}\"\nexpect = \"ok\"\n\
         connect_timeout = \"2s\"\n\
         stages = [{{ users = 10, spawn_rate = \"50/s\", hold = \"2500ms\" }}]\n\
         thresholds = [\"connect.success_ratio == 100%\"]\n"
    )
}

fn plan(targets: &[String]) -> String {
    format!("name = \"peers\"\n{}", targets.concat())
}

fn sample(outcome: &Outcome, scenario: &str) -> String {
    let failures = &outcome.scenario(scenario).0["failures"];
    failures[0]["sample"].as_str().unwrap().to_owned()
}

#[test]
fn wrong_certificates_and_wrong_manners_fail_the_run_and_never_make_it_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["good", "other"] {
        certificate(folder, name, false);
    }
    certificate(folder, "expired", true);
    let sound = Peer::serve(folder, &["--cert=good.pem", "--key=good.key"]);
    let expired = Peer::serve(folder, &["--cert=expired.pem", "--key=expired.key"]);
    let garbage = Peer::serve(folder, &["--message=SSH-2.0-OpenSSH_9.6\r\n"]);
    let stalls = Peer::serve(folder, &["--tls", "--silence"]);
    let leaves = Peer::serve(folder, &["--no-greet", "--close-after=100ms"]);
    let ca = |file: &str| format!("ca = \"{}\"", folder.join(file).display());
    let elsewhere = format!("{}, server_name = \"elsewhere.example\"", ca("good.pem"));
    let targets = [
        target("sound", &sound.address, &ca("good.pem")),
        target("other_ca", &sound.address, &ca("other.pem")),
        target("other_name", &sound.address, &elsewhere),
        target("expired", &expired.address, &ca("expired.pem")),
        target("garbage", &garbage.address, &ca("good.pem")),
        target("stalls", &stalls.address, "insecure = true"),
        target("leaves", &leaves.address, "insecure = true"),
    ];
    let outcome = run_as(1, &plan(&targets), |stage| stage.command(&[]));
    assert_eq!(outcome.verdict(), "FAIL");
    assert_eq!(outcome.scenario("sound").counters(["ok", "connect.ok"]), [10; 2]);
    for (scenario, failure, origin) in [
        ("other_ca", "tls", "protocol"),
        ("other_name", "tls", "protocol"),
        ("expired", "tls", "protocol"),
        ("garbage", "tls", "protocol"),
        ("stalls", "connect_timeout", "network"),
        ("leaves", "closed_by_server", "protocol"),
    ] {
        let facts = outcome.scenario(scenario);
        assert_eq!(facts.only_failure(), (failure, origin, "tls", 10), "{scenario}");
        assert_eq!(facts.counters(["connect.ok", "connect.failed"]), [0, 10], "{scenario}");
        assert_eq!(facts.samples("tls.time"), 0, "{scenario}");
    }
    for (scenario, words) in
        [("other_ca", "UnknownIssuer"), ("other_name", "elsewhere.example"), ("expired", "expired")]
    {
        let sample = sample(&outcome, scenario);
        assert!(sample.contains(words), "{scenario}: {sample}");
    }
}

#[test]
fn insecure_takes_any_certificate_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "expired", true);
    let server = Peer::serve(folder.path(), &["--cert=expired.pem", "--key=expired.key"]);
    let tls = "insecure = true, server_name = \"elsewhere.example\"";
    let plan = plan(&[target("t", &server.address, tls)]);
    let outcome = run_as(0, &plan, |stage| stage.command(&[]));
    let warning = "target `t`: any certificate is accepted (`insecure = true`)";
    assert!(outcome.stdout.contains(warning), "{}", outcome.stdout);
    assert!(outcome.report["warnings"].to_string().contains("insecure"));
}

#[test]
fn a_ca_file_is_seen_from_the_plans_folder_and_nothing_is_sent_without_it() {
    let server = Peer::serve(std::env::temp_dir().as_path(), &["--tls"]);
    let text = plan(&[target("t", &server.address, "ca = \"ca.pem\"")]);
    let run = |prepare: &dyn Fn(&Stage)| {
        let stage = Stage::new(&text);
        prepare(&stage);
        let since = Instant::now();
        let child = stage.start(&[]);
        stage.end(child, since)
    };
    let missing = run(&|_| {});
    assert_eq!(missing.code, Some(4), "{}", missing.stderr);
    assert!(
        missing.stderr.contains("error: target `t`: cannot read `ca.pem`"),
        "{}",
        missing.stderr
    );
    assert!(missing.results.is_none());
    let empty = run(&|stage| {
        std::fs::write(stage.folder.path().join("ca.pem"), "no certificate\n").unwrap();
    });
    assert_eq!(empty.code, Some(4), "{}", empty.stderr);
    assert!(empty.stderr.contains("cannot find a certificate in `ca.pem`"), "{}", empty.stderr);
    let found = run(&|stage| certificate(stage.folder.path(), "ca", false));
    assert_eq!(found.code, Some(1), "{}", found.stderr);
    assert_eq!(found.scenario("t").failures()["tls"], 10);
}
