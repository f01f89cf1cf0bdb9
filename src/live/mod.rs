//! Turns the events of a run into something to watch.
