//! Works out when rows that are used once run out, by the plan's own arithmetic.

use super::{SharedRows, lasts_until_data, shared_rows, unique};
use crate::plan::{FixedWork, Plan, Protocol, Stage, TextRange};
use crate::record::Transition;
use crate::schedule::{ScenarioSchedule, Schedule, Segment, Shape};
use crate::units::SECOND_NS;
use crate::units::Time;
use crate::units::figure::grouped;
use crate::workload::http::ScenarioFiles;
use std::time::Duration;

/// No iteration is faster, in nanoseconds: rows that would run out only then do not.
const FASTEST_NS: f64 = 50_000.0;

/// No iteration is slower, in nanoseconds.
const SLOWEST_NS: f64 = 3_600e9;

/// How long the rows of one file last.
#[derive(Debug, Clone, PartialEq)]
pub struct RowOutlook {
    /// The scenarios that take them, as indices into `Plan::scenarios`.
    pub scenarios: Vec<usize>,
    /// The file, as the first of them names it.
    pub file: String,
    /// Where.
    pub spot: TextRange,
    /// How many rows it has.
    pub rows: u64,
    /// How many are needed however slow responses are: one for each arrival, and for the first
    /// iteration of each user.
    pub needed: u64,
    /// When the rows run out at the earliest, and when the last scenario that takes them ends;
    /// `None` where there are enough however fast responses are.
    pub ends: Option<(Time, Time)>,
    /// They last if the responses of an iteration take this long; `None` where only arrivals take
    /// rows.
    pub lasts_with: Option<Time>,
}

/// The outlook of each file whose rows are used once.
pub fn row_outlooks(plan: &Plan, files: &[ScenarioFiles]) -> Vec<RowOutlook> {
    let schedule = Schedule::new(plan);
    let shared = shared_rows(plan, &schedule, files);
    // Where all its scenarios last until the rows are used up, they are to run out.
    let is_meant = |one: &SharedRows| {
        one.scenarios.iter().all(|index| lasts_until_data(&plan.scenarios[*index]))
    };
    let shared = shared.into_iter().filter(|one| !is_meant(one));
    shared.filter_map(|one| outlook(plan, &schedule, one)).collect()
}

fn outlook(plan: &Plan, schedule: &Schedule, shared: SharedRows) -> Option<RowOutlook> {
    let timelines = schedule.timelines();
    let takers: Vec<Taker<'_>> = shared
        .scenarios
        .iter()
        .map(|index| Taker {
            schedule: schedule.scenario(*index),
            stages: &plan.scenarios[*index].stages,
            start_ns: timelines[*index].at(Transition::Ramp(0)).unwrap_or(0),
            think_ns: pauses(&plan.scenarios[*index].protocol),
        })
        .collect();
    let end_ns = takers.iter().map(Taker::end_ns).max().unwrap_or(0);
    let taken =
        |at_ns, answer_ns| -> f64 { takers.iter().map(|one| one.taken(at_ns, answer_ns)).sum() };
    let rows = shared.rows as f64;
    let runs_out = taken(end_ns, FASTEST_NS) > rows + 0.5;
    let ends = runs_out.then(|| {
        let at_ns = bisect(0.0, end_ns as f64, |at| taken(to_ns(at), FASTEST_NS) > rows);
        (time(at_ns), time(end_ns as f64))
    });
    let has_users = takers.iter().any(|one| one.schedule.peak_users() > 0);
    let lasts_with = (has_users && runs_out)
        .then(|| time(bisect(FASTEST_NS, SLOWEST_NS, |answer| taken(end_ns, answer) <= rows)));
    let data = unique(&plan.scenarios[*shared.scenarios.first()?].protocol)?;
    Some(RowOutlook {
        file: data.file.display().to_string(),
        spot: data.spot.clone(),
        rows: shared.rows,
        needed: to_ns(taken(end_ns, f64::INFINITY).round()),
        scenarios: shared.scenarios,
        ends,
        lasts_with,
    })
}

impl RowOutlook {
    /// Whether the plan needs more rows than there are, regardless of the target.
    pub fn is_certain(&self) -> bool {
        self.needed > self.rows
    }

    /// A warning before the run; `None` where the rows last.
    pub fn words(&self) -> Option<String> {
        let (runs_out, ends) = self.ends?;
        let (file, rows) = (&self.file, grouped(self.rows));
        let last = match self.lasts_with {
            _ if self.is_certain() => format!("they last at most {runs_out} of {ends}"),
            Some(answer) if runs_out.0 >= Duration::from_millis(100) => format!(
                "they may end after {runs_out} of {ends}, and last if the answers of a pass take {answer} or longer"
            ),
            Some(answer) => {
                format!("they last {ends} only if the answers of a pass take {answer} or longer")
            }
            None => format!("they last {runs_out} of {ends}"),
        };
        Some(format!("{file} has {rows} rows, and each is used once: {last}"))
    }
}

/// One scenario that takes rows.
struct Taker<'a> {
    schedule: &'a ScenarioSchedule,
    stages: &'a [Stage],
    start_ns: u64,
    /// Pauses of an iteration, on average, in nanoseconds.
    think_ns: f64,
}

