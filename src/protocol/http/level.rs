//! Turns what lives into how much of it there is.

use std::cell::Cell;
use std::rc::Rc;

/// Counts one while it lives.
#[derive(Debug)]
pub struct Level(Rc<Cell<u64>>);

impl Level {
    /// Adds one to a count, until this is dropped.
    pub fn up(of: &Rc<Cell<u64>>) -> Self {
        of.set(of.get() + 1);
        Self(Rc::clone(of))
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
