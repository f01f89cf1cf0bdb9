//! The plan that README shows first.

use crate::outcome::{exe, results, wait};
use std::process::{Command, Stdio};

#[test]
fn its_summary_fits_a_screen_of_forty_lines() {
    let out = tempfile::tempdir().unwrap();
    let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/quickstart.toml");
    let mut command = Command::new(exe());
    command.arg(plan).arg("--out").arg(out.path()).args(["--progress", "none", "--ci", "never"]);
    let ended = wait(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let said = String::from_utf8(ended.stdout).unwrap();
    // A busy machine may make it INVALID, which takes more lines.
    assert!([Some(0), Some(3)].contains(&ended.status.code()), "{said}");
    if ended.status.success() {
        assert!(said.lines().count() <= 40, "{} lines:\n{said}", said.lines().count());
        assert!(said.contains("7 of 7 thresholds held"), "{said}");
    }
    assert!(said.contains("More: report.html in the folder"), "{said}");
    let last = said.lines().last().unwrap();
    let folder = results(out.path()).unwrap();
    assert_eq!(last, format!("Results  {}", folder.display()));
}
