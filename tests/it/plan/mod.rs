//! Plans as people meet them: what is said about wrong ones, what is printed for right ones.

mod check;
mod corpus;
mod shipped;

use std::path::PathBuf;
use std::process::{Command, Output};

/// The program with some arguments, in a folder of the repository.
fn planrun(folder: &str, arguments: &[&str], environment: &[(String, String)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_planrun"))
        .args(arguments)
        .current_dir(folder_of_repository(folder))
        .envs(environment.iter().cloned())
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("the program starts")
}

fn folder_of_repository(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// All plans of a folder, by name.
fn plans_in(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder_of_repository(folder))
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| std::path::Path::new(name).extension().is_some_and(|end| end == "toml"))
        .collect();
    names.sort();
    names
}
