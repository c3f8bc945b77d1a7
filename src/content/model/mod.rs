//! Values and rules of content tasks and content, their states, approval and slots among them. They must never know the
//! database, the providers or the clock: `now` comes in, in microseconds UTC.

mod approval;
pub mod article;
mod content_state;
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
pub use content_state::{Cause, ContentState, IllegalTransition};
pub use relocation::{KeepRefusal, Moved, Waiting, keep_local_time};
pub use slot::{LEAD, NoSlot, Occupied, PREVIEW_MAX, Preview, PreviewRefusal, SEARCH_DAYS, next_slot, preview};
pub use state::{ContentImageKind, ContentImageState, ContentTaskState, RETRIES_MAX, RetryError};
