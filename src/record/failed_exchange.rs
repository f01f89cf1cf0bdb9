//! One exchange that failed, as it is kept for people.

use serde::{Deserialize, Serialize};

/// The most exchanges that are kept of one cause and request.
pub const MOST_EXCHANGES: usize = 5;

/// A request that failed and its response.
///
/// It travels in a format without names, so no field may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedExchange {
    /// When it ended, on the run's clock.
    pub at_ns: u64,
    /// Request and response, as they are shown: each line with its mark, without secrets.
    pub text: String,
}
