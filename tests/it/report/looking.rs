//! What a result folder shows to its readers: while its run goes on, and once it is compressed.

use super::{again, canned, contents, finished, store, unpack};
use planrun::machine::Environment;
use planrun::store::{Error, FolderLock, SavedRun};
use std::fs;
use std::path::Path;
use std::sync::Arc;

#[test]
fn a_run_that_goes_on_can_be_looked_at_and_not_be_written_to() {
    let out = tempfile::tempdir().unwrap();
    let mut store = store(out.path(), &Environment::default()).unwrap();
    store.started(canned::started());
    let entries = canned::entries();
    store.add(&Arc::new(entries[0].clone()));
    let names = |folder: &Path| -> Vec<String> {
        contents(folder).into_iter().map(|(name, _)| name).collect()
    };
    let before = names(store.folder());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let saved = loop {
        let saved = SavedRun::open(store.folder()).unwrap();
        if saved.recording.baseline.is_some() || std::time::Instant::now() > deadline {
            break saved;
        }
    };
    assert_eq!(saved.started, Some(canned::started()));
    assert!(saved.recording.baseline.is_some() && !saved.complete());
    assert_eq!(names(store.folder()), before);
    assert!(matches!(FolderLock::take(store.folder()), Err(Error::StillRunning { .. })));
    let early = FolderLock::take_after_run(store.folder());
    assert!(matches!(early, Err(Error::StillRunning { .. })));
    let folder = store.folder().to_owned();
    drop(store.finish(canned::finished()).unwrap());
    // One report does not take another one for the run, and neither begins while the other writes.
    let first = FolderLock::take_after_run(&folder).unwrap();
    let (told, tells) = std::sync::mpsc::channel();
    let path = folder.clone();
    let second = std::thread::spawn(move || {
        let lock = FolderLock::take_after_run(&path);
        told.send(lock.is_ok()).unwrap();
    });
    let soon = std::time::Duration::from_millis(100);
    assert!(tells.recv_timeout(soon).is_err());
    assert!(matches!(FolderLock::take(&folder), Err(Error::StillRunning { .. })));
    drop(first);
    assert!(tells.recv_timeout(30 * soon).unwrap());
    second.join().unwrap();
    FolderLock::take(&folder).unwrap();
}

#[test]
fn a_compressed_recording_says_the_same_and_a_cut_one_says_that_it_is_cut() {
    let (_out, folder) = finished();
    let before = contents(&folder);
    let packed = SavedRun::open(&folder).unwrap();
    unpack(&folder);
    let plain = SavedRun::open(&folder).unwrap();
    assert!(plain.recording == packed.recording && plain.judgement == packed.judgement);
    assert_eq!((plain.finished, plain.damage), (packed.finished, None));
    // A run that ended between the two steps of its compression.
    fs::write(folder.join("recording.jsonl.gz"), "half").unwrap();
    again(&folder).unwrap();
    assert!(before == contents(&folder));
    let path = folder.join("recording.jsonl.gz");
    let whole = fs::read(&path).unwrap();
    for length in [20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        match SavedRun::open(&folder) {
            Ok(cut) => assert!(cut.damage.is_some(), "{length}"),
            Err(error) => assert!(matches!(error, Error::NotResults { .. }), "{error}"),
        }
    }
}

#[test]
fn looking_at_a_run_changes_nothing() {
    let (_out, folder) = finished();
    let before = contents(&folder);
    // The run of somebody else, on a disk that takes nothing.
    let read_only = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    };
    read_only(0o555);
    let _lock = FolderLock::take(&folder).unwrap();
    let saved = SavedRun::open(&folder).unwrap();
    let mut entries = Vec::new();
    saved.entries(&mut |entry| entries.push(entry.clone())).unwrap();
    read_only(0o755);
    assert!(entries == canned::entries());
    assert!(before == contents(&folder));
}
