//! The keys of a target.

use crate::catalogue::ProtocolKind;
use crate::plan::elements::target::dns::RawDns;
use crate::plan::elements::target::faults::RawFaults;
use crate::plan::elements::target::tls::RawTls;
use crate::plan::raw::words;
use crate::plan::raw::{Named, OneOrMany, table};
use crate::plan::text::Text;

words! {
    /// A server that planrun brings along.
    BuiltinWord {
        /// Long connections.
        TcpHold = "tcp-hold",
        /// WebSockets.
        WsHold = "ws-hold",
        /// Requests.
        Http = "http",
    }
}

words! {
    /// The version of the PROXY protocol.
    ProxyWord {
        /// A line of text.
        V1 = "v1",
        /// Binary.
        V2 = "v2",
    }
}

table! {
    /// A system under test: addresses, or a server that planrun starts itself.
    #[schemars(rename = "Target")]
    RawTarget, "a target", write "a table for each target: `[targets.NAME]`", in "`[targets.NAME]`",
    must {}
    may {
        /// tcp-hold: `host:port`; ws-hold: a URL, `ws://` or `wss://`; http: a URL, or a Unix
        /// socket, `unix:/run/app.sock` or `unix:/run/app.sock:/path`. Or a list of them, used in
        /// turn.
        address: OneOrMany<Text>,
        /// Instead of `address`: planrun starts this server on loopback for the run.
        builtin: BuiltinWord,
        /// http, with `builtin`: the body of every answer. Default: `ok`.
        body: Text,
        /// tcp-hold, ws-hold, with `builtin`: whether it sends its message as soon as a connection
        /// is accepted. Default: only when the scenario has a `greeting`.
        greet: bool,
        /// With `builtin`: what it does wrong on purpose.
        faults: RawFaults,
        /// Connections are secured by TLS. `{}` trusts what this machine trusts, or the built-in
        /// server's own certificate. http: for addresses that begin with `https://`, which need it
        /// only to say more than that.
        tls: RawTls,
        /// Each connection begins with a header of the PROXY protocol, which tells the target's
        /// proxy whose it is: `v1` (a line) or `v2` (binary).
        proxy_protocol: ProxyWord,
        /// http: a forward proxy, `http://proxy:3128`, or `http://name:password@proxy:3128`.
        /// Requests to `http://` addresses are sent to it with their whole URL, a tunnel
        /// (`CONNECT`) leads to `https://` ones. The environment's `http_proxy` is not used.
        proxy: Text,
        /// The addresses of names, used in place of a lookup: `{ "shop.example" = "127.0.0.1" }`,
        /// or `"shop.example:8443"` for one port alone; one address or a list. `Host`, the name in
        /// TLS and the certificate's stay those of the name.
        resolve: Named<OneOrMany<Text>>,
        /// Looks up the names of `address` again during the run: `{ refresh = "30s" }`. New
        /// connections go to the addresses that a name has then, in turn.
        dns: RawDns,
        /// Whether a connection is opened to each address, and closed again, to see that it accepts
        /// any before the run. Default: true.
        probe: bool,
    }
}

impl BuiltinWord {
    /// The HTTP versions that it supports.
    pub(super) fn kind(self) -> ProtocolKind {
        match self {
            Self::TcpHold => ProtocolKind::TcpHold,
            Self::WsHold => ProtocolKind::WsHold,
            Self::Http => ProtocolKind::Http,
        }
    }
}
