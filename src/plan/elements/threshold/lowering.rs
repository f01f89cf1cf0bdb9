//! Reads the thresholds of a scenario.

use crate::catalogue::{Need, ProtocolKind};
use crate::plan::elements::scenario::{Context, RawScenario};
use crate::plan::elements::stage::Stages;
use crate::plan::elements::threshold::condition::Condition;
use crate::plan::elements::threshold::default::{default_threshold, of_fixed_work};
use crate::plan::elements::threshold::reach::ThresholdContext;
use crate::plan::elements::threshold::relative::RelativeBound;
use crate::plan::elements::threshold::{
    DuringWord, RawThreshold, RawThresholdTable, condition, reach, request_scope,
};
use crate::plan::error::Errors;
use crate::plan::raw::At;
use crate::plan::raw::time;
use crate::plan::span::Span;
use crate::plan::suggest::did_you_mean;
use crate::plan::text::{Text, inside};
use crate::plan::{During, Metric, Protocol, RequestScope, Scope, Stage, Threshold, names};
use crate::units::{Time, is_printable};
use std::collections::BTreeSet;
use std::time::Duration;

/// The most thresholds of a scenario.
const MOST: usize = 1_000;

pub(in crate::plan) fn thresholds(
    raw: &RawScenario,
    (target, protocol): (usize, &Protocol),
    stages: &Stages,
    context: &Context<'_>,
    errors: &mut Errors,
) -> Vec<Threshold> {
    let Some(word) = raw.protocol.value() else { return Vec::new() };
    let seen = ThresholdContext {
        protocol,
        secured: context.secured.get(target).copied().unwrap_or(true),
        tunnelled: context.tunnelled.get(target).copied().unwrap_or(true),
        stages: &stages.list,
        overrides: context.overrides,
    };
    if raw.thresholds.is_absent() {
        return default_threshold(&seen).into_iter().chain(of_fixed_work(&seen)).collect();
    }
    let Some(given) = raw.thresholds.given() else { return Vec::new() };
    if let Some(RawThreshold::Text(At { at, .. })) = given.value.get(MOST) {
        errors.add(*at, format!("a scenario has at most {MOST} thresholds"));
        return Vec::new();
    }
    let protocol_known = raw.of_protocol.hold.is_known() && raw.of_protocol.http.is_known();
    let mut thresholds = Vec::new();
    for entry in &given.value {
        let (text, entry_raw) = match entry {
            RawThreshold::Text(text) => (text, None),
            RawThreshold::Table(raw) => match raw.condition.given() {
                Some(text) => (text, Some(raw.as_ref())),
                None => continue,
            },
        };
        let before = errors.count();
        let of = (word.kind(), protocol, protocol_known);
        let Some(threshold) = threshold(text, entry_raw, of, stages, context, errors) else {
            continue;
        };
        if errors.count() == before && stages.known && protocol_known {
            reach::check(&threshold, &seen, metric_place(text), errors);
        }
        thresholds.extend(with_one_baseline(threshold, &stages.list, protocol));
        if thresholds.len() > MOST {
            errors.add(text.at, format!("a scenario has at most {MOST} thresholds"));
            return Vec::new();
        }
    }
    let of_iterations = |one: &Threshold| one.metric.row().needs(Need::FixedWork);
    if !thresholds.is_empty() && !thresholds.iter().any(of_iterations) {
        thresholds.extend(of_fixed_work(&seen));
    }
    thresholds
}

/// The thresholds of which each has one figure of the baseline: by stage and request, in the order
/// in which they are judged.
fn with_one_baseline(
    threshold: Threshold,
    stages: &[Stage],
    protocol: &Protocol,
) -> Vec<Threshold> {
    if threshold.relative.is_none() {
        return vec![threshold];
    }
    let scopes = match threshold.scope {
        Scope::EachStage => {
            let judged = stages.iter().enumerate().filter(|(_, stage)| !stage.warmup);
            judged.map(|(at, _)| Scope::Stage(at)).collect()
        }
        scope @ (Scope::Scenario | Scope::Stage(_)) => vec![scope],
    };
    let requests = match threshold.requests {
        RequestScope::Each => {
            (0..).zip(protocol.requests()).map(|(at, _)| RequestScope::One(at)).collect()
        }
        requests @ (RequestScope::All | RequestScope::One(_)) => vec![requests],
    };
    let each = scopes.iter().flat_map(|scope| requests.iter().map(move |request| (scope, request)));
    each.map(|(scope, request)| Threshold {
        scope: *scope,
        requests: *request,
        ..threshold.clone()
    })
    .collect()
}

