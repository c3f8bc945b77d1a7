//! The live progress of a run.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, Subscription};
use futures_util::{Stream, StreamExt};
use uuid::Uuid;

use super::types::{AutomationItemState, AutomationRun, AutomationRunState, AutomationStage, AutomationStageProgress};
use crate::{
    automation::{
        Automation,
        progress::{ItemTold, ProgressEvent},
    },
    error::Error,
    graphql::{
        context::service,
        guard::{SubscriptionPolicy, visible},
        node::{self, NodeKind},
        scalars::{Credits, DateTime, SafeInt},
    },
    image::graphql::Image,
    ledger::graphql::CreditBalance,
};

/// What an event of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::automation::progress::ProgressKind")]
pub enum AutomationProgressEventKind {
    /// The run as it is; what follows continues it.
    Snapshot,
    /// A snapshot that replaces all that the client holds.
    Resync,
    /// The run's state, its reason or its figures changed.
    State,
    /// A stage's status or counts changed.
    Stage,
    /// A step ended: its items were delivered or failed.
    Item,
    /// Nothing is in flight or held any more.
    Drained,
    /// The run ended; nothing follows.
    Finished,
}

/// What one step of a stage came to.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct AutomationItem {
    /// Of which stage.
    stage: AutomationStage,
    /// How it ended.
    state: AutomationItemState,
    /// How many items of the stage it was about: 1, but for stages with larger batches.
    count: i32,
    /// Credits charged for it.
    credits: Credits,
    /// Our code of what went wrong; null unless something did.
    error_code: Option<String>,
    #[graphql(skip)]
    image_id: Option<Uuid>,
}

/// What one step of a stage came to.
#[async_graphql::ComplexObject]
impl AutomationItem {
    /// The image it delivered; null for other stages.
    async fn image(&self, ctx: &Context<'_>) -> Result<Option<Image>> {
        let Some(id) = self.image_id else { return Ok(None) };
        Ok(Image::load(ctx, id).await?)
    }
}

impl From<ItemTold> for AutomationItem {
    fn from(told: ItemTold) -> Self {
        Self {
            stage: told.stage.into(),
            state: told.state.into(),
            count: told.count,
            credits: Credits(told.credits),
            error_code: told.error_code,
            image_id: told.image_id,
        }
    }
}

/// One event of a run. Events are numbered without a gap.
pub struct AutomationProgressEvent {
    event: ProgressEvent,
    run_id: Uuid,
}

/// One event of a run. Events are numbered without a gap.
#[Object]
impl AutomationProgressEvent {
    /// What it is.
    async fn kind(&self) -> AutomationProgressEventKind {
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

    /// The run: in a snapshot as of its number, else as it is when this is read.
    async fn run(&self, ctx: &Context<'_>) -> Result<AutomationRun> {
        if let Some(run) = &self.event.told.run {
            return Ok(AutomationRun(run.clone()));
        }
        Ok(AutomationRun::load(ctx, self.run_id).await?.ok_or(Error::NotFound)?)
    }

    /// The state that the run went to; null for events that tell of none.
    async fn state(&self) -> Option<AutomationRunState> {
        self.event.told.state.map(Into::into)
    }

    /// How far the stage is that the event is about, as it is when this is read; null for other events.
    async fn stage(&self, ctx: &Context<'_>) -> Result<Option<AutomationStageProgress>> {
        let Some(stage) = self.event.told.stage else { return Ok(None) };
        let stages = AutomationRun::stages_of(ctx, self.run_id).await?;
        Ok(stages.into_iter().find(|one| one.0.stage == stage))
    }

    /// The step that ended; null for other events.
    async fn item(&self) -> Option<AutomationItem> {
        self.event.told.item.clone().map(Into::into)
    }

    /// The message of the run's notification, at its end; null before.
    async fn message(&self) -> Option<&str> {
        self.event.told.message.as_deref()
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

/// Subscriptions to runs.
#[derive(Default)]
pub struct AutomationSubscription;

#[Subscription]
impl AutomationSubscription {
    /// A run's progress, live: a `SNAPSHOT`, then every event in order, numbered without a gap, and at last `FINISHED`. With
    /// `after` it continues from that event; a cursor that is too old answers `RESYNC`.
    #[graphql(guard = "SubscriptionPolicy", visible = "visible::signed_in")]
    async fn automation_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which run.")] run_id: ID,
        #[graphql(desc = "The cursor of the last event received.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<AutomationProgressEvent>> + use<>> {
        let id = node::decode(NodeKind::AutomationRun, &run_id, &["runId"])?;
        let run = AutomationRun::find(ctx, id).await?.ok_or(Error::NotFound)?.0;
        let events = service::<Automation>(ctx)?.follow_run(run.account_id, id, after).await?;
        Ok(events.map(move |event| Ok(AutomationProgressEvent { event: event?, run_id: id })))
    }
}
