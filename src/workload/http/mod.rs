//! Turns one due request into an answer or a fault, over one keep-alive connection of HTTP/1.1, or
//! over a stream of HTTP/2.
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
//! **Invariant:** no redirect is followed and nothing is retried here: a `Session` says where one
//! leads, and whoever has a loop sends again.
//! **Invariant:** no more of an answer is kept than its head, while that has not come whole, and
//! what is looked into; both within the limits of the plan.
//! **Invariant:** a connection on which an exchange did not end in order is never used again.
//! **Invariant:** nothing waits here, and no clock is read.

mod beginning;
mod body;
mod connect;
mod content;
mod encoding;
mod ends;
mod exchange;
mod fault;
mod jar;
mod json;
mod judge;
mod lane;
mod look;
mod looks;
mod multiplex;
mod origin;
mod parse;
mod quotes;
mod rows;
mod script;
mod session;
mod sheet;
mod stock;
mod wire;

pub(crate) use ends::Ends;
pub(crate) use exchange::{Answer, Limits, Moved, Unseen};
pub(crate) use fault::{Fault, Opening};
pub(crate) use lane::{Lane, Step};
pub(crate) use look::Gains;
pub(crate) use multiplex::{ALPN, Multiplex, Stream};
#[cfg(any(test, fuzzing))]
pub(crate) use parse::{Parser, Wrong};
#[cfg(any(test, fuzzing))]
pub(crate) use rows::Format;
pub(crate) use rows::{LARGEST_DATA, Rows};
pub(crate) use script::{Script, ScriptError};
pub(crate) use session::{Session, Taken};
pub(crate) use stock::{DataFile, Files, NoPaths, Stock};
pub(crate) use wire::{Buffers, Secured};

#[cfg(test)]
mod tests;
