//! Accounts for workers that died or stalled.

use super::Run;
use super::workers::WorkerState;
use crate::engine::http::RequestMix;
use crate::plan::OnWorkerLoss;
use crate::record::{Entry, HostId, StopReason};
use crate::schedule::Partition;
use crate::units::narrow;
use std::collections::BTreeSet;

impl Run<'_, '_> {
    /// Accounts for a worker that died or stalled.
    pub(super) fn lose(&mut self, worker: usize, why: &str) {
        let handle = &mut self.workers.handles[worker];
        let (scenario, number, reporter) = (handle.scenario, handle.number, handle.reporter);
        let host = match &self.far {
            Some(_) => HostId::numbered(narrow(handle.host + 1)),
            None => HostId::COORDINATOR,
        };
        handle.state = WorkerState::Lost;
        let why = handle.kill().unwrap_or_else(|| why.to_owned());
        let index = usize::from(scenario);
        self.aggregator.lose(reporter, &self.spec.manifest.plan.scenarios[index].protocol);
        let at_ns = self.clock.now_ns();
        self.record(Entry::WorkerLost { scenario, worker: number, host, at_ns, why });
        let commands = self.row_pools.remove_worker(worker);
        self.send(commands);
        let announcements = self.progress.return_token(scenario, worker, at_ns);
        self.announce(announcements);
        let none_left =
            self.workers.handles.iter().all(|handle| handle.state != WorkerState::Working);
        if none_left || self.spec.manifest.plan.generator.on_worker_loss == OnWorkerLoss::Stop {
            self.stop(StopReason::WorkerLoss);
        }
        self.end_if_done(scenario);
    }

    pub(super) fn lose_all(&mut self, why: &str) {
        for worker in 0..self.workers.handles.len() {
            if self.workers.handles[worker].state == WorkerState::Working {
                self.lose(worker, why);
            }
        }
    }

    /// What fell due for a lost worker's partition after it was lost was not started by anybody: it
    /// is dropped.
    pub(super) fn drop_partitions_of_lost(&mut self, scenario: u16, now_ns: u64) {
        let schedule = self.schedule.scenario(usize::from(scenario));
        let ramps = self.progress.ramps(scenario, schedule.segments.len());
        let end_ns = self.progress.drains_at(scenario).map_or(now_ns, |drain| drain.min(now_ns));
        let choices = RequestMix::where_several(&self.spec.manifest.plan, usize::from(scenario));
        let chosen = |number| choices.as_ref().map(|choices| choices.of_arrival(number));
        let of_scenario = || self.workers.handles.iter().filter(|one| one.scenario == scenario);
        let lost = of_scenario().filter(|one| one.state == WorkerState::Lost);
        let reporters: BTreeSet<usize> = lost.map(|one| one.reporter).collect();
        for reporter in reporters {
            let its = of_scenario().filter(|one| one.reporter == reporter);
            let partitions: Vec<Partition> = its.map(|one| one.partition).collect();
            let until = (ramps.as_slice(), end_ns);
            self.aggregator.drop_partitions(reporter, &partitions, schedule, until, chosen);
        }
    }
}
