//! Reads and checks the files that a plan names.

use super::rows::{RowOutlook, row_outlooks};
use crate::machine::FileMemory;
use crate::plan::{
    Body, Data, Encoding, HttpVersion, Piece, Placeholder, Plan, Protocol, Request, TextRange,
};
use crate::units::sha256;
use crate::workload::http::{
    DataFile, Format, InvalidPaths, LARGEST_DATA, Rows, ScenarioFiles, TestData,
};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The most bytes that all bodies of a scenario from files have together.
const LARGEST_BODIES: u64 = 16 << 20;

/// An error of a file that a plan names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// Where the plan names it, or uses what it has not.
    pub spot: TextRange,
    /// The problem in words.
    pub message: String,
    /// The remedy.
    pub help: String,
}

/// Reads the files of each scenario, relative to `folder`, the plan's, and checks them.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read_files(plan: &Plan, folder: &Path) -> Result<Vec<ScenarioFiles>, Vec<FileProblem>> {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for scenario in &plan.scenarios {
        all.push(of_scenario(&scenario.protocol, folder, &mut problems));
    }
    problems.extend(too_few_rows(plan, &all));
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// Checks files that were read for another level of the same plan: only how many rows it takes
/// depends on the level.
///
/// # Errors
/// Everything that is wrong with them.
pub fn recheck_files(plan: &Plan, files: &[ScenarioFiles]) -> Result<(), Vec<FileProblem>> {
    let problems = too_few_rows(plan, files);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn too_few_rows(plan: &Plan, files: &[ScenarioFiles]) -> Vec<FileProblem> {
    row_outlooks(plan, files).into_iter().filter_map(|one| too_few(plan, one)).collect()
}

/// The content of a file that requests are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// The path in the plan.
    pub path: &'a Path,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// The digests of the files of each scenario, the file of rows first.
pub fn file_digests<'a>(plan: &'a Plan, files: &'a [ScenarioFiles]) -> Vec<FileDigest<'a>> {
    let mut digests = Vec::new();
    for (scenario, files) in plan.scenarios.iter().zip(files) {
        let data = scenario.protocol.data().map(|data| data.file.as_path());
        let data = data.zip(files.data.as_ref());
        let bodies = files.bodies.iter().map(|(path, bytes)| (path.as_path(), bytes));
        digests.extend(data.into_iter().chain(bodies).map(|(path, content)| FileDigest {
            scenario: &scenario.name,
            path,
            bytes: content.len() as u64,
            sha256: sha256(content),
        }));
    }
    digests
}

/// Memory of the files of each scenario. Each worker keeps the rows, and each body once as it
/// was read and once in the request to each address; once more where the request is written anew
/// for each sending, or spoken over HTTP/2.
pub fn file_memory(plan: &Plan, files: &[ScenarioFiles]) -> Vec<FileMemory> {
    let each = plan.scenarios.iter().zip(files).map(|(scenario, files)| {
        let protocol = &scenario.protocol;
        let copies = |request: &Request| {
            let anew = protocol.keeps_cookies()
                || protocol.redirects() > 0
                || protocol.data().is_some()
                || request.givens().next().is_some();
            1 + u64::from(anew) + u64::from(matches!(protocol.version(), HttpVersion::Http2 { .. }))
        };
        let rows = files.data_file.as_ref().map_or(0, |file| file.memory);
        let as_read = files.data.as_ref().map_or(0, Vec::len) as u64;
        let mut memory = FileMemory { once: rows, each_address: 0, coordinator: as_read };
        for (path, bytes) in &files.bodies {
            let of_file = protocol.requests().iter().filter(
                |request| matches!(&request.body, Body::File { path: own, .. } if own == path),
            );
            let sent: u64 = of_file.map(copies).sum();
            let length = bytes.len() as u64;
            memory.once += length;
            memory.each_address += length * sent;
            memory.coordinator += length;
        }
        memory
    });
    each.collect()
}

fn of_scenario(
    protocol: &Protocol,
    folder: &Path,
    problems: &mut Vec<FileProblem>,
) -> ScenarioFiles {
    let mut files = ScenarioFiles::default();
    let mut left = LARGEST_BODIES;
    for request in protocol.requests() {
        let Body::File { path, spot } = &request.body else { continue };
        if files.bodies.iter().any(|(known, _)| known == path) {
            continue;
        }
        match read(&folder.join(path), left) {
            Ok(Some(bytes)) => {
                left -= bytes.len() as u64;
                files.bodies.push((path.clone(), bytes));
            }
            Ok(None) => problems.push(FileProblem {
                spot: spot.clone(),
                message: format!(
                    "the bodies of this scenario are larger than {} MiB",
                    LARGEST_BODIES >> 20
                ),
                help: "every worker keeps them in memory: use smaller files".to_owned(),
            }),
            Err(error) => problems.push(unreadable(path, spot, &error)),
        }
    }
    let Some(data) = protocol.data() else { return files };
    match read(&folder.join(&data.file), LARGEST_DATA) {
        Ok(Some(bytes)) => files.data = Some(bytes),
        Ok(None) => problems.push(FileProblem {
            spot: data.spot.clone(),
            message: format!("{} is larger than {} MiB", data.file.display(), LARGEST_DATA >> 20),
            help: "every worker keeps all rows in memory: use fewer of them".to_owned(),
        }),
        Err(error) => problems.push(unreadable(&data.file, &data.spot, &error)),
    }
    if files.data.is_some() {
        let only = ScenarioFiles { data: files.data.clone(), ..ScenarioFiles::default() };
        match TestData::new(Some(data), only) {
            Ok(TestData { rows: Some(rows), .. }) => {
                let path = folder.join(&data.file);
                files.data_file = Some(DataFile {
                    path: path.canonicalize().unwrap_or(path),
                    rows: rows.len(),
                    memory: rows.memory(),
                    no_paths: no_paths(protocol, &rows),
                });
                check_columns(protocol, data, &rows, problems);
            }
            Ok(_) => {}
            Err(wrong) => {
                let line = if wrong.line > 0 { format!(":{}", wrong.line) } else { String::new() };
                problems.push(FileProblem {
                    spot: data.spot.clone(),
                    message: format!("{}{line}: {}", data.file.display(), wrong.what),
                    help: Format::of(data).help().to_owned(),
                });
            }
        }
    }
    files
}

/// The content of a file; `None` when it is larger than it may be.
fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= most))
}

