//! Turns a number of connections into a number of processes: the limit on open files is one of each
//! process.

use super::ServeError;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors of a process that are no connections: standard streams, listener, epoll, signals,
/// and room to spare.
const RESERVED: u64 = 64;

/// Raises this process's limit on open files as far as it goes without rights; returns it.
pub fn raise_descriptor_limit() -> Result<u64, ServeError> {
    let limits = || -> nix::Result<u64> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(hard)
    };
    limits().map_err(|errno| {
        ServeError::system("raise the limit on open files (RLIMIT_NOFILE)")(errno.into())
    })
}

/// How many processes hold `connections` when each may open `descriptors` files.
///
/// One takes them all if they fit. Several get a margin (5 %, or six standard deviations of a
/// random choice if that is more), because neither clients that take ports in turn nor a shared
/// port spread connections evenly.
pub fn processes_for(connections: u64, descriptors: u64) -> u64 {
    let each = descriptors.saturating_sub(RESERVED).max(1);
    if connections <= each {
        return 1;
    }
    let margin = (each / 20).max(6 * each.isqrt()).min(each / 2);
    connections.div_ceil(each - margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_follow_descriptors() {
        assert_eq!(processes_for(0, 20_000), 1);
        assert_eq!(processes_for(19_936, 20_000), 1);
        assert_eq!(processes_for(19_937, 20_000), 2);
        assert_eq!(processes_for(1_000_000, 20_000), 53);
        assert_eq!(processes_for(1_000_000, 2_000_000), 1);
        assert_eq!(processes_for(10, 1), 10);
    }
}
