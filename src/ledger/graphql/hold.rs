//! `CreditHold`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject, dataloader::DataLoader};
use futures_util::future::try_join_all;

use super::{
    grant::CreditGrant,
    loader::{HoldOf, LedgerLoader, PartsOf},
    types::CreditTransaction,
};
use crate::{
    ai::graphql::AiTask,
    auth::graphql::{User, person},
    automation::graphql::AutomationRun,
    connection,
    error::Error,
    graphql::{
        context::service,
        loaders::owned,
        node::{self, NodeKind},
        scalars::{Credits, DateTime, SafeInt},
    },
    ledger::{
        HoldFilter, HoldStage, OwnedHold,
        model::{HoldState, Part},
    },
    trace::graphql::task_of_work,
};

/// Where a hold is in its life. It ends once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ledger::store::HoldStage")]
pub enum CreditHoldState {
    /// Its credits are reserved.
    Held,
    /// What the work cost was charged; the rest came back.
    Settled,
    /// All came back.
    Released,
    /// All came back because nobody ended it in time.
    Expired,
}

/// Which holds. Omitted fields do not filter.
#[derive(Debug, Clone, Default, InputObject)]
pub struct CreditHoldFilter {
    /// Only these states, at most 4.
    pub states: Option<Vec<CreditHoldState>>,
    /// Only those of this automation run.
    pub run_id: Option<ID>,
}

impl CreditHoldFilter {
    /// As the ledger takes it. Refuses: `BadUserInput` for an id of another kind.
    pub(super) fn check(self) -> Result<HoldFilter, Error> {
        let path = ["filter", "runId"];
        Ok(HoldFilter {
            stages: self.states.unwrap_or_default().into_iter().map(Into::into).collect(),
            run: self.run_id.map(|id| node::decode(NodeKind::AutomationRun, &id, &path)).transpose()?,
        })
    }
}

/// What a hold drew from one grant.
#[derive(Debug, Clone, SimpleObject)]
pub struct CreditHoldLot {
    /// The grant; null only when it cannot be read.
    pub grant: Option<CreditGrant>,
    /// Credits drawn from it, 1 or more.
    pub amount: Credits,
}

/// The most lots that one answer shows.
const LOTS_SHOWN: usize = 100;

/// Credits reserved for one step of work.
#[derive(Debug, Clone)]
pub struct CreditHold(pub OwnedHold);

owned!(CreditHold: LedgerLoader, HoldOf);

impl CreditHold {
    async fn parts(&self, ctx: &Context<'_>) -> Result<Vec<Part>, Error> {
        let loader = service::<DataLoader<LedgerLoader>>(ctx)?;
        Ok(loader.load_one(PartsOf(self.0.hold.id())).await?.unwrap_or_default())
    }
}

/// Credits reserved for one step of work: its binding quote.
#[Object]
impl CreditHold {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::CreditHold, self.0.hold.id())
    }

    /// Where it is in its life.
    async fn state(&self) -> CreditHoldState {
        HoldStage::from(self.0.hold.state).into()
    }

    /// Credits that were reserved, 1 or more.
    async fn amount(&self) -> Credits {
        Credits(self.0.hold.item.amount.get())
    }

    /// Credits charged for the work, from what was reserved and beyond it; 0 unless it is settled.
    async fn settled(&self) -> Credits {
        match self.0.hold.state {
            HoldState::Settled { settled, .. } => Credits(settled),
            HoldState::Held | HoldState::Released { .. } | HoldState::Expired { .. } => Credits(0),
        }
    }

    /// Credits of delivered work that nobody could be charged for.
    async fn shortfall(&self) -> Credits {
        match self.0.hold.state {
            HoldState::Settled { shortfall, .. } => Credits(shortfall),
            HoldState::Held | HoldState::Released { .. } | HoldState::Expired { .. } => Credits(0),
        }
    }

    /// Credits of what was charged that were given back since.
    async fn refunded(&self) -> Credits {
        match self.0.hold.state {
            HoldState::Settled { refunded, .. } => Credits(refunded),
            HoldState::Held | HoldState::Released { .. } | HoldState::Expired { .. } => Credits(0),
        }
    }

    /// When it may come back without a word from its work.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.hold.item.expires_at)
    }

    /// When it was taken.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.hold.created_at)
    }

    /// The transaction that took it; null only when it cannot be read.
    async fn opened_by(&self, ctx: &Context<'_>) -> Result<Option<CreditTransaction>> {
        Ok(CreditTransaction::numbered(ctx, self.0.account_id, Some(self.0.hold.opened_seq)).await?)
    }

    /// The transaction that ended it; null while it is held.
    async fn closed_by(&self, ctx: &Context<'_>) -> Result<Option<CreditTransaction>> {
        Ok(CreditTransaction::numbered(ctx, self.0.account_id, self.0.hold.state.closed_seq()).await?)
    }

    /// The grants it drew from when it was taken, in the order in which they are used, at most 100 of `lotsTotal`; what a settle
    /// charged beyond it came from others. Null only when they cannot be read.
    async fn lots(&self, ctx: &Context<'_>) -> Result<Option<Vec<CreditHoldLot>>> {
        let parts = self.parts(ctx).await?;
        // At once, so that a loader reads them with one statement.
        let lots = try_join_all(parts.iter().take(LOTS_SHOWN).map(async |part| {
            let grant = CreditGrant::load(ctx, part.grant).await?;
            Ok::<_, Error>(CreditHoldLot { grant, amount: Credits(part.amount) })
        }));
        Ok(Some(lots.await?))
    }

    /// From how many grants it drew, 1–500.
    async fn lots_total(&self, ctx: &Context<'_>) -> Result<SafeInt> {
        Ok(SafeInt(i64::try_from(self.parts(ctx).await?.len()).unwrap_or(i64::MAX)))
    }

    /// The AI task that it is for; null when that is no longer there.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<AiTask>> {
        let item = &self.0.hold.item;
        match task_of_work(ctx, item.work_kind, item.work_id).await? {
            Some(task) => Ok(AiTask::load(ctx, task).await?),
            None => Ok(None),
        }
    }

    /// The automation run that its work is part of; null for a command of its own, and when the run is no longer there.
    async fn automation_run(&self, ctx: &Context<'_>) -> Result<Option<AutomationRun>> {
        match self.0.hold.item.run_id {
            Some(run) => Ok(AutomationRun::load(ctx, run).await?),
            None => Ok(None),
        }
    }

    /// The member who asked for the work; null for a schedule, and for those who may not look at other people.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.hold.item.user_id).await?)
    }
}

connection!(CreditHoldConnection, CreditHoldEdge, CreditHold, "credit holds", |hold: &CreditHold| hold.0.place());
