//! Turns one due attempt into a held connection or an answered request.

pub mod http;
pub mod socket;
pub mod tcp_hold;
pub mod tls;
