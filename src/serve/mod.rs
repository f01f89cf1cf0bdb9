//! Turns a port into a server that behaves as a test needs it to.
