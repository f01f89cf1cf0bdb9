//! A bridge with a controller, on which the broker and the target are, and hosts.

use crate::outcome::{Outcome, Stage, await_true, exe};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What the broker asks of everybody.
pub(super) const BROKER: &str = "nats://planrun:secret@10.77.0.1:4222";

/// The run's name at the broker.
pub(super) const RUN: &str = "lab";

static LABS: AtomicU32 = AtomicU32::new(0);

/// Namespaces that end with this, and all that runs in them.
pub(super) struct Lab {
    /// The controller's, and each host's.
    names: Vec<String>,
    running: Vec<Child>,
    broker: tempfile::TempDir,
    broker_pid: u32,
    /// The certificates that the broker is trusted by.
    pub(super) ca: Option<std::path::PathBuf>,
}

fn ip(arguments: &str) {
    let Output { status, stderr, .. } =
        Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    assert!(status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&stderr));
}

impl Lab {
    /// A controller at 10.77.0.1, and hosts from 10.77.0.2 on.
    pub(super) fn new(hosts: usize) -> Self {
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let name = |at: usize| format!("pr{}-{number}-{at}", std::process::id());
        let names: Vec<String> = (0..=hosts).map(name).collect();
        let mut lab = Self {
            names,
            running: Vec::new(),
            broker: tempfile::tempdir().unwrap(),
            broker_pid: 0,
            ca: None,
        };
        for (at, name) in lab.names.iter().enumerate() {
            ip(&format!("netns add {name}"));
            ip(&format!("-n {name} link set lo up"));
            if at == 0 {
                ip(&format!("-n {name} link add br0 type bridge"));
                ip(&format!("-n {name} addr add 10.77.0.1/24 dev br0"));
                ip(&format!("-n {name} link set br0 up"));
                continue;
            }
            let controller = &lab.names[0];
            ip(&format!("-n {controller} link add h{at} type veth peer name eth0 netns {name}"));
            ip(&format!("-n {controller} link set h{at} master br0 up"));
            ip(&format!("-n {name} addr add 10.77.0.{}/24 dev eth0", at + 1));
            ip(&format!("-n {name} link set eth0 up"));
        }
        lab.start_broker(&["--user", "planrun", "--pass", "secret"]);
        lab
    }

    /// A command inside a namespace: the controller's is 0.
    pub(super) fn inside(&self, at: usize, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[at]]).arg(program);
        command
    }

    fn start_broker(&mut self, options: &[&str]) {
        let mut command = self.inside(0, Path::new("nats-server"));
        if !options.contains(&"-c") {
            command.args(["-js", "-a", "10.77.0.1", "-p", "4222", "-sd"]).arg(self.broker.path());
        }
        let child = command.args(options).stderr(Stdio::null()).spawn().unwrap();
        self.broker_pid = child.id();
        self.running.push(child);
        let probe = || {
            let mut probe = self.inside(0, Path::new("bash"));
            probe.args(["-c", "exec 3<>/dev/tcp/10.77.0.1/4222"]).stderr(Stdio::null());
            probe.status().unwrap().success()
        };
        await_true("the broker", Duration::from_secs(10), probe);
    }

    /// Another broker in place of the first one.
    pub(super) fn restart_broker(&mut self, options: &[&str]) {
        self.kill_broker();
        self.start_broker(options);
    }

    /// Ends the broker without a warning.
    pub(super) fn kill_broker(&mut self) {
        let at = self.running.iter().position(|child| child.id() == self.broker_pid).unwrap();
        let mut broker = self.running.remove(at);
        broker.kill().unwrap();
        broker.wait().unwrap();
    }

    /// Starts it again, with what it had kept or without.
    pub(super) fn revive_broker(&mut self, keeps_its_data: bool) {
        if !keeps_its_data {
            self.broker = tempfile::tempdir().unwrap();
        }
        self.start_broker(&["--user", "planrun", "--pass", "secret"]);
    }

    /// Cuts the link of a host, from 1, or mends it.
    pub(super) fn link(&self, host: usize, state: &str) {
        ip(&format!("-n {} link set h{host} {state}", self.names[0]));
    }

    /// Connections that are open at the target on port 7000.
    pub(super) fn established(&self) -> usize {
        let mut sockets = self.inside(0, Path::new("ss"));
        let found = sockets.args(["-Htn", "state", "established", "sport = :7000"]).output();
        String::from_utf8(found.unwrap().stdout).unwrap().lines().count()
    }

    /// A target on the controller.
    pub(super) fn serve(&mut self, what: &[&str]) {
        let mut command = self.inside(0, exe());
        command.arg("serve").args(what).stdout(Stdio::null()).stderr(Stdio::null());
        self.running.push(command.spawn().unwrap());
    }

    /// An agent on a host, from 1.
    pub(super) fn agent(&self, host: usize, arguments: &[&str]) -> Child {
        let mut command = self.inside(host, exe());
        command.args(["agent", "--run", RUN, "--name", &format!("client{host}")]);
        command.args(arguments).env("PLANRUN_NATS", BROKER);
        command.envs(self.ca.iter().map(|ca| ("PLANRUN_NATS_CA", ca)));
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The coordinator, on the controller.
    pub(super) fn coordinator(&self, stage: &Stage, arguments: &[&str]) -> Child {
        let mut command = self.inside(0, exe());
        command.args("plan.toml --out out --progress lines --summary full".split(' '));
        command.args(arguments).env("PLANRUN_NATS", BROKER);
        command.envs(self.ca.iter().map(|ca| ("PLANRUN_NATS_CA", ca)));
        stage.prepare(&mut command);
        command.spawn().unwrap()
    }

    /// A run on as many hosts as there are, whose agents the coordinator starts by itself.
    pub(super) fn run(&self, plan: &str, arguments: &[&str]) -> Outcome {
        self.run_stage(Stage::new(plan), arguments)
    }

    /// The same of a plan beside other files.
    pub(super) fn run_stage(&self, stage: Stage, arguments: &[&str]) -> Outcome {
        let since = Instant::now();
        let own = self.own_agents();
        let own = own.each_ref().map(String::as_str);
        let child = self.coordinator(&stage, &[&own, arguments].concat());
        stage.end(child, since)
    }

    /// The options by which a coordinator starts an agent on every host.
    pub(super) fn own_agents(&self) -> [String; 6] {
        let hosts = (self.names.len() - 1).to_string();
        let prefix = self.names[0].trim_end_matches('0');
        let launch = format!("exec:exec ip netns exec {prefix}$(({{slot}} + 1)) {{agent}}");
        let [hosts_flag, run, launch_flag] = ["--hosts", "--run", "--launch"].map(str::to_owned);
        [hosts_flag, hosts, run, RUN.to_owned(), launch_flag, launch]
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}
