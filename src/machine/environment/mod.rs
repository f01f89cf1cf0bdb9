//! Records the properties of the host at the start of a run, so that figures can be judged and
//! compared later.
//!
//! **Invariant:** what cannot be read is absent; nothing here fails and nothing is guessed.

#![expect(clippy::disallowed_methods, reason = "what a machine is stands in /proc and /sys")]

mod program;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
pub use program::Program;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Kernel parameters that matter to many connections, by their names for `sysctl`.
const SYSCTLS: [&str; 29] = [
    "fs.epoll.max_user_watches",
    "fs.file-max",
    "fs.file-nr",
    "fs.nr_open",
    "kernel.pid_max",
    "kernel.threads-max",
    "net.core.netdev_max_backlog",
    "net.core.optmem_max",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_max",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_wmem",
    "net.netfilter.nf_conntrack_count",
    "net.netfilter.nf_conntrack_max",
    "vm.max_map_count",
    "vm.overcommit_memory",
];

/// Parameters of the kernel's command line that move figures. The others may name hosts, disks or
/// secrets, and stay out of results.
const BOOT_PARAMETERS: [&str; 24] = [
    "amd_pstate",
    "clocksource",
    "cpuidle.off",
    "default_hugepagesz",
    "hugepages",
    "hugepagesz",
    "idle",
    "intel_idle.max_cstate",
    "intel_pstate",
    "isolcpus",
    "maxcpus",
    "mem",
    "mitigations",
    "nmi_watchdog",
    "nohz",
    "nohz_full",
    "nosmt",
    "numa_balancing",
    "preempt",
    "processor.max_cstate",
    "psi",
    "rcu_nocbs",
    "transparent_hugepage",
    "tsc",
];

const RESOURCES: [(&str, Resource); 6] = [
    ("nofile", Resource::RLIMIT_NOFILE),
    ("nproc", Resource::RLIMIT_NPROC),
    ("memlock", Resource::RLIMIT_MEMLOCK),
    ("stack", Resource::RLIMIT_STACK),
    ("as", Resource::RLIMIT_AS),
    ("fsize", Resource::RLIMIT_FSIZE),
];

/// The host at the start of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "planrun.environment/1")]
pub struct Environment {
    /// The format and its version.
    #[schemars(extend("const" = "planrun.environment/1"))]
    pub schema: &'static str,
    /// The program's version.
    pub planrun: String,
    /// The commit that the program was built from, where the build knew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planrun_commit: Option<&'static str>,
    /// How the program was built: `release` or `debug`.
    pub build: &'static str,
    /// The sources and tools that the program was built from.
    pub program: Program,
    /// The system.
    pub kernel: Kernel,
    /// The processors.
    pub cpu: Cpu,
    /// The memory.
    pub memory: Memory,
    /// The limits of the control group; empty outside of one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cgroup: BTreeMap<String, String>,
    /// Soft and hard limits of this process.
    pub rlimits: BTreeMap<&'static str, Limit>,
    /// Kernel parameters, as they are written there.
    pub sysctl: BTreeMap<&'static str, String>,
    /// Load averages of 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
}

/// The system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Kernel {
    /// `6.1.0-18-amd64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// `#1 SMP PREEMPT_DYNAMIC …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `x86_64`.
    pub architecture: &'static str,
    /// The distribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The kernel parameters that affect figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// `tsc`, `kvm-clock`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clocksource: Option<String>,
    /// Transparent huge pages, as the kernel shows it: `always [madvise] never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transparent_hugepage: Option<String>,
}

/// The processors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Cpu {
    /// The model's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Processors that are online.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<u64>,
    /// Processors that this process may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable: Option<usize>,
    /// Whether a hypervisor is below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<bool>,
    /// The frequency governor of the first processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// The hypervisor, if known: `kvm`, `xen`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypervisor_type: Option<String>,
    /// The revision of the first processor's microcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub microcode: Option<String>,
    /// Whether cores run two threads at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smt: Option<bool>,
    /// Mitigations by the name of the flaw, those apart that do not concern this processor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mitigations: BTreeMap<String, String>,
}

/// The memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are keys of a file, with their unit")]
pub struct Memory {
    /// All of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    /// The memory available for new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_bytes: Option<u64>,
    /// Swap space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_bytes: Option<u64>,
}

/// A limit of this process; absent means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct Limit {
    /// The current value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft: Option<u64>,
    /// How far it can be raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard: Option<u64>,
}

impl Environment {
    /// The properties of this host now.
    pub fn read() -> Self {
        let rlimits = RESOURCES.into_iter().filter_map(|(name, resource)| {
            let (soft, hard) = getrlimit(resource).ok()?;
            let finite = |value| (value != RLIM_INFINITY).then_some(value);
            Some((name, Limit { soft: finite(soft), hard: finite(hard) }))
        });
        let usable = std::thread::available_parallelism().ok().map(std::num::NonZero::get);
        let mut environment = Self::read_below(Path::new("/"));
        environment.cpu.usable = usable;
        environment.rlimits = rlimits.collect();
        environment.program = Program::this();
        environment
    }

    /// The JSON Schema (draft 2020-12) of `environment.json`.
    pub fn schema() -> serde_json::Value {
        crate::units::schema::written::<Self>()
    }

