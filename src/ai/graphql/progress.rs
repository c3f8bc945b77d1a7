//! The live progress of a task.

use async_graphql::{Context, Enum, ID, Object, Result, Subscription, dataloader::DataLoader};
use futures_util::{Stream, StreamExt};
use uuid::Uuid;

use super::{
    loader::{AiLoader, ItemsOf},
    task::{AiTask, AiTaskItem, AiTaskPhase},
};
use crate::{
    ai::{Ai, progress::ProgressEvent},
    error::Error,
    graphql::{
        context::service,
        guard::{SubscriptionPolicy, visible},
        node::{self, NodeKind},
        scalars::{Credits, DateTime, SafeInt},
    },
    ledger::graphql::CreditBalance,
};

/// What an event of a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ai::progress::ProgressKind")]
pub enum AiTaskProgressEventKind {
    /// The task as it is; what follows continues it.
    Snapshot,
    /// A snapshot that replaces all that the client holds.
    Resync,
    /// A phase began.
    Phase,
    /// An item was delivered or failed.
    Item,
    /// Something was asked of the task, such as its end.
    State,
    /// The task ended; nothing follows.
    Finished,
}

/// One event of a task. Events are numbered without a gap.
pub struct AiTaskProgressEvent {
    event: ProgressEvent,
    task_id: Uuid,
}

/// One event of a task. Events are numbered without a gap.
#[Object]
impl AiTaskProgressEvent {
    /// What it is.
    async fn kind(&self) -> AiTaskProgressEventKind {
        self.event.told.kind.into()
    }

    /// The event's number, or the last one's in a snapshot.
    async fn sequence(&self) -> SafeInt {
        SafeInt(self.event.sequence)
    }

    /// Give it as `after` to continue from here.
    async fn cursor(&self) -> &str {
        &self.event.cursor
    }

    /// The task: in a snapshot as of its number, else as it is when this is read; null only when it cannot be read.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<AiTask>> {
        if let Some(task) = &self.event.told.task {
            return Ok(Some(AiTask(task.clone())));
        }
        Ok(AiTask::load(ctx, self.task_id).await?)
    }

    /// The phase that began; null for other events.
    async fn phase(&self) -> Option<AiTaskPhase> {
        self.event.told.phase.map(Into::into)
    }

    /// How much of the task is done after it, 0–100; null where it did not change.
    async fn percent(&self) -> Option<i32> {
        self.event.told.percent
    }

    /// The item that ended; null for other events.
    async fn item(&self, ctx: &Context<'_>) -> Result<Option<AiTaskItem>> {
        let Some(id) = self.event.told.item_id else { return Ok(None) };
        let items = service::<DataLoader<AiLoader>>(ctx)?.load_one(ItemsOf(self.task_id)).await?.unwrap_or_default();
        Ok(items.into_iter().find(|item| item.id == id).map(AiTaskItem))
    }

    /// Our code of what went wrong; null unless something did.
    async fn error_code(&self) -> Option<&str> {
        self.event.told.error_code.as_deref()
    }

    /// The message of the task's notification, at its end; null before.
    async fn message(&self) -> Option<&str> {
        self.event.told.message.as_deref()
    }

    /// Credits charged: for the item, or for the whole task at its end; null where none were.
    async fn credits(&self) -> Option<Credits> {
        self.event.told.credits.map(Credits)
    }

    /// The account's credits after it; null where none moved. A client shows whichever sequence is higher.
    async fn balance(&self) -> Option<CreditBalance> {
        CreditBalance::after(&self.event)
    }

    /// When.
    async fn created_at(&self) -> DateTime {
        DateTime(self.event.at)
    }
}

/// AI subscriptions.
#[derive(Default)]
pub struct AiSubscription;

#[Subscription]
impl AiSubscription {
    /// A task's progress, live: a `SNAPSHOT`, then every event in order, numbered without a gap, and at last `FINISHED`.
    /// With `after` it continues from that event; a cursor that is too old answers `RESYNC`.
    #[graphql(guard = "SubscriptionPolicy", visible = "visible::signed_in")]
    async fn ai_task_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] task_id: ID,
        #[graphql(desc = "The cursor of the last event received.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<AiTaskProgressEvent>> + use<>> {
        let id = node::decode(NodeKind::AiTask, &task_id, &["taskId"])?;
        let task = AiTask::find(ctx, id).await?.ok_or(Error::NotFound)?.0;
        let events = service::<Ai>(ctx)?.follow_task(task.account_id, id, after).await?;
        Ok(events.map(move |event| Ok(AiTaskProgressEvent { event: event?, task_id: id })))
    }
}
