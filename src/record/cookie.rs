//! Turns the ways in which a cookie is not kept into a closed set.

use serde::{Deserialize, Serialize};

macro_rules! losses {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// Why a cookie that a server has set is not kept, or not any more.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum CookieLoss { $($(#[$doc])* #[serde(rename = $text)] $variant,)* }

        impl CookieLoss {
            /// The word in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

losses! {
    /// It is `Secure`, and came over a connection that is not, from a host that is not loopback.
    Secure = "secure";
    /// Its `Domain` is not that of the host that was asked.
    Domain = "domain";
    /// Its name begins with `__Host-` or `__Secure-`, and it has not what these ask for.
    Prefix = "prefix";
    /// It is larger than cookies may be.
    TooLarge = "too_large";
    /// The user had reached the limit of cookies, and discarded the oldest.
    TooMany = "too_many";
    /// It is not a valid cookie: it has no name, or characters that cannot be sent back.
    Malformed = "malformed";
}
