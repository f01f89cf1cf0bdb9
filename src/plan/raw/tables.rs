//! The tables of a plan. The doc comments are what `planrun schema` shows in editors.

use crate::plan::elements::hold::heartbeat::RawHeartbeat;
use crate::plan::elements::http::connection::RawConnection;
use crate::plan::elements::http::request::RawRequest;
use crate::plan::elements::plan::RawPlan;
use crate::plan::elements::scenario::RawScenario;
use crate::plan::elements::stage::RawStage;
use crate::plan::elements::target::RawTarget;
use crate::plan::elements::target::faults::RawFaults;
use crate::plan::elements::target::tls::RawTls;
use crate::plan::elements::threshold::RawThresholdTable;
use crate::plan::raw::Keys;

/// A line to paste for each key that must be there.
pub(super) const EXAMPLES: [(&str, &str); 16] = [
    ("name", "name = \"my-plan\""),
    ("targets", "targets.web = { address = \"http://127.0.0.1:8080/\" }"),
    ("scenarios", "[scenarios.web]"),
    ("protocol", "protocol = \"tcp-hold\"` or `protocol = \"http\""),
    ("stages", "stages = [{ users = \"10\", hold = \"10s\" }]"),
    ("from", "from = \"server\"` or `from = \"client\""),
    ("every", "every = \"60s\""),
    ("condition", "condition = \"failure_ratio < 1%\""),
    ("backoff", "backoff = \"1s..30s\""),
    ("mean", "mean = \"60s\""),
    ("at", "at = \"30s\""),
    ("drop", "drop = \"10%\""),
    ("method", "method = \"GET\""),
    ("min", "min = \"1k\""),
    ("max", "max = \"20k\""),
    ("file", "file = \"rows.csv\""),
];

/// What a table looks like, for those that are usually written on one line.
pub(super) const TABLE_EXAMPLES: [(&str, &str); 11] = [
    ("a target", "a table for each target: `[targets.NAME]`"),
    ("a scenario", "a table for each scenario: `[scenarios.NAME]`"),
    ("a stage", "a table for each stage: `{ users = \"10k\", hold = \"10s\" }`"),
    ("a heartbeat", "a table: `{ from = \"server\", every = \"60s\" }`"),
    ("a request", "a table for each request: `{ path = \"/\" }`"),
    ("`connection`", "a table: `{ max_requests = 1 }`"),
    ("`auth`", "a table: `{ bearer = \"${env.TOKEN}\" }`"),
    ("`expect`", "a table: `{ status = 200, body = \"ok\" }`"),
    ("`data`", "a table: `{ file = \"rows.csv\" }`"),
    ("a value to extract", "a table: `{ json = \"/token\" }`"),
    ("`faults`", "a table: `{ share = \"1%\", reset_after = \"5s\" }`"),
];

/// A table, and where it is written.
pub(super) struct Home {
    pub keys: Keys,
    pub place: &'static str,
}

/// The tables that a key is looked for in when it stands in the wrong one.
pub(super) const HOMES: [Home; 10] = [
    Home { keys: RawStage::KEYS, place: "`stages = [{ … }]` of a scenario" },
    Home { keys: RawScenario::KEYS, place: "`[scenarios.NAME]`" },
    Home { keys: RawTarget::KEYS, place: "`[targets.NAME]`" },
    Home { keys: RawRequest::KEYS, place: "`requests = [{ … }]` of a scenario" },
    Home { keys: RawPlan::KEYS, place: "the first lines, before any `[table]`" },
    Home { keys: RawTls::KEYS, place: "`tls = { … }` of a target" },
    Home { keys: RawHeartbeat::KEYS, place: "`heartbeat = { … }` of a scenario" },
    Home { keys: RawThresholdTable::KEYS, place: "`thresholds = [{ … }]` of a scenario" },
    Home { keys: RawConnection::KEYS, place: "`connection = { … }` of a scenario" },
    Home { keys: RawFaults::KEYS, place: "`faults = { … }` of a target that is `builtin`" },
];
