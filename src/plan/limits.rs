//! How much of an answer is taken.

/// Limits of planrun's own on what an answer may be. One that is exceeded is never the target's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Bytes of a head, and of what stands around the pieces of a body.
    pub head: u32,
    /// Headers of a head.
    pub headers: u32,
    /// Bytes of a value that is extracted.
    pub value: u64,
    /// Bytes of a body that are kept where a place in it is looked up.
    pub body: u64,
    /// Bytes to which a body in gzip may expand.
    pub decoded: u64,
}

impl AnswerLimits {
    /// No limit is set higher than this.
    pub const MOST: Self =
        Self { head: 64 << 20, headers: 20_000, value: 64 << 20, body: 1 << 30, decoded: 16 << 30 };
}

impl Default for AnswerLimits {
    /// What curl takes, or more.
    fn default() -> Self {
        Self { head: 512 << 10, headers: 5_000, value: 64 << 10, body: 16 << 20, decoded: 64 << 20 }
    }
}
