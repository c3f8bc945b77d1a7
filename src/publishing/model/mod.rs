//! Values and rules of publishing: slots, content states and approval.
//! They must never know the database, the API or the clock: `now` comes in, in microseconds UTC.

mod approval;
mod relocation;
mod slot;
mod state;

pub use approval::{
    ApprovalBlock, ApprovalDecision, ApprovalTarget, ApprovedSource, FeaturedImage, ImageState, Work, decide_approval,
};
pub use relocation::{KeepRefusal, Moved, Waiting, keep_local_time};
pub use slot::{LEAD, NoSlot, Occupied, PREVIEW_MAX, Preview, PreviewRefusal, SEARCH_DAYS, next_slot, preview};
pub use state::{Cause, ContentState, IllegalTransition};
