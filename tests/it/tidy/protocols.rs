//! Holds protocols apart from the modules that serve all of them.

use super::{code, files, is_test, root};
use std::collections::BTreeSet;

/// Where protocols are told apart: in what plans say of them, in the catalogue, and where a worker
/// picks its loop. Everything else asks what a protocol has.
const TELL_PROTOCOLS_APART: [(&str, &str); 11] = [
    ("src/catalogue/", "a row for each"),
    ("src/plan/elements/null_target.rs", "writes a plan"),
    ("src/plan/elements/protocol.rs", "what their keys mean"),
    ("src/plan/elements/target/builtin.rs", "which servers speak what"),
    ("src/plan/elements/target/faults.rs", "which servers have which faults"),
    ("src/plan/elements/target/keys.rs", "the words of those servers"),
    ("src/plan/elements/target/mod.rs", "which addresses are URLs"),
    ("src/engine/worker_process.rs", "picks the loop"),
    ("src/engine/trial/", "picks what is tried"),
    ("src/machine/typical.rs", "writes a plan"),
    ("src/fuzzing/", "feeds one"),
];

#[test]
fn protocols_are_told_apart_in_their_own_rooms_only() {
    let words = ["Protocol::", "ProtocolKind::", "ProtocolWord::"];
    // All of them together, and what sockets call theirs.
    let others = ["ALL", "TCP"];
    let names_one = |line: &str| {
        words.iter().any(|word| {
            line.match_indices(word).any(|(at, _)| {
                let name = &line[at + word.len()..];
                name.starts_with(char::is_uppercase)
                    && !others.iter().any(|one| name.starts_with(one))
            })
        })
    };
    let matches_one = |line: &str| {
        let matched = line.contains("match ") || line.contains("matches!(");
        matched && (line.contains("protocol {") || line.contains("protocol,"))
    };
    let (mut wrong, mut told) = (Vec::new(), BTreeSet::new());
    for path in files("src").into_iter().filter(|path| !is_test(path)) {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let room = TELL_PROTOCOLS_APART.iter().find(|(room, _)| name.starts_with(room));
        for (number, line) in (1..).zip(code(&path).lines()) {
            match room {
                Some((room, _)) if names_one(line) => drop(told.insert(*room)),
                None if names_one(line) || matches_one(line) => {
                    wrong.push(format!("{name}:{number}: {}", line.trim()));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (room, why) in TELL_PROTOCOLS_APART {
        assert!(told.contains(room), "{room} ({why}) no longer does");
    }
}

#[test]
fn only_plans_and_the_catalogue_ask_whether_a_protocol_holds_connections() {
    let mut asks = BTreeSet::new();
    for path in files("src").into_iter().filter(|path| !is_test(path)) {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if code(&path).contains("row().lasts") {
            asks.insert(name.split('/').nth(1).unwrap().to_owned());
        }
    }
    // Other rooms ask the column that answers their question.
    assert_eq!(asks, BTreeSet::from(["catalogue".to_owned(), "plan".to_owned()]));
}
