//! Turns what a plan expects of a response into the values of one request: fixed ones are prepared
//! once, others are filled in from a row, and from what earlier steps extracted.

use super::assertions::FilledValues;
use super::request_template::{FillError, TemplatePart, fill, parts};
use super::session::UserSession;
use super::test_data::TestData;
use crate::plan::Request;

/// The checks of a request whose values differ from request to request.
#[derive(Debug)]
pub(super) struct ExpectedValues {
    /// By the place of the check.
    parts: Vec<Option<Vec<TemplatePart>>>,
}

impl ExpectedValues {
    /// The values of a request; `None` if all of them are fixed.
    ///
    /// # Errors
    /// In words, what the data or the steps do not have.
    pub(super) fn new(
        request: &Request,
        test_data: &TestData,
        variables: &[String],
    ) -> Result<Option<Self>, String> {
        let filled = request.checks.iter().map(|check| {
            let value = check.what.value().filter(|value| value.fixed().is_none());
            value.map(|value| parts(value, test_data, variables)).transpose()
        });
        let parts = filled.collect::<Result<Vec<_>, String>>()?;
        Ok(parts.iter().any(Option::is_some).then_some(Self { parts }))
    }

    /// The values for the next request of a session.
    pub(super) fn fill(
        &self,
        session: &UserSession,
        test_data: &TestData,
    ) -> Result<FilledValues, FillError> {
        let value = |parts: &Option<Vec<TemplatePart>>| {
            let Some(parts) = parts else { return Ok(None) };
            let mut value = Vec::new();
            fill(parts, &mut value, session, test_data)?;
            Ok(Some(value.into_boxed_slice()))
        };
        self.parts.iter().map(value).collect()
    }
}
