//! A cause is shown on screen once, while the run goes on.

use super::causes::{Served, generator, hold};
use super::{Lab, sysctl};

#[test]
fn a_cause_is_told_once_while_the_run_goes_on() {
    Lab::within(|lab| {
        let server = Served::start(&[], &[]);
        sysctl("net.ipv4.ip_local_port_range", "10000 10149");
        let stage = "users = 200, spawn_rate = \"400/s\", hold = \"3s\"";
        let plan = generator(
            &hold(&server.target(), "close = \"rst\"", stage),
            "source_addresses = [\"127.0.0.1\"]",
        );
        let ran = lab.run(&[], &plan, &["--force", "--progress", "lines"]);
        let causes: Vec<&str> =
            ran.stderr.lines().filter(|line| line.contains(" cause ")).collect();
        let [line] = causes[..] else { panic!("{}", ran.stderr) };
        let words = "cause     hold: generator: the source ports of 127.0.0.1 -> 127.0.0.1:";
        assert!(line[8..].starts_with(words), "{line}");
        assert!(line.contains("ran out; fix: sysctl -w net.ipv4.ip_local_port_range"), "{line}");
        assert!(line.ends_with("or more target addresses"), "{line}");
        let (before, after) = ran.stderr.split_once(line).unwrap();
        assert!(before.contains(" failure "), "{}", ran.stderr);
        assert!(after.contains(" is over"), "it is told while the level is held: {}", ran.stderr);

        let ran = lab.run(&[], &plan, &["--force", "--progress", "json"]);
        let object = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let objects: Vec<_> =
            ran.stderr.lines().filter(|one| one.starts_with('{')).map(object).collect();
        let causes: Vec<_> = objects.iter().filter(|one| one["event"] == "cause").collect();
        assert_eq!(causes.len(), 1, "{}", ran.stderr);
        let word = |key: &str| causes[0][key].as_str().unwrap();
        assert_eq!((word("root_cause"), word("side")), ("source_ports", "generator"));
    });
}
