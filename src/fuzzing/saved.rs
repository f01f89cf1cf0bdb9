//! Turns any bytes into a journal, into frames between processes, and into rows of data.

use super::{choices, known_plan, split};
use crate::engine::wire::{FromWorker, Inbox, ToWorker, encode};
use crate::plan::Plan;
use crate::report::FINAL;
use crate::store::{Line, SavedRun, Tool, decode, encode as encode_line};
use crate::workload::http::{Format, Rows};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::OnceCell;

thread_local! {
    static KNOWN: OnceCell<Plan> = const { OnceCell::new() };
}

/// Numbers with more digits add up to what overflows; a release build wraps, and only they are
/// wrong.
const MOST_DIGITS: usize = 12;

/// A journal as it is saved. Checksums are not held against its lines: no bytes that are made up
/// have the right ones.
///
/// # Panics
/// Where a line that was read is written differently, or the facts of a forged line cannot be
/// judged and reported.
pub fn journal(bytes: &[u8]) {
    assert!(decode(0, bytes).is_none() || bytes.starts_with(b"{\"crc32\":\""));
    let mut lines = Vec::new();
    for (number, written) in (0..).zip(bytes.split(|byte| *byte == b'\n')) {
        let Some(line) = checked(number, written) else { continue };
        let again = encode_line(number, &line);
        let read = decode(number, &again).expect("what is written can be read");
        assert_eq!(encode_line(number, &read), again);
        lines.push(line);
    }
    if longest_number(bytes) <= MOST_DIGITS {
        KNOWN.with(|known| report(known.get_or_init(known_plan), &lines));
    }
}

/// The entry after `crc32` and `n`, read as if these were correct.
fn checked(number: u64, written: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(written).ok()?;
    let entry = text
        .strip_prefix("{\"crc32\":\"")
        .and_then(|rest| rest.split_once(",\"n\":"))
        .and_then(|(_, rest)| rest.split_once(','))
        .map_or(text.strip_prefix('{'), |(_, entry)| Some(entry))?;
    let body = format!("\"n\":{number},{entry}");
    let crc = crc32fast::hash(body.as_bytes());
    decode(number, format!("{{\"crc32\":\"{crc:08x}\",{body}").as_bytes())
}

fn longest_number(bytes: &[u8]) -> usize {
    bytes.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).max().unwrap_or(0)
}

/// Judges the facts, and makes every format of them.
fn report(plan: &Plan, lines: &[Line]) {
    let header = lines.iter().rev().find_map(|line| match line {
        Line::Header(header) => Some(header.clone()),
        _ => None,
    });
    let Some(header) = header else { return };
    let mut run = SavedRun::of_lines(plan, header, lines);
    run.header.tool = Tool::this();
    for (name, write) in FINAL {
        let written = write(&run);
        let shown = |byte: &u8| *byte >= b' ' || b"\n\r\t".contains(byte);
        assert!(written.iter().all(shown), "{name} has a control character");
    }
}

/// Frames of either direction, however they are split.
///
/// # Panics
/// Where a message that was read is written differently, or the split plays a part.
pub fn wire(bytes: &[u8]) {
    frames::<ToWorker>(bytes);
    frames::<FromWorker>(bytes);
}

fn frames<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let once = taken::<T>(&[bytes]);
    assert_eq!(taken::<T>(&split(bytes, &mut choices(bytes))), once);
    let sent = once.concat();
    assert_eq!(taken::<T>(&[&sent]), once, "what was read is written and read again");
}

/// The messages that were read before the first wrong one, as they are written.
fn taken<T: Serialize + DeserializeOwned>(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut inbox, mut messages) = (Inbox::default(), Vec::new());
    for piece in pieces {
        inbox.feed(piece);
        loop {
            match inbox.take::<T>() {
                Ok(Some(message)) => messages.push(encode(&message).expect("it was a frame")),
                Ok(None) => break,
                Err(_) => return messages,
            }
        }
    }
    messages
}

/// A file of data: CSV, and JSON lines.
///
/// # Panics
/// Where a row has no value for a column, or CSV that was read is not the same when it is written
/// and read again.
pub fn rows(bytes: &[u8]) {
    let csv = Format::Csv(b',');
    for format in [csv, Format::JsonLines] {
        let Ok(rows) = Rows::parse(bytes, format) else { continue };
        assert!(!rows.is_empty() && !rows.columns().is_empty());
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(rows.columns()).expect("memory");
        for row in 0..rows.len() {
            let values = (0..rows.columns().len()).map(|column| rows.value(row, column));
            let values = values.map(|value| value.expect("each row has every column"));
            writer.write_record(values).expect("memory");
        }
        assert_eq!(rows.value(rows.len(), 0), None);
        // At the start of a file it is no character of a name.
        if rows.columns()[0].starts_with('\u{feff}') {
            continue;
        }
        let written = writer.into_inner().expect("memory");
        assert_eq!(Rows::parse(&written, csv).as_ref(), Ok(&rows));
    }
}
