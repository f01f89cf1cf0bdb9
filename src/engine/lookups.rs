//! Looks up the names of targets again during a run.
//!
//! **Invariant:** a thread for each target does it and nothing else: a lookup that takes long, or
//! never ends, holds up neither the load nor the coordinator.

use super::clock::Clock;
use super::event::Resolved;
use super::lookup::look_up;
use super::probe::probe;
use crate::plan::{Generator, Plan, Target};
use crate::record::Lookup;
use crate::units::{Address, narrow};
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::sync::mpsc;

/// A lookup with another result than the one before, for the coordinator.
#[derive(Debug)]
pub(super) struct NewLookup {
    /// What is recorded.
    pub(super) lookup: Lookup,
    /// All addresses, each with the index of the plan's address that it belongs to.
    pub(super) found: Vec<(Address, u16)>,
}

/// The later lookups of a run, which end when this is dropped.
#[derive(Debug)]
pub(super) struct Lookups {
    incoming: Option<mpsc::UnboundedReceiver<NewLookup>>,
    /// Dropped to wake the threads.
    _stops: Vec<Sender<()>>,
}

impl Lookups {
    /// Starts a thread for each target of the plan whose names are looked up again.
    pub(super) fn start(plan: &Plan, resolved: &[Resolved], clock: Clock) -> std::io::Result<Self> {
        let (found, incoming) = mpsc::unbounded_channel();
        let mut stops = Vec::new();
        for (index, (target, resolved)) in plan.targets.iter().zip(resolved).enumerate() {
            let Some(dns) = target.dns.filter(|_| !resolved.addresses.is_empty()) else { continue };
            let (stop, stopped) = channel();
            let known = resolved.addresses.iter().cloned().zip(resolved.origins.iter().copied());
            let mut names = TargetNames::new(narrow(index), target.clone(), known.collect());
            let (found, generator) = (found.clone(), plan.generator.clone());
            std::thread::Builder::new().name("lookups".to_owned()).spawn(move || {
                let every = dns.refresh.0;
                let mut due = clock.until_start() + every;
                let mut passed = Duration::ZERO;
                while is_due(&stopped, due.saturating_sub(passed)) {
                    let begun = clock.now_ns();
                    if let Some(new) = names.look(&generator, clock) {
                        // Nobody hears it after the run.
                        let _ = found.send(new);
                    }
                    due = every;
                    passed = Duration::from_nanos(clock.now_ns() - begun);
                }
            })?;
            stops.push(stop);
        }
        let incoming = (!stops.is_empty()).then_some(incoming);
        Ok(Self { incoming, _stops: stops })
    }

    /// The next lookup with another result; waits for ever where there is none.
    pub(super) async fn next(&mut self) -> NewLookup {
        if let Some(incoming) = &mut self.incoming
            && let Some(new) = incoming.recv().await
        {
            return new;
        }
        std::future::pending().await
    }
}

/// Waits; false once the run is over.
fn is_due(stopped: &Receiver<()>, wait: Duration) -> bool {
    matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
}

/// The names of one target, and what the last lookup has found.
struct TargetNames {
    index: u16,
    target: Target,
    addresses: Vec<(Address, u16)>,
    failures: Vec<String>,
}

impl TargetNames {
    fn new(index: u16, target: Target, mut addresses: Vec<(Address, u16)>) -> Self {
        addresses
            .sort_by(|(left, of_left), (right, of_right)| (of_left, left).cmp(&(of_right, right)));
        Self { index, target, addresses, failures: Vec::new() }
    }

    /// Looks them up; `None` if the result is the same as before.
    fn look(&mut self, generator: &Generator, clock: Clock) -> Option<NewLookup> {
        let (found, failures) = look_up(&self.target);
        let try_address =
            |address: &Address| probe(address, generator).map_err(|error| error.to_string());
        let (addresses, failures) = self.usable(found, failures, try_address);
        let is_change = addresses != self.addresses;
        if !is_change && failures == self.failures {
            return None;
        }
        (self.addresses, self.failures) = (addresses, failures);
        let lookup = Lookup {
            target: self.index,
            at_ns: clock.now_ns(),
            addresses: self.addresses.iter().map(|(address, _)| address.clone()).collect(),
            is_change,
            failures: self.failures.clone(),
        };
        Some(NewLookup { lookup, found: self.addresses.clone() })
    }

    /// Of the addresses that were found those that can be used: new ones must accept a connection,
    /// as before the run. What has none any more keeps those that it had.
    fn usable(
        &self,
        found: Vec<(Address, u16)>,
        mut words: Vec<String>,
        try_address: impl Fn(&Address) -> Result<(), String>,
    ) -> (Vec<(Address, u16)>, Vec<String>) {
        let mut usable = Vec::new();
        for (address, origin) in found {
            let known = self.addresses.iter().any(|(one, of)| (one, *of) == (&address, origin));
            let tried = if known || !self.target.probe { Ok(()) } else { try_address(&address) };
            match tried {
                Ok(()) => usable.push((address, origin)),
                Err(why) => words.push(format!("{address} does not accept connections: {why}")),
            }
        }
        let with: BTreeSet<u16> = usable.iter().map(|(_, origin)| *origin).collect();
        let kept = self.addresses.iter().filter(|(_, origin)| !with.contains(origin));
        usable.extend(kept.cloned());
        usable
            .sort_by(|(left, of_left), (right, of_right)| (of_left, left).cmp(&(of_right, right)));
        (usable, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::testing;

    fn address(text: &str) -> (Address, u16) {
        (text.parse().unwrap(), 0)
    }

    #[test]
    fn what_cannot_be_found_or_reached_keeps_the_addresses_from_before() {
        let target = testing::plan(testing::scenario(testing::http(), &[])).targets.remove(0);
        let names =
            TargetNames::new(0, target, vec![address("10.0.0.2:80"), address("10.0.0.1:80")]);
        let both = vec![address("10.0.0.1:80"), address("10.0.0.2:80")];
        let dead = |_: &Address| Err("refused".to_owned());
        // Known addresses are not tried again.
        assert_eq!(names.usable(both.clone(), Vec::new(), dead), (both.clone(), Vec::new()));
        let failed = vec!["cannot resolve".to_owned()];
        let kept = names.usable(Vec::new(), failed, dead);
        assert_eq!(kept, (both.clone(), vec!["cannot resolve".to_owned()]));
        let new = vec![address("10.0.0.3:80")];
        assert_eq!(names.usable(new.clone(), Vec::new(), |_| Ok(())), (new.clone(), Vec::new()));
        let (usable, why) = names.usable(new, Vec::new(), dead);
        assert_eq!((usable, why.len()), (both, 1));
    }
}