/// The times within which thresholds want responses, the shortest first.
pub(in crate::plan) fn within(thresholds: &[Threshold]) -> Vec<Time> {
    let named = thresholds.iter().filter_map(|threshold| match threshold.metric {
        Metric::Within(time) => Some(time),
        _ => None,
    });
    named.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Where the metric of a condition stands.
fn metric_place(text: &At<Text>) -> Span {
    let shown = &text.value.shown;
    let start = shown.len() - shown.trim_start().len();
    let end = condition::end_of_metric(shown).unwrap_or(shown.len());
    inside(&text.value, text.at, start, start.max(shown[..end].trim_end().len()))
}

fn threshold(
    text: &At<Text>,
    raw: Option<&RawThresholdTable>,
    (word, protocol, known): (ProtocolKind, &Protocol, bool),
    stages: &Stages,
    context: &Context<'_>,
    errors: &mut Errors,
) -> Option<Threshold> {
    let written = names::public(text, errors)?;
    if !written.chars().all(is_printable) {
        errors
            .add(text.at, "a threshold must be on one line, with spaces between its parts")
            .help("write `metric comparison bound`: `connect.time.p99 < 1s`");
        return None;
    }
    let Condition { metric, comparison, bound, change } =
        match condition::parse(written, word, protocol.checks(), context.monitors) {
            Ok(condition) => condition,
            Err(wrong) => {
                let at = inside(&text.value, text.at, wrong.range.start, wrong.range.end);
                errors.add(at, wrong.message).help = wrong.help;
                return None;
            }
        };
    let none = RawThresholdTable::default();
    let raw = raw.unwrap_or(&none);
    let during = match raw.during.value() {
        Some(DuringWord::Ramp) => During::Ramp,
        Some(DuringWord::Hold) => During::Hold,
        Some(DuringWord::All) => During::All,
        // All of the work may be done in the ramp.
        None if protocol.has_fixed_work() => During::All,
        None => usual_phases(metric, word),
    };
    Some(Threshold {
        condition: written.to_owned(),
        line: line(text.at, context),
        is_default: false,
        metric,
        comparison,
        bound,
        relative: change.map(|(change, range)| {
            let at = inside(&text.value, text.at, range.start, range.end);
            let spot = at.argument.is_none().then(|| at.range());
            RelativeBound { written: written[range].to_owned(), change, spot, figure: None }
        }),
        scope: scope(raw, stages, errors)?,
        requests: request_scope::scope(&raw.request, metric, known.then_some(protocol), errors)?,
        during,
        window: window(raw, metric, errors),
        abort: raw.abort.value().copied().unwrap_or(false),
        grace: raw.grace.value().copied().unwrap_or_default(),
    })
}

/// The phases that a threshold looks at where it does not say it.
fn usual_phases(metric: Metric, protocol: ProtocolKind) -> During {
    if metric.row().all_phases.has(protocol) { During::All } else { During::Hold }
}

/// The line of the file, from 1; zero for a value of the command line.
fn line(at: Span, context: &Context<'_>) -> usize {
    if at.argument.is_some() {
        return 0;
    }
    context.source.text.get(..at.start).map_or(0, |before| before.matches('\n').count() + 1)
}

fn scope(raw: &RawThresholdTable, stages: &Stages, errors: &mut Errors) -> Option<Scope> {
    let Some(given) = raw.stage.given() else { return Some(Scope::Scenario) };
    let name = given.value.value.as_str();
    if name == "*" {
        return Some(Scope::EachStage);
    }
    let Some(index) = stages.list.iter().position(|stage| stage.name == name) else {
        if stages.known {
            let names = stages.list.iter().map(|stage| stage.name.as_str());
            errors
                .add(given.at, format!("this scenario has no stage `{}`", given.value.shown))
                .help(did_you_mean(&given.value.shown, names, "its stages are"));
        }
        return None;
    };
    if stages.list[index].warmup {
        errors
            .add(given.at, format!("stage `{name}` is a warm-up: thresholds do not look at it"))
            .help("leave `warmup` out of the stage, or look at another one");
    }
    Some(Scope::Stage(index))
}

fn window(raw: &RawThresholdTable, metric: Metric, errors: &mut Errors) -> Option<Time> {
    let given = raw.window.given()?;
    if matches!(metric, Metric::Monitor { .. }) {
        errors
            .add(given.at, "`window` does not apply to what a monitor reads")
            .help("leave `window` out: `min` and `max` look at each value");
        return None;
    }
    let window = time(&raw.window, "window", Time(Duration::from_secs(1)), errors);
    if window.0.subsec_nanos() != 0 {
        errors
            .add(given.at, "a window is a whole number of seconds")
            .help("write whole seconds, for example `window = \"10s\"`");
    }
    Some(window)
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::*;
    use crate::plan::*;

    #[test]
    fn thresholds_look_where_the_metric_lives() {
        let checks = [
            ("connect.time.p99 < 1s", During::All),
            ("connect.success_ratio >= 99%", During::All),
            ("success_ratio >= 99%", During::All),
            ("hold.survival_ratio >= 99%", During::Hold),
            ("connections.open > 5", During::Hold),
        ];
        for (check, during) in checks {
            let plan = set(HOLD, &[&format!("scenarios.hold.thresholds=[\"{check}\"]")]);
            let threshold = &plan.scenarios[0].thresholds[0];
            assert_eq!((threshold.during, threshold.scope), (during, Scope::Scenario), "{check}");
        }
        let web = set(WEB, &["scenarios.web.thresholds=[\"success_ratio >= 99%\"]"]);
        assert_eq!(web.scenarios[0].thresholds[0].during, During::Hold);
        let text = format!(
            "{HOLD}thresholds = [\n  \"hold.lost == 0\",\n  {{ condition = \"hold.lost < 5\", stage = \"2\", window = \"5s\", abort = true, grace = \"1s\" }},\n]\n"
        );
        let plan = plan(&text);
        let [first, second] = plan.scenarios[0].thresholds.as_slice() else {
            panic!("two thresholds")
        };
        assert_eq!((first.line, first.abort, first.window), (8, false, None));
        assert_eq!((second.line, second.scope, second.abort), (9, Scope::Stage(1), true));
        assert_eq!(
            (second.window, second.grace, second.bound),
            (Some(seconds(5)), seconds(1), Bound(5.0))
        );
    }

    #[test]
    fn a_bound_is_in_the_unit_of_its_metric() {
        for (check, bound) in [
            ("connect.time.p99 < 250ms", 250e6),
            ("connect.success_ratio >= 99.9%", 0.999),
            ("connect.attempts > 1.5k", 1_500.0),
            ("connect.rate >= 600/m", 10.0),
        ] {
            let plan = set(HOLD, &[&format!("scenarios.hold.thresholds=[\"{check}\"]")]);
            assert_eq!(plan.scenarios[0].thresholds[0].bound, Bound(bound), "{check}");
        }
    }
}
