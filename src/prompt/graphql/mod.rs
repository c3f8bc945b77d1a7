//! System prompts in the API.

mod difference;
mod edit;
mod input;
mod loader;
mod optimise;
mod query;
mod refusal;
mod split;
mod statistics;
mod transfer;
mod types;

pub use difference::PromptDiffQuery;
pub use edit::PromptMutation;
pub use loader::PromptLoader;
pub use optimise::{PromptOptimisation, PromptOptimiseMutation};
pub use query::PromptQuery;
pub use split::{PromptSplit, PromptSplitMutation};
pub use statistics::PromptStatisticsQuery;
pub use transfer::{PromptTransferMutation, PromptTransferQuery};
pub use types::{PromptCategory, SystemPrompt, SystemPromptVersion};

use async_graphql::Context;

use crate::{
    error::Error,
    graphql::context::{request, service, viewer},
    prompt::Prompts,
    viewer::{Feature, FeatureRight, Level},
};

/// The right to look at prompts, and the registry.
fn looking<'a>(ctx: &Context<'a>) -> Result<(FeatureRight, &'a Prompts), Error> {
    Ok((viewer(ctx)?.may(Feature::SystemPromptsView, Level::Read)?, service(ctx)?))
}

/// The right to manage prompts, the registry, and the request's id for the audit trail.
fn managing<'a>(ctx: &Context<'a>) -> Result<(FeatureRight, &'a Prompts, Option<String>), Error> {
    let request = request(ctx)?;
    let right = request.viewer.may(Feature::SystemPromptsManage, Level::Admin)?;
    Ok((right, service(ctx)?, Some(request.request_id.to_string())))
}
