//! The optimiser in the API.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use uuid::Uuid;

use super::{
    looking, managing,
    refusal::{optimise_error, undo_error},
    transfer::count,
    types::{PromptCategory, SystemPrompt, SystemPromptVersion},
};
use crate::{
    auth::graphql::{User, person},
    error::{Error, Failure},
    graphql::{
        context::service,
        error::UserError,
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::{DateTime, SafeInt},
    },
    prompt::{
        OptimisePrompts, Prompts,
        model::{
            optimise::{OptimiseRow, OptimiseTotals},
            prompt::{OptimisationChange, OptimisationRun},
        },
    },
};

/// What the optimiser does with a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::optimise::OptimiseStatus")]
pub enum PromptOptimiseStatus {
    /// It gets a new text.
    Changed,
    /// It is clean.
    Unchanged,
    /// Its category is protected, it is marked `"optimise": false`, or no version number is left for it.
    Protected,
    /// Nothing would be left of it, so it stays.
    RefusedEmpty,
    /// It would become longer than 20,000 characters, so it stays.
    RefusedTooLong,
}

/// What the optimiser does with one prompt.
#[derive(Debug, Clone)]
pub struct PromptOptimiseRow(OptimiseRow);

/// What the optimiser does with one prompt. Lengths are in characters (Unicode scalar values).
#[Object]
impl PromptOptimiseRow {
    /// The prompt.
    async fn prompt(&self, ctx: &Context<'_>) -> Result<Option<SystemPrompt>> {
        Ok(SystemPrompt::load(ctx, self.0.prompt_id).await?)
    }

    /// Its category.
    async fn category(&self) -> PromptCategory {
        self.0.category.into()
    }

    /// Its key; null for the empty key.
    async fn key(&self) -> Option<&str> {
        self.0.key.shown()
    }

    /// The text as it is.
    async fn before(&self) -> &str {
        &self.0.before
    }

    /// The text as it would be; equal to `before` unless the prompt is changed.
    async fn after(&self) -> &str {
        &self.0.after
    }

    /// The length of `before`.
    async fn length_before(&self) -> SafeInt {
        SafeInt(self.0.length_before)
    }

    /// The length of `after`.
    async fn length_after(&self) -> SafeInt {
        SafeInt(self.0.length_after)
    }

    /// The difference; below 0 where mended commas need blanks.
    async fn saved(&self) -> SafeInt {
        SafeInt(self.0.saved)
    }

    /// The clauses left out, in their order, at most 20,000.
    async fn removed_clauses(&self) -> &[String] {
        &self.0.removed
    }

    /// What happens.
    async fn status(&self) -> PromptOptimiseStatus {
        self.0.status.into()
    }
}

/// The sums of a report's rows. Lengths are in characters (Unicode scalar values).
#[derive(Debug, Clone, SimpleObject)]
pub struct PromptOptimiseTotals {
    /// How many prompts were examined.
    pub examined: SafeInt,
    /// How many of them are changed.
    pub changed: SafeInt,
    /// Characters before.
    pub length_before: SafeInt,
    /// Characters after.
    pub length_after: SafeInt,
    /// Characters saved.
    pub saved: SafeInt,
    /// Characters saved per changed prompt; null when none is.
    pub average_per_changed: Option<f64>,
    /// Characters saved per examined prompt; null when there is none.
    pub average_per_examined: Option<f64>,
}

impl From<OptimiseTotals> for PromptOptimiseTotals {
    fn from(totals: OptimiseTotals) -> Self {
        Self {
            examined: SafeInt(totals.examined),
            changed: SafeInt(totals.changed),
            length_before: SafeInt(totals.length_before),
            length_after: SafeInt(totals.length_after),
            saved: SafeInt(totals.saved),
            average_per_changed: totals.average_per_changed(),
            average_per_examined: totals.average_per_examined(),
        }
    }
}

/// What an applied optimisation did to one prompt.
#[derive(Debug, Clone)]
pub struct PromptOptimisationChange(OptimisationChange);

/// What an applied optimisation did to one prompt.
#[Object]
impl PromptOptimisationChange {
    /// The prompt.
    async fn prompt(&self, ctx: &Context<'_>) -> Result<Option<SystemPrompt>> {
        Ok(SystemPrompt::load(ctx, self.0.prompt_id).await?)
    }

    /// The version before.
    async fn before(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        Ok(SystemPromptVersion::load(ctx, self.0.before_version_id).await?)
    }

    /// The version it wrote.
    async fn after(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        Ok(SystemPromptVersion::load(ctx, self.0.after_version_id).await?)
    }
}

/// An applied optimisation.
#[derive(Debug, Clone)]
pub struct PromptOptimisation(pub OptimisationRun);

impl PromptOptimisation {
    /// The optimisation, if the viewer may see prompts. Refuses: `Unauthenticated`, `Forbidden`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let (right, prompts) = looking(ctx)?;
        Ok(prompts.optimisation(right, id).await?.map(Self))
    }
}

