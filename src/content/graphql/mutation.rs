//! Changing content, and sending it on its way.

use std::collections::HashSet;

use async_graphql::{Context, ID, Object, Result};

use super::{
    content::Content,
    input::{
        ApproveContentInput, ApproveContentPayload, ArchiveContentInput, ArchiveContentPayload,
        RequestContentChangesInput, RequestContentChangesPayload, RestoreContentInput, RestoreContentPayload,
        ScheduleContentInput, ScheduleContentPayload, ScheduleContentsInput, ScheduleContentsItem,
        ScheduleContentsItemInput, ScheduleContentsPayload, SubmitContentInput, SubmitContentPayload,
        UnscheduleContentInput, UnscheduleContentPayload, UpdateContentInput, UpdateContentPayload,
        WithdrawApprovalInput, WithdrawApprovalPayload,
    },
};
use crate::{
    auth::MemberRight,
    content::{
        Contents,
        model::{self, ContentError, SCHEDULE_MAX, UpdateContent},
        service::Asked,
    },
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{IllegalTransition, UserError, UserErrorCode, answer},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        patch::kept,
    },
    keyword::graphql::request_id,
    site::graphql::editor_of,
};

fn content_error(refusal: &ContentError) -> UserError {
    let message = refusal.to_string();
    let (code, field) = match refusal {
        ContentError::VersionConflict { expected, current } => {
            return UserError::conflicting(message, *expected, *current);
        }
        ContentError::Illegal(illegal) => {
            let detail = IllegalTransition { from: illegal.from.as_str(), to: illegal.to.as_str() };
            return UserError {
                illegal_transition: Some(Box::new(detail)),
                ..UserError::new(UserErrorCode::IllegalTransition, message, &["input", "contentId"])
            };
        }
        ContentError::NotEditable { .. } => (UserErrorCode::ContentNotEditable, "contentId"),
        ContentError::TitleInvalid => (UserErrorCode::TitleInvalid, "title"),
        ContentError::SlugInvalid => (UserErrorCode::SlugInvalid, "slug"),
        ContentError::SlugTaken(_) => (UserErrorCode::SlugTaken, "slug"),
        ContentError::HtmlTooLong(_) => (UserErrorCode::HtmlTooLong, "html"),
        ContentError::HtmlEmpty => (UserErrorCode::HtmlEmpty, "html"),
        ContentError::ExcerptTooLong => (UserErrorCode::ExcerptTooLong, "excerpt"),
        ContentError::MetaTitleTooLong => (UserErrorCode::MetaTitleTooLong, "metaTitle"),
        ContentError::MetaDescriptionTooLong => (UserErrorCode::MetaDescriptionTooLong, "metaDescription"),
        ContentError::KeywordsInvalid => (UserErrorCode::KeywordsInvalid, "keywords"),
        ContentError::CategoriesInvalid => (UserErrorCode::CategoriesInvalid, "categories"),
        ContentError::TagsInvalid => (UserErrorCode::TagsInvalid, "tags"),
        ContentError::NoteInvalid => (UserErrorCode::NoteInvalid, "note"),
        ContentError::SlotInPast(_) => (UserErrorCode::SlotInPast, "at"),
        ContentError::SlotTaken(_) => (UserErrorCode::SlotTaken, "at"),
    };
    UserError::new(code, message, &["input", field])
}

/// Which content the viewer, an EDITOR of its account, acts on. Refuses: `Unauthenticated`, `BadUserInput`, `NotFound`,
/// `Forbidden`.
async fn asked(ctx: &Context<'_>, id: &ID, expected_version: i32, path: &[&str]) -> Result<(MemberRight, Asked)> {
    request(ctx)?.viewer.signed_in()?;
    let content = node::decode(NodeKind::Content, id, path)?;
    let account = Content::load(ctx, content).await?.ok_or(Error::NotFound)?.0.account_id;
    let right = editor_of(ctx, account).await?;
    Ok((right, Asked { content, expected_version, request_id: request_id(ctx)? }))
}

type Done = std::result::Result<model::Content, Failure<ContentError>>;

fn told(done: Done) -> Result<(Option<Content>, Vec<UserError>)> {
    let (content, user_errors) = answer(done, content_error)?;
    Ok((content.map(Content), user_errors))
}

/// The same refusal within one of many items.
fn within(mut error: UserError, at: usize) -> UserError {
    if let Some(path) = &mut error.path {
        let rest = path.split_off(path.len().min(1));
        path.extend(["items".to_owned(), at.to_string()].into_iter().chain(rest));
    }
    error
}

async fn schedule_one(ctx: &Context<'_>, at: usize, item: &ScheduleContentsItemInput) -> Result<ScheduleContentsItem> {
    request(ctx)?.viewer.signed_in()?;
    let number = at.to_string();
    let path = ["input", "items", number.as_str(), "contentId"];
    let content = node::decode(NodeKind::Content, &item.content_id, &path)?;
    let not_found = || {
        let error = UserError::new(UserErrorCode::NotFound, Error::NotFound.to_string(), &path);
        Ok(ScheduleContentsItem { content: None, user_errors: vec![error] })
    };
    let Some(found) = Content::load(ctx, content).await? else { return not_found() };
    let right = match editor_of(ctx, found.0.account_id).await {
        Ok(right) => right,
        Err(Error::NotFound) => return not_found(),
        Err(error) => return Err(error.into()),
    };
    let asked = Asked { content, expected_version: item.expected_version, request_id: request_id(ctx)? };
    let (content, user_errors) = told(service::<Contents>(ctx)?.schedule_content(right, asked, item.at.0).await)?;
    Ok(ScheduleContentsItem { content, user_errors: user_errors.into_iter().map(|error| within(error, at)).collect() })
}

