//! One requirement of a plan compared with a machine: its name, the needed and available amounts,
//! and what to do about it.

use crate::machine::{bytes, grouped};
use crate::record::HostId;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

macro_rules! checks {
    ($($(#[$doc:meta])* $variant:ident = $key:literal, $name:literal;)*) => {
        /// The resource that is compared, in the order of the table.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
        )]
        pub enum Resource { $($(#[$doc])* #[serde(rename = $key)] $variant,)* }

        impl Resource {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in JSON.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }

            /// The words in the table.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

checks! {
    /// Descriptors of one process.
    ProcessFiles = "process_files", "open files of a process";
    /// Processes against cores.
    Processes = "processes", "processes";
    /// Open files of the whole system.
    SystemFiles = "system_files", "open files of the system";
    /// Source ports of a pair of source and destination.
    SourcePorts = "source_ports", "source ports of a tuple";
    /// Whether source addresses are this machine's.
    SourceAddresses = "source_addresses", "source addresses";
    /// Descriptors watched by epoll.
    EpollWatches = "epoll_watches", "epoll watches";
    /// Memory of the machine.
    Memory = "memory", "memory";
    /// Memory of the control group.
    CgroupMemory = "cgroup_memory", "memory of the cgroup";
    /// Memory for unread data.
    TcpMemory = "tcp_memory", "memory for unread data";
    /// The table of established connections.
    HashTable = "hash_table", "connection hash table";
    /// Connection tracking.
    Conntrack = "conntrack", "connection tracking";
    /// The listener's queue.
    AcceptQueue = "accept_queue", "accept queue";
    /// The queue in front of each processor.
    NetdevBacklog = "netdev_backlog", "network backlog";
    /// SYN cookies.
    SynCookies = "syn_cookies", "SYN cookies";
    /// Resources that closed connections keep.
    TimeWait = "time_wait", "TIME_WAIT after closing";
    /// Ports that closed connections keep during the run.
    PortsAtRest = "ports_at_rest", "ports in TIME_WAIT";
    /// Resources that earlier runs left behind.
    TimeWaitLeft = "time_wait_left", "TIME_WAIT left over";
    /// Processor time for opening.
    RampCpu = "ramp_cpu", "CPU for the ramp";
    /// Processor time for heartbeats.
    HeartbeatCpu = "heartbeat_cpu", "CPU for heartbeats";
    /// The patience of connecting.
    ConnectTimeout = "connect_timeout", "connect timeout";
    /// Silence that devices on the way take for death.
    IdleTime = "idle_time", "silence on a connection";
    /// The limit on requests in flight.
    InFlight = "in_flight", "requests in flight";
}

/// How a requirement compares with the machine.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub enum RequirementStatus {
    /// Enough.
    #[serde(rename = "ok")]
    Ok,
    /// Could not be read.
    #[serde(rename = "not available")]
    NotAvailable,
    /// The run works, but may measure this machine.
    #[serde(rename = "warn")]
    Warn,
    /// The run cannot work.
    #[serde(rename = "fail")]
    Fail,
}

impl fmt::Display for RequirementStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::NotAvailable => "not available",
            Self::Warn => "warn",
            Self::Fail => "fail",
        })
    }
}

/// What an amount is in JSON.
#[derive(schemars::JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum NumberOrText {
    Number(f64),
    Text(String),
}

/// An amount with its unit; in JSON the bare number, or text.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    /// A count.
    Number(u64),
    /// Bytes.
    Bytes(u64),
    /// A count for each second.
    PerSecond(u64),
    /// Processor time for each second, in cores.
    Cores(f64),
    /// Seconds.
    Seconds(f64),
    /// Words.
    Text(String),
    /// Not known.
    Unknown,
}

impl Amount {
    /// Words.
    pub fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into())
    }

    /// A number that may be unknown.
    pub fn number(number: Option<u64>) -> Self {
        number.map_or(Self::Unknown, Self::Number)
    }

    /// Bytes that may be unknown.
    pub fn bytes(bytes: Option<u64>) -> Self {
        bytes.map_or(Self::Unknown, Self::Bytes)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::Number(number) => grouped(*number),
            Self::Bytes(number) => bytes(*number),
            Self::PerSecond(number) => format!("{}/s", grouped(*number)),
            Self::Cores(cores) => format!("{cores:.2} cores"),
            Self::Seconds(seconds) => format!("{seconds} s"),
            Self::Text(words) => words.clone(),
            Self::Unknown => "?".to_owned(),
        })
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) | Self::Bytes(number) | Self::PerSecond(number) => {
                serializer.serialize_u64(*number)
            }
            Self::Cores(value) | Self::Seconds(value) => serializer.serialize_f64(*value),
            Self::Text(words) => serializer.serialize_str(words),
            Self::Unknown => serializer.serialize_none(),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Requirement {
    /// The machine that it is compared with.
    #[serde(skip_serializing_if = "HostId::is_coordinator")]
    pub host: HostId,
    /// The resource.
    #[serde(rename = "check")]
    pub resource: Resource,
    /// The amount that the plan needs.
    #[schemars(with = "Option<NumberOrText>")]
    pub needed: Amount,
    /// The amount that this machine has.
    #[schemars(with = "Option<NumberOrText>")]
    pub have: Amount,
    /// How they compare.
    #[serde(rename = "fitness")]
    pub status: RequirementStatus,
    /// An explanation, if it is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Lines that can be pasted into a shell or a plan; empty if there is nothing to fix.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// Connections that this resource allows by itself; absent where it sets no bound.
    #[serde(rename = "reach", skip_serializing_if = "Option::is_none")]
    pub headroom: Option<u64>,
}

impl Requirement {
    /// A row without note, fix or bound.
    pub fn new(
        resource: Resource,
        needed: Amount,
        have: Amount,
        status: RequirementStatus,
    ) -> Self {
        Self {
            host: HostId::COORDINATOR,
            resource,
            needed,
            have,
            status,
            note: None,
            fixes: Vec::new(),
            headroom: None,
        }
    }

    /// The row in words: `open files: needed 70k, have 1k (the limit of a process)`.
    pub fn words(&self) -> String {
        let note = self.note.as_deref().map_or_else(String::new, |note| format!(" ({note})"));
        format!("{}: needed {}, have {}{note}", self.resource.name(), self.needed, self.have)
    }

    /// Adds an explanation.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds a fix; kept only if there is something to fix.
    #[must_use]
    pub fn fix(mut self, line: impl Into<String>) -> Self {
        if matches!(self.status, RequirementStatus::Warn | RequirementStatus::Fail) {
            self.fixes.push(line.into());
        }
        self
    }

    /// Says how many connections it allows.
    #[must_use]
    pub fn reach(mut self, connections: Option<u64>) -> Self {
        self.headroom = connections;
        self
    }
}

/// How many connections of a plan's mix this machine allows as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Headroom {
    /// Connections at the peak.
    pub connections: u64,
    /// The resource that allows no more.
    pub limited_by: Resource,
}

impl Headroom {
    /// The lowest bound of any row; `None` when nothing that could be read sets one.
    pub fn of(rows: &[Requirement]) -> Option<Self> {
        rows.iter()
            .filter_map(|row| Some(Self { connections: row.headroom?, limited_by: row.resource }))
            .min_by_key(|reach| reach.connections)
    }
}
