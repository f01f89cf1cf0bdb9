//! The `serve` subcommand: a built-in server on its own, and what a run starts for `builtin =`.

use super::ExitStatus;
use crate::plan::{Builtin, Certificate, Faults, HttpServer, TcpHoldServer, WebSocketServer};
use crate::serve::{
    Counts, Group, Listen, ServeError, Server, ServerStarted, Stop, die_with, processes_for,
    raise_descriptor_limit, resolve,
};
use crate::units::{Count, Ratio, Time, UnitError, bytes_of_hex};
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;

/// Which server.
#[derive(Debug, Subcommand)]
pub(super) enum ServeCommand {
    /// Hold TCP connections: greet, send heartbeats, reply.
    TcpHold(Box<TcpHoldArgs>),
    /// WebSockets: shakes hands, greets, sends a message or a ping every so often, answers, holds.
    WsHold(Box<WsHoldArgs>),
    /// Serve HTTP/1.1 and HTTP/2: the same body for every request, and some paths for tests.
    ///
    /// `/echo` returns the request's body. `/login` takes `{"user": NAME}`, sets a cookie and
    /// returns a token; `/me` returns its user, or 401. `/items/N` returns JSON, `/bytes/N` N
    /// bytes, `/status/N` status N, and `/redirect/N` redirects N times before `/`. Bodies are
    /// compressed with gzip where the client accepts it.
    Http(Box<HttpArgs>),
}

/// The options of the tcp-hold server.
#[derive(Debug, Args)]
pub(super) struct TcpHoldArgs {
    /// Send this message as greeting, heartbeat and reply.
    #[arg(long, value_name = "TEXT", default_value = "ok")]
    message: String,
    /// Send these bytes in place of a text, as hexadecimal digits: c000.
    #[arg(long, value_name = "HEX", value_parser = hex, conflicts_with = "message")]
    message_hex: Option<HexBytes>,
    /// Send no greeting to new connections.
    #[arg(long)]
    no_greet: bool,
    /// Send a heartbeat on each connection at this interval; 0 sends none.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = unit::<Time>)]
    every: Time,
    /// Reply to each occurrence of this text with the message.
    #[arg(long, value_name = "TEXT")]
    reply_to: Option<String>,
    /// The same with these bytes, as hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = hex, conflicts_with = "reply_to")]
    reply_to_hex: Option<HexBytes>,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// The options of the ws-hold server.
#[derive(Debug, Args)]
pub(super) struct WsHoldArgs {
    #[command(flatten)]
    hold: TcpHoldArgs,
    /// Choose this subprotocol where a client offers it.
    #[arg(long, value_name = "NAME")]
    subprotocol: Option<String>,
    /// Send pings, not messages, every so often.
    #[arg(long)]
    pings: bool,
    /// Fault: answer handshakes with this status.
    #[arg(long, value_name = "CODE", help_heading = "Faults")]
    status: Option<u16>,
}

impl TcpHoldArgs {
    fn server(&self) -> TcpHoldServer {
        TcpHoldServer {
            message: match &self.message_hex {
                Some(HexBytes(bytes)) => bytes.clone(),
                None => self.message.clone().into_bytes(),
            },
            greet: !self.no_greet,
            every: Some(self.every).filter(|every| *every != Time::default()),
            reply_to: match &self.reply_to_hex {
                Some(HexBytes(bytes)) => Some(bytes.clone()),
                None => self.reply_to.clone().map(String::into_bytes),
            },
            tls: self.tls.certificate(),
            faults: self.common.faults.faults(),
            websocket: None,
        }
    }
}

/// The options of the HTTP server.
#[derive(Debug, Args)]
pub(super) struct HttpArgs {
    /// Respond to every request with this body.
    #[arg(long, value_name = "TEXT", default_value = "ok")]
    body: String,
    /// Respond with this status.
    #[arg(long, value_name = "CODE", help_heading = "Faults")]
    status: Option<u16>,
    /// Spread each body over this time.
    #[arg(long, value_name = "TIME", value_parser = unit::<Time>, help_heading = "Faults")]
    slow_body: Option<Time>,
    /// Announce the whole body, send half of it, then close.
    #[arg(long, help_heading = "Faults")]
    truncate_body: bool,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Whether, and by whose certificate, connections are secured.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
struct TlsArgs {
    /// Serve TLS with a certificate generated for this server.
    #[arg(long)]
    tls: bool,
    /// Serve TLS with the certificate in this PEM file.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Read the certificate's private key from this PEM file.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl TlsArgs {
    fn certificate(&self) -> Option<Certificate> {
        match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => Some(Certificate::Files {
                certificate: certificate.as_path().into(),
                key: key.as_path().into(),
            }),
            _ => self.tls.then_some(Certificate::Own),
        }
    }
}

/// The options of all servers.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Listen on this address. Port 0 picks a free port for each process; any other port is shared
    /// by all processes.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: String,
    /// Start this many processes; by default as many as `--capacity` and the limit on open files
    /// require.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4096))]
    processes: Option<u64>,
    /// Provide file descriptors for this many connections.
    #[arg(long, value_name = "CONNECTIONS", default_value = "1", value_parser = unit::<Count>)]
    capacity: Count,
    /// Print addresses and counters as one JSON object per line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    faults: FaultArgs,
    /// End with standard input, and leave SIGINT to the process at its other end.
    #[arg(long, hide = true)]
    until_eof: bool,
    /// Other processes listen on this port, too.
    #[arg(long, hide = true)]
    shared_port: bool,
    /// Die with the process of this id.
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
}

