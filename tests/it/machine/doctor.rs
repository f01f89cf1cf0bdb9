//! What `planrun doctor` says and how it ends.

use super::{Lab, planrun, sysctl};
use planrun::machine::{Resource, conntrack_live};
use planrun::serve::processes_for;

const PLAN: &str = "name = \"few\"\n[targets.t]\nbuiltin = \"tcp-hold\"\n[scenarios.hold]\nprotocol = \"tcp-hold\"\n\
    stages = [{ users = 100, spawn_rate = \"100/s\", hold = \"1s\" }]\n";

#[test]
fn a_plan_that_fits_is_said_to() {
    Lab::within(|lab| {
        let (code, doctor) = lab.doctor(&[], PLAN);
        assert_eq!((code, &doctor["fit"]), (0, &true.into()));
        let rows = doctor["rows"].as_array().unwrap();
        let checks: Vec<&str> = rows.iter().map(|row| row["check"].as_str().unwrap()).collect();
        assert_eq!(checks, Resource::ALL.iter().map(|check| check.key()).collect::<Vec<_>>());
        assert_eq!(doctor["needs"]["connections"], 100);
        assert!(doctor["advice"].as_array().unwrap().len() > 20);
    });
}

#[test]
fn a_wrong_plan_is_wrong_here_too() {
    Lab::within(|lab| {
        let path = lab.plan("name = 5\n");
        let output = planrun(&[], &["doctor", super::path(&path)]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
    });
}

#[test]
fn overrides_change_what_is_needed() {
    Lab::within(|lab| {
        let path = lab.plan(PLAN);
        let output = planrun(&[], &["doctor", super::path(&path), "--scale", "1000%", "--json"]);
        let doctor: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(doctor["needs"]["connections"], 1_000);
    });
}

#[test]
fn a_machine_without_a_plan_says_how_far_it_goes() {
    Lab::within(|_| {
        sysctl("net.ipv4.ip_local_port_range", "40000 40999");
        let output = planrun(&[], &["doctor"]);
        assert_eq!(output.status.code(), Some(0));
        let page = String::from_utf8(output.stdout).unwrap();
        assert!(
            page.contains(
                "from one source to one address:  1,000 connections (source ports of a tuple)"
            ),
            "{page}"
        );
        assert!(page.contains("net.ipv4.tcp_tw_recycle"), "{page}");
    });
}

#[test]
fn a_namespace_does_not_show_the_machine_s_backlog() {
    Lab::within(|lab| {
        let (_, doctor) = lab.doctor(&[], PLAN);
        let rows = doctor["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["check"] == "netdev_backlog").unwrap();
        assert_eq!(row["fitness"], "not available");
        assert!(row["have"].is_null());
    });
}

#[test]
fn tracking_is_probed_and_not_guessed() {
    Lab::within(|lab| {
        assert_eq!(conntrack_live(), Some(false), "the module alone tracks nothing");
        lab.nft(
            "table ip t { chain c { type filter hook input priority 0; ct state new accept; }; }",
        );
        assert_eq!(conntrack_live(), Some(true));
    });
}

#[test]
fn processes_of_servers_are_counted_as_the_servers_count_them() {
    use planrun::machine::{MachineLimits, both_ends_here, servers};
    for open_files in [200, 1_000, 4_096, 20_000, 65_536, 1_048_576, 3_000_000] {
        let limits = MachineLimits { open_files: Some(open_files), ..MachineLimits::default() };
        let expected = processes_for(1_000_000, open_files);
        assert_eq!(u64::from(servers(0, &both_ends_here(), &limits)), expected, "{open_files}");
    }
}
