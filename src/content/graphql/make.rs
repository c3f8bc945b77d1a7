//! Writing, illustrating and improving content by models. Images themselves are drawn by `generateImages`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::{
    ai::{
        Spender,
        graphql::{AiTask, MakeInput, make_things},
        model::AiFunction,
    },
    error::Error,
    graphql::{
        error::UserError,
        guard::{MutationPolicy, visible},
        node::NodeKind,
    },
    site::graphql::edited_site,
};

/// Which content tasks are written.
#[derive(Debug, InputObject)]
pub struct GenerateContentInput {
    /// The site; the viewer must be an EDITOR or OWNER of its account.
    site_id: ID,
    /// 1–50 content tasks of it, each `QUEUED`; each is an item and becomes an article.
    content_task_ids: Vec<ID>,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
}

/// Which content gets image prompts.
#[derive(Debug, InputObject)]
pub struct GenerateImagePromptsInput {
    /// The site; the viewer must be an EDITOR or OWNER of its account.
    site_id: ID,
    /// 1–50 contents of it without image prompts, each `DRAFT` or `REVIEW`; each is an item.
    content_ids: Vec<ID>,
    /// How many images inside each, beside the featured one, 0–5; 2 when omitted.
    in_article: Option<i32>,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
}

/// Which content is improved.
#[derive(Debug, InputObject)]
pub struct OptimizeContentInput {
    /// The site; the viewer must be an EDITOR or OWNER of its account.
    site_id: ID,
    /// 1–50 contents of it, none published, failed or archived; each is an item and gets a new version.
    content_ids: Vec<ID>,
    /// The keywords aimed at, 1–20 of at most 200 characters; each content's own when omitted.
    keywords: Option<Vec<String>>,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
}

macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// The task that does it, its credits held; null when refused.
            task: Option<AiTask>,
            /// `COUNT_OUT_OF_RANGE`, `NOT_FOUND`, `NAMED_TWICE`, `WRONG_STATE`, `WANTED_OUT_OF_RANGE`,
            /// `TARGET_KEYWORDS_INVALID`, and the codes of `generateText`. Empty when it was accepted.
            user_errors: Vec<UserError>,
        })*
    };
}

payloads! {
    /// What `generateContent` did.
    GenerateContentPayload;
    /// What `generateImagePrompts` did.
    GenerateImagePromptsPayload;
    /// What `optimizeContent` did.
    OptimizeContentPayload;
}

/// What differs between the commands.
struct Command<'a> {
    function: AiFunction,
    site_id: &'a ID,
    ids: (&'a [ID], NodeKind),
    field: &'static str,
    wanted: Option<i32>,
    keywords: Option<Vec<String>>,
    model_id: Option<&'a ID>,
    idempotency_key: &'a ID,
}

async fn carry_out(ctx: &Context<'_>, command: Command<'_>) -> Result<(Option<AiTask>, Vec<UserError>), Error> {
    let (site, right) = edited_site(ctx, command.site_id, &["input", "siteId"]).await?;
    let input = MakeInput {
        function: command.function,
        spender: Spender { account_id: right.account_id(), user_id: right.user_id() },
        site: site.id,
        ids: command.ids,
        field: command.field,
        wanted: (command.wanted, "inArticle"),
        keywords: command.keywords,
        model_id: command.model_id,
        idempotency_key: command.idempotency_key,
    };
    make_things(ctx, input).await
}

/// Commands that write, illustrate and improve content.
#[derive(Default)]
pub struct WritingMutation;

#[Object]
impl WritingMutation {
    /// Writes an article for each content task: holds the most that all can cost, then charges the tokens they took. An
    /// article begins as a draft; it goes on when its images have settled, or when somebody submits it.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn generate_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content tasks.")] input: GenerateContentInput,
    ) -> Result<Option<GenerateContentPayload>> {
        let command = Command {
            function: AiFunction::GenerateContent,
            site_id: &input.site_id,
            ids: (&input.content_task_ids, NodeKind::ContentTask),
            field: "contentTaskIds",
            wanted: None,
            keywords: None,
            model_id: input.model_id.as_ref(),
            idempotency_key: &input.idempotency_key,
        };
        let (task, user_errors) = carry_out(ctx, command).await?;
        Ok(Some(GenerateContentPayload { task, user_errors }))
    }

    /// Describes the images of articles: one at the head, and some inside. `generateImages` draws them.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn generate_image_prompts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For which content.")] input: GenerateImagePromptsInput,
    ) -> Result<Option<GenerateImagePromptsPayload>> {
        let command = Command {
            function: AiFunction::GenerateImagePrompts,
            site_id: &input.site_id,
            ids: (&input.content_ids, NodeKind::Content),
            field: "contentIds",
            wanted: input.in_article,
            keywords: None,
            model_id: input.model_id.as_ref(),
            idempotency_key: &input.idempotency_key,
        };
        let (task, user_errors) = carry_out(ctx, command).await?;
        Ok(Some(GenerateImagePromptsPayload { task, user_errors }))
    }

    /// Rewrites articles for their keywords: each gets a new version, with the score before and after. Approved content
    /// goes back to review. What somebody edits meanwhile stays, and that item is not charged.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn optimize_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content.")] input: OptimizeContentInput,
    ) -> Result<Option<OptimizeContentPayload>> {
        let command = Command {
            function: AiFunction::OptimizeContent,
            site_id: &input.site_id,
            ids: (&input.content_ids, NodeKind::Content),
            field: "contentIds",
            wanted: None,
            keywords: input.keywords,
            model_id: input.model_id.as_ref(),
            idempotency_key: &input.idempotency_key,
        };
        let (task, user_errors) = carry_out(ctx, command).await?;
        Ok(Some(OptimizeContentPayload { task, user_errors }))
    }
}
