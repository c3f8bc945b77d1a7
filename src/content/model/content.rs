//! Content as a value, with its places for images and the versions of its text.

use uuid::Uuid;

use super::{ApprovalBlock, ApprovedSource, ContentImageKind, ContentImageState, ContentState};
use crate::{clock::Micros, keyword::model::ContentType};

crate::words::words! {
    /// Who gave a slot.
    SlotSource {
        /// The schedule.
        Auto "AUTO",
        /// A person.
        Manual "MANUAL",
    }
}

crate::words::words! {
    /// What keeps approved content without a slot.
    ScheduleBlock {
        /// No day within reach had a slot to give.
        NoSlot "NO_SLOT",
    }
}

crate::words::words! {
    /// How a version of a text came about.
    RevisionCause {
        /// A function wrote it.
        Generated "GENERATED",
        /// A person did.
        Edited "EDITED",
        /// A function improved it.
        Optimized "OPTIMIZED",
    }
}

/// An approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// When, microseconds.
    pub at: Micros,
    /// Who; `None` is the site's setting.
    pub by: Option<Uuid>,
    /// By what.
    pub source: ApprovedSource,
}

/// A slot that is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The instant, microseconds.
    pub at: Micros,
    /// Who gave it.
    pub source: SlotSource,
}

/// An article without its text, which is read apart because it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// For which site.
    pub site_id: Uuid,
    /// In which sector of it.
    pub sector_id: Option<Uuid>,
    /// The content task it was written for.
    pub content_task_id: Option<Uuid>,
    /// The cluster it serves.
    pub cluster_id: Option<Uuid>,
    /// What kind of content it is.
    pub content_type: ContentType,
    /// What is shown of it.
    pub face: Face,
    /// Words of its text.
    pub words: i32,
    /// The score of the last optimisation, 0–100.
    pub score: Option<i32>,
    /// Raised by every change of it.
    pub version: i32,
    /// Whether the sandbox wrote it.
    pub is_sandbox: bool,
    /// When its image prompts were written.
    pub prompts_made_at: Option<Micros>,
    /// Raised by every change of its places for images.
    pub image_seq: i64,
    /// Where it is between writing and publication.
    pub state: ContentState,
    /// What a reviewer wants changed.
    pub review_note: Option<String>,
    /// Who approved it.
    pub approval: Option<Approval>,
    /// Why it was not approved by itself.
    pub approval_blocked_by: Option<ApprovalBlock>,
    /// When it goes out.
    pub slot: Option<Slot>,
    /// Why it has no slot.
    pub schedule_blocked_by: Option<ScheduleBlock>,
    /// When it went out, microseconds.
    pub published_at: Option<Micros>,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// What pages and search engines show of an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// 1–200 characters.
    pub title: String,
    /// The last part of its address, unique in the site.
    pub slug: String,
    /// At most 300 characters.
    pub excerpt: String,
    /// At most 60 characters.
    pub meta_title: String,
    /// At most 160 characters.
    pub meta_description: String,
    /// What it is to be found for, the most important first.
    pub keywords: Vec<String>,
    /// At most 5.
    pub categories: Vec<String>,
    /// At most 15.
    pub tags: Vec<String>,
}

/// A place for an image in a content, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentImage {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// Of which content.
    pub content_id: Uuid,
    /// Where in it.
    pub kind: ContentImageKind,
    /// Among those of its kind, from 0.
    pub position: i32,
    /// What is to be drawn.
    pub prompt: String,
    /// What it shows, for those who do not see it.
    pub alt_text: String,
    /// Where it is in its life.
    pub state: ContentImageState,
    /// The image.
    pub image_id: Option<Uuid>,
    /// Why drawing it failed.
    pub error_code: Option<String>,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// A version of a text, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Of which content.
    pub content_id: Uuid,
    /// The version of the content that it came with.
    pub version: i32,
    /// How it came about.
    pub cause: RevisionCause,
    /// The title.
    pub title: String,
    /// The excerpt.
    pub excerpt: String,
    /// The title for search engines.
    pub meta_title: String,
    /// The description for search engines.
    pub meta_description: String,
    /// Words of its text.
    pub words: i32,
    /// The score of the text before an optimisation, 0–100.
    pub score_before: Option<i32>,
    /// The score of this text after it.
    pub score: Option<i32>,
    /// What the optimisation changed, in the model's words.
    pub changes: Vec<String>,
    /// Who wrote it; `None` is a function.
    pub author_id: Option<Uuid>,
    /// The AI task that did.
    pub ai_task_id: Option<Uuid>,
    /// When, microseconds.
    pub created_at: Micros,
}

/// Which content. What is `None` does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentFilter {
    /// Only in this state.
    pub state: Option<ContentState>,
    /// Only of this sector; `Some(None)` is content without one.
    pub sector: Option<Option<Uuid>>,
    /// Only for this cluster.
    pub cluster: Option<Uuid>,
    /// Only of this kind.
    pub content_type: Option<ContentType>,
    /// Only with a title that holds this text, in any case.
    pub search: Option<String>,
}

/// Which content a calendar shows. What is `None` does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalendarFilter {
    /// Only in this state.
    pub state: Option<ContentState>,
    /// Only for this cluster.
    pub cluster: Option<Uuid>,
    /// Only of this kind.
    pub content_type: Option<ContentType>,
    /// Only with a version of the text that this person wrote.
    pub author: Option<Uuid>,
}

/// What a calendar shows of a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dated {
    /// What was published in it, and what else has its slot in it, with its instant, in the order of time.
    pub entries: Vec<(Micros, Content)>,
    /// How many there are of each state, those that were left out among them.
    pub counts: Vec<(ContentState, i64)>,
    /// Approved content without a slot, the oldest first.
    pub tray: Vec<Content>,
    /// How many there are of those.
    pub tray_count: i64,
    /// Whether the site's account is suspended.
    pub is_suspended: bool,
}
