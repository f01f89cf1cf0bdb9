use super::root_cause::{UNKNOWN_ROUTE, without_unknown_route};
use super::*;
use crate::machine::Conntrack;
use crate::machine::{CgroupMemory, Ports};
use std::collections::BTreeMap;

const ROUTE: &str = "127.0.0.1 -> 127.0.0.1:8000";

fn limits() -> MachineLimits {
    MachineLimits {
        open_files: Some(20_000),
        memory_total: Some(1 << 30),
        memory_available: Some(1 << 29),
        conntrack: Some(Conntrack { count: 10, max: 1_000, buckets: None }),
        ..MachineLimits::default()
    }
}

fn rises(names: &[&str]) -> Deltas {
    Deltas(names.iter().map(|name| ((*name).to_owned(), 5)).collect::<BTreeMap<_, _>>())
}

/// What a case changes: everything else is a target here that reached 100 of 1,000.
struct Case<'a> {
    failures: &'a [(Cause, u64)],
    deltas: Deltas,
    limits: MachineLimits,
    deaths: &'a [(u64, u64)],
    reached: u64,
    opened: u64,
    verified: u64,
    killed: u64,
    target_here: bool,
    over_unix: bool,
    protocol: Option<Protocol>,
}

impl<'a> Case<'a> {
    fn of(failures: &'a [(Cause, u64)]) -> Self {
        Self {
            failures,
            deltas: Deltas::default(),
            limits: limits(),
            deaths: &[],
            reached: 100,
            opened: 100,
            verified: 100,
            killed: 0,
            target_here: true,
            over_unix: false,
            protocol: None,
        }
    }

    fn diagnoses(&self) -> Vec<Diagnosis> {
        diagnose(&Evidence {
            wanted: 1_000,
            reached: self.reached,
            opened: self.opened,
            verified: self.verified,
            failures: self.failures,
            deaths: self.deaths,
            killed: self.killed,
            deltas: &self.deltas,
            limits: &self.limits,
            route: ROUTE,
            target_here: self.target_here,
            over_unix: self.over_unix,
            protocol: self.protocol.as_ref(),
        })
    }

    fn first(&self) -> (RootCause, Side) {
        let diagnoses = self.diagnoses();
        (diagnoses[0].root_cause, diagnoses[0].side)
    }
}

fn errno(errno: Errno) -> [(Cause, u64); 1] {
    [(Cause::from_errno(errno as i32, FailureStage::Connect), 900)]
}

fn cause(failure: Failure, phase: FailureStage) -> [(Cause, u64); 1] {
    [(Cause::new(failure, phase), 900)]
}

#[test]
fn the_generator_s_own_limits_are_told_by_their_errno() {
    for (number, root_cause) in [
        (Errno::EMFILE, RootCause::ProcessFiles),
        (Errno::ENFILE, RootCause::SystemFiles),
        (Errno::EADDRNOTAVAIL, RootCause::SourcePorts),
        (Errno::ENOSPC, RootCause::EpollWatches),
        (Errno::ENOMEM, RootCause::Memory),
    ] {
        assert_eq!(Case::of(&errno(number)).first(), (root_cause, Side::Generator), "{number}");
    }
    let failures = errno(Errno::EADDRNOTAVAIL);
    let none = Case { reached: 0, ..Case::of(&failures) };
    assert_eq!(none.first().0, RootCause::SourceAddress);
    // Earlier connections keep all of them.
    let ports = Some(Ports { first: 40_000, last: 40_999, ..Ports::default() });
    let rest = |resting| {
        let limits = MachineLimits { ports: ports.clone(), time_wait: Some(resting), ..limits() };
        let diagnosis = Case { limits, reached: 0, ..Case::of(&failures) }.diagnoses().remove(0);
        (diagnosis.root_cause, diagnosis.fix.contains("tcp_tw_reuse"))
    };
    assert_eq!(rest(499), (RootCause::SourceAddress, false));
    assert_eq!(rest(500), (RootCause::SourcePorts, true));
}

