//! The room that `planrun check` says a run takes, against runs with few and many requests.

use super::counting::CountingServer;
use crate::outcome::{Stage, await_true, exe, results};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A run never takes more than was said. A short one takes much less: what is said has room for
/// what the busiest of runs keeps by the second, and is at most so many times of what four seconds
/// take.
const TIMES: u64 = 400;

fn plan(server: &CountingServer, requests: usize) -> String {
    let request = |at: usize| format!("{{ name = \"r{at}\", path = \"/{at}\" }}");
    let all: Vec<String> = (0..requests).map(request).collect();
    format!(
        "name = \"room\"\ntargets.web.address = \"http://{}/\"\n[scenarios.web]\n\
         protocol = \"http\"\nrequests = [{}]\nstages = [{{ users = 8, hold = \"4s\" }}]\n\
         [generator]\nworkers = 1\n",
        server.address,
        all.join(", ")
    )
}

/// The bytes of a folder's files.
fn size(folder: &Path) -> u64 {
    let all = std::fs::read_dir(folder).into_iter().flatten();
    // A file may be replaced meanwhile.
    all.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

/// What `planrun check` says of the disk, in bytes.
fn predicted(stage: &Stage) -> u64 {
    let mut command = Command::new(exe());
    command.args(["check", "plan.toml"]).current_dir(stage.folder.path());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let row = text.lines().find(|line| line.trim_start().starts_with("disk ")).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    let number = words[1].replace('.', "").parse::<u64>().unwrap();
    let decimals = words[1].split_once('.').map_or(0, |(_, behind)| behind.len());
    let unit: u64 = match words[2] {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        other => panic!("{other}: {row}"),
    };
    number * unit / 10_u64.pow(u32::try_from(decimals).unwrap())
}

#[test]
fn a_run_takes_no_more_room_than_check_said_and_not_much_less() {
    for requests in [1, 30, 100] {
        let server = CountingServer::start();
        let stage = Stage::new(&plan(&server, requests));
        let said = predicted(&stage);
        let out = stage.folder.path().join("out");
        let mut child = stage.start(&[]);
        let mut most = 0;
        await_true("the end of the run", Duration::from_mins(1), || {
            most = results(&out).map_or(0, |folder| size(&folder)).max(most);
            child.try_wait().unwrap().is_some()
        });
        let results = results(&out).unwrap();
        let after = size(&results);
        let most = most.max(after);
        assert!(most > 0 && most <= said, "{requests}: {most} of {said}");
        assert!(said <= TIMES * most, "{requests}: {most} of {said}");
    }
}
