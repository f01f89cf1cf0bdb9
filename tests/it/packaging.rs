//! What the image is made of: the files are there, and versions agree.

use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn manifest() -> toml::Table {
    read("Cargo.toml").parse().unwrap()
}

fn is_there(path: &&str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}

#[test]
fn the_oldest_compiler_is_the_same_everywhere() {
    let oldest = manifest()["package"]["rust-version"].as_str().unwrap().to_owned();
    for (path, words) in [
        ("README.md", format!("Rust {oldest} or newer")),
        ("CONTRIBUTING.md", format!("Rust {oldest} or newer")),
        ("docs/ci.md", format!("image: rust:{oldest}\n")),
        ("Dockerfile", format!("FROM rust:{oldest}-alpine AS build\n")),
    ] {
        assert!(read(path).contains(&words), "{path}: {words}");
    }
    let ci = read(".github/workflows/ci.yml");
    assert!(ci.contains("rust-version") && ci.contains("ubuntu-24.04-arm"), "{ci}");
}

#[test]
fn the_image_is_built_of_files_that_reach_the_builder() {
    let ignored = read(".dockerignore");
    let sent: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(sent.iter().all(is_there), "{sent:?}");
    // What cargo reads before it compiles, and what is compiled.
    for path in ["Cargo.toml", "Cargo.lock", "build.rs", "src", "benches"] {
        assert!(sent.contains(&path), "{path}");
    }
    let image = read("Dockerfile");
    let taken = image.split_whitespace().filter_map(|word| word.strip_prefix("/src/"));
    for path in taken.filter(|path| !path.starts_with("target/")) {
        assert!(sent.contains(&path), "{path}");
    }
    // An ordinary user, by number: there are no names in the image.
    assert!(image.contains("\nUSER 65532:65532\n"), "{image}");
}
