//! Turns a request with values to be filled in, and a user's session, into the bytes of one
//! sending.
//!
//! **Invariant:** no value can end a line of the head, or add one.

use super::base_url::BaseUrl;
use super::session::UserSession;
use super::test_data::TestData;
use crate::plan::{Body, Encoding, Generated, Piece, Placeholder, Request, Template};
use crate::units::uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::io::Write as _;

const QUERY: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: AsciiSet = QUERY.remove(b'/');

/// A request that is written anew for each sending.
#[derive(Debug)]
pub(super) struct RequestTemplate {
    method: String,
    path: Vec<TemplatePart>,
    /// Names and values.
    headers: Vec<(String, Vec<TemplatePart>)>,
    body: Vec<TemplatePart>,
    /// A method that usually has a body says when there is none.
    says_length: bool,
    /// Whether it differs from sending to sending; otherwise only cookies and redirects change it.
    pub(super) is_filled: bool,
}

/// A part of a template, its value looked up by place.
#[derive(Debug)]
pub(super) enum TemplatePart {
    Fixed(Box<[u8]>),
    /// `?`, or `&` behind a query.
    Separator,
    /// Which column or variable, and its name.
    Row(usize, Box<str>, Encoding),
    Var(usize, Box<str>, Encoding),
    /// The generated value.
    Generated(Box<Generated>, Encoding),
}

/// Why a request cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FillError {
    /// All rows are used.
    #[error("no row is left")]
    NoRow,
    /// An earlier step of the pass failed and did not extract this.
    #[error("`{0}` has no value: the step that extracts it failed")]
    NotExtracted(String),
    /// Something is wrong with a value; in words, without the value.
    #[error("{0}")]
    Value(String),
}

impl RequestTemplate {
    /// The template of a request; `headers` are all that are sent, framing apart.
    ///
    /// # Errors
    /// In words, what it takes from the data or from earlier steps and does not find there.
    pub(super) fn new(
        request: &Request,
        path: &Template,
        headers: &[(String, Template)],
        test_data: &TestData,
        variables: &[String],
    ) -> Result<Self, String> {
        let parts = |template: &Template| parts(template, test_data, variables);
        let body = match &request.body {
            Body::Text(template) => parts(template)?,
            Body::File { path, .. } => {
                let missing = || format!("the content of {} is missing", path.display());
                vec![TemplatePart::Fixed(test_data.body(path).ok_or_else(missing)?.into())]
            }
        };
        let headers = headers.iter().map(|(name, value)| Ok((name.clone(), parts(value)?)));
        let headers = headers.collect::<Result<Vec<_>, String>>()?;
        let path = parts(path)?;
        let fills = |parts: &[TemplatePart]| {
            parts.iter().any(|part| !matches!(part, TemplatePart::Fixed(_)))
        };
        Ok(Self {
            is_filled: fills(&path)
                || fills(&body)
                || headers.iter().any(|(_, value)| fills(value)),
            says_length: ["POST", "PUT", "PATCH"].contains(&request.method.as_str()),
            method: request.method.as_str().to_owned(),
            path,
            headers,
            body,
        })
    }