impl Taker<'_> {
    fn end_ns(&self) -> u64 {
        self.schedule.segments.iter().map(length_ns).sum::<u64>().saturating_add(self.start_ns)
    }

    /// Rows that were taken by then, if the responses of each iteration take `answer_ns`.
    fn taken(&self, at_ns: u64, answer_ns: f64) -> f64 {
        let mut left_ns = at_ns.saturating_sub(self.start_ns);
        let mut sum = 0.0;
        if at_ns < self.start_ns {
            return sum;
        }
        for (segment, stage) in self.schedule.segments.iter().zip(self.stages) {
            let within = left_ns.min(length_ns(segment));
            let most = match stage.work {
                Some(FixedWork::Iterations(count)) => count as f64,
                Some(FixedWork::Data) | None => f64::INFINITY,
            };
            let taken = match segment.shape {
                Shape::Rate { .. } => segment.arrivals_by(within) - segment.arrivals_by(0),
                Shape::Users { from, .. } => {
                    let level = segment.level_at(within);
                    let new = (level - from as f64).max(0.0);
                    new + user_ns(segment, within) / (self.think_ns + answer_ns)
                }
            };
            sum += taken.min(most);
            left_ns -= within;
            if left_ns == 0 {
                break;
            }
        }
        sum
    }
}

/// How long all users of a segment were there, taken together.
fn user_ns(segment: &Segment, within: u64) -> f64 {
    let Shape::Users { from, to, .. } = segment.shape else { return 0.0 };
    let in_ramp = within.min(segment.ramp_ns().unwrap_or(0));
    let mean = f64::midpoint(from as f64, segment.level_at(in_ramp));
    mean * in_ramp as f64 + to as f64 * (within - in_ramp) as f64
}

/// An unpaced ramp counts as nothing.
fn length_ns(segment: &Segment) -> u64 {
    segment.ramp_ns().unwrap_or(0).saturating_add(segment.hold_ns)
}

/// The pauses of a pass, on average: nanoseconds.
fn pauses(protocol: &Protocol) -> f64 {
    let requests = if protocol.in_steps() { protocol.requests().len() as f64 } else { 1.0 };
    protocol.mean_think_time().as_nanos() as f64 * requests
}

/// Where a condition that stays true once it is begins to be.
fn bisect(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        *(if holds(middle) { &mut high } else { &mut low }) = middle;
    }
    high
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn to_ns(value: f64) -> u64 {
    value.max(0.0) as u64
}

/// For people: to the tenth of a second, or to the millisecond below one.
fn time(ns: f64) -> Time {
    let ns = to_ns(ns);
    let step = match ns {
        0..1_000_000 => 1_000,
        1_000_000..SECOND_NS => 1_000_000,
        _ => SECOND_NS / 10,
    };
    let rounded = ns.saturating_add(step / 2) / step * step;
    let parts = Duration::from_nanos(rounded);
    Time(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Data, Http, Level, Ramp, RowOrder, Spacing, ThinkTime};
    use crate::schedule::testing;
    use crate::units::Rate;
    use crate::workload::http::DataFile;

    fn words(rows: u64, think_ms: u64, levels: &[&[(Level, u64)]]) -> Option<String> {
        let think = Time(Duration::from_millis(think_ms));
        let data =
            Data { file: "r.csv".into(), order: RowOrder::Unique, separator: b',', spot: None };
        let http = Http {
            data: Some(data),
            think_time: ThinkTime { min: think, max: think },
            requests: vec![crate::plan::Request::default()],
            ..Http::default()
        };
        let mut plan = testing::plan(testing::scenario(Protocol::Http(http.clone()), levels[0]));
        for more in &levels[1..] {
            plan.scenarios.push(testing::scenario(Protocol::Http(http.clone()), more));
        }
        let data_file = Some(DataFile { path: "/r.csv".into(), rows, ..DataFile::default() });
        let files = vec![ScenarioFiles { data_file, ..ScenarioFiles::default() }; levels.len()];
        row_outlooks(&plan, &files)[0].words()
    }

    fn users(users: u64) -> Level {
        Level::Users { users, ramp: Ramp::Unpaced }
    }

    fn rate(rate: u64) -> Level {
        let rate = Rate::per_second(rate);
        Level::Rate { rate, ramp: Time::default(), spacing: Spacing::Constant }
    }

    #[test]
    fn arrivals_say_exactly_how_long_rows_last() {
        let text = |last: &str| Some(format!("r.csv has 120 rows, and each is used once: {last}"));
        assert_eq!(words(120, 0, &[&[(rate(2), 60_000)]]), None);
        assert_eq!(words(120, 0, &[&[(rate(10), 60_000)]]), text("they last at most 12s of 1m"));
        // Two scenarios have one supply.
        let both: [&[(Level, u64)]; 2] = [&[(rate(10), 60_000)], &[(rate(10), 60_000)]];
        assert_eq!(words(120, 0, &both), text("they last at most 6s of 1m"));
    }

    #[test]
    fn users_say_how_slow_answers_must_be() {
        let text = |last: &str| Some(format!("r.csv has 300 rows, and each is used once: {last}"));
        let three: &[(Level, u64)] = &[(users(3), 20_000)];
        assert_eq!(
            words(300, 0, &[three]),
            text("they last 20s only if the answers of a pass take 202ms or longer")
        );
        assert_eq!(
            words(300, 100, &[three]),
            text(
                "they may end after 9s900ms of 20s, and last if the answers of a pass take 102ms or longer"
            )
        );
        assert_eq!(words(300, 300, &[three]), None);
        // Each user begins at least once.
        let many: &[(Level, u64)] = &[(users(400), 20_000)];
        assert_eq!(words(300, 0, &[many]), text("they last at most 0s of 20s"));
    }
}
