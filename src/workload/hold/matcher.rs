//! Compares messages with what a plan expects, byte by byte as they come.
//!
//! **Invariant:** no byte is kept: three numbers say how far a message has come, and none once it
//! has ended.

use super::byte_pattern::BytePattern;
use super::shown;
use crate::plan::{Expect, Frame, LengthPrefix, MessageContent, PatternStep, StreamPattern};
use crate::units::{narrow, narrow32, visible};

/// The state of an expression that has matched.
const MATCHED: u32 = (1 << 24) - 1;

/// The expected content of a message that varies.
#[derive(Debug)]
pub(super) enum ContentMatcher {
    /// Anything.
    Any,
    /// It begins with these bytes.
    Prefix(Vec<u8>),
    /// The expression is found in it.
    Pattern(StreamPattern),
}

impl ContentMatcher {
    pub(super) fn new(content: Option<&MessageContent>) -> Self {
        match content {
            None => Self::Any,
            Some(MessageContent::Prefix(bytes)) => Self::Prefix(bytes.clone()),
            Some(MessageContent::Pattern(pattern)) => Self::Pattern(pattern.clone()),
        }
    }

    /// Takes one byte. `state` is below 2^24, and zero before the first one. False: the content is
    /// not what it must be.
    pub(super) fn take(&self, state: &mut u32, byte: u8) -> bool {
        match self {
            Self::Any => {}
            Self::Prefix(prefix) => match prefix.get(*state as usize) {
                Some(wanted) if *wanted != byte => return false,
                Some(_) => *state += 1,
                None => {}
            },
            Self::Pattern(_) if *state == MATCHED => {}
            Self::Pattern(pattern) => {
                let before = if *state == 0 { pattern.start() } else { *state };
                match pattern.next(before, byte) {
                    PatternStep::State(next) => *state = next,
                    PatternStep::Matched => *state = MATCHED,
                    PatternStep::Hopeless => return false,
                }
            }
        }
        true
    }

    /// The expectation in words; `None`: any content.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Prefix(prefix) => Some(format!("a message that begins with {}", shown(prefix))),
            Self::Pattern(pattern) => {
                Some(format!("a message that matches `{}`", visible(pattern.text())))
            }
        }
    }

    /// Whether it is what it must be if it ends here.
    pub(super) fn ends(&self, state: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Prefix(prefix) => state as usize == prefix.len(),
            Self::Pattern(_) if state == MATCHED => true,
            Self::Pattern(pattern) => {
                pattern.matches(if state == 0 { pattern.start() } else { state })
            }
        }
    }
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MatchState {
    /// Of an exact message, how many bytes have come; of a delimiter, how many may have; of a
    /// length, its value so far and then the bytes that are left.
    frame: u32,
    /// The state of the content's matcher.
    content: u32,
    /// How many bytes of a length have come.
    header: u8,
}

/// The kind of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matched {
    /// All of them belong to a message that has yet to end.
    Part,
    /// A message ends behind so many of them.
    Whole(usize),
    /// The byte at this place shows that it is not the expected message.
    Wrong(usize),
}

/// Where messages of a stream of bytes end.
#[derive(Debug)]
enum FrameMatcher {
    Exact(Vec<u8>),
    Until(BytePattern),
    Length(LengthPrefix),
    /// Where the content has matched.
    Content,
}

/// The expectation of the messages in a stream of bytes.
#[derive(Debug)]
pub(super) struct MessageMatcher {
    frame: FrameMatcher,
    content: ContentMatcher,
}

impl MessageMatcher {
    pub(super) fn new(expect: &Expect) -> Self {
        match expect {
            Expect::Exact(bytes) => {
                Self { frame: FrameMatcher::Exact(bytes.clone()), content: ContentMatcher::Any }
            }
            Expect::Varying { frame, content } => Self {
                frame: match frame {
                    Some(Frame::Until(bytes)) => FrameMatcher::Until(BytePattern::new(bytes)),
                    Some(Frame::Length(prefix)) => FrameMatcher::Length(*prefix),
                    None => FrameMatcher::Content,
                },
                content: ContentMatcher::new(content.as_ref()),
            },
        }
    }

