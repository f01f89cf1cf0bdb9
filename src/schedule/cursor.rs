//! Steps through what falls due for one partition in one stage, in order.

use super::poisson::Poisson;
use super::{Partition, Segment, Shape};

/// One thing that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduledEvent {
    /// User number `.0` starts.
    UserStart(u64),
    /// User number `.0` stops.
    UserStop(u64),
    /// Arrival number `.0` of the scenario.
    Arrival(u64),
}

/// A position among the attempts due in one stage, in the order of due times. A value: it has no
/// clock, and does not know whether they were started.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleCursor {
    segment: Segment,
    partition: Partition,
    block: u64,
    /// Starts and arrivals: the next number. Stops: one above the next user.
    next: u64,
    /// Where arrivals are random: the next one.
    poisson: Option<Poisson>,
}

impl ScheduleCursor {
    pub(super) fn new(
        segment: &Segment,
        partition: Partition,
        block: u64,
        poisson: Option<Poisson>,
    ) -> Self {
        let next = match segment.shape {
            Shape::Users { from, .. } => from,
            Shape::Rate { .. } => segment.first_arrival(),
        };
        let mut cursor = Self { segment: *segment, partition, block, next, poisson };
        cursor.settle(next);
        cursor
    }

    /// The next due attempt, and its time from the stage's start; `None` at the end.
    pub fn peek(&self) -> Option<(ScheduledEvent, u64)> {
        match self.segment.shape {
            Shape::Users { from, to, .. } if to >= from => (self.next < to).then(|| {
                (ScheduledEvent::UserStart(self.next), self.segment.user_due_ns(self.next - from))
            }),
            Shape::Users { from, to, .. } => (self.next > to).then(|| {
                (
                    ScheduledEvent::UserStop(self.next - 1),
                    self.segment.user_due_ns(from - self.next),
                )
            }),
            Shape::Rate { .. } => {
                let due = match &self.poisson {
                    Some(poisson) => poisson.due_ns()?,
                    None => self.segment.arrival_due_ns(self.next)?,
                };
                Some((ScheduledEvent::Arrival(self.next), due))
            }
        }
    }

    /// Steps over what `peek` showed.
    pub fn advance(&mut self) {
        let before = self.next;
        if self.is_down() {
            self.next = self.next.saturating_sub(1);
        } else {
            self.next += 1;
        }
        self.settle(before);
    }

    fn is_down(&self) -> bool {
        matches!(self.segment.shape, Shape::Users { from, to, .. } if to < from)
    }

    /// Moves on to the next number of this partition; random arrivals were at number `before`.
    fn settle(&mut self, before: u64) {
        if !self.is_down() {
            self.next = self.partition.next_owned(self.next, self.block);
            if let Some(poisson) = &mut self.poisson {
                for _ in before..self.next {
                    poisson.advance(&self.segment);
                }
            }
            return;
        }
        self.next = self.partition.end_of_owned(self.next, self.block);
    }
}
