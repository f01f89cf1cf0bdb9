//! The workers of a run, who merges what they report, and where their rows come from.

use super::super::aggregator::{Aggregator, PATIENCE_NS};
use super::super::channel::wire::Assignment;
use super::super::manifest::Manifest;
use super::super::rows::{RowSource, shared_rows};
use super::row_pools::RowPools;
use super::workers::{WorkerPlace, WorkerPool, manifest_frame};
use super::{EngineError, RunSpec};
use crate::record::HostId;
use crate::schedule::{HostShare, Partition, Schedule};
use crate::units::narrow;

/// A second that comes by way of a host may have waited there as long as it would here.
const FAR_PATIENCE_NS: u64 = 2 * PATIENCE_NS;

/// All workers of a run.
pub(super) struct Team {
    pub(super) workers: WorkerPool,
    pub(super) aggregator: Aggregator,
    pub(super) row_pools: RowPools,
}

impl Team {
    /// Nobody yet. `far`: they are on other hosts.
    pub(super) fn new(far: bool) -> Self {
        let patience_ns = if far { FAR_PATIENCE_NS } else { PATIENCE_NS };
        Self {
            workers: WorkerPool::new(),
            aggregator: Aggregator::new(patience_ns),
            row_pools: RowPools::default(),
        }
    }

    /// Lays out the rows for the workers that there will be.
    pub(super) fn set_rows(&mut self, manifest: &Manifest, schedule: &Schedule) {
        let shared = shared_rows(&manifest.plan, schedule, &manifest.files);
        self.row_pools = RowPools::new(shared, &manifest.workers);
        self.row_pools.add_iterations(&manifest.plan, &manifest.workers);
    }

    /// Where the next worker, of this scenario, gets its rows, and its first block of each stage
    /// with a number of iterations.
    pub(super) fn first_blocks(
        &mut self,
        manifest: &Manifest,
        schedule: &Schedule,
        scenario: usize,
    ) -> (RowSource, Vec<(u64, u64)>) {
        let workers = u64::from(manifest.workers[scenario]).max(1);
        let at_once = schedule.scenario(scenario).at_once().div_ceil(workers);
        self.row_pools.first_blocks(scenario, at_once)
    }

    /// Starts all workers on this machine.
    pub(super) fn start_here(
        &mut self,
        spec: &RunSpec,
        schedule: &Schedule,
    ) -> Result<(), EngineError> {
        let manifest = &spec.manifest;
        self.set_rows(manifest, schedule);
        for (index, count) in manifest.workers.iter().enumerate() {
            let frame = manifest_frame(manifest.for_workers(index))?;
            let host = HostShare { weight: 1, workers: (*count).max(1) };
            let partitions = Partition::of_hosts(&[host]).unwrap_or_default().concat();
            let all = partitions.iter().copied();
            debug_assert!(schedule.scenario(index).is_shared_by(all), "parts sum to the level");
            let scenario = narrow(index);
            for (number, partition) in partitions.into_iter().enumerate() {
                let (rows, iterations) = self.first_blocks(manifest, schedule, index);
                let reporter = self.aggregator.add_reporter(scenario, 1, HostId::COORDINATOR);
                let number = narrow(number);
                let place = WorkerPlace { scenario, number, host: 0, reporter };
                let assignment = Assignment { partition, rows, iterations };
                self.workers.spawn(&spec.exe, place, frame.clone(), assignment)?;
            }
        }
        Ok(())
    }
}
