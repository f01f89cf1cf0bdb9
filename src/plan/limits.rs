//! How much of an answer is taken.

use serde::{Deserialize, Serialize};

/// Limits of planrun's own on what an answer may be. One that is exceeded is never the target's failure:
/// an answer beyond one is a local failure, a cookie beyond one is not kept, counted and said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Cookies that a user keeps.
    pub cookies: u32,
    /// Bytes of name and value of a cookie that is kept.
    pub cookie: u32,
}

impl AnswerLimits {
    /// No limit is set higher than this.
    pub const MOST: Self = Self {
        head: 64 << 20,
        headers: 20_000,
        value: 64 << 20,
        body: 1 << 30,
        decoded: 16 << 30,
        cookies: 20_000,
        cookie: 64 << 20,
    };
}

impl Default for AnswerLimits {
    /// What curl and browsers take, or more: of cookies, browsers keep 150 to 180 of a site and 4 KiB
    /// of each, curl 8 KiB.
    fn default() -> Self {
        Self {
            head: 512 << 10,
            headers: 5_000,
            value: 64 << 10,
            body: 16 << 20,
            decoded: 64 << 20,
            cookies: 300,
            cookie: 32 << 10,
        }
    }
}
