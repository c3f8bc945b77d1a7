//! `Content`, its places for images and its versions.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, dataloader::DataLoader};
use uuid::Uuid;

use super::loader::{ContentImageOf, ContentLoader, ContentOf, ImagesOf, RevisionTextOf, TextOf};
use crate::{
    ai::graphql::AiTask,
    auth::graphql::{User, person},
    connection,
    content::{Contents, model},
    error::Error,
    graphql::{
        context::{service, viewer},
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::DateTime,
    },
    image::graphql::Image,
    keyword::graphql::{Cluster, ContentType, sector_of, seen},
    site::graphql::{Sector, Site},
};

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

/// Where in a content an image stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ContentImageKind")]
pub enum ContentImageKind {
    /// At its head.
    Featured,
    /// Inside it.
    InArticle,
}

/// Where an image of a content is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ContentImageState")]
pub enum ContentImageState {
    /// Described, not drawn.
    Pending,
    /// Being drawn.
    Generating,
    /// Drawn and in our store.
    Generated,
    /// Drawing it failed.
    Failed,
    /// Whether it was drawn is not known yet.
    Uncertain,
}

/// How a version of a text came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::RevisionCause")]
pub enum ContentRevisionCause {
    /// A function wrote it.
    Generated,
    /// A person did.
    Edited,
    /// A function improved it.
    Optimized,
}

/// A slot that is given.
#[derive(Debug, SimpleObject)]
pub struct ContentSlot {
    /// The instant.
    at: DateTime,
    /// Who gave it.
    source: SlotSource,
}

/// An article: its text, what pages and search engines show of it, and how far it is on the way out.
#[derive(Debug, Clone)]
pub struct Content(pub model::Content);

impl Content {
    /// The content, for a caller that holds what belongs to it or compares the account.
    pub async fn load(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<DataLoader<ContentLoader>>(ctx)?.load_one(ContentOf(id)).await?.map(Self))
    }

    /// The content, if the viewer may see its account. Refuses: `Unauthenticated`, `NotFound`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        viewer(ctx)?.signed_in()?;
        let Some(found) = Self::load(ctx, id).await? else { return Ok(None) };
        seen(ctx, found.0.account_id).await?;
        Ok(Some(found))
    }

    async fn places(&self, ctx: &Context<'_>) -> Result<Vec<model::ContentImage>, Error> {
        let found = service::<DataLoader<ContentLoader>>(ctx)?.load_one(ImagesOf(self.0.id)).await?;
        Ok(found.unwrap_or_default())
    }
}