    /// The properties according to the files below `root`.
    fn read_below(root: &Path) -> Self {
        let host = HostFiles { root };
        let sysctl = |name: &'static str| {
            let path = format!("proc/sys/{}", name.replace('.', "/"));
            host.line(&path).map(|value| (name, value))
        };
        Self {
            schema: "planrun.environment/1",
            planrun: env!("CARGO_PKG_VERSION").to_owned(),
            planrun_commit: option_env!("PLANRUN_COMMIT"),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            program: Program::default(),
            kernel: host.kernel(),
            cpu: host.cpu(),
            memory: host.memory(),
            cgroup: host.cgroup(),
            rlimits: BTreeMap::new(),
            sysctl: SYSCTLS.into_iter().filter_map(sysctl).collect(),
            load_average: host.load_average(),
        }
    }
}

/// The file tree of a host.
struct HostFiles<'a> {
    root: &'a Path,
}

impl HostFiles<'_> {
    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    /// A file with one value, with runs of blanks made single.
    fn line(&self, path: &str) -> Option<String> {
        let text = self.text(path)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    fn kernel(&self) -> Kernel {
        let system = self.text("etc/os-release").and_then(|text| {
            let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(name.trim_matches('"').to_owned())
        });
        Kernel {
            release: self.line("proc/sys/kernel/osrelease"),
            version: self.line("proc/sys/kernel/version"),
            architecture: std::env::consts::ARCH,
            system,
            cmdline: self.line("proc/cmdline").map(|line| boot_parameters(&line)),
            clocksource: self
                .line("sys/devices/system/clocksource/clocksource0/current_clocksource"),
            transparent_hugepage: self.line("sys/kernel/mm/transparent_hugepage/enabled"),
        }
    }

    fn cpu(&self) -> Cpu {
        let text = self.text("proc/cpuinfo");
        let field = |wanted: &str| {
            text.as_deref()?.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                (name.trim() == wanted).then(|| value.trim().to_owned())
            })
        };
        let count = |text: &String| {
            text.lines().filter(|line| line.starts_with("processor")).count() as u64
        };
        Cpu {
            model: field("model name"),
            online: text.as_ref().map(count).filter(|count| *count > 0),
            usable: None,
            hypervisor: field("flags")
                .map(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            governor: self.line("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            hypervisor_type: self.line("sys/hypervisor/type"),
            microcode: field("microcode"),
            smt: self.line("sys/devices/system/cpu/smt/active").map(|active| active == "1"),
            mitigations: self.mitigations(),
        }
    }

    fn mitigations(&self) -> BTreeMap<String, String> {
        let folder = self.root.join("sys/devices/system/cpu/vulnerabilities");
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let known = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let state = fs::read_to_string(entry.path()).ok()?.trim().to_owned();
            (state != "Not affected").then_some((name, state))
        });
        known.collect()
    }

    fn memory(&self) -> Memory {
        let text = self.text("proc/meminfo").unwrap_or_default();
        let field = |wanted: &str| {
            let value =
                text.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':'))?;
            value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
        };
        Memory {
            total_bytes: field("MemTotal"),
            available_bytes: field("MemAvailable"),
            swap_bytes: field("SwapTotal"),
        }
    }

    /// The limits of the nearest control group that sets any: version 2 in its own folder, version
    /// 1 by controller.
    fn cgroup(&self) -> BTreeMap<String, String> {
        const LIMITS: [(&str, &str); 8] = [
            ("", "memory.max"),
            ("", "memory.high"),
            ("", "cpu.max"),
            ("", "pids.max"),
            ("memory", "memory.limit_in_bytes"),
            ("cpu", "cpu.cfs_quota_us"),
            ("cpu", "cpu.cfs_period_us"),
            ("pids", "pids.max"),
        ];
        let mut found = BTreeMap::new();
        for line in self.text("proc/self/cgroup").unwrap_or_default().lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
            for (controller, file) in LIMITS {
                if controllers.split(',').any(|one| one == controller)
                    && let Some(value) = self.nearest(controller, group, file)
                {
                    found.insert(file.to_owned(), value);
                }
            }
        }
        found
    }

    /// In a container the group's own path may lie outside of what is mounted: then the mount's
    /// root is the group.
    fn nearest(&self, controller: &str, group: &str, file: &str) -> Option<String> {
        let mount = PathBuf::from("sys/fs/cgroup").join(controller);
        let inside = mount.join(group.trim_start_matches('/')).join(file);
        self.line(&inside.to_string_lossy())
            .or_else(|| self.line(&mount.join(file).to_string_lossy()))
    }

    fn load_average(&self) -> Option<[f64; 3]> {
        let line = self.line("proc/loadavg")?;
        let mut values = line.split(' ').map_while(|word| word.parse::<f64>().ok());
        Some([values.next()?, values.next()?, values.next()?])
    }
}

/// The kernel parameters that are kept; those after `--` are not the kernel's.
fn boot_parameters(line: &str) -> String {
    let words = line.split(' ').take_while(|word| *word != "--");
    let kept = words.filter(|word| {
        let name = word.split('=').next().unwrap_or_default();
        BOOT_PARAMETERS.contains(&name)
    });
    kept.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
