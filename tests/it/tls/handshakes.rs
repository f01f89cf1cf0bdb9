//! Runs against the built-in server, whose certificate the run trusts by itself.

use crate::outcome::run;

#[test]
fn five_hundred_are_held_with_heartbeats_both_ways() {
    let plan = r#"
name = "tls"
[targets]
beats = { builtin = "tcp-hold", tls = {} }
answers = { builtin = "tcp-hold", tls = {} }
[scenarios.beats]
protocol = "tcp-hold"
target = "beats"
expect = "tick"
greeting = "5s"
heartbeat = { from = "server", every = "1500ms", grace = "5s" }
stages = [{ users = 250, spawn_rate = "80/s", hold = "3500ms" }]
thresholds = ["success_ratio == 100%", "heartbeat.success_ratio == 100%", "tls.time.max < 5s"]
[scenarios.answers]
protocol = "tcp-hold"
target = "answers"
expect = "ok"
heartbeat = { from = "client", send = "ping", every = "1500ms", timeout = "1500ms" }
close = "rst"
stages = [{ users = 250, spawn_rate = "80/s", hold = "3500ms" }]
thresholds = ["success_ratio == 100%", "heartbeat.success_ratio == 100%"]
"#;
    let outcome = run(0, plan, &[]);
    for name in ["beats", "answers"] {
        let facts = outcome.scenario(name);
        assert_eq!(facts.counters(["ok", "connect.ok", "verified"]), [250; 3], "{name}");
        assert!(facts.counter("heartbeat.received") >= 2 * 250, "{name}");
        for time in ["tls.time", "connect.time", "first_message"] {
            assert_eq!(facts.samples(time), 250, "{name} {time}");
        }
        let server = outcome.server(name);
        for (counter, count) in [("accepted", 250), ("secured", 250), ("tls_failed", 0)] {
            assert_eq!(server[counter], count, "{name} {counter}: {server:?}");
        }
    }
    assert_eq!(outcome.server("beats")["closed_by_client"], 250);
    assert_eq!(outcome.server("answers")["reset_by_client"], 250);
    assert!(outcome.file("summary.csv").lines().next().unwrap().contains("tls.time"));
}

#[test]
fn a_level_may_fall_and_several_processes_serve_with_a_certificate_each() {
    let plan = r#"
name = "tls"
targets.t = { builtin = "tcp-hold", tls = {} }
[generator]
workers = 2
[scenarios.s]
protocol = "tcp-hold"
expect = "ok"
greeting = "5s"
stages = [{ users = 130, hold = "200ms" }, { users = 40, ramp = "300ms", hold = "200ms" }]
thresholds = ["success_ratio == 100%"]
"#;
    // A server process has descriptors for 100 connections, this side for more.
    let outcome = crate::outcome::run_as(0, plan, |stage| {
        let mut command = std::process::Command::new("sh");
        let line = "ulimit -n 164; exec \"$0\" plan.toml --out out --progress lines --force";
        command.args(["-c", line]).arg(crate::outcome::exe());
        command
            .current_dir(stage.folder.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command
    });
    assert_eq!(outcome.scenario("s").counters(["ok", "connect.ok"]), [130; 2]);
    assert_eq!(outcome.server("t")["secured"], 130);
}

#[test]
fn faults_are_told_as_without_tls_and_a_silent_server_never_shakes_hands() {
    let tables = [
        ("reset_after", "reset_after = \"800ms\""),
        ("reset_after_bytes", "reset_after_bytes = 2"),
        ("silence", "silence = true"),
        ("wrong_data", "wrong_data = true"),
        ("close_after", "close_after = \"800ms\""),
    ];
    let tables = tables.map(|(name, fault)| {
        format!(
            "[targets.{name}]\nbuiltin = \"tcp-hold\"\ntls = {{}}\nfaults = {{ {fault} }}\n\
             [scenarios.{name}]\nprotocol = \"tcp-hold\"\ntarget = \"{name}\"\nexpect = \"ok\"\n\
             greeting = \"2s\"\nconnect_timeout = \"2s\"\n\
             stages = [{{ users = 20, spawn_rate = \"50/s\", hold = \"2500ms\" }}]\nthresholds = []\n"
        )
    });
    let outcome = run(0, &format!("name = \"faults\"\n{}", tables.concat()), &[]);
    for (scenario, failure, origin, phase) in [
        ("reset_after", "reset", "network", "hold"),
        ("reset_after_bytes", "reset", "network", "hold"),
        ("silence", "connect_timeout", "network", "tls"),
        ("wrong_data", "wrong_data", "application", "hold"),
        ("close_after", "closed_by_server", "protocol", "hold"),
    ] {
        let facts = outcome.scenario(scenario);
        assert_eq!(facts.only_failure(), (failure, origin, phase, 20), "{scenario}");
    }
    assert_eq!(outcome.server("silence")["secured"], 0);
    assert_eq!(outcome.server("close_after")["closed_by_us"], 20);
}
