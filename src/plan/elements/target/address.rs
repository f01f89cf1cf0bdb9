//! Turns `host:port`, URLs and the paths of Unix sockets into addresses.

use crate::plan::{HostHeader, RequestPath};
use crate::units::uri;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// `host:port`; the host is a name, an IPv4 address, or an IPv6 address without its brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HostPort {
    /// Name or address, without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

/// The address of an http target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Site {
    /// A port of a host.
    Host(HostPort),
    /// The Unix socket with this absolute path.
    Socket(PathBuf),
}

impl Site {
    /// The host and port that an answer may name; those of a Unix socket are what requests say
    /// there: `localhost`.
    pub fn authority(&self) -> (&str, u16) {
        match self {
            Self::Host(host) => (&host.host, host.port),
            Self::Socket(_) => ("localhost", 80),
        }
    }
}

/// `http://host:port/path`, `https://`, or `unix:/run/app.sock:/path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpUrl {
    /// Whether it is `https`.
    pub is_secure: bool,
    /// The address to connect to.
    pub site: Site,
    /// The value of `Host`: the host and port as written; `localhost` for a Unix socket.
    pub host_header: HostHeader,
    /// The path and query, starting with `/`.
    pub path: RequestPath,
}

/// An error of an address, and the correction. Neither has a part of the address in it but `help`.
pub(in crate::plan) struct AddressProblem {
    pub message: &'static str,
    pub help: Option<String>,
}

fn problem<T>(message: &'static str, help: impl Into<String>) -> Result<T, AddressProblem> {
    Err(AddressProblem { message, help: Some(help.into()) })
}

/// Reads `host:port`.
pub(in crate::plan) fn host_port(text: &str) -> Result<HostPort, AddressProblem> {
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        return problem(
            "a tcp-hold target is `host:port`, not a URL",
            format!("write `\"{authority}\"`, with its port"),
        );
    }
    if is_socket(text) {
        return problem(
            "a tcp-hold target is `host:port`: a Unix socket is for http",
            "write for example `\"127.0.0.1:8080\"`",
        );
    }
    authority(text, None)
}

/// The longest path of a Unix socket that the kernel takes (`sun_path` less its last zero).
const LONGEST: usize = 107;

/// Whether an address is that of a Unix socket.
pub(in crate::plan) fn is_socket(text: &str) -> bool {
    text.starts_with("unix:")
}

/// Reads `unix:/run/app.sock` or `unix:/run/app.sock:/path`; the path may be left out.
fn socket(text: &str) -> Result<HttpUrl, AddressProblem> {
    let (file, path) = match text.split_once(":/") {
        Some((file, path)) => (file, format!("/{path}")),
        None => (text.trim_end_matches(':'), "/".to_owned()),
    };
    if !file.starts_with('/') || file.ends_with('/') || file.contains('\0') {
        return problem(
            "expected an absolute path after `unix:`",
            "write for example `\"unix:/run/app.sock\"`, or `\"unix:/run/app.sock:/path\"`",
        );
    }
    if file.len() > LONGEST {
        return problem(
            "this socket path is longer than the kernel allows",
            format!("it may have {LONGEST} bytes: link a shorter one to it"),
        );
    }
    let path = socket_path(&path)?;
    let site = Site::Socket(PathBuf::from(file));
    Ok(HttpUrl { is_secure: false, site, host_header: HostHeader::localhost(), path })
}

fn socket_path(path: &str) -> Result<RequestPath, AddressProblem> {
    if path.contains('#') {
        return problem("a `#` and what follows it are never sent", "leave it out");
    }
    path.parse().or_else(|_| {
        problem("this path has characters that cannot be sent", "encode it: a space is `%20`")
    })
}

