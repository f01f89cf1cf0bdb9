//! Turns the entries of a run into lines with checksums, and back into the longest prefix that is
//! whole.
//!
//! A line is `{"crc32":"89abcdef","n":12,"entry":{…}}`: JSON, with the CRC-32 of everything behind
//! its comma and the line's number, so that a torn, changed, lost or doubled line is noticed. The
//! first line is the header.
//!
//! **Invariant:** what follows a line that is not whole is not read.

use super::Error;
use super::archive::ArchiveSource;
use super::baseline::Baseline;
use super::tool::Tool;
use crate::machine::{MachineLimits, NetworkPath, RunHost};
use crate::plan::{Overrides, Plan, Scenario};
use crate::record::{Cell, CellKey, Entry, GeneratorCapability};
use crate::units::Address;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The format of the journal and its version.
pub(super) const SCHEMA: &str = "planrun.recording/3";

/// The ones before it, without [`Entry::Diagnosed`], and without [`Line::Durations`].
const EARLIER: [&str; 2] = ["planrun.recording/2", "planrun.recording/1"];

/// The longest line; anything longer is damage. A second of hundreds of full histograms fits.
const LONGEST_LINE: u64 = 256 << 20;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Header(Header),
    /// The run's clock has started.
    Started(Started),
    /// A fact.
    Entry(Entry),
    /// Histograms and facts by request of the seconds before; those seconds' own lines do not have
    /// them.
    Durations(Durations),
    /// The last line.
    Finished(Finished),
}

/// The large facts of several seconds of one scenario, merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// The first second.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// Their histograms, or their facts by request, and nothing else.
    pub cells: Vec<(CellKey, Cell)>,
}

/// The command line, plan and environment of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// `planrun.recording/3`.
    pub schema: String,
    /// The program that made the recording.
    pub tool: Tool,
    /// The plan's name.
    pub plan: String,
    /// SHA-256 of the plan's text, in hexadecimal.
    pub plan_sha256: String,
    /// SHA-256 of `environment.json`, in hexadecimal; absent in recordings of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_sha256: Option<String>,
    /// The plan's seed.
    pub seed: u64,
    /// Changes to the plan from the command line.
    pub overrides: Overrides,
    /// When the result folder was made, on the wall clock.
    pub created_at: Timestamp,
    /// The run that thresholds are relative to, with its figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The names that the indices in the entries refer to.
    pub scenarios: Vec<ScenarioNames>,
}

/// The overrides of the command line, as typed.
pub fn options(overrides: &Overrides) -> Vec<String> {
    let each = |option: &str, values: &[String]| -> Vec<String> {
        values.iter().map(|value| format!("--{option} {value}")).collect()
    };
    [
        each("set", &overrides.set),
        each("scale", overrides.scale.as_slice()),
        each("target", &overrides.target),
        each("only", &overrides.only),
        each("baseline", overrides.baseline.as_slice()),
    ]
    .concat()
}

/// The names behind the indices of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioNames {
    /// The scenario's name.
    pub name: String,
    /// Its protocol.
    pub protocol: String,
    /// The names of its stages.
    pub stages: Vec<String>,
    /// Its thresholds, as they are written.
    #[serde(default)]
    pub thresholds: Vec<String>,
}

impl ScenarioNames {
    /// Of each scenario of a plan.
    pub fn of(plan: &Plan) -> Vec<Self> {
        let outline = |scenario: &Scenario| Self {
            name: scenario.name.clone(),
            protocol: scenario.protocol.name().to_owned(),
            stages: scenario.stages.iter().map(|stage| stage.name.clone()).collect(),
            thresholds: scenario.thresholds.iter().map(|one| one.condition.clone()).collect(),
        };
        plan.scenarios.iter().map(outline).collect()
    }
}

/// Where the run goes, and when its clock started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Zero of the run's clock, on the wall clock.
    pub at: Timestamp,
    /// Each target of the plan.
    pub targets: Vec<ResolvedTarget>,
    /// Worker processes of each scenario.
    pub workers: Vec<u32>,
    /// The warnings of the preflight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The path of each scenario's connections.
    #[serde(rename = "ways", default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<NetworkPath>,
    /// The files that requests were made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<UsedFile>,
    /// This machine's limits at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<MachineLimits>,
    /// The load that this machine can generate, if it was measured before the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<GeneratorCapability>,
    /// The hosts that make the load; empty if the coordinator's machine does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<RunHost>,
}

