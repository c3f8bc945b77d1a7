//! The live progress of a task.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, Subscription, dataloader::DataLoader};
use futures_util::{Stream, StreamExt};
use uuid::Uuid;

use super::{
    loader::{AiLoader, ItemsOf, TaskOf},
    task::{AiTask, AiTaskItem, AiTaskPhase},
};
use crate::{
    ai::{
        Ai,
        progress::{ProgressEvent, ProgressKind},
    },
    error::Error,
    graphql::{
        context::{service, viewer},
        guard::{SubscriptionPolicy, visible},
        node::{self, NodeKind},
        scalars::{Credits, DateTime, SafeInt},
    },
    ledger::{Tenants, graphql::CreditBalance},
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
        let kind: ProgressKind = self.event.kind;
        kind.into()
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
        if let Some(task) = &self.event.task {
            return Ok(Some(AiTask(task.clone())));
        }
        Ok(service::<DataLoader<AiLoader>>(ctx)?.load_one(TaskOf(self.task_id)).await?.map(AiTask))
    }

    /// The phase that began; null for other events.
    async fn phase(&self) -> Option<AiTaskPhase> {
        self.event.phase.map(Into::into)
    }

    /// How much of the task is done after it, 0–100; null where it did not change.
    async fn percent(&self) -> Option<i32> {
        self.event.percent
    }

    /// The item that ended; null for other events.
    async fn item(&self, ctx: &Context<'_>) -> Result<Option<AiTaskItem>> {
        let Some(id) = self.event.item_id else { return Ok(None) };
        let items = service::<DataLoader<AiLoader>>(ctx)?.load_one(ItemsOf(self.task_id)).await?.unwrap_or_default();
        Ok(items.into_iter().find(|item| item.id == id).map(AiTaskItem))
    }

    /// Our code of what went wrong; null unless something did.
    async fn error_code(&self) -> Option<&str> {
        self.event.error_code.as_deref()
    }

    /// The message of the task's notification, at its end; null before.
    async fn message(&self) -> Option<&str> {
        self.event.message.as_deref()
    }

    /// Credits charged: for the item, or for the whole task at its end; null where none were.
    async fn credits(&self) -> Option<Credits> {
        self.event.credits.map(Credits)
    }

    /// The account's credits after it; null where none moved. A client shows whichever sequence is higher.
    async fn balance(&self) -> Option<CreditBalance> {
        let (sequence, available, held) = self.event.balance?;
        Some(CreditBalance {
            available: Credits(available),
            held: Credits(held),
            sequence: SafeInt(sequence),
            as_of: DateTime(self.event.at),
        })
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
        let task = service::<DataLoader<AiLoader>>(ctx)?.load_one(TaskOf(id)).await?.ok_or(Error::NotFound)?;
        service::<Arc<dyn Tenants>>(ctx)?.see(*viewer(ctx)?, task.account_id).await?;
        let events = service::<Ai>(ctx)?.follow_task(task.account_id, id, after).await?;
        Ok(events.map(move |event| Ok(AiTaskProgressEvent { event: event?, task_id: id })))
    }
}
