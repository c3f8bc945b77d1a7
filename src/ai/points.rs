//! Named points of a task's run, between its transactions, where tests stop the process as a crash would.

use std::{future::Future, pin::Pin};

/// Where a run can be stopped: always just after what the name says has been committed or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// The fence was raised.
    Begun,
    /// The attempt was recorded.
    Prepared,
    /// The attempt was marked as sent; nothing has left.
    Sent,
    /// The provider has answered.
    Answered,
    /// The result lies in the object store.
    Stored,
    /// The answer was recorded.
    Received,
    /// The item was settled or released.
    Finished,
    /// The item of a run was held; those of other tasks are held before they run.
    Held,
}

impl Point {
    /// Every point of a task of its own, in the order in which a run passes them.
    pub const ALL: [Self; 7] =
        [Self::Begun, Self::Prepared, Self::Sent, Self::Answered, Self::Stored, Self::Received, Self::Finished];

    /// Every point of an item of a run, in order.
    pub const OF_STAGES: [Self; 7] =
        [Self::Held, Self::Prepared, Self::Sent, Self::Answered, Self::Stored, Self::Received, Self::Finished];
}

/// Looks on as runs pass points.
pub trait FailPoints: Send + Sync {
    /// Returns when the run may go on; a test that crashes it never returns.
    fn reach(&self, point: Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Lets every run pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFailPoints;

impl FailPoints for NoFailPoints {
    fn reach(&self, _: Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}
