//! Turns other tools' metrics into the metrics of thresholds.

use crate::catalogue::ProtocolKind;
use crate::plan::suggest::plain;
use crate::plan::{Metric, Stat, TimeMetric};

/// Other tools' names of distributions.
pub(super) const TIMES: &[(&str, TimeMetric)] = &[
    ("http_req_duration", TimeMetric::ServiceTime),
    ("iteration_duration", TimeMetric::ServiceTime),
    ("group_duration", TimeMetric::ServiceTime),
    ("latency", TimeMetric::ServiceTime),
    ("latencies", TimeMetric::ServiceTime),
    ("duration", TimeMetric::ServiceTime),
    ("rt", TimeMetric::ServiceTime),
    ("resp_time", TimeMetric::ServiceTime),
    ("response_times", TimeMetric::ServiceTime),
    ("responsetime", TimeMetric::ServiceTime),
    ("http_response_time", TimeMetric::ServiceTime),
    ("elapsed", TimeMetric::ServiceTime),
    ("time", TimeMetric::ServiceTime),
    ("http_req_waiting", TimeMetric::FirstByte),
    ("ttfb", TimeMetric::FirstByte),
    ("time_to_first_byte", TimeMetric::FirstByte),
    ("http_req_receiving", TimeMetric::TransferTime),
    ("http_req_blocked", TimeMetric::ConnectTime),
    ("http_req_connecting", TimeMetric::ConnectTime),
    ("connect", TimeMetric::ConnectTime),
    ("connect_time", TimeMetric::ConnectTime),
    ("connection_time", TimeMetric::ConnectTime),
    ("tcp_connect", TimeMetric::ConnectTime),
    ("ws_connecting", TimeMetric::ConnectTime),
    ("http_req_tls_handshaking", TimeMetric::TlsTime),
    ("tls_handshake", TimeMetric::TlsTime),
    ("ws_ping", TimeMetric::HeartbeatRtt),
    ("rtt", TimeMetric::HeartbeatRtt),
    ("ping", TimeMetric::HeartbeatRtt),
    ("lag", TimeMetric::ScheduleLag),
];

/// Other tools' names of everything else, and the metrics of HTTP and of held connections that they
/// are; empty where there is none.
pub(super) const OTHERS: &[(&str, &str, &str)] = &[
    ("http_req_failed", "failure_ratio", "failure_ratio"),
    ("error_rate", "failure_ratio", "failure_ratio"),
    ("errors", "failure_ratio", "failure_ratio"),
    ("error", "failure_ratio", "failure_ratio"),
    ("fail", "failure_ratio", "failure_ratio"),
    ("fails", "failure_ratio", "failure_ratio"),
    ("failed", "failure_ratio", "failure_ratio"),
    ("failures", "failure_ratio", "failure_ratio"),
    ("fail_ratio", "failure_ratio", "failure_ratio"),
    ("failure_rate", "failure_ratio", "failure_ratio"),
    ("max_error_rate", "failure_ratio", "failure_ratio"),
    ("vusers_failed", "failure_ratio", "failure_ratio"),
    ("rate", "failure_ratio", "failure_ratio"),
    ("success", "success_ratio", "success_ratio"),
    ("succ", "success_ratio", "success_ratio"),
    ("success_rate", "success_ratio", "success_ratio"),
    ("ok", "success_ratio", "success_ratio"),
    ("checks", "checks.success_ratio", "success_ratio"),
    ("checks_rate", "checks.success_ratio", "success_ratio"),
    ("http_reqs", "requests.count", ""),
    ("iterations", "requests.count", "connect.attempts"),
    ("requests", "requests.count", "connect.attempts"),
    ("hits", "requests.count", "connect.attempts"),
    ("count", "requests.count", "connect.attempts"),
    ("http_requests", "requests.count", ""),
    ("vusers_created", "requests.count", "connect.attempts"),
    ("http_reqs_rate", "requests.rate", ""),
    ("iterations_rate", "requests.rate", "connect.rate"),
    ("http_request_rate", "requests.rate", ""),
    ("rps", "requests.rate", "connect.rate"),
    ("qps", "requests.rate", "connect.rate"),
    ("tps", "requests.rate", "connect.rate"),
    ("throughput", "requests.rate", "connect.rate"),
    ("requests_per_second", "requests.rate", "connect.rate"),
    ("dropped_iterations", "dropped", "dropped"),
    ("data_received", "bytes.received.rate", ""),
    ("http_codes_200", "status.2xx.ratio", ""),
    ("http_codes_500", "status.5xx.ratio", ""),
    ("rc2xx", "status.2xx.ratio", ""),
    ("rc3xx", "status.3xx.ratio", ""),
    ("rc4xx", "status.4xx.ratio", ""),
    ("rc5xx", "status.5xx.ratio", ""),
    ("connections", "", "connections.open"),
    ("vus", "", "connections.open"),
    ("ws_sessions", "", "connect.attempts"),
    ("ws_session_duration", "", "hold.survival_ratio"),
    ("ws_msgs_received", "", "heartbeat.received"),
    ("disconnects", "", "hold.lost"),
    ("lost", "", "hold.lost"),
];