    /// Writes the request; how many bytes of it are body.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        session: &mut UserSession,
        (test_data, base_url): (&TestData, &BaseUrl),
        now_ns: u64,
    ) -> Result<u64, FillError> {
        if session.is_out_of_rows() {
            return Err(FillError::NoRow);
        }
        out.clear();
        let (mut path, mut host) = session.forget();
        self.host(&mut host, session, test_data)?;
        self.target(&mut path, &host, session, (test_data, base_url))?;
        let redirect = session.redirect();
        let bare = redirect.is_some_and(|redirect| redirect.as_get);
        let method = if bare && self.method != "HEAD" { "GET" } else { &self.method };
        // A Vec takes all that is written to it.
        let _ = match base_url.before_path.as_str() {
            "" => write!(out, "{method} {path} HTTP/1.1\r\n"),
            whole if path == "*" => write!(out, "{method} {whole} HTTP/1.1\r\n"),
            whole => write!(out, "{method} {whole}{path} HTTP/1.1\r\n"),
        };
        let mut said_cookie = false;
        for (name, parts) in &self.headers {
            // They describe a body that is not sent any more.
            if bare && name.starts_with("content-") {
                continue;
            }
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            let from = out.len();
            if name == "host" {
                out.extend_from_slice(host.as_bytes());
            } else {
                fill(parts, out, session, test_data)?;
            }
            if out[from..].iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
                let what = "has a line break or a control character: it was not sent";
                return Err(FillError::Value(format!("the value of the header `{name}` {what}")));
            }
            if name == "cookie" {
                said_cookie = true;
                session.add_cookies(out, from, &base_url.host(&host), (&path, now_ns));
            }
            out.extend_from_slice(b"\r\n");
        }
        if !said_cookie && session.has_cookies() {
            let line = out.len();
            out.extend_from_slice(b"cookie: ");
            let from = out.len();
            session.add_cookies(out, from, &base_url.host(&host), (&path, now_ns));
            if out.len() > from {
                out.extend_from_slice(b"\r\n");
            } else {
                out.truncate(line);
            }
        }
        let mut body = Vec::new();
        if !bare {
            fill(&self.body, &mut body, session, test_data)?;
        }
        if !body.is_empty() || (self.says_length && !bare) {
            let _ = write!(out, "content-length: {}\r\n", body.len());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
        session.asked_for(path, host);
        Ok(body.len() as u64)
    }

    /// The value of `Host`.
    fn host(
        &self,
        host: &mut String,
        session: &UserSession,
        test_data: &TestData,
    ) -> Result<(), FillError> {
        let said = self.headers.iter().find(|(name, _)| name == "host");
        let Some((_, parts)) = said else { return Ok(()) };
        let mut value = std::mem::take(host).into_bytes();
        fill(parts, &mut value, session, test_data)?;
        // Values are UTF-8, and so is what the plan says.
        *host = String::from_utf8(value).unwrap_or_default();
        if !host.is_ascii() {
            let wrong = || {
                FillError::Value("the value of the header `host` is not a valid host".to_owned())
            };
            *host = uri::host_header(host).ok_or_else(wrong)?;
        }
        Ok(())
    }

    /// The request target of the first line.
    fn target(
        &self,
        path: &mut String,
        host: &str,
        session: &UserSession,
        (test_data, base_url): (&TestData, &BaseUrl),
    ) -> Result<(), FillError> {
        if let Some(redirect) = session.redirect() {
            path.push_str(&redirect.path);
            return Ok(());
        }
        let mut parts = self.path.as_slice();
        if let Some((first, rest)) = self.path.split_first()
            && let Some((text, Encoding::Target)) = first.value(session, test_data)?
        {
            let target = base_url.target(&text, host).map_err(|why| {
                FillError::Value(format!("the value of `{}` {why}", first.name()))
            })?;
            path.push_str(&target);
            parts = rest;
        }
        let mut value = std::mem::take(path).into_bytes();
        fill(parts, &mut value, session, test_data)?;
        // A URL of the target may have no path.
        if parts.len() < self.path.len() && matches!(value.first(), None | Some(b'?')) {
            value.insert(0, b'/');
        }
        match value.as_slice() {
            [b'/', ..] => {}
            b"*" if self.method == "OPTIONS" => {}
            b"*" => return Err(FillError::Value("`*` is a path for OPTIONS alone".to_owned())),
            _ => return Err(FillError::Value("the path does not begin with `/`".to_owned())),
        }
        *path = String::from_utf8(value)
            .map_err(|_| FillError::Value("the path is not UTF-8".to_owned()))?;
        Ok(())
    }
}

