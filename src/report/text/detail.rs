//! How much of a run the summary shows.

/// How much of a run the summary shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The essentials: about forty lines for a plan of two scenarios.
    Short,
    /// Every table.
    Full,
}

impl Detail {
    /// The most rows of a list that may be long.
    pub(super) fn rows(self, short: usize, full: usize) -> usize {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }
}
