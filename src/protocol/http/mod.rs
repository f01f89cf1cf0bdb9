//! Turns one due request into an answer or a fault, over one keep-alive connection of HTTP/1.1.
//!
//! ```text
//!  Script ── what is sent, built once as bytes, shared by all
//!    └▶ Lane ── one connection; whoever has a loop says when its socket is ready, and what time it is
//!         ├ begin, open ──▶ Ok, or a Fault while connecting
//!         ├ send, advance ▶ Answer: when its first and last bytes came, what is wrong with it
//!         │    └ Parser ── bytes, however they are split ─▶ status, body, end
//!         └ disturb ──────▶ when the server closes it between two requests
//! ```
//!
//! **Invariant:** no redirect is followed, no body is decoded, nothing is retried here.
//! **Invariant:** no more of an answer is kept than its head, while that has not come whole (16 KiB, 100 headers).
//! **Invariant:** a connection on which an exchange did not end in order is never used again.
//! **Invariant:** nothing waits here, and no clock is read.

mod body;
mod connect;
mod fault;
mod lane;
mod parse;
mod script;
mod wire;

pub use connect::Ends;
pub use fault::Fault;
pub use lane::{Answer, Lane, Limits, Step};
pub use script::{Script, ScriptError};
pub use wire::{Buffers, Secured};

#[cfg(test)]
mod tests;
