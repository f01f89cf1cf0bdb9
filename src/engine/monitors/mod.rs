//! Reads the monitors of a plan beside the load.
//!
//! **Invariant:** one thread does all of it and nothing else: a monitor that is slow, large or
//! silent holds up neither the load nor the coordinator.

#![expect(clippy::disallowed_methods, reason = "readings are timed")]

mod scrape;

use super::clock::Clock;
use crate::plan::{Monitor, MonitoredMetric, nearest};
use crate::record::MonitorReading;
use crate::units::narrow;
use scrape::Scraper;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// Readings that may wait for the coordinator; later ones are left out.
const WAITING: usize = 1_024;

/// How long a monitor may take before the run.
const PROBE_WITHIN: Duration = Duration::from_secs(5);

/// The readings of monitors during a run.
#[derive(Debug)]
pub(super) struct Readings(Option<mpsc::Receiver<MonitorReading>>);

impl Readings {
    /// Starts to read every monitor, on the clock of a run. Reading ends when this is dropped.
    pub(super) fn start(monitors: &[Monitor], clock: Clock) -> std::io::Result<Self> {
        if monitors.is_empty() {
            return Ok(Self(None));
        }
        let (readings, incoming) = mpsc::channel(WAITING);
        let monitors = monitors.to_vec();
        let runtime = runtime()?;
        std::thread::Builder::new().name("monitors".to_owned()).spawn(move || {
            runtime.block_on(async {
                let all = monitors.iter().enumerate();
                let each = all.map(|(index, monitor)| {
                    tokio::spawn(follow(narrow(index), monitor.clone(), clock, readings.clone()))
                });
                let tasks: Vec<_> = each.collect();
                readings.closed().await;
                tasks.iter().for_each(tokio::task::JoinHandle::abort);
            });
        })?;
        Ok(Self(Some(incoming)))
    }

    /// The next reading; waits for ever where there are no monitors.
    pub(super) async fn next(&mut self) -> MonitorReading {
        if let Some(incoming) = &mut self.0
            && let Some(reading) = incoming.recv().await
        {
            return reading;
        }
        std::future::pending().await
    }

    /// A reading that has already come.
    pub(super) fn waiting(&mut self) -> Option<MonitorReading> {
        self.0.as_mut()?.try_recv().ok()
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Reads one monitor again and again, from the start of the run's clock on.
async fn follow(
    index: u16,
    monitor: Monitor,
    clock: Clock,
    readings: mpsc::Sender<MonitorReading>,
) {
    tokio::time::sleep(clock.until_start()).await;
    let scraper = Scraper::new(&monitor);
    let mut due = tokio::time::interval(monitor.every.0);
    due.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        due.tick().await;
        let begun = Instant::now();
        let result = match &scraper {
            Ok(scraper) => scraper.read(&monitor, monitor.timeout.0).await,
            Err(why) => Err(why.clone()),
        };
        let took_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let (values, failed) = match result {
            Ok(text) => {
                (monitor.metrics.iter().map(|metric| metric.value_in(&text)).collect(), None)
            }
            Err(why) => (Vec::new(), Some(why)),
        };
        let reading =
            MonitorReading { monitor: index, at_ns: clock.now_ns(), took_ns, values, failed };
        // A coordinator that is that far behind has other worries.
        if let Err(mpsc::error::TrySendError::Closed(_)) = readings.try_send(reading) {
            return;
        }
    }
}

/// Why a monitor of a plan cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("monitor `{monitor}`: {why}")]
pub struct MonitorError {
    /// Its name.
    pub monitor: String,
    why: String,
    /// The remedy.
    pub help: String,
}

/// Reads every monitor once, before a run: which cannot be read, or lack a metric.
///
/// # Errors
/// Where no thread or timer can be had for it.
pub fn probe_monitors(monitors: &[Monitor]) -> std::io::Result<Vec<MonitorError>> {
    if monitors.is_empty() {
        return Ok(Vec::new());
    }
    runtime()?.block_on(async {
        let all: Vec<_> =
            monitors.iter().cloned().map(|monitor| tokio::spawn(probe(monitor))).collect();
        let mut errors = Vec::new();
        for one in all {
            errors.extend(one.await.map_err(std::io::Error::other)?);
        }
        Ok(errors)
    })
}

async fn probe(monitor: Monitor) -> Vec<MonitorError> {
    let error =
        |why: String, help: String| MonitorError { monitor: monitor.name.clone(), why, help };
    let text = match Scraper::new(&monitor) {
        Ok(scraper) => scraper.read(&monitor, PROBE_WITHIN).await,
        Err(why) => Err(why),
    };
    match text {
        Err(why) => {
            let help =
                format!("try `curl {}`; or start without a trial: `--no-probe`", monitor.written);
            vec![error(format!("cannot read {}: {why}", monitor.written), help)]
        }
        Ok(text) => {
            let missing = monitor.metrics.iter().filter(|one| one.value_in(&text).is_none());
            missing.map(|one| error(words(one), help(one, &text))).collect()
        }
    }
}

fn words(metric: &MonitoredMetric) -> String {
    if metric.labels.is_empty() {
        return format!("its response has no `{}`", metric.metric);
    }
    let labels: Vec<String> =
        metric.labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    format!("its response has no `{}{{{}}}`", metric.metric, labels.join(","))
}

/// Describes the metrics that the response has instead.
fn help(metric: &MonitoredMetric, text: &str) -> String {
    let samples = || text.lines().filter_map(crate::units::exposition::sample);
    let same = samples().find(|(series, _)| series.metric == metric.metric);
    if let Some((series, value)) = same {
        if !value.is_finite() {
            return format!("the value of `{}` is {value}: read another metric", metric.metric);
        }
        let labels: Vec<String> =
            series.labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
        return format!("it has for example `{}{{{}}}`", metric.metric, labels.join(","));
    }
    let names: BTreeSet<&str> = samples().map(|(series, _)| series.metric).collect();
    match nearest(&metric.metric, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "it has no metrics in the text format of Prometheus".to_owned(),
        None => format!(
            "it has {} metrics, for example `{}`",
            names.len(),
            names.first().unwrap_or(&"")
        ),
    }
}

#[cfg(test)]
mod tests;
