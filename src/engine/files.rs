//! Turns the files that a plan names into bytes, or into what is wrong with them.

use crate::plan::{Body, Data, Given, Http, Order, Plan, Protocol, Request, Scenario, Spot};
use crate::protocol::http::{Files, LARGEST_DATA, Rows, Stock};
use crate::schedule::{ScenarioSchedule, Schedule, Shape};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// All bodies of a scenario that come from files have at most so many bytes together.
const LARGEST_BODIES: u64 = 16 << 20;

/// What is wrong with a file that a plan names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// Where the plan names it, or uses what it has not.
    pub spot: Spot,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// The files of each scenario; they are seen from `folder`, the plan's.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read_files(plan: &Plan, folder: &Path) -> Result<Vec<Files>, Vec<FileProblem>> {
    let schedule = Schedule::new(plan);
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (scenario, schedule) in plan.scenarios.iter().zip(schedule.scenarios()) {
        let files = match &scenario.protocol {
            Protocol::Http(http) => of_scenario(http, scenario, schedule, folder, &mut problems),
            Protocol::TcpHold(_) => Files::default(),
        };
        all.push(files);
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

fn of_scenario(
    http: &Http,
    scenario: &Scenario,
    schedule: &ScenarioSchedule,
    folder: &Path,
    problems: &mut Vec<FileProblem>,
) -> Files {
    let mut files = Files::default();
    let mut left = LARGEST_BODIES;
    for request in &http.requests {
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
    let Some(data) = &http.data else { return files };
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
        match Stock::new(http, Files { data: files.data.clone(), bodies: Vec::new() }) {
            Ok(Stock { rows: Some(rows), .. }) => {
                check_columns(http, data, &rows, problems);
                problems.extend(too_few(data, &rows, scenario, schedule));
            }
            Ok(_) => {}
            Err(wrong) => {
                let line = if wrong.line > 0 { format!(":{}", wrong.line) } else { String::new() };
                problems.push(FileProblem {
                    spot: data.spot.clone(),
                    message: format!("{}{line}: {}", data.file.display(), wrong.what),
                    help: "a CSV file has a line with the names of its columns, and rows of as many values; JSON lines are objects of the same names".to_owned(),
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

fn unreadable(path: &Path, spot: &Spot, error: &io::Error) -> FileProblem {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    FileProblem {
        spot: spot.clone(),
        message: format!("cannot read {}: {why}", path.display()),
        help: "files are seen from the folder of the plan".to_owned(),
    }
}

/// Says which columns are used and not there.
fn check_columns(http: &Http, data: &Data, rows: &Rows, problems: &mut Vec<FileProblem>) {
    for (given, spot) in http.requests.iter().flat_map(givens) {
        let Given::Row(column) = given else { continue };
        if rows.column(column).is_none() {
            problems.push(FileProblem {
                spot: spot.clone(),
                message: format!("{} has no column `{column}`", data.file.display()),
                help: format!("its columns are {}", rows.columns().join(", ")),
            });
        }
    }
}

fn givens(request: &Request) -> Vec<(&Given, &Spot)> {
    let body = match &request.body {
        Body::Text(text) => Some(text),
        Body::File { .. } => None,
    };
    let headers = request.headers.iter().map(|(_, value)| value);
    let templates = request.path.iter().chain(headers).chain(body);
    templates.flat_map(crate::plan::Template::givens).collect()
}

/// What is wrong when each row is used once and the schedule alone asks for more.
fn too_few(
    data: &Data,
    rows: &Rows,
    scenario: &Scenario,
    schedule: &ScenarioSchedule,
) -> Option<FileProblem> {
    if data.order != Order::Unique {
        return None;
    }
    let needs = |segment: &crate::schedule::Segment| match segment.shape {
        Shape::Rate { .. } => (segment.attempts(), 0),
        Shape::Users { to, .. } => (0, to),
    };
    let (arrivals, users) = schedule
        .segments
        .iter()
        .map(needs)
        .fold((0, 0), |(sum, most), (arrivals, users)| (sum + arrivals, users.max(most)));
    let needed = arrivals + users;
    (needed > rows.len()).then(|| FileProblem {
        spot: data.spot.clone(),
        message: format!(
            "{} has {} rows, and scenario `{}` needs at least {needed}: each row is used once",
            data.file.display(),
            rows.len(),
            scenario.name
        ),
        help: "add rows, or write `order = \"sequential\"`".to_owned(),
    })
}
