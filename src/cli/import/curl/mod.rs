//! Turns command lines of curl into requests.

mod ansi;
mod data;
mod options;
mod shell;

use super::error::ImportError;
use super::marks::is_marked;
use super::request::{ConnectionWishes, ImportedBody, ImportedRequest, ImportedUrl};
use super::secret_fields::encoded;
pub(super) use data::ReadFile;
use data::{CurlData, file};
use options::Meaning;
use std::collections::BTreeSet;

/// As many redirects are followed as curl's users usually meet.
const REDIRECTS: u32 = 10;

/// The requests of a text, and remarks on what is not carried over.
pub(super) fn read(
    text: &str,
    read: ReadFile<'_>,
) -> Result<(Vec<ImportedRequest>, Vec<String>), ImportError> {
    let (mut requests, mut lost) = (Vec::new(), BTreeSet::new());
    for shell::ShellCommand { line, words } in shell::commands(text)? {
        let is_assignment = |word: &&String| {
            word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        };
        let assigned = words.iter().take_while(is_assignment).count();
        // Assignments alone: `&` in a URL without quotes ends a command, too.
        let program = words.get(assigned).or(words.first()).map_or("", String::as_str);
        let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
        if !["curl", "curl.exe"].contains(&name) {
            let shown: String = program.chars().take(60).collect();
            return Err(ImportError::at_line(
                line,
                format!("expected a curl command, found `{shown}`"),
                "remove what is not curl; put a URL with `&` in it between single quotes",
            ));
        }
        let mut rest = &words[assigned + 1..];
        while !rest.is_empty() {
            let mut command = CurlCommand::default();
            rest = command.take(rest, read).map_err(|why| why.at(line))?;
            lost.append(&mut command.lost);
            requests.extend(command.requests(read).map_err(|why| why.at(line))?);
        }
    }
    let lost: Vec<String> = lost.into_iter().map(|one| format!("curl's option --{one}")).collect();
    Ok((requests, lost))
}

/// Why a command cannot be carried over, and the way out.
struct CurlProblem {
    message: String,
    help: &'static str,
}

impl CurlProblem {
    fn new(message: impl Into<String>, help: &'static str) -> Self {
        Self { message: message.into(), help }
    }

    fn at(self, line: usize) -> ImportError {
        ImportError::at_line(line, self.message, self.help)
    }
}

const WITHOUT_OPTION: &str = "remove the option, or write it as `curl --help all` shows it";
const OTHER_BODY: &str = "name a file that can be read, as seen from this directory";

/// One request, or one for each URL.
#[derive(Debug, Default)]
struct CurlCommand {
    urls: Vec<String>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    data: CurlData,
    query: Vec<String>,
    as_query: bool,
    head: bool,
    upload: Option<String>,
    user: Option<String>,
    most_redirects: Option<u32>,
    wishes: ConnectionWishes,
    lost: BTreeSet<&'static str>,
}

