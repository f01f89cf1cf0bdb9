//! The worker's end of the pipe to its coordinator: never waited for, so that a busy coordinator
//! delays no connection.

use super::wire::{
    FromWorker, Inbox, ToWorker, WireError, WorkerCommand, WorkerReport, encode, hello,
};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

/// Two pipes, and what is on its way through them.
#[derive(Debug)]
pub struct Link {
    input: File,
    output: File,
    inbox: Inbox,
    outbox: Vec<u8>,
}

impl Link {
    /// A link over this process's standard input and output.
    pub fn standard() -> io::Result<Self> {
        Self::new(
            io::stdin().as_fd().try_clone_to_owned()?,
            io::stdout().as_fd().try_clone_to_owned()?,
        )
    }

    /// A link over two pipes.
    pub fn new(input: OwnedFd, output: OwnedFd) -> io::Result<Self> {
        let link = Self {
            input: input.into(),
            output: output.into(),
            inbox: Inbox::default(),
            outbox: Vec::new(),
        };
        link.set_blocking(false)?;
        Ok(link)
    }

    fn set_blocking(&self, blocking: bool) -> io::Result<()> {
        let flags = if blocking { OFlag::empty() } else { OFlag::O_NONBLOCK };
        fcntl(&self.input, FcntlArg::F_SETFL(flags))?;
        fcntl(&self.output, FcntlArg::F_SETFL(flags))?;
        Ok(())
    }

    /// The end that is read from.
    pub fn input(&self) -> &File {
        &self.input
    }

    /// The end that is written to.
    pub fn output(&self) -> &File {
        &self.output
    }

    /// Takes in what has come. An error means that the coordinator is gone.
    pub fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        loop {
            match self.input.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::BrokenPipe.into()),
                Ok(length) => self.inbox.feed(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next whole message.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        self.inbox.take()
    }

    /// The next order of the coordinator that has come in; a worker's side.
    pub fn order(&mut self) -> Option<WorkerCommand> {
        while let Ok(Some(message)) = self.take() {
            if let ToWorker::Command(order) = message {
                return Some(order);
            }
        }
        None
    }

    /// Tells the coordinator something. That it is gone is noticed by the next wait.
    pub fn report(&mut self, notice: WorkerReport) {
        let _ = self.send(&FromWorker::Report(notice));
    }

    /// Says which version this process speaks, and waits until the coordinator has said the same.
    ///
    /// # Errors
    /// If the other side is not a coordinator of this version, or is gone.
    pub fn greet(&mut self) -> io::Result<()> {
        self.outbox.extend_from_slice(&hello());
        self.flush_all()?;
        self.read_until(|inbox| inbox.take_hello().map(|whole| whole.then_some(())))
    }

    /// Waits for the next message.
    pub fn wait<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        self.read_until(Inbox::take)
    }

    /// Reads until the inbox yields something.
    fn read_until<T>(
        &mut self,
        mut take: impl FnMut(&mut Inbox) -> Result<Option<T>, WireError>,
    ) -> io::Result<T> {
        self.set_blocking(true)?;
        let mut buffer = [0; 16 << 10];
        let taken = loop {
            if let Some(taken) = take(&mut self.inbox).map_err(io::Error::other)? {
                break taken;
            }
            match self.input.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::BrokenPipe.into()),
                length => self.inbox.feed(&buffer[..length]),
            }
        };
        self.set_blocking(false)?;
        Ok(taken)
    }

    /// Takes in bytes that somebody else has read from the input.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.inbox.feed(bytes);
    }

    /// Bytes that wait for room in the pipe.
    pub fn unsent(&self) -> &[u8] {
        &self.outbox
    }

    /// Notes that somebody else has written so much of what waited.
    pub fn sent(&mut self, length: usize) {
        self.outbox.drain(..length);
    }

    /// Lets a message wait for the next flush.
    pub fn queue<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        self.outbox.extend_from_slice(&encode(message).map_err(io::Error::other)?);
        Ok(())
    }

    /// Sends a message as far as the pipe has room; the rest goes out with the next flush.
    pub fn send<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        self.queue(message)?;
        self.flush()
    }

    /// Sends what is left, as far as the pipe has room.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match self.output.write(&self.outbox) {
                Ok(sent) => self.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends all that is left, waiting for room.
    pub fn flush_all(&mut self) -> io::Result<()> {
        self.set_blocking(true)?;
        self.output.write_all(&self.outbox)?;
        self.outbox.clear();
        Ok(())
    }
}
