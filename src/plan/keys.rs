//! Names the keys that a table of a plan may hold.

/// The keys of a table.
#[derive(Debug)]
pub(super) struct Keys {
    /// "a stage": the table in messages.
    pub noun: &'static str,
    /// An example, for a table that is usually written on one line.
    pub example: Option<&'static str>,
    /// Where it is written.
    pub place: Option<&'static str>,
    /// The keys that must be there, each with a line to paste.
    pub must: &'static [(&'static str, &'static str)],
    /// The others.
    pub may: &'static [&'static str],
    /// Tables whose keys are also permitted here.
    pub with: &'static [&'static Keys],
}

impl Keys {
    /// All of them.
    pub(super) fn all(&self) -> Vec<&'static str> {
        let must = self.must.iter().map(|(name, _)| *name);
        let own = must.chain(self.may.iter().copied());
        own.chain(self.with.iter().flat_map(|table| table.all())).collect()
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, name: &str) -> bool {
        self.must.iter().any(|(key, _)| *key == name)
            || self.may.contains(&name)
            || self.with.iter().any(|table| table.has(name))
    }
}
