//! Turns the requests of a plan into bytes that are built once and sent as they are.

use super::assertions::{Assertions, FilledValues, InspectionOptions};
use super::base_url::BaseUrl;
use super::error::RequestError;
use super::expected_statuses::ExpectedStatuses;
use super::expected_values::ExpectedValues;
use super::failing_captures::{FailingCaptures, MOST_BODY};
use super::http2::Http2Request;
use super::inspector::Extracted;
use super::preview::on_one_line;
use super::request_headers::{asks_for_gzip, headers, written};
use super::request_template::{FillError, RequestTemplate};
use super::session::{SessionUpdate, UserSession};
use super::test_data::TestData;
use crate::plan::{
    AnswerLimits, Assertion, Http, HttpUrl, HttpVersion, Request, Retry, Secrets, Template,
    Templated, count_only,
};
use crate::record::{Failure, FailureStage};
use crate::units::Address;
use http::Method;
use std::borrow::Cow;
use std::sync::Arc;

/// Longest path that is shown: bytes.
const LONGEST_PATH: usize = 300;

/// The requests sent to one URL; all connections to it share one set.
#[derive(Debug)]
pub(crate) struct RequestSet {
    /// In the plan's order.
    pub(super) requests: Vec<PreparedRequest>,
    test_data: Arc<TestData>,
    base_url: BaseUrl,
    /// The names of extracted values.
    variables: Vec<String>,
}

/// One request, ready to be sent.
#[derive(Debug)]
pub(super) struct PreparedRequest {
    name: String,
    method: Method,
    /// As the plan has it.
    path: String,
    /// The value of `Host`, if it has no placeholders.
    host: String,
    /// Head and body as they are sent; with a template, as they would be with empty values.
    pub(super) bytes: Box<[u8]>,
    request_template: Option<Box<RequestTemplate>>,
    /// The same for HTTP/2, where that is spoken.
    pub(super) http2_request: Option<Box<Http2Request>>,
    /// How many of them are body; zero where they are filled in.
    pub(super) body_bytes: u64,
    pub(super) is_head: bool,
    /// Whether a forward proxy takes it.
    pub(super) by_proxy: bool,
    pub(super) limits: AnswerLimits,
    retry: Retry,
    /// Whether it asks the server to close the connection.
    pub(super) closes: bool,
    /// The bits of checks that are only counted.
    pub(super) count_only: u64,
    statuses: ExpectedStatuses,
    /// The values of checks that are filled in for each request.
    expected_values: Option<Box<ExpectedValues>>,
    /// The body that is taken, and the bit of its check; `None` takes any, or leaves it to `looks`.
    pub(super) expected: Option<(u64, Box<[u8]>)>,
    /// The other parts that are inspected.
    pub(super) assertions: Option<Box<Assertions>>,
    /// How much of the bodies of its responses is captured; `None`: no response is.
    pub(super) captured_body: Option<usize>,
    /// Which responses are captured because they fail.
    pub(super) failing: FailingCaptures,
    /// The secrets.
    pub(super) secrets: Arc<Secrets>,
}

/// A request that cannot be built from the data that the worker has. What a plan says literally was
/// checked when the plan was read.
#[derive(Debug, thiserror::Error)]
#[error("cannot build request `{request}`: {why}")]
pub struct RequestSetError {
    /// Its name.
    request: String,
    /// The problem in words, without values of the data.
    why: String,
}

impl RequestSet {
    /// The requests of a scenario to one URL of its target, whose URLs are `all`.
    pub(crate) fn new(
        http: &Http,
        url: &HttpUrl,
        all: &[HttpUrl],
        test_data: &Arc<TestData>,
    ) -> Result<Self, RequestSetError> {
        let variables = variables(http);
        let base_url = BaseUrl::new(url, all, http.redirects, http.limits);
        let takes_requests = http.proxy.is_some() && !http.tunnels;
        let base_url = if takes_requests { base_url.by_proxy() } else { base_url };
        let secrets = Arc::new(http.secrets.clone());
        let prepare = |request| {
            PreparedRequest::new(request, (http, &secrets), &base_url, test_data, &variables)
        };
        let requests = http.requests.iter().map(prepare);
        Ok(Self {
            requests: requests.collect::<Result<_, _>>()?,
            test_data: Arc::clone(test_data),
            base_url,
            variables,
        })
    }

    /// The same, whose responses are captured, with so many bytes of their bodies.
    pub(crate) fn capturing(mut self, body_bytes: usize) -> Self {
        for request in &mut self.requests {
            request.captured_body = Some(body_bytes);
        }
        self
    }

    /// A request as it is sent where nothing is filled in: head and body.
    pub(crate) fn bytes(&self, request: usize) -> &[u8] {
        &self.requests[request].bytes
    }

