//! Queries about runs, and what one would take.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::types::{AutomationRun, AutomationRunConnection, AutomationRunState, AutomationStage};
use crate::{
    automation::{Automation, model, service::NoModel},
    error::Error,
    graphql::{
        context::service,
        error::{UserError, UserErrorCode, answer},
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::{Credits, SafeInt},
    },
    site::graphql::Site,
};

/// What is estimated.
#[derive(InputObject)]
pub struct EstimateAutomationRunInput {
    /// A run over which site; the viewer must see its account.
    pub site_id: ID,
}

/// What one stage of a run would take.
#[derive(SimpleObject)]
pub struct AutomationStageEstimate {
    /// Which.
    stage: AutomationStage,
    /// Items that wait for it now, as far as its cap goes.
    items_min: SafeInt,
    /// What the runs of the last 30 days say; null without any.
    items_expected: Option<SafeInt>,
    /// The stage's cap; 0 where it is switched off.
    items_max: SafeInt,
    /// The most that the waiting items cost.
    credits_min: Credits,
    /// What the runs of the last 30 days say; null without any.
    credits_expected: Option<Credits>,
    /// The most that as many items cost as the cap allows.
    credits_max: Credits,
}

impl From<model::StageEstimate> for AutomationStageEstimate {
    fn from(estimate: model::StageEstimate) -> Self {
        let model::StageEstimate { stage, items, credits } = estimate;
        Self {
            stage: stage.into(),
            items_min: SafeInt(items.min),
            items_expected: items.expected.map(SafeInt),
            items_max: SafeInt(items.max),
            credits_min: Credits(credits.min),
            credits_expected: credits.expected.map(Credits),
            credits_max: Credits(credits.max),
        }
    }
}

/// What a run would take. Only holds bind: each item gets its own when its turn comes.
#[derive(SimpleObject)]
pub struct EstimateAutomationRunPayload {
    /// Stage by stage, in order; null when refused.
    stages: Option<Vec<AutomationStageEstimate>>,
    /// The sum over all stages of what waits now; null when refused.
    credits_min: Option<Credits>,
    /// The sum of what is likely; null without history, or when refused.
    credits_expected: Option<Credits>,
    /// The sum of what the caps allow; null when refused.
    credits_max: Option<Credits>,
    /// The account's available credits; null when refused.
    available: Option<Credits>,
    /// The first stage that they do not cover, by what is likely, or by the most without history; null when they cover all.
    runs_out_at: Option<AutomationStage>,
    /// Why there is none: `MODEL_INACTIVE`. Empty when there is.
    user_errors: Vec<UserError>,
}

fn estimate_error(refusal: &NoModel) -> UserError {
    UserError::new(UserErrorCode::ModelInactive, refusal.to_string(), &["input", "siteId"])
}

/// Queries about runs.
#[derive(Default)]
pub struct AutomationQuery;

#[Object]
impl AutomationQuery {
    /// A run.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn automation_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] id: ID,
    ) -> Result<Option<AutomationRun>> {
        let id = node::decode(NodeKind::AutomationRun, &id, &["id"])?;
        Ok(Some(AutomationRun::find(ctx, id).await?.ok_or(Error::NotFound)?))
    }

    /// A site's runs, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn automation_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which site.")] site_id: ID,
        #[graphql(desc = "Only in this state.")] state: Option<AutomationRunState>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<AutomationRunConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let site = node::decode(NodeKind::Site, &site_id, &["siteId"])?;
        let site = Site::find(ctx, site).await?.ok_or(Error::NotFound)?.0.id;
        let page = service::<Automation>(ctx)?.list_runs(site, state.map(Into::into), &args).await?;
        Ok(Some(page.map(AutomationRun).into()))
    }

    /// What a run would take if it started now: items and credits of each stage. Nothing is held and nothing is written.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn estimate_automation_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is estimated.")] input: EstimateAutomationRunInput,
    ) -> Result<Option<EstimateAutomationRunPayload>> {
        let site = node::decode(NodeKind::Site, &input.site_id, &["input", "siteId"])?;
        let site = Site::find(ctx, site).await?.ok_or(Error::NotFound)?.0;
        let estimated = service::<Automation>(ctx)?.estimate_automation_run(site.account_id, site.id).await;
        let (estimate, user_errors) = answer(estimated, estimate_error)?;
        let credits = estimate.as_ref().map(|estimate| estimate.credits);
        Ok(Some(EstimateAutomationRunPayload {
            credits_min: credits.map(|credits| Credits(credits.min)),
            credits_expected: credits.and_then(|credits| credits.expected).map(Credits),
            credits_max: credits.map(|credits| Credits(credits.max)),
            available: estimate.as_ref().map(|estimate| Credits(estimate.available)),
            runs_out_at: estimate.as_ref().and_then(|estimate| estimate.runs_out_at).map(Into::into),
            stages: estimate.map(|estimate| estimate.stages.into_iter().map(Into::into).collect()),
            user_errors,
        }))
    }
}
