//! Finds the fields of a body that hold credentials, and puts placeholders in their places; all
//! else of the body stays byte for byte.

use super::marks::{from_url, is_placeholder};
use super::variables::Variables;
use crate::units::JsonPairs;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::{Captures, Regex};
use serde_json::value::RawValue;
use std::ops::Range;
use std::sync::LazyLock;

/// A name that contains one of these, letters and digits alone, is that of a credential.
const WITHIN: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authkey",
    "credential",
    "authorization",
    "sessionid",
    "sessid",
    "csrf",
    "xsrf",
    "signature",
];

/// Names of credentials.
const WHOLE: [&str; 9] = ["pwd", "pass", "pin", "otp", "cvv", "cvc", "auth", "jwt", "sig"];

/// Names that look like those of credentials, and are none.
const HARMLESS: [&str; 5] =
    ["tokentype", "tokencount", "maxtokens", "passwordless", "rememberpassword"];

/// Whether a field holds a credential, by its name or by its value.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    let by_name = WHOLE.contains(&name.as_str()) || WITHIN.iter().any(|one| name.contains(one));
    (by_name && !HARMLESS.contains(&name.as_str())) || is_json_web_token(value)
}

/// Whether a value is a JSON Web Token (RFC 7519): a header that begins with `{"`, in base64.
fn is_json_web_token(value: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    let encoded =
        |part: &&str| part.bytes().all(|one| one.is_ascii_alphanumeric() || b"-_=".contains(&one));
    parts.len() == 3 && value.starts_with("eyJ") && value.len() > 30 && parts.iter().all(encoded)
}

/// A percent-encoded value of a form or a query; `+` is a space.
pub(super) fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// All but the unreserved characters of RFC 3986.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value of a form or a query, percent-encoded; placeholders stay.
pub(super) fn encoded(text: &str) -> String {
    from_url(&utf8_percent_encode(text, &UNRESERVED).to_string())
}

/// What a variable is, from its field and a remark.
type About<'a> = &'a dyn Fn(&str, &str) -> String;

/// A body with placeholders in the place of its credentials.
pub(super) fn without_secrets(
    body: &str,
    content_type: &str,
    variables: &mut Variables,
    about: About<'_>,
) -> String {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "multipart/form-data" {
        return of_parts(body, content_type, variables, about);
    }
    // What curl calls a form may be JSON.
    let is_json = body.trim_start().starts_with(['{', '[']);
    if kind == "application/x-www-form-urlencoded" && !is_json {
        return of_form(body, variables, about);
    }
    if kind.ends_with("xml") {
        return of_xml(body, variables, about);
    }
    let mut found = Vec::new();
    of_json(body, body, 0, &mut found);
    let mut out = body.to_owned();
    let mut puts = Vec::new();
    for (name, value, range) in found {
        let put = variables.put(&name, &value, || about(&name, ""));
        puts.push((range, put));
    }
    for (range, put) in puts.into_iter().rev() {
        out.replace_range(range, &put);
    }
    out
}

/// Objects and lists deeper than this are not looked into.
const DEEPEST: usize = 64;

/// The strings of a JSON text that hold credentials: name, value, and the bytes between the quotes.
fn of_json(whole: &str, part: &str, depth: usize, found: &mut Vec<(String, String, Range<usize>)>) {
    let part = part.trim();
    if depth > DEEPEST || !part.starts_with(['{', '[']) {
        return;
    }
    if part.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(part).unwrap_or_default();
        for item in items {
            of_json(whole, item.get(), depth + 1, found);
        }
        return;
    }
    let Ok(JsonPairs(pairs)) = serde_json::from_str::<JsonPairs<'_>>(part) else { return };
    for (name, value) in pairs {
        let Ok(text) = serde_json::from_str::<String>(value.get()) else {
            of_json(whole, value.get(), depth + 1, found);
            continue;
        };
        if text.is_empty() || is_placeholder(&text) || !is_secret(&name, &text) {
            continue;
        }
        // Both are of one text, and the value has its quotes.
        let Some(start) = (value.get().as_ptr() as usize).checked_sub(whole.as_ptr() as usize)
        else {
            continue;
        };
        found.push((name, text, start + 1..start + value.get().len() - 1));
    }
}

