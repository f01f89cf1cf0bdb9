//! Turns the host into facts: limits, counters, environment, and what a plan needs of them.