/// The metric of this protocol that another tool's name means.
pub(in crate::plan) fn metric(name: &str, protocol: ProtocolKind) -> Option<Metric> {
    let own = |metric: &Metric| metric.is_of(protocol);
    // `http_req_duration{expected_response:true}`: what it is of.
    let words = plain(name.split('{').next().unwrap_or_default().trim());
    let name = words.as_str();
    let words = name.replace(['.', ':'], "_");
    let main = protocol.row().attempt_time;
    let whole = OTHERS.iter().find(|(word, ..)| *word == words);
    let whole = whole.map(|(_, http, hold)| if protocol.row().lasts { *hold } else { *http });
    if let Some(metric) = whole.and_then(Metric::named).filter(own) {
        return Some(metric);
    }
    let time = |word: &str| {
        let own_name = TimeMetric::ALL.iter().find(|time| time.name().replace('.', "_") == word);
        let other = TIMES.iter().find(|(foreign, _)| *foreign == word).map(|(_, time)| time);
        own_name.or(other).copied().map(|time| match (time, protocol.row().lasts) {
            (TimeMetric::ServiceTime, true) | (TimeMetric::HeartbeatRtt, false) => main,
            (time, _) => time,
        })
    };
    // The figure alone, behind its distribution, before it, or none.
    let split = |at: usize| {
        let (first, last) = (words[..at].trim_matches('_'), words[at..].trim_matches('_'));
        let behind = time(first).zip(figure(last));
        behind.or_else(|| time(last).zip(figure(first)))
    };
    let found = figure(name)
        .map(|stat| (main, stat))
        .or_else(|| words.match_indices('_').find_map(|(at, _)| split(at)))
        .or_else(|| time(&words).map(|time| (time, Stat::P95)))?;
    Some(Metric::Time(found.0, found.1)).filter(own)
}

/// The figure of a distribution that another tool writes so: `p(95)`, `95th`, `med`, `avg`.
pub(in crate::plan) fn figure(word: &str) -> Option<Stat> {
    let known = match word {
        "med" | "median" => Some(Stat::P50),
        "avg" | "average" | "mean" => Some(Stat::Mean),
        "max" | "maximum" | "worst" => Some(Stat::Max),
        "min" | "minimum" | "best" => Some(Stat::Min),
        _ => None,
    };
    if known.is_some() {
        return known;
    }
    let digits: String = word.chars().map(|c| if c == '_' { '.' } else { c }).collect();
    let digits = ["percentile", "perc", "pct", "p"]
        .iter()
        .find_map(|start| digits.strip_prefix(start))
        .or_else(|| ["th", "%", "percentile"].iter().find_map(|end| digits.strip_suffix(end)))?;
    let digits = digits.trim_matches(['(', ')', '.', ' ']);
    let percent: f64 = digits.parse().ok()?;
    let percent = if percent < 1.0 { percent * 100.0 } else { percent };
    let is =
        |stat: &Stat| stat.quantile().is_some_and(|part| (part * 100.0 - percent).abs() < 1e-6);
    Stat::ALL.iter().copied().find(is)
}
