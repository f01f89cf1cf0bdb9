//! Looking up the names of a target again during a run.

use crate::plan::elements::target::Endpoint;
use crate::plan::elements::target::address::{HostPort, Site};
use crate::plan::elements::target::resolve::{FixedName, fixed_addresses};
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, OneOrMany, table};
use crate::plan::text::Text;
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How often names are looked up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// The time from one lookup to the next.
    pub refresh: Time,
}

/// The bounds of `refresh`.
const SHORTEST: Time = Time(Duration::from_secs(1));
const LONGEST: Time = Time(Duration::from_hours(24));

table! {
    /// How names are looked up during a run.
    #[schemars(rename = "Dns")]
    RawDns, "`dns`", write "a table: `{ refresh = \"30s\" }`", in "`dns = { … }` of a target",
    must {
        /// The time from one lookup to the next, from `1s` to `24h`.
        refresh: Time = "refresh = \"30s\"",
    }
    may {}
}

pub(super) fn dns(
    raw: &Field<RawDns>,
    address: &Field<OneOrMany<Text>>,
    (endpoint, fixed): (&Endpoint, &[FixedName]),
    errors: &mut Errors,
) -> Option<Dns> {
    let (at, given) = (raw.key()?, raw.value()?);
    let refresh = given.refresh.given()?;
    if refresh.value < SHORTEST || refresh.value > LONGEST {
        errors
            .add(refresh.at, "expected a time from `1s` to `24h`")
            .help("write for example `refresh = \"30s\"`");
        return None;
    }
    if !has_names(endpoint, address.given(), fixed) {
        errors
            .add(at, "this target has no name to look up")
            .help("leave `dns` out, or write a name in `address` that `resolve` does not have");
    }
    Some(Dns { refresh: refresh.value })
}

/// Whether any address has a name that is looked up, as far as that is known.
fn has_names(
    endpoint: &Endpoint,
    address: Option<&At<OneOrMany<Text>>>,
    fixed: &[FixedName],
) -> bool {
    // Addresses of the command line, and wrong ones, say nothing about the plan.
    if address.is_some_and(|given| given.at.argument.is_some()) {
        return true;
    }
    let is_name = |host: &HostPort| {
        host.host.parse::<IpAddr>().is_err() && fixed_addresses(fixed, host).is_none()
    };
    match endpoint {
        Endpoint::Hosts(hosts) => hosts.is_empty() || hosts.iter().any(is_name),
        Endpoint::Urls(urls) => {
            urls.is_empty()
                || urls.iter().any(|url| match &url.site {
                    Site::Host(host) => is_name(host),
                    Site::Socket(_) => false,
                })
        }
        Endpoint::Builtin(_) => false,
    }
}