/// Reads `ws://host:port/path`, or `wss://`; the port may be left out.
pub(in crate::plan) fn websocket(text: &str) -> Result<HttpUrl, AddressProblem> {
    if is_socket(text) {
        return problem(
            "a ws-hold target is a URL: a Unix socket is for http",
            "write for example `\"ws://127.0.0.1:8080/\"`",
        );
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let way = if text == "builtin" {
            "to use a built-in server of planrun, write `builtin = \"ws-hold\"` in place of `address`"
                .to_owned()
        } else {
            format!("write `\"ws://{}/\"`", text.trim_end_matches('/'))
        };
        return problem("a ws-hold target is a URL", way);
    };
    let (mine, theirs) = match scheme.to_ascii_lowercase().as_str() {
        "ws" => ("ws://", "http://"),
        "wss" => ("wss://", "https://"),
        "https" => {
            return problem(
                "a ws-hold target is a URL that begins with `ws://` or `wss://`",
                format!("write `\"wss://{rest}\"`"),
            );
        }
        _ => {
            return problem(
                "a ws-hold target is a URL that begins with `ws://` or `wss://`",
                format!("write `\"ws://{rest}\"`"),
            );
        }
    };
    url(&format!("{theirs}{rest}")).map_err(|problem| AddressProblem {
        help: problem.help.map(|help| help.replace(theirs, mine)),
        ..problem
    })
}