fn unreadable(path: &Path, spot: &TextRange, error: &io::Error) -> FileProblem {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    FileProblem {
        spot: spot.clone(),
        message: format!("cannot read {}: {why}", path.display()),
        help: "paths are relative to the folder of the plan".to_owned(),
    }
}

/// The rows without a path, of each column that a path begins with.
fn no_paths(protocol: &Protocol, rows: &Rows) -> Vec<InvalidPaths> {
    let mut columns: Vec<&str> = Vec::new();
    for path in protocol.requests().iter().filter_map(|one| one.path.as_ref()) {
        if let Some(Piece::Fill {
            given: Placeholder::Row(name), encoding: Encoding::Target, ..
        }) = path.first_piece()
            && !columns.contains(&name.as_str())
        {
            columns.push(name);
        }
    }
    columns.into_iter().filter_map(|column| InvalidPaths::of(rows, column)).collect()
}

/// Reports the columns that are used and missing.
fn check_columns(protocol: &Protocol, data: &Data, rows: &Rows, problems: &mut Vec<FileProblem>) {
    for (given, spot) in protocol.requests().iter().flat_map(Request::givens) {
        let Placeholder::Row(column) = given else { continue };
        if rows.column(column).is_none() {
            problems.push(no_column(data, rows, column, spot));
        }
    }
}

/// Reports that a column is missing; a file of one column may have another separator than the plan
/// says.
fn no_column(data: &Data, rows: &Rows, column: &str, spot: &TextRange) -> FileProblem {
    let file = data.file.display();
    let quoted: Vec<String> = rows.columns().iter().map(|name| format!("`{name}`")).collect();
    let other = match rows.columns() {
        [only] => [(';', ";"), ('\t', "\\t"), ('|', "|"), (',', ",")]
            .into_iter()
            .find(|(separator, _)| only.contains(*separator)),
        _ => None,
    };
    let (more, help) = match other {
        Some((_, written)) => (
            format!("; its one column is {}: separated by `{written}`?", quoted.join("")),
            format!("write `data = {{ file = \"{file}\", separator = \"{written}\" }}`"),
        ),
        None => (String::new(), format!("its columns are {}", quoted.join(", "))),
    };
    FileProblem {
        spot: spot.clone(),
        message: format!("{file} has no column `{column}`{more}"),
        help,
    }
}

/// The problem if each row is used once and the schedule alone asks for more; `None` if it
/// need not.
fn too_few(plan: &Plan, outlook: RowOutlook) -> Option<FileProblem> {
    let (runs_out, ends) = outlook.ends.filter(|_| outlook.is_certain())?;
    let names = outlook.scenarios.iter().map(|index| format!("`{}`", plan.scenarios[*index].name));
    let names = names.collect::<Vec<_>>().join(" and ");
    let (word, need) = match outlook.scenarios.len() {
        1 => ("scenario", "needs"),
        _ => ("scenarios", "need"),
    };
    Some(FileProblem {
        spot: outlook.spot,
        message: format!(
            "{} has {} rows, and {word} {names} {need} at least {}: each row is used once, so that they last {runs_out} of {ends}",
            outlook.file, outlook.rows, outlook.needed
        ),
        help: "add rows, lower the load, or write `order = \"sequential\"`, which uses rows again"
            .to_owned(),
    })
}
