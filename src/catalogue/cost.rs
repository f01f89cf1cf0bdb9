//! Figures of reports that no threshold can name: the cost of connections, and the rates of a plan.

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureRow {
    /// The key in report.json.
    pub key: &'static str,
    /// Its meaning, in a sentence.
    pub doc: &'static str,
    /// The dividend and the divisor.
    pub formula: &'static str,
    /// Of its value.
    pub unit: &'static str,
}

/// The cost of held connections: the figures of `cost`, for the generator, a built-in target and
/// the kernel.
pub const COSTS: &[FigureRow] = &[
    FigureRow {
        key: "kernel_bytes_per_connection",
        doc: "Kernel memory for each connection that is open more, all its ends on this machine.",
        formula: "(kernel memory with most connections open - before the first) / these connections",
        unit: "bytes",
    },
    FigureRow {
        key: "rss_bytes_per_connection",
        doc: "Resident memory of the processes for each connection that is open more.",
        formula: "(`rss_bytes` - `fixed_rss_bytes`) / connections",
        unit: "bytes",
    },
    FigureRow {
        key: "total_rss_bytes_per_connection",
        doc: "The same with what processes take before their first connection.",
        formula: "`rss_bytes` / connections",
        unit: "bytes",
    },
    FigureRow {
        key: "fixed_rss_bytes_per_process",
        doc: "Resident memory of a process before its first connection.",
        formula: "`fixed_rss_bytes` / processes",
        unit: "bytes",
    },
    FigureRow {
        key: "cpu_seconds_per_thousand_connections",
        doc: "Processor time for a thousand connections opened.",
        formula: "processor time while connections were opened, outside of holds / opened then × 1,000",
        unit: "seconds",
    },
    FigureRow {
        key: "cpu_seconds_per_heartbeat",
        doc: "Processor time for a heartbeat.",
        formula: "processor time in holds while no connection was opened / heartbeats received then",
        unit: "seconds",
    },
];

/// The planned load: the figures of `planned`, none of them measured.
pub const PLANNED: &[FigureRow] = &[
    FigureRow {
        key: "rate_per_s",
        doc: "Arrivals a second that a stage is planned to have.",
        formula: "as the plan has it, scaled",
        unit: "things a second",
    },
    FigureRow {
        key: "spawn_rate_per_s",
        doc: "Users a second that a ramp is planned to start.",
        formula: "as the plan has it, scaled",
        unit: "things a second",
    },
];

/// What this machine can generate, as `--calibrate` measures it: the figures of `calibration`.
pub const CALIBRATION: &[FigureRow] = &[
    FigureRow {
        key: "per_second",
        doc: "Attempts that this machine can start, against a built-in target.",
        formula: "attempts started / length of the calibration",
        unit: "things a second",
    },
    FigureRow {
        key: "used_per_second",
        doc: "The most attempts that the run started in a second.",
        formula: "`started` of the busiest second of the timeline",
        unit: "things a second",
    },
    FigureRow {
        key: "used_ratio",
        doc: "The load of the busiest second, as a part of what this machine can generate.",
        formula: "sum over the scenarios of `started` of that second / `per_second`",
        unit: "a part of a whole",
    },
];