    /// Writes a request for a session into `out`; `None` when it is sent as it was prepared. With
    /// it the bytes of its body.
    pub(super) fn fill(
        &self,
        request: usize,
        session: &mut UserSession,
        out: &mut Vec<u8>,
        now_ns: u64,
    ) -> Result<Option<u64>, RequestError> {
        let prepared = &self.requests[request];
        let request_template = prepared.request_template.as_ref();
        let request_template = request_template
            .filter(|request_template| request_template.is_filled || session.changes_requests());
        let Some(request_template) = request_template else {
            session.asks_for(&prepared.path, &prepared.host);
            return Ok(None);
        };
        request_template
            .write(out, session, (&self.test_data, &self.base_url), now_ns)
            .map(Some)
            .map_err(|why| self.unfilled(prepared, why))
    }

    /// The values that the response to a request of this session is compared with, where they are
    /// filled in.
    pub(super) fn expected_values(
        &self,
        request: usize,
        session: &UserSession,
    ) -> Result<FilledValues, RequestError> {
        let prepared = &self.requests[request];
        let Some(values) = &prepared.expected_values else { return Ok(FilledValues::new()) };
        values.fill(session, &self.test_data).map_err(|why| self.unfilled(prepared, why))
    }

    fn unfilled(&self, prepared: &PreparedRequest, why: FillError) -> RequestError {
        let (failure, words) = match why {
            FillError::NoRow => (Failure::NoRow, self.test_data.all_used()),
            FillError::NotExtracted(_) => (Failure::NotExtracted, why.to_string()),
            FillError::Value(words) => (Failure::BadValue, words),
        };
        let words = format!("{}: {words}", prepared.words());
        RequestError::new(failure, FailureStage::Request, words)
    }

    /// Gives a session what an answer has for it.
    pub(crate) fn give(
        &self,
        session: &mut UserSession,
        extracted: Extracted,
        now_ns: u64,
        unix_s: i64,
    ) -> SessionUpdate {
        session.take(extracted, &self.base_url, now_ns, unix_s)
    }

    /// The values of the environment that a request must not show.
    pub(super) fn secrets(&self, request: usize) -> &Secrets {
        &self.requests[request].secrets
    }

    /// The names of the values that steps extract.
    pub(super) fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The data that requests are made from.
    pub(super) fn test_data(&self) -> &TestData {
        &self.test_data
    }

    /// Whether requests go over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.base_url.url.is_secure
    }

    /// The words of a failure with the request that it is of, as it was really sent, and to where.
    /// Values of the environment, and what the target gave to the user, are hidden.
    pub(crate) fn words_of(
        &self,
        request: usize,
        session: Option<&UserSession>,
        to: &Address,
        words: &str,
    ) -> String {
        let prepared = &self.requests[request];
        let asked = session.map(|one| (one.path(), one.sends_get()));
        let words = prepared.secrets.hide(words, false);
        let words = format!("{} at {to}: {words}", prepared.words_for(asked));
        match session {
            Some(session) => session.hide(words, &self.variables, &self.test_data),
            None => words,
        }
    }
}

impl PreparedRequest {
    fn new(
        request: &Request,
        (http, secrets): (&Http, &Arc<Secrets>),
        base_url: &BaseUrl,
        test_data: &TestData,
        variables: &[String],
    ) -> Result<Self, RequestSetError> {
        let (name, url) = (request.name.clone(), &base_url.url);
        let method = request.method.clone();
        let error = |why| RequestSetError { request: name.clone(), why };
        let path = request
            .path
            .as_ref()
            .map_or_else(|| Cow::Owned(Template::from(&*url.path)), Templated::template);
        let (headers, closes) = headers(request, http, url);
        let request_template =
            RequestTemplate::new(request, &path, &headers, test_data, variables).map_err(error)?;
        let mut bytes = Vec::new();
        let mut nobody = UserSession::new(false);
        let body_bytes = request_template.write(&mut bytes, &mut nobody, (test_data, base_url), 0);
        let changed =
            request_template.is_filled || http.cookies || http.redirects > 0 || http.data.is_some();
        if let (false, Err(why)) = (changed, &body_bytes) {
            return Err(error(why.to_string()));
        }
        let options = InspectionOptions {
            gzip: asks_for_gzip(&headers),
            cookies: http.cookies,
            redirects: http.redirects > 0,
            limits: http.limits,
        };
        let assertions = Assertions::new(request, variables, options);
        let assertions = (!assertions.are_plain()).then(|| Box::new(assertions));
        let expected_values = ExpectedValues::new(request, test_data, variables).map_err(error)?;
        let mut bits = request.checks.iter().enumerate().map(|(at, check)| (1 << at, &check.what));
        let body = |what: &Assertion| match what {
            Assertion::Body(body) => Some(body.fixed()?.into_bytes().into()),
            _ => None,
        };
        let http2_request = match http.version {
            HttpVersion::Http1 => None,
            HttpVersion::Http2 { .. } => {
                let http2_request = Http2Request::new(&bytes, url.is_secure);
                // Without its values it may not be whole.
                if http2_request.is_none() && body_bytes.is_ok() && !request_template.is_filled {
                    return Err(error("HTTP/2 has no form for it".to_owned()));
                }
                http2_request.map(Box::new)
            }
        };
        Ok(Self {
            http2_request,
            path: written(&path),
            host: nobody.host().to_owned(),
            bytes: bytes.into(),
            body_bytes: body_bytes.unwrap_or(0),
            request_template: changed.then(|| Box::new(request_template)),
            is_head: method == Method::HEAD,
            by_proxy: !base_url.before_path.is_empty(),
            limits: http.limits,
            retry: request.retry,
            closes,
            name,
            method,
            count_only: count_only(&request.checks),
            statuses: ExpectedStatuses::new(&request.checks, http.redirects > 0),
            expected_values: expected_values.map(Box::new),
            expected: bits
                .find_map(|(bit, what)| Some((bit, body(what)?)))
                .filter(|_| assertions.is_none()),
            assertions,
            captured_body: None,
            failing: FailingCaptures::default(),
            secrets: Arc::clone(secrets),
        })
    }

