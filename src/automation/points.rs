//! Named points of a run's turn, between its transactions, where tests stop the process as a crash would.

use std::{future::Future, pin::Pin};

/// Where a turn can be stopped: always just after what the name says has been committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// The fence was raised.
    Begun,
    /// What a stage is about was fixed.
    Selected,
    /// Items are in flight, and nothing of them was begun.
    Taken,
    /// Every step of a wave has ended.
    Ended,
    /// A stage has ended, and its AI task with it.
    StageEnded,
    /// The run has ended, or is paused.
    Over,
}

impl Point {
    /// Every point, in the order in which a turn first passes them.
    pub const ALL: [Self; 6] = [Self::Begun, Self::Selected, Self::Taken, Self::Ended, Self::StageEnded, Self::Over];
}

/// Looks on as turns pass points.
pub trait FailPoints: Send + Sync {
    /// Returns when the turn may go on; a test that crashes it never returns.
    fn reach(&self, point: Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Lets every turn pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFailPoints;

impl FailPoints for NoFailPoints {
    fn reach(&self, _: Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}
