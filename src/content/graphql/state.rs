//! The words for where content is on its way, and for what is worth marking about it.

use async_graphql::Enum;

/// Where content is between writing and publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ContentState")]
pub enum ContentState {
    /// Being written or illustrated, or sent back.
    Draft,
    /// Complete, waiting for approval.
    Review,
    /// May be published; without a slot it waits in the tray.
    Approved,
    /// Has a slot.
    Scheduled,
    /// On its way out.
    Publishing,
    /// Out. Final: later edits are pushed to the same post.
    Published,
    /// Not out, and nothing is tried any more.
    Failed,
    /// Sent, and nobody knows yet whether it arrived.
    Uncertain,
    /// Discarded.
    Archived,
}

/// Who approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ApprovedSource")]
pub enum ApprovedSource {
    /// A member.
    Member,
    /// The site's setting; nobody in person.
    Auto,
}

/// What keeps content from being approved by itself. A member may approve it all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ApprovalBlock")]
pub enum ApprovalBlock {
    /// A featured image is wanted, and is missing or failed.
    FeaturedImage,
}

/// What keeps approved content without a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ScheduleBlock")]
pub enum ScheduleBlock {
    /// No day within reach has a slot to give. Allow more weekdays or posts per day, or place it by hand.
    NoSlot,
}

/// Who gave a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::SlotSource")]
pub enum SlotSource {
    /// The schedule.
    Auto,
    /// A person.
    Manual,
}

/// What is worth marking about content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ContentFlag {
    /// The sandbox wrote it: it is no real article.
    Sandbox,
    /// It was approved by the site's setting.
    AutoApproved,
    /// Its slot was chosen by a person.
    PlacedByHand,
}