impl CurlCommand {
    /// Takes the words of one command; returns those behind `--next`.
    fn take<'a>(
        &mut self,
        words: &'a [String],
        read: ReadFile<'_>,
    ) -> Result<&'a [String], CurlProblem> {
        let mut rest = words;
        let mut only_urls = false;
        while let Some((word, behind)) = rest.split_first() {
            rest = behind;
            if only_urls || !word.starts_with('-') || word == "-" {
                self.urls.push(word.clone());
                continue;
            }
            if word == "--" {
                only_urls = true;
                continue;
            }
            let mut letters = match word.strip_prefix("--") {
                Some(name) => {
                    if self.long(name, &mut rest, read)? {
                        return Ok(rest);
                    }
                    continue;
                }
                None => word[1..].chars(),
            };
            while let Some(letter) = letters.next() {
                let Some((name, _, takes, meaning)) = options::short(letter) else {
                    let message = format!("curl has no option `-{letter}`");
                    return Err(CurlProblem::new(message, WITHOUT_OPTION));
                };
                if *meaning == Meaning::Next {
                    return Ok(rest);
                }
                let mut value = String::new();
                if *takes {
                    // `-d1`, or the word behind it.
                    value = std::mem::replace(&mut letters, "".chars()).collect();
                    if value.is_empty() {
                        value = following(name, &mut rest)?;
                    }
                }
                self.set(name, *meaning, &value, read)?;
            }
        }
        Ok(rest)
    }

    /// An option by its long name. Returns whether another request follows.
    fn long(
        &mut self,
        name: &str,
        rest: &mut &[String],
        read: ReadFile<'_>,
    ) -> Result<bool, CurlProblem> {
        let Some((name, _, takes, meaning)) = options::long(name) else {
            let shown: String = name.chars().take(60).collect();
            let near = options::nearest(name).map(|near| format!("; did you mean `--{near}`?"));
            let message = format!("curl has no option `--{shown}`{}", near.unwrap_or_default());
            return Err(CurlProblem::new(message, WITHOUT_OPTION));
        };
        let value = if *takes { following(name, rest)? } else { String::new() };
        self.set(name, *meaning, &value, read)?;
        Ok(*meaning == Meaning::Next)
    }

    fn set(
        &mut self,
        name: &'static str,
        meaning: Meaning,
        value: &str,
        read: ReadFile<'_>,
    ) -> Result<(), CurlProblem> {
        let mut header = |name: &str, value: &str| {
            self.headers.push((name.to_owned(), value.to_owned()));
        };
        match meaning {
            Meaning::Url => self.urls.push(value.to_owned()),
            Meaning::Method => self.method = Some(value.to_owned()),
            Meaning::Header => self.header(value),
            Meaning::Data
            | Meaning::DataRaw
            | Meaning::DataBinary
            | Meaning::DataUrlencode
            | Meaning::Json
            | Meaning::Form
            | Meaning::FormString => self
                .data
                .add(meaning, value, read)
                .map_err(|why| CurlProblem::new(why, OTHER_BODY))?,
            Meaning::UrlQuery => self.query.push(match value.split_once('=') {
                Some((name, value)) => format!("{name}={}", encoded(value)),
                None => encoded(value),
            }),
            Meaning::Upload => self.upload = Some(value.to_owned()),
            Meaning::User => {
                let colon = if value.contains(':') { "" } else { ":" };
                self.user = Some(format!("{value}{colon}"));
            }
            Meaning::Bearer => header("authorization", &format!("Bearer {value}")),
            Meaning::Agent => header("user-agent", value),
            Meaning::Referer => header("referer", value.trim_end_matches(";auto")),
            Meaning::Range => header("range", &format!("bytes={value}")),
            Meaning::Cookie if value.contains('=') || is_marked(value) => header("cookie", value),
            Meaning::MaxTime => self.wishes.timeout_ms = milliseconds(value)?,
            Meaning::MaxRedirects => self.most_redirects = value.parse().ok(),
            Meaning::Get => self.as_query = true,
            Meaning::Head => self.head = true,
            Meaning::Location => self.wishes.redirects = REDIRECTS,
            Meaning::Insecure => self.wishes.insecure = true,
            Meaning::Compressed => self.wishes.compression = true,
            Meaning::Http2 => self.wishes.http2 = true,
            // A file of cookies.
            Meaning::Cookie | Meaning::CookieJar => self.wishes.cookies = true,
            Meaning::Next | Meaning::Nothing => {}
            Meaning::Lost => {
                self.lost.insert(name);
            }
        }
        Ok(())
    }

    /// `name: value`; `name:` takes one of curl's own out, `name;` is an empty one.
    fn header(&mut self, text: &str) {
        if let Some((name, value)) = text.split_once(':').filter(|(name, _)| !name.is_empty()) {
            let value = value.trim();
            if !value.is_empty() {
                self.headers.push((name.trim().to_owned(), value.to_owned()));
            }
        } else if let Some(name) = text.strip_suffix(';') {
            self.headers.push((name.trim().to_owned(), String::new()));
        }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(one, _)| one.eq_ignore_ascii_case(name))
    }

    /// A request for each URL.
    fn requests(mut self, read: ReadFile<'_>) -> Result<Vec<ImportedRequest>, CurlProblem> {
        if self.urls.is_empty() {
            return Err(CurlProblem::new(
                "expected a URL, found none in this command",
                "write the URL behind `curl`, between single quotes",
            ));
        }
        if self.lost.iter().any(|one| ["digest", "ntlm", "negotiate", "anyauth"].contains(one)) {
            self.user = None;
        }
        if let Some(most) = self.most_redirects.filter(|_| self.wishes.redirects > 0) {
            self.wishes.redirects = most.min(20);
        }
        let mut query = std::mem::take(&mut self.query);
        let data = std::mem::take(&mut self.data);
        let has_data = !data.is_empty();
        let mut body = ImportedBody::None;
        if has_data && self.as_query {
            query.push(data.query());
        } else if has_data {
            let kind = data.kind.clone().unwrap_or_default();
            if kind == "application/json" && !self.has("accept") {
                self.headers.push(("accept".to_owned(), kind.clone()));
            }
            // A part of a form cannot be read without the boundary.
            if kind.starts_with("multipart/") {
                self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            }
            if !self.has("content-type") {
                self.headers.push(("content-type".to_owned(), kind));
            }
            body = data.body();
        }
        if let Some(path) = &self.upload {
            let bytes = file(path, read).map_err(|why| CurlProblem::new(why, OTHER_BODY))?;
            body = ImportedBody::of(bytes);
        }
        let default = match () {
            () if self.head => "HEAD",
            () if self.upload.is_some() => "PUT",
            () if has_data && !self.as_query => "POST",
            () => "GET",
        };
        let method = self.method.clone().unwrap_or_else(|| default.to_owned());
        if !super::request::is_method(&method) {
            let message = format!("expected an HTTP method behind -X, found `{method}`");
            return Err(CurlProblem::new(message, "write a method in capitals: `-X PUT`"));
        }
        self.urls.iter().map(|url| self.request(url, &method, &query, body.clone())).collect()
    }

    fn request(
        &self,
        url: &str,
        method: &str,
        query: &[String],
        body: ImportedBody,
    ) -> Result<ImportedRequest, CurlProblem> {
        // Browsers escape what curl would take for a pattern.
        let url = ["[", "]", "{", "}"]
            .iter()
            .fold(url.to_owned(), |url, sign| url.replace(&format!("\\{sign}"), sign));
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let mut parsed = ImportedUrl::parse(&url).map_err(|why| {
            CurlProblem::new(why, "write a whole URL: `curl 'https://shop.example/cart'`")
        })?;
        if let Some(path) = self.upload.as_ref().filter(|_| parsed.path.ends_with('/')) {
            parsed.path.push_str(&encoded(path.rsplit('/').next().unwrap_or(path)));
        }
        for more in query.iter().filter(|more| !more.is_empty()) {
            let sign = if parsed.path.contains('?') { '&' } else { '?' };
            let more: String = crate::units::uri::sendable(&more.replace('#', "%23")).collect();
            parsed.path = format!("{}{sign}{}", parsed.path, super::marks::from_url(&more));
        }
        let request = ImportedRequest::get(parsed);
        Ok(ImportedRequest {
            method: method.to_owned(),
            headers: self.headers.clone(),
            body,
            basic: self.user.clone().or(request.basic.clone()),
            wishes: self.wishes,
            ..request
        })
    }
}

/// The word behind an option.
fn following(name: &str, rest: &mut &[String]) -> Result<String, CurlProblem> {
    let Some((value, behind)) = rest.split_first() else {
        let message = format!("expected a value behind --{name}, found the end of the command");
        return Err(CurlProblem::new(message, WITHOUT_OPTION));
    };
    *rest = behind;
    Ok(value.clone())
}

/// A time of curl, in seconds; 0 is none.
fn milliseconds(value: &str) -> Result<Option<u64>, CurlProblem> {
    let seconds: f64 =
        value.parse().ok().filter(|one| (0.0..=86_400.0).contains(one)).ok_or_else(|| {
            let message = format!("expected seconds behind --max-time, found `{value}`");
            CurlProblem::new(message, "write a number of seconds: `--max-time 5`")
        })?;
    let text = format!("{:.0}", seconds * 1_000.0);
    Ok(text.parse().ok().filter(|one| *one > 0))
}
