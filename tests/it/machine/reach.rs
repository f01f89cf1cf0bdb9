//! How many connections are possible: predicted, and reached by a run that goes on all the same.

use super::{Lab, assert_near, sysctl};

/// Holds this many connections from one source to a built-in server.
fn hold(users: u64, generator: &str) -> String {
    format!(
        "name = \"reach\"\n[targets.t]\nbuiltin = \"tcp-hold\"\n[scenarios.hold]\nprotocol = \"tcp-hold\"\nexpect = \"ok\"\n\
         stages = [{{ users = {users}, spawn_rate = \"5000/s\", hold = \"500ms\" }}]\n[generator]\n{generator}\n"
    )
}

#[test]
fn source_ports_are_predicted() {
    Lab::within(|lab| {
        sysctl("net.ipv4.ip_local_port_range", "40000 41999");
        let plan = hold(3_000, "source_addresses = [\"127.0.0.1\"]");
        let (code, doctor) = lab.doctor(&[], &plan);
        assert_eq!(code, 4);
        assert_eq!(doctor["reach"]["limited_by"], "source_ports");
        let predicted = doctor["reach"]["connections"].as_u64().unwrap();
        assert_eq!(predicted, 2_000);

        let refused = lab.run(&[], &plan, &[]);
        assert_eq!(refused.code, 4, "{}", refused.stderr);
        assert!(refused.report.is_null(), "nothing was sent");
        assert!(refused.stderr.contains("source ports of a tuple"), "{}", refused.stderr);
        assert!(refused.stderr.contains("net.ipv4.ip_local_port_range"), "{}", refused.stderr);

        let forced = lab.run(&[], &plan, &["--force"]);
        assert_near(forced.counter("connect.ok"), predicted);
        assert_eq!(forced.code, 3, "a generator without ports proves nothing");
    });
}

#[test]
fn ports_of_closed_connections_are_predicted() {
    Lab::within(|lab| {
        sysctl("net.ipv4.ip_local_port_range", "40000 40199");
        let plan = "name = \"rest\"\n[targets.t]\nbuiltin = \"http\"\n[scenarios.s]\nprotocol = \"http\"\n\
             think_time = \"100ms\"\nconnection = { max_requests = 2 }\nstages = [{ users = 10, hold = \"6s\" }]\n\
             [generator]\nworkers = 1\nsource_addresses = [\"127.0.0.1\"]\n";
        let at_rest = || {
            let (_, doctor) = lab.doctor(&[], plan);
            let checks = doctor["rows"].as_array().unwrap();
            checks.iter().find(|row| row["check"] == "ports_at_rest").unwrap().clone()
        };
        sysctl("net.ipv4.tcp_tw_reuse", "0");
        let row = at_rest();
        // 50 a second for six seconds, and ten users.
        assert_eq!((&row["needed"], &row["fitness"]), (&310.into(), &"warn".into()), "{row}");
        let ran = lab.run(&[], plan, &[]);
        assert_eq!(ran.code, 3, "a generator without ports proves nothing: {}", ran.stdout);
        assert_near(ran.counter("connect.ok"), 200);
        let at = |words: &str| ran.stdout.find(words).unwrap_or_else(|| panic!("{}", ran.stdout));
        let causes = at("Causes, as far as an INVALID run can tell");
        assert!(at("Why INVALID") < causes && causes < at("sysctl -w net.ipv4.tcp_tw_reuse=1"));

        sysctl("net.ipv4.tcp_tw_reuse", "1");
        let row = at_rest();
        assert_eq!((&row["needed"], &row["fitness"]), (&60.into(), &"ok".into()), "{row}");
        // Those that the first run left behind are older than a second, too.
        std::thread::sleep(std::time::Duration::from_secs(1));
        let ran = lab.run(&[], plan, &[]);
        assert_eq!(ran.counter("connect.failed.local"), 0, "{}", ran.stdout);
        assert!(ran.counter("connect.ok") > 220, "{}", ran.stdout);
    });
}

#[test]
fn reserved_and_listening_ports_are_counted_out() {
    Lab::within(|lab| {
        sysctl("net.ipv4.ip_local_port_range", "40000 40999");
        sysctl("net.ipv4.ip_local_reserved_ports", "40000-40299");
        let listeners: Vec<_> = (40_400..40_500)
            .map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).unwrap())
            .collect();
        let plan = hold(1_000, "source_addresses = [\"127.0.0.1\"]");
        let (_, doctor) = lab.doctor(&[], &plan);
        let predicted = doctor["reach"]["connections"].as_u64().unwrap();
        assert_eq!(predicted, 600);
        assert_near(lab.run(&[], &plan, &["--force"]).counter("connect.ok"), predicted);
        drop(listeners);
    });
}

#[test]
fn several_sources_reach_what_one_does_not() {
    Lab::within(|lab| {
        sysctl("net.ipv4.ip_local_port_range", "40000 40499");
        let plan = hold(1_500, "");
        let (code, doctor) = lab.doctor(&[], &plan);
        assert_eq!(code, 0, "{doctor}");
        let ran = lab.run(&[], &plan, &[]);
        assert_eq!(ran.counter("connect.ok"), 1_500, "loopback takes the sources that it needs");
        assert_eq!(ran.code, 0);
    });
}

#[test]
fn descriptors_of_a_process_are_predicted() {
    Lab::within(|lab| {
        let limit = ["prlimit", "--nofile=4000:4000"];
        let plan = hold(4_500, "workers = 1");
        let (code, doctor) = lab.doctor(&limit, &plan);
        assert_eq!(code, 4);
        assert_eq!(doctor["reach"]["limited_by"], "process_files");
        let predicted = doctor["reach"]["connections"].as_u64().unwrap();
        assert_near(lab.run(&limit, &plan, &["--force"]).counter("connect.ok"), predicted);
    });
}

#[test]
fn more_workers_carry_a_run_past_the_descriptors_of_one() {
    Lab::within(|lab| {
        let limit = ["prlimit", "--nofile=1000:1000"];
        let plan = hold(3_000, "");
        assert_eq!(lab.doctor(&limit, &plan).0, 0);
        let ran = lab.run(&limit, &plan, &[]);
        assert_eq!((ran.code, ran.counter("connect.ok")), (0, 3_000), "{}", ran.stderr);
    });
}
