//! A host in which time passes only when nothing is left to do.

use super::super::wire::{WorkerCommand, WorkerReport};
use super::host::{Host, Ready, SlotId};
use crate::record::WorkerFacts;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::{Deref, DerefMut};

/// The peers of simulated connections.
pub(in crate::engine) trait Peer {
    /// Something that the peer does to a connection.
    type Act: Copy;

    /// The peer does it; what a worker sees of that.
    fn act(&mut self, id: SlotId, act: Self::Act) -> Ready;

    /// A worker has made a report; what the coordinator answers at once.
    fn answer(&mut self, _report: &WorkerReport, _now_ns: u64) -> Option<WorkerCommand> {
        None
    }
}

/// A clock, the peers' behaviour, the coordinator's commands, and the reports that it received.
#[derive(Debug)]
pub(in crate::engine) struct Simulated<P: Peer> {
    pub(in crate::engine) now_ns: u64,
    /// By time, then in the order in which it was scheduled.
    agenda: BTreeMap<(u64, u64), (SlotId, P::Act)>,
    scheduled: u64,
    /// Commands and when they come, in that order.
    commands: VecDeque<(u64, WorkerCommand)>,
    /// The reports, with their times.
    pub(in crate::engine) reports: Vec<(u64, WorkerReport)>,
    pub(in crate::engine) peer: P,
}

impl<P: Peer> Simulated<P> {
    pub(in crate::engine) fn new(
        peer: P,
        commands: impl IntoIterator<Item = (u64, WorkerCommand)>,
    ) -> Self {
        Self {
            now_ns: 0,
            agenda: BTreeMap::new(),
            scheduled: 0,
            commands: commands.into_iter().collect(),
            reports: Vec::new(),
            peer,
        }
    }

    /// The peer will do this to a connection.
    pub(in crate::engine) fn schedule(&mut self, at_ns: u64, id: SlotId, act: P::Act) {
        self.scheduled += 1;
        self.agenda.insert((at_ns, self.scheduled), (id, act));
    }

    /// The peer does no more to a connection.
    pub(in crate::engine) fn cancel(&mut self, id: SlotId) {
        self.agenda.retain(|_, (planned, _)| *planned != id);
    }

    /// Whatever the peer would do to a connection, it does to another one.
    pub(in crate::engine) fn rename(&mut self, from: SlotId, to: SlotId) {
        for (planned, _) in self.agenda.values_mut().filter(|(planned, _)| *planned == from) {
            *planned = to;
        }
    }

    pub(in crate::engine) fn has_reported(&self, report: &WorkerReport) -> bool {
        self.reports.iter().any(|(_, one)| one == report)
    }
}

impl<P: Peer> Deref for Simulated<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.peer
    }
}

impl<P: Peer> DerefMut for Simulated<P> {
    fn deref_mut(&mut self) -> &mut P {
        &mut self.peer
    }
}

impl<P: Peer> Host for Simulated<P> {
    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn wait(&mut self, until_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        let act = self.agenda.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
        let command = self.commands.front().map_or(u64::MAX, |(at, _)| *at);
        if ready.is_empty() {
            self.now_ns = self.now_ns.max(until_ns.min(act).min(command));
        }
        while let Some(entry) = self.agenda.first_entry()
            && entry.key().0 <= self.now_ns
        {
            let (id, act) = entry.remove();
            ready.push(self.peer.act(id, act));
        }
        Ok(())
    }

    fn order(&mut self) -> Option<WorkerCommand> {
        self.commands.pop_front_if(|(at, _)| *at <= self.now_ns).map(|(_, command)| command)
    }

    fn report(&mut self, report: WorkerReport) {
        if let Some(command) = self.peer.answer(&report, self.now_ns) {
            self.commands.push_front((self.now_ns, command));
        }
        self.reports.push((self.now_ns, report));
    }

    fn facts(&self) -> WorkerFacts {
        WorkerFacts::default()
    }
}
