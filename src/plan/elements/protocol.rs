//! The protocols: which keys belong to which, and what they mean together.

use crate::catalogue::{ProtocolKind, ProtocolRow};
use crate::plan::elements::hold::RawHold;
use crate::plan::elements::hold::settings::{self, HoldSettings};
use crate::plan::elements::hold::websocket::Spoken;
use crate::plan::elements::http::Http;
use crate::plan::elements::http::keys::RawHttp;
use crate::plan::elements::stage::Stages;
use crate::plan::elements::ws_hold::RawWebSocket;
use crate::plan::elements::{http, ws_hold};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Keys, RawTable, table, words};
use crate::units::Time;
use serde::{Deserialize, Serialize};

/// The behaviour of each user of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Protocol {
    /// Opens one connection and holds it: `tcp-hold`, `ws-hold`.
    Hold(HoldSettings),
    /// Sends HTTP requests.
    Http(Http),
}

impl Protocol {
    /// Which protocol it is, without its settings.
    pub fn kind(&self) -> ProtocolKind {
        match self {
            Self::Hold(hold) if hold.websocket.is_some() => ProtocolKind::WsHold,
            Self::Hold(_) => ProtocolKind::TcpHold,
            Self::Http(_) => ProtocolKind::Http,
        }
    }

    /// The protocol's row in the catalogue, independent of its settings.
    pub fn row(&self) -> &'static ProtocolRow {
        self.kind().row()
    }

    /// The word in the plan.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }
}

words! {
    /// The behaviour of each user of a scenario.
    ProtocolWord {
        /// Opens one TCP connection and holds it.
        TcpHold = "tcp-hold",
        /// Opens one WebSocket and holds it.
        WsHold = "ws-hold",
        /// Sends HTTP requests.
        Http = "http",
    }
}

impl ProtocolWord {
    /// The protocol with this name.
    pub(crate) fn kind(self) -> ProtocolKind {
        match self {
            Self::TcpHold => ProtocolKind::TcpHold,
            Self::WsHold => ProtocolKind::WsHold,
            Self::Http => ProtocolKind::Http,
        }
    }
}

table! {
    /// The behaviour of a scenario's users, by its protocol.
    RawProtocol, "a scenario",
    must {}
    may {
        /// For opening a connection. Default: `10s`, or `timeout` if that is shorter.
        connect_timeout: Time,
    }
    with {
        hold: RawHold,
        websocket: RawWebSocket,
        http: RawHttp,
    }
}

/// The keys of a scenario of one protocol.
struct Element {
    /// Its name in plans.
    word: ProtocolWord,
    /// Tables whose keys its scenarios may have, beside those of every scenario.
    keys: &'static [&'static Keys],
    /// Keys of other protocols, and the keys to use instead.
    instead: &'static [(&'static str, &'static str)],
    /// Interprets its keys.
    lower: fn(&RawProtocol, &Stages, &mut Errors) -> Protocol,
}

/// The protocols.
const ELEMENTS: [Element; 3] = [
    Element {
        word: ProtocolWord::TcpHold,
        keys: &[&RawHold::KEYS],
        instead: &settings::INSTEAD,
        lower: |raw, stages, errors| {
            let timeout = &raw.connect_timeout;
            let spoken = Spoken::Raw;
            let keys = (&raw.hold, timeout, spoken);
            Protocol::Hold(settings::held(keys, stages.known(), errors))
        },
    },
    Element {
        word: ProtocolWord::WsHold,
        keys: &[&RawHold::KEYS, &RawWebSocket::KEYS],
        instead: &settings::INSTEAD,
        lower: |raw, stages, errors| {
            let keys = (&raw.hold, &raw.connect_timeout, Spoken::WebSocket);
            let mut hold = settings::held(keys, stages.known(), errors);
            let websocket = ws_hold::websocket(&raw.websocket, &raw.hold, &hold, errors);
            hold.websocket = Some(Box::new(websocket));
            Protocol::Hold(hold)
        },
    },
    Element {
        word: ProtocolWord::Http,
        keys: &[&RawHttp::KEYS],
        instead: &http::INSTEAD,
        lower: |raw, stages, errors| {
            let timeout = &raw.connect_timeout;
            Protocol::Http(http::http(&raw.http, timeout, &stages.list, errors))
        },
    },
];

impl Element {
    fn name(&self) -> &'static str {
        self.word.kind().name()
    }

    fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|table| table.has(key))
    }
}

/// Says which keys of a scenario belong to other protocols.
pub(super) fn reject_foreign_keys(word: ProtocolWord, raw: &RawProtocol, errors: &mut Errors) {
    let Some(mine) = ELEMENTS.iter().find(|element| element.word == word) else { return };
    for (name, at) in raw.optional_keys() {
        let owners = ELEMENTS.iter().filter(|element| element.has(name));
        let owners: Vec<&str> = owners.map(Element::name).collect();
        if owners.is_empty() || mine.has(name) {
            continue;
        }
        let owners = owners.join(" and ");
        let instead = mine.instead.iter().find(|(key, _)| *key == name);
        errors
            .add(at, format!("`{name}` belongs to {owners}, and this scenario is {}", mine.name()))
            .label(format!("a key of {owners}"))
            .help(instead.map_or("leave it out", |(_, help)| help));
    }
}

/// The behaviour of each user. An unknown protocol is replaced by a placeholder, and its keys are
/// not looked at.
pub(super) fn protocol(
    word: Option<ProtocolWord>,
    raw: &RawProtocol,
    stages: &Stages,
    errors: &mut Errors,
) -> Protocol {
    match ELEMENTS.iter().find(|element| Some(element.word) == word) {
        Some(element) => (element.lower)(raw, stages, errors),
        None => {
            Protocol::Http(http::http(&RawHttp::default(), &Field::Absent, &stages.list, errors))
        }
    }
}
