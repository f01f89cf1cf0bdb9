//! Where a connection goes, and from where.

use crate::plan::ProxyVersion;
use crate::units::Address;
use std::net::IpAddr;

/// The destination and the source of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// The address of the target.
    pub to: &'a Address,
    /// The source address; `None` lets the kernel choose it.
    pub from: Option<IpAddr>,
    /// The source port, used as long as it is free; 0 lets the kernel choose it.
    pub port: u16,
    /// The header with which the connection begins; `None`: with none.
    pub proxy_protocol: Option<ProxyVersion>,
}
