//! `planrun cluster init`: the configuration of a broker that several hosts can trust, its keys,
//! and what to paste on them.

use super::hosts::{BROKER_VARIABLE, CA_VARIABLE, quoted};
use super::{ExitStatus, diagnostic};
use clap::{Args, Subcommand};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Characters of a password: 190 bits.
const PASSWORD_LENGTH: usize = 32;

/// What it does.
#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Write the configuration of a NATS server for runs on several hosts: TLS, a user for the
    /// coordinator, and one for agents that cannot order others.
    Init(ClusterInitArgs),
}

/// The arguments of `init`.
#[derive(Debug, Args)]
pub(super) struct ClusterInitArgs {
    /// The name or address by which hosts reach the server; may be given several times.
    #[arg(long = "host", value_name = "HOST", required = true, value_parser = host)]
    hosts: Vec<String>,
    /// Listen on this port.
    #[arg(long, value_name = "PORT", default_value_t = 4222)]
    port: u16,
    /// Write into this folder, which must not exist.
    #[arg(long, value_name = "DIR", default_value = "cluster")]
    out: PathBuf,
}

pub(super) fn cluster(command: &ClusterCommand) -> ExitStatus {
    let ClusterCommand::Init(args) = command;
    match init(args) {
        Ok(text) => {
            // Whoever closes the pipe has read enough.
            let _ = anstream::stdout().write_all(text.as_bytes());
            ExitStatus::Pass
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let message = format!("{} exists already, and is left as it is", args.out.display());
            diagnostic::print_error(&message, Some("give another folder: `--out DIR`"));
            ExitStatus::WrongPlan
        }
        Err(error) => {
            let message = format!("cannot write {}: {error}", args.out.display());
            diagnostic::print_error(&message, None);
            ExitStatus::Internal
        }
    }
}

/// Writes all files; the text for people.
fn init(args: &ClusterInitArgs) -> io::Result<String> {
    let (ca, certificate, key) = certificates(&args.hosts).map_err(io::Error::other)?;
    let passwords = [password()?, password()?];
    if let Some(parent) = args.out.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::create_dir(&args.out)?;
    let folder = fs::canonicalize(&args.out)?;
    public(&folder.join("ca.pem"), &ca)?;
    public(&folder.join("server.pem"), &certificate)?;
    secret(&folder.join("server.key"), &key)?;
    secret(&folder.join("nats-server.conf"), &configuration(&folder, args.port, &passwords))?;
    let mut files = Vec::new();
    for (user, word) in ["coordinator", "agent"].iter().zip(&passwords) {
        let host = args.hosts.first().map_or("localhost", String::as_str);
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let url = format!("tls://{user}:{word}@{host}:{}", args.port);
        let ca = quoted(&folder.join("ca.pem").display().to_string());
        let text = format!("{BROKER_VARIABLE}={url}\n{CA_VARIABLE}={ca}\n");
        let path = folder.join(format!("{user}.env"));
        secret(&path, &text)?;
        files.push(quoted(&path.display().to_string()));
    }
    let path = |name: &str| quoted(&folder.join(name).display().to_string());
    Ok(format!(
        "wrote {out}\n\n\
         start the server:\n  nats-server -c {configuration}\n\n\
         on each host: copy {ca} and {agent} there, to the same path, then\n  \
         set -a; . {agent}; set +a\n  planrun agent --run NAME --allow-target NETWORK\n\n\
         on the controller:\n  set -a; . {coordinator}; set +a\n  \
         planrun PLAN.toml --hosts N --run NAME\n",
        out = folder.display(),
        configuration = path("nats-server.conf"),
        ca = path("ca.pem"),
        coordinator = files[0],
        agent = files[1],
    ))
}

/// A name or an address, as certificates and URLs take it.
fn host(text: &str) -> Result<String, String> {
    let is_name = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        !text.is_empty() && !text.starts_with(['-', '.']) && text.chars().all(fits)
    };
    if text.parse::<IpAddr>().is_ok() || is_name(text) {
        return Ok(text.to_owned());
    }
    Err("expected a host name in ASCII, or an address, without scheme and port".to_owned())
}

/// The certificate of an authority, and that of the server with its key, as PEM.
fn certificates(hosts: &[String]) -> Result<(String, String, String), rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "planrun cluster");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(hosts.to_vec())?;
    server.distinguished_name.push(DnType::CommonName, "planrun broker");
    let server = server.signed_by(&key, &authority)?;
    Ok((authority.pem(), server.pem(), key.serialize_pem()))
}

/// Letters and digits by chance.
fn password() -> io::Result<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = [0; PASSWORD_LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 64)])).collect())
}

/// Accounts alone, never beside `authorization`: together, servers before 2.10.4 let anybody in.
/// An agent may claim a slot, report and answer; it can write no order, and no manifest.
fn configuration(folder: &Path, port: u16, passwords: &[String]) -> String {
    let out = folder.display();
    let (coordinator, agent) = (&passwords[0], &passwords[1]);
    format!(
        r#"listen: "0.0.0.0:{port}"
ping_interval: "2s"
ping_max: 2
jetstream {{ store_dir: "{out}/jetstream" }}
tls {{ cert_file: "{out}/server.pem", key_file: "{out}/server.key" }}
system_account: SYS
accounts {{
  SYS {{}}
  PLANRUN {{
    jetstream: enabled
    users: [
      {{ user: "coordinator", password: "{coordinator}" }}
      {{
        user: "agent", password: "{agent}"
        permissions {{
          publish {{ allow: [
            "planrun.*.from.*", "planrun.*.taken.to.*",
            "$KV.*.slot.*", "$KV.*.refused",
            "$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*",
            "$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.DELETE.>",
            "$JS.FC.>", "$JS.ACK.>"
          ] }}
          subscribe {{ allow: [
            "planrun.*.to.*", "planrun.*.beat", "planrun.*.clock.*", "planrun.*.taken.from.*",
            "_INBOX.>"
          ] }}
          allow_responses: true
        }}
      }}
    ]
  }}
}}
"#
    )
}

fn public(path: &Path, text: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(text.as_bytes())
}

/// Readable by nobody else.
fn secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