    /// The expectation in words.
    pub(super) fn words(&self) -> String {
        let content = self.content.words();
        match (&self.frame, content) {
            (FrameMatcher::Exact(bytes), _) => shown(bytes),
            (FrameMatcher::Until(delimiter), None) => {
                format!("a message that ends with {}", shown(delimiter.message()))
            }
            (FrameMatcher::Until(delimiter), Some(content)) => {
                format!("{content} and ends with {}", shown(delimiter.message()))
            }
            (FrameMatcher::Length(_), Some(content)) => format!("{content} behind its length"),
            (FrameMatcher::Length(_), None) => "a message behind its length".to_owned(),
            (FrameMatcher::Content, content) => content.unwrap_or_default(),
        }
    }

    /// Takes bytes that follow those of `state`, up to the end of the message; the state of one
    /// that has ended is that of the next.
    pub(super) fn take(&self, state: &mut MatchState, bytes: &[u8]) -> Matched {
        let matched = match &self.frame {
            FrameMatcher::Exact(wanted) => exact(wanted, state, bytes),
            FrameMatcher::Until(delimiter) => self.until(delimiter, state, bytes),
            FrameMatcher::Length(prefix) => self.by_length(*prefix, state, bytes),
            FrameMatcher::Content => self.by_content(state, bytes),
        };
        if matches!(matched, Matched::Whole(_)) {
            *state = MatchState::default();
        }
        matched
    }

    /// Bytes that may belong to the delimiter wait until it is known whether they do: they are
    /// those of the delimiter itself.
    fn until(&self, delimiter: &BytePattern, state: &mut MatchState, bytes: &[u8]) -> Matched {
        let whole = delimiter.message();
        for (at, byte) in bytes.iter().enumerate() {
            let before = state.frame as usize;
            let after = usize::from(delimiter.after(narrow(before), *byte));
            let pending = whole[..before].iter().chain([byte]);
            for released in pending.take(before + 1 - after) {
                if !self.content.take(&mut state.content, *released) {
                    return Matched::Wrong(at);
                }
            }
            state.frame = narrow32(after);
            if after == whole.len() {
                return self.end(state, at);
            }
        }
        Matched::Part
    }

    fn by_length(&self, prefix: LengthPrefix, state: &mut MatchState, bytes: &[u8]) -> Matched {
        for (at, byte) in bytes.iter().enumerate() {
            if state.header < prefix.bytes {
                let value = u32::from(*byte);
                state.frame = if prefix.is_little {
                    state.frame | value << (8 * u32::from(state.header))
                } else {
                    state.frame << 8 | value
                };
                state.header += 1;
                if state.header < prefix.bytes {
                    continue;
                }
            } else {
                if !self.content.take(&mut state.content, *byte) {
                    return Matched::Wrong(at);
                }
                state.frame -= 1;
            }
            if state.frame == 0 {
                return self.end(state, at);
            }
        }
        Matched::Part
    }

    fn by_content(&self, state: &mut MatchState, bytes: &[u8]) -> Matched {
        for (at, byte) in bytes.iter().enumerate() {
            if !self.content.take(&mut state.content, *byte) {
                return Matched::Wrong(at);
            }
            if self.content.ends(state.content) {
                return Matched::Whole(at + 1);
            }
        }
        Matched::Part
    }

    fn end(&self, state: &MatchState, at: usize) -> Matched {
        if self.content.ends(state.content) { Matched::Whole(at + 1) } else { Matched::Wrong(at) }
    }
}

