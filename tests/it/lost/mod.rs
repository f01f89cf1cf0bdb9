//! Whatever ends a run, fills its disk or changes its files: what was measured is there, or the
//! report says what is missing, and no number is wrong.

mod counting;
mod disk;
mod killed;
mod readers;
mod room;
