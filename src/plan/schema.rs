//! Turns the tables of a plan into a JSON Schema for editors.

use crate::plan::Plan;
use crate::plan::elements::plan::RawPlan;
use schemars::generate::SchemaSettings;

impl Plan {
    /// The JSON Schema (draft-07) of plans.
    pub fn schema() -> serde_json::Value {
        SchemaSettings::draft07().into_generator().into_root_schema_for::<RawPlan>().to_value()
    }
}
