//! Where connections go, and from where.

use crate::units::Address;
use std::net::IpAddr;

/// Where a lane's connections go, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// To.
    pub to: Address,
    /// From; `None` leaves it to the kernel.
    pub from: Option<IpAddr>,
    /// From this port, as long as it is free; zero leaves it to the kernel.
    pub port: u16,
}
