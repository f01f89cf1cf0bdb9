//! The tables of a plan. The doc comments are what `planrun schema` shows in editors.

use super::{BuiltinWord, DuringWord, ProtocolWord, RetryWord, SideWord, SpacingWord, table};
use super::{
    Fillable, Keys, Named, OneOrMany, RawExpect, RawExtract, RawGenerator, RawSearch, RawThreshold,
    Status, TimeRange,
};
use crate::plan::elements::{RawConnection, RawHold, RawHttp};
use crate::plan::text::Text;
use crate::units::{Count, Rate, Ratio, Time};

/// A line to paste for each key that must be there.
pub(super) const EXAMPLES: [(&str, &str); 16] = [
    ("name", "name = \"my-plan\""),
    ("targets", "targets.web = { address = \"http://127.0.0.1:8080/\" }"),
    ("scenarios", "[scenarios.web]"),
    ("protocol", "protocol = \"tcp-hold\"` or `protocol = \"http\""),
    ("stages", "stages = [{ users = \"10\", hold = \"10s\" }]"),
    ("from", "from = \"server\"` or `from = \"client\""),
    ("every", "every = \"60s\""),
    ("condition", "condition = \"failure_ratio < 1%\""),
    ("backoff", "backoff = \"1s..30s\""),
    ("mean", "mean = \"60s\""),
    ("at", "at = \"30s\""),
    ("drop", "drop = \"10%\""),
    ("method", "method = \"GET\""),
    ("min", "min = \"1k\""),
    ("max", "max = \"20k\""),
    ("file", "file = \"rows.csv\""),
];

/// What a table looks like, for those that are usually written on one line.
pub(super) const TABLE_EXAMPLES: [(&str, &str); 11] = [
    ("a target", "a table for each target: `[targets.NAME]`"),
    ("a scenario", "a table for each scenario: `[scenarios.NAME]`"),
    ("a stage", "a table for each stage: `{ users = \"10k\", hold = \"10s\" }`"),
    ("a heartbeat", "a table: `{ from = \"server\", every = \"60s\" }`"),
    ("a request", "a table for each request: `{ path = \"/\" }`"),
    ("`connection`", "a table: `{ max_requests = 1 }`"),
    ("`auth`", "a table: `{ bearer = \"${env.TOKEN}\" }`"),
    ("`expect`", "a table: `{ status = 200, body = \"ok\" }`"),
    ("`data`", "a table: `{ file = \"rows.csv\" }`"),
    ("a value to extract", "a table: `{ json = \"/token\" }`"),
    ("`faults`", "a table: `{ share = \"1%\", reset_after = \"5s\" }`"),
];

/// A table, and where it is written.
pub(super) struct Home {
    pub keys: Keys,
    pub place: &'static str,
}

/// The tables that a key is looked for in when it stands in the wrong one.
pub(super) const HOMES: [Home; 10] = [
    Home { keys: RawStage::KEYS, place: "`stages = [{ … }]` of a scenario" },
    Home { keys: RawScenario::KEYS, place: "`[scenarios.NAME]`" },
    Home { keys: RawTarget::KEYS, place: "`[targets.NAME]`" },
    Home { keys: RawRequest::KEYS, place: "`requests = [{ … }]` of a scenario" },
    Home { keys: RawPlan::KEYS, place: "the first lines, before any `[table]`" },
    Home { keys: RawTls::KEYS, place: "`tls = { … }` of a target" },
    Home { keys: RawHeartbeat::KEYS, place: "`heartbeat = { … }` of a scenario" },
    Home { keys: RawThresholdTable::KEYS, place: "`thresholds = [{ … }]` of a scenario" },
    Home { keys: RawConnection::KEYS, place: "`connection = { … }` of a scenario" },
    Home { keys: RawFaults::KEYS, place: "`faults = { … }` of a target that is `builtin`" },
];

