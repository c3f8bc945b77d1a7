//! Loads what work a hold is for, for many holds at once. The caller has authorised by holding the hold.

use async_graphql::{Context, dataloader::DataLoader};
use uuid::Uuid;

use crate::{
    error::Error,
    graphql::{context::service, loaders::loads},
    ledger::model::WorkKind,
    trace::Trace,
};

/// Loads by id.
pub struct TraceLoader(pub Trace);

loads! {
    TraceLoader:
    /// An item whose AI task is asked for.
    ItemTaskOf => Uuid, load_tasks_of_items;
}

/// The AI task that a piece of work is, or belongs to; `None` when it is no longer there.
pub async fn task_of_work(ctx: &Context<'_>, kind: WorkKind, work: Uuid) -> Result<Option<Uuid>, Error> {
    match kind {
        WorkKind::AiTask => Ok(Some(work)),
        WorkKind::AiTaskItem => service::<DataLoader<TraceLoader>>(ctx)?.load_one(ItemTaskOf(work)).await,
    }
}