/// The faults of a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own, and they combine")]
struct FaultArgs {
    /// Apply the faults to this share of connections (http: of requests, for faults in responses).
    #[arg(long, value_name = "RATIO", default_value = "100%", value_parser = unit::<Ratio>)]
    share: Ratio,
    /// Seed the choice of affected connections.
    #[arg(long, value_name = "NUMBER", default_value_t = Faults::default().seed)]
    seed: u64,
    /// Refuse connections: bind the port without listening.
    #[arg(long)]
    refuse: bool,
    /// Listen, but never accept.
    #[arg(long)]
    never_accept: bool,
    /// Reset a connection this long after accepting it.
    #[arg(long, value_name = "TIME", value_parser = unit::<Time>)]
    reset_after: Option<Time>,
    /// Reset a connection after sending this many bytes on it.
    #[arg(long, value_name = "BYTES")]
    reset_after_bytes: Option<u64>,
    /// Accept, but never send a byte.
    #[arg(long)]
    silence: bool,
    /// Send wrong bytes.
    #[arg(long)]
    wrong_data: bool,
    /// Wait before every send.
    #[arg(long, value_name = "TIME", value_parser = unit::<Time>)]
    delay: Option<Time>,
    /// Close a connection this long after accepting it.
    #[arg(long, value_name = "TIME", value_parser = unit::<Time>)]
    close_after: Option<Time>,
}

/// The bytes of a message.
#[derive(Debug, Clone)]
struct HexBytes(Vec<u8>);

/// Reads hexadecimal digits.
fn hex(text: &str) -> Result<HexBytes, String> {
    let bytes = bytes_of_hex(text).map(HexBytes);
    bytes.ok_or_else(|| "expected pairs of hexadecimal digits, such as c000".to_owned())
}

/// Reads a quantity; the error says what to write instead.
fn unit<T: FromStr<Err = UnitError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: UnitError| match error.help {
        Some(help) => format!("{}\n\nhelp: {help}", error.message),
        None => error.message,
    })
}

impl FaultArgs {
    fn faults(&self) -> Faults {
        Faults {
            share: self.share,
            seed: self.seed,
            refuse: self.refuse,
            never_accept: self.never_accept,
            reset_after: self.reset_after,
            reset_after_bytes: self.reset_after_bytes,
            silence: self.silence,
            wrong_data: self.wrong_data,
            delay: self.delay,
            close_after: self.close_after,
            status: None,
            slow_body: None,
            truncate_body: false,
        }
    }
}

