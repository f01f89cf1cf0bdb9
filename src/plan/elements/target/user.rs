//! A scenario as its target sees it.

use crate::plan::elements::protocol::ProtocolWord;
use crate::plan::elements::scenario::RawScenario;
use crate::plan::span::Span;
use crate::plan::tree::Key;
use crate::plan::{HoldSettings, Scenario};

/// A scenario as its target sees it.
pub(in crate::plan) struct User<'a> {
    pub name: &'a str,
    pub target: usize,
    pub protocol: ProtocolWord,
    /// The place of the protocol's word.
    pub at: Span,
    pub hold: Option<HoldSettings>,
    pub greeting: Option<Span>,
    pub expect: Option<Span>,
    pub opening: Option<Span>,
    pub heartbeat: Option<Span>,
}

/// A scenario as its target sees it; `None` when its protocol is not known.
pub(in crate::plan) fn user<'a>(
    key: &'a Key,
    raw: &RawScenario,
    scenario: &Scenario,
) -> Option<User<'a>> {
    let protocol = raw.protocol.given()?;
    Some(User {
        name: &key.name,
        target: scenario.target,
        protocol: protocol.value,
        at: protocol.at,
        hold: scenario.protocol.hold().cloned(),
        greeting: raw.of_protocol.hold.greeting.key(),
        expect: raw.of_protocol.hold.expect.key(),
        opening: raw.of_protocol.hold.opening.key(),
        heartbeat: raw.of_protocol.hold.heartbeat.key(),
    })
}
