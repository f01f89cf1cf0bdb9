//! Searches the pieces of a body.
//!
//! **Invariant:** no more of a body is kept than the plan's limit, only where a place in it has to
//! be found, and only until its answer ends.

use super::body::BodyComparison as Same;
use crate::plan::AnswerLimits;
use crate::units::visible_bytes;
use memchr::memmem::Finder;
use serde_json::value::RawValue;
use std::io::{self, Write};
use std::sync::Arc;

/// The message for a search in a missing body.
pub(super) const EMPTY: &str = "there is no body";

/// The content of a body, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Content {
    length: u64,
    seekers: Vec<Seeker>,
    /// Kept for searches that need the whole body.
    kept: Option<Vec<u8>>,
    is_cut: bool,
    most_kept: usize,
    most_decoded: u64,
}

/// A search through a body.
#[derive(Debug)]
pub(super) enum Seeker {
    Same(Box<[u8]>, Same),
    /// The text sought, the end of the last piece, and whether it was found.
    Contains(Arc<Finder<'static>>, Vec<u8>, bool),
    None,
}

impl Seeker {
    /// The body must equal this.
    pub(super) fn same(body: Box<[u8]>) -> Self {
        Self::Same(body, Same::default())
    }

    /// The body must contain this.
    pub(super) fn contains(finder: Arc<Finder<'static>>) -> Self {
        Self::Contains(finder, Vec::new(), false)
    }
}

impl Content {
    /// The searches in a body; `keeps`: some of it is kept.
    pub(super) fn new(seekers: Vec<Seeker>, keeps: bool, limits: AnswerLimits) -> Self {
        Self {
            seekers,
            kept: keeps.then(Vec::new),
            most_kept: usize::try_from(limits.body).unwrap_or(usize::MAX),
            most_decoded: limits.decoded,
            ..Self::default()
        }
    }

    /// Whether nothing has come.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The kept bytes.
    pub(super) fn kept(&self) -> &[u8] {
        self.kept.as_deref().unwrap_or_default()
    }

    /// Whether the body was longer than the kept bytes.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the text was found in the complete body.
    pub(super) fn found(&mut self, at: usize) -> Result<(), String> {
        match self.seekers.get_mut(at) {
            Some(Seeker::Same(body, same)) => {
                same.finish(Some(body)).map_err(|why| format!("the body {why}"))
            }
            Some(Seeker::Contains(_, _, false)) if self.length == 0 => Err(EMPTY.to_owned()),
            Some(Seeker::Contains(finder, _, false)) => {
                Err(format!("the body does not contain `{}`", shown(finder.needle())))
            }
            _ => Ok(()),
        }
    }

    /// Whether the text was not found in the complete body.
    pub(super) fn absent(&self, at: usize) -> Result<(), String> {
        match self.seekers.get(at) {
            Some(Seeker::Contains(finder, _, true)) => {
                Err(format!("the body contains `{}`", shown(finder.needle())))
            }
            _ => Ok(()),
        }
    }

    /// Takes the next piece.
    pub(super) fn take(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        for seeker in &mut self.seekers {
            match seeker {
                Seeker::Same(body, same) => same.feed(Some(body), piece),
                Seeker::Contains(finder, carry, found) if !*found => {
                    *found = seek(finder, carry, piece);
                }
                _ => {}
            }
        }
        if let Some(kept) = &mut self.kept {
            let room = self.most_kept - kept.len();
            kept.extend_from_slice(&piece[..room.min(piece.len())]);
            self.is_cut |= piece.len() > room;
        }
    }

    /// The kept bytes as JSON.
    pub(super) fn json(&self) -> Result<&RawValue, String> {
        if self.length == 0 {
            return Err(EMPTY.to_owned());
        }
        let text = self.kept();
        // Browsers pass over a byte order mark, too.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        serde_json::from_slice(text).map_err(|error| format!("the body is not valid JSON: {error}"))
    }
}

impl Write for Content {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.length + piece.len() as u64 > self.most_decoded {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.take(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Looks for something that may begin in one piece and end in another; `carry` keeps what could be
/// its beginning.
fn seek(finder: &Finder<'_>, carry: &mut Vec<u8>, piece: &[u8]) -> bool {
    let most = finder.needle().len().saturating_sub(1);
    if !carry.is_empty() {
        let before = carry.len();
        carry.extend_from_slice(&piece[..most.min(piece.len())]);
        if finder.find(carry).is_some() {
            return true;
        }
        carry.truncate(before);
    }
    if finder.find(piece).is_some() {
        return true;
    }
    carry.extend_from_slice(&piece[piece.len().saturating_sub(most)..]);
    let beyond = carry.len().saturating_sub(most);
    carry.drain(..beyond);
    false
}

/// At most 64 bytes, none of which does anything to a terminal.
pub(super) fn shown(bytes: &[u8]) -> String {
    visible_bytes(bytes, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sought_is_found_however_the_body_is_split() {
        let body = b"aab aabaab is there";
        let seek = |needle: &str, cuts: &[usize]| {
            let finder = Arc::new(Finder::new(needle.as_bytes()).into_owned());
            let mut content =
                Content::new(vec![Seeker::contains(finder)], false, AnswerLimits::default());
            let mut from = 0;
            for cut in cuts.iter().copied().chain([body.len()]) {
                content.take(&body[from..cut]);
                from = cut;
            }
            content.found(0).is_ok()
        };
        for first in 0..body.len() {
            for second in first..body.len() {
                assert!(seek("aabaab is", &[first, second]), "{first} {second}");
                assert!(!seek("aabaab  is", &[first, second]), "{first} {second}");
            }
        }
        let each: Vec<usize> = (0..body.len()).collect();
        assert!(seek("aabaab is", &each) && seek("a", &each) && !seek("aabaabaab", &each));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_json() {
        let json = |body: &[u8]| {
            let mut content = Content::new(Vec::new(), true, AnswerLimits::default());
            content.take(body);
            content.json().map(|json| json.get().to_owned())
        };
        assert_eq!(json(b"\xef\xbb\xbf{\"a\":1}").as_deref(), Ok("{\"a\":1}"));
        assert!(json(b"\xef\xbb\xbf\xef\xbb\xbf1").is_err());
        assert_eq!(json(b""), Err(EMPTY.to_owned()));
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let limits = AnswerLimits { body: 1 << 20, ..AnswerLimits::default() };
        let mut content = Content::new(Vec::new(), true, limits);
        content.take(b"[\"");
        for _ in 0..20 {
            content.take(&vec![b'x'; 100_000]);
        }
        content.take(b"\"]");
        assert_eq!((content.kept().len(), content.is_cut()), (1 << 20, true));
    }
}