table! {
    /// A test plan: whom it loads, how, and what must hold.
    #[schemars(rename = "Plan")]
    RawPlan, "a plan",
    must {
        /// Names the result folder: letters, digits, `-`, `_` and `.`.
        name: Text,
        /// Whom the plan loads, each with a name.
        targets: Named<RawTarget>,
        /// What runs at the same time, each with a name.
        scenarios: Named<RawScenario>,
    }
    may {
        /// One line for people.
        description: Text,
        /// Seeds think times, jitter and the choice of requests. Default: 42.
        seed: Count,
        /// How this machine makes the load.
        generator: RawGenerator,
        /// Looks for the highest level that passes, by one run after the other.
        search: RawSearch,
    }
}

table! {
    /// Whom a plan loads: addresses, or a server that planrun starts itself.
    #[schemars(rename = "Target")]
    RawTarget, "a target",
    must {}
    may {
        /// tcp-hold: `host:port`; http: a URL, or a Unix socket, `unix:/run/app.sock` or `unix:/run/app.sock:/path`. Or a list of them, used in turn.
        address: OneOrMany<Text>,
        /// Instead of `address`: planrun starts this server on loopback for the run.
        builtin: BuiltinWord,
        /// http, with `builtin`: the body of every answer. Default: `ok`.
        body: Text,
        /// tcp-hold, with `builtin`: whether it sends its message as soon as a connection is accepted. Default: only when the
        /// scenario has a `greeting`.
        greet: bool,
        /// With `builtin`: what it does wrong on purpose.
        faults: RawFaults,
        /// Connections are secured by TLS. `{}` trusts what this machine trusts, or the built-in server's own certificate. http: for addresses
        /// that begin with `https://`, which need it only to say more than that.
        tls: RawTls,
        /// Whether a connection is opened to each address, and closed again, to see that it accepts any before the run. Default: true.
        probe: bool,
    }
}

table! {
    /// Whose certificate a target must have.
    RawTls, "the table of TLS",
    must {}
    may {
        /// A PEM file, seen from the folder of the plan: only what it holds, or has signed, is trusted.
        ca: Text,
        /// The name that the certificate must be for, and that the server is told. Default: the host of the address.
        server_name: Text,
        /// Any certificate will do.
        insecure: bool,
        /// A PEM file, seen from the folder of the plan: the certificate by which this side says who it is.
        cert: Text,
        /// The private key of `cert`, a PEM file.
        key: Text,
        /// http: whether connections go on with the sessions of earlier ones, if the target lets them. Default: true.
        resumption: bool,
    }
}

table! {
    /// What the built-in server does wrong on purpose.
    #[schemars(rename = "Faults")]
    RawFaults, "`faults`",
    must {}
    may {
        /// The part of connections (or requests) that is hit. Default: all.
        share: Ratio,
        /// Chooses which. Default: 42.
        seed: Count,
        /// Refuses every connection: nothing listens.
        refuse: bool,
        /// Listens and never accepts.
        never_accept: bool,
        /// Resets a connection this long after it was accepted.
        reset_after: Time,
        /// Resets a connection once this many bytes were sent on it.
        reset_after_bytes: Count,
        /// Accepts, and never sends a byte.
        silence: bool,
        /// Sends other bytes than it should.
        wrong_data: bool,
        /// Waits before every send.
        delay: Time,
        /// Closes a connection this long after it was accepted.
        close_after: Time,
        /// http: answers with this status.
        status: Status,
        /// http: spreads a body over this time.
        slow_body: Time,
        /// http: promises a whole body, sends half, closes.
        truncate_body: bool,
    }
}

table! {
    /// One kind of load against one target. The scenarios of a plan run at the same time.
    #[schemars(rename = "Scenario")]
    RawScenario, "a scenario",
    must {
        /// What each user does: `tcp-hold` opens one TCP connection and holds it, `http` sends requests.
        protocol: ProtocolWord,
        /// One after the other; levels, not additions.
        stages: Vec<RawStage>,
    }
    may {
        /// A name in `[targets]`. May be left out when the plan has one target.
        target: Text,
        /// When it starts: a time after the run's start, or `hold`: when every other scenario has reached its first hold.
        start_after: Text,
        /// For opening a connection. Default: `10s`, or `timeout` if that is shorter.
        connect_timeout: Time,
        /// What must hold for a PASS: `metric comparison bound`, or a table. Default: `failure_ratio < 1%` (http) or
        /// `success_ratio >= 99%` (tcp-hold); `[]` is none.
        thresholds: Vec<RawThreshold>,
    }
    with {
        hold: RawHold,
        http: RawHttp,
    }
}

