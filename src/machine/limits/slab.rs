//! Computes from the kernel's slab tables the memory of one end of an idle connection.
//!
//! An idle TCP socket has no buffers. It is a `tcp_sock`, its inode with the socket, a file, a
//! dentry and an entry of an epoll, each from a slab of its own, and some objects of shared slabs,
//! which no table tells apart.

/// Objects of shared slabs for each socket: epoll's wait entry (64) and list head (16), security
/// blobs of inode and file (56), the slot in the table of descriptors (8), the pointers that memory
/// control groups keep for each object (56).
const SHARED: f64 = 200.0;

/// The part that is charged to a memory control group: not the security blobs, and not its own
/// pointers.
const SHARED_IN_GROUP: f64 = 88.0;

/// The entry for a pair of source address and port, which only the connecting end has.
const BIND_BUCKET: f64 = 128.0;

/// Kernel memory of one end of an idle connection, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SocketCost {
    /// The end that connected.
    pub connected: f64,
    /// The end that was accepted.
    pub accepted: f64,
}

impl Default for SocketCost {
    /// As computed from the slabs of Linux 6.18 on `x86_64`.
    fn default() -> Self {
        Self { connected: 4_230.0, accepted: 4_100.0 }
    }
}

impl SocketCost {
    /// The memory charged to a control group, by the slabs of Linux 6.18 on `x86_64`.
    pub fn default_in_group() -> Self {
        Self { connected: 3_989.0, accepted: 1_468.0 }
    }
}

/// The slabs that sockets live in: bytes for each object, slack included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SocketSlabs {
    /// `TCP`.
    pub tcp: Slab,
    /// `sock_inode_cache`.
    pub inode: Slab,
    /// `filp`.
    pub file: Slab,
    /// `dentry`.
    pub dentry: Slab,
    /// `eventpoll_epi`.
    pub epoll: Slab,
}

/// One slab cache.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Slab {
    /// Memory for each object: the slab's pages divided by the objects in it, in bytes.
    pub object_bytes: f64,
    /// All memory of the cache, in bytes.
    pub total_bytes: u64,
}

impl SocketSlabs {
    /// Reads `/proc/slabinfo`. A cache that the kernel merged into another of the same size is not
    /// listed; it costs what it does in Linux 6.18. `None` if not even `TCP` is listed.
    pub fn parse(slabinfo: &str) -> Option<Self> {
        let slab = |name| slabinfo.lines().find_map(|line| parse_line(line, name));
        let or = |name, object_bytes| slab(name).unwrap_or(Slab { object_bytes, total_bytes: 0 });
        Some(Self {
            tcp: slab("TCP")?,
            inode: or("sock_inode_cache", 862.3),
            file: or("filp", 195.0),
            dentry: or("dentry", 195.0),
            epoll: or("eventpoll_epi", 128.0),
        })
    }

    /// The memory of one end of an idle connection.
    pub fn cost(&self) -> SocketCost {
        let parts = [self.tcp, self.inode, self.file, self.dentry, self.epoll];
        let accepted = parts.iter().map(|slab| slab.object_bytes).sum::<f64>() + SHARED;
        SocketCost { connected: accepted + BIND_BUCKET, accepted }
    }

    /// The memory charged to a control group for one end. The socket of an accepted connection is
    /// allocated while a packet is handled, which is charged to nobody, and so is the entry for a
    /// pair of source address and port.
    pub fn cost_in_group(&self) -> SocketCost {
        let cost = self.cost();
        let connected = cost.accepted - SHARED + SHARED_IN_GROUP;
        SocketCost { connected, accepted: connected - self.tcp.object_bytes }
    }

    /// All memory of these slabs, regardless of who uses them, in bytes: its growth is that of
    /// connections when little else happens.
    pub fn total_bytes(&self) -> u64 {
        let parts = [self.tcp, self.inode, self.file, self.dentry, self.epoll];
        parts.iter().map(|slab| slab.total_bytes).sum()
    }
}

/// A line of the table, whose head is `name active_objs num_objs objsize objperslab pagesperslab
/// : tunables ... : slabdata active_slabs num_slabs sharedavail`.
fn parse_line(line: &str, name: &str) -> Option<Slab> {
    const PAGE: u64 = 4096;
    let mut words = line.strip_prefix(name)?.strip_prefix(' ')?.split_whitespace();
    let mut number = |skip: usize| words.nth(skip)?.parse::<u64>().ok();
    let _objects = number(1)?;
    let (per_slab, pages) = (number(1)?, number(0)?);
    let slabs: u64 = line.split_whitespace().rev().nth(1)?.parse().ok()?;
    (per_slab > 0).then(|| Slab {
        object_bytes: (pages * PAGE) as f64 / per_slab as f64,
        total_bytes: slabs * pages * PAGE,
    })
}
