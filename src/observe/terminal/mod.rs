//! Turns the state of a run into a terminal: lines that stay, and below them lines that move.

mod area;
mod canvas;
mod frame;
mod permanent;

pub(super) use area::Terminal;
pub(super) use canvas::Canvas;
pub(super) use frame::{Size, frame};
pub(super) use permanent::PermanentLines;
