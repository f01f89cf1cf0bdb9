use super::*;

fn host() -> (tempfile::TempDir, HostRoot) {
    let folder = tempfile::tempdir().expect("make a folder");
    let host = HostRoot::at(folder.path());
    (folder, host)
}

fn write(root: &std::path::Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("make a folder");
    std::fs::write(path, text).expect("write a file");
}

fn ports(first: u16, last: u16) -> Ports {
    Ports { first, last, reserved: Vec::new(), listening: Vec::new() }
}

#[test]
fn an_empty_tree_has_no_limits_that_are_known() {
    let (_folder, host) = host();
    assert_eq!(MachineLimits::read_at(&host), MachineLimits::default());
}

#[test]
fn the_system_files_are_read() {
    let (folder, host) = host();
    let put = |path: &str, text: &str| write(folder.path(), path, text);
    put("proc/sys/fs/nr_open", "1048576\n");
    put("proc/sys/fs/file-nr", "522\t2\t2466170\n");
    put("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    put("proc/sys/net/ipv4/tcp_mem", "287898\t383867\t575796\n");
    put("proc/sys/net/ipv4/tcp_ehash_entries", "-262144\n");
    put("proc/sys/net/netfilter/nf_conntrack_count", "7\n");
    put("proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
    put("proc/meminfo", "MemTotal:  1000 kB\nMemFree: 5 kB\nMemAvailable:    900 kB\n");
    put("proc/self/status", "Name: x\nCapEff:\t000001fffeffffff\nCpus_allowed_list:\t0-3,8\n");
    put(
        "proc/thread-self/net/sockstat",
        "sockets: used 14\nTCP: inuse 1 orphan 0 tw 12 alloc 1 mem 3\n",
    );
    let limits = MachineLimits::read_at(&host);
    assert_eq!(limits.nr_open, Some(1_048_576));
    assert_eq!(limits.files_now, Some(520));
    assert_eq!(limits.file_max, None);
    assert_eq!(limits.ports, Some(ports(32_768, 60_999)));
    assert_eq!(limits.tcp_mem, Some([287_898, 383_867, 575_796]));
    assert_eq!(limits.ehash_entries, Some(262_144));
    assert_eq!(limits.conntrack, Some(Conntrack { count: 7, max: 262_144, buckets: None }));
    assert_eq!(limits.memory_available, Some(900 * 1024));
    assert_eq!(limits.cpus, Some(5));
    assert_eq!(limits.has_capability(24), Some(false));
    assert_eq!(limits.has_capability(21), Some(true));
    assert_eq!(limits.time_wait, Some(12));
}

#[test]
fn damaged_files_are_as_good_as_absent_ones() {
    let (folder, host) = host();
    write(folder.path(), "proc/sys/net/ipv4/tcp_mem", "1 2\n");
    write(folder.path(), "proc/sys/fs/nr_open", "many\n");
    write(folder.path(), "proc/self/status", "Cpus_allowed_list: 3-1\nCapEff: zz\n");
    write(folder.path(), "proc/slabinfo", "TCP 1 2\n");
    assert_eq!(MachineLimits::read_at(&host), MachineLimits::default());
}

#[test]
fn usable_ports_leave_out_what_the_kernel_does() {
    assert_eq!(ports(32_768, 60_999).usable(None), 28_232);
    assert_eq!(ports(40_000, 40_100).usable(None), 100, "an odd number loses one");
    assert_eq!(ports(40_000, 40_000).usable(None), 1);
    assert_eq!(ports(40_000, 40_099).usable(Some((1_024, 1_034))), 11, "bound by hand");
    let some = Ports {
        reserved: vec![(40_010, 40_019), (50_000, 50_001)],
        listening: vec![40_015, 40_050],
        ..ports(40_000, 40_099)
    };
    assert_eq!(some.usable(None), 89, "ten reserved and one more that listens");
    assert_eq!(some.usable(Some((40_000, 40_099))), 98, "reserved ones can be bound by hand");
}

#[test]
fn listening_ports_are_read_from_the_head_of_the_table() {
    let (folder, host) = host();
    let row = |port: &str, state: &str| format!("   0: 0100007F:{port} 00000000:0000 {state} 0:0");
    let table = format!(
        "  sl  local_address rem_address   st\n{}\n{}\n{}\n",
        row("9C41", "0A"),
        row("9C42", "01"),
        row("9C43", "0A")
    );
    write(folder.path(), "proc/sys/net/ipv4/ip_local_port_range", "40000 40099\n");
    write(folder.path(), "proc/sys/net/ipv4/ip_local_reserved_ports", "40010-40019,40050\n");
    write(folder.path(), "proc/thread-self/net/tcp", &table);
    let ports = Ports::read(&host).expect("a range");
    assert_eq!(ports.listening, [40_001]);
    assert_eq!(ports.reserved, [(40_010, 40_019), (40_050, 40_050)]);
}

const SLABINFO: &str = "slabinfo - version: 2.1
TCPv6                 13     13   2496   13    8 : tunables 0 0 0 : slabdata      1      1      0
TCP                   26     26   2368   13    8 : tunables    0    0    0 : slabdata      2      2      0
eventpoll_epi        256    256    128   32    1 : tunables    0    0    0 : slabdata      8      8      0
sock_inode_cache      76     76    832   19    4 : tunables    0    0    0 : slabdata      4      4      0
filp                 629    630    192   21    1 : tunables    0    0    0 : slabdata     30     30      0
dentry            117180 117180    192   21    1 : tunables    0    0    0 : slabdata   5580   5580      0
";

#[test]
fn a_socket_costs_what_its_slabs_do() {
    let slabs = SocketSlabs::parse(SLABINFO).expect("slabs");
    assert!((slabs.tcp.object_bytes - 2_520.6).abs() < 0.1);
    assert_eq!(slabs.tcp.total_bytes, 65_536);
    let cost = slabs.cost();
    assert!((cost.accepted - 4_101.0).abs() < 1.0, "{cost:?}");
    assert!((cost.connected - 4_229.0).abs() < 1.0, "{cost:?}");
}

#[test]
fn a_merged_slab_costs_what_is_known_of_it() {
    let without: String = SLABINFO
        .lines()
        .filter(|line| !line.starts_with("eventpoll"))
        .collect::<Vec<_>>()
        .join("\n");
    let cost = SocketSlabs::parse(&without).expect("slabs").cost();
    assert!((cost.accepted - 4_101.0).abs() < 1.0, "{cost:?}");
    assert_eq!(SocketSlabs::parse("slabinfo - version: 2.1\n"), None);
}

const MOUNTS: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

#[test]
fn the_tightest_group_on_the_path_counts() {
    let (folder, host) = host();
    let put = |path: &str, text: &str| write(folder.path(), path, text);
    put("proc/self/cgroup", "4:memory:/outer/inner\n1:cpu:/\n0::/\n");
    put("proc/self/mountinfo", MOUNTS);
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "100\n");
    put("sys/fs/cgroup/memory/outer/memory.limit_in_bytes", "1000000\n");
    put("sys/fs/cgroup/memory/outer/memory.usage_in_bytes", "700000\n");
    put(
        "sys/fs/cgroup/memory/outer/memory.stat",
        "inactive_file 9\ntotal_inactive_file 60000\ntotal_active_file 40000\n",
    );
    put("sys/fs/cgroup/memory/outer/inner/memory.limit_in_bytes", "2000000\n");
    put("sys/fs/cgroup/memory/outer/inner/memory.usage_in_bytes", "10\n");
    let group = CgroupMemory::read(&host).expect("a limit");
    assert_eq!(group.file, "/sys/fs/cgroup/memory/outer/memory.limit_in_bytes");
    assert_eq!((group.limit, group.used, group.left()), (1_000_000, 600_000, 400_000));
}

#[test]
fn the_second_version_and_a_container_s_view_are_read() {
    let (folder, host) = host();
    let put = |path: &str, text: &str| write(folder.path(), path, text);
    put("proc/self/cgroup", "0::/docker/abc/work\n");
    put("proc/self/mountinfo", "41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
    put("sys/fs/cgroup/work/memory.max", "max\n");
    put("sys/fs/cgroup/work/memory.current", "5\n");
    put("sys/fs/cgroup/memory.max", "4096000\n");
    put("sys/fs/cgroup/memory.current", "96000\n");
    let group = CgroupMemory::read(&host).expect("a limit");
    assert_eq!((group.limit, group.left()), (4_096_000, 4_000_000));
    put("sys/fs/cgroup/memory.max", "max\n");
    assert_eq!(CgroupMemory::read(&host), None);
}
