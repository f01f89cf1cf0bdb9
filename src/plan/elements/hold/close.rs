//! How a connection is ended as planned.

use crate::plan::raw::words;
use serde::{Deserialize, Serialize};

/// How this side ends a connection as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Close {
    /// By FIN: the usual close.
    Fin,
    /// By RST: leaves no `TIME_WAIT` behind.
    Rst,
}

words! {
    /// How a connection is ended as planned.
    CloseWord {
        /// The usual close.
        Fin = "fin",
        /// Leaves no `TIME_WAIT` behind.
        Rst = "rst",
    }
}
