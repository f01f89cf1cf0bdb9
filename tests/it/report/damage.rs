//! What a journal gives that was cut, changed or put together wrongly.

use super::{canned, finished, read, run, unpack};
use planrun::record::Entry;
use planrun::store::{Damage, Error, SavedRun};
use std::fs;
use std::path::Path;

#[test]
fn a_journal_that_is_cut_anywhere_gives_its_longest_whole_prefix() {
    let out = tempfile::tempdir().unwrap();
    let entries = canned::short();
    let folder = run(out.path(), &entries).folder;
    unpack(&folder);
    let path = folder.join("recording.jsonl");
    let journal = fs::read(&path).unwrap();
    let whole: Vec<usize> =
        journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    for length in 0..=journal.len() {
        fs::write(&path, &journal[..length]).unwrap();
        // A line is whole even without its end.
        let lines = whole.iter().filter(|end| **end <= length).count();
        let got = replayed(&folder);
        let Some((got, torn)) = got else {
            assert_eq!(lines, 0, "{length}");
            continue;
        };
        // Header and start stand before the entries, the servers' counters behind them.
        let expected = lines.saturating_sub(2).min(entries.len());
        assert!(got == entries[..expected], "{length}: {} of {expected}", got.len());
        let kept = whole.get(lines.wrapping_sub(1)).map_or(0, |end| (end + 1).min(length));
        assert_eq!(torn, (length - kept) as u64, "{length}");
    }
}

/// The entries that are read again, and how many bytes are left out; `None` when the folder is no
/// result folder any more.
fn replayed(folder: &Path) -> Option<(Vec<Entry>, u64)> {
    let saved = match SavedRun::open(folder) {
        Ok(saved) => saved,
        Err(Error::NotResults { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    let mut got = Vec::new();
    saved.entries(&mut |entry| got.push(entry.clone())).unwrap();
    Some((got, saved.damage.map_or(0, |Damage { torn_bytes }| torn_bytes)))
}

#[test]
fn a_flipped_bit_never_gives_a_wrong_number() {
    let out = tempfile::tempdir().unwrap();
    let entries = canned::short();
    let folder = run(out.path(), &entries).folder;
    unpack(&folder);
    let path = folder.join("recording.jsonl");
    let journal = fs::read(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(42);
    for _ in 0..1_500 {
        let mut damaged = journal.clone();
        for _ in 0..random.usize(1..4) {
            damaged[random.usize(..journal.len())] ^= 1 << random.u8(..8);
        }
        fs::write(&path, &damaged).unwrap();
        if let Some((got, _)) = replayed(&folder) {
            assert!(entries.starts_with(&got));
        }
    }
}

#[test]
fn lines_that_are_lost_doubled_or_swapped_end_the_recording() {
    let (_out, folder) = finished();
    unpack(&folder);
    let path = folder.join("recording.jsonl");
    let journal = read(&folder, "recording.jsonl");
    let lines: Vec<&str> = journal.lines().collect();
    let entries = canned::entries();
    let mut lost = lines.clone();
    lost.remove(6);
    let mut doubled = lines.clone();
    doubled.insert(6, lines[5]);
    let mut swapped = lines.clone();
    swapped.swap(6, 7);
    for damaged in [lost, doubled, swapped] {
        fs::write(&path, damaged.join("\n")).unwrap();
        let (got, torn) = replayed(&folder).unwrap();
        assert!(got == entries[..4], "{}", got.len());
        assert!(torn > 0);
    }
}
