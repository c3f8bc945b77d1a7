//! `Content`.

use async_graphql::{Context, ID, Object, Result, SimpleObject, dataloader::DataLoader};

use super::{
    image::ContentImage,
    loader::{ContentLoader, ContentOf, ImagesOf, TextOf},
    revision::{ContentRevision, ContentRevisionConnection},
    state::{ApprovalBlock, ApprovedSource, ContentFlag, ContentState, ScheduleBlock, SlotSource},
};
use crate::{
    auth::graphql::{User, person},
    connection,
    content::{Contents, model, task::graphql::ContentTask},
    error::Error,
    graphql::{
        context::service,
        loaders::owned,
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::DateTime,
    },
    keyword::graphql::{Cluster, ContentType, sector_of},
    site::graphql::{Sector, Site},
};

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

owned!(Content: ContentLoader, ContentOf);

impl Content {
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

    /// The content task it was written for; null where it was written for none.
    async fn content_task(&self, ctx: &Context<'_>) -> Result<Option<ContentTask>> {
        match self.0.content_task_id {
            Some(id) => Ok(ContentTask::load(ctx, id).await?),
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
