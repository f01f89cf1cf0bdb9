//! Turns saved entries into files that people and programs read.
