//! Values and rules of content tasks and content, their states, approval and slots among them. They must never know the
//! database, the providers or the clock: `now` comes in, in microseconds UTC.

mod approval;
pub mod article;
mod change;
mod content;
mod content_state;
mod edit;
pub mod html;
pub mod image_prompts;
pub mod optimize;
mod relocation;
pub mod score;
mod slot;
pub mod slug;
mod state;
pub mod words;

pub use approval::{
    ApprovalBlock, ApprovalDecision, ApprovalTarget, ApprovedSource, FeaturedImage, Work, decide_approval,
};
pub use change::{Change, Step, Told};
pub use content::{
    Approval, CalendarFilter, Content, ContentFilter, ContentImage, Dated, Face, Revision, RevisionCause,
    ScheduleBlock, Slot, SlotSource,
};
pub use content_state::{Cause, ContentState, IllegalTransition};
pub use edit::{ContentError, NOTE_CHARS_MAX, SCHEDULE_MAX, UpdateContent, review_note};
pub use relocation::{KeepRefusal, Moved, Waiting, keep_local_time};
pub use slot::{LEAD, NoSlot, Occupied, PREVIEW_MAX, Preview, PreviewRefusal, SEARCH_DAYS, next_slot, preview};
pub use state::{ContentImageKind, ContentImageState, ContentTaskState, RETRIES_MAX, RetryError};
