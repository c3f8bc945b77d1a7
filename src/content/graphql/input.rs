//! What the mutations of content take and answer.

use async_graphql::{ID, InputObject, MaybeUndefined, SimpleObject};

use super::content::Content;
use crate::graphql::{error::UserError, scalars::DateTime};

/// An input of an act on one content, with what else it needs.
macro_rules! input {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $name {
            /// Which content; the viewer must be an EDITOR or OWNER of its account.
            pub content_id: ID,
            /// The `version` that was read; another one is `VERSION_CONFLICT`.
            pub expected_version: i32,
            $($(#[$fdoc])* pub $field: $kind,)*
        }
    };
}

/// A payload of an act on one content.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident, $codes:literal) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// The content as it is now; null when refused.
            pub content: Option<Content>,
            #[doc = concat!("Why it was refused: ", $codes, ". Empty when it was done.")]
            pub user_errors: Vec<UserError>,
        }
    };
}

input! {
    /// What changes about an article; what is omitted stays.
    UpdateContentInput {
        /// The title, 1–200 characters; it cannot be cleared.
        title: MaybeUndefined<String>,
        /// The last part of its address: a–z, 0–9 and single hyphens, 1–80 characters, unique in the site; it cannot be
        /// cleared.
        slug: MaybeUndefined<String>,
        /// The text, HTML of at most 100,000 characters. Only headings, paragraphs, lists, tables, quotations, emphasis
        /// and links are kept. It cannot be cleared.
        html: MaybeUndefined<String>,
        /// A short account of it, at most 300 characters; empty takes it away.
        excerpt: MaybeUndefined<String>,
        /// The title for search engines, at most 60 characters; empty takes it away.
        meta_title: MaybeUndefined<String>,
        /// The description for search engines, at most 160 characters; empty takes it away.
        meta_description: MaybeUndefined<String>,
        /// What it is to be found for, at most 20 of 1–200 characters, the most important first.
        keywords: MaybeUndefined<Vec<String>>,
        /// Its categories, at most 5 of 1–60 characters.
        categories: MaybeUndefined<Vec<String>>,
        /// Its tags, at most 15 of 1–60 characters.
        tags: MaybeUndefined<Vec<String>>,
        /// Whether an approval stands, as the editor's own. Otherwise approved and scheduled content goes back to review and
        /// loses its slot.
        #[graphql(default = false)]
        keep_approval: bool,
    }
}
payload! {
    /// What `updateContent` did.
    UpdateContentPayload,
    "`VERSION_CONFLICT`, `CONTENT_NOT_EDITABLE`, `TITLE_INVALID`, `SLUG_INVALID`, `SLUG_TAKEN`, `HTML_TOO_LONG`, \
     `HTML_EMPTY`, `EXCERPT_TOO_LONG`, `META_TITLE_TOO_LONG`, `META_DESCRIPTION_TOO_LONG`, `KEYWORDS_INVALID`, \
     `CATEGORIES_INVALID`, `TAGS_INVALID`"
}
input! {
    /// Which content goes to review.
    SubmitContentInput {}
}
payload! {
    /// What `submitContent` did.
    SubmitContentPayload, "`VERSION_CONFLICT`, `ILLEGAL_TRANSITION`"
}
input! {
    /// Which content is approved.
    ApproveContentInput {}
}
payload! {
    /// What `approveContent` did.
    ApproveContentPayload, "`VERSION_CONFLICT`, `ILLEGAL_TRANSITION`"
}
input! {
    /// Which content goes back, and why.
    RequestContentChangesInput {
        /// What is to be changed, 1–1,000 characters.
        note: String,
    }
}
payload! {
    /// What `requestContentChanges` did.
    RequestContentChangesPayload, "`NOTE_INVALID`, `VERSION_CONFLICT`, `ILLEGAL_TRANSITION`"
}
input! {
    /// Whose approval is taken back.
    WithdrawApprovalInput {}
}
payload! {
    /// What `withdrawApproval` did.
    WithdrawApprovalPayload, "`VERSION_CONFLICT`, `ILLEGAL_TRANSITION`"
}
input! {
    /// Which content gets which slot.
    ScheduleContentInput {
        /// The instant, later than now.
        at: DateTime,
    }
}
payload! {
    /// What `scheduleContent` did.
    ScheduleContentPayload, "`SLOT_IN_PAST`, `SLOT_TAKEN`, `VERSION_CONFLICT`, `ILLEGAL_TRANSITION`"
}
input! {
    /// Which content loses its slot.
    UnscheduleContentInput {}
}
payload! {
    /// What `unscheduleContent` did.
    UnscheduleContentPayload, "`VERSION_CONFLICT`, `ILLEGAL_TRANSITION`"
}
input! {
    /// Which content is discarded.
    ArchiveContentInput {}
}
payload! {
    /// What `archiveContent` did.
    ArchiveContentPayload, "`VERSION_CONFLICT`, `ILLEGAL_TRANSITION`"
}
input! {
    /// Which content is fetched back.
    RestoreContentInput {}
}
payload! {
    /// What `restoreContent` did.
    RestoreContentPayload, "`VERSION_CONFLICT`, `ILLEGAL_TRANSITION`"
}
input! {
    /// One content, and its slot.
    ScheduleContentsItemInput {
        /// The instant, later than now.
        at: DateTime,
    }
}

/// Which contents get which slots.
#[derive(Debug, InputObject)]
pub struct ScheduleContentsInput {
    /// The contents with their slots, 1–50, each content once. They are scheduled in this order, each by itself.
    pub items: Vec<ScheduleContentsItemInput>,
}

payload! {
    /// What `scheduleContents` did with one content.
    ScheduleContentsItem, "`SLOT_IN_PAST`, `SLOT_TAKEN`, `VERSION_CONFLICT`, `ILLEGAL_TRANSITION`, `NOT_FOUND`"
}

/// What `scheduleContents` did.
#[derive(SimpleObject)]
pub struct ScheduleContentsPayload {
    /// What became of each content, in the order of the input, at most 50; null when refused as a whole.
    pub items: Option<Vec<ScheduleContentsItem>>,
    /// Why it was refused as a whole: `COUNT_OUT_OF_RANGE`, `CONTENT_TWICE`. Empty when each was tried.
    pub user_errors: Vec<UserError>,
}
