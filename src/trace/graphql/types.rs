//! `CreditTrace` and what it holds.

use async_graphql::{Context, Enum, ID, Object, OneofObject, Result, SimpleObject};
use futures_util::future::try_join_all;
use uuid::Uuid;

use crate::{
    ai::graphql::AiTask,
    connection,
    content::graphql::Content,
    error::Error,
    graphql::{
        context::service,
        page::ConnectionArgs,
        scalars::{Credits, DateTime, Decimal, SafeInt},
    },
    ledger::{
        HoldPlace, Ledger,
        graphql::{CreditGrant, CreditHold, CreditTransaction},
        store::{Draw, MovesOf, PlacedEntry},
    },
    page::PageArgs,
    trace::{
        Trace,
        graphql::task_of_work,
        model::{Origin, Shares, Step, UsageRow},
    },
};

/// What is traced: exactly one.
#[derive(Debug, OneofObject)]
pub enum CreditTraceInput {
    /// An article, by its id.
    ContentId(ID),
    /// An AI task, by its id.
    TaskId(ID),
    /// A credit transaction, by its id.
    TransactionId(ID),
    /// A credit grant, by its id.
    GrantId(ID),
}

/// Where credits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ledger::model::Bucket")]
pub enum CreditBucket {
    /// Outside: not yet given.
    Issued,
    /// They can be spent.
    Available,
    /// Reserved for work.
    Held,
    /// Charged.
    Spent,
    /// Nobody used them in time.
    Expired,
    /// Taken back.
    Revoked,
}

/// What a hold had of one grant.
#[derive(Debug, Clone, SimpleObject)]
pub struct CreditDraw {
    /// The grant; null only when it cannot be read.
    pub grant: Option<CreditGrant>,
    /// Credits reserved of it when the hold was taken.
    pub reserved: Credits,
    /// Credits charged of it, from what was reserved and beyond it.
    pub charged: Credits,
    /// What of `charged` was charged beyond the reservation.
    pub charged_beyond: Credits,
    /// Credits that came back to it.
    pub returned: Credits,
    /// Credits that came back after its end, and expired.
    pub expired: Credits,
}

/// What a delivered piece of AI work cost.
#[derive(Debug, Clone, SimpleObject)]
pub struct CreditUsage {
    /// Credits charged.
    pub credits: Credits,
    /// What these credits are worth, in US dollars.
    pub credit_value: Decimal,
    /// The name that the model had, 1–100 characters.
    pub model_name: String,
    /// When it was delivered.
    pub created_at: DateTime,
}

impl From<UsageRow> for CreditUsage {
    fn from(usage: UsageRow) -> Self {
        Self {
            credits: Credits(usage.credits),
            credit_value: Decimal(usage.credit_value_nanousd),
            model_name: usage.model_name,
            created_at: DateTime(usage.created_at),
        }
    }
}

/// The most grants that one list of a trace shows.
const GRANTS_SHOWN: usize = 100;

async fn drawn(ctx: &Context<'_>, draw: &Draw) -> Result<CreditDraw, Error> {
    Ok(CreditDraw {
        grant: CreditGrant::load(ctx, draw.grant).await?,
        reserved: Credits(draw.reserved),
        charged: Credits(draw.charged),
        charged_beyond: Credits(draw.charged_beyond),
        returned: Credits(draw.returned),
        expired: Credits(draw.expired),
    })
}

/// One step between grants and work: a hold, what it had of which grants, and what came of it.
#[derive(Debug, Clone)]
pub struct CreditTraceStep(Step);

/// One step between grants and work: a hold, what it had of which grants, and what came of it.
#[Object]
impl CreditTraceStep {
    /// The hold. Its `settled` is the sum of what is charged of `draws`, its `refunded` that of `refunds`.
    async fn hold(&self) -> CreditHold {
        CreditHold(self.0.hold.clone())
    }

