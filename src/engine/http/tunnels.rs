//! Tunnels through a forward proxy: what asks for them, and the time that they take to open.

use super::super::load::Load;
use super::super::worker::Ready;
use super::{HttpHost, HttpWorker};
use crate::plan::{Endpoint, Http, TimeMetric};
use crate::workload::http::tunnel_request;

impl<H: HttpHost> HttpWorker<H> {
    /// The tunnel of a connection is open: what follows is with the target.
    pub(super) fn tunnelled(&mut self, slot: u32, event: Ready, now: u64) {
        let entry = self.slots.get(slot);
        let took = now.saturating_sub(std::mem::replace(&mut entry.opened_ns, now));
        self.recorder.cell(entry.attempt.key).time(TimeMetric::ProxyTime, took);
        self.secure(slot, event, now);
    }
}

/// What asks a forward proxy for a tunnel, for each address of a load; none where it needs none.
pub(super) fn tunnel_requests(load: &Load, http: &Http) -> Vec<Box<[u8]>> {
    let Some(proxy) = http.proxy.as_ref().filter(|_| http.tunnels) else { return Vec::new() };
    let Endpoint::Urls(urls) = &load.plan.target(load.scenario()).endpoint else {
        return Vec::new();
    };
    load.origins.iter().map(|origin| tunnel_request(proxy, &urls[usize::from(*origin)])).collect()
}
