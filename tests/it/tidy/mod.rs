//! The rules of the house, held against the code.

mod protocols;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which module may import which, in reading order; the same table as in src/ARCHITECTURE.md.
const MAY_IMPORT: [(&str, &str); 15] = [
    ("units", ""),
    ("catalogue", "units"),
    ("plan", "units catalogue"),
    ("record", "units catalogue plan"),
    ("schedule", "units catalogue plan record"),
    ("workload", "units catalogue plan record"),
    ("machine", "units catalogue plan record schedule"),
    ("verdict", "units catalogue plan record"),
    ("serve", "units catalogue plan workload"),
    ("engine", "units catalogue plan record schedule workload machine verdict serve"),
    ("store", "units catalogue plan record machine verdict"),
    ("report", "units catalogue plan record schedule machine verdict store"),
    ("results", "units catalogue plan record schedule machine verdict store report"),
    ("observe", "units catalogue plan record schedule verdict machine engine"),
    (
        "cli",
        "units catalogue plan record schedule workload machine verdict serve engine store report results observe",
    ),
];

/// What `observe` may know of the engine: what happens, how to hear of it, and where targets are.
const OBSERVE_MAY_SEE: [&str; 3] = ["Event", "Resolved", "Subscriber"];

/// No file is longer.
const LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files below a folder.
fn files(below: &str) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![root().join(below)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "testing.rs")
}

/// The lines of a file that are neither comments nor its tests.
fn code(path: &Path) -> String {
    let text = read(path);
    let lines = text
        .lines()
        .take_while(|line| *line != "#[cfg(test)]" || text.contains("\n#[cfg(test)]\nmod tests;"));
    lines.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The names behind each `prefix`: one, or several in braces.
fn named(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        let listed = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        for name in listed.unwrap_or(rest).split(',') {
            let name = name.trim();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            names.extend((end > 0).then(|| name[..end].to_owned()));
            if listed.is_none() {
                break;
            }
        }
    }
    names
}