/// An article: its text, what pages and search engines show of it, and how far it is on the way out.
#[Object]
impl Content {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Content, self.0.id)
    }

    /// The site it is for.
    async fn site(&self, ctx: &Context<'_>) -> Result<Option<Site>> {
        Ok(Site::load(ctx, self.0.site_id).await?)
    }

    /// The sector it is in; null where it is in none.
    async fn sector(&self, ctx: &Context<'_>) -> Result<Option<Sector>> {
        sector_of(ctx, self.0.sector_id).await
    }

    /// The cluster it serves; null where it serves none.
    async fn cluster(&self, ctx: &Context<'_>) -> Result<Option<Cluster>> {
        match self.0.cluster_id {
            Some(id) => Ok(Cluster::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// What kind of content it is.
    #[graphql(name = "type")]
    async fn content_type(&self) -> ContentType {
        self.0.content_type.into()
    }

    /// The title, 1–200 characters.
    async fn title(&self) -> &str {
        &self.0.face.title
    }

    /// The last part of its address, unique in the site.
    async fn slug(&self) -> &str {
        &self.0.face.slug
    }

    /// The text, cleaned HTML; null only when it is gone.
    async fn html(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(service::<DataLoader<ContentLoader>>(ctx)?.load_one(TextOf(self.0.id)).await?)
    }

    /// A short account of it, at most 300 characters; may be empty.
    async fn excerpt(&self) -> &str {
        &self.0.face.excerpt
    }

    /// The title for search engines, at most 60 characters; may be empty.
    async fn meta_title(&self) -> &str {
        &self.0.face.meta_title
    }

    /// The description for search engines, at most 160 characters; may be empty.
    async fn meta_description(&self) -> &str {
        &self.0.face.meta_description
    }

    /// What it is to be found for, the most important first, at most 20.
    async fn keywords(&self) -> &[String] {
        &self.0.face.keywords
    }

    /// Its categories, at most 5.
    async fn categories(&self) -> &[String] {
        &self.0.face.categories
    }

    /// Its tags, at most 15.
    async fn tags(&self) -> &[String] {
        &self.0.face.tags
    }

    /// Words of its text, 0 or more.
    async fn words(&self) -> i32 {
        self.0.words
    }

    /// How well it serves its keywords by rules, 0–100, when it was last optimised; null when it never was.
    async fn score(&self) -> Option<i32> {
        self.0.score
    }

    /// Raised by every change of it, 1 or more. Every change of it names the version it was made from.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Where it is between writing and publication.
    async fn state(&self) -> ContentState {
        self.0.state.into()
    }

    /// What is worth marking about it, at most 3.
    async fn flags(&self) -> Vec<ContentFlag> {
        let is_auto = self.0.approval.is_some_and(|approval| approval.source == model::ApprovedSource::Auto);
        let by_hand = self.0.slot.is_some_and(|slot| slot.source == model::SlotSource::Manual);
        let flags = [
            (self.0.is_sandbox, ContentFlag::Sandbox),
            (is_auto, ContentFlag::AutoApproved),
            (by_hand, ContentFlag::PlacedByHand),
        ];
        flags.into_iter().filter_map(|(holds, flag)| holds.then_some(flag)).collect()
    }

    /// What a reviewer wants changed; null when nothing is asked for.
    async fn review_note(&self) -> Option<&str> {
        self.0.review_note.as_deref()
    }

    /// Who approved it; null when nobody has, when the site's setting did, and to those who may not look at people.
    async fn approved_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.approval.and_then(|approval| approval.by)).await?)
    }

    /// By what it was approved; null when it is not.
    async fn approved_source(&self) -> Option<ApprovedSource> {
        self.0.approval.map(|approval| approval.source.into())
    }

    /// When it was approved; null when it is not.
    async fn approved_at(&self) -> Option<DateTime> {
        self.0.approval.map(|approval| DateTime(approval.at))
    }

    /// Why it was not approved by itself; null when nothing was in the way.
    async fn approval_blocked_by(&self) -> Option<ApprovalBlock> {
        self.0.approval_blocked_by.map(Into::into)
    }

    /// When it goes out, or was to; null when it has no slot.
    async fn slot(&self) -> Option<ContentSlot> {
        self.0.slot.map(|slot| ContentSlot { at: DateTime(slot.at), source: slot.source.into() })
    }

    /// Why it got no slot when it was approved; null when nothing was in the way.
    async fn schedule_blocked_by(&self) -> Option<ScheduleBlock> {
        self.0.schedule_blocked_by.map(Into::into)
    }

    /// When it went out; null before.
    async fn published_at(&self) -> Option<DateTime> {
        self.0.published_at.map(DateTime)
    }

    /// Its places for images, at most 12: the featured one first, then those inside it in their order.
    async fn images(&self, ctx: &Context<'_>) -> Result<Vec<ContentImage>> {
        Ok(self.places(ctx).await?.into_iter().map(ContentImage).collect())
    }

    /// Those of its images that failed, at most 12. One inside it keeps nothing back; a featured one keeps it from being
    /// approved by itself.
    async fn failed_images(&self, ctx: &Context<'_>) -> Result<Vec<ContentImage>> {
        let places = self.places(ctx).await?.into_iter();
        Ok(places.filter(|place| place.state == model::ContentImageState::Failed).map(ContentImage).collect())
    }

    /// The versions of its text, newest first.
    async fn revisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<ContentRevisionConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Contents>(ctx)?.list_revisions(self.0.id, &args).await?;
        Ok(Some(page.map(ContentRevision).into()))
    }

    /// One version of its text; null when there is none of that number.
    async fn revision(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of the version, 1 or more.")] version: i32,
    ) -> Result<Option<ContentRevision>> {
        Ok(service::<Contents>(ctx)?.find_revision(self.0.id, version).await?.map(ContentRevision))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

connection!(ContentConnection, ContentEdge, Content, "content", |content: &Content| content.0.id);

/// A place for an image in a content, and what is in it.
#[derive(Debug, Clone)]
pub struct ContentImage(pub model::ContentImage);

impl ContentImage {
    /// The place, if the viewer may see its account. Refuses: `Unauthenticated`, `NotFound`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        viewer(ctx)?.signed_in()?;
        let found = service::<DataLoader<ContentLoader>>(ctx)?.load_one(ContentImageOf(id)).await?;
        let Some(found) = found else { return Ok(None) };
        seen(ctx, found.account_id).await?;
        Ok(Some(Self(found)))
    }
}

