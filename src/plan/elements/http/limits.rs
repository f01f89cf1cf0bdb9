//! Limits on the size of a response.

use crate::plan::error::Errors;
use crate::plan::raw::count;
use crate::plan::raw::{Field, table};
use crate::units::Count;
use serde::{Deserialize, Serialize};

/// planrun's limits on the size of a response. Exceeding one is never the target's failure: an
/// answer beyond one is a local failure, a cookie beyond one is not kept, counted and said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerLimits {
    /// Bytes of a head, and of the framing of a chunked body.
    pub head: u32,
    /// Headers of a head.
    pub headers: u32,
    /// Bytes of a value that is extracted.
    pub value: u64,
    /// Bytes of a body that are kept for checks and extracts.
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
    /// The limits of curl and browsers, or higher ones: of cookies, browsers keep 150 to 180
    /// of a site and 4 KiB of each, curl 8 KiB.
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

table! {
    /// Limits on the size of a response. A larger response is a local failure, and the run INVALID;
    /// cookies beyond `cookies` and `cookie` are lost, counted (`cookies.lost`) and said.
    #[schemars(rename = "AnswerLimits")]
    RawAnswerLimits, "`limits`",
    must {}
    may {
        /// Bytes of a head, and of the framing of a chunked body. Default: 524,288.
        head: Count,
        /// Headers of a head. Default: 5,000.
        headers: Count,
        /// Bytes of a value that is extracted. Default: 65,536.
        value: Count,
        /// Bytes of a body that are kept for JSON Pointers and regular expressions. Default:
        /// 16,777,216.
        body: Count,
        /// Bytes to which a body in gzip may expand. Default: 67,108,864.
        decoded: Count,
        /// Cookies that a user keeps; one more takes the place of the oldest, which is counted as
        /// lost. Default: 300.
        cookies: Count,
        /// Bytes of name and value of a cookie; a larger one is not kept, and counted as lost.
        /// Default: 32,768.
        cookie: Count,
    }
}

pub(in crate::plan) fn limits(field: &Field<RawAnswerLimits>, errors: &mut Errors) -> AnswerLimits {
    let (default, most) = (AnswerLimits::default(), AnswerLimits::MOST);
    let Some(raw) = field.value() else { return default };
    let mut one = |field: &Field<Count>, name: &str, default: u64, most: u64| {
        let Some(limit) = count(field, name, errors) else { return default };
        if let Some(given) = field.given().filter(|_| limit > most) {
            errors
                .add(given.at, format!("`{name}` is at most {most}"))
                .help(format!("write `{name} = {most}`, or leave it out for {default}"));
        }
        limit.min(most)
    };
    let small = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
    AnswerLimits {
        head: small(one(&raw.head, "head", default.head.into(), most.head.into())),
        headers: small(one(&raw.headers, "headers", default.headers.into(), most.headers.into())),
        value: one(&raw.value, "value", default.value, most.value),
        body: one(&raw.body, "body", default.body, most.body),
        decoded: one(&raw.decoded, "decoded", default.decoded, most.decoded),
        cookies: small(one(&raw.cookies, "cookies", default.cookies.into(), most.cookies.into())),
        cookie: small(one(&raw.cookie, "cookie", default.cookie.into(), most.cookie.into())),
    }
}