    /// Whether a status is that of a success, and the checks of it that do not hold, as bits.
    pub(super) fn statuses(&self, status: u16) -> (bool, u64) {
        self.statuses.judge(status)
    }

    /// How much is captured of the body of a response that begins with this status; `None`: nothing
    /// of it is. `shows`: as [`Self::may_show`] says.
    pub(super) fn captures(&self, status: u16, shows: bool) -> Option<usize> {
        if self.captured_body.is_some() || !(shows || self.failing.hopes()) {
            return self.captured_body;
        }
        let follows = self.assertions.as_ref().is_some_and(|assertions| assertions.redirects);
        let is_followed = follows && matches!(status, 301 | 302 | 303 | 307 | 308);
        let wants = !is_followed && self.failing.wants(status, self.statuses(status).0);
        wants.then_some(MOST_BODY)
    }

    /// Notes that a response with this status has failed.
    pub(super) fn response_failed(&self, status: u16, is_captured: bool) {
        self.failing.failed(status, self.statuses(status).0, is_captured);
    }

    /// Whether it may be sent again when the server closed the idle connection before it answered:
    /// it may have been processed.
    pub(super) fn is_repeatable(&self) -> bool {
        match self.retry {
            // RFC 9110, 9.2.2.
            Retry::Idempotent => self.method.is_idempotent(),
            Retry::Always => true,
            Retry::Never => false,
        }
    }

    /// Why it is not sent again.
    pub(super) fn words_on_retry(&self) -> String {
        match self.retry {
            Retry::Never => "`retry = \"never\"`: it is not sent again".to_owned(),
            _ => format!("{} is not sent again: set `retry = \"always\"`", self.method),
        }
    }

    /// Whether some of the answer's body may have to be shown: the status is wrong, or it is looked
    /// into.
    pub(super) fn may_show(&self, status: u16) -> bool {
        self.assertions.as_ref().is_some_and(|assertions| assertions.may_fail())
            || !self.statuses(status).0
    }

    /// `home: GET /` for samples; `GET /` for a request without a name.
    pub(super) fn words(&self) -> String {
        self.words_for(None)
    }

    /// The same with the path that was really asked for, and whether that was by GET, whatever the
    /// plan says.
    fn words_for(&self, asked: Option<(&str, bool)>) -> String {
        let (path, as_get) = asked.unwrap_or((&self.path, false));
        let is_cut = path.len() > LONGEST_PATH;
        let path = path.as_bytes().get(..LONGEST_PATH).unwrap_or(path.as_bytes());
        let path = on_one_line(path, is_cut, &self.secrets) + if is_cut { "…" } else { "" };
        let get = as_get && !self.is_head;
        let line = format!("{} {path}", if get { "GET" } else { self.method.as_str() });
        let own = format!("{} {}", self.method, self.secrets.hide(&self.path, false));
        let is_named = self.name != line && self.name != own;
        if is_named { format!("{}: {line}", self.name) } else { line }
    }
}

/// The names of all values that steps extract, in the order of their first extraction.
pub(crate) fn variables(http: &Http) -> Vec<String> {
    let mut variables: Vec<String> = Vec::new();
    for one in http.requests.iter().flat_map(|request| &request.extract) {
        if !variables.contains(&one.name) {
            variables.push(one.name.clone());
        }
    }
    variables
}
