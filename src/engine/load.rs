//! Turns a manifest and an assignment into what one worker does.

use super::channel::wire::Assignment;
use super::later_addresses::LaterAddresses;
use super::manifest::WorkerManifest;
use super::rows::RowSource;
use crate::machine::Sources;
use crate::plan::{Plan, ProxyVersion, Scenario};
use crate::schedule::{Partition, ScenarioSchedule, Schedule, StageTimes};
use crate::units::{Address, index, narrow};
use crate::workload::Route;
use crate::workload::http::TestData;
use crate::workload::tls;
use std::sync::Arc;

/// Connections are counted by address where there are not more than these.
const MOST_COUNTED_APART: usize = 256;

/// One worker's part of one scenario.
#[derive(Debug, Clone)]
pub struct Load {
    /// The plan.
    pub plan: Plan,
    /// Index into `Plan::scenarios`.
    pub scenario: usize,
    /// Which part of it.
    pub partition: Partition,
    /// The due times.
    pub schedule: ScenarioSchedule,
    /// When which mark is passed, as far as it is known.
    pub timeline: StageTimes,
    /// The target, used in turn by blocks of users or by arrivals; at least one.
    pub addresses: Vec<Address>,
    /// Which of the plan's addresses each of these belongs to; empty for a built-in server.
    pub origins: Vec<u16>,
    /// Which of them new connections go to, where names are looked up again.
    pub(super) later: Option<LaterAddresses>,
    /// Whether connections are counted by address.
    pub(super) per_address: bool,
    /// Where to connect from.
    pub sources: Sources,
    /// Ports to bind explicitly; `None` lets the kernel choose one at connect time.
    pub ports: Option<(u16, u16)>,
    /// The TLS client of connections; `None`: they are not secured.
    pub tls: Option<tls::Client>,
    /// The header with which connections begin; `None`: with none.
    pub proxy_protocol: Option<ProxyVersion>,
    /// http: what requests are made of beside the plan.
    pub stock: Arc<TestData>,
    /// http: where rows come from that are used once.
    pub rows: RowSource,
    /// http: the first block of each stage with a number of iterations.
    pub iterations: Vec<(u64, u64)>,
}

impl Load {
    /// The work of a worker, from the manifest that its coordinator resolved.
    ///
    /// # Errors
    /// In words, where something cannot be prepared on this machine.
    pub fn of(manifest: WorkerManifest, assignment: &Assignment) -> Result<Self, String> {
        let WorkerManifest { plan, scenario, inputs, files } = manifest;
        let scenario = usize::from(scenario);
        debug_assert!(scenario < plan.scenarios.len(), "scenario {scenario} is one of the plan");
        debug_assert!(!inputs.addresses.is_empty(), "a target has an address");
        let Assignment { partition, rows, iterations } = assignment.clone();
        debug_assert!(partition.is_valid(), "{partition:?} is one of its parts");
        let tls = inputs.tls.as_ref().map(tls::Client::new).transpose();
        let data = plan.scenarios[scenario].protocol.data();
        let stock = TestData::new(data, files).map_err(|wrong| wrong.to_string())?;
        let stock = stock.seeded(plan.seed, scenario);
        let schedule = Schedule::new(&plan);
        let target = plan.target(&plan.scenarios[scenario]);
        let later = target.dns.map(|_| LaterAddresses::new(&inputs.origins));
        let several = (2..=MOST_COUNTED_APART).contains(&inputs.origins.len());
        Ok(Self {
            per_address: several || later.is_some() || !target.resolve.is_empty(),
            later,
            scenario,
            partition,
            timeline: schedule.timelines().swap_remove(scenario),
            schedule: schedule.scenario(scenario).clone(),
            addresses: inputs.addresses,
            origins: inputs.origins,
            sources: inputs.sources,
            ports: plan.generator.port_range,
            tls: tls.map_err(|error| error.to_string())?,
            stock: stock.into(),
            rows,
            iterations,
            proxy_protocol: plan.target(&plan.scenarios[scenario]).proxy_protocol,
            plan,
        })
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.plan.scenarios[self.scenario]
    }

    /// Which of the addresses user or arrival number `i` connects to.
    pub fn address(&self, i: u64) -> usize {
        let turn = i / self.schedule.block;
        match &self.later {
            None => index(turn % self.addresses.len() as u64),
            Some(later) => later.of_turn(turn),
        }
    }

    /// The address of the start that has the URL, and the name in TLS, of this one.
    pub(super) fn like(&self, address: usize) -> usize {
        self.later.as_ref().map_or(address, |later| later.like(address))
    }

    /// How many turns pass until each address had one.
    pub(super) fn turns(&self) -> usize {
        self.later.as_ref().map_or(self.addresses.len(), LaterAddresses::turns)
    }

    /// Takes in the addresses that a lookup during the run has found, with the plan's address that
    /// each belongs to.
    pub(super) fn learn_addresses(&mut self, found: &[(Address, u16)]) {
        if let Some(later) = &mut self.later {
            later.learn(found, (&mut self.addresses, &mut self.origins));
        }
    }

    /// Where user or arrival number `i` connects to now, and from where: a function of `i` and,
    /// where names are looked up again, of what they resolve to.
    pub fn route(&self, i: u64) -> Route<'_> {
        self.route_to(i, self.address(i))
    }

    /// The same to an address that was chosen before.
    pub(super) fn route_to(&self, i: u64, address: usize) -> Route<'_> {
        let (block, targets) = (self.schedule.block, self.addresses.len() as u64);
        let turn = i / block;
        let to = &self.addresses[address];
        // Whatever its name resolves to, no two connections to an address have the same number.
        let nth = if self.later.is_some() { i } else { turn / targets * block + i % block };
        // Sources are chosen for the family of the first address; one of the other family gets the
        // kernel's choice.
        let from = self
            .sources
            .source_of(nth)
            .filter(|from| to.tcp().is_some_and(|to| from.is_ipv4() == to.is_ipv4()));
        let port = self.ports.map_or(0, |(first, last)| {
            let span = u64::from(last - first) + 1;
            first + narrow(index(self.sources.place_of(nth) % span))
        });
        Route { to, from, port, proxy_protocol: self.proxy_protocol }
    }
}
