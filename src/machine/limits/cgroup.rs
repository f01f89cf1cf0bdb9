//! Turns the control groups around this process into folders, and these into the one memory limit
//! that is met first.

use super::HostRoot;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};

/// The tightest memory limit of the groups that this process is in, from its own up to the
/// outermost that can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupMemory {
    /// The file that sets it.
    pub file: String,
    /// The limit, in bytes.
    pub limit: u64,
    /// Used of it and not given back under pressure, in bytes.
    pub used: u64,
}

impl CgroupMemory {
    /// The memory left, in bytes.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// Both versions of control groups are read; the one with the least left counts. `None` when no
    /// group limits memory.
    pub fn read(host: &HostRoot) -> Option<Self> {
        let found = groups(host, "memory").into_iter().filter_map(|(first, folder)| {
            let version = if first { &V1 } else { &V2 };
            one(host, version, &folder)
        });
        found.min_by_key(Self::left)
    }
}

/// The folders of the groups that this process is in and that say anything of a controller,
/// outermost first, of both versions.
pub(in crate::machine) fn cgroup_folders(host: &HostRoot, controller: &str) -> Vec<String> {
    groups(host, controller).into_iter().map(|(_, folder)| folder).collect()
}

/// Whether a group is of the first version, and its folder.
fn groups(host: &HostRoot, controller: &str) -> Vec<(bool, String)> {
    let groups = host.text("proc/self/cgroup").unwrap_or_default();
    let mounts = host.text("proc/self/mountinfo").unwrap_or_default();
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let first = match controllers {
            "" => false,
            list if list.split(',').any(|name| name == controller) => true,
            _ => continue,
        };
        if let Some((root, point)) = mount(&mounts, first.then_some(controller)) {
            // In a container the mount shows only the hierarchy below the container's own group.
            let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or("");
            found.extend(along(point, below).into_iter().map(|folder| (first, folder)));
        }
    }
    found
}

/// How a version of control groups names its files.
struct CgroupVersion {
    limit: &'static str,
    used: &'static str,
    /// File pages: they are given back before anything is refused.
    files: [&'static str; 2],
}

const V1: CgroupVersion = CgroupVersion {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    files: ["total_inactive_file", "total_active_file"],
};

const V2: CgroupVersion = CgroupVersion {
    limit: "memory.max",
    used: "memory.current",
    files: ["inactive_file", "active_file"],
};

/// The root within the hierarchy and the mount point of the first version's `controller`, or of the
/// second version.
fn mount<'a>(mounts: &'a str, controller: Option<&str>) -> Option<(&'a str, &'a str)> {
    let file_system = if controller.is_some() { "cgroup" } else { "cgroup2" };
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut kind = after.split(' ');
        let options = (kind.next()? == file_system).then(|| kind.nth(1))??;
        if controller.is_some_and(|wanted| !options.split(',').any(|one| one == wanted)) {
            return None;
        }
        let mut words = before.split(' ').skip(3);
        Some((words.next()?, words.next()?))
    })
}

/// Every folder from the mount point down to the group at `below`.
fn along(point: &str, below: &str) -> Vec<String> {
    let plain = Path::new(below).components().filter(|part| matches!(part, Component::Normal(_)));
    let mut folder = point.trim_end_matches('/').to_owned();
    let mut folders = vec![folder.clone()];
    for part in plain {
        folder = format!("{folder}/{}", part.as_os_str().to_string_lossy());
        folders.push(folder.clone());
    }
    folders
}

fn one(host: &HostRoot, version: &CgroupVersion, folder: &str) -> Option<CgroupMemory> {
    // The first version writes "no limit" as the largest number of whole pages.
    const UNLIMITED: u64 = i64::MAX as u64 / 4096 * 4096;
    let number = |name: &str| host.text(&format!("{folder}/{name}"))?.trim().parse::<u64>().ok();
    let limit = number(version.limit).filter(|limit| *limit < UNLIMITED)?;
    let stat = host.text(&format!("{folder}/memory.stat")).unwrap_or_default();
    let of = |name: &str| {
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
        stat.lines().find_map(value).unwrap_or(0_u64)
    };
    let files: u64 = version.files.iter().map(|name| of(name)).sum();
    let used = number(version.used)?.saturating_sub(files);
    Some(CgroupMemory { file: format!("{folder}/{}", version.limit), limit, used })
}
