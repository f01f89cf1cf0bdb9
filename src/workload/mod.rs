//! Turns one due attempt into a held connection or an answered request.

pub(crate) mod hold;
pub(crate) mod http;
pub(crate) mod proxy_header;
mod route;
pub(crate) mod socket;
pub(crate) mod tls;

pub(crate) use route::Route;