impl TemplatePart {
    /// The placeholders filled in here, and how; `None` if it is the same for all.
    fn value<'a>(
        &self,
        session: &'a UserSession,
        test_data: &'a TestData,
    ) -> Result<Option<(Cow<'a, str>, Encoding)>, FillError> {
        Ok(match self {
            Self::Fixed(_) | Self::Separator => None,
            Self::Generated(generated, encoding) => {
                let value = test_data.values.value(generated, session.pass(), session.unix_ns());
                Some((value.into(), *encoding))
            }
            Self::Row(column, _, encoding) => {
                let rows = test_data.rows.as_ref();
                let value = rows.and_then(|rows| rows.value(session.row()?, *column));
                Some((value.ok_or(FillError::NoRow)?.into(), *encoding))
            }
            Self::Var(at, name, encoding) => {
                let missing = || FillError::NotExtracted(name.to_string());
                Some((session.value(*at).ok_or_else(missing)?.into(), *encoding))
            }
        })
    }

    /// As the plan has it.
    fn name(&self) -> String {
        match self {
            Self::Fixed(_) | Self::Separator => String::new(),
            Self::Row(_, name, _) => format!("${{row.{name}}}"),
            Self::Var(_, name, _) => format!("${{var.{name}}}"),
            Self::Generated(generated, _) => format!("${{{}}}", generated.spelling),
        }
    }
}

/// The parts of a template.
///
/// # Errors
/// In words, the column or value that there is not.
pub(super) fn parts(
    template: &Template,
    test_data: &TestData,
    variables: &[String],
) -> Result<Vec<TemplatePart>, String> {
    let part = |piece: &Piece| match piece {
        Piece::Text(text) => Ok(TemplatePart::Fixed(text.as_bytes().into())),
        Piece::Separator => Ok(TemplatePart::Separator),
        Piece::Fill { given: Placeholder::Row(column), encoding, .. } => {
            let at = test_data.rows.as_ref().and_then(|rows| rows.column(column));
            let at = at.ok_or_else(|| format!("the data has no column `{column}`"))?;
            Ok(TemplatePart::Row(at, column.as_str().into(), *encoding))
        }
        Piece::Fill { given: Placeholder::Generated(generated), encoding, .. } => {
            Ok(TemplatePart::Generated(Box::new(generated.clone()), *encoding))
        }
        Piece::Fill { given: Placeholder::Var(name), encoding, .. } => {
            let at = variables.iter().position(|one| one == name);
            let at = at.ok_or_else(|| format!("no step extracts `{name}`"))?;
            Ok(TemplatePart::Var(at, name.as_str().into(), *encoding))
        }
    };
    template.pieces.iter().map(part).collect()
}

/// Appends the parts, filled in for a session.
pub(super) fn fill(
    parts: &[TemplatePart],
    out: &mut Vec<u8>,
    session: &UserSession,
    test_data: &TestData,
) -> Result<(), FillError> {
    for part in parts {
        let Some((text, encoding)) = part.value(session, test_data)? else {
            match part {
                TemplatePart::Fixed(bytes) => out.extend_from_slice(bytes),
                _ => out.push(if out.contains(&b'?') { b'&' } else { b'?' }),
            }
            continue;
        };
        match encoding {
            Encoding::Plain => out.extend_from_slice(text.as_bytes()),
            Encoding::Target | Encoding::Path => {
                out.extend(utf8_percent_encode(&text, &PATH).flat_map(str::bytes));
            }
            Encoding::Json => {
                // A string has always its JSON.
                let quoted = serde_json::to_string(&text).unwrap_or_default();
                let inside = quoted.get(1..quoted.len().saturating_sub(1));
                out.extend_from_slice(inside.unwrap_or_default().as_bytes());
            }
            Encoding::Query => out.extend(utf8_percent_encode(&text, &QUERY).flat_map(str::bytes)),
        }
    }
    Ok(())
}
