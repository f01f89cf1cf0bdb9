//! A generator that gets too little of its processors says so: a quota of its control group, and
//! neighbours on the same processor.

use super::Lab;
use std::path::PathBuf;

/// A tenth of a processor.
const QUOTA_US: u32 = 10_000;
const PERIOD_US: u32 = 100_000;

/// A control group with a quota of processor time, of either version; it is removed at the end.
struct Group(PathBuf);

impl Group {
    fn new() -> Self {
        let name = format!("planrun-test-cpu-{}", std::process::id());
        let first = PathBuf::from("/sys/fs/cgroup/cpu");
        if first.is_dir() {
            let folder = first.join(name);
            std::fs::create_dir(&folder).expect("a control group takes root");
            std::fs::write(folder.join("cpu.cfs_period_us"), PERIOD_US.to_string()).unwrap();
            std::fs::write(folder.join("cpu.cfs_quota_us"), QUOTA_US.to_string()).unwrap();
            return Self(folder);
        }
        // Not everywhere is the controller on for those below.
        let _ = std::fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
        let folder = PathBuf::from("/sys/fs/cgroup").join(name);
        std::fs::create_dir(&folder).expect("a control group takes root");
        std::fs::write(folder.join("cpu.max"), format!("{QUOTA_US} {PERIOD_US}")).unwrap();
        Self(folder)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What ended may take a moment to be gone.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while std::fs::remove_dir(&self.0).is_err() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}

/// Users without a pause, as fast as they are answered.
const BUSY: &str = "name = \"busy\"\n[targets.t]\nbuiltin = \"http\"\n[scenarios.s]\nprotocol = \"http\"\n\
    stages = [{ users = 4, hold = \"8s\" }]\n[generator]\nworkers = 1\n";

#[test]
fn a_group_that_uses_up_its_quota_proves_nothing() {
    Lab::within(|lab| {
        let group = Group::new();
        let script = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", group.0.display());
        let ran = lab.run(&["sh", "-c", &script, "sh"], BUSY, &["--force"]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(ran.breaks("throttled"), "{}", ran.stdout);
        let throttled = ran.health("throttled");
        assert_eq!((&throttled["state"], &throttled["part"]), (&"violated".into(), &"hold".into()));
        assert!(throttled["measured"].as_f64() > Some(10.0), "{throttled}");
        assert!(ran.stdout.contains("raise the CPU limit of the container"), "{}", ran.stdout);
    });
}

#[test]
fn a_worker_that_shares_its_processor_is_worth_a_warning() {
    Lab::within(|lab| {
        // Its own server runs on the same processor, and two who never rest.
        let spin = "timeout 14 sh -c 'while :; do :; done' &";
        let script = format!("{spin} {spin} exec \"$@\"");
        let ran = lab.run(&["taskset", "-c", "0", "sh", "-c", &script, "sh"], BUSY, &[]);
        let waited = ran.health("cpu_wait");
        assert_eq!((&waited["state"], &waited["part"]), (&"warning".into(), &"hold".into()));
        assert!(!ran.breaks("cpu_wait"));
        assert!(ran.stdout.contains("waited for a processor"), "{}", ran.stdout);
        assert_eq!(ran.health("throttled")["measured"], 0.0);
    });
}
