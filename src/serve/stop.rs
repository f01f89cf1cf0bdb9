//! Turns signals, or the end of standard input, into the wish to stop.

use super::ServeError;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io::{self, Read, Stdin};
use std::os::fd::{AsFd, BorrowedFd};

/// Whether this process was started with SIGHUP ignored, as `nohup` does it: then the terminal's
/// end is not the run's.
pub fn ignores_hangup() -> bool {
    let hangup = 1_u64 << (Signal::SIGHUP as i32 - 1);
    let status = procfs::process::Process::myself().and_then(|this| this.status());
    status.is_ok_and(|status| status.sigign & hangup != 0)
}

/// When a server ends.
#[derive(Debug)]
pub struct Stop {
    signals: SignalFd,
    stdin: Option<Stdin>,
}

impl Stop {
    /// SIGTERM ends the server; so do SIGINT and SIGHUP, unless `until_eof`: then the end of
    /// standard input does, and Ctrl-C and a terminal that is gone are left to the process that
    /// holds the other end. Where SIGHUP is ignored (`nohup`), it stays so. Must be called before
    /// there is a second thread, or a signal may go there and kill the process.
    pub fn listen(until_eof: bool) -> Result<Self, ServeError> {
        let open = || -> nix::Result<Self> {
            let mut blocked = SigSet::empty();
            blocked.add(Signal::SIGHUP);
            blocked.add(Signal::SIGINT);
            blocked.add(Signal::SIGTERM);
            blocked.thread_block()?;
            let mut heard = blocked;
            // The kernel queues what is ignored and blocked all the same.
            if until_eof || ignores_hangup() {
                heard.remove(Signal::SIGHUP);
            }
            if until_eof {
                heard.remove(Signal::SIGINT);
            }
            let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
            let signals = SignalFd::with_flags(&heard, flags)?;
            Ok(Self { signals, stdin: until_eof.then(io::stdin) })
        };
        open().map_err(|errno| ServeError::system("listen for signals")(errno.into()))
    }

    /// A descriptor that becomes readable when [`Stop::requested`] changes.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.signals.as_fd()).chain(self.stdin.as_ref().map(AsFd::as_fd))
    }

    /// Whether to stop now; never waits.
    pub fn requested(&mut self) -> Result<bool, ServeError> {
        let mut look = || -> io::Result<bool> {
            let mut requested = self.signals.read_signal()?.is_some();
            if let Some(stdin) = &mut self.stdin {
                requested |= ended(stdin)?;
            }
            Ok(requested)
        };
        look().map_err(ServeError::system("look for signals"))
    }

    /// Waits until it is time to stop, or until one of `others` is readable; whether it is time.
    pub(super) fn wait(&mut self, others: &[BorrowedFd<'_>]) -> Result<bool, ServeError> {
        let mut fds: Vec<_> = self
            .fds()
            .chain(others.iter().copied())
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(ServeError::system("wait for signals")(errno.into())),
        }
        self.requested()
    }
}

/// Reads and discards the available data; returns whether that was the end.
fn ended(stdin: &mut Stdin) -> io::Result<bool> {
    let mut scratch = [0; 256];
    loop {
        let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::ZERO)? == 0 {
            return Ok(false);
        }
        match stdin.read(&mut scratch) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
