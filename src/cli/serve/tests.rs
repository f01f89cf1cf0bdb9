//! Options of servers survive the command line.

use super::*;
use crate::cli::{Cli, Command};
use crate::serve::arguments;
use clap::Parser;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;

fn read(builtin: &Builtin) -> Builtin {
    let line = ["planrun".into(), "serve".into()].into_iter().chain(arguments(builtin));
    match Cli::try_parse_from(line).unwrap().command {
        Some(Command::Serve(command)) => command.builtin(),
        other => panic!("{other:?}"),
    }
}

prop_compose! {
    fn time()(nanoseconds in 1..u64::MAX / 2) -> Time {
        Time(Duration::from_nanos(nanoseconds))
    }
}

prop_compose! {
    fn faults()(
        share in 0.0..=1.0, seed: u64, bools: [bool; 4], times in [
            prop::option::of(time()), prop::option::of(time()), prop::option::of(time()),
        ], reset_after_bytes: Option<u64>,
    ) -> Faults {
        let [refuse, never_accept, silence, wrong_data] = bools;
        let [reset_after, delay, close_after] = times;
        Faults {
            share: Ratio(share), seed, refuse, never_accept, reset_after, reset_after_bytes, silence,
            wrong_data, delay, close_after, ..Faults::default()
        }
    }
}

fn certificate() -> impl Strategy<Value = Certificate> {
    let files =
        ("[a-z/.]{1,9}", "[a-z/.]{1,9}").prop_map(|(certificate, key)| Certificate::Files {
            certificate: Path::new(&certificate).into(),
            key: Path::new(&key).into(),
        });
    prop_oneof![Just(Certificate::Own), files]
}

proptest! {
    /// The arguments of a server's process are those of the plan.
    #[test]
    fn options_survive_the_command_line(
        faults in faults(), message in ".{0,9}", bytes: Option<Vec<u8>>, greet: bool, every in prop::option::of(time()),
        reply_to: Option<Vec<u8>>, tls in prop::option::of(certificate()), status: Option<u16>, slow_body in prop::option::of(time()),
        truncate_body: bool, subprotocol in prop::option::of("[a-z]{1,9}"), pings: bool,
    ) {
        let hold = TcpHoldServer { message: bytes.unwrap_or_else(|| message.clone().into_bytes()), greet, every, reply_to, tls: tls.clone(), faults: faults.clone(), websocket: None };
        let mut websocket = hold.clone();
        let hold = Builtin::TcpHold(hold);
        prop_assert_eq!(read(&hold), hold);
        websocket.websocket = Some(WebSocketServer { subprotocol, pings });
        websocket.faults.status = status;
        let websocket = Builtin::TcpHold(websocket);
        prop_assert_eq!(read(&websocket), websocket);
        let faults = Faults { status, slow_body, truncate_body, ..faults };
        let http = Builtin::Http(HttpServer { body: message, tls, faults });
        prop_assert_eq!(read(&http), http);
    }
}
