//! Tells the program what it was built from and with: the compiler, the platform, and in release
//! builds the commit.

#![expect(clippy::disallowed_methods, reason = "cargo tells build scripts by the environment")]

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PLANRUN_COMMIT");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if let Some(version) = said(&variable("RUSTC"), &["--version"]) {
        println!("cargo:rustc-env=PLANRUN_RUSTC={version}");
    }
    println!("cargo:rustc-env=PLANRUN_TARGET={}", variable("TARGET"));
    // A build for development would be made anew with every commit.
    if variable("PROFILE") != "release" || std::env::var_os("PLANRUN_COMMIT").is_some() {
        return;
    }
    let Some(log) = said("git", &["rev-parse", "--git-path", "logs/HEAD"]) else { return };
    for changes in [log.as_str(), "src", "Cargo.lock", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={changes}");
    }
    // An archive of the sources has no commit, unless it lies in somebody else's repository.
    let tracked = said("git", &["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let commit = said("git", &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    if let Some(commit) = commit.filter(|_| tracked) {
        println!("cargo:rustc-env=PLANRUN_COMMIT={commit}");
    }
}

/// The first line that a command says; nothing where it fails.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
