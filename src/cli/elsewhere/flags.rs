//! The flags of other tools, and what they say of the load.

/// What a flag of k6, Locust, wrk, hey, oha, vegeta, Artillery, ab or `JMeter` says of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// Concurrent users.
    Users,
    /// Arrivals a second.
    Rate,
    /// How long a level is held.
    Hold,
    /// How long it takes to reach.
    Ramp,
    /// Users that are added in a second.
    SpawnRate,
    /// A number of requests.
    Requests,
    /// The target's address.
    Address,
    /// How long an answer may take.
    Timeout,
    /// The method of a request.
    Method,
    /// A header of a request.
    Header,
    /// The body of a request.
    Body,
    /// Said elsewhere, or nowhere.
    Other(&'static str),
}

/// The flags, and what they say.
pub(super) const FLAGS: &[(&[&str], Flag)] = &[
    (
        &[
            "--vus",
            "-u",
            "--users",
            "-c",
            "--connections",
            "--concurrency",
            "--clients",
            "--vus-max",
        ],
        Flag::Users,
    ),
    (
        &["-r", "-R", "-q", "--rate", "--rps", "--qps", "--arrival-rate", "--arrivalRate"],
        Flag::Rate,
    ),
    (&["-d", "-z", "--duration", "--run-time", "--hold-for", "--time"], Flag::Hold),
    (&["--ramp-up", "--rampup", "--ramp", "--ramp-time"], Flag::Ramp),
    (&["--spawn-rate", "--hatch-rate"], Flag::SpawnRate),
    (&["-n", "-i", "--iterations", "--requests", "--count"], Flag::Requests),
    (&["--url", "-H", "--host", "--address", "--targets"], Flag::Address),
    (&["--timeout", "--max-time"], Flag::Timeout),
    (&["-m", "-X", "--method", "--request"], Flag::Method),
    (&["--header", "--headers"], Flag::Header),
    (&["-D", "--body", "--data", "--payload"], Flag::Body),
    (
        &["-s", "--stage", "--stages"],
        Flag::Other(
            "set the stages in the plan: `stages = [{ users = 10, ramp = \"10s\", hold = \"30s\" }]`",
        ),
    ),
    (
        &["-t", "-p", "--threads", "--processes", "--workers"],
        Flag::Other(
            "planrun chooses the number of processes; to set it, write `workers = 4` below `[generator]`",
        ),
    ),
    (
        &["-o", "--output", "--json", "--csv", "--html", "-l", "--summary-export"],
        Flag::Other("every run writes JSON and CSV into its result folder; `--out DIR` sets where"),
    ),
    (&["--latency", "-L", "--histogram"], Flag::Other("every run prints percentiles")),
    (
        &["--headless", "--no-ui", "--quiet", "--no-color", "--non-gui", "-f"],
        Flag::Other(
            "leave it out; `--progress none` prints nothing during the run, `NO_COLOR=1` no colours",
        ),
    ),
    (
        &["-k", "--insecure", "--insecure-skip-tls-verify"],
        Flag::Other("set it in the target's table: `tls = { insecure = true }`"),
    ),
    (
        &["-e", "--env"],
        Flag::Other("write `${env.NAME}` in the plan, and run `NAME=value planrun PLAN.toml`"),
    ),
    (
        &["--tag", "--config", "--plan", "--file", "--script", "--linger", "--paused"],
        Flag::Other("set it in the plan; `planrun init` writes one to start from"),
    ),
    (
        &["-v", "-vv", "--verbose", "--debug", "--log-level", "--loglevel"],
        Flag::Other(
            "`--summary full` prints every table, `planrun report DIR --verbose` every validity rule",
        ),
    ),
    (&["--seed"], Flag::Other("set it in the plan: `seed = 42`; or for one run: `--set seed=42`")),
    (
        &["--http2", "--h2", "--http-version"],
        Flag::Other("set it in the scenario: `version = \"2\"`"),
    ),
    (
        &["--cacert", "--ca", "--cert", "--key", "--tls-cert", "--tls-key"],
        Flag::Other(
            "set them in the target's table: `tls = { ca = \"ca.pem\" }`, or `tls = { cert = \"client.pem\", key = \"client.key\" }`",
        ),
    ),
    (
        &["--disable-keepalive", "--no-keepalive", "--disable-keep-alive", "--no-connection-reuse"],
        Flag::Other("set it in the scenario: `connection = { max_requests = 1 }`"),
    ),
    (
        &["--dry-run", "--validate", "--lint"],
        Flag::Other("`planrun check PLAN.toml` checks a plan without sending anything"),
    ),
    (
        &["--report", "--format", "--out-format", "--reporter", "--results"],
        Flag::Other(
            "every run writes JSON, CSV and HTML into its result folder; `--out DIR` sets where",
        ),
    ),
    (
        &["--proxy", "--http-proxy", "--https-proxy"],
        Flag::Other("planrun connects to the target itself: leave it out"),
    ),
];
