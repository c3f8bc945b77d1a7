//! Edits of one system prompt.

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};
use uuid::Uuid;

use super::{
    input::{
        ActivateSystemPromptVersionInput, ActivateSystemPromptVersionPayload, CreateSystemPromptInput,
        CreateSystemPromptPayload, DisableSystemPromptInput, DisableSystemPromptPayload, EnableSystemPromptInput,
        EnableSystemPromptPayload, ResetSystemPromptInput, ResetSystemPromptPayload, UpdateSystemPromptInput,
        UpdateSystemPromptPayload,
    },
    managing,
    refusal::edit_error,
    types::SystemPrompt,
};
use crate::{
    error::{Error, Failure},
    graphql::{
        error::UserError,
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::Json,
    },
    prompt::model::{
        metadata::{Metadata, MetadataError},
        prompt::{Body, BodyError, CreateSystemPrompt, EditError, Edited, UpdateSystemPrompt},
    },
};

/// The prompt, whether nothing was written, and refusals.
pub(super) type Outcome = (Option<SystemPrompt>, Option<bool>, Vec<UserError>);

fn outcome(done: Result<Edited, Failure<EditError>>, subject: &str) -> Result<Outcome, Error> {
    match done {
        Ok(Edited { prompt, is_unchanged }) => Ok((Some(SystemPrompt(prompt)), Some(is_unchanged), Vec::new())),
        Err(Failure::Refused(refusal)) => Ok((None, None, vec![edit_error(refusal, subject)])),
        Err(Failure::Fault(error)) => Err(error),
    }
}

/// Metadata is an object; the API's scalar takes any JSON.
fn metadata(json: Json) -> Result<Metadata, EditError> {
    match json.0 {
        serde_json::Value::Object(fields) => Ok(Metadata::from_map(&fields).map_err(BodyError::from)?),
        _ => Err(EditError::Body(MetadataError::NotAnObject.into())),
    }
}

fn prompt_of(id: &ID) -> Result<Uuid, Error> {
    node::decode(NodeKind::SystemPrompt, id, &["input", "promptId"])
}

/// An update as a command. What cannot be cleared becomes empty, which the rules refuse.
fn update(input: UpdateSystemPromptInput) -> Result<Result<UpdateSystemPrompt, EditError>, Error> {
    let text = |value: MaybeUndefined<String>| match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(String::new()),
        MaybeUndefined::Value(text) => Some(text),
    };
    let metadata = match input.metadata {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(Metadata::default()),
        MaybeUndefined::Value(json) => match metadata(json) {
            Ok(metadata) => Some(metadata),
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    Ok(Ok(UpdateSystemPrompt {
        id: prompt_of(&input.prompt_id)?,
        expected_version: input.expected_version,
        name: text(input.name),
        description: match input.description {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(text) => Some(Some(text)),
        },
        content: text(input.content),
        metadata,
        note: input.note,
    }))
}

/// Mutations of system prompts.
#[derive(Default)]
pub struct PromptMutation;

#[Object]
impl PromptMutation {
    /// Makes a prompt with its first version, enabled.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn create_system_prompt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new prompt.")] input: CreateSystemPromptInput,
    ) -> Result<Option<CreateSystemPromptPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let done = match input.metadata.map(metadata).transpose() {
            Err(refusal) => Err(Failure::Refused(refusal)),
            Ok(metadata) => {
                let command = CreateSystemPrompt {
                    category: input.category.into(),
                    key: input.key,
                    body: Body {
                        name: input.name,
                        description: input.description,
                        content: input.content,
                        metadata: metadata.unwrap_or_default(),
                    },
                    note: input.note,
                };
                prompts.create_system_prompt(right, command, request_id).await
            }
        };
        let done = done.map(|prompt| Edited { prompt, is_unchanged: false });
        Ok(Some(outcome(done, "key")?.into()))
    }

    /// Writes a version and makes it the active one. The next request in every process uses it. Equal content writes
    /// nothing.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn update_system_prompt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The edit.")] input: UpdateSystemPromptInput,
    ) -> Result<Option<UpdateSystemPromptPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let done = match update(input)? {
            Ok(command) => prompts.update_system_prompt(right, command, request_id).await,
            Err(refusal) => Err(Failure::Refused(refusal)),
        };
        Ok(Some(outcome(done, "promptId")?.into()))
    }

    /// Makes a version that exists the active one: back, or forward again. A running split ends.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn activate_system_prompt_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which version.")] input: ActivateSystemPromptVersionInput,
    ) -> Result<Option<ActivateSystemPromptVersionPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let version = node::decode(NodeKind::SystemPromptVersion, &input.version_id, &["input", "versionId"])?;
        let done = prompts.activate_system_prompt_version(right, version, input.expected_version, request_id).await;
        Ok(Some(outcome(done, "versionId")?.into()))
    }

    /// Hides a prompt from look-ups: the text that ships serves in its place. Its active version stays.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn disable_system_prompt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which prompt.")] input: DisableSystemPromptInput,
    ) -> Result<Option<DisableSystemPromptPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let which = (prompt_of(&input.prompt_id)?, input.expected_version);
        let done = prompts.set_enabled(right, which, false, request_id).await;
        Ok(Some(outcome(done, "promptId")?.into()))
    }

    /// Lets look-ups find a prompt again.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn enable_system_prompt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which prompt.")] input: EnableSystemPromptInput,
    ) -> Result<Option<EnableSystemPromptPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let which = (prompt_of(&input.prompt_id)?, input.expected_version);
        let done = prompts.set_enabled(right, which, true, request_id).await;
        Ok(Some(outcome(done, "promptId")?.into()))
    }

    /// Writes the text that ships with this version of the program and makes it the active one. Equal text writes nothing.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn reset_system_prompt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which prompt.")] input: ResetSystemPromptInput,
    ) -> Result<Option<ResetSystemPromptPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let which = (prompt_of(&input.prompt_id)?, input.expected_version);
        let done = prompts.reset_system_prompt(right, which, request_id).await;
        Ok(Some(outcome(done, "promptId")?.into()))
    }
}
