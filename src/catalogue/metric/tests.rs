use super::*;
use crate::catalogue::Protocols;
use std::collections::BTreeSet;

#[test]
fn every_row_says_what_it_is() {
    let mut names = BTreeSet::new();
    for row in Metric::rows() {
        let MetricRow { name, doc, formula, .. } = row;
        assert!(names.insert(*name), "{name} twice");
        assert!(!doc.trim().is_empty() && doc.trim().ends_with('.'), "{name}: {doc}");
        assert!(!formula.is_empty(), "{name}");
        assert_ne!(row.protocols, Protocols::NONE, "{name}");
    }
    assert!(names.len() >= 45, "{}", names.len());
}

#[test]
fn the_unit_is_that_of_the_kind() {
    for metric in Metric::all() {
        let unit = metric.row().unit;
        let is = match metric {
            Metric::Count(_) => unit == MetricUnit::Count,
            Metric::Ratio(_) | Metric::Check(_) | Metric::Within(_) => unit == MetricUnit::Ratio,
            Metric::Rate(_) => matches!(unit, MetricUnit::PerSecond | MetricUnit::BytesPerSecond),
            Metric::Time(..) => unit == MetricUnit::Time,
            Metric::Monitor { .. } => unit == MetricUnit::Number,
        };
        assert!(is, "{metric}: {unit:?}");
    }
}

#[test]
fn counts_and_rates_say_what_they_count() {
    for metric in Metric::all() {
        let counts = metric.row().counts.is_some();
        assert_eq!(counts, matches!(metric, Metric::Count(_) | Metric::Rate(_)), "{metric}");
    }
}

#[test]
fn whole_connections_are_counted_where_connections_are_held() {
    for row in Metric::rows() {
        for protocol in row.connections.iter() {
            assert!(protocol.row().lasts && row.is_of(protocol), "{}", row.name);
            assert!(row.all_phases.has(protocol), "{}: whatever `during` says", row.name);
        }
    }
}

#[test]
fn requests_measure_what_is_of_requests() {
    for row in Metric::rows().filter(|row| row.per_request) {
        assert!(row.is_of(ProtocolKind::Http), "{}", row.name);
    }
    let tcp_hold = Metric::families(|row| row.is_of(ProtocolKind::TcpHold));
    assert!(tcp_hold.contains(&"connect.time.*".to_owned()));
    assert!(!tcp_hold.contains(&"service_time.*".to_owned()));
}
