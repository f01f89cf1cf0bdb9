//! Sorts requests into scenarios, one for each server, and names what a plan has to name.

use super::error::{ImportError, ImportPlace};
use super::marks;
use super::numbers::count_of;
use super::request::{ConnectionWishes, ImportedRequest, ServerOrigin};
use super::rows::{self, ImportedRows};
use std::collections::BTreeSet;

/// More servers than this are too many for one plan: each scenario has processes of its own.
const MOST_SERVERS: usize = 16;

/// As many requests, or steps, a scenario of a plan has.
const MOST_REQUESTS: usize = 1_000;

/// How the requests of a file belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sequence {
    /// They are steps of one user, and recorded pauses are all that there are.
    Recorded,
    /// They are steps of one user.
    Steps,
    /// Each stands for itself.
    Independent,
}

/// A scenario, and the target that it has.
#[derive(Debug)]
pub(super) struct ImportedScenario {
    /// Its name, and that of its target.
    pub name: String,
    pub origin: ServerOrigin,
    pub sequence: Sequence,
    pub requests: Vec<ImportedRequest>,
    /// Name and password of all requests.
    pub basic: Option<String>,
    pub wishes: ConnectionWishes,
    pub rows: Option<ImportedRows>,
}

/// The scenarios of some requests, and what was left out.
pub(super) fn scenarios(
    requests: Vec<ImportedRequest>,
    sequence: Sequence,
    only_name: &str,
    into_rows: bool,
) -> Result<(Vec<ImportedScenario>, Vec<String>), ImportError> {
    let mut by_origin: Vec<(ServerOrigin, Vec<ImportedRequest>)> = Vec::new();
    for request in requests {
        match by_origin.iter_mut().find(|(origin, _)| *origin == request.origin) {
            Some((_, known)) => known.push(request),
            None => by_origin.push((request.origin.clone(), vec![request])),
        }
    }
    if by_origin.len() > MOST_SERVERS {
        let first = &by_origin[0].0.host;
        return Err(ImportError::new(
            ImportPlace::Whole,
            format!("found {} servers, more than {MOST_SERVERS}", by_origin.len()),
            format!("choose some of them: `--host {first}`, once for each"),
        ));
    }
    let several = by_origin.len() > 1;
    let (mut names, mut notes, mut all) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (origin, requests) in by_origin {
        let wanted = if several { word(&origin.host) } else { only_name.to_owned() };
        let name = unique(&wanted, &mut names, |name, number| format!("{name}-{number}"));
        let sequence = if requests.len() == 1 && sequence == Sequence::Steps {
            Sequence::Independent
        } else {
            sequence
        };
        let mut requests =
            if sequence == Sequence::Independent { counted(requests) } else { requests };
        let mut rows = None;
        if into_rows {
            (requests, rows) = rows::of_paths(requests);
        }
        if requests.len() > MOST_REQUESTS {
            let beyond = requests.len() - MOST_REQUESTS;
            let beyond = count_of(beyond, "request", "requests");
            notes.push(format!(
                "{beyond} to {} behind the first {MOST_REQUESTS}: a scenario has no more",
                origin.authority
            ));
            requests.truncate(MOST_REQUESTS);
        }
        let wishes = all_wishes(&requests);
        let basic = shared_credentials(&mut requests);
        name_all(&mut requests);
        all.push(ImportedScenario { name, origin, sequence, requests, basic, wishes, rows });
    }
    Ok((all, notes))
}

/// Equal requests as one, with the weight of all.
fn counted(requests: Vec<ImportedRequest>) -> Vec<ImportedRequest> {
    let mut kept: Vec<ImportedRequest> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for request in requests {
        let key = format!("{:?}", ImportedRequest { weight: 1, ..request.clone() });
        if let Some(at) = places.get(&key) {
            let known: &mut ImportedRequest = &mut kept[*at];
            known.weight = known.weight.saturating_add(request.weight);
        } else {
            places.insert(key, kept.len());
            kept.push(request);
        }
    }
    kept
}

fn all_wishes(requests: &[ImportedRequest]) -> ConnectionWishes {
    let any = |wish: fn(&ConnectionWishes) -> bool| requests.iter().any(|one| wish(&one.wishes));
    ConnectionWishes {
        redirects: requests.iter().map(|one| one.wishes.redirects).max().unwrap_or_default(),
        compression: any(|one| one.compression),
        cookies: any(|one| one.cookies),
        insecure: any(|one| one.insecure),
        http2: requests.iter().all(|one| one.wishes.http2 && one.origin.text.starts_with("https")),
        timeout_ms: requests.iter().filter_map(|one| one.wishes.timeout_ms).max(),
    }
}

/// Credentials that all requests share are the scenario's; others stay in a header of their own.
fn shared_credentials(requests: &mut [ImportedRequest]) -> Option<String> {
    let first = requests.first()?.basic.clone()?;
    if requests.iter().all(|one| one.basic.as_ref() == Some(&first)) {
        for request in requests {
            request.basic = None;
        }
        return Some(first);
    }
    None
}

fn name_all(requests: &mut [ImportedRequest]) {
    let mut names = BTreeSet::new();
    for request in requests {
        let wanted = request.name.take().unwrap_or_else(|| request.title());
        let wanted = crate::units::visible(marks::shown(&wanted).trim()).replace("${", "$ {");
        let wanted: String = wanted.chars().take(NAME).collect();
        let wanted = if wanted.trim().is_empty() { request.title() } else { wanted };
        let name = |name: &str, number| format!("{name} ({number})");
        request.name = Some(unique(wanted.trim(), &mut names, name));
    }
}

/// The longest name of a request, a number behind it apart: characters.
const NAME: usize = 80;

fn unique(
    wanted: &str,
    taken: &mut BTreeSet<String>,
    numbered: impl Fn(&str, usize) -> String,
) -> String {
    let others = (2..).map(|number| numbered(wanted, number));
    let mut names = std::iter::once(wanted.to_owned()).chain(others);
    let free = names.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(free.clone());
    free
}

/// A name of a plan, or of a target, made of any text.
pub(super) fn word(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let kept: String = kept.take(60).collect();
    let parts: Vec<&str> = kept.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "imported".to_owned() } else { parts.join("-") }
}