#[test]
fn a_sentence_says_where_it_stopped_why_and_whose_it_is() {
    let diagnoses = Case { reached: 282, ..Case::of(&errno(Errno::EADDRNOTAVAIL)) }.diagnoses();
    assert_eq!(
        diagnoses[0].sentence,
        "stopped at 282 of 1,000 connections because the source ports of 127.0.0.1 -> 127.0.0.1:8000 ran out (generator)"
    );
    assert!(diagnoses[0].fix.contains("ip_local_port_range"), "{diagnoses:?}");
    let diagnoses = Case { reached: 1_000, ..Case::of(&errno(Errno::ECONNREFUSED)) }.diagnoses();
    assert!(
        diagnoses[0].sentence.starts_with("900 failed because nothing listens"),
        "{diagnoses:?}"
    );
    let diagnoses =
        Case { reached: 282, ..Case::of(&cause(Failure::Reset, FailureStage::Hold)) }.diagnoses();
    assert!(diagnoses[0].sentence.starts_with("900 failed because"), "{diagnoses:?}");
}

#[test]
fn memory_is_told_apart_by_what_was_full() {
    let failures = errno(Errno::ENOBUFS);
    let tcp = Case { deltas: rises(&["TcpExt.TCPMemoryPressures"]), ..Case::of(&failures) };
    assert_eq!(tcp.first().0, RootCause::TcpMemory);
    let group = |used| CgroupMemory { file: "/g/memory.max".into(), limit: 1_000, used };
    let full = MachineLimits { cgroup: Some(group(990)), ..limits() };
    assert_eq!(
        Case { limits: full.clone(), ..Case::of(&failures) }.first().0,
        RootCause::CgroupMemory
    );
    let killed = |deltas, limits| Case { killed: 1, deltas, limits, ..Case::of(&[]) }.first().0;
    assert_eq!(killed(rises(&["vmstat.oom_kill"]), full), RootCause::CgroupMemory);
    // After the kill the group is empty again; the machine was not short.
    let after = MachineLimits { cgroup: Some(group(10)), ..limits() };
    assert_eq!(killed(rises(&["vmstat.oom_kill"]), after), RootCause::CgroupMemory);
    assert_eq!(killed(rises(&["vmstat.oom_kill"]), limits()), RootCause::Memory);
    assert_eq!(killed(Deltas::default(), limits()), RootCause::Killed);
}

#[test]
fn a_connect_timeout_is_told_by_who_dropped() {
    let failures = cause(Failure::ConnectTimeout, FailureStage::Connect);
    let of = |names: &[&str], target_here, reached| {
        Case { deltas: rises(names), target_here, reached, ..Case::of(&failures) }.first()
    };
    let retries = "TcpExt.TCPSynRetrans";
    let overflows = "TcpExt.ListenOverflows";
    assert_eq!(of(&[retries, overflows], true, 100), (RootCause::AcceptQueue, Side::Target));
    for (dropped, target_here, root_cause) in [
        (900, true, (RootCause::NetdevBacklog, Side::Generator)),
        (900, false, (RootCause::NetdevBacklog, Side::Generator)),
        // Five packets of somebody else are no reason for 900 that timed out.
        (5, true, (RootCause::Firewall, Side::Network)),
        (5, false, (RootCause::AcceptQueue, Side::Target)),
    ] {
        let deltas = Deltas(BTreeMap::from([("softnet.dropped".to_owned(), dropped)]));
        let case = Case { deltas: deltas.clone(), target_here, ..Case::of(&failures) };
        assert_eq!(case.first(), root_cause, "{dropped} {target_here}");
        // Nor is any number of them where not one connection came through.
        let none = Case { deltas, target_here, reached: 0, ..Case::of(&failures) };
        assert_eq!(none.first(), (RootCause::Firewall, Side::Network), "{dropped} {target_here}");
    }
    // Nothing is lost on the way into a Unix socket, and no firewall stands there.
    let unix = Case { over_unix: true, ..Case::of(&failures) };
    assert_eq!(unix.first(), (RootCause::AcceptQueue, Side::Target));
    let forbidden = errno(Errno::EACCES);
    let unix = Case { over_unix: true, ..Case::of(&forbidden) };
    assert_eq!(unix.first(), (RootCause::SocketFile, Side::Generator));
    assert_eq!(of(&[retries], true, 100), (RootCause::Firewall, Side::Network));
    assert_eq!(of(&[retries], false, 0), (RootCause::Firewall, Side::Network));
    assert_eq!(of(&[retries], false, 100), (RootCause::AcceptQueue, Side::Target));
    // A count of this machine is a fact; of a remote target it is an inference, and marked as one.
    let words = |target_here, names: &[&str]| {
        let case = Case { deltas: rises(names), target_here, reached: 100, ..Case::of(&failures) };
        case.diagnoses().remove(0).because
    };
    assert!(words(true, &[overflows]).starts_with("the target's accept queue overflowed"));
    assert!(words(false, &[retries]).starts_with("the target's accept queue probably overflowed"));
    // An overflow here is not the remote target's.
    assert_eq!(of(&[retries, overflows], false, 0), (RootCause::Firewall, Side::Network));
    assert_eq!(
        of(&[retries, "conntrack.drop"], true, 100),
        (RootCause::Conntrack, Side::Generator)
    );
    let full = MachineLimits {
        conntrack: Some(Conntrack { count: 1_000, max: 1_000, buckets: None }),
        ..limits()
    };
    assert_eq!(Case { limits: full, ..Case::of(&failures) }.first().0, RootCause::Conntrack);
}

