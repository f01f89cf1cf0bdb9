//! Turns a request with values to be filled in, and a user's session, into the bytes of one sending.
//!
//! **Invariant:** no value can end a line of the head, or add one.

use super::session::Session;
use super::stock::Stock;
use crate::plan::{Body, Encoding, Given, Piece, Request, Template};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::Write as _;

const QUERY: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: AsciiSet = QUERY.remove(b'/');

/// A request that is written anew for each sending.
#[derive(Debug)]
pub(super) struct Sheet {
    method: String,
    path: Vec<Part>,
    /// Names and values.
    headers: Vec<(String, Vec<Part>)>,
    body: Vec<Part>,
    /// A method that usually has a body says when there is none.
    says_length: bool,
    /// Whether it differs from sending to sending; otherwise only cookies and redirects change it.
    pub(super) is_filled: bool,
}

#[derive(Debug)]
enum Part {
    Fixed(Box<[u8]>),
    Row(usize, Encoding),
    /// Which variable, and what it is called.
    Var(usize, String, Encoding),
}

/// Why a request cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// There is no row left.
    NoRow,
    /// Something is wrong with a value; in words, without the value.
    Value(String),
}

impl Sheet {
    /// The sheet of a request; `headers` are all that are sent, framing apart. `None` when a column or a variable is unknown.
    pub(super) fn new(
        request: &Request,
        path: &Template,
        headers: &[(String, Template)],
        stock: &Stock,
        variables: &[String],
    ) -> Option<Self> {
        let parts = |template: &Template| parts(template, stock, variables);
        let body = match &request.body {
            Body::Text(template) => parts(template)?,
            Body::File { path, .. } => vec![Part::Fixed(stock.body(path)?.into())],
        };
        let headers = headers.iter().map(|(name, value)| Some((name.clone(), parts(value)?)));
        let headers = headers.collect::<Option<Vec<_>>>()?;
        let path = parts(path)?;
        let fills = |parts: &[Part]| parts.iter().any(|part| !matches!(part, Part::Fixed(_)));
        Some(Self {
            is_filled: fills(&path)
                || fills(&body)
                || headers.iter().any(|(_, value)| fills(value)),
            says_length: ["POST", "PUT", "PATCH"].contains(&request.method.as_str()),
            method: request.method.clone(),
            path,
            headers,
            body,
        })
    }

    /// Writes the request; how many bytes of it are body.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        session: &mut Session,
        stock: &Stock,
        now_ns: u64,
    ) -> Result<u64, Unwritten> {
        if session.is_out_of_rows() {
            return Err(Unwritten::NoRow);
        }
        out.clear();
        let mut value = Vec::new();
        let hop = session.hop();
        let method = match hop {
            Some(hop) if hop.as_get && self.method != "HEAD" => "GET",
            _ => &self.method,
        };
        let bare = hop.is_some_and(|hop| hop.as_get);
        if let Some(hop) = hop {
            value.extend_from_slice(hop.path.as_bytes());
        } else {
            fill(&self.path, &mut value, session, stock)?;
        }
        if value.first() != Some(&b'/') {
            return Err(Unwritten::Value("the path does not begin with `/`".to_owned()));
        }
        // A Vec takes all that is written to it.
        let _ = write!(out, "{method} ");
        out.extend_from_slice(&value);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let path = String::from_utf8_lossy(&value).into_owned();
        let mut said_cookie = false;
        for (name, parts) in &self.headers {
            // They describe a body that is not sent any more.
            if bare && name.starts_with("content-") {
                continue;
            }
            value.clear();
            fill(parts, &mut value, session, stock)?;
            if value.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
                let what = "has a line break or a control character: it was not sent";
                return Err(Unwritten::Value(format!("the value of the header `{name}` {what}")));
            }
            said_cookie |= name == "cookie";
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(&value);
            out.extend_from_slice(b"\r\n");
        }
        if let Some(cookies) = session.cookies(&path, now_ns).filter(|_| !said_cookie) {
            let _ = write!(out, "cookie: {cookies}\r\n");
        }
        value.clear();
        if !bare {
            fill(&self.body, &mut value, session, stock)?;
        }
        if !value.is_empty() || (self.says_length && !bare) {
            let _ = write!(out, "content-length: {}\r\n", value.len());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&value);
        session.asked_for(&path);
        Ok(value.len() as u64)
    }
}

fn parts(template: &Template, stock: &Stock, variables: &[String]) -> Option<Vec<Part>> {
    let part = |piece: &Piece| match piece {
        Piece::Text(text) => Some(Part::Fixed(text.as_bytes().into())),
        Piece::Fill { given: Given::Row(column), encoding, .. } => {
            Some(Part::Row(stock.rows.as_ref()?.column(column)?, *encoding))
        }
        Piece::Fill { given: Given::Var(name), encoding, .. } => {
            let at = variables.iter().position(|one| one == name)?;
            Some(Part::Var(at, name.clone(), *encoding))
        }
    };
    template.pieces.iter().map(part).collect()
}

fn fill(
    parts: &[Part],
    out: &mut Vec<u8>,
    session: &Session,
    stock: &Stock,
) -> Result<(), Unwritten> {
    for part in parts {
        let (text, encoding) = match part {
            Part::Fixed(bytes) => {
                out.extend_from_slice(bytes);
                continue;
            }
            Part::Row(column, encoding) => {
                let rows = stock.rows.as_ref();
                let value = rows.and_then(|rows| rows.value(session.row()?, *column));
                (value.ok_or(Unwritten::NoRow)?, encoding)
            }
            Part::Var(at, name, encoding) => {
                let missing = || Unwritten::Value(format!("`{name}` has no value"));
                (session.value(*at).ok_or_else(missing)?, encoding)
            }
        };
        match encoding {
            Encoding::Plain => out.extend_from_slice(text.as_bytes()),
            Encoding::Path => out.extend(utf8_percent_encode(text, &PATH).flat_map(str::bytes)),
            Encoding::Json => {
                // A string has always its JSON.
                let quoted = serde_json::to_string(text).unwrap_or_default();
                let inside = quoted.get(1..quoted.len().saturating_sub(1));
                out.extend_from_slice(inside.unwrap_or_default().as_bytes());
            }
            Encoding::Query => out.extend(utf8_percent_encode(text, &QUERY).flat_map(str::bytes)),
        }
    }
    Ok(())
}