fn exact(wanted: &[u8], state: &mut MatchState, bytes: &[u8]) -> Matched {
    let from = state.frame as usize;
    let rest = &wanted[from..];
    let length = rest.len().min(bytes.len());
    if bytes[..length] != rest[..length] {
        return Matched::Wrong(
            bytes.iter().zip(rest).take_while(|(came, want)| came == want).count(),
        );
    }
    state.frame += narrow32(length);
    if length == rest.len() { Matched::Whole(length) } else { Matched::Part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varying(frame: Option<Frame>, content: Option<MessageContent>) -> MessageMatcher {
        MessageMatcher::new(&Expect::Varying { frame, content })
    }

    fn pattern(text: &str) -> MessageContent {
        MessageContent::Pattern(StreamPattern::new(text).unwrap())
    }

    fn length(bytes: u8, is_little: bool) -> Frame {
        Frame::Length(LengthPrefix { bytes, is_little })
    }

    fn until(text: &str) -> Frame {
        Frame::Until(text.into())
    }

    /// The ends of messages in bytes that come in pieces of this size, and the place of a wrong
    /// byte.
    fn messages(
        matcher: &MessageMatcher,
        bytes: &[u8],
        size: usize,
    ) -> (Vec<usize>, Option<usize>) {
        let (mut state, mut ends, mut from) = (MatchState::default(), Vec::new(), 0);
        for piece in bytes.chunks(size) {
            let (start, mut rest) = (from, piece);
            while !rest.is_empty() {
                match matcher.take(&mut state, rest) {
                    Matched::Part => from = start + piece.len(),
                    Matched::Whole(used) => {
                        from += used;
                        ends.push(from);
                    }
                    Matched::Wrong(at) => return (ends, Some(from + at)),
                }
                rest = &piece[from - start..];
            }
        }
        assert!(ends.last() != Some(&bytes.len()) || state == MatchState::default());
        (ends, None)
    }

    #[test]
    fn messages_end_where_their_frame_says() {
        type Case<'a> = (MessageMatcher, &'a [u8], &'a [usize], Option<usize>);
        let cases: &[Case<'_>] = &[
            (MessageMatcher::new(&Expect::Exact(b"ok".to_vec())), b"okokox", &[2, 4], Some(5)),
            (varying(Some(until("\r\n")), None), b"a\r\r\n\r\nx\r\n", &[4, 6, 9], None),
            (
                varying(Some(until("\r\n")), Some(MessageContent::Prefix(b"+O".to_vec()))),
                b"+OK\r\n+O\r\n+E\r\n",
                &[5, 9],
                Some(10),
            ),
            // A prefix that is incomplete fails at the end.
            (
                varying(Some(until("\n")), Some(MessageContent::Prefix(b"+O".to_vec()))),
                b"+\n",
                &[],
                Some(1),
            ),
            // The delimiter does not belong to the content.
            (varying(Some(until("\r\n")), Some(pattern("^a+$"))), b"aa\r\na\r\r\n", &[4], Some(6)),
            (varying(Some(until("aab")), Some(pattern("^a*$"))), b"aaaab", &[5], None),
            (varying(Some(until("abab")), Some(pattern("^ab$"))), b"ababab", &[], Some(3)),
            (varying(Some(length(1, false)), None), b"\x02ab\x00\x01c", &[3, 4, 6], None),
            (
                varying(Some(length(2, false)), Some(pattern("^a"))),
                b"\x00\x02ab\x00\x01b",
                &[4],
                Some(6),
            ),
            (varying(Some(length(2, true)), None), b"\x02\x00ab\x01", &[4], None),
            (varying(Some(length(4, true)), None), b"\x01\x00\x00\x00a", &[5], None),
            (varying(Some(length(4, false)), None), b"\x00\x00\x00\x01a", &[5], None),
            (varying(None, Some(pattern("\\d+;"))), b"a12;34;", &[4, 7], None),
            // The shortest match ends it.
            (varying(None, Some(pattern("^a+"))), b"aaa", &[1, 2, 3], None),
        ];
        for (matcher, bytes, ends, wrong) in cases {
            for size in 1..=bytes.len() {
                let found = messages(matcher, bytes, size);
                assert_eq!(found, (ends.to_vec(), *wrong), "{matcher:?} {bytes:?} by {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_delimiter_splits_as_text_is_split(delimiter in "[ab]{1,4}", text in "[abc]{0,40}", size in 1..9_usize) {
            let (ends, wrong) = messages(&varying(Some(until(&delimiter)), None), text.as_bytes(), size);
            let expected = text.match_indices(&delimiter).map(|(at, _)| at + delimiter.len());
            prop_assert_eq!((ends, wrong), (expected.collect::<Vec<_>>(), None));
        }

        #[test]
        fn a_pattern_sees_what_stands_before_the_delimiter(content in "[ab]{0,12}", size in 1..9_usize) {
            let (text, is) = (format!("{content}aac"), content.ends_with("ab"));
            let matcher = varying(Some(until("aac")), Some(pattern("ab$")));
            let (ends, wrong) = messages(&matcher, text.as_bytes(), size);
            prop_assert_eq!((ends.len(), wrong.is_some()), if is { (1, false) } else { (0, true) });
        }
    }
}
