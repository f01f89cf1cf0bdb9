//! A whole plan.
//!
//! **Invariant:** keys that could not be read were reported where they were read; only
//! contradictions are reported here.

use crate::plan::elements::baseline;
use crate::plan::elements::compare::{self, RawCompare};
use crate::plan::elements::generator::RawGenerator;
use crate::plan::elements::hold::close::Close;
use crate::plan::elements::hold::event::DisconnectEvent;
use crate::plan::elements::hold::expect::RawExpectTable;
use crate::plan::elements::hold::heartbeat::RawHeartbeat;
use crate::plan::elements::hold::opening::RawOpeningStep;
use crate::plan::elements::hold::payload::RawEncoded;
use crate::plan::elements::hold::send_every::RawSendEvery;
use crate::plan::elements::http::connection::RawConnection;
use crate::plan::elements::http::request::RawRequest;
use crate::plan::elements::monitor::{self, RawMonitor};
use crate::plan::elements::scenario::RawScenario;
use crate::plan::elements::scenario::{Context, check_waits, scenario};
use crate::plan::elements::search::RawSearch;
use crate::plan::elements::stage::RawStage;
use crate::plan::elements::target::faults::RawFaults;
use crate::plan::elements::target::keys::RawTarget;
use crate::plan::elements::target::tls;
use crate::plan::elements::target::tls::RawTls;
use crate::plan::elements::threshold::RawThresholdTable;
use crate::plan::elements::{generator, search, target};
use crate::plan::error::Errors;
use crate::plan::names::NameKind;
use crate::plan::raw::Keys;
use crate::plan::raw::{At, Field, Named, table};
use crate::plan::text::Text;
use crate::plan::{Overrides, Plan, Source, StartAfter, names, overrides};
use crate::units::{Count, Time};

table! {
    /// A test plan: its targets, its load, and what must hold.
    #[schemars(rename = "Plan")]
    RawPlan, "a plan", in "the first lines, before any `[table]`",
    must {
        /// Names the result folder: letters, digits, `-`, `_` and `.`.
        name: Text = "name = \"my-plan\"",
        /// The systems under test, each with a name.
        targets: Named<RawTarget> = "targets.web = { address = \"http://127.0.0.1:8080/\" }",
        /// What runs at the same time, each with a name.
        scenarios: Named<RawScenario> = "[scenarios.web]",
    }
    may {
        /// A one-line description.
        description: Text,
        /// Seeds think times, jitter and the choice of requests. Default: 42.
        seed: Count,
        /// The result folder of an earlier run of this plan, as seen from the plan's folder:
        /// thresholds like `service_time.p99 <= +5%` are relative to its figures.
        /// `--baseline DIR` overrides it.
        baseline: Text,
        /// Exporters of metrics to read beside the load, each with a name.
        monitors: Named<RawMonitor>,
        /// How this machine makes the load.
        generator: RawGenerator,
        /// Looks for the highest level that passes, by one run after the other.
        search: RawSearch,
        /// How often the plan is run, from 1 to 100; `planrun compare` compares sets of runs.
        /// Default: 1, with `[compare]` 5 for each side.
        repeat: Count,
        /// Runs the plan against two sides in turns, and compares them.
        compare: RawCompare,
    }
}

/// The tables in which a misplaced key is looked up.
pub(in crate::plan) const TABLES: [&Keys; 16] = [
    &RawStage::KEYS,
    &RawScenario::KEYS,
    &RawTarget::KEYS,
    &RawRequest::KEYS,
    &RawPlan::KEYS,
    &RawTls::KEYS,
    &RawHeartbeat::KEYS,
    &RawEncoded::KEYS,
    &RawExpectTable::KEYS,
    &RawOpeningStep::KEYS,
    &RawSendEvery::KEYS,
    &RawThresholdTable::KEYS,
    &RawConnection::KEYS,
    &RawFaults::KEYS,
    &RawMonitor::KEYS,
    &RawGenerator::KEYS,
];

/// The most scenarios of a plan, and the most targets.
const MOST: usize = 100;

/// The plan. Worth nothing when there are errors: then some of it stands for what could not be
/// read.
pub(in crate::plan) fn lower(
    raw: &RawPlan,
    source: &Source,
    overrides: &Overrides,
    errors: &mut Errors,
) -> Plan {
    let scale = overrides::scale(overrides, errors);
    let none = Named(Vec::new());
    let raw_targets = raw.targets.value().unwrap_or(&none);
    let monitors = monitor::monitors(&raw.monitors, errors);
    let context = Context {
        monitors: &monitors,
        source,
        overrides,
        scale,
        target_names: raw_targets.names().collect(),
        secured: secured(raw_targets),
        tunnelled: tunnelled(raw_targets),
        targets_known: raw.targets.given().is_some(),
    };
    check_names("target", &raw.targets, errors);
    check_names("scenario", &raw.scenarios, errors);
    let none = Named(Vec::new());
    let raw_scenarios = raw.scenarios.value().unwrap_or(&none);
    let mut users = Vec::new();
    let mut scenarios = Vec::new();
    for (key, given) in raw_scenarios.read() {
        let scenario = scenario(key, &given.value, &context, errors);
        if let Some(user) = target::user::user(key, &given.value, &scenario) {
            users.push(user);
        }
        scenarios.push(scenario);
    }
    let targets = target::targets(raw_targets, &users, errors);
    for scenario in &mut scenarios {
        let target = targets.get(scenario.target);
        let place = raw_targets.0.get(scenario.target).and_then(|(_, raw)| raw.as_ref());
        let place = place.and_then(|raw| raw.value.proxy.key());
        if let (Some(target), Some(at)) = (target, place) {
            scenario.protocol.use_proxy(target, at, errors);
        }
    }
    let names: Vec<&str> = raw_scenarios.read().map(|(key, _)| key.name.as_str()).collect();
    let keep = overrides::only(overrides, &names, errors);
    check_waits(raw_scenarios, &scenarios, errors);
    let baseline = baseline::baseline(&raw.baseline, overrides, &scenarios, errors);
    let search = search::search(&raw.search, &scenarios, &context, errors);
    let searches = !raw.search.is_absent();
    let repeat = compare::repeat(&raw.repeat, searches, errors);
    let compare = compare::compare(&raw.compare, (&scenarios, &users), &context, searches, errors);
    let plan = Plan {
        name: plan_name(raw, errors),
        description: raw
            .description
            .given()
            .and_then(|text| names::public(text, errors))
            .map(str::to_owned),
        seed: raw.seed.value().map_or(42, |seed| seed.0),
        targets,
        scenarios,
        monitors,
        generator: generator::generator(&raw.generator, errors),
        search,
        repeat,
        compare,
        baseline,
    };
    check_ports(raw, &plan, errors);
    pick(plan, &keep)
}

