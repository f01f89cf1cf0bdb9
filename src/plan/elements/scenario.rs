//! One kind of load against one target.

use crate::plan::elements::monitor::Monitor;
use crate::plan::elements::protocol::{Protocol, ProtocolWord, RawProtocol};
use crate::plan::elements::stage::RawStage;
use crate::plan::elements::threshold::RawThreshold;
use crate::plan::elements::{protocol, stage, threshold};
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, Named, table};
use crate::plan::scale::Scale;
use crate::plan::suggest::did_you_mean;
use crate::plan::text::Text;
use crate::plan::tree::Key;
use crate::plan::{FixedWork, Overrides, RowOrder, Source, Stage, Threshold};
use crate::units::Time;
use serde::{Deserialize, Serialize};

/// One kind of load against one target; the scenarios of a plan run at the same time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// The name in `[scenarios.NAME]`.
    pub name: String,
    /// Index into `Plan::targets`.
    pub target: usize,
    /// When it starts, on the run's clock.
    pub start_after: StartAfter,
    /// What each user does.
    pub protocol: Protocol,
    /// One after the other; at least one.
    pub stages: Vec<Stage>,
    /// What must hold for a PASS.
    pub thresholds: Vec<Threshold>,
}

/// When a scenario starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartAfter {
    /// So long after the run's start; zero by default.
    Delay(Time),
    /// When every scenario that does not itself wait for this has reached its first hold.
    Hold,
}

impl Scenario {
    /// http: the name of a request, by its index.
    pub fn request(&self, at: u16) -> Option<&str> {
        self.protocol.requests().get(usize::from(at)).map(|one| one.name.as_str())
    }
}

table! {
    /// One kind of load against one target. The scenarios of a plan run at the same time.
    #[schemars(rename = "Scenario")]
    RawScenario, "a scenario", write "a table for each scenario: `[scenarios.NAME]`", in "`[scenarios.NAME]`",
    must {
        /// What each user does: `tcp-hold` opens one TCP connection and holds it, `ws-hold` a
        /// WebSocket, `http` sends requests.
        protocol: ProtocolWord = "protocol = \"tcp-hold\"` or `protocol = \"http\"",
        /// One after the other; levels, not additions.
        stages: Vec<RawStage> = "stages = [{ users = \"10\", hold = \"10s\" }]",
    }
    may {
        /// A name in `[targets]`. May be left out when the plan has one target.
        target: Text,
        /// When it starts: a time after the run's start, or `hold`: when every other scenario has
        /// reached its first hold.
        start_after: Text,
        /// What must hold for a PASS: `metric comparison bound`, or a table. Default:
        /// `failure_ratio < 1%` (http) or `success_ratio >= 99%` (tcp-hold, ws-hold); `[]` is none.
        thresholds: Vec<RawThreshold>,
    }
    with {
        of_protocol: RawProtocol,
    }
}

/// The context in which all scenarios are read.
pub(in crate::plan) struct Context<'a> {
    pub source: &'a Source,
    pub overrides: &'a Overrides,
    pub scale: Scale,
    pub target_names: Vec<&'a str>,
    /// The monitors that are read during the run.
    pub monitors: &'a [Monitor],
    /// Whether connections to each target are secured.
    pub secured: Vec<bool>,
    /// Whether connections to each target go through tunnels of a forward proxy.
    pub tunnelled: Vec<bool>,
    /// Whether all targets could be read, so that an unknown name is really unknown.
    pub targets_known: bool,
}

pub(super) fn scenario(
    key: &Key,
    raw: &RawScenario,
    context: &Context<'_>,
    errors: &mut Errors,
) -> Scenario {
    let word = raw.protocol.value().copied();
    if let Some(word) = word {
        protocol::reject_foreign_keys(word, &raw.of_protocol, errors);
    }
    let stages = stage::stages(&raw.stages, word.map(ProtocolWord::kind), context.scale, errors);
    let mut protocol = protocol::protocol(word, &raw.of_protocol, &stages, errors);
    if let Some(raw) = raw.stages.value().filter(|_| stages.known) {
        check_data(raw, &stages.list, &protocol, errors);
    }
    let target = target_of(key, raw, context, errors).unwrap_or(0);
    let thresholds =
        threshold::lowering::thresholds(raw, (target, &protocol), &stages, context, errors);
    protocol.count_within(threshold::lowering::within(&thresholds));
    Scenario {
        name: key.name.clone(),
        target,
        start_after: start_after(&raw.start_after, errors),
        protocol,
        stages: stages.list,
        thresholds,
    }
}

/// What `until = "data"` needs of the scenario: rows that are used once, and no later stage, which
/// would have none.
fn check_data(raw: &[RawStage], stages: &[Stage], protocol: &Protocol, errors: &mut Errors) {
    let is_unique = protocol.data().is_some_and(|data| data.order == RowOrder::Unique);
    for (index, (raw, stage)) in raw.iter().zip(stages).enumerate() {
        let Some(at) = raw.until.key().filter(|_| stage.work == Some(FixedWork::Data)) else {
            continue;
        };
        if !is_unique {
            errors
                .add(at, "`until = \"data\"` needs data whose rows are used once")
                .help("add `data = { file = \"rows.csv\", order = \"unique\" }` to the scenario");
        }
        if index + 1 < stages.len() {
            errors
                .add(at, "only the last stage can last until the data is used up")
                .help("remove the stages after it, or write `iterations = \"10k\"` instead");
        }
    }
}

/// Index of a scenario's target.
fn target_of(
    key: &Key,
    raw: &RawScenario,
    context: &Context<'_>,
    errors: &mut Errors,
) -> Option<usize> {
    let names = &context.target_names;
    let Some(given) = raw.target.given() else {
        if raw.target.is_absent() && names.len() > 1 {
            errors
                .add(key.at, format!("scenario `{}` does not say which target it loads", key.name))
                .help(format!(
                    "add `target = \"{}\"` (the plan has {} targets)",
                    names[0],
                    names.len()
                ));
        }
        return None;
    };
    let found = names.iter().position(|name| *name == given.value.value);
    if found.is_none() && context.targets_known {
        errors
            .add(given.at, format!("the plan has no target `{}`", given.value.shown))
            .help(did_you_mean(&given.value.shown, names.iter().copied(), "its targets are"));
    }
    found
}

fn start_after(field: &Field<Text>, errors: &mut Errors) -> StartAfter {
    let Some(given) = field.given() else { return StartAfter::Delay(Time::default()) };
    if given.value.value == "hold" {
        return StartAfter::Hold;
    }
    if let Ok(time) = given.value.value.parse() {
        return StartAfter::Delay(time);
    }
    errors
        .add(given.at, format!("expected a duration or `hold`, found `{}`", given.value.shown))
        .help("write `\"30s\"`, or `\"hold\"` to start when the other scenarios have reached their first hold");
    StartAfter::Delay(Time::default())
}

/// A scenario that waits for the hold of the others needs others.
pub(super) fn check_waits(raw: &Named<RawScenario>, scenarios: &[Scenario], errors: &mut Errors) {
    if scenarios.iter().any(|scenario| scenario.start_after != StartAfter::Hold) {
        return;
    }
    for (_, given) in raw.read() {
        if let Some(At { at, .. }) =
            given.value.start_after.given().filter(|_| !scenarios.is_empty())
        {
            errors
                .add(*at, "no other scenario has a hold to wait for")
                .help("leave `start_after` out, or write a time: `start_after = \"30s\"`");
            return;
        }
    }
}