    /// The AI task that it was for; null when that is no longer there.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<AiTask>> {
        let item = &self.0.hold.hold.item;
        match task_of_work(ctx, item.work_kind, item.work_id).await? {
            Some(task) => Ok(AiTask::load(ctx, task).await?),
            None => Ok(None),
        }
    }

    /// What it had of which grants, at most 100 of `drawsTotal`; null only when they cannot be read.
    async fn draws(&self, ctx: &Context<'_>) -> Result<Option<Vec<CreditDraw>>> {
        // At once, so that a loader reads them with one statement.
        Ok(Some(try_join_all(self.0.draws.iter().take(GRANTS_SHOWN).map(|draw| drawn(ctx, draw))).await?))
    }

    /// Of how many grants it had some, 1 or more.
    async fn draws_total(&self) -> SafeInt {
        SafeInt(i64::try_from(self.0.draws.len()).unwrap_or(i64::MAX))
    }

    /// What the delivered work cost; null while there is none.
    async fn usage(&self) -> Option<CreditUsage> {
        self.0.usage.clone().map(CreditUsage::from)
    }

    /// The grants that gave some of the charge back, at most 100.
    async fn refunds(&self) -> Vec<CreditGrant> {
        self.0.refunds.iter().take(GRANTS_SHOWN).cloned().map(CreditGrant).collect()
    }
}

connection!(CreditTraceStepConnection, CreditTraceStepEdge, CreditTraceStep, "steps", |step: &CreditTraceStep| step
    .0
    .place);

/// One move of credits of one grant, from one bucket to another.
#[derive(Debug, Clone)]
pub struct CreditMove {
    account: Uuid,
    row: PlacedEntry,
}

/// One move of credits of one grant, from one bucket to another.
#[Object]
impl CreditMove {
    /// Where they came from.
    async fn from(&self) -> CreditBucket {
        self.row.entry.way.from().into()
    }

    /// Where they went.
    async fn to(&self) -> CreditBucket {
        self.row.entry.way.to().into()
    }

    /// How many, 1 or more.
    async fn amount(&self) -> Credits {
        Credits(self.row.entry.amount)
    }

    /// The transaction that moved them; null only when it cannot be read.
    async fn transaction(&self, ctx: &Context<'_>) -> Result<Option<CreditTransaction>> {
        Ok(CreditTransaction::numbered(ctx, self.account, Some(self.row.sequence)).await?)
    }

    /// The grant; null only when it cannot be read.
    async fn grant(&self, ctx: &Context<'_>) -> Result<Option<CreditGrant>> {
        Ok(CreditGrant::load(ctx, self.row.entry.grant).await?)
    }

    /// The hold that they were moved for; null where there is none.
    async fn hold(&self, ctx: &Context<'_>) -> Result<Option<CreditHold>> {
        match self.row.entry.hold {
            Some(hold) => Ok(CreditHold::load(ctx, hold).await?),
            None => Ok(None),
        }
    }
}

connection!(CreditMoveConnection, CreditMoveEdge, CreditMove, "moves", |step: &CreditMove| step.row.key());

/// What one grant gave to a trace.
#[derive(Debug, Clone, SimpleObject)]
pub struct CreditTraceLot {
    /// The grant; null only when it cannot be read.
    pub grant: Option<CreditGrant>,
    /// Credits reserved of it.
    pub reserved: Credits,
    /// Credits charged of it.
    pub charged: Credits,
}

/// What all grants together gave to a trace.
#[derive(Debug, Clone)]
pub struct CreditTraceLots(Shares);

/// What all grants together gave to a trace.
#[Object]
impl CreditTraceLots {
    /// The grants, from the one that was charged most, at most 100 of `total`; null only when they cannot be read.
    async fn lots(&self, ctx: &Context<'_>) -> Result<Option<Vec<CreditTraceLot>>> {
        let lots = try_join_all(self.0.lots.iter().take(GRANTS_SHOWN).map(async |lot| {
            let grant = CreditGrant::load(ctx, lot.grant).await?;
            Ok::<_, Error>(CreditTraceLot { grant, reserved: Credits(lot.reserved), charged: Credits(lot.charged) })
        }));
        Ok(Some(lots.await?))
    }

