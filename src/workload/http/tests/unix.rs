//! Connections to Unix sockets that do not open, or not at once.

use super::*;
use crate::units::Address;
use crate::workload::Route;
use std::os::unix::net::UnixListener;

#[test]
fn a_full_queue_is_waited_for_and_nobody_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let to = Address::Unix(path.as_path().into());
    let route = Route { to: &to, from: None, port: 0, proxy_protocol: None };
    let error = Http1Connection::begin(route).unwrap_err();
    assert_eq!(error.cause.at, FailureStage::Connect);
    assert_eq!(error.cause.failure.origin(), Origin::Network);
    assert!(error.sample.contains("No such file"), "{}", error.sample);

    let listener = UnixListener::bind(&path).unwrap();
    let mut queued = Vec::new();
    let mut waiting = loop {
        let mut connection = Http1Connection::begin(route).unwrap();
        if !connection.open(route).unwrap() {
            break connection;
        }
        queued.push(connection);
        assert!(queued.len() < 10_000, "the queue has no end");
    };
    assert_eq!(waiting.open(route), Ok(false));
    let late = RequestError::connect_timeout(route);
    assert!(late.sample.ends_with("its queue of connections stayed full"), "{}", late.sample);

    // A place in it is free again: for the one that waits, and for nobody else.
    drop(listener.accept().unwrap());
    assert_eq!(waiting.open(route), Ok(true));
    let mut next = Http1Connection::begin(route).unwrap();
    assert_eq!(next.open(route), Ok(false));
    assert_eq!(waiting.open(route), Ok(true));

    drop(listener);
    let error = next.open(route).unwrap_err();
    assert_eq!((error.cause.failure, error.cause.at), (Failure::Refused, FailureStage::Connect));
    let error = Http1Connection::begin(route).unwrap_err();
    assert_eq!((error.cause.failure, error.cause.at), (Failure::Refused, FailureStage::Connect));
    assert!(error.sample.contains("Connection refused"), "{}", error.sample);
}
