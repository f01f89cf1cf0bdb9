//! The `schema` subcommand.

use super::{ExitStatus, print_result};
use crate::plan::Plan;

pub(super) fn schema() -> ExitStatus {
    let text = format!("{:#}\n", Plan::schema());
    print_result(text.as_bytes())
}