fn module_of(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).unwrap();
    below.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_import_only_what_they_may() {
    let table: BTreeMap<&str, &str> = MAY_IMPORT.into_iter().collect();
    let mut wrong = Vec::new();
    for path in files("src").into_iter().filter(|path| !is_test(path)) {
        let module = module_of(&path);
        // Entry points, of which one is for fuzzers.
        if ["main", "lib", "fuzzing"].contains(&module.as_str()) {
            continue;
        }
        let may = table.get(module.as_str()).unwrap_or_else(|| panic!("{module} is in no table"));
        let code = code(&path);
        for name in named(&code, "crate::") {
            let own = name == module || name.starts_with(char::is_uppercase);
            if !own && table.contains_key(name.as_str()) && !may.split(' ').any(|one| one == name) {
                wrong.push(format!("{}: {module} imports {name}", path.display()));
            }
        }
        if module == "observe" {
            let seen = named(&code, "crate::engine::");
            let beyond = seen.iter().filter(|name| !OBSERVE_MAY_SEE.contains(&name.as_str()));
            wrong.extend(beyond.map(|name| format!("{}: observe sees {name}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_architecture_has_the_same_table() {
    let text = read("src/ARCHITECTURE.md");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() <= 120, "{} lines", lines.len());
    let rows = lines.iter().filter(|line| line.starts_with("| `"));
    let mut above: Vec<String> = Vec::new();
    let mut table = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let module = cells[0].trim_matches('`').to_owned();
        let without_remarks: String = cells[2]
            .split('(')
            .map(|piece| piece.split_once(')').map_or(piece, |(_, rest)| rest))
            .collect();
        let may: Vec<String> = match without_remarks.trim() {
            "–" => Vec::new(),
            "all" | "all above" => above.clone(),
            names => names.split(',').map(|name| first_word(name.trim())).collect(),
        };
        above.push(module.clone());
        table.push((module, may.join(" ")));
    }
    let expected: Vec<(String, String)> =
        MAY_IMPORT.iter().map(|(module, may)| ((*module).to_owned(), (*may).to_owned())).collect();
    assert_eq!(table, expected);
}

/// `engine's Event` is of the engine.
fn first_word(name: &str) -> String {
    name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for path in [files("src"), files("tests")].concat() {
        let text = read(&path);
        let lines = text.lines().count();
        // Tests that have a file of their own may be as long as what they test is wide.
        if lines > LINES
            && !is_test(&path.strip_prefix(root()).unwrap().iter().skip(1).collect::<PathBuf>())
        {
            wrong.push(format!("{}: {lines} lines", path.display()));
        }
        let named = !is_test(path.strip_prefix(root().join("src")).unwrap_or(Path::new("")));
        if named && !text.starts_with("//! ") {
            wrong.push(format!("{} does not say what it is", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_put_off() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
        concat!("#[all", "ow("),
        concat!("unimpl", "emented!("),
    ];
    let mut wrong = Vec::new();
    for path in [files("src"), files("tests")].concat() {
        let text = read(&path);
        for (number, line) in (1..).zip(text.lines()) {
            if words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Status and words of each variant of `ExitStatus`, from its own comments.
fn statuses() -> BTreeMap<u8, String> {
    let text = read("src/cli/exit.rs");
    let mut statuses = BTreeMap::new();
    let mut comment = String::new();
    for line in text.lines().map(str::trim) {
        let row = line.strip_suffix(',').and_then(|row| row.split_once(" = "));
        if let Some(more) = line.strip_prefix("/// ") {
            comment = more.trim_end_matches('.').to_lowercase();
        } else if let Some(code) = row.and_then(|(_, code)| code.parse().ok()) {
            statuses.insert(code, comment.clone());
        }
    }
    statuses
}

#[test]
fn the_readme_has_the_exit_statuses() {
    let statuses = statuses();
    assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 129, 130, 143]);
    let text = read("README.md");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let (Ok(code), [_, words]) = (cells[0].parse::<u8>(), cells.as_slice()) {
            rows.insert(code, words.to_lowercase());
        }
    }
    assert_eq!(rows, statuses);
}

/// No file in the repository is larger, but for saved runs: bytes.
const LARGEST_FILE: u64 = 256 << 10;

#[test]
fn no_tracked_file_is_large() {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = listed.expect("git");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).unwrap();
    let (mut seen, mut large) = (0, Vec::new());
    for name in names.split_terminator('\0').filter(|name| !name.starts_with("results/")) {
        // Deleted and not yet committed.
        let Ok(file) = std::fs::symlink_metadata(root().join(name)) else { continue };
        seen += 1;
        if file.len() > LARGEST_FILE {
            large.push(format!("{name}: {} bytes", file.len()));
        }
    }
    assert!(seen > 500, "{seen} files");
    assert!(large.is_empty(), "{large:#?}");
}

#[test]
fn the_quickstart_leaves_nothing_untracked_and_published_results_can_be_added() {
    let ignored = |path: &str| {
        let git =
            Command::new("git").args(["check-ignore", "-q", path]).current_dir(root()).status();
        git.expect("git").code() == Some(0)
    };
    let quickstart = read("plans/quickstart.toml");
    assert!(quickstart.contains("\nname        = \"quickstart\"\n"), "its folder has its name");
    assert!(ignored("results/quickstart/20261128T140340Z-28dff683/report.json"));
    assert!(!ignored("results/http-10k-15k-20k/20261128T140340Z-28dff683/report.json"));
}

/// Files of one folder that import each other, by way of others too; `mod.rs` is none of them.
fn in_circles(all: &[PathBuf], folder: &Path) -> Vec<String> {
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let below = folder.strip_prefix(root().join("src")).unwrap().to_string_lossy();
    let below = below.replace('/', "::");
    let mut reach: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in all.iter().filter(|path| path.parent() == Some(folder)) {
        // What is of the folder above is in no circle of this one.
        let code = code(path).replace("super::super::", "");
        let mut seen = named(&code, "super::");
        seen.extend(named(&code, &format!("crate::{below}::")));
        seen.remove(&name(path));
        reach.insert(name(path), seen);
    }
    for _ in 0..reach.len() {
        let before = reach.clone();
        for seen in reach.values_mut() {
            let further = seen.iter().filter_map(|one| before.get(one)).flatten();
            let further: Vec<String> = further.cloned().collect();
            seen.extend(further);
        }
    }
    let circles = reach.iter().filter(|(file, seen)| seen.contains(*file));
    circles.map(|(file, _)| format!("{below}::{file}")).collect()
}

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let all: Vec<PathBuf> = files("src")
        .into_iter()
        .filter(|path| !is_test(path) && !path.ends_with("mod.rs"))
        .collect();
    let folders: BTreeSet<&Path> = all.iter().filter_map(|path| path.parent()).collect();
    let found: Vec<String> =
        folders.into_iter().flat_map(|folder| in_circles(&all, folder)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn comments_fit_a_hundred_columns() {
    let mut wrong = Vec::new();
    for path in [files("src"), files("tests"), files("benches")].concat() {
        for (number, line) in (1..).zip(read(&path).lines()) {
            let words = line.trim_start();
            // Tables and diagrams cannot be broken.
            let drawn = words.contains(['│', '─', '└', '|']);
            if words.starts_with("//") && !drawn && line.chars().count() > 100 {
                wrong.push(format!("{}:{number}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_name_of_a_type_stands_for_one_type() {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for path in files("src").into_iter().filter(|path| !is_test(path)) {
        for line in code(&path).lines() {
            let line = line.trim_start();
            let line = line.strip_prefix("pub").map_or(line, |rest| {
                let is_scoped = rest.starts_with('(');
                if is_scoped {
                    rest.split_once(") ").map_or("", |split| split.1)
                } else {
                    rest.trim_start()
                }
            });
            let Some(rest) =
                ["struct ", "enum ", "trait "].iter().find_map(|one| line.strip_prefix(one))
            else {
                continue;
            };
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            places.entry(rest[..end].to_owned()).or_default().push(path.display().to_string());
        }
    }
    assert!(places.len() > 500, "{} types", places.len());
    // Macros have no name to compare.
    places.retain(|name, files| !name.is_empty() && files.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}
