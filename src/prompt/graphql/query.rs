//! Queries about system prompts.

use async_graphql::{Context, Enum, Object, Result};

use super::{
    input::{SystemPromptByInput, SystemPromptFilter},
    looking,
    types::{SystemPrompt, SystemPromptConnection},
};
use crate::{
    error::Error,
    graphql::{
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    prompt::model::prompt::{self, PromptFilter},
};

/// How a list of prompts is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "prompt::PromptOrder")]
pub enum SystemPromptOrder {
    /// Newest first.
    Newest,
    /// By category, then key.
    Key,
}

impl From<SystemPromptFilter> for PromptFilter {
    fn from(filter: SystemPromptFilter) -> Self {
        Self {
            category: filter.category.map(Into::into),
            search: filter.search.filter(|text| !text.trim().is_empty()),
            is_enabled: filter.is_enabled,
        }
    }
}

/// Queries about system prompts.
#[derive(Default)]
pub struct PromptQuery;

#[Object]
impl PromptQuery {
    /// A system prompt. `NOT_FOUND` when there is none.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_prompts_view")]
    async fn system_prompt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] by: SystemPromptByInput,
    ) -> Result<Option<SystemPrompt>> {
        let (right, prompts) = looking(ctx)?;
        let found = match by {
            SystemPromptByInput::Id(id) => {
                let id = node::decode(NodeKind::SystemPrompt, &id, &["by", "id"])?;
                prompts.prompt(right, id).await?
            }
            SystemPromptByInput::Key(key) => {
                prompts.prompt_by_key(right, key.category.into(), key.key.as_deref()).await?
            }
        };
        Ok(Some(SystemPrompt(found.ok_or(Error::NotFound)?)))
    }

    /// System prompts.
    #[expect(clippy::too_many_arguments, reason = "the four page arguments are the field's own")]
    #[graphql(guard = "QueryPolicy", visible = "visible::system_prompts_view")]
    async fn system_prompts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<SystemPromptFilter>,
        #[graphql(desc = "In which order.", default_with = "SystemPromptOrder::Newest")] order_by: SystemPromptOrder,
    ) -> Result<Option<SystemPromptConnection>> {
        let (right, prompts) = looking(ctx)?;
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let filter = filter.unwrap_or_default().into();
        let page = prompts.list(right, &filter, order_by.into(), &args).await?;
        Ok(Some(page.map(SystemPrompt).into()))
    }
}
