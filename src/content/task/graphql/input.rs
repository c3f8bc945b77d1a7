//! What mutations of content tasks are told, and what they answer.

use async_graphql::{ID, InputObject, SimpleObject};

use super::types::ContentTask;
use crate::{
    content::task,
    graphql::error::UserError,
    idea::model::{Plan, TARGET_WORDS},
    keyword::graphql::ContentType,
};

/// Ideas that content tasks are made of.
#[derive(InputObject)]
pub struct QueueIdeasInput {
    /// Of which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// Which, 1–50, `NEW`. All of them or none. One that has a content task already answers it.
    pub idea_ids: Vec<ID>,
}

/// What `queueIdeas` did.
#[derive(SimpleObject)]
pub struct QueueIdeasPayload {
    /// The content task of each idea, in the order of the ideas; null when refused.
    pub content_tasks: Option<Vec<ContentTask>>,
    /// Why it was refused: `COUNT_OUT_OF_RANGE`, and for each idea that will not do `NOT_FOUND` or `ILLEGAL_TRANSITION`, with
    /// its place in the path. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// A content task that is made by hand.
#[derive(InputObject)]
pub struct CreateContentTaskInput {
    /// For which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// In which sector of it; the cluster's, or none, when omitted.
    pub sector_id: Option<ID>,
    /// For which cluster of the sector; none when omitted.
    pub cluster_id: Option<ID>,
    /// The title of what is to be written, 5–200 characters.
    pub title: String,
    /// Its headings, one a line, at most 4,000 characters.
    #[graphql(default)]
    pub outline: String,
    /// The keywords it aims at, at most 20 of 1–200 characters.
    #[graphql(default)]
    pub keywords: Vec<String>,
    /// What kind of content it is.
    #[graphql(default_with = "ContentType::Blog")]
    pub content_type: ContentType,
    /// How long it should be, 50–10,000 words.
    #[graphql(default_with = "TARGET_WORDS")]
    pub target_words: i32,
    /// The higher, the sooner runs take it; -100 to 100.
    #[graphql(default)]
    pub priority: i32,
}

impl CreateContentTaskInput {
    /// The command, for a site and a sector that were seen.
    pub(super) fn command(
        self,
        site_id: uuid::Uuid,
        sector_id: Option<uuid::Uuid>,
        cluster_id: Option<uuid::Uuid>,
    ) -> task::CreateContentTask {
        task::CreateContentTask {
            site_id,
            sector_id,
            cluster_id,
            plan: Plan {
                title: self.title,
                outline: self.outline,
                keywords: self.keywords,
                content_type: self.content_type.into(),
                target_words: self.target_words,
            },
            priority: self.priority,
        }
    }
}

/// What `createContentTask` did.
#[derive(SimpleObject)]
pub struct CreateContentTaskPayload {
    /// The content task; null when refused.
    pub content_task: Option<ContentTask>,
    /// Why it was refused: `TITLE_INVALID`, `OUTLINE_INVALID`, `COUNT_OUT_OF_RANGE`, `KEYWORD_EMPTY`, `KEYWORD_TOO_LONG`,
    /// `KEYWORD_INVALID`, `TARGET_WORDS_INVALID`, `PRIORITY_INVALID`, `SECTOR_NOT_FOUND`, `CLUSTER_NOT_FOUND`. Empty when it
    /// was done.
    pub user_errors: Vec<UserError>,
}

/// A failed content task that is taken up again.
#[derive(InputObject)]
pub struct RetryContentTaskInput {
    /// Which content task, `FAILED`; the viewer must be an EDITOR or OWNER of its account.
    pub content_task_id: ID,
}

/// What `retryContentTask` did.
#[derive(SimpleObject)]
pub struct RetryContentTaskPayload {
    /// The content task; null when refused.
    pub content_task: Option<ContentTask>,
    /// Why it was refused: `ILLEGAL_TRANSITION` for one that has not failed, `TRIES_EXHAUSTED` after three retries. Empty when
    /// it was done.
    pub user_errors: Vec<UserError>,
}
