//! Turns an operation into a request: its parameters, and its body.

use super::document::{OpenApiDocument, escaped};
use super::{Parameters, example};
use crate::cli::import::error::ImportError;
use crate::cli::import::marks::{mark, unmarked};
use crate::cli::import::request::{ImportedBody, ImportedRequest, ImportedUrl};
use crate::cli::import::secret_fields::encoded;
use serde_json::Value;

/// An operation, and where it is.
pub(super) struct Operation<'a> {
    pub document: &'a OpenApiDocument,
    /// Its path item, whose parameters it shares.
    pub item: &'a Value,
    pub about: &'a Value,
    pub at: &'a str,
}

const NAMED: &str = "give each parameter a `name`, and `in` as one of path, query, header, cookie";

impl Operation<'_> {
    /// The request, with a server's URL, a path and a method.
    pub(super) fn request(
        &self,
        (server, path, method): (&str, &str, &str),
        rows: &mut Parameters,
    ) -> Result<ImportedRequest, ImportError> {
        let mut filled = unmarked(path);
        let (mut query, mut headers, mut cookies) = (Vec::new(), Vec::new(), Vec::new());
        for (parameter, at) in self.parameters()? {
            let text = |key: &str| parameter.get(key).and_then(Value::as_str).map(unmarked);
            let (Some(name), Some(place)) = (text("name"), text("in")) else {
                let message = "expected a parameter with a name and a place, found another value";
                return Err(ImportError::at(&at, message, NAMED));
            };
            let is_required = parameter.get("required") == Some(&Value::Bool(true));
            if place != "path" && !is_required {
                continue;
            }
            let value = self.sample(parameter, &name);
            match place.as_str() {
                "path" => {
                    let column = mark(&format!("row.{}", rows.column(&name, &value)));
                    filled = filled.replace(&format!("{{{name}}}"), &column);
                }
                "query" => {
                    query
                        .push((name.clone(), mark(&format!("row.{}", rows.column(&name, &value)))));
                }
                "header" => headers.push((name, value)),
                "cookie" => cookies.push(format!("{name}={}", encoded(&value))),
                other => {
                    let message = format!("expected the place of a parameter, found `{other}`");
                    return Err(ImportError::at(&format!("{at}/in"), message, NAMED));
                }
            }
        }
        if !cookies.is_empty() {
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        let url = ImportedUrl::parse(&format!("{server}{filled}"))
            .map_err(|why| ImportError::at(self.at, why, "write a path that begins with `/`"))?;
        let mut request = ImportedRequest::get(url);
        request.method = method.to_uppercase();
        request.name = self.about.get("operationId").and_then(Value::as_str).map(unmarked);
        let title = || Some(format!("{} {path}", request.method));
        request.name = request.name.take().filter(|name| !name.trim().is_empty()).or_else(title);
        if let Some((kind, body)) = self.body()? {
            headers.push(("content-type".to_owned(), kind));
            request.body = ImportedBody::Text(body);
        }
        (request.query, request.headers) = (query, headers);
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            request.headers.extend(self.accepts().map(|kind| ("accept".to_owned(), kind)));
        }
        Ok(request)
    }

    /// The parameters of the operation, and those of its path that it does not override.
    fn parameters(&self) -> Result<Vec<(&Value, String)>, ImportError> {
        let path = self.at.rsplit_once('/').map_or(self.at, |(path, _)| path);
        let mut all: Vec<(&Value, String)> = Vec::new();
        for (holder, at) in [(self.about, self.at), (self.item, path)] {
            let list = holder.get("parameters").and_then(Value::as_array);
            for (number, parameter) in list.into_iter().flatten().enumerate() {
                let at = format!("{at}/parameters/{number}");
                let parameter = self.document.resolved(parameter, &at)?;
                let is_same = |(one, _): &(&Value, String)| {
                    ["name", "in"].iter().all(|key| one.get(*key) == parameter.get(*key))
                };
                if !all.iter().any(is_same) {
                    all.push((parameter, at));
                }
            }
        }
        Ok(all)
    }

    /// A value of a parameter.
    fn sample(&self, parameter: &Value, name: &str) -> String {
        let schema = parameter.get("schema").cloned().unwrap_or(Value::Null);
        let given = example::beside(self.document, parameter);
        let value = given.unwrap_or_else(|| example::value(self.document, &schema, false));
        let text: String = example::plain(&value).chars().filter(|c| !c.is_control()).collect();
        // An empty value would change the path.
        if text.is_empty() { name.to_owned() } else { text }
    }

    /// The media types of the body.
    fn media(&self) -> Result<Option<&serde_json::Map<String, Value>>, ImportError> {
        let Some(body) = self.about.get("requestBody") else { return Ok(None) };
        let body = self.document.resolved(body, &format!("{}/requestBody", self.at))?;
        Ok(body.get("content").and_then(Value::as_object))
    }

    /// The content type and the text of the body: JSON, or a form.
    fn body(&self) -> Result<Option<(String, String)>, ImportError> {
        let Some(media) = self.media()? else { return Ok(None) };
        let Some((kind, holder)) = chosen(media) else { return Ok(None) };
        let schema = holder.get("schema").cloned().unwrap_or(Value::Null);
        let at = format!("{}/requestBody/content/{}/schema", self.at, escaped(kind));
        self.document.resolved(&schema, &at)?;
        let given = example::beside(self.document, holder);
        let value = given.unwrap_or_else(|| example::value(self.document, &schema, true));
        if is_json(kind) {
            return Ok(Some((kind.clone(), value.to_string())));
        }
        let pairs = value.as_object().into_iter().flatten().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| example::plain(value), str::to_owned);
            format!("{}={}", encoded(&unmarked(name)), encoded(&value))
        });
        Ok(Some((kind.clone(), pairs.collect::<Vec<_>>().join("&"))))
    }

    /// What of the operation is not carried over.
    pub(super) fn lost(&self) -> Option<String> {
        let media = self.media().ok().flatten()?;
        let lost = !media.is_empty() && chosen(media).is_none();
        let kinds: Vec<&str> = media.keys().map(String::as_str).collect();
        let method = self.at.rsplit('/').next().unwrap_or_default().to_uppercase();
        let path = self.at.split('/').nth(2).unwrap_or_default();
        let path = path.replace("~1", "/").replace("~0", "~");
        lost.then(|| format!("the body of {method} {path}: it is {}", kinds.join(" or ")))
    }

    /// The content type of its successful responses.
    fn accepts(&self) -> Option<String> {
        let responses = self.about.get("responses")?.as_object()?;
        let mut good = responses.iter().filter(|(status, _)| status.starts_with('2'));
        let response = good.next()?.1;
        let response = self.document.resolved(response, self.at).ok()?;
        let kinds = response.get("content")?.as_object()?;
        kinds.keys().find(|kind| is_json(kind)).or_else(|| kinds.keys().next()).cloned()
    }
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || kind.ends_with("+json")
}

/// The media type that a plan can send.
fn chosen(media: &serde_json::Map<String, Value>) -> Option<(&String, &Value)> {
    let form = |kind: &String| kind.starts_with("application/x-www-form-urlencoded");
    let json = media.iter().find(|(kind, _)| is_json(kind));
    json.or_else(|| media.iter().find(|(kind, _)| form(kind)))
}