/// A place for an image in a content, and what is in it.
#[Object]
impl ContentImage {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::ContentImage, self.0.id)
    }

    /// The content it is in.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        Ok(Content::load(ctx, self.0.content_id).await?)
    }

    /// Where in it.
    async fn kind(&self) -> ContentImageKind {
        self.0.kind.into()
    }

    /// Its place among those of its kind, from 0.
    async fn position(&self) -> i32 {
        self.0.position
    }

    /// What is to be drawn.
    async fn prompt(&self) -> &str {
        &self.0.prompt
    }

    /// What it shows, for those who do not see it, at most 250 characters.
    async fn alt_text(&self) -> &str {
        &self.0.alt_text
    }

    /// Where it is in its life.
    async fn state(&self) -> ContentImageState {
        self.0.state.into()
    }

    /// The image; null until it is generated.
    async fn image(&self, ctx: &Context<'_>) -> Result<Option<Image>> {
        match self.0.image_id {
            Some(id) => Ok(Image::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// Why drawing it failed, a stable code; null when it did not.
    async fn error_code(&self) -> Option<&str> {
        self.0.error_code.as_deref()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// A version of a text. It never changes.
#[derive(Debug, Clone)]
pub struct ContentRevision(model::Revision);

/// A version of a text. It never changes.
#[Object]
impl ContentRevision {
    /// The version of the content that it came with, 1 or more; the numbers between are changes of other things.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// How it came about.
    async fn cause(&self) -> ContentRevisionCause {
        self.0.cause.into()
    }

    /// The title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// The text, cleaned HTML; null only when it is gone.
    async fn html(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let key = RevisionTextOf(self.0.content_id, self.0.version);
        Ok(service::<DataLoader<ContentLoader>>(ctx)?.load_one(key).await?)
    }

    /// The excerpt; may be empty.
    async fn excerpt(&self) -> &str {
        &self.0.excerpt
    }

    /// The title for search engines; may be empty.
    async fn meta_title(&self) -> &str {
        &self.0.meta_title
    }

    /// The description for search engines; may be empty.
    async fn meta_description(&self) -> &str {
        &self.0.meta_description
    }

    /// How well the text before served its keywords by rules, 0–100; null unless it was optimised into this one.
    async fn score_before(&self) -> Option<i32> {
        self.0.score_before
    }

    /// How well this text serves them; null unless it is an optimisation.
    async fn score(&self) -> Option<i32> {
        self.0.score
    }

    /// What an optimisation changed, in the model's words, at most 10 lines; empty otherwise. Null never.
    async fn changes(&self) -> Option<&[String]> {
        Some(&self.0.changes)
    }

    /// Words of its text, 0 or more.
    async fn words(&self) -> i32 {
        self.0.words
    }

    /// Who wrote it; null when a function did, and to those who may not look at people.
    async fn author(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.author_id).await?)
    }

    /// The AI task that wrote it; null when a person did.
    async fn ai_task(&self, ctx: &Context<'_>) -> Result<Option<AiTask>> {
        match self.0.ai_task_id {
            Some(id) => Ok(AiTask::find(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// When it was written.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

connection!(
    ContentRevisionConnection,
    ContentRevisionEdge,
    ContentRevision,
    "versions of a text",
    |revision: &ContentRevision| i64::from(revision.0.version)
);
