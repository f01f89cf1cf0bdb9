//! Whole runs on built-in servers: the report says what happened, the other side agrees, the exit
//! status follows.

mod api;
mod bodies;
mod churn;
mod expectations;
mod faults;
mod fixed_work;
mod generated;
mod http2;
mod kept_failures;
mod memory;
mod missing;
mod named_checks;
mod narrated;
mod openings;
mod own_messages;
mod payloads;
mod quickstart;
mod read_once;
mod refusals;
mod rows;
mod samples;
mod scarce;
mod search;
mod sent;
mod shapes;
mod sources;
mod stalls;
mod streams;
mod taken;
mod tried;
mod unix_sockets;
mod validity;
mod verdicts;
