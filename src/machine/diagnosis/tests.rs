use super::*;
use crate::machine::{CgroupMemory, Ports};
use std::collections::BTreeMap;

const ROUTE: &str = "127.0.0.1 -> 127.0.0.1:8000";

fn limits() -> Limits {
    Limits {
        open_files: Some(20_000),
        memory_total: Some(1 << 30),
        memory_available: Some(1 << 29),
        conntrack: Some(Conntrack { count: 10, max: 1_000, buckets: None }),
        ..Limits::default()
    }
}

fn rises(names: &[&str]) -> Deltas {
    Deltas(names.iter().map(|name| ((*name).to_owned(), 5)).collect::<BTreeMap<_, _>>())
}

/// What a case changes: everything else is a target here that reached 100 of 1,000.
struct Case<'a> {
    failures: &'a [(Cause, u64)],
    deltas: Deltas,
    limits: Limits,
    deaths: &'a [(u64, u64)],
    reached: u64,
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
            verified: 100,
            killed: 0,
            target_here: true,
            over_unix: false,
            protocol: None,
        }
    }

    fn blames(&self) -> Vec<Blame> {
        blame(&Evidence {
            wanted: 1_000,
            reached: self.reached,
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

    fn first(&self) -> (Culprit, Side) {
        let blames = self.blames();
        (blames[0].culprit, blames[0].side)
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
    for (number, culprit) in [
        (Errno::EMFILE, Culprit::ProcessFiles),
        (Errno::ENFILE, Culprit::SystemFiles),
        (Errno::EADDRNOTAVAIL, Culprit::SourcePorts),
        (Errno::ENOSPC, Culprit::EpollWatches),
        (Errno::ENOMEM, Culprit::Memory),
    ] {
        assert_eq!(Case::of(&errno(number)).first(), (culprit, Side::Generator), "{number}");
    }
    let failures = errno(Errno::EADDRNOTAVAIL);
    let none = Case { reached: 0, ..Case::of(&failures) };
    assert_eq!(none.first().0, Culprit::SourceAddress);
    // Those who came before keep them all.
    let ports = Some(Ports { first: 40_000, last: 40_999, ..Ports::default() });
    let rest = |resting| {
        let limits = Limits { ports: ports.clone(), time_wait: Some(resting), ..limits() };
        let blame = Case { limits, reached: 0, ..Case::of(&failures) }.blames().remove(0);
        (blame.culprit, blame.fix.contains("tcp_tw_reuse"))
    };
    assert_eq!(rest(499), (Culprit::SourceAddress, false));
    assert_eq!(rest(500), (Culprit::SourcePorts, true));
}

#[test]
fn a_sentence_says_where_it_stopped_why_and_whose_it_is() {
    let blames = Case { reached: 282, ..Case::of(&errno(Errno::EADDRNOTAVAIL)) }.blames();
    assert_eq!(
        blames[0].sentence,
        "stopped at 282 of 1,000 connections because the source ports of 127.0.0.1 -> 127.0.0.1:8000 ran out (generator)"
    );
    assert!(blames[0].fix.contains("ip_local_port_range"), "{blames:?}");
    let blames = Case { reached: 1_000, ..Case::of(&errno(Errno::ECONNREFUSED)) }.blames();
    assert!(blames[0].sentence.starts_with("900 failed because nothing listens"), "{blames:?}");
    let blames =
        Case { reached: 282, ..Case::of(&cause(Failure::Reset, FailureStage::Hold)) }.blames();
    assert!(blames[0].sentence.starts_with("900 failed because"), "{blames:?}");
}

#[test]
fn memory_is_told_apart_by_what_was_full() {
    let failures = errno(Errno::ENOBUFS);
    let tcp = Case { deltas: rises(&["TcpExt.TCPMemoryPressures"]), ..Case::of(&failures) };
    assert_eq!(tcp.first().0, Culprit::TcpMemory);
    let group = |used| CgroupMemory { file: "/g/memory.max".into(), limit: 1_000, used };
    let full = Limits { cgroup: Some(group(990)), ..limits() };
    assert_eq!(
        Case { limits: full.clone(), ..Case::of(&failures) }.first().0,
        Culprit::CgroupMemory
    );
    let killed = |deltas, limits| Case { killed: 1, deltas, limits, ..Case::of(&[]) }.first().0;
    assert_eq!(killed(rises(&["vmstat.oom_kill"]), full), Culprit::CgroupMemory);
    // After the kill the group is empty again; the machine was not short.
    let after = Limits { cgroup: Some(group(10)), ..limits() };
    assert_eq!(killed(rises(&["vmstat.oom_kill"]), after), Culprit::CgroupMemory);
    assert_eq!(killed(rises(&["vmstat.oom_kill"]), limits()), Culprit::Memory);
    assert_eq!(killed(Deltas::default(), limits()), Culprit::Killed);
}

#[test]
fn a_connect_timeout_is_told_by_who_dropped() {
    let failures = cause(Failure::ConnectTimeout, FailureStage::Connect);
    let of = |names: &[&str], target_here, reached| {
        Case { deltas: rises(names), target_here, reached, ..Case::of(&failures) }.first()
    };
    let retries = "TcpExt.TCPSynRetrans";
    let overflows = "TcpExt.ListenOverflows";
    assert_eq!(of(&[retries, overflows], true, 100), (Culprit::AcceptQueue, Side::Target));
    for (dropped, target_here, culprit) in [
        (900, true, (Culprit::NetdevBacklog, Side::Generator)),
        (900, false, (Culprit::NetdevBacklog, Side::Generator)),
        // Five packets of somebody else are no reason for 900 that timed out.
        (5, true, (Culprit::Firewall, Side::Network)),
        (5, false, (Culprit::AcceptQueue, Side::Target)),
    ] {
        let deltas = Deltas(BTreeMap::from([("softnet.dropped".to_owned(), dropped)]));
        let case = Case { deltas: deltas.clone(), target_here, ..Case::of(&failures) };
        assert_eq!(case.first(), culprit, "{dropped} {target_here}");
        // Nor is any number of them where not one connection came through.
        let none = Case { deltas, target_here, reached: 0, ..Case::of(&failures) };
        assert_eq!(none.first(), (Culprit::Firewall, Side::Network), "{dropped} {target_here}");
    }
    // Nothing is lost on the way into a Unix socket, and no firewall stands there.
    let unix = Case { over_unix: true, ..Case::of(&failures) };
    assert_eq!(unix.first(), (Culprit::AcceptQueue, Side::Target));
    let forbidden = errno(Errno::EACCES);
    let unix = Case { over_unix: true, ..Case::of(&forbidden) };
    assert_eq!(unix.first(), (Culprit::SocketFile, Side::Generator));
    assert_eq!(of(&[retries], true, 100), (Culprit::Firewall, Side::Network));
    assert_eq!(of(&[retries], false, 0), (Culprit::Firewall, Side::Network));
    assert_eq!(of(&[retries], false, 100), (Culprit::AcceptQueue, Side::Target));
    // What was counted here is a fact; of a far target it is an inference, and said to be one.
    let words = |target_here, names: &[&str]| {
        let case = Case { deltas: rises(names), target_here, reached: 100, ..Case::of(&failures) };
        case.blames().remove(0).because
    };
    assert!(words(true, &[overflows]).starts_with("the target's accept queue overflowed"));
    assert!(words(false, &[retries]).starts_with("the target's accept queue probably overflowed"));
    // What overflows here is not the far target's.
    assert_eq!(of(&[retries, overflows], false, 0), (Culprit::Firewall, Side::Network));
    assert_eq!(of(&[retries, "conntrack.drop"], true, 100), (Culprit::Conntrack, Side::Generator));
    let full = Limits {
        conntrack: Some(Conntrack { count: 1_000, max: 1_000, buckets: None }),
        ..limits()
    };
    assert_eq!(Case { limits: full, ..Case::of(&failures) }.first().0, Culprit::Conntrack);
}

#[test]
fn the_way_and_the_target_are_told_apart() {
    for (failure, phase, culprit, side) in [
        (Failure::Refused, FailureStage::Connect, Culprit::Refused, Side::Target),
        (Failure::NotPermitted, FailureStage::Connect, Culprit::Firewall, Side::Network),
        (Failure::Unreachable, FailureStage::Connect, Culprit::Unreachable, Side::Network),
        (Failure::PeerTimeout, FailureStage::Hold, Culprit::PathLost, Side::Network),
        (Failure::Reset, FailureStage::Connect, Culprit::ResetAtAccept, Side::Target),
        (Failure::Reset, FailureStage::Hold, Culprit::ResetStorm, Side::Target),
        (Failure::StreamReset, FailureStage::Request, Culprit::ResetStorm, Side::Target),
        (Failure::ClosedByServer, FailureStage::Hold, Culprit::ClosedEarly, Side::Target),
        (Failure::OverLimit, FailureStage::Request, Culprit::AnswerLimits, Side::Generator),
        (Failure::ClientError, FailureStage::Request, Culprit::Client, Side::Generator),
        (Failure::ClosedIdle, FailureStage::Request, Culprit::ClosedIdle, Side::Target),
        (Failure::GreetingMissed, FailureStage::Hold, Culprit::TargetFiles, Side::Target),
        (Failure::HeartbeatMissed, FailureStage::Hold, Culprit::TargetLate, Side::Target),
        (Failure::RequestTimeout, FailureStage::Request, Culprit::TargetSlow, Side::Target),
        (Failure::WrongData, FailureStage::Hold, Culprit::WrongAnswer, Side::Target),
        (Failure::Tls, FailureStage::Tls, Culprit::TlsFailed, Side::Target),
        (Failure::Reset, FailureStage::Tls, Culprit::TlsFailed, Side::Target),
        (Failure::ClosedByServer, FailureStage::Tls, Culprit::TlsFailed, Side::Target),
        (Failure::ConnectTimeout, FailureStage::Tls, Culprit::TlsStalled, Side::Target),
        (Failure::BadHttp, FailureStage::Request, Culprit::WrongProtocol, Side::Target),
    ] {
        assert_eq!(Case::of(&cause(failure, phase)).first(), (culprit, side), "{failure}");
    }
    let failures = cause(Failure::GreetingMissed, FailureStage::Hold);
    let silent = Case { verified: 0, ..Case::of(&failures) };
    assert_eq!(silent.first().0, Culprit::TargetSilent);
}

#[test]
fn resets_of_young_connections_happen_at_accept() {
    let failures = cause(Failure::Reset, FailureStage::Hold);
    let young = Case { deaths: &[(0, 890), (7, 10)], ..Case::of(&failures) };
    assert_eq!(young.first().0, Culprit::ResetAtAccept);
    let overflow = Case { deltas: rises(&["TcpExt.ListenOverflows"]), ..young };
    assert_eq!(overflow.first().0, Culprit::AcceptQueue);
}

#[test]
fn many_deaths_at_one_age_are_an_idle_timeout() {
    let spike: &[(u64, u64)] = &[(3, 20), (59, 10), (60, 390), (61, 12), (200, 30)];
    for failure in [Failure::ClosedByServer, Failure::Reset] {
        let failures = cause(failure, FailureStage::Hold);
        let case = Case { deaths: spike, target_here: false, ..Case::of(&failures) };
        assert_eq!(case.first(), (Culprit::IdleTimeout, Side::Network), "{failure}");
        assert!(
            case.blames()[0]
                .sentence
                .contains("412 connections on 127.0.0.1 -> 127.0.0.1:8000 died at 60 ± 1 s"),
            "{:?}",
            case.blames()
        );
        assert_eq!(Case { target_here: true, ..case }.first().1, Side::Target);
    }
    let closed = cause(Failure::ClosedByServer, FailureStage::Hold);
    let spread: Vec<(u64, u64)> = (2..100).map(|age| (age, 5)).collect();
    assert_eq!(Case { deaths: &spread, ..Case::of(&closed) }.first().0, Culprit::ClosedEarly);
    assert_eq!(Case { deaths: &[(60, 9)], ..Case::of(&closed) }.first().0, Culprit::ClosedEarly);
    assert_eq!(Case { deaths: &[(0, 900)], ..Case::of(&closed) }.first().0, Culprit::ClosedEarly);
}

#[test]
fn every_failure_is_blamed_once_and_the_most_come_first() {
    let failures: Vec<(Cause, u64)> = Failure::ALL
        .iter()
        .zip(1..)
        .map(|(failure, count)| (Cause::new(*failure, FailureStage::Hold), count))
        .collect();
    let blames = Case::of(&failures).blames();
    let total: u64 = blames.iter().map(|blame| blame.count).sum();
    assert_eq!(total, failures.iter().map(|(_, count)| count).sum::<u64>());
    assert!(blames.is_sorted_by_key(|blame| std::cmp::Reverse(blame.count)));
    assert!(Case::of(&[]).blames().is_empty());
}

#[test]
fn every_culprit_has_words_and_a_fix() {
    for culprit in Culprit::ALL {
        assert!(!culprit.fix(&limits()).is_empty(), "{culprit:?}");
        assert!(!culprit.because(ROUTE, None).contains("ROUTE"), "{culprit:?}");
        let bare = culprit.fix(&Limits::default());
        assert!(!bare.contains("None"), "{culprit:?}: {bare}");
    }
}

fn held(heartbeat: Heartbeat) -> Option<Protocol> {
    let Protocol::TcpHold(mut hold) = crate::schedule::testing::hold() else {
        return None;
    };
    hold.heartbeat = Some(heartbeat);
    Some(Protocol::TcpHold(hold))
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
    assert_eq!(case.first(), (Culprit::TargetLate, Side::Target));
    let said = case.blames().remove(0).sentence;
    assert_eq!(
        said,
        "900 failed because heartbeats on 127.0.0.1 -> 127.0.0.1:8000 got no reply within 1s (target)"
    );
    let time = |seconds| Time(std::time::Duration::from_secs(seconds));
    let protocol = held(Heartbeat::Server { every: time(60), grace: time(10) });
    let said = Case { protocol, ..case }.blames().remove(0).because;
    assert_eq!(said, "no heartbeat came on 127.0.0.1 -> 127.0.0.1:8000 within 1m10s");
}

#[test]
fn what_is_heard_more_often_dies_of_age_and_not_of_silence() {
    let failures = cause(Failure::ClosedByServer, FailureStage::Hold);
    let case = Case { deaths: &[(60, 900)], protocol: of_client(5, 1), ..Case::of(&failures) };
    let blame = case.blames().remove(0);
    assert_eq!(blame.culprit, Culprit::ClosedEarly);
    assert!(blame.because.ends_with("most of them at the age of 60 ± 1 s"), "{}", blame.because);
    let silent = Case { protocol: of_client(120, 1), ..case };
    assert_eq!(silent.first().0, Culprit::IdleTimeout);
}
