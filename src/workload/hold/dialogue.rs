//! Turns bytes of a TCP connection into messages where some open the conversation, or vary.
//!
//! **Invariant:** of a connection nothing is kept but its step and how far a message has come.

use super::matcher::{MatchState, Matched, MessageMatcher};
use super::writer::MessageWriter;
use super::{ConnectionId, Conversation, ConversationError, ConversationEvent, Received, shown};
use crate::plan::{Expect, Heartbeat, HoldSettings, Message, Secrets};
use crate::record::Failure;

/// A message of the opening.
#[derive(Debug)]
struct DialogueStep {
    send: Message,
    expect: Option<MessageMatcher>,
}

/// Messages in a stream of bytes.
#[derive(Debug)]
pub(crate) struct TcpDialogue {
    opening: Vec<DialogueStep>,
    /// The expectation of messages after the opening; `None`: each read is a message.
    expect: Option<MessageMatcher>,
    beat: Message,
    own: Message,
    writer: MessageWriter,
    secrets: Secrets,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DialogueState {
    /// Of the current message.
    message: MatchState,
    /// The step of the opening whose message is awaited; their number once it is done.
    step: u8,
}

impl TcpDialogue {
    /// Whether connections need one: without, they keep less.
    pub(crate) fn is_needed(settings: &HoldSettings) -> bool {
        let beats_vary = match &settings.heartbeat {
            Some(Heartbeat::Client { send, .. }) => send.fixed().is_none(),
            Some(Heartbeat::Server { .. }) | None => false,
        };
        settings.opening.is_some()
            || settings.send_every.is_some()
            || beats_vary
            || matches!(settings.expect, Some(Expect::Varying { .. }))
    }

    /// The settings of its connections.
    pub(crate) fn new(settings: &HoldSettings, writer: MessageWriter) -> Self {
        let beat = match &settings.heartbeat {
            Some(Heartbeat::Client { send, .. }) => send.clone(),
            Some(Heartbeat::Server { .. }) | None => Message::default(),
        };
        let steps = settings.opening.iter().flat_map(|opening| &opening.steps);
        let steps = steps.map(|step| DialogueStep {
            send: step.send.clone().unwrap_or_default(),
            expect: step.expect.as_ref().map(MessageMatcher::new),
        });
        Self {
            opening: steps.collect(),
            expect: settings.expect.as_ref().map(MessageMatcher::new),
            beat,
            own: settings.send_every.as_ref().map(|own| own.send.clone()).unwrap_or_default(),
            writer,
            secrets: settings.secrets.clone(),
        }
    }

    /// Sends messages up to the next one that is replied to; true if there is none.
    fn go_on(&self, slot: u32, state: &mut DialogueState, out: &mut Vec<u8>) -> bool {
        while let Some(step) = self.opening.get(usize::from(state.step)) {
            self.writer.write(&step.send, slot, out);
            if step.expect.is_some() {
                return false;
            }
            state.step += 1;
        }
        true
    }

    /// Takes bytes of the opening.
    fn open(
        &self,
        id: ConnectionId,
        state: &mut DialogueState,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Received {
        let mut used = 0;
        while used < bytes.len() {
            let step = self.opening.get(usize::from(state.step));
            let Some(expect) = step.and_then(|step| step.expect.as_ref()) else { break };
            match expect.take(&mut state.message, &bytes[used..]) {
                Matched::Part => break,
                Matched::Whole(length) => {
                    used += length;
                    state.step += 1;
                    if self.go_on(id.slot, state, out) {
                        return Received { used, event: ConversationEvent::Opened };
                    }
                }
                Matched::Wrong(_) => {
                    let before = format!("step {} of the opening ", state.step + 1);
                    return self.failed(&before, expect, bytes, used);
                }
            }
        }
        let event = ConversationEvent::Messages { messages: 0, heartbeats: 0 };
        Received { used: bytes.len(), event }
    }

    fn failed(&self, before: &str, expect: &MessageMatcher, bytes: &[u8], from: usize) -> Received {
        let came = shown(&bytes[from..]);
        let detail = format!(": {before}expected {}, found {came}", expect.words());
        let detail = self.secrets.hide(&detail, false);
        let error = ConversationError { failure: Failure::WrongData, code: 0, detail };
        Received { used: bytes.len(), event: ConversationEvent::Failed(Box::new(error)) }
    }
}

impl Conversation for TcpDialogue {
    type State = DialogueState;

