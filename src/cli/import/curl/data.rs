//! Makes the body of a request of what curl's options say of it.

use super::options::Meaning;
use crate::cli::import::marks::{is_marked, unmarked};
use crate::cli::import::request::ImportedBody;
use crate::cli::import::secret_fields::encoded;
use std::fmt::Write as _;
use std::io;
use std::string::FromUtf8Error;

/// Reads a file that a command names.
pub(in crate::cli::import) type ReadFile<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

/// The body that grows with each option.
#[derive(Debug, Default)]
pub(super) struct CurlData {
    bytes: Vec<u8>,
    /// Its content type, where a header does not say another.
    pub kind: Option<String>,
    is_form: bool,
}

/// Ends the parts of forms; the same always, so that the same command gives the same plan.
const BOUNDARY: &str = "planrun-3d6b6a416f9b5";

impl CurlData {
    pub(super) fn is_empty(&self) -> bool {
        self.kind.is_none()
    }

    /// Adds what an option says.
    ///
    /// # Errors
    /// A file that cannot be read, in words.
    pub(super) fn add(
        &mut self,
        meaning: Meaning,
        value: &str,
        read: ReadFile<'_>,
    ) -> Result<(), String> {
        match meaning {
            Meaning::Form | Meaning::FormString => return self.part(meaning, value, read),
            Meaning::Json => self.kind = Some("application/json".to_owned()),
            _ => {
                let kind = || "application/x-www-form-urlencoded".to_owned();
                self.kind.get_or_insert_with(kind);
            }
        }
        let bytes = match (meaning, value.strip_prefix('@')) {
            (Meaning::DataUrlencode, _) => url_encoded(value, read)?,
            (Meaning::DataRaw, _) | (_, None) => value.as_bytes().to_owned(),
            (_, Some(path)) => {
                let mut bytes = file(path, read)?;
                if meaning == Meaning::Data {
                    bytes.retain(|byte| !b"\r\n\0".contains(byte));
                }
                bytes
            }
        };
        if !self.bytes.is_empty() && meaning != Meaning::Json {
            self.bytes.push(b'&');
        }
        self.bytes.extend(bytes);
        Ok(())
    }

    /// A part of a form: `name=text`, `name=@file;type=…`, `name=<file`.
    fn part(&mut self, meaning: Meaning, value: &str, read: ReadFile<'_>) -> Result<(), String> {
        let Some((name, content)) = value.split_once('=') else {
            return Err(format!("expected `NAME=VALUE` behind --form, found `{value}`"));
        };
        self.is_form = true;
        self.kind.get_or_insert_with(|| format!("multipart/form-data; boundary={BOUNDARY}"));
        let mut head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
        let literal = meaning == Meaning::FormString;
        let sent = match content.chars().next().filter(|_| !literal) {
            Some(from @ ('@' | '<')) => {
                let mut settings = content[1..].split(';');
                let path = settings.next().unwrap_or_default().trim_matches('"');
                let mut kind = None;
                let mut shown = path.rsplit('/').next().unwrap_or(path);
                for setting in settings {
                    match setting.trim().split_once('=') {
                        Some(("type", given)) => kind = Some(given),
                        Some(("filename", given)) => shown = given.trim_matches('"'),
                        _ => {}
                    }
                }
                if from == '@' {
                    let _ = write!(head, "; filename=\"{shown}\"");
                    let kind = kind.unwrap_or("application/octet-stream");
                    let _ = write!(head, "\r\nContent-Type: {kind}");
                }
                file(path, read)?
            }
            _ => match content.split_once(";type=").filter(|_| !literal) {
                Some((value, kind)) => {
                    let _ = write!(head, "\r\nContent-Type: {kind}");
                    value.as_bytes().to_owned()
                }
                None => content.as_bytes().to_owned(),
            },
        };
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(b"\r\n\r\n");
        self.bytes.extend_from_slice(&sent);
        self.bytes.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The whole body.
    pub(super) fn body(self) -> ImportedBody {
        let mut bytes = self.bytes;
        if self.is_form {
            bytes.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        }
        ImportedBody::of(bytes)
    }

    /// What becomes the query with `--get`.
    pub(super) fn query(self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The content of a file.
pub(super) fn file(path: &str, read: ReadFile<'_>) -> Result<Vec<u8>, String> {
    if path == "-" {
        return Err("the body would be read from standard input".to_owned());
    }
    if is_marked(path) {
        return Err("the name of the file has a variable in it".to_owned());
    }
    let bytes = read(path);
    let bytes =
        bytes.map_err(|error| format!("cannot read the file `{path}` of the body: {error}"))?;
    Ok(String::from_utf8(bytes)
        .map_or_else(FromUtf8Error::into_bytes, |text| unmarked(&text).into_bytes()))
}

/// `content`, `=content`, `name=content`, `@file` or `name@file`, with the content encoded.
fn url_encoded(value: &str, read: ReadFile<'_>) -> Result<Vec<u8>, String> {
    let at = value.find(['=', '@']);
    let Some(at) = at else { return Ok(encoded(value).into_bytes()) };
    let (name, rest) = value.split_at(at);
    let content = match rest.strip_prefix('@') {
        Some(path) => String::from_utf8_lossy(&file(path, read)?).into_owned(),
        None => rest[1..].to_owned(),
    };
    let content = encoded(&content);
    Ok(if name.is_empty() { content } else { format!("{name}={content}") }.into_bytes())
}
