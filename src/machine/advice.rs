//! Turns the kernel parameters of old tuning articles into what they do today, beside their values
//! on this machine.
//!
//! **Invariant:** nothing is changed; a parameter that does not exist here is reported as absent.

use super::HostRoot;
use serde::Serialize;
use std::fmt;

/// The effect of following a piece of advice today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It helps where the limit is met.
    Helps,
    /// It helps under the condition given.
    Depends,
    /// It changes nothing for held connections.
    Nothing,
    /// It makes things worse.
    Harms,
    /// The kernel has it no more.
    Gone,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Helps => "helps",
            Self::Depends => "depends",
            Self::Nothing => "nothing",
            Self::Harms => "harms",
            Self::Gone => "gone",
        })
    }
}

/// One piece of advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Advice {
    /// The kernel parameter.
    pub parameter: &'static str,
    /// The value that articles give it.
    pub advised: &'static str,
    /// Its value here; absent when it does not exist or cannot be read.
    pub here: Option<String>,
    /// The effect of this setting.
    pub effect: Effect,
    /// Why.
    pub why: &'static str,
}

/// The advice of the articles, in their order: parameter, value, effect, why.
const ARTICLES: &[(&str, &str, Effect, &str)] = &[
    (
        "fs.file-max",
        "100000",
        Effect::Harms,
        "lowers a limit that is in the millions today; both ends of a million need two million files",
    ),
    (
        "fs.nr_open",
        "100000",
        Effect::Harms,
        "caps what a process can be allowed; the default of 1,048,576 is enough with several processes",
    ),
    (
        "net.ipv4.tcp_tw_reuse",
        "1",
        Effect::Nothing,
        "the default 2 does it on loopback; 1 only helps a client that runs again against the same server",
    ),
    (
        "net.ipv4.tcp_tw_recycle",
        "1",
        Effect::Gone,
        "removed in Linux 4.12; it broke connections behind NAT",
    ),
    (
        "net.core.optmem_max",
        "8192",
        Effect::Nothing,
        "memory for ancillary data and filters, not for connections",
    ),
    (
        "net.ipv4.tcp_max_orphans",
        "10240",
        Effect::Harms,
        "must not be lowered: closing many at once then resets the rest; closing by RST leaves no orphans",
    ),
    (
        "net.ipv4.tcp_max_tw_buckets",
        "10240",
        Effect::Harms,
        "must not be lowered; what is too many is dropped early",
    ),
    (
        "net.ipv4.ip_local_port_range",
        "1024 65535",
        Effect::Depends,
        "64,512 ports a tuple instead of 28,232, and takes ports of services: reserve those in ip_local_reserved_ports; loopback needs none of it",
    ),
    (
        "net.core.somaxconn",
        "10240",
        Effect::Helps,
        "where the target listens, if the target asks for as long a queue; the default is 4096 since Linux 5.4",
    ),
    (
        "net.ipv4.tcp_max_syn_backlog",
        "16384",
        Effect::Nothing,
        "only bites with SYN cookies off; the accept queue is what fills",
    ),
    (
        "net.ipv4.tcp_syncookies",
        "0",
        Effect::Harms,
        "a full queue then drops connections for a second each, which looks like a slow target",
    ),
    (
        "net.core.netdev_max_backlog",
        "41960",
        Effect::Helps,
        "loopback goes through this queue; bursts overflow the default of 1000; of the whole machine",
    ),
    (
        "net.ipv4.tcp_keepalive_time",
        "900",
        Effect::Nothing,
        "only for sockets that ask for keep-alive, which set it themselves",
    ),
    (
        "net.ipv4.tcp_keepalive_intvl",
        "30",
        Effect::Nothing,
        "only for sockets that ask for keep-alive, which set it themselves",
    ),
    (
        "net.ipv4.tcp_keepalive_probes",
        "3",
        Effect::Nothing,
        "only for sockets that ask for keep-alive, which set it themselves",
    ),
    (
        "net.ipv4.tcp_fin_timeout",
        "15",
        Effect::Nothing,
        "for FIN_WAIT_2 without an owner; TIME_WAIT is always 60 s",
    ),
    ("net.core.rmem_default", "262144", Effect::Nothing, "TCP goes by tcp_rmem"),
    ("net.core.wmem_default", "262144", Effect::Nothing, "TCP goes by tcp_wmem"),
    ("net.core.rmem_max", "16777216", Effect::Nothing, "for sockets that set a buffer themselves"),
    ("net.core.wmem_max", "16777216", Effect::Nothing, "for sockets that set a buffer themselves"),
    (
        "net.ipv4.tcp_mem",
        "786432 4194304 8388608",
        Effect::Depends,
        "in pages of 4 KiB, not bytes: this is 3, 16 and 32 GiB; idle connections use none of it, unread data does",
    ),
    (
        "net.ipv4.tcp_rmem",
        "4096 4096 4206592",
        Effect::Nothing,
        "buffers are charged when used: an idle connection has none",
    ),
    (
        "net.ipv4.tcp_wmem",
        "4096 4096 4206592",
        Effect::Nothing,
        "buffers are charged when used: an idle connection has none",
    ),
    (
        "net.netfilter.nf_conntrack_max",
        "2048576",
        Effect::Depends,
        "only where connections are tracked, on this machine or one that they pass: see the probe above",
    ),
];

/// Every piece of advice, with the values of `host`.
pub fn advice(host: &HostRoot) -> Vec<Advice> {
    let one =
        |(parameter, advised, effect, why): &(&'static str, &'static str, Effect, &'static str)| {
            let here = host.sysctl(parameter);
            Advice {
                parameter,
                advised,
                effect: today(*effect, advised, here.as_deref()),
                here,
                why,
            }
        };
    ARTICLES.iter().map(one).collect()
}

/// Raising does no harm, and a value that is already as high does nothing.
fn today(effect: Effect, advised: &str, here: Option<&str>) -> Effect {
    let number = |text: &str| text.parse::<u64>().ok();
    match (effect, number(advised), here.and_then(number)) {
        (Effect::Helps, Some(advised), Some(here)) if here >= advised => Effect::Nothing,
        (Effect::Harms, Some(advised), Some(here)) if here == advised => Effect::Nothing,
        _ => effect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_judged_against_what_is_set() {
        let folder = tempfile::tempdir().expect("make a folder");
        let put = |name: &str, value: &str| {
            let path = folder.path().join("proc/sys").join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
            std::fs::write(path, value).expect("write a file");
        };
        put("net/core/somaxconn", "65535\n");
        put("fs/file-max", "2466170\n");
        put("net/ipv4/tcp_mem", "287898\t383867\t575796\n");
        let all = advice(&HostRoot::at(folder.path()));
        let find = |name| all.iter().find(|one| one.parameter == name).expect("it is advised");
        assert_eq!(find("net.core.somaxconn").effect, Effect::Nothing, "already higher");
        assert_eq!(find("net.core.netdev_max_backlog").effect, Effect::Helps);
        assert_eq!(find("fs.file-max").effect, Effect::Harms);
        assert_eq!(find("net.ipv4.tcp_tw_recycle").effect, Effect::Gone);
        assert_eq!(find("net.ipv4.tcp_mem").here.as_deref(), Some("287898 383867 575796"));
        assert_eq!(find("net.ipv4.tcp_tw_recycle").here, None);
    }
}
