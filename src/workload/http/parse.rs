//! Turns the bytes of an answer, however they are split, into a status, a body and where the answer
//! ends.
//!
//! **Invariant:** the result does not depend on how the bytes are split.
//! **Invariant:** nothing is kept but a head that has not come whole, within the plan's limits.

use super::framing::MessageFraming;
use super::parse_error::ParseError;
use crate::plan::AnswerLimits;
use httparse::{Header, ParserConfig, Response, Status};
use std::mem::MaybeUninit;

/// Most heads have no more headers; more need memory of their own.
const USUAL_HEADERS: usize = 100;

/// By how many bytes the buffer of a partial head grows: the next read often completes it.
const GROWTH: usize = 4 << 10;

/// A piece of a head that is shorter is looked at even when no line ends in it: what is not HTTP
/// shows in its first bytes.
const EARLY: usize = 64;

/// Where in an answer the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ParserState {
    Head,
    /// This many bytes of the body are left.
    Length(u64),
    /// To the end of the connection.
    Close,
    /// In the digits of a chunk's size.
    Size {
        size: u64,
        digits: u8,
    },
    /// Behind them, in an extension.
    Extension(u64),
    SizeEnd(u64),
    Chunk(u64),
    ChunkCr,
    ChunkLf,
    /// At the start of a line of trailers, or within one.
    Trailer {
        within: bool,
    },
    LastLf,
    Done,
}

/// A consumer of a response; any function of pieces of a body is one.
pub(crate) trait ResponseReader {
    /// The head has come.
    fn head(&mut self, _status: u16, _headers: &[Header<'_>]) {}

    /// A piece of the body has come.
    fn body(&mut self, piece: &[u8]);
}

impl<F: FnMut(&[u8])> ResponseReader for F {
    fn body(&mut self, piece: &[u8]) {
        self(piece);
    }
}

/// One answer as it comes in.
#[derive(Debug)]
pub(crate) struct Parser {
    state: ParserState,
    status: Option<u16>,
    keep: bool,
    /// Answers to HEAD have no body.
    bodiless: bool,
    /// Bytes of the extension of the chunk that comes, or of trailers.
    around: u32,
    most_bytes: u32,
    most_headers: u32,
    /// The bytes of a partial head.
    #[expect(
        clippy::box_collection,
        reason = "rarely there, and small in every connection's record"
    )]
    kept: Option<Box<Vec<u8>>>,
}

impl Parser {
    /// An answer that has yet to begin. `bodiless`: to HEAD.
    pub(crate) fn new(bodiless: bool) -> Self {
        Self::within(bodiless, AnswerLimits::default())
    }

    /// The same, within limits of the plan.
    pub(crate) fn within(bodiless: bool, limits: AnswerLimits) -> Self {
        let (most_bytes, most_headers) = (limits.head, limits.headers);
        let (state, status, keep) = (ParserState::Head, None, false);
        Self { state, status, keep, bodiless, around: 0, most_bytes, most_headers, kept: None }
    }

    /// The status, once the head has come.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether the answer is whole.
    pub(crate) fn is_done(&self) -> bool {
        self.state == ParserState::Done
    }

    /// Whether another request may follow on the connection.
    pub(crate) fn keeps(&self) -> bool {
        self.keep
    }