/// Mutations of content.
#[derive(Default)]
pub struct ContentMutation;

const ID_PATH: [&str; 2] = ["input", "contentId"];

#[Object]
impl ContentMutation {
    /// Changes an article, which makes a new version of its text. Its HTML is cleaned. Approved and scheduled content goes
    /// back to review, unless the approval is kept.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content, and what changes.")] input: UpdateContentInput,
    ) -> Result<Option<UpdateContentPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let edit = UpdateContent {
            keep_approval: input.keep_approval,
            title: kept(input.title, "title")?,
            slug: kept(input.slug, "slug")?,
            html: kept(input.html, "html")?,
            excerpt: kept(input.excerpt, "excerpt")?,
            meta_title: kept(input.meta_title, "metaTitle")?,
            meta_description: kept(input.meta_description, "metaDescription")?,
            keywords: kept(input.keywords, "keywords")?,
            categories: kept(input.categories, "categories")?,
            tags: kept(input.tags, "tags")?,
        };
        let (content, user_errors) = told(service::<Contents>(ctx)?.update_content(right, asked, edit).await)?;
        Ok(Some(UpdateContentPayload { content, user_errors }))
    }

    /// Sends a draft to review, whatever its images do.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn submit_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content.")] input: SubmitContentInput,
    ) -> Result<Option<SubmitContentPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let (content, user_errors) = told(service::<Contents>(ctx)?.submit_content(right, asked).await)?;
        Ok(Some(SubmitContentPayload { content, user_errors }))
    }

    /// Approves content in review. Where its site schedules by itself it gets the next slot at once; where there is none it
    /// waits without one, and says why.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn approve_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content.")] input: ApproveContentInput,
    ) -> Result<Option<ApproveContentPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let (content, user_errors) = told(service::<Contents>(ctx)?.approve_content(right, asked).await)?;
        Ok(Some(ApproveContentPayload { content, user_errors }))
    }

    /// Sends content in review back to be changed.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn request_content_changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content, and what is to be changed.")] input: RequestContentChangesInput,
    ) -> Result<Option<RequestContentChangesPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let done = service::<Contents>(ctx)?.request_content_changes(right, asked, &input.note).await;
        let (content, user_errors) = told(done)?;
        Ok(Some(RequestContentChangesPayload { content, user_errors }))
    }

    /// Takes an approval back: the content is in review again, without a slot.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn withdraw_approval(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content.")] input: WithdrawApprovalInput,
    ) -> Result<Option<WithdrawApprovalPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let (content, user_errors) = told(service::<Contents>(ctx)?.withdraw_approval(right, asked).await)?;
        Ok(Some(WithdrawApprovalPayload { content, user_errors }))
    }

    /// Gives approved content a slot, or what has one or failed another.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn schedule_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content, and when.")] input: ScheduleContentInput,
    ) -> Result<Option<ScheduleContentPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let (content, user_errors) = told(service::<Contents>(ctx)?.schedule_content(right, asked, input.at.0).await)?;
        Ok(Some(ScheduleContentPayload { content, user_errors }))
    }

    /// Gives many contents slots, one after the other; one that is refused keeps none of the others back.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn schedule_contents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which contents, and when.")] input: ScheduleContentsInput,
    ) -> Result<Option<ScheduleContentsPayload>> {
        let refused = |code, message: String| {
            let error = UserError::new(code, message, &["input", "items"]);
            Ok(Some(ScheduleContentsPayload { items: None, user_errors: vec![error] }))
        };
        let count = input.items.len();
        if !(1..=SCHEDULE_MAX).contains(&count) {
            let message = format!("`items` has {count}; it takes 1–{SCHEDULE_MAX}. Schedule fewer at once.");
            return refused(UserErrorCode::CountOutOfRange, message);
        }
        let mut seen = HashSet::new();
        if !input.items.iter().all(|item| seen.insert(&*item.content_id)) {
            return refused(UserErrorCode::ContentTwice, "A content is named twice. Name each once.".to_owned());
        }
        let mut items = Vec::with_capacity(count);
        for (at, item) in input.items.iter().enumerate() {
            items.push(schedule_one(ctx, at, item).await?);
        }
        Ok(Some(ScheduleContentsPayload { items: Some(items), user_errors: Vec::new() }))
    }

    /// Takes a slot away: the content waits without one. Content that failed goes back there likewise.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn unschedule_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content.")] input: UnscheduleContentInput,
    ) -> Result<Option<UnscheduleContentPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let (content, user_errors) = told(service::<Contents>(ctx)?.unschedule_content(right, asked).await)?;
        Ok(Some(UnscheduleContentPayload { content, user_errors }))
    }

    /// Discards content, its approval and slot with it.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn archive_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content.")] input: ArchiveContentInput,
    ) -> Result<Option<ArchiveContentPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let (content, user_errors) = told(service::<Contents>(ctx)?.archive_content(right, asked).await)?;
        Ok(Some(ArchiveContentPayload { content, user_errors }))
    }

    /// Fetches discarded content back, as a draft.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn restore_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content.")] input: RestoreContentInput,
    ) -> Result<Option<RestoreContentPayload>> {
        let (right, asked) = asked(ctx, &input.content_id, input.expected_version, &ID_PATH).await?;
        let (content, user_errors) = told(service::<Contents>(ctx)?.restore_content(right, asked).await)?;
        Ok(Some(RestoreContentPayload { content, user_errors }))
    }
}
