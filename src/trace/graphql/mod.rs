//! Traces in the API.

mod loader;
mod query;
mod types;

pub use loader::{TraceLoader, task_of_work};
pub use query::TraceQuery;
pub use types::{
    CreditBucket, CreditDraw, CreditMove, CreditMoveConnection, CreditTrace, CreditTraceInput, CreditTraceLot,
    CreditTraceLots, CreditTraceStep, CreditTraceStepConnection, CreditUsage,
};
