//! Turns a plan into what is due when, and whose share it is, by arithmetic alone.