    /// The capacity of the buffer of a partial head.
    #[cfg(test)]
    pub(crate) fn kept_bytes(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.capacity())
    }

    /// The connection has ended; true when that is how the answer ends.
    pub(crate) fn close(&mut self) -> Result<bool, ParseError> {
        if self.state == ParserState::Close {
            self.state = ParserState::Done;
        }
        // A line whose end never came is not HTTP, however it came.
        if let Some(kept) = self.kept.take() {
            self.parse(&kept, &mut |_: &[u8]| {})?;
        }
        Ok(self.is_done())
    }

    /// Takes the next bytes, up to the end of the answer, and hands out those of its body; how many
    /// were taken.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut reader: impl ResponseReader,
    ) -> Result<usize, ParseError> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match self.state {
                ParserState::Head => self.head(rest, &mut reader)?,
                ParserState::Length(left) => {
                    let piece = piece(rest, left);
                    reader.body(piece);
                    self.state =
                        after(left - piece.len() as u64, ParserState::Length, ParserState::Done);
                    piece.len()
                }
                ParserState::Close => {
                    reader.body(rest);
                    rest.len()
                }
                ParserState::Chunk(left) => {
                    let piece = piece(rest, left);
                    reader.body(piece);
                    self.state =
                        after(left - piece.len() as u64, ParserState::Chunk, ParserState::ChunkCr);
                    piece.len()
                }
                ParserState::Done => return Ok(at),
                _ => {
                    self.around(rest[0])?;
                    1
                }
            };
        }
        Ok(at)
    }

    fn head(
        &mut self,
        bytes: &[u8],
        reader: &mut impl ResponseReader,
    ) -> Result<usize, ParseError> {
        let Some(mut kept) = self.kept.take() else {
            let taken = self.parse(bytes, reader)?;
            if taken.is_none() {
                self.kept = Some(Box::new(bytes.to_vec()));
            }
            return Ok(taken.unwrap_or(bytes.len()));
        };
        let (before, most) = (kept.len(), self.most_bytes as usize);
        let room = (most + 1).saturating_sub(before).min(bytes.len());
        if kept.capacity() - before < room {
            kept.reserve_exact(room.max(GROWTH));
        }
        kept.extend_from_slice(&bytes[..room]);
        let ends = before < EARLY || kept.len() > most || bytes[..room].contains(&b'\n');
        let taken = if ends { self.parse(&kept, reader)? } else { None };
        if let Some(taken) = taken {
            return Ok(taken - before);
        }
        self.kept = Some(kept);
        Ok(room)
    }

    /// Parses a head from its first byte; its length when it is whole.
    fn parse(
        &mut self,
        bytes: &[u8],
        reader: &mut impl ResponseReader,
    ) -> Result<Option<usize>, ParseError> {
        // Writing empty headers would take longer than parsing a usual head.
        let mut usual = [const { MaybeUninit::uninit() }; USUAL_HEADERS];
        match self.parse_into(bytes, reader, &mut usual) {
            Err(ParseError::Head(httparse::Error::TooManyHeaders)) => {
                let mut many = vec![MaybeUninit::uninit(); self.most_headers as usize];
                match self.parse_into(bytes, reader, &mut many) {
                    Err(ParseError::Head(httparse::Error::TooManyHeaders)) => {
                        Err(ParseError::TooMany(self.most_headers))
                    }
                    parsed => parsed,
                }
            }
            parsed => parsed,
        }
    }

    fn parse_into<'a>(
        &mut self,
        bytes: &'a [u8],
        reader: &mut impl ResponseReader,
        room: &mut [MaybeUninit<Header<'a>>],
    ) -> Result<Option<usize>, ParseError> {
        let mut response = Response::new(&mut []);
        let most = self.most_bytes as usize;
        let mut config = ParserConfig::default();
        // A client must accept folded header lines (RFC 9112, 5.2).
        config.allow_obsolete_multiline_headers_in_responses(true);
        let length = match config.parse_response_with_uninit_headers(&mut response, bytes, room)? {
            Status::Complete(length) if length <= most => length,
            Status::Partial if bytes.len() <= most => return Ok(None),
            Status::Complete(_) | Status::Partial => {
                return Err(ParseError::TooLarge(self.most_bytes));
            }
        };
        if response.headers.len() > self.most_headers as usize {
            return Err(ParseError::TooMany(self.most_headers));
        }
        let status = response.code.filter(|code| *code >= 100).ok_or(ParseError::Status)?;
        // Others than 101 only come before an answer (RFC 9110, 15.2).
        if (100..200).contains(&status) && status != 101 {
            return Ok(Some(length));
        }
        let said = MessageFraming::new(response.headers, response.version == Some(0))?;
        self.status = Some(status);
        self.keep = said.keep && status != 101;
        self.state = match said {
            _ if self.bodiless || matches!(status, 101 | 204 | 304) => ParserState::Done,
            MessageFraming { chunked: Some(true), .. } => ParserState::Size { size: 0, digits: 0 },
            MessageFraming { chunked: None, length: Some(length), .. } => {
                after(length, ParserState::Length, ParserState::Done)
            }
            _ => ParserState::Close,
        };
        self.keep &= self.state != ParserState::Close;
        reader.head(status, response.headers);
        Ok(Some(length))
    }

    /// One byte of chunk framing.
    fn around(&mut self, byte: u8) -> Result<(), ParseError> {
        self.state = match (self.state, byte) {
            (ParserState::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == 16 {
                    return Err(ParseError::Chunk);
                }
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                ParserState::Size { size: size << 4 | digit, digits: digits + 1 }
            }
            (ParserState::Size { digits: 0, .. }, _) | (ParserState::Extension(_), b'\n') => {
                return Err(ParseError::Chunk);
            }
            (ParserState::Size { size, .. } | ParserState::Extension(size), b'\r') => {
                ParserState::SizeEnd(size)
            }
            (ParserState::Size { size, .. }, b';' | b' ' | b'\t') => ParserState::Extension(size),
            (ParserState::Extension(size), _) => {
                self.widen()?;
                ParserState::Extension(size)
            }
            (ParserState::SizeEnd(size), b'\n') => {
                after(size, ParserState::Chunk, ParserState::Trailer { within: false })
            }
            (ParserState::ChunkCr, b'\r') => ParserState::ChunkLf,
            (ParserState::ChunkLf, b'\n') => {
                self.around = 0;
                ParserState::Size { size: 0, digits: 0 }
            }
            (ParserState::Trailer { within: false }, b'\r') => ParserState::LastLf,
            (ParserState::Trailer { .. }, _) => {
                self.widen()?;
                ParserState::Trailer { within: byte != b'\n' }
            }
            (ParserState::LastLf, b'\n') => ParserState::Done,
            _ => return Err(ParseError::Chunk),
        };
        Ok(())
    }

    fn widen(&mut self) -> Result<(), ParseError> {
        self.around += 1;
        if self.around > self.most_bytes {
            Err(ParseError::TooLarge(self.most_bytes))
        } else {
            Ok(())
        }
    }
}

fn piece(bytes: &[u8], left: u64) -> &[u8] {
    &bytes[..usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())]
}

fn after(left: u64, more: fn(u64) -> ParserState, done: ParserState) -> ParserState {
    if left == 0 { done } else { more(left) }
}