    const HAS_OPENING_HANDSHAKE: bool = false;
    const HAS_CLOSING_HANDSHAKE: bool = false;

    fn begin(&mut self, _id: ConnectionId, _address: usize, _out: &mut Vec<u8>) {}

    fn begin_opening(
        &mut self,
        id: ConnectionId,
        state: &mut DialogueState,
        out: &mut Vec<u8>,
    ) -> bool {
        self.go_on(id.slot, state, out)
    }

    fn awaited(&self, state: &DialogueState) -> String {
        let step = self.opening.get(usize::from(state.step));
        let Some(expect) = step.and_then(|step| step.expect.as_ref()) else { return String::new() };
        let came = if state.message == MatchState::default() { "nothing" } else { "a part of it" };
        let (step, expected) = (state.step + 1, expect.words());
        let detail = format!(": step {step} of the opening expected {expected}, {came} came");
        self.secrets.hide(&detail, false)
    }

    fn receive(
        &mut self,
        id: ConnectionId,
        state: &mut DialogueState,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Received {
        if usize::from(state.step) < self.opening.len() {
            return self.open(id, state, bytes, out);
        }
        let (mut used, mut messages) = (0, 0);
        match &self.expect {
            None => (used, messages) = (bytes.len(), 1),
            Some(expect) => {
                while used < bytes.len() {
                    match expect.take(&mut state.message, &bytes[used..]) {
                        Matched::Part => used = bytes.len(),
                        Matched::Whole(length) => {
                            used += length;
                            messages += 1;
                        }
                        // Earlier messages count first; this one is read again.
                        Matched::Wrong(_) if messages > 0 => {
                            state.message = MatchState::default();
                            break;
                        }
                        Matched::Wrong(_) => return self.failed("", expect, bytes, used),
                    }
                }
            }
        }
        Received { used, event: ConversationEvent::Messages { messages, heartbeats: messages } }
    }

    fn send_heartbeat(&mut self, id: ConnectionId, out: &mut Vec<u8>) {
        self.writer.write(&self.beat, id.slot, out);
    }

    fn send_own(&mut self, id: ConnectionId, out: &mut Vec<u8>) {
        self.writer.write(&self.own, id.slot, out);
    }

    fn close(&mut self, _state: &mut DialogueState, _out: &mut Vec<u8>) {}

    fn move_slot(&mut self, _from: u32, _to: u32, _state: &DialogueState) {}

    fn remove(&mut self, _slot: u32, _state: &DialogueState) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Frame, MessageContent, OpeningMessages, OpeningStep, StreamPattern};
    use crate::units::Time;

    const ID: ConnectionId = ConnectionId { slot: 3, begun_ns: 77 };

    fn line(prefix: &str) -> Expect {
        let frame = Some(Frame::Until(b"\r\n".to_vec()));
        Expect::Varying { frame, content: Some(MessageContent::Prefix(prefix.into())) }
    }

    fn dialogue(expect: Option<Expect>) -> TcpDialogue {
        let step = |send: Option<&str>, expect: Option<Expect>| OpeningStep {
            send: send.map(Into::into),
            expect,
        };
        let pattern = MessageContent::Pattern(StreamPattern::new("^id=[0-9]+;").unwrap());
        let steps = vec![
            step(None, Some(line("220 "))),
            step(Some("HELO x\r\n"), Some(line("250"))),
            step(Some("id\r\n"), None),
            step(Some("!\r\n"), Some(Expect::Varying { frame: None, content: Some(pattern) })),
        ];
        let opening = Some(OpeningMessages { steps, timeout: Time::default() });
        TcpDialogue::new(
            &HoldSettings { opening, expect, ..HoldSettings::default() },
            MessageWriter::default(),
        )
    }

