//! Changing ideas and turning them down.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use uuid::Uuid;

use super::types::Idea;
use crate::{
    auth::MemberRight,
    error::Error,
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode, answer},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        patch::{clearable, kept},
    },
    idea::{
        Ideas,
        model::{ChangeIdeaError, PlanFault, UpdateIdea},
    },
    keyword::graphql::{ContentType, fault_code, request_id},
    site::graphql::editor_of,
};

/// What changes about an idea; what is omitted stays.
#[derive(InputObject)]
pub struct UpdateIdeaInput {
    /// Which idea, still `NEW`; the viewer must be an EDITOR or OWNER of its account.
    pub idea_id: ID,
    /// Its title, 5–200 characters, unique in its cluster; it cannot be cleared.
    pub title: MaybeUndefined<String>,
    /// Its headings, one a line, at most 4,000 characters; null takes them away.
    pub outline: MaybeUndefined<String>,
    /// The keywords it aims at, at most 20 of 1–200 characters; null takes them away.
    pub target_keywords: MaybeUndefined<Vec<String>>,
    /// What kind of content it is for; it cannot be cleared.
    pub content_type: MaybeUndefined<ContentType>,
    /// How long it should be, 50–10,000 words; it cannot be cleared.
    pub target_words: MaybeUndefined<i32>,
}

/// What `updateIdea` did.
#[derive(SimpleObject)]
pub struct UpdateIdeaPayload {
    /// The idea; null when refused.
    pub idea: Option<Idea>,
    /// Why it was refused: `TITLE_INVALID`, `NAME_TAKEN`, `OUTLINE_INVALID`, `COUNT_OUT_OF_RANGE`, `KEYWORD_EMPTY`,
    /// `KEYWORD_TOO_LONG`, `KEYWORD_INVALID`, `TARGET_WORDS_INVALID`, `ILLEGAL_STATE` for an idea that is no longer `NEW`.
    /// Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// An idea that is turned down.
#[derive(InputObject)]
pub struct RejectIdeaInput {
    /// Which idea; the viewer must be an EDITOR or OWNER of its account.
    pub idea_id: ID,
}

/// What `rejectIdea` did.
#[derive(SimpleObject)]
pub struct RejectIdeaPayload {
    /// The idea; null when refused.
    pub idea: Option<Idea>,
    /// Why it was refused: `ILLEGAL_TRANSITION`, for an idea that is queued or completed. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What a fault of a plan is told as; `keywords` is the name of the field of its keywords.
pub(crate) fn plan_error(fault: &PlanFault, keywords: &str) -> UserError {
    let message = fault.to_string();
    let at = |code, field: &str| UserError::new(code, message.clone(), &["input", field]);
    match fault {
        PlanFault::Title(_) => at(UserErrorCode::TitleInvalid, "title"),
        PlanFault::OutlineInvalid => at(UserErrorCode::OutlineInvalid, "outline"),
        PlanFault::TooManyKeywords { .. } => at(UserErrorCode::CountOutOfRange, keywords),
        PlanFault::Keyword { position, fault } => {
            let place = position.saturating_sub(1).to_string();
            UserError::new(fault_code(*fault), message, &["input", keywords, &place])
        }
        PlanFault::TargetWordsInvalid { .. } => at(UserErrorCode::TargetWordsInvalid, "targetWords"),
    }
}

fn idea_error(refusal: &ChangeIdeaError) -> UserError {
    let (code, field) = match refusal {
        ChangeIdeaError::Plan(fault) => return plan_error(fault, "targetKeywords"),
        ChangeIdeaError::TitleTaken(_) => (UserErrorCode::NameTaken, "title"),
        ChangeIdeaError::IllegalState { .. } => (UserErrorCode::IllegalState, "ideaId"),
        ChangeIdeaError::IllegalTransition(_) => (UserErrorCode::IllegalTransition, "ideaId"),
    };
    UserError::new(code, refusal.to_string(), &["input", field])
}

/// An idea whose account the viewer is an EDITOR of.
async fn edited_idea(ctx: &Context<'_>, id: &ID) -> Result<(Uuid, MemberRight), Error> {
    request(ctx)?.viewer.signed_in()?;
    let id = node::decode(NodeKind::Idea, id, &["input", "ideaId"])?;
    let account = Idea::load(ctx, id).await?.ok_or(Error::NotFound)?.0.account_id;
    Ok((id, editor_of(ctx, account).await?))
}

/// Mutations of ideas.
#[derive(Default)]
pub struct IdeaMutation;

#[Object]
impl IdeaMutation {
    /// Changes an idea of which no content task was made yet.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_idea(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which idea, and what changes.")] input: UpdateIdeaInput,
    ) -> Result<Option<UpdateIdeaPayload>> {
        let (id, right) = edited_idea(ctx, &input.idea_id).await?;
        let edit = UpdateIdea {
            title: kept(input.title, "title")?,
            outline: clearable(input.outline).map(Option::unwrap_or_default),
            keywords: clearable(input.target_keywords).map(Option::unwrap_or_default),
            content_type: kept(input.content_type, "contentType")?.map(Into::into),
            target_words: kept(input.target_words, "targetWords")?,
        };
        let changed = service::<Ideas>(ctx)?.update_idea(right, id, edit, request_id(ctx)?).await;
        let (idea, user_errors) = answer(changed, idea_error)?;
        Ok(Some(UpdateIdeaPayload { idea: idea.map(Idea), user_errors }))
    }

    /// Turns an idea down. It stays, so that it is not found again.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn reject_idea(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which idea.")] input: RejectIdeaInput,
    ) -> Result<Option<RejectIdeaPayload>> {
        let (id, right) = edited_idea(ctx, &input.idea_id).await?;
        let done = service::<Ideas>(ctx)?.reject_idea(right, id, request_id(ctx)?).await;
        let (idea, user_errors) = answer(done, idea_error)?;
        Ok(Some(RejectIdeaPayload { idea: idea.map(Idea), user_errors }))
    }
}
