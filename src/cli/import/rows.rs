//! Makes rows of many URLs: one request, whose path comes from a file.

use super::marks::{is_marked, mark};
use super::request::ImportedRequest;
use std::collections::BTreeMap;

/// Rows of values for the requests of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ImportedRows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Up to as many URLs have a request each, with figures of their own.
const FEW: usize = 20;

/// What the requests that become rows have in common: parameters and credentials.
type Common = (Vec<(String, String)>, Option<String>);

/// Puts the paths of many requests into rows.
pub(super) fn of_paths(
    requests: Vec<ImportedRequest>,
) -> (Vec<ImportedRequest>, Option<ImportedRows>) {
    if requests.len() <= FEW {
        return (requests, None);
    }
    let is_plain = |request: &ImportedRequest| request.method == "GET" && !is_marked(&request.path);
    let common = |request: &ImportedRequest| (request.query.clone(), request.basic.clone());
    let mut counts: BTreeMap<Common, usize> = BTreeMap::new();
    for request in requests.iter().filter(|request| is_plain(request)) {
        *counts.entry(common(request)).or_default() += 1;
    }
    let Some((most, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
        return (requests, None);
    };
    let (into_rows, mut others): (Vec<_>, Vec<_>) =
        requests.into_iter().partition(|one| is_plain(one) && common(one) == most);
    let mut rows = ImportedRows { columns: vec!["path".to_owned()], rows: Vec::new() };
    let mut weight = 0_u32;
    for request in &into_rows {
        weight = weight.saturating_add(request.weight);
        let times = usize::try_from(request.weight).unwrap_or(1);
        rows.rows.extend(std::iter::repeat_n(vec![request.path.clone()], times));
    }
    // One alone is all of the load, whatever its weight.
    let weight = if others.is_empty() { 1 } else { weight };
    let first = into_rows.into_iter().next().map(|first| ImportedRequest {
        path: mark("row.path"),
        name: Some("GET a path of the rows".to_owned()),
        weight,
        ..first
    });
    others.splice(..0, first);
    (others, Some(rows))
}
