//! Turns the state of a run into a terminal: lines that stay, and below them lines that move.

mod canvas;
mod frame;
mod permanent;

pub(super) use canvas::Canvas;
pub(super) use frame::{Size, frame};
pub(super) use permanent::PermanentLines;