#[test]
fn the_way_and_the_target_are_told_apart() {
    for (failure, phase, root_cause, side) in [
        (Failure::Refused, FailureStage::Connect, RootCause::Refused, Side::Target),
        (Failure::NotPermitted, FailureStage::Connect, RootCause::Firewall, Side::Network),
        (Failure::Unreachable, FailureStage::Connect, RootCause::Unreachable, Side::Network),
        (Failure::PeerTimeout, FailureStage::Hold, RootCause::PathLost, Side::Network),
        (Failure::Reset, FailureStage::Connect, RootCause::ResetAtAccept, Side::Target),
        (Failure::Reset, FailureStage::Hold, RootCause::ResetStorm, Side::Target),
        (Failure::StreamReset, FailureStage::Request, RootCause::ResetStorm, Side::Target),
        (Failure::ClosedByServer, FailureStage::Hold, RootCause::ClosedEarly, Side::Target),
        (Failure::OverLimit, FailureStage::Request, RootCause::AnswerLimits, Side::Generator),
        (Failure::ClientError, FailureStage::Request, RootCause::Client, Side::Generator),
        (Failure::ClosedIdle, FailureStage::Request, RootCause::ClosedIdle, Side::Target),
        (Failure::GreetingMissed, FailureStage::Hold, RootCause::TargetFiles, Side::Target),
        (Failure::HeartbeatMissed, FailureStage::Hold, RootCause::TargetLate, Side::Target),
        (Failure::RequestTimeout, FailureStage::Request, RootCause::TargetSlow, Side::Target),
        (Failure::WrongData, FailureStage::Hold, RootCause::WrongAnswer, Side::Target),
        (Failure::Tls, FailureStage::Tls, RootCause::TlsFailed, Side::Target),
        (Failure::Reset, FailureStage::Tls, RootCause::TlsFailed, Side::Target),
        (Failure::ClosedByServer, FailureStage::Tls, RootCause::TlsFailed, Side::Target),
        (Failure::ConnectTimeout, FailureStage::Tls, RootCause::TlsStalled, Side::Target),
        (Failure::ProxyRefused, FailureStage::Proxy, RootCause::ProxyRefused, Side::Network),
        (Failure::BadHttp, FailureStage::Request, RootCause::WrongProtocol, Side::Target),
    ] {
        assert_eq!(Case::of(&cause(failure, phase)).first(), (root_cause, side), "{failure}");
    }
    let failures = cause(Failure::GreetingMissed, FailureStage::Hold);
    let silent = Case { verified: 0, ..Case::of(&failures) };
    assert_eq!(silent.first().0, RootCause::TargetSilent);
}

#[test]
fn resets_of_young_connections_happen_at_accept() {
    let failures = cause(Failure::Reset, FailureStage::Hold);
    let young = Case { deaths: &[(0, 890), (7, 10)], ..Case::of(&failures) };
    assert_eq!(young.first().0, RootCause::ResetAtAccept);
    let overflow = Case { deltas: rises(&["TcpExt.ListenOverflows"]), ..young };
    assert_eq!(overflow.first().0, RootCause::AcceptQueue);
}

