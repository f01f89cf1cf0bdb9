//! The loop of every worker: takes commands, hands over seconds, lets the worker do what is due,
//! waits, and passes events on.

use super::super::wire::{WorkerCommand, WorkerReport};
use super::host::{Host, Ready};
use crate::record::{Snapshot, WorkerFacts};
use crate::units::SECOND_NS;
use std::io;

/// Events that are expected at once; more make the list grow.
const EVENTS: usize = 512;

/// How the loop continues after a worker has done its due work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoopStep {
    /// More is due already: look for events without waiting.
    AtOnce,
    /// Wait for an event until this time at the latest.
    At(u64),
    /// The scenario is over.
    Finished,
}

/// One worker's part of a scenario, as its loop sees it. Times are on the run's clock, in
/// nanoseconds.
pub(crate) trait Worker {
    /// The host that it runs in.
    type Host: Host;

    /// The host that it runs in.
    fn host(&mut self) -> &mut Self::Host;

    /// The host that it ran in, after the end.
    fn into_host(self) -> Self::Host;

    /// Obeys a command of the coordinator. After `Halt`, `halted` is true: the loop ends with the
    /// next call of [`Self::do_what_is_due`].
    fn obey(&mut self, command: &WorkerCommand, halted: bool);

    /// Does what is due, in batches so that events are not kept waiting.
    fn do_what_is_due(&mut self, now_ns: u64, halted: bool) -> LoopStep;

    /// Adds events that the worker knows of without its host.
    fn take_pending(&mut self, _ready: &mut Vec<Ready>) {}

    /// Deals with events, in order.
    fn react(&mut self, events: &[Ready]);

    /// The facts recorded in a second up to `until_ns`: its end, or the end of the scenario in it.
    fn snapshot(&mut self, second: u32, until_ns: u64, facts: WorkerFacts) -> Snapshot;

    /// How long after the end of a second an idle worker hands it over.
    fn hand_over_delay_ns(&self) -> u64 {
        0
    }

    /// Ends what has not ended. The last snapshot follows.
    fn end_all(&mut self, now_ns: u64);

    /// Reports what is left to say after the last snapshot.
    fn report_rest(&mut self) {}
}

/// Runs a worker to the end of its scenario, or until the coordinator says stop.
///
/// # Errors
/// If the coordinator is gone.
pub(crate) fn drive<W: Worker>(mut worker: W) -> io::Result<W::Host> {
    let mut ready = Vec::with_capacity(EVENTS);
    let mut halted = false;
    // The first second that has not been handed over.
    let mut second = 0;
    loop {
        while let Some(command) = worker.host().order() {
            halted |= command == WorkerCommand::Halt;
            worker.obey(&command, halted);
        }
        let now = worker.host().now_ns();
        // First, so that nothing that is due after a second's end is counted in it.
        while now >= end_ns(second) {
            hand_over(&mut worker, second, end_ns(second));
            second += 1;
        }
        let until_ns = match worker.do_what_is_due(now, halted) {
            LoopStep::Finished => return Ok(finish(worker, second, now)),
            _ if halted => return Ok(finish(worker, second, now)),
            LoopStep::AtOnce => 0,
            LoopStep::At(at_ns) => at_ns.min(end_ns(second) + worker.hand_over_delay_ns()),
        };
        ready.clear();
        worker.take_pending(&mut ready);
        worker.host().wait(until_ns, &mut ready)?;
        worker.react(&ready);
    }
}

/// When a second of the run ends.
fn end_ns(second: u32) -> u64 {
    (u64::from(second) + 1) * SECOND_NS
}

fn hand_over<W: Worker>(worker: &mut W, second: u32, until_ns: u64) {
    let facts = worker.host().facts();
    let snapshot = worker.snapshot(second, until_ns, facts);
    worker.host().report(WorkerReport::Snapshot(Box::new(snapshot)));
}

fn finish<W: Worker>(mut worker: W, second: u32, now: u64) -> W::Host {
    debug_assert!(now < end_ns(second), "every second that has ended was handed over");
    worker.end_all(now);
    hand_over(&mut worker, second, now);
    worker.report_rest();
    worker.host().report(WorkerReport::Done);
    worker.into_host()
}

