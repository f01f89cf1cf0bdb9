//! The memory of a control group: predicted, and met within 2 % on either side.

use super::{Lab, Ran};
use planrun::machine::{CgroupMemory, Counters, Evidence, HostRoot, MachineLimits, diagnose};
use planrun::record::{RootCause, Side};
use std::path::PathBuf;

/// Holds as many connections as to make what every process takes by itself a small part.
const LIMIT: u64 = 300 << 20;

/// A control group with a limit on memory, of either version; it is removed at the end.
struct Group {
    folder: PathBuf,
    limit: &'static str,
    events: &'static str,
}

impl Group {
    fn new() -> Self {
        let name = format!("planrun-test-{}", std::process::id());
        let first = PathBuf::from("/sys/fs/cgroup/memory");
        let group = if first.is_dir() {
            Self {
                folder: first.join(name),
                limit: "memory.limit_in_bytes",
                events: "memory.oom_control",
            }
        } else {
            // Not everywhere is the controller on for those below.
            let _ = std::fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
            let folder = PathBuf::from("/sys/fs/cgroup").join(name);
            Self { folder, limit: "memory.max", events: "memory.events" }
        };
        std::fs::create_dir(&group.folder).expect("a control group takes root");
        std::fs::write(group.folder.join(group.limit), LIMIT.to_string()).unwrap();
        group
    }

    /// The command that goes into the group and becomes another.
    fn enter(&self) -> [String; 4] {
        let script = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", self.folder.display());
        ["sh".into(), "-c".into(), script, "sh".into()]
    }

    /// How many processes the kernel has killed for want of memory.
    fn kills(&self) -> u64 {
        let text = std::fs::read_to_string(self.folder.join(self.events)).unwrap();
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.expect("the kernel counts kills").trim().parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What was killed may take a moment to be gone.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while std::fs::remove_dir(&self.folder).is_err() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}

fn plan(users: u64) -> String {
    format!(
        "name = \"group\"\n[targets.t]\nbuiltin = \"tcp-hold\"\n[scenarios.hold]\nprotocol = \"tcp-hold\"\nexpect = \"ok\"\nclose = \"rst\"\n\
         stages = [{{ users = {users}, spawn_rate = \"12000/s\", hold = \"3s\" }}]\n"
    )
}

#[test]
fn memory_of_a_group_is_predicted() {
    Lab::within(|lab| {
        let group = Group::new();
        let enter = group.enter();
        let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
        let (code, doctor) = lab.doctor(&enter, &plan(100_000));
        assert_eq!((code, &doctor["reach"]["limited_by"]), (4, &"cgroup_memory".into()));
        let predicted = doctor["reach"]["connections"].as_u64().unwrap();
        let run = |users: u64| -> Ran { lab.run(&enter, &plan(users), &["--force"]) };

        let below = predicted * 98 / 100;
        let fits = run(below);
        // On a busy machine it may be late, but it has them all.
        assert_eq!((fits.counter("connect.ok"), group.kills()), (below, 0), "{}", fits.stderr);

        let above = predicted * 102 / 100;
        let counters = Counters::read(&HostRoot::default());
        let killed = run(above);
        assert_ne!(
            killed.code, 0,
            "{above} should not fit: {}",
            killed.report["scenarios"][0]["counters"]
        );
        assert!(group.kills() > 0, "{}", killed.stderr);

        let limits = MachineLimits {
            cgroup: Some(CgroupMemory { file: "memory.max".into(), limit: LIMIT, used: 0 }),
            ..MachineLimits::read_at(&HostRoot::default())
        };
        let diagnoses = diagnose(&Evidence {
            wanted: above,
            reached: predicted,
            opened: predicted,
            verified: predicted,
            failures: &[],
            deaths: &[],
            killed: 1,
            deltas: &Counters::read(&HostRoot::default()).since(&counters),
            limits: &limits,
            route: "127.0.0.1 -> t",
            target_here: true,
            protocol: None,
            over_unix: false,
        });
        assert_eq!(
            (diagnoses[0].root_cause, diagnoses[0].side),
            (RootCause::CgroupMemory, Side::Generator)
        );
    });
}
