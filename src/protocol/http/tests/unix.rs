//! Connections to Unix sockets that do not open.

use super::*;
use crate::units::Address;
use std::os::unix::net::UnixListener;

#[test]
fn a_full_queue_is_told_apart_from_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let ends = Ends { to: Address::Unix(path.as_path().into()), from: None, port: 0 };
    let fault = Lane::begin(&ends).unwrap_err();
    assert_eq!(fault.cause.phase, Phase::Connect);
    assert_eq!(fault.cause.failure.origin(), Origin::Network);
    assert!(fault.sample.contains("No such file"), "{}", fault.sample);

    let listener = UnixListener::bind(&path).unwrap();
    let mut queued = Vec::new();
    let fault = loop {
        match Lane::begin(&ends) {
            Ok(mut lane) => {
                lane.open(&ends).unwrap();
                queued.push(lane);
            }
            Err(fault) => break fault,
        }
        assert!(queued.len() < 10_000, "the queue has no end");
    };
    assert_eq!((fault.cause.failure, fault.cause.phase), (Failure::Refused, Phase::Connect));
    assert!(fault.sample.ends_with("its queue of connections is full"), "{}", fault.sample);

    // A place in it is free again.
    drop(listener.accept().unwrap());
    Lane::begin(&ends).unwrap().open(&ends).unwrap();

    drop(listener);
    let fault = Lane::begin(&ends).unwrap_err();
    assert_eq!((fault.cause.failure, fault.cause.phase), (Failure::Refused, Phase::Connect));
    assert!(fault.sample.contains("Connection refused"), "{}", fault.sample);
}
