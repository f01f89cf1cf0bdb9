//! Turns one due attempt into a held connection or an answered request.

pub mod hold;
pub mod http;
pub mod socket;

pub mod tls;
