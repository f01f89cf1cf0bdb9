//! The elements of a plan, one in each file: its type, its keys with their meaning, and their
//! defaults.

pub(in crate::plan) mod baseline;
pub(in crate::plan) mod compare;
pub(in crate::plan) mod extent;
pub(in crate::plan) mod generator;
pub(in crate::plan) mod hold;
mod host_parts;
pub(in crate::plan) mod http;
pub(in crate::plan) mod monitor;
pub(in crate::plan) mod null_target;
pub(in crate::plan) mod plan;
mod properties;
pub(in crate::plan) mod protocol;
pub(in crate::plan) mod scenario;
pub(in crate::plan) mod search;
pub(in crate::plan) mod stage;
pub(in crate::plan) mod target;
pub(in crate::plan) mod threshold;
pub(in crate::plan) mod validity_limits;
pub(in crate::plan) mod work;
pub(in crate::plan) mod ws_hold;
