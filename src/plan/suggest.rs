//! Turns a word that is not known into the one that was probably meant.

use std::collections::BTreeSet;

/// Words of other tools, and what they are called here.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("vus", "users"),
    ("connections", "users"),
    ("clients", "users"),
    ("concurrency", "users"),
    ("virtual_users", "users"),
    ("hatch_rate", "spawn_rate"),
    ("ramp_up", "ramp"),
    ("rampup", "ramp"),
    ("duration", "hold"),
    ("hold_for", "hold"),
    ("run_time", "hold"),
    ("max_duration", "hold"),
    ("time", "hold"),
    ("length", "hold"),
    ("threads", "users"),
    ("shared_connections", "users"),
    ("users_per_second", "spawn_rate"),
    ("connect_rate", "spawn_rate"),
    ("connection_rate", "spawn_rate"),
    ("conn_rate", "spawn_rate"),
    ("ramp_time", "ramp"),
    ("warm_up", "warmup"),
    ("from", "min"),
    ("to", "max"),
    ("qps", "rate"),
    ("rps", "rate"),
    ("arrival_rate", "rate"),
    ("url", "address"),
    ("addr", "address"),
    ("addresses", "address"),
    ("host", "address"),
    ("kind", "protocol"),
    ("type", "protocol"),
    ("steps", "stages"),
    ("phases", "stages"),
    ("sleep", "think_time"),
    ("pause", "think_time"),
    ("checks", "thresholds"),
    ("interval", "every"),
    ("metric", "condition"),
    // Requests and responses.
    ("url", "path"),
    ("uri", "path"),
    ("endpoint", "path"),
    ("verb", "method"),
    ("params", "query"),
    ("payload", "body"),
    ("data", "body"),
    ("json", "body"),
    ("form", "body"),
    ("checks", "expect"),
    ("assert", "expect"),
    ("assertions", "expect"),
    ("validate", "expect"),
    ("status", "expect"),
    ("capture", "extract"),
    ("save", "extract"),
    ("variables", "extract"),
    ("code", "status"),
    ("status_code", "status"),
    // Of how a scenario asks.
    ("feeder", "data"),
    ("csv", "data"),
    ("gzip", "compression"),
    ("follow_redirects", "redirects"),
    ("max_redirects", "redirects"),
    ("http_version", "version"),
    ("http2", "version"),
    ("keepalive", "connection"),
    ("keep_alive", "connection"),
    ("max_concurrent", "max_in_flight"),
    ("concurrent_streams", "streams"),
    // Of TLS.
    ("cacert", "ca"),
    ("sni", "server_name"),
    ("skip_verify", "insecure"),
];

/// The known word that another tool's `word` is called here.
pub(super) fn alias<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = plain(word);
    known.into_iter().find(|candidate| OTHER_WORDS.contains(&(plain.as_str(), *candidate)))
}

/// The known word nearest to `word`, if one is near enough.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are not typing errors, and would take too long.
    if word.len() > 64 {
        return None;
    }
    let plain = plain(word);
    let mut best: Option<(usize, &str)> = None;
    // `reset` for `reset_after`.
    let mut longer: Option<&str> = None;
    for candidate in known {
        if candidate.strip_prefix(&plain).is_some_and(|rest| rest.starts_with('_')) {
            longer = longer.filter(|one| one.len() <= candidate.len()).or(Some(candidate));
        }
        if OTHER_WORDS.contains(&(plain.as_str(), candidate)) {
            return Some(candidate);
        }
        let distance = strsim::osa_distance(&plain, &self::plain(candidate));
        if distance <= (plain.chars().count() / 3).clamp(1, 3)
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate).or_else(|| longer.filter(|_| plain.len() >= 4))
}

/// The known name that shares the most words with `name`, if it is the only one and most words are
/// shared: `first_byte.p95` for `first_byte_time.p95`. Words are separated by dots and underscores.
pub(super) fn most_shared<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let words = |name: &str| -> BTreeSet<String> {
        plain(name).split(['.', '_']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let own = words(name);
    let shares = known.into_iter().filter_map(|candidate| {
        let other = words(candidate);
        let (shared, all) = (own.intersection(&other).count(), own.union(&other).count());
        // Two thirds: one word more, less or different among three.
        (shared * 3 >= all * 2).then_some((shared * 100 / all, candidate))
    });
    let (mut best, mut alone): (Option<(usize, &str)>, bool) = (None, false);
    for (share, candidate) in shares {
        match best {
            Some((most, _)) if share < most => {}
            Some((most, _)) if share == most => alone = false,
            _ => (best, alone) = (Some((share, candidate)), true),
        }
    }
    best.filter(|_| alone).map(|(_, candidate)| candidate)
}

/// The help for an unknown word: the nearest known one, or all of them.
pub(super) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{what}: {}", listed(known)),
    }
}

/// "`a`, `b`, `c`"
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// `spawnRate` and `Spawn-Rate` as `spawn_rate`.
pub(super) fn plain(word: &str) -> String {
    let mut plain = String::with_capacity(word.len() + 4);
    let mut after_small = false;
    for c in word.chars() {
        if c.is_uppercase() && after_small {
            plain.push('_');
        }
        after_small = c.is_lowercase();
        plain.extend(c.to_lowercase().map(|c| if c == '-' || c == ' ' { '_' } else { c }));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_another_tool_is_known_by_the_table_that_it_stands_in() {
        let (target, request) = (["address", "tls"], ["path", "body", "expect"]);
        assert_eq!(nearest("url", target), Some("address"));
        assert_eq!(nearest("url", request), Some("path"));
        assert_eq!(nearest("assertions", request), Some("expect"));
        assert_eq!(nearest("vus", request), None);
        assert_eq!(nearest("followRedirects", ["redirects"]), Some("redirects"));
    }

    #[test]
    fn every_word_of_another_tool_leads_to_a_key_that_exists() {
        let schema = crate::plan::Plan::schema();
        let tables = schema["definitions"].as_object().unwrap().values().chain([&schema]);
        let keys: Vec<&str> = tables
            .filter_map(|table| table["properties"].as_object())
            .flat_map(|keys| keys.keys().map(String::as_str))
            .collect();
        for (word, key) in OTHER_WORDS {
            assert!(keys.contains(key), "`{word}` leads to `{key}`, which no table has");
        }
    }

    #[test]
    fn a_name_is_known_by_its_words_if_no_other_name_has_as_many() {
        let known = ["service_time.p95", "first_byte.p95", "first_byte.p50", "connect.time.p95"];
        assert_eq!(most_shared("first_byte_time.p95", known), Some("first_byte.p95"));
        assert_eq!(most_shared("time.service.p95", known), Some("service_time.p95"));
        assert_eq!(most_shared("first_byte.p75", known), None);
        assert_eq!(most_shared("p95", known), None);
    }

    #[test]
    fn no_word_of_another_tool_is_ours_twice() {
        for (index, one) in OTHER_WORDS.iter().enumerate() {
            assert!(!OTHER_WORDS[..index].contains(one), "{one:?}");
        }
    }
}