/// A file that requests of a scenario were made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UsedFile {
    /// The scenario's name.
    pub scenario: String,
    /// As the plan has it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// Where a target is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedTarget {
    /// The target's name.
    pub name: String,
    /// As the plan or the command line gives it.
    pub written: Vec<String>,
    /// The addresses that were used in turn.
    pub addresses: Vec<Address>,
    /// Connections that the preflight opened to it and closed again, before the run's clock
    /// started.
    pub probes: u64,
    /// How long its names took to resolve, before the run's clock started; `None`: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_time_ns: Option<u64>,
}

/// Facts known after the end of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The counters of the built-in servers.
    #[serde(default)]
    pub servers: Vec<ServerCounters>,
    /// This machine's limits and their usage after the last connection had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<MachineLimits>,
}

/// The counters of one built-in server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCounters {
    /// The target's name.
    pub target: String,
    /// Counter and value, in the server's order.
    pub counters: Vec<(String, u64)>,
}

/// The line with this number, with its end.
pub(crate) fn encode(number: u64, line: &Line) -> Vec<u8> {
    let json = serde_json::to_string(line).expect("maps with text keys, and no I/O");
    // The tag of the line joins the number in one object.
    let body = format!("\"n\":{number},{}", &json[1..]);
    format!("{{\"crc32\":\"{:08x}\",{body}\n", crc32fast::hash(body.as_bytes())).into_bytes()
}

/// The line, if it is whole and has this number; its end may be missing.
pub(crate) fn decode(number: u64, bytes: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let (crc, body) = text.strip_prefix("{\"crc32\":\"")?.split_once("\",")?;
    if crc != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
        return None;
    }
    let json = body.strip_prefix(&format!("\"n\":{number},"))?;
    serde_json::from_str(&format!("{{{json}")).ok()
}

fn is_known(schema: &str) -> bool {
    schema == SCHEMA || EARLIER.contains(&schema)
}

/// The lines of a journal, from the header on, up to the first that is not whole.
#[derive(Debug)]
pub(super) struct Reader {
    source: ArchiveSource,
    number: u64,
    /// Bytes that were read behind the last whole line.
    torn: u64,
    bytes: Vec<u8>,
}

impl Reader {
    /// Opens the journal, behind its header.
    pub(super) fn open(folder: &Path) -> Result<(Header, Self), Error> {
        let not_results = |reason: String| Error::NotResults { path: folder.into(), reason };
        let source = ArchiveSource::open(folder)?
            .ok_or_else(|| not_results("there is no recording.jsonl.gz".to_owned()))?;
        let mut reader = Self { source, number: 0, torn: 0, bytes: Vec::new() };
        match reader.next()? {
            Some(Line::Header(header)) if is_known(&header.schema) => Ok((header, reader)),
            Some(Line::Header(header)) => Err(not_results(format!(
                "its recording is `{}`, this planrun reads `{SCHEMA}`",
                header.schema
            ))),
            _ => {
                let name = reader.file_name();
                Err(not_results(format!("{name} does not begin with a whole header")))
            }
        }
    }

    /// The next line; `None` at the end and before the first one that is not whole.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Error> {
        self.bytes.clear();
        self.source.read_line(LONGEST_LINE, &mut self.bytes)?;
        let line = decode(self.number, &self.bytes);
        match line {
            Some(_) => self.number += 1,
            None => self.torn += self.bytes.len() as u64,
        }
        Ok(line)
    }

    /// The name of the file.
    pub(super) fn file_name(&self) -> &'static str {
        self.source.name
    }

    /// How many lines have been read.
    pub(super) fn lines(&self) -> u64 {
        self.number
    }

    /// Bytes behind the last whole line, at least 1 where a compressed journal is damaged; to be
    /// asked at the end.
    pub(super) fn torn_bytes(&mut self) -> Result<u64, Error> {
        let torn = self.torn + self.source.rest()?;
        Ok(torn.max(u64::from(self.source.broken)))
    }
}