table! {
    /// A level that is reached and then held.
    #[schemars(rename = "Stage")]
    RawStage, "a stage",
    must {}
    may {
        /// Its name in reports. Default: its number, from 1.
        name: Text,
        /// A level of concurrent connections or virtual users. Instead of `rate`.
        users: Count,
        /// http: arrivals a second. Instead of `users`.
        rate: Rate,
        /// With `rate`: how far apart arrivals are: `constant`, or `poisson` for independent ones, by the plan's seed. Default: `constant`.
        spacing: SpacingWord,
        /// With `users`: how fast the level is reached. Without this and `ramp`: as fast as the machine can.
        spawn_rate: Rate,
        /// The time in which the level is reached.
        ramp: Time,
        /// How long the level is held. Default: not at all.
        hold: Time,
        /// Keeps this stage out of thresholds.
        warmup: bool,
    }
}

table! {
    /// Who keeps a connection alive, and how it is watched.
    #[schemars(rename = "Heartbeat")]
    RawHeartbeat, "a heartbeat",
    must {
        /// Who sends: `server` or `client`.
        from: SideWord,
        /// How often.
        every: Time,
    }
    may {
        /// From the server: how late a message may be. Default: `10s`.
        grace: Time,
        /// From the client: what is sent.
        send: Text,
        /// From the client: how long the reply may take. Default: `5s`, or `every` if that is shorter.
        timeout: Time,
    }
}

table! {
    /// One kind of request.
    #[schemars(rename = "Request")]
    RawRequest, "a request",
    must {}
    may {
        /// Its name in reports. Default: its method and path.
        name: Text,
        /// Default: `GET`.
        method: Text,
        /// Path and query. A value that is all of it, or begins it, is sent as it is, its query and escapes included; it may be a URL of the
        /// target. Values elsewhere in it are encoded. `*` with `OPTIONS`. Default: those of the target's URL.
        path: Fillable,
        /// Parameters that are added to the path's query, encoded as they must be.
        query: Named<Fillable>,
        /// Its part among all requests, against the other weights. Default: 1.
        weight: Count,
        /// Sent with it.
        headers: Named<Fillable>,
        /// Sent with it. Values in it are escaped where its `content-type` is JSON (inside of strings) or that of a form; else they stand as
        /// they are.
        body: Fillable,
        /// Sent with it: the content of this file, seen from the folder of the plan. In place of `body`.
        body_file: Text,
        /// What the answer must be: a table, or several. Default: any status from 200 to 399.
        expect: OneOrMany<RawExpect>,
        /// In `steps`: values of the answer for later steps, as `${var.NAME}`.
        extract: Named<RawExtract>,
        /// In `steps`: the pause behind this one, in place of the scenario's.
        think_time: TimeRange,
        /// Whether it is sent again when the server closed the idle connection before it answered, and may have processed it. What the server
        /// says it has not processed is sent again in any case. Default: `idempotent`.
        retry: RetryWord,
    }
}

table! {
    /// Who asks: one of the two.
    #[schemars(rename = "Auth")]
    RawAuth, "`auth`",
    must {}
    may {
        /// A name and a password: `name:password`.
        basic: Text,
        /// A token.
        bearer: Fillable,
    }
}

table! {
    /// A threshold and where and when it is looked at.
    #[schemars(rename = "ThresholdTable")]
    RawThresholdTable, "a threshold",
    must {
        /// `metric comparison bound`: `connect.time.p99 < 1s`.
        condition: Text,
    }
    may {
        /// The name of a stage, or `*`: each stage by itself. Default: the scenario as a whole.
        stage: Text,
        /// http: the name of a request, or `*`: each request by itself. Default: all requests as one.
        request: Text,
        /// Which parts of stages. Default: the holds; for `connect.*`, `first_message.*` and the ratios of tcp-hold all parts.
        during: DuringWord,
        /// It must hold in every window of this length.
        window: Time,
        /// Ends the run as soon as it is broken.
        abort: bool,
        /// It is judged live from this long after the start of what is looked at.
        grace: Time,
    }
}
