//! The options of curl, and what they say of a request.

/// What an option says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Url,
    Method,
    Header,
    /// Text, or `@FILE` without its line breaks.
    Data,
    /// Text alone.
    DataRaw,
    /// Text, or `@FILE` as it is.
    DataBinary,
    DataUrlencode,
    Json,
    Form,
    FormString,
    /// A query parameter.
    UrlQuery,
    /// A file that is sent by PUT.
    Upload,
    User,
    Bearer,
    Agent,
    Referer,
    Cookie,
    Range,
    MaxTime,
    MaxRedirects,
    /// Data become the query.
    Get,
    Head,
    Location,
    Insecure,
    Compressed,
    Http2,
    CookieJar,
    /// What follows is another request.
    Next,
    /// Says nothing of the request.
    Nothing,
    /// Matters, and is not carried over.
    Lost,
}

/// An option: its long name, its letter (or a space), whether a value follows, what it says.
type Row = (&'static str, char, bool, Meaning);

use Meaning::{
    Agent, Bearer, Compressed, Cookie, CookieJar, Data, DataBinary, DataRaw, DataUrlencode, Form,
    FormString, Get, Head, Header, Http2, Insecure, Json, Location, Lost, MaxRedirects, MaxTime,
    Method, Next, Nothing, Range, Referer, Upload, Url, UrlQuery, User,
};

const OPTIONS: &[Row] = &[
    ("url", ' ', true, Url),
    ("request", 'X', true, Method),
    ("header", 'H', true, Header),
    ("data", 'd', true, Data),
    ("data-ascii", ' ', true, Data),
    ("data-raw", ' ', true, DataRaw),
    ("data-binary", ' ', true, DataBinary),
    ("data-urlencode", ' ', true, DataUrlencode),
    ("json", ' ', true, Json),
    ("form", 'F', true, Form),
    ("form-string", ' ', true, FormString),
    ("url-query", ' ', true, UrlQuery),
    ("upload-file", 'T', true, Upload),
    ("user", 'u', true, User),
    ("oauth2-bearer", ' ', true, Bearer),
    ("user-agent", 'A', true, Agent),
    ("referer", 'e', true, Referer),
    ("cookie", 'b', true, Cookie),
    ("range", 'r', true, Range),
    ("max-time", 'm', true, MaxTime),
    ("max-redirs", ' ', true, MaxRedirects),
    ("get", 'G', false, Get),
    ("head", 'I', false, Head),
    ("location", 'L', false, Location),
    ("location-trusted", ' ', false, Location),
    ("insecure", 'k', false, Insecure),
    ("compressed", ' ', false, Compressed),
    ("http2", ' ', false, Http2),
    ("http2-prior-knowledge", ' ', false, Http2),
    ("cookie-jar", 'c', true, CookieJar),
    ("next", ':', false, Next),
    // About the transfer or the terminal.
    ("basic", ' ', false, Nothing),
    ("connect-timeout", ' ', true, Nothing),
    ("create-dirs", ' ', false, Nothing),
    ("disable", 'q', false, Nothing),
    ("dump-header", 'D', true, Nothing),
    ("expect100-timeout", ' ', true, Nothing),
    ("fail", 'f', false, Nothing),
    ("fail-early", ' ', false, Nothing),
    ("fail-with-body", ' ', false, Nothing),
    ("globoff", 'g', false, Nothing),
    ("http1.0", '0', false, Nothing),
    ("http1.1", ' ', false, Nothing),
    ("include", 'i', false, Nothing),
    ("ipv4", '4', false, Nothing),
    ("ipv6", '6', false, Nothing),
    ("keepalive-time", ' ', true, Nothing),
    ("limit-rate", ' ', true, Nothing),
    ("max-filesize", ' ', true, Nothing),
    ("no-alpn", ' ', false, Nothing),
    ("no-buffer", 'N', false, Nothing),
    ("no-keepalive", ' ', false, Nothing),
    ("no-progress-meter", ' ', false, Nothing),
    ("no-sessionid", ' ', false, Nothing),
    ("output", 'o', true, Nothing),
    ("output-dir", ' ', true, Nothing),
    ("parallel", 'Z', false, Nothing),
    ("parallel-max", ' ', true, Nothing),
    ("path-as-is", ' ', false, Nothing),
    ("progress-bar", '#', false, Nothing),
    ("rate", ' ', true, Nothing),
    ("remote-header-name", 'J', false, Nothing),
    ("remote-name", 'O', false, Nothing),
    ("remote-name-all", ' ', false, Nothing),
    ("remote-time", 'R', false, Nothing),
    ("retry", ' ', true, Nothing),
    ("retry-all-errors", ' ', false, Nothing),
    ("retry-connrefused", ' ', false, Nothing),
    ("retry-delay", ' ', true, Nothing),
    ("retry-max-time", ' ', true, Nothing),
    ("show-error", 'S', false, Nothing),
    ("silent", 's', false, Nothing),
    ("speed-limit", 'Y', true, Nothing),
    ("speed-time", 'y', true, Nothing),
    ("ssl-no-revoke", ' ', false, Nothing),
    ("stderr", ' ', true, Nothing),
    ("styled-output", ' ', false, Nothing),
    ("tcp-nodelay", ' ', false, Nothing),
    ("tls-max", ' ', true, Nothing),
    ("tlsv1", '1', false, Nothing),
    ("tlsv1.0", ' ', false, Nothing),
    ("tlsv1.1", ' ', false, Nothing),
    ("tlsv1.2", ' ', false, Nothing),
    ("tlsv1.3", ' ', false, Nothing),
    ("trace", ' ', true, Nothing),
    ("trace-ascii", ' ', true, Nothing),
    ("trace-time", ' ', false, Nothing),
    ("verbose", 'v', false, Nothing),
    ("write-out", 'w', true, Nothing),
    // About the request, and left to whoever runs the plan.
    ("anyauth", ' ', false, Lost),
    ("aws-sigv4", ' ', true, Lost),
    ("cacert", ' ', true, Lost),
    ("capath", ' ', true, Lost),
    ("cert", 'E', true, Lost),
    ("cert-type", ' ', true, Lost),
    ("ciphers", ' ', true, Lost),
    ("config", 'K', true, Lost),
    ("connect-to", ' ', true, Lost),
    ("digest", ' ', false, Lost),
    ("dns-servers", ' ', true, Lost),
    ("doh-url", ' ', true, Lost),
    ("haproxy-protocol", ' ', false, Lost),
    ("http3", ' ', false, Lost),
    ("http3-only", ' ', false, Lost),
    ("interface", ' ', true, Lost),
    ("key", ' ', true, Lost),
    ("key-type", ' ', true, Lost),
    ("local-port", ' ', true, Lost),
    ("negotiate", ' ', false, Lost),
    ("netrc", 'n', false, Lost),
    ("netrc-file", ' ', true, Lost),
    ("noproxy", ' ', true, Lost),
    ("ntlm", ' ', false, Lost),
    ("pass", ' ', true, Lost),
    ("pinnedpubkey", ' ', true, Lost),
    ("post301", ' ', false, Lost),
    ("post302", ' ', false, Lost),
    ("post303", ' ', false, Lost),
    ("preproxy", ' ', true, Lost),
    ("proxy", 'x', true, Lost),
    ("proxy-header", ' ', true, Lost),
    ("proxy-insecure", ' ', false, Lost),
    ("proxy-user", 'U', true, Lost),
    ("proxytunnel", 'p', false, Lost),
    ("request-target", ' ', true, Lost),
    ("resolve", ' ', true, Lost),
    ("socks5", ' ', true, Lost),
    ("socks5-hostname", ' ', true, Lost),
    ("tls13-ciphers", ' ', true, Lost),
    ("unix-socket", ' ', true, Lost),
];

/// The option of this long name.
pub(super) fn long(name: &str) -> Option<&'static Row> {
    let found = OPTIONS.iter().find(|(long, ..)| *long == name);
    // `--no-OPTION` switches one off.
    found.or_else(|| {
        let off = name.strip_prefix("no-")?;
        let is_switch = OPTIONS.iter().any(|(long, _, takes, _)| *long == off && !takes);
        is_switch.then_some(&("no", ' ', false, Nothing))
    })
}

/// The option of this letter.
pub(super) fn short(letter: char) -> Option<&'static Row> {
    OPTIONS.iter().find(|(_, short, ..)| *short == letter && letter != ' ')
}

/// The long name that may be meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    crate::plan::nearest(name, OPTIONS.iter().map(|(long, ..)| *long))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_option_is_there_once() {
        let longs: BTreeSet<_> = OPTIONS.iter().map(|(long, ..)| long).collect();
        let letters: Vec<_> = OPTIONS.iter().map(|(_, c, ..)| *c).filter(|c| *c != ' ').collect();
        assert_eq!(longs.len(), OPTIONS.len());
        assert_eq!(letters.iter().collect::<BTreeSet<_>>().len(), letters.len());
        assert_eq!(long("no-compressed").map(|row| row.3), Some(Nothing));
        assert_eq!(short('L').map(|row| row.0), Some("location"));
    }
}
