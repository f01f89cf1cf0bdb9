//! A list of URLs, one a line.

use super::error::ImportError;
use super::marks::unmarked;
use super::request::{ImportedRequest, ImportedUrl};

/// The methods that may stand before a URL.
const METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// The requests of a list of URLs. Empty lines and those that begin with `#` are none.
pub(super) fn read(text: &str) -> Result<Vec<ImportedRequest>, ImportError> {
    let mut requests: Vec<ImportedRequest> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = unmarked(line.trim().trim_start_matches('\u{feff}'));
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (method, url) = match line.split_once(char::is_whitespace) {
            Some((method, url)) if METHODS.contains(&method) => (method, url.trim()),
            Some((method, _)) if method.chars().all(|c| c.is_ascii_uppercase()) => {
                return Err(ImportError::at_line(
                    number,
                    format!("expected a URL, found the method {method}"),
                    "a list of URLs has requests without a body: write `GET URL` or the URL alone; `planrun import curl` takes requests with a body",
                ));
            }
            _ => ("GET", line.as_str()),
        };
        let url = ImportedUrl::parse(url).map_err(|why| {
            ImportError::at_line(number, why, "write one URL a line: `https://shop.example/cart`")
        })?;
        requests.push(ImportedRequest { method: method.to_owned(), ..ImportedRequest::get(url) });
    }
    Ok(requests)
}