#[test]
fn many_deaths_at_one_age_are_an_idle_timeout() {
    let spike: &[(u64, u64)] = &[(3, 20), (59, 10), (60, 390), (61, 12), (200, 30)];
    for failure in [Failure::ClosedByServer, Failure::Reset] {
        let failures = cause(failure, FailureStage::Hold);
        let case = Case { deaths: spike, target_here: false, ..Case::of(&failures) };
        assert_eq!(case.first(), (RootCause::IdleTimeout, Side::Network), "{failure}");
        assert!(
            case.diagnoses()[0]
                .sentence
                .contains("412 connections on 127.0.0.1 -> 127.0.0.1:8000 died at 60 ± 1 s"),
            "{:?}",
            case.diagnoses()
        );
        assert_eq!(Case { target_here: true, ..case }.first().1, Side::Target);
    }
    let closed = cause(Failure::ClosedByServer, FailureStage::Hold);
    let spread: Vec<(u64, u64)> = (2..100).map(|age| (age, 5)).collect();
    assert_eq!(Case { deaths: &spread, ..Case::of(&closed) }.first().0, RootCause::ClosedEarly);
    assert_eq!(Case { deaths: &[(60, 9)], ..Case::of(&closed) }.first().0, RootCause::ClosedEarly);
    assert_eq!(Case { deaths: &[(0, 900)], ..Case::of(&closed) }.first().0, RootCause::ClosedEarly);
}

#[test]
fn every_failure_has_one_root_cause_and_the_most_come_first() {
    let failures: Vec<(Cause, u64)> = Failure::ALL
        .iter()
        .zip(1..)
        .map(|(failure, count)| (Cause::new(*failure, FailureStage::Hold), count))
        .collect();
    let diagnoses = Case::of(&failures).diagnoses();
    let total: u64 = diagnoses.iter().map(|diagnosis| diagnosis.count).sum();
    assert_eq!(total, failures.iter().map(|(_, count)| count).sum::<u64>());
    assert!(diagnoses.is_sorted_by_key(|diagnosis| std::cmp::Reverse(diagnosis.count)));
    assert!(Case::of(&[]).diagnoses().is_empty());
}

#[test]
fn every_culprit_has_words_and_a_fix() {
    for root_cause in RootCause::ALL {
        assert!(!root_cause.fix(&limits()).is_empty(), "{root_cause:?}");
        assert!(!root_cause.because(ROUTE, None).contains("ROUTE"), "{root_cause:?}");
        let because = without_unknown_route(&root_cause.because(UNKNOWN_ROUTE, None));
        assert!(!because.contains(&format!("on {UNKNOWN_ROUTE}")), "{because}");
        assert!(because.ends_with(char::is_alphanumeric), "{because}");
        let bare = root_cause.fix(&MachineLimits::default());
        assert!(!bare.contains("None"), "{root_cause:?}: {bare}");
    }
}

fn held(heartbeat: Heartbeat) -> Option<Protocol> {
    let Protocol::Hold(mut hold) = crate::schedule::testing::hold() else {
        return None;
    };
    hold.heartbeat = Some(heartbeat);
    Some(Protocol::Hold(hold))
}

fn of_client(every: u64, timeout: u64) -> Option<Protocol> {
    let time = |seconds| Time(std::time::Duration::from_secs(seconds));
    held(Heartbeat::Client { send: "ping".into(), every: time(every), timeout: time(timeout) })
}

#[test]
fn a_reply_that_never_came_is_said_to_be_that_and_nobody_on_the_way_is_blamed() {
    let failures = cause(Failure::HeartbeatMissed, FailureStage::Hold);
    // All at the same age: it is this side's timer that they share.
    let case = Case { deaths: &[(2, 900)], protocol: of_client(1, 1), ..Case::of(&failures) };
    assert_eq!(case.first(), (RootCause::TargetLate, Side::Target));
    let said = case.diagnoses().remove(0).sentence;
    assert_eq!(
        said,
        "900 failed because heartbeats on 127.0.0.1 -> 127.0.0.1:8000 got no reply within 1s (target)"
    );
    let time = |seconds| Time(std::time::Duration::from_secs(seconds));
    let protocol = held(Heartbeat::Server { every: time(60), grace: time(10) });
    let said = Case { protocol, ..case }.diagnoses().remove(0).because;
    assert_eq!(said, "no heartbeat came on 127.0.0.1 -> 127.0.0.1:8000 within 1m10s");
}

