//! Turns measured and computed figures into whole ones, and into words.

pub use crate::units::figure::{bytes, grouped};

/// The whole part of a figure that is not negative; larger ones than fit are the largest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is below zero is zero here"
)]
pub(super) fn whole(value: f64) -> u64 {
    value as u64
}
