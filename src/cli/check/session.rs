//! Turns what users of HTTP carry along into lines of the outline; none for plain requests.

use crate::machine::grouped;
use crate::plan::{HttpVersion, Protocol, RowOrder};
use crate::units::visible;
use crate::workload::http::{DataFile, InvalidPaths};

/// Names of steps that are shown.
const MOST: usize = 8;

pub(super) fn lines(protocol: &Protocol, file: Option<&DataFile>) -> Vec<String> {
    let mut lines = Vec::new();
    match protocol.version() {
        HttpVersion::Http1 => {}
        HttpVersion::Http2 { streams: 1 } => lines.push("HTTP/2".to_owned()),
        HttpVersion::Http2 { streams } => {
            lines.push(format!("HTTP/2, up to {streams} share a connection"));
        }
    }
    if protocol.in_steps() {
        let names = protocol.requests().iter().take(MOST).map(|one| visible(&one.name));
        let mut names: Vec<String> = names.map(Into::into).collect();
        if protocol.requests().len() > MOST {
            names.push(format!("and {} more", protocol.requests().len() - MOST));
        }
        let names = names.join(", ");
        lines.push(format!("a pass is {} steps: {names}", protocol.requests().len()));
    }
    if let Some(data) = protocol.data() {
        let order = match data.order {
            RowOrder::Sequential => "in order, repeating from the first",
            RowOrder::Random => "chosen by the seed",
            RowOrder::Unique => "each used once",
        };
        let unit = if protocol.in_steps() { "pass" } else { "request" };
        let name = data.file.display().to_string();
        let count = file.map_or_else(String::new, |file| match file.rows {
            1 => " (1 row)".to_owned(),
            rows => format!(" ({} rows)", grouped(rows)),
        });
        lines.push(format!("a row of {}{count} for each {unit}, {order}", visible(&name)));
        for InvalidPaths { column, rows, first } in file.into_iter().flat_map(|file| &file.no_paths)
        {
            let rows = match rows {
                1 => "1 row".to_owned(),
                rows => format!("{} rows", grouped(*rows)),
            };
            let what = "a path begins with `/`, or is a URL of the target";
            lines.push(format!(
                "warning: `{}` cannot be sent as a path in {rows}, first in row {first}: {what}",
                visible(column)
            ));
        }
    }
    if protocol.keeps_cookies() {
        lines.push("each user keeps its cookies".to_owned());
    }
    let redirects = protocol.redirects();
    if redirects > 0 {
        let plural = if redirects == 1 { "" } else { "s" };
        lines.push(format!("up to {redirects} redirect{plural} on the same host followed"));
    }
    if protocol.takes_gzip() {
        lines.push("responses may be gzip-encoded".to_owned());
    }
    lines
}
