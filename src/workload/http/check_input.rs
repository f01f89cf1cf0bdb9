//! Turns a check, and what has come of a response, into whether it holds; otherwise into why not.

use super::assertions::PreparedAssertion;
use super::content::{Content, EMPTY, shown};
use super::json::{self, Uncompared};
use crate::plan::Comparison;
use std::borrow::Cow;

/// A response that has come whole, as one check sees it.
pub(super) struct CheckInput<'a> {
    /// The place of the check among those of the request.
    pub at: usize,
    /// Whether the header that the check is of is as expected.
    pub is_expected_header: bool,
    /// The body, where it is looked at.
    pub content: Option<&'a mut Content>,
    /// Bytes of the body, as they were sent.
    pub received: u64,
}

/// Whether a check holds. `filled`: its value for this request, where that is filled in.
///
/// # Errors
/// In words, why it does not hold.
pub(super) fn holds(
    check: &PreparedAssertion,
    filled: Option<&[u8]>,
    input: CheckInput<'_>,
) -> Result<(), String> {
    let CheckInput { at, is_expected_header, content, received } = input;
    match check {
        PreparedAssertion::Elsewhere => Ok(()),
        PreparedAssertion::Header(..) | PreparedAssertion::HeaderExists(..)
            if is_expected_header =>
        {
            Ok(())
        }
        PreparedAssertion::Header(name, fixed) => {
            Err(format!("the header `{name}` is not `{}`", wanted(filled, fixed)))
        }
        PreparedAssertion::HeaderExists(name, true) => Err(format!("there is no header `{name}`")),
        PreparedAssertion::HeaderExists(name, false) => Err(format!("there is a header `{name}`")),
        PreparedAssertion::Size(comparison, bytes) => {
            let holds = comparison.holds(received as f64, *bytes as f64);
            let why = || format!("the body has {received} bytes, not {comparison} {bytes}");
            holds.then_some(()).ok_or_else(why)
        }
        PreparedAssertion::Body(_) | PreparedAssertion::Contains(_) => {
            content.map_or(Ok(()), |content| content.found(at))
        }
        PreparedAssertion::NotContains(_) => content.map_or(Ok(()), |content| content.absent(at)),
        PreparedAssertion::Matches(pattern) => {
            let content = content.filter(|one| !one.is_empty()).ok_or(EMPTY)?;
            let matches = pattern.is_match(content.kept());
            matches.then_some(()).ok_or_else(|| format!("`{pattern}` matches nothing"))
        }
        PreparedAssertion::Json(pointer, fixed) => {
            let value = pointed(content.as_deref(), pointer)?;
            same(value, pointer, filled, fixed)
        }
        PreparedAssertion::JsonNumber(pointer, comparison, fixed) => {
            let value = pointed(content.as_deref(), pointer)?;
            compares(value, pointer, *comparison, &wanted(filled, fixed))
        }
        PreparedAssertion::JsonExists(pointer, true) => {
            pointed(content.as_deref(), pointer).map(|_| ())
        }
        PreparedAssertion::JsonExists(pointer, false) => {
            let json = content.as_deref().ok_or(EMPTY)?.json()?;
            json::pointed(json, pointer)
                .map_or(Ok(()), |value| Err(format!("`{pointer}` is {}", shown(value.as_bytes()))))
        }
    }
}

/// The text of the value at a place in JSON.
pub(super) fn pointed<'a>(content: Option<&'a Content>, pointer: &str) -> Result<&'a str, String> {
    let json = content.ok_or(EMPTY)?.json()?;
    json::pointed(json, pointer).ok_or_else(|| format!("there is nothing at `{pointer}`"))
}

fn same(value: &str, pointer: &str, filled: Option<&[u8]>, fixed: &str) -> Result<(), String> {
    let wanted = wanted(filled, fixed);
    // A value that is filled in is text: it may stand for a number as well.
    if json::same(value, &wanted) || (filled.is_some() && json::same_text(value, &wanted)) {
        return Ok(());
    }
    Err(format!("`{pointer}` is {}, not {wanted}", shown(value.as_bytes())))
}

fn compares(value: &str, pointer: &str, comparison: Comparison, bound: &str) -> Result<(), String> {
    let is = shown(value.as_bytes());
    json::compared(value, comparison, bound.trim()).map_err(|why| match why {
        Uncompared::Differs => format!("`{pointer}` is {is}, not {comparison} {bound}"),
        Uncompared::Value => format!("`{pointer}` is {is}, which is not a number"),
        Uncompared::Bound => {
            format!("`{pointer}` is compared with `{bound}`, which is not a number")
        }
    })
}

/// The value that a check compares with: the one of this request, or the one of all.
fn wanted<'a>(filled: Option<&'a [u8]>, fixed: &'a str) -> Cow<'a, str> {
    filled.map_or(Cow::Borrowed(fixed), String::from_utf8_lossy)
}