/// An applied optimisation.
#[Object]
impl PromptOptimisation {
    /// The global id; `undoOptimisation` takes it.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::PromptOptimisation, self.0.id)
    }

    /// The hash of the report that was applied.
    async fn report_hash(&self) -> String {
        hex::encode(&self.0.report_hash)
    }

    /// What it did, one row per changed prompt, at most 1,000.
    async fn changes(&self, ctx: &Context<'_>) -> Result<Option<Vec<PromptOptimisationChange>>> {
        let changes = service::<Prompts>(ctx)?.optimisation_changes(self.0.id).await?;
        Ok(Some(changes.into_iter().map(PromptOptimisationChange).collect()))
    }

    /// Who applied it; null when it was the operator on the host, or somebody the viewer may not see.
    async fn applied_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.actor_id).await?)
    }

    /// When it was applied.
    async fn applied_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Who undid it; null while it holds, when it was the operator on the host, or somebody the viewer may not see.
    async fn undone_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.undone_by).await?)
    }

    /// When it was undone; null while it holds.
    async fn undone_at(&self) -> Option<DateTime> {
        self.0.undone_at.map(DateTime)
    }
}

/// What the optimiser is run over.
#[derive(Debug, InputObject)]
pub struct OptimisePromptsInput {
    /// Only prompts of these categories, 1–6; null is all of them. At most 1,000 prompts are examined at once;
    /// one category never has more.
    pub categories: Option<Vec<PromptCategory>>,
    /// Whether nothing is written and only the report is answered.
    #[graphql(default = true)]
    pub dry_run: bool,
    /// The `reportHash` of the dry run over the same categories; an apply needs it.
    pub report_hash: Option<String>,
}

/// What `optimisePrompts` did, or would do.
#[derive(Default, SimpleObject)]
pub struct OptimisePromptsPayload {
    /// One row per examined prompt, by category and key, at most 1,000; null when refused.
    pub rows: Option<Vec<PromptOptimiseRow>>,
    /// Their sums; null when refused.
    pub totals: Option<PromptOptimiseTotals>,
    /// Guards the apply: it differs as soon as an examined prompt or a phrase does; null when refused.
    pub report_hash: Option<String>,
    /// What was applied; null for a dry run, when no prompt is changed, and when refused.
    pub optimisation: Option<PromptOptimisation>,
    /// Why it was refused: `REPORT_HASH_REQUIRED`, `PLAN_STALE`, `TOO_MANY_PROMPTS`, `PHRASE_INVALID`. Empty when it was
    /// done.
    pub user_errors: Vec<UserError>,
}

/// Which optimisation is undone.
#[derive(Debug, InputObject)]
pub struct UndoOptimisationInput {
    /// The optimisation.
    pub optimisation_id: ID,
}

/// What `undoOptimisation` did.
#[derive(Default, SimpleObject)]
pub struct UndoOptimisationPayload {
    /// The optimisation, undone; null when refused.
    pub optimisation: Option<PromptOptimisation>,
    /// How many former versions are active again; null when refused.
    pub restored_count: Option<i32>,
    /// The prompts whose former version is active again, at most 1,000; null when refused.
    pub restored: Option<Vec<SystemPrompt>>,
    /// The prompts that were edited since, and stay as they are, at most 1,000; null when refused.
    pub skipped: Option<Vec<SystemPrompt>>,
    /// Why it was refused: `NOT_FOUND`, `ALREADY_UNDONE`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Mutations of many prompts by rule.
#[derive(Default)]
pub struct PromptOptimiseMutation;

#[Object]
impl PromptOptimiseMutation {
    /// Says what would be left out of the prompts because it tells a model nothing, or applies a report that was looked at:
    /// all changed prompts get a new version in one transaction. The phrases are those of the enabled prompt
    /// `optimiser_phrases` in `SYSTEM_DEFAULT`, one a line, else the shipped ones.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn optimise_prompts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which prompts, and whether it is applied.")] input: OptimisePromptsInput,
    ) -> Result<Option<OptimisePromptsPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let categories = input.categories.map(|list| list.into_iter().map(Into::into).collect());
        let command = OptimisePrompts { categories, is_dry_run: input.dry_run, report_hash: input.report_hash };
        match prompts.optimise_prompts(right, command, request_id).await {
            Ok(done) => Ok(Some(OptimisePromptsPayload {
                rows: Some(done.report.rows.into_iter().map(PromptOptimiseRow).collect()),
                totals: Some(done.report.totals.into()),
                report_hash: Some(done.report.report_hash),
                optimisation: done.run.map(PromptOptimisation),
                user_errors: Vec::new(),
            })),
            Err(Failure::Refused(refusal)) => Ok(Some(OptimisePromptsPayload {
                user_errors: vec![optimise_error(&refusal)],
                ..OptimisePromptsPayload::default()
            })),
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Makes the versions before an optimisation the active ones again. Prompts that were edited since stay as they are.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn undo_optimisation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which optimisation.")] input: UndoOptimisationInput,
    ) -> Result<Option<UndoOptimisationPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let path = &["input", "optimisationId"];
        let run = node::decode(NodeKind::PromptOptimisation, &input.optimisation_id, path)?;
        match prompts.undo_optimisation(right, run, request_id).await {
            Ok(undone) => Ok(Some(UndoOptimisationPayload {
                optimisation: Some(PromptOptimisation(undone.run)),
                restored_count: Some(count(undone.restored.len())),
                restored: Some(undone.restored.into_iter().map(SystemPrompt).collect()),
                skipped: Some(undone.skipped.into_iter().map(SystemPrompt).collect()),
                user_errors: Vec::new(),
            })),
            Err(Failure::Refused(refusal)) => Ok(Some(UndoOptimisationPayload {
                user_errors: vec![undo_error(refusal)],
                ..UndoOptimisationPayload::default()
            })),
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}
