use super::*;

fn host(files: &[(&str, &str)]) -> Environment {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Environment::read_below(root.path())
}

#[test]
fn what_can_be_read_is_there() {
    let environment = host(&[
        ("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n"),
        (
            "proc/cmdline",
            "root=/dev/disk7 mitigations=off key=s3cret nosmt quiet -- preempt=full\n",
        ),
        ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
        (
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: Fast 9000\nflags\t\t: fpu hypervisor\n\nprocessor\t: 1\n",
        ),
        (
            "proc/meminfo",
            "MemTotal:       1024 kB\nMemAvailable:    512 kB\nSwapTotal:         0 kB\n",
        ),
        ("proc/loadavg", "0.50 1.25 2.00 1/234 5678\n"),
        ("proc/self/cgroup", "0::/user.slice\n"),
        ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
        ("sys/fs/cgroup/cpu.max", "200000 100000\n"),
        ("sys/devices/system/cpu/smt/active", "1\n"),
        ("sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n"),
        ("sys/devices/system/cpu/vulnerabilities/retbleed", "Mitigation: IBRS\n"),
        ("etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
    ]);
    assert_eq!(environment.kernel.release.as_deref(), Some("6.1.0-18-amd64"));
    assert_eq!(environment.kernel.cmdline.as_deref(), Some("mitigations=off nosmt"));
    assert_eq!(environment.kernel.system.as_deref(), Some("Debian GNU/Linux 12"));
    assert_eq!(environment.sysctl["net.ipv4.ip_local_port_range"], "32768 60999");
    assert_eq!(environment.cpu.model.as_deref(), Some("Fast 9000"));
    assert_eq!((environment.cpu.online, environment.cpu.hypervisor), (Some(2), Some(true)));
    let memory = Memory {
        total_bytes: Some(1_048_576),
        available_bytes: Some(524_288),
        swap_bytes: Some(0),
    };
    assert_eq!(environment.memory, memory);
    assert_eq!(environment.load_average, Some([0.5, 1.25, 2.0]));
    assert_eq!(environment.cgroup["memory.max"], "max");
    assert_eq!(environment.cpu.smt, Some(true));
    let mitigations = [("retbleed".to_owned(), "Mitigation: IBRS".to_owned())];
    assert_eq!(environment.cpu.mitigations, mitigations.into());
    assert_eq!(environment.cgroup["cpu.max"], "200000 100000");
}

#[test]
fn what_cannot_be_read_is_absent() {
    let environment = host(&[("proc/loadavg", "nonsense"), ("proc/meminfo", "MemTotal: many\n")]);
    let json = serde_json::to_value(&environment).unwrap();
    assert_eq!(json["memory"], serde_json::json!({}));
    assert_eq!(json["kernel"], serde_json::json!({ "architecture": std::env::consts::ARCH }));
    for absent in ["load_average", "cgroup"] {
        assert!(json.get(absent).is_none(), "{absent}: {json}");
    }
}

#[test]
fn this_host_has_a_kernel_and_a_limit_on_files() {
    let environment = Environment::read();
    assert!(environment.kernel.release.is_some());
    let program = &environment.program;
    assert!(program.sha256.as_ref().is_some_and(|digest| digest.len() == 64), "{program:?}");
    assert!(program.rustc.is_some_and(|version| version.starts_with("rustc 1.")), "{program:?}");
    assert!(program.target.is_some_and(|target| target.contains("linux")), "{program:?}");
    assert!(environment.rlimits["nofile"].soft.is_some_and(|limit| limit > 0));
    assert!(environment.cpu.usable.is_some_and(|count| count > 0));
}

#[test]
fn nothing_private_is_in_it() {
    let json = serde_json::to_string(&Environment::read()).unwrap();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim();
    assert!(host.len() < 4 || !json.contains(host), "{host}: {json}");
    for (name, value) in std::env::vars() {
        // A version or a path of the system may stand in both.
        let own = ["RUST", "CARGO", "PLANRUN"].iter().any(|prefix| name.starts_with(prefix));
        assert!(own || value.len() < 12 || !json.contains(&value), "{name}");
    }
}
