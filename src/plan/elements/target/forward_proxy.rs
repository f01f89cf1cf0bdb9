//! The forward proxy through which connections to a target go.

use crate::plan::elements::target::Endpoint;
use crate::plan::elements::target::address::{HostPort, Site, proxy};
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field};
use crate::plan::secret::HiddenValue;
use crate::plan::span::Span;
use crate::plan::text::Text;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A forward proxy: requests to plain targets are sent to it whole, and a tunnel through it leads
/// to those with TLS.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardProxy {
    /// Its address.
    pub address: HostPort,
    /// The value of `Proxy-Authorization`; a secret.
    pub authorization: Option<String>,
    /// Texts that are hidden wherever they would be shown.
    pub(in crate::plan) hidden: Vec<HiddenValue>,
}

impl fmt::Debug for ForwardProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_authorized = self.authorization.is_some();
        write!(f, "ForwardProxy({:?}, authorized: {is_authorized})", self.address)
    }
}

/// Reads `proxy` of a target. `others`: keys that cannot stand beside it, and their places.
pub(super) fn forward_proxy(
    field: &Field<Text>,
    endpoint: &Endpoint,
    is_http: bool,
    others: &[(&str, Option<Span>)],
    errors: &mut Errors,
) -> Option<ForwardProxy> {
    let (at, given) = (field.key()?, field.given()?);
    let is_socket = |site: &Site| matches!(site, Site::Socket(_));
    let wrong = match endpoint {
        _ if !is_http => Some("`proxy` is for http scenarios"),
        Endpoint::Builtin(_) => Some("a built-in server is not behind a proxy"),
        Endpoint::Urls(urls) if urls.iter().any(|url| is_socket(&url.site)) => {
            Some("a Unix socket is not behind a proxy")
        }
        Endpoint::Hosts(_) | Endpoint::Urls(_) => None,
    };
    if let Some(wrong) = wrong {
        errors.add(at, wrong).help("leave `proxy` out");
    }
    for (name, place) in others {
        if let Some(place) = place {
            errors
                .add(*place, format!("`{name}` has no meaning beside `proxy`: the proxy connects"))
                .help(format!("leave `{name}` out, or `proxy`"));
        }
    }
    read(given, errors)
}

fn read(given: &At<Text>, errors: &mut Errors) -> Option<ForwardProxy> {
    // Errors of the environment itself were already reported.
    if given.value.broken {
        return None;
    }
    let text = given.value.value.as_str();
    let (user, rest) = match text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')) {
        Some((user, host)) => (Some(user), format!("http://{host}")),
        None => (None, text.to_owned()),
    };
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let address = match proxy(scheme.as_deref(), &rest) {
        Ok(address) => address,
        Err(problem) => {
            let is_open = !given.value.is_secret() && user.is_none();
            errors.add(given.at, problem.message).help = problem.help.filter(|_| is_open);
            return None;
        }
    };
    let Some(user) = user else {
        return Some(ForwardProxy { address, authorization: None, hidden: Vec::new() });
    };
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().ok().map(String::from);
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let both = decoded(name).zip(decoded(password));
    let is_sent = |text: &String| !text.chars().any(char::is_control);
    let Some((name, plain)) = both.filter(|(name, plain)| is_sent(name) && is_sent(plain)) else {
        errors
            .add(given.at, "the name or the password of this proxy cannot be sent")
            .help("percent-encode what is not a letter or a digit: `@` is `%40`");
        return None;
    };
    let credentials = BASE64_STANDARD.encode(format!("{name}:{plain}"));
    let hidden = [credentials.clone(), plain, password.to_owned()];
    let hidden = hidden.into_iter().filter(|text| !text.is_empty());
    Some(ForwardProxy {
        address,
        authorization: Some(format!("Basic {credentials}")),
        hidden: hidden.map(HiddenValue::of_proxy).collect(),
    })
}
