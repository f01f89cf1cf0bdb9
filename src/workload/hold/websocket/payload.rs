//! Compares the payload of messages with what a plan expects, piece by piece.

use super::super::matcher::ContentMatcher;
use super::super::shown;
use super::{Violation, WebSocketState};
use crate::plan::Expect;

/// The expectation of a message's payload.
#[derive(Debug)]
pub(super) enum PayloadMatcher {
    /// Exactly this.
    Exact(Vec<u8>),
    /// Something that varies.
    Varying(ContentMatcher),
}

/// Why a payload is not taken.
#[derive(Debug)]
pub(super) enum PayloadError {
    /// The byte at this place of the piece, or all of it, is not what is expected.
    Wrong(usize),
    /// The frame breaks the protocol.
    Violation(Violation),
}

impl PayloadMatcher {
    pub(super) fn new(expect: &Expect) -> Self {
        match expect {
            Expect::Exact(bytes) => Self::Exact(bytes.clone()),
            Expect::Varying { content, .. } => Self::Varying(ContentMatcher::new(content.as_ref())),
        }
    }

    /// The expectation in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Exact(bytes) => shown(bytes),
            Self::Varying(content) => content.words().unwrap_or_else(|| "a message".to_owned()),
        }
    }

    /// Takes a piece of the payload that follows what `state` has seen.
    pub(super) fn take(
        &self,
        state: &mut WebSocketState,
        payload: &[u8],
    ) -> Result<(), PayloadError> {
        match self {
            Self::Exact(expect) => {
                let from = state.seen() as usize;
                let wanted = expect.get(from..).unwrap_or_default();
                if !wanted.starts_with(payload) {
                    let both = payload.iter().zip(wanted);
                    let same = both.take_while(|(came, wanted)| came == wanted).count();
                    return Err(PayloadError::Wrong(same));
                }
            }
            Self::Varying(content) => {
                if state.is_text() {
                    state.check_text(payload).map_err(PayloadError::Violation)?;
                }
                let mut progress = state.content();
                for (at, byte) in payload.iter().enumerate() {
                    if !content.take(&mut progress, *byte) {
                        return Err(PayloadError::Wrong(at));
                    }
                }
                state.set_content(progress);
            }
        }
        Ok(())
    }

    /// Whether the message may end here.
    pub(super) fn ends(&self, state: WebSocketState) -> bool {
        match self {
            Self::Exact(expect) => expect.len() == state.seen() as usize,
            Self::Varying(content) => content.ends(state.content()),
        }
    }
}