    /// The results of bytes in pieces of one size: how many were used until the opening was done,
    /// the messages behind it, what is wrong, and what was said.
    fn hear(
        dialogue: &mut TcpDialogue,
        bytes: &[u8],
        size: usize,
    ) -> (Option<usize>, u32, Option<String>, String) {
        let (mut state, mut out) = (DialogueState::default(), Vec::new());
        assert!(!dialogue.begin_opening(ID, &mut state, &mut out));
        let (mut opened, mut heard, mut wrong, mut from) = (None, 0, None, 0);
        for piece in bytes.chunks(size) {
            let end = from + piece.len();
            while from < end && wrong.is_none() {
                let received = dialogue.receive(ID, &mut state, &bytes[from..end], &mut out);
                assert!((1..=end - from).contains(&received.used), "{received:?}");
                from += received.used;
                match received.event {
                    ConversationEvent::Messages { messages, heartbeats } => {
                        assert_eq!(messages, heartbeats);
                        heard += messages;
                    }
                    ConversationEvent::Opened => assert_eq!(opened.replace(from), None),
                    ConversationEvent::HandshakeDone => panic!("there is none"),
                    ConversationEvent::Failed(error) => wrong = Some(error.detail),
                }
            }
        }
        (opened, heard, wrong, String::from_utf8(out).unwrap())
    }

    #[test]
    fn steps_follow_each_other_however_reads_are_cut() {
        let bytes = b"220 mail ready\r\n250 hello\r\nid=17;okokok";
        for size in 1..=bytes.len() {
            let (opened, heard, wrong, said) = hear(&mut dialogue(Some("ok".into())), bytes, size);
            assert_eq!((opened, heard, wrong), (Some(33), 3, None), "by {size}");
            assert_eq!(said, "HELO x\r\nid\r\n!\r\n");
        }
    }

    #[test]
    fn the_step_that_is_wrong_is_named() {
        let bytes = b"220 x\r\n550 no\r\n";
        let (opened, _, wrong, said) = hear(&mut dialogue(None), bytes, 100);
        assert_eq!((opened, said.as_str()), (None, "HELO x\r\n"));
        assert_eq!(
            wrong.unwrap(),
            ": step 2 of the opening expected a message that begins with `250` and ends with `\\r\\n`, found `550 no\\r\\n`"
        );
        let mut dialogue = dialogue(None);
        let mut state = DialogueState::default();
        dialogue.begin_opening(ID, &mut state, &mut Vec::new());
        assert!(dialogue.awaited(&state).ends_with("`\\r\\n`, nothing came"));
        dialogue.receive(ID, &mut state, b"22", &mut Vec::new());
        assert!(dialogue.awaited(&state).ends_with("a part of it came"));
    }

    #[test]
    fn messages_before_a_wrong_one_count() {
        let opening = "220 x\r\n250\r\nid=1;";
        for (bytes, heard, found) in [("+a\r\n+b\r\n-c\r\n", 2, "-c"), ("-\r\n", 0, "-")] {
            let bytes = format!("{opening}{bytes}");
            for size in 1..=bytes.len() {
                let told = hear(&mut dialogue(Some(line("+"))), bytes.as_bytes(), size);
                assert_eq!((told.0, told.1), (Some(opening.len()), heard), "by {size}");
                let wrong = told.2.unwrap();
                assert!(wrong.starts_with(": expected a message that begins with `+`"), "{wrong}");
                assert!(wrong.contains(&found[..1]), "{wrong}");
            }
        }
    }

    #[test]
    fn what_is_only_sent_is_done_at_once() {
        let steps = vec![OpeningStep { send: Some("hi".into()), expect: None }];
        let opening = Some(OpeningMessages { steps, timeout: Time::default() });
        let settings = HoldSettings { opening, ..HoldSettings::default() };
        let (mut dialogue, mut state, mut out) = (
            TcpDialogue::new(&settings, MessageWriter::default()),
            DialogueState::default(),
            Vec::new(),
        );
        assert!(TcpDialogue::is_needed(&settings));
        assert!(dialogue.begin_opening(ID, &mut state, &mut out));
        assert_eq!(out, b"hi");
        let received = dialogue.receive(ID, &mut state, b"any", &mut out);
        let event = ConversationEvent::Messages { messages: 1, heartbeats: 1 };
        assert_eq!(received, Received { used: 3, event });
    }
}
