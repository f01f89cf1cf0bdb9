//! Parts of a request that were parsed when the plan was read, and are kept as what they were
//! parsed into: names and values of headers, paths, hosts.
//!
//! **Invariant:** one that crosses to a worker is parsed again there.

use crate::plan::elements::http::template::{Piece, Template};
use crate::plan::span::TextRange;
use crate::plan::text::Placeholder;
use crate::units::uri;
use ::http::uri::{Authority, PathAndQuery};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::str::FromStr;

/// Why a text could not be parsed; the plan's errors say more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct NotSendable(&'static str);

/// Defines a part that derefs to its text and is serialised as it.
macro_rules! part {
    ($(#[$doc:meta])* $name:ident($inner:ty), $what:literal, $parse:expr, $text:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name($inner);

        impl FromStr for $name {
            type Err = NotSendable;

            fn from_str(text: &str) -> Result<Self, NotSendable> {
                let parse: fn(&str) -> Option<$inner> = $parse;
                parse(text).map(Self).ok_or(NotSendable($what))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotSendable;

            fn try_from(text: String) -> Result<Self, NotSendable> {
                text.parse()
            }
        }

        #[cfg(test)]
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                text.parse().unwrap()
            }
        }

        impl From<$name> for String {
            fn from(part: $name) -> Self {
                part.to_string()
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                let text: fn(&$inner) -> &str = $text;
                text(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self)
            }
        }
    };
}

part! {
    /// The name of a header, in lower case.
    HeaderName(::http::HeaderName), "a header name",
    |text| ::http::HeaderName::from_bytes(text.as_bytes()).ok(),
    |name| name.as_str()
}

part! {
    /// The value of a header: UTF-8 without line breaks and control characters.
    HeaderValue(::http::HeaderValue), "a header value",
    |text| ::http::HeaderValue::from_str(text).ok(),
    |value| std::str::from_utf8(value.as_bytes()).unwrap_or_default()
}

part! {
    /// The path and query of a request, or `*`.
    RequestPath(PathAndQuery), "a path",
    |text| (text.starts_with('/') || text == "*").then(|| text.parse().ok()).flatten(),
    |path| path.as_str()
}

part! {
    /// The value of `Host`: a name or an address, and a port if it is not the scheme's default.
    HostHeader(Authority), "a host",
    |text| Authority::from_str(text).ok().filter(|_| !text.contains('@')),
    |host| host.as_str()
}

impl RequestPath {
    /// `/`.
    pub fn root() -> Self {
        Self(PathAndQuery::from_static("/"))
    }
}

impl HostHeader {
    /// The `Host` for a server that is known by its address alone.
    pub fn of_address(address: SocketAddr, is_secure: bool) -> Self {
        let text = uri::authority(&address.ip().to_string(), address.port(), is_secure);
        text.parse().expect("an address and a port are an authority")
    }

    /// The `Host` on a Unix socket.
    pub fn localhost() -> Self {
        Self(Authority::from_static("localhost"))
    }
}

/// A part that is the same for all requests, or filled in for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    into = "Template",
    try_from = "Template",
    bound = "T: Clone + FromStr<Err = NotSendable> + Deref<Target = str>"
)]
pub enum Templated<T> {
    /// The same for all.
    Fixed(T),
    /// Filled in, and checked when it is sent.
    Filled(Template),
}

impl<T: Deref<Target = str>> Templated<T> {
    /// The text, if it has no placeholders.
    pub fn fixed(&self) -> Option<&str> {
        match self {
            Self::Fixed(part) => Some(part),
            Self::Filled(_) => None,
        }
    }

    /// The same as a template.
    pub fn template(&self) -> Cow<'_, Template> {
        match self {
            Self::Fixed(part) => Cow::Owned(Template::from(&**part)),
            Self::Filled(template) => Cow::Borrowed(template),
        }
    }

    /// The placeholders, with their places in the plan.
    pub fn givens(&self) -> impl Iterator<Item = (&Placeholder, &TextRange)> {
        let template = match self {
            Self::Fixed(_) => None,
            Self::Filled(template) => Some(template),
        };
        template.into_iter().flat_map(Template::givens)
    }

    /// The placeholder that the part begins with, if any.
    pub fn first_piece(&self) -> Option<&Piece> {
        match self {
            Self::Fixed(_) => None,
            Self::Filled(template) => template.pieces.first(),
        }
    }
}

#[cfg(test)]
impl<T: FromStr<Err = NotSendable>> From<&str> for Templated<T> {
    fn from(text: &str) -> Self {
        Self::Fixed(text.parse().unwrap())
    }
}

impl<T: FromStr<Err = NotSendable>> TryFrom<Template> for Templated<T> {
    type Error = NotSendable;

    fn try_from(template: Template) -> Result<Self, NotSendable> {
        match template.fixed() {
            Some(text) => text.parse().map(Self::Fixed),
            None => Ok(Self::Filled(template)),
        }
    }
}

impl<T: Deref<Target = str>> From<Templated<T>> for Template {
    fn from(part: Templated<T>) -> Self {
        match part {
            Templated::Fixed(text) => Self::from(&*text),
            Templated::Filled(template) => template,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_parsed_again_where_they_are_read() {
        let json = serde_json::to_string(&"/a?b".parse::<RequestPath>().unwrap()).unwrap();
        assert_eq!(json, r#""/a?b""#);
        for wrong in [r#""a""#, r#""/a b""#, r#""""#] {
            assert!(serde_json::from_str::<RequestPath>(wrong).is_err(), "{wrong}");
        }
        for wrong in [r#""a b""#, r#""u@h""#, r#""""#, r#""h/p""#] {
            assert!(serde_json::from_str::<HostHeader>(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<HeaderName>(r#""a b""#).is_err());
        assert!(serde_json::from_str::<HeaderValue>(r#""a\nb""#).is_err());
        assert_eq!(&*serde_json::from_str::<HeaderValue>("\"\u{fc}\"").unwrap(), "\u{fc}");
    }

    #[test]
    fn a_part_is_saved_as_a_template() {
        let fixed = Templated::Fixed("x".parse::<HeaderValue>().unwrap());
        let json = serde_json::to_value(&fixed).unwrap();
        assert_eq!(json, serde_json::to_value(Template::from("x")).unwrap());
        assert_eq!(serde_json::from_value::<Templated<HeaderValue>>(json).unwrap(), fixed);
        let wrong = serde_json::to_value(Template::from("x\n")).unwrap();
        assert!(serde_json::from_value::<Templated<HeaderValue>>(wrong).is_err());
    }

    #[test]
    fn a_server_of_its_own_is_asked_by_its_address() {
        let host = |text: &str| HostHeader::of_address(text.parse().unwrap(), false).to_string();
        assert_eq!(host("127.0.0.1:80"), "127.0.0.1");
        assert_eq!(host("[::1]:9000"), "[::1]:9000");
    }
}