    /// How many grants gave something, 0 or more.
    async fn total(&self) -> SafeInt {
        SafeInt(i64::try_from(self.0.lots.len()).unwrap_or(i64::MAX))
    }

    /// Credits charged of all of them, 0 or more.
    async fn charged(&self) -> Credits {
        Credits(self.0.lots.iter().fold(0, |sum, lot| sum.saturating_add(lot.charged)))
    }

    /// Whether that is all. False when there are more than 500 steps: only the latest 500 are added up.
    async fn is_complete(&self) -> bool {
        self.0.is_complete
    }
}

/// What is traced, as it was found for the viewer.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    Content(Content),
    Task(AiTask),
    Transaction(CreditTransaction),
    Grant(CreditGrant),
}

impl Subject {
    fn account(&self) -> Uuid {
        match self {
            Self::Content(content) => content.0.account_id,
            Self::Task(task) => task.0.account_id,
            Self::Transaction(transaction) => transaction.0.account_id,
            Self::Grant(grant) => grant.0.account_id,
        }
    }

    fn origin(&self) -> Origin {
        match self {
            Self::Content(content) => Origin::Content(content.0.id),
            Self::Task(task) => Origin::Task(task.0.id),
            Self::Transaction(transaction) => Origin::Transaction(transaction.0.sequence),
            Self::Grant(grant) => Origin::Grant(grant.0.lot.id),
        }
    }
}

/// The path between grants and work.
#[derive(Debug, Clone)]
pub struct CreditTrace(pub(super) Subject);

/// The path between grants and work, from whichever end it was asked for.
#[Object]
impl CreditTrace {
    /// The article; null when something else was asked for.
    async fn content(&self) -> Option<Content> {
        match &self.0 {
            Subject::Content(content) => Some(content.clone()),
            _ => None,
        }
    }

    /// The AI task; null when something else was asked for.
    async fn task(&self) -> Option<AiTask> {
        match &self.0 {
            Subject::Task(task) => Some(task.clone()),
            _ => None,
        }
    }

    /// The credit transaction; null when something else was asked for.
    async fn transaction(&self) -> Option<CreditTransaction> {
        match &self.0 {
            Subject::Transaction(transaction) => Some(transaction.clone()),
            _ => None,
        }
    }

    /// The credit grant; null when something else was asked for.
    async fn grant(&self) -> Option<CreditGrant> {
        match &self.0 {
            Subject::Grant(grant) => Some(grant.clone()),
            _ => None,
        }
    }

    /// The steps, the latest first: the holds of the work that went into an article (the latest 500), of an AI task's items (of
    /// the last one first), of a transaction, or those that drew on a grant.
    async fn steps(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<CreditTraceStepConnection>> {
        let args: PageArgs<HoldPlace> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Trace>(ctx)?.steps_page(self.0.account(), self.0.origin(), &args).await?;
        Ok(Some(page.map(CreditTraceStep).into()))
    }

    /// What the grants gave to the steps, added up.
    async fn lots(&self, ctx: &Context<'_>) -> Result<Option<CreditTraceLots>> {
        let shares = service::<Trace>(ctx)?.shares(self.0.account(), self.0.origin()).await?;
        Ok(Some(CreditTraceLots(shares)))
    }

    /// Every move of the grant's or the transaction's credits, newest first; null for an article and for an AI task, whose steps
    /// tell it.
    async fn moves(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<CreditMoveConnection>> {
        let account = self.0.account();
        let of = match &self.0 {
            Subject::Grant(grant) => MovesOf::Grant(grant.0.lot.id),
            Subject::Transaction(transaction) => MovesOf::Transaction(account, transaction.0.sequence),
            Subject::Content(_) | Subject::Task(_) => return Ok(None),
        };
        let args: PageArgs<i64> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Ledger>(ctx)?.moves_page(of, &args).await?;
        Ok(Some(page.map(|row| CreditMove { account, row }).into()))
    }
}
