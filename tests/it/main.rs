//! What planrun does as a program, on real sockets.

#![expect(clippy::disallowed_methods, reason = "tests look at files, times and the environment")]
#![expect(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

mod formats;
mod forward_proxy;
mod going;
mod hostile;
mod hosts;
mod import;
mod live_page;
mod lost;
mod machine;
mod monitors;
mod names;
mod outcome;
mod packaging;
mod peers;
mod plan;
mod proxied;
mod readme;
mod report;
mod run;
mod scale;
mod secrets;
mod serve;
mod served;
mod shells;
mod shipped_plans;
mod signals;
mod tidy;
mod tls;
mod websockets;