#[test]
fn what_is_heard_more_often_dies_of_age_and_not_of_silence() {
    let failures = cause(Failure::ClosedByServer, FailureStage::Hold);
    let case = Case { deaths: &[(60, 900)], protocol: of_client(5, 1), ..Case::of(&failures) };
    let diagnosis = case.diagnoses().remove(0);
    assert_eq!(diagnosis.root_cause, RootCause::ClosedEarly);
    assert!(
        diagnosis.because.ends_with("most of them at the age of 60 ± 1 s"),
        "{}",
        diagnosis.because
    );
    let silent = Case { protocol: of_client(120, 1), ..case };
    assert_eq!(silent.first().0, RootCause::IdleTimeout);
}

#[test]
fn a_close_in_reply_to_a_heartbeat_is_no_idle_timeout() {
    for failure in [Failure::ClosedByServer, Failure::Reset] {
        let failures = cause(failure, FailureStage::Heartbeat);
        let case = Case { deaths: &[(2, 900)], protocol: of_client(2, 1), ..Case::of(&failures) };
        assert_eq!(case.first(), (RootCause::HeartbeatRejected, Side::Target), "{failure}");
    }
}

#[test]
fn connections_that_were_never_served_are_told_from_late_heartbeats() {
    let failures = [(Cause::new(Failure::HeartbeatMissed, FailureStage::Hold), 50)];
    let case = Case { opened: 100, protocol: of_client(1, 1), ..Case::of(&failures) };
    for (verified, root_cause) in
        [(0, RootCause::TargetSilent), (50, RootCause::TargetFiles), (51, RootCause::TargetLate)]
    {
        let case = Case { verified, protocol: case.protocol.clone(), ..Case::of(&failures) };
        assert_eq!(case.first(), (root_cause, Side::Target), "{verified}");
    }
    let said = Case { verified: 0, ..case }.diagnoses().remove(0).because;
    assert_eq!(
        said,
        "the target never replied to a heartbeat on 127.0.0.1 -> 127.0.0.1:8000, 1s each"
    );
}

#[test]
fn statuses_name_who_did_not_serve() {
    let status =
        |code, count| (Cause { code, ..Cause::new(Failure::Status, FailureStage::Request) }, count);
    let failures = [status(502, 5), status(504, 4), status(503, 3), status(401, 2), status(404, 1)];
    let diagnoses = Case::of(&failures).diagnoses();
    let said: Vec<_> =
        diagnoses.iter().map(|diagnosis| (diagnosis.root_cause, diagnosis.count)).collect();
    let named = [
        RootCause::Upstream,
        RootCause::TurnedAway,
        RootCause::AccessDenied,
        RootCause::WrongAnswer,
    ];
    assert_eq!(said, named.into_iter().zip([9, 3, 2, 1]).collect::<Vec<_>>());
    assert!(diagnoses[0].because.ends_with("status 502, 504"), "{}", diagnoses[0].because);
}

#[test]
fn requests_that_nothing_responded_to_are_not_a_limit_on_connections() {
    let protocol = Some(crate::schedule::testing::http());
    let closed = cause(Failure::ClosedByServer, FailureStage::Request);
    let case = Case { verified: 0, protocol, ..Case::of(&closed) };
    assert_eq!(case.first(), (RootCause::NoResponse, Side::Target));
    assert_eq!(Case { verified: 1, ..case }.first().0, RootCause::ClosedEarly);
    let also = [closed[0], (Cause::new(Failure::Status, FailureStage::Request), 1)];
    let protocol = Some(crate::schedule::testing::http());
    let case = Case { verified: 0, protocol, ..Case::of(&also) };
    assert_eq!(case.first().0, RootCause::ClosedEarly);
}