impl ServeCommand {
    fn builtin(&self) -> Builtin {
        match self {
            Self::TcpHold(args) => Builtin::TcpHold(args.server()),
            Self::WsHold(args) => {
                let mut server = args.hold.server();
                let (subprotocol, pings) = (args.subprotocol.clone(), args.pings);
                server.websocket = Some(WebSocketServer { subprotocol, pings });
                server.faults.status = args.status;
                Builtin::TcpHold(server)
            }
            Self::Http(args) => Builtin::Http(HttpServer {
                body: args.body.clone(),
                tls: args.tls.certificate(),
                faults: Faults {
                    status: args.status,
                    slow_body: args.slow_body,
                    truncate_body: args.truncate_body,
                    ..args.common.faults.faults()
                },
            }),
        }
    }

    fn common(&self) -> &CommonArgs {
        match self {
            Self::TcpHold(args) => &args.common,
            Self::WsHold(args) => &args.hold.common,
            Self::Http(args) => &args.common,
        }
    }
}

pub(super) fn serve(command: &ServeCommand) -> ExitStatus {
    let common = command.common();
    match run(&command.builtin(), common) {
        Ok(counts) => {
            print(&if common.json { json(&counts) } else { format!("\n{counts}") });
            ExitStatus::Pass
        }
        Err(error) => {
            let help = error.help().map_or(String::new(), |help| format!("help: {help}\n"));
            // If standard error is closed, nobody can read this.
            let _ = write!(anstream::stderr(), "error: {error}\n{help}");
            match error {
                ServeError::Options { .. } | ServeError::Address { .. } => ExitStatus::WrongPlan,
                ServeError::Listen { .. } | ServeError::Tls(_) => ExitStatus::NotFit,
                _ => ExitStatus::Internal,
            }
        }
    }
}

fn run(builtin: &Builtin, common: &CommonArgs) -> Result<Counts, ServeError> {
    if let Some(parent) = common.parent {
        die_with(parent)?;
    }
    let stop = Stop::listen(common.until_eof)?;
    let descriptors = raise_descriptor_limit()?;
    let address = resolve(&common.listen)?;
    let processes =
        common.processes.unwrap_or_else(|| processes_for(common.capacity.0, descriptors));
    if processes == 1 {
        let server = Server::bind(builtin, Listen { address, shared: common.shared_port })?;
        let _kept = announce(
            common,
            ServerStarted {
                listening: vec![server.address()],
                pids: vec![std::process::id()],
                certificate: server.certificate().map(str::to_owned),
            },
        )?;
        return server.run(stop);
    }
    let exe = std::env::current_exe()
        .map_err(|source| ServeError::System { action: "find this program's file", source })?;
    let group = Group::start(&exe, builtin, address, processes)?;
    let mut pids = vec![std::process::id()];
    pids.extend(group.pids());
    let (listening, certificate) = (group.addresses(), group.certificate());
    let _kept = announce(common, ServerStarted { listening, pids, certificate })?;
    group.run(stop)
}

/// Prints the server's address. The certificates that clients must trust are in a file for as long
/// as the server runs.
fn announce(
    common: &CommonArgs,
    announcement: ServerStarted,
) -> Result<Option<CertificateFile>, ServeError> {
    if common.json {
        print(&json(&announcement));
        return Ok(None);
    }
    let lines = announcement.listening.iter().map(|address| format!("listening on {address}\n"));
    let mut text = lines.collect::<String>();
    let file = announcement.certificate.map(|text| CertificateFile::write(&text)).transpose()?;
    if let Some(CertificateFile(path)) = &file {
        text.push_str("certificate in ");
        text.push_str(&path.display().to_string());
        text.push('\n');
    }
    print(&text);
    Ok(file)
}

/// A file that goes with the server.
struct CertificateFile(PathBuf);

impl CertificateFile {
    fn write(text: &str) -> Result<Self, ServeError> {
        let path = std::env::temp_dir().join(format!("planrun-{}.pem", std::process::id()));
        let failed = |source| ServeError::System { action: "write the certificate's file", source };
        // Left over by a process of the same number that was killed.
        let _ = std::fs::remove_file(&path);
        // Never through a link that somebody else has put there.
        let mut file = std::fs::File::create_new(&path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        Ok(Self(path))
    }
}

impl Drop for CertificateFile {
    fn drop(&mut self) {
        // Whoever has removed it before has done the same.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn json(value: &impl serde::Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("names, numbers and addresses are JSON");
    line.push('\n');
    line
}

/// Prints and flushes a result; a closed pipe is no error: its reader has read enough.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

#[cfg(test)]
mod tests;
