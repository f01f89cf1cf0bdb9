//! What a plan consists of, an element a file: its keys, what they mean, and their defaults.

mod hold;
mod http;
mod protocol;
mod tcp_hold;

pub(super) use hold::RawHold;
pub(super) use http::{RawConnection, RawHttp};
pub(super) use protocol::{protocol, reject_foreign_keys};