fn of_form(body: &str, variables: &mut Variables, about: About<'_>) -> String {
    let pairs = body.split('&').map(|pair| {
        let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
        let field = decoded(name);
        if value.is_empty() || is_placeholder(value) || !is_secret(&field, &decoded(value)) {
            return pair.to_owned();
        }
        let about = || about(&field, ", percent-encoded");
        format!("{name}={}", variables.put(&field, value, about))
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Parts of a form: the value stands behind the empty line of each.
fn of_parts(body: &str, content_type: &str, variables: &mut Variables, about: About<'_>) -> String {
    let boundary = content_type.split_once("boundary=").map(|(_, rest)| rest.trim_matches('"'));
    let Some(boundary) = boundary.filter(|one| !one.is_empty()) else { return body.to_owned() };
    let separator = format!("--{boundary}");
    let parts = body.split(&separator).map(|part| {
        let Some((head, value)) = part.split_once("\r\n\r\n") else { return part.to_owned() };
        let name = head.split_once("name=\"").and_then(|(_, rest)| rest.split('"').next());
        let (Some(name), Some(value)) = (name, value.strip_suffix("\r\n")) else {
            return part.to_owned();
        };
        if value.is_empty() || is_placeholder(value) || !is_secret(name, value) {
            return part.to_owned();
        }
        format!("{head}\r\n\r\n{}\r\n", variables.put(name, value, || about(name, "")))
    });
    parts.collect::<Vec<_>>().join(&separator)
}

/// Elements without elements below them.
fn of_xml(body: &str, variables: &mut Variables, about: About<'_>) -> String {
    static ELEMENT: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"<([\w:.-]+)([^<>]*)>([^<>]+)</").ok());
    let Some(element) = ELEMENT.as_ref() else { return body.to_owned() };
    let replaced = element.replace_all(body, |found: &Captures<'_>| {
        let (name, attributes, value) = (&found[1], &found[2], &found[3]);
        let local = name.rsplit(':').next().unwrap_or(name);
        if value.trim().is_empty() || is_placeholder(value) || !is_secret(local, value) {
            return found[0].to_owned();
        }
        let put = variables.put(local, value, || about(local, ", escaped as XML"));
        format!("<{name}{attributes}>{put}</")
    });
    replaced.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::marks::shown;

    fn without(body: &str, kind: &str) -> (String, Vec<String>) {
        let mut variables = Variables::default();
        let about = |field: &str, note: &str| format!("{field}{note}");
        let text = shown(&without_secrets(body, kind, &mut variables, &about));
        (text, variables.all().iter().map(|one| one.name.clone()).collect())
    }

    #[test]
    fn only_values_of_credentials_change() {
        let json = r#"{ "user":"ann", "password" : "p\"w", "n": [ {"apiKey":"k","max_tokens":5} ],"token_type":"x"}"#;
        let (text, names) = without(json, "application/json; charset=utf-8");
        assert_eq!(
            text,
            r#"{ "user":"ann", "password" : "${env.PASSWORD}", "n": [ {"apiKey":"${env.APIKEY}","max_tokens":5} ],"token_type":"x"}"#
        );
        assert_eq!(names, ["PASSWORD", "APIKEY"]);
        let (text, _) = without(json, "application/x-www-form-urlencoded");
        assert!(text.contains("${env.PASSWORD}"), "{text}");
        let form = without("user=ann&client_secret=a%26b&x", "application/x-www-form-urlencoded");
        assert_eq!(form.0, "user=ann&client_secret=${env.CLIENT_SECRET}&x");
        let parts = "--b\r\nContent-Disposition: form-data; name=\"pin\"\r\n\r\n1234\r\n--b--\r\n";
        let parts = without(parts, "multipart/form-data; boundary=b").0;
        assert!(parts.contains("\r\n\r\n${env.PIN}\r\n--b--"), "{parts}");
        let xml = without("<a><w:Password x='1'>s</w:Password><b>t</b></a>", "text/xml").0;
        assert_eq!(xml, "<a><w:Password x='1'>${env.PASSWORD}</w:Password><b>t</b></a>");
        let jwt = format!("{{\"x\":\"eyJhbGciOiJIUzI1NiJ9.{}.sig\"}}", "A".repeat(20));
        assert_eq!(without(&jwt, "").0, "{\"x\":\"${env.X}\"}");
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(without(&deep, "application/json").0, deep);
    }
}
