//! Turns a word that is not known into the one that was probably meant.

/// Words of other tools, and what they are called here.
const OTHER_WORDS: [(&str, &str); 26] = [
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
    ("metric", "check"),
];

/// The word that is nearest to `word`, if one is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are no typing errors, and would cost time.
    if word.len() > 64 {
        return None;
    }
    let plain = plain(word);
    let other = OTHER_WORDS.iter().find(|(theirs, _)| *theirs == plain).map(|(_, ours)| *ours);
    let mut best: Option<(usize, &str)> = None;
    // `reset` for `reset_after`.
    let mut longer: Option<&str> = None;
    for candidate in known {
        if candidate.strip_prefix(&plain).is_some_and(|rest| rest.starts_with('_')) {
            longer = longer.filter(|one| one.len() <= candidate.len()).or(Some(candidate));
        }
        if Some(candidate) == other {
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

/// What to say about an unknown word: the nearest one, or all of them.
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
fn plain(word: &str) -> String {
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
