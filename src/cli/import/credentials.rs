//! Takes credentials out of requests: each becomes `${env.NAME}`, and is listed for whoever runs
//! the plan.
//!
//! **Invariant:** no value that was taken out is written or printed.

use super::arrange::ImportedScenario;
use super::marks::{is_marked, is_placeholder};
use super::request::{ImportedBody, ImportedRequest};
use super::secret_fields;
use super::variables::Variables;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Takes the credentials out of a request.
pub(super) fn take_out(request: &mut ImportedRequest, variables: &mut Variables) {
    let title = request.title();
    of_headers(request, variables, &title);
    of_query(request, variables, &title);
    let kind = request.header("content-type").unwrap_or_default().to_owned();
    if let ImportedBody::Text(body) = &request.body {
        let about = |field: &str, note: &str| format!("`{field}` in the body of {title}{note}");
        request.body =
            ImportedBody::Text(secret_fields::without_secrets(body, &kind, variables, &about));
    }
}

/// Puts variables in the place of names and passwords. Those of a whole scenario are encoded by
/// planrun, those of a single request by whoever sets them.
pub(super) fn take_out_basic(scenario: &mut ImportedScenario, variables: &mut Variables) {
    let (name, origin) = (&scenario.name, &scenario.origin.text);
    if let Some(basic) = scenario.basic.take() {
        let password = basic.split_once(':').map_or(basic.as_str(), |(_, password)| password);
        scenario.basic = Some(if is_placeholder(password) {
            basic
        } else {
            let about = || format!("`name:password` for {origin} (scenario {name})");
            variables.put("CREDENTIALS", &basic, about)
        });
    }
    for request in &mut scenario.requests {
        let Some(basic) = request.basic.take() else { continue };
        let about = || {
            let title = request.title();
            format!("name and password of {title} in base64: `printf %s 'name:password' | base64`")
        };
        let put = variables.put("CREDENTIALS_BASE64", &basic, about);
        request.headers.push(("authorization".to_owned(), format!("Basic {put}")));
    }
}

fn of_headers(request: &mut ImportedRequest, variables: &mut Variables, title: &str) {
    let mut basic = None;
    request.headers.retain_mut(|(name, value)| {
        if is_placeholder(value) || value.is_empty() {
            return true;
        }
        if name == "authorization" {
            let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
            if is_placeholder(rest.trim()) {
                return true;
            }
            if scheme.eq_ignore_ascii_case("basic")
                && let Some(pair) = basic_pair(rest.trim())
            {
                basic = Some(pair);
                return false;
            }
            let (what, variable) = if scheme.eq_ignore_ascii_case("bearer") {
                ("the bearer token", "TOKEN")
            } else {
                ("the credentials in `authorization`", "AUTHORIZATION")
            };
            let put = variables.put(variable, rest.trim(), || format!("{what} of {title}"));
            *value = if scheme.is_empty() { put } else { format!("{scheme} {put}") };
        } else if name == "cookie" {
            let is_placeholder = |pair: &str| {
                pair.split_once('=').is_some_and(|(_, value)| is_placeholder(value.trim()))
            };
            if value.split(';').all(is_placeholder) {
                return true;
            }
            *value = variables.put("COOKIE", value, || format!("the cookies of {title}"));
        } else if secret_fields::is_secret(name, value) {
            let about = || format!("the header `{name}` of {title}");
            *value = variables.put(name, value, about);
        }
        true
    });
    request.basic = basic.or_else(|| request.basic.take());
}

/// `name:password` of the credentials of basic authentication.
fn basic_pair(encoded: &str) -> Option<String> {
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    pair.contains(':').then_some(pair)
}

/// Parameters with credentials become keys of `query`, where values are percent-encoded.
fn of_query(request: &mut ImportedRequest, variables: &mut Variables, title: &str) {
    let Some((path, query)) = request.path.split_once('?') else { return };
    let mut kept: Vec<&str> = Vec::new();
    let mut taken: Vec<(String, String)> = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (secret_fields::decoded(name), secret_fields::decoded(value));
        let is_secret = secret_fields::is_secret(&name, &value)
            || (name.eq_ignore_ascii_case("key") && value.len() > SHORT);
        let twice = taken.iter().any(|(one, _)| *one == name);
        let plain = value.is_empty() || is_placeholder(&value) || is_marked(&name);
        if !is_secret || twice || plain {
            kept.push(pair);
            continue;
        }
        let about = || format!("the parameter `{name}` of {title}");
        let put = variables.put(&name, &value, about);
        taken.push((name, put));
    }
    if taken.is_empty() {
        return;
    }
    let path = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    request.path = path;
    request.query.extend(taken);
}

/// A `key` of this length is no secret: `key=name`.
const SHORT: usize = 16;
