//! Turns one due request into an answer or a fault, over one keep-alive connection of HTTP/1.1.
//!
//! ```text
//!  Script ── what is sent, built once, shared by all
//!    └▶ Lane ── one user's way to the target: no connection, or one
//!         ├ open ───▶ Ok, or a Fault while connecting
//!         ├ send ───▶ Answer: when it was sent, when its first and last bytes came, what is wrong with it
//!         └ closed ─▶ when the server closes it between two requests
//! ```
//!
//! **Invariant:** no redirect is followed, no body is decoded, nothing is retried here.
//! **Invariant:** no more of an answer is kept than its head (16 KiB, 100 headers) and the piece of body that is being compared.
//! **Invariant:** a connection on which an exchange did not end in order is never used again.

mod alarm;
mod body;
mod connect;
mod exchange;
mod fault;
mod lane;
mod level;
mod script;
mod wire;

pub use connect::Ends;
pub use fault::Fault;
pub use lane::{Answer, Lane};
pub use level::Level;
pub use script::{Script, ScriptError};

#[cfg(test)]
mod tests;