/// Reads `http://host:port/path`, or `https://`; the port may be left out.
pub(in crate::plan) fn url(text: &str) -> Result<HttpUrl, AddressProblem> {
    if let Some(rest) = text.strip_prefix("unix:") {
        return socket(rest);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let way = if text == "builtin" {
            "for a built-in server write `builtin = \"http\"` in place of `address`".to_owned()
        } else {
            format!("write `\"http://{}/\"`", text.trim_end_matches('/'))
        };
        return problem("an http target is a URL", way);
    };
    let is_secure = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => {
            return problem(
                "an http target is a URL that begins with `http://` or `https://`",
                format!("write `\"http://{rest}\"`"),
            );
        }
    };
    if let Some((before, _)) = rest.split_once('#') {
        return problem(
            "a `#` and what follows it are never sent",
            format!("write `\"{scheme}://{before}\"`"),
        );
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    if host.contains('@') {
        return problem(
            "a user name and password in a URL are not sent",
            "send them as a header: `headers = { authorization = \"${env.AUTHORIZATION}\" }`",
        );
    }
    let path = match path {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    let parsed = path.parse::<RequestPath>();
    let Some(parsed) = parsed.ok().filter(|_| !path.contains(|c: char| !c.is_ascii_graphic()))
    else {
        return problem(
            "the path of this URL has characters that are not allowed in a path",
            format!("write `\"{scheme}://{host}{}\"`", uri::sendable(&path).collect::<String>()),
        );
    };
    let place = authority(host, Some(if is_secure { 443 } else { 80 }))?;
    let host_header = uri::authority(&place.host, place.port, is_secure).parse().or_else(|_| {
        problem("invalid host name", "write a name or an address: `\"http://127.0.0.1:8080/\"`")
    })?;
    Ok(HttpUrl { is_secure, site: Site::Host(place), host_header, path: parsed })
}

/// Reads the address of a forward proxy, whose scheme is this.
pub(in crate::plan) fn proxy(scheme: Option<&str>, text: &str) -> Result<HostPort, AddressProblem> {
    let Some((_, rest)) = text.split_once("://") else {
        let rest = Some(text.trim_end_matches('/')).filter(|rest| !rest.is_empty());
        let host = rest.unwrap_or("proxy:3128");
        return problem("a proxy is a URL", format!("write `\"http://{host}\"`"));
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if scheme != Some("http") {
        return problem(
            "a proxy is a URL that begins with `http://`: TLS to the proxy and SOCKS are not supported",
            format!("write `\"http://{rest}\"`"),
        );
    }
    if let Some((host, _)) = rest.split_once(['/', '?', '#']) {
        return problem("a proxy has no path", format!("write `\"http://{host}\"`"));
    }
    authority(rest, None).map_err(|wrong| match wrong.message {
        "the port is missing" => AddressProblem {
            help: Some(format!("write `\"http://{rest}:3128\"`, with the right port")),
            ..wrong
        },
        _ => wrong,
    })
}

/// Reads `name:port`, `1.2.3.4:port` or `[::1]:port`.
fn authority(text: &str, default_port: Option<u16>) -> Result<HostPort, AddressProblem> {
    if text.is_empty() {
        return problem("the host is missing", "write for example `\"127.0.0.1:8080\"`");
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, behind)) = rest.split_once(']') else {
            return problem(
                "the `[` of this address is never closed",
                "write for example `\"[::1]:80\"`",
            );
        };
        if host.parse::<Ipv6Addr>().is_err() {
            return problem(
                "expected an IPv6 address between `[` and `]`",
                "write for example `\"[::1]:80\"`",
            );
        }
        let port = match behind.strip_prefix(':') {
            Some(digits) => port(digits)?,
            None if behind.is_empty() => known_port(default_port, text)?,
            None => {
                return problem(
                    "expected `:` and a port after `]`",
                    "write for example `\"[::1]:80\"`",
                );
            }
        };
        return Ok(HostPort { host: host.to_owned(), port });
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return problem("an IPv6 address must be in brackets", format!("write `\"[{text}]:80\"`"));
    }
    if text.starts_with(':') {
        return problem("the host is missing", format!("write for example `\"127.0.0.1{text}\"`"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) => (host, port(digits)?),
        None => (text, known_port(default_port, text)?),
    };
    let host = uri::host(host).unwrap_or_default();
    check_host(&host)?;
    Ok(HostPort { host, port })
}

fn known_port(default: Option<u16>, text: &str) -> Result<u16, AddressProblem> {
    match default {
        Some(port) => Ok(port),
        None => {
            problem("the port is missing", format!("write `\"{text}:80\"`, with the right port"))
        }
    }
}

fn port(digits: &str) -> Result<u16, AddressProblem> {
    match digits.parse::<u16>() {
        Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => problem("expected a port from 1 to 65535", "write for example `\"127.0.0.1:8080\"`"),
    }
}

fn check_host(host: &str) -> Result<(), AddressProblem> {
    let digits = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if digits && !host.is_empty() {
        return match host.parse::<Ipv4Addr>() {
            Ok(_) => Ok(()),
            Err(_) => problem(
                "invalid IPv4 address",
                "write four numbers from 0 to 255: `\"127.0.0.1:80\"`",
            ),
        };
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || ['-', '_'].contains(&c))
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > 253 || !name.split('.').all(label) {
        return problem(
            "invalid host name",
            "write a name, an IPv4 address, or an IPv6 address between brackets, then `:` and the port",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{HOLD, WEB, read, set};
    use crate::plan::{Endpoint, Overrides};

    #[test]
    fn addresses_are_read() {
        let endpoint = |address: &str| {
            set(HOLD, &[&format!("targets.lb.address={address}")]).targets[0].endpoint.clone()
        };
        let host = |host: &str, port| HostPort { host: host.to_owned(), port };
        assert_eq!(endpoint("[::1]:80"), Endpoint::Hosts(vec![host("::1", 80)]));
        let list = r#"["a.b-c.example:1", "10.0.0.1:65535"]"#;
        let both = vec![host("a.b-c.example", 1), host("10.0.0.1", 65_535)];
        assert_eq!(endpoint(list), Endpoint::Hosts(both));
        let url = |address: &str| {
            let overrides =
                Overrides { target: vec![format!("web={address}")], ..Overrides::default() };
            match read(WEB, &overrides).unwrap_or_else(|errors| panic!("{errors}")).targets[0]
                .endpoint
            {
                Endpoint::Urls(ref urls) => urls.clone(),
                ref other => panic!("{other:?}"),
            }
        };
        let expected = |host: &str, port, header: &str, path: &str| HttpUrl {
            is_secure: false,
            site: Site::Host(HostPort { host: host.to_owned(), port }),
            host_header: header.parse().unwrap(),
            path: path.parse().unwrap(),
        };
        assert_eq!(url("http://h"), [expected("h", 80, "h", "/")]);
        assert_eq!(url("http://[::1]:8080?a=b"), [expected("::1", 8080, "[::1]:8080", "/?a=b")]);
        let socket = |file: &str, path: &str| HttpUrl {
            site: Site::Socket(file.into()),
            ..expected("", 0, "localhost", path)
        };
        assert_eq!(url("unix:/run/a.sock"), [socket("/run/a.sock", "/")]);
        assert_eq!(url("unix:/run/a.sock:"), [socket("/run/a.sock", "/")]);
        assert_eq!(url("unix:/run/a:b.sock:/x?y=/z"), [socket("/run/a:b.sock", "/x?y=/z")]);
        let two = [expected("a", 1, "a:1", "/x"), expected("b", 80, "b", "/y?z=1")];
        assert_eq!(url("http://a:1/x,http://b/y?z=1"), two);
    }
}
