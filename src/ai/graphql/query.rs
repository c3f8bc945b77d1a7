//! Queries about AI work.

use async_graphql::{Context, ID, Object, Result};

use super::{
    access::seen,
    model::AiModel,
    task::{AiTask, AiTaskConnection},
};
use crate::{
    ai::Ai,
    error::Error,
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    viewer::{Feature, Level},
};

/// Queries about AI work.
#[derive(Default)]
pub struct AiQuery;

#[Object]
impl AiQuery {
    /// The models that new work may use, by name, at most 100. Those who may see the system's settings can ask for the
    /// others too: switched off, without an adapter, or of a provider that is not set up.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn ai_models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whether those that new work may not use are listed too.", default = false)]
        include_inactive: bool,
    ) -> Result<Option<Vec<AiModel>>> {
        if include_inactive {
            viewer(ctx)?.may(Feature::SystemSettingsView, Level::Read)?;
        }
        Ok(Some(service::<Ai>(ctx)?.models(include_inactive).await?.into_iter().map(AiModel).collect()))
    }

    /// An AI task; null with `NOT_FOUND` when there is none, or it is not yours.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn ai_task(&self, ctx: &Context<'_>, #[graphql(desc = "The task's id.")] id: ID) -> Result<Option<AiTask>> {
        let id = node::decode(NodeKind::AiTask, &id, &["id"])?;
        Ok(Some(AiTask::find(ctx, id).await?.ok_or(Error::NotFound)?))
    }

    /// An account's AI tasks, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn ai_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose; the viewer's personal account when omitted.")] account_id: Option<ID>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<AiTaskConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let account = seen(ctx, account_id.as_ref()).await?;
        Ok(Some(service::<Ai>(ctx)?.tasks(account, &args).await?.map(AiTask).into()))
    }
}