#[cfg(test)]
mod tests {
    use super::super::host::SlotId;
    use super::super::testing::{Peer, Simulated};
    use super::*;
    use crate::record::{Gauges, Recorder};

    const DELAY_NS: u64 = 16_000_000;

    struct Nobody;

    impl Peer for Nobody {
        type Act = ();

        fn act(&mut self, id: SlotId, (): ()) -> Ready {
            Ready { id, readable: true, writable: false, closed: false, failed: false }
        }
    }

    /// A worker that waits for the end of its scenario and notes when it was called.
    struct Idle {
        host: Simulated<Nobody>,
        recorder: Recorder,
        end_ns: u64,
        /// Until when each snapshot was, and when it was taken.
        snapshots: Vec<(u64, u64)>,
        pending: Vec<Ready>,
        reacted: Vec<(u64, u32)>,
    }

    impl Worker for Idle {
        type Host = Simulated<Nobody>;

        fn host(&mut self) -> &mut Self::Host {
            &mut self.host
        }

        fn into_host(self) -> Self::Host {
            assert_eq!(self.reacted, [(0, 7), (1_300_000_000, 3)]);
            let whole = |second: u64| (second * SECOND_NS, second * SECOND_NS + DELAY_NS);
            let (last, until) =
                self.snapshots.split_last().map(|(last, rest)| (*last, rest)).unwrap();
            assert_eq!(until, (1..=until.len() as u64).map(whole).collect::<Vec<_>>());
            assert_eq!(last, (self.host.now_ns, self.host.now_ns));
            self.host
        }

        fn obey(&mut self, command: &WorkerCommand, halted: bool) {
            assert_eq!(halted, *command == WorkerCommand::Halt);
        }

        fn do_what_is_due(&mut self, now_ns: u64, _halted: bool) -> LoopStep {
            if now_ns >= self.end_ns { LoopStep::Finished } else { LoopStep::At(self.end_ns) }
        }

        fn take_pending(&mut self, ready: &mut Vec<Ready>) {
            ready.append(&mut self.pending);
        }

        fn react(&mut self, events: &[Ready]) {
            self.reacted.extend(events.iter().map(|event| (self.host.now_ns, event.id.slot)));
        }

        fn snapshot(&mut self, second: u32, until_ns: u64, facts: WorkerFacts) -> Snapshot {
            self.snapshots.push((until_ns, self.host.now_ns));
            self.recorder.take(second, Gauges::default(), facts)
        }

        fn hand_over_delay_ns(&self) -> u64 {
            DELAY_NS
        }

        fn end_all(&mut self, _now_ns: u64) {}
    }

    fn driven(commands: &[(u64, WorkerCommand)]) -> Simulated<Nobody> {
        let id = |slot| SlotId { slot, generation: 0 };
        let mut host = Simulated::new(Nobody, commands.to_vec());
        host.schedule(1_300_000_000, id(3), ());
        let pending = vec![Nobody.act(id(7), ())];
        let (recorder, end_ns) = (Recorder::default(), 3_500_000_000);
        drive(Idle { host, recorder, end_ns, snapshots: vec![], pending, reacted: vec![] }).unwrap()
    }

    #[test]
    fn each_second_is_handed_over_once_and_the_last_is_followed_by_done() {
        for (commands, seconds) in [(vec![], 4), (vec![(2_500_000_000, WorkerCommand::Halt)], 3)] {
            let host = driven(&commands);
            assert_eq!(host.now_ns, seconds * SECOND_NS - SECOND_NS / 2);
            let (done, snapshots) = host.reports.split_last().unwrap();
            assert_eq!(done.1, WorkerReport::Done);
            let handed = snapshots.iter().map(|(_, report)| match report {
                WorkerReport::Snapshot(snapshot) => u64::from(snapshot.second),
                other => panic!("{other:?}"),
            });
            assert_eq!(handed.collect::<Vec<_>>(), (0..seconds).collect::<Vec<_>>());
        }
    }
}