fn plan_name(raw: &RawPlan, errors: &mut Errors) -> String {
    let Some(given) = raw.name.given() else { return String::new() };
    let Some(name) = names::public(given, errors) else { return String::new() };
    names::check(name, NameKind::Folder, given.at, errors);
    name.to_owned()
}

/// Checks the names of targets or scenarios, and that there are some, and not too many.
fn check_names<T>(noun: &str, field: &Field<Named<T>>, errors: &mut Errors) {
    let Some(given) = field.given() else { return };
    let named = &given.value.0;
    if named.is_empty() {
        errors
            .add(given.at, format!("the plan has no {noun}"))
            .help(format!("add a table `[{noun}s.NAME]`"));
    }
    if let Some((key, _)) = named.get(MOST) {
        errors.add(key.at, format!("a plan has at most {MOST} {noun}s"));
    }
    for (key, _) in named {
        names::check(&key.name, NameKind::Word, key.at, errors);
    }
}

/// Whether connections to each target are secured; one that could not be read is given the benefit
/// of the doubt.
fn secured(targets: &Named<RawTarget>) -> Vec<bool> {
    let tls = |target: &Option<At<RawTarget>>| {
        target.as_ref().is_none_or(|target| {
            !target.value.tls.is_absent() || tls::is_secure(&target.value.address)
        })
    };
    targets.0.iter().map(|(_, target)| tls(target)).collect()
}

/// Whether connections to each target go through tunnels of a forward proxy.
fn tunnelled(targets: &Named<RawTarget>) -> Vec<bool> {
    let tunnel = |target: &Option<At<RawTarget>>| {
        target.as_ref().is_none_or(|target| {
            !target.value.proxy.is_absent() && tls::is_secure(&target.value.address)
        })
    };
    targets.0.iter().map(|(_, target)| tunnel(target)).collect()
}

/// The plan with only the selected scenarios and their targets.
fn pick(mut plan: Plan, keep: &[bool]) -> Plan {
    let mut kept = keep.iter();
    plan.scenarios.retain(|_| kept.next().copied().unwrap_or(true));
    // With no scenario left to wait for, the waiting one starts at once.
    if plan.scenarios.iter().all(|scenario| scenario.start_after == StartAfter::Hold) {
        for scenario in &mut plan.scenarios {
            scenario.start_after = StartAfter::Delay(Time::default());
        }
    }
    let used: Vec<usize> = (0..plan.targets.len())
        .filter(|index| plan.scenarios.iter().any(|scenario| scenario.target == *index))
        .collect();
    for scenario in &mut plan.scenarios {
        scenario.target = used.iter().position(|index| *index == scenario.target).unwrap_or(0);
    }
    let known = |name: &str| plan.scenarios.iter().any(|scenario| scenario.name == name);
    if plan.search.as_ref().is_some_and(|search| !known(&search.scenario)) {
        plan.search = None;
    }
    let mut index = 0;
    plan.targets.retain(|_| {
        index += 1;
        used.contains(&(index - 1))
    });
    plan
}

/// A port that is bound by hand cannot be taken again for a minute after a connection that was
/// ended by FIN from here.
fn check_ports(raw: &RawPlan, plan: &Plan, errors: &mut Errors) {
    let key = raw.generator.value().and_then(|generator| generator.port_range.key());
    let Some(at) = key.filter(|_| plan.generator.port_range.is_some()) else { return };
    let by_fin = |event: &DisconnectEvent| event.by == Close::Fin;
    let waits = plan.scenarios.iter().find(|scenario| {
        scenario.protocol.churn().is_some_and(|churn| {
            let closes = churn.lifetime.is_some() && scenario.protocol.close() == Close::Fin;
            closes || churn.reopens() && churn.events.iter().any(by_fin)
        })
    });
    if let Some(scenario) = waits {
        errors
            .add(at, format!("scenario `{}` closes connections by FIN and opens others in their places: their ports are taken for a minute", scenario.name))
            .help("leave `port_range` out: the kernel chooses free ports; or end them by RST: `close = \"rst\"` in the scenario, `by = \"rst\"` in its events");
    }
}
