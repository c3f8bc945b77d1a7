//! Reading and changing content. The member's right was checked; the row is decided here.

mod act;
pub mod completion;
mod transition;
mod zone;

use std::{collections::HashMap, sync::Arc};

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    model::{CalendarFilter, Content, ContentFilter, ContentImage, Dated, Occupied, Revision},
    store,
};
use crate::{
    clock::{Clock, Micros},
    db::Db,
    error::Error,
    ids::Ids,
    page::{Page, PageArgs},
    site::Site,
};

pub use super::store::calendar::Span;
pub use act::Asked;
pub(super) use transition::{effects as change_effects, unapproved_effects};
pub use zone::SlotMoves;

/// Content. Cloning is cheap.
#[derive(Clone)]
pub struct Contents {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Contents {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { db, clock, ids }
    }

    /// What the site, which the caller holds, has already from the start of its local day on.
    pub async fn load_occupied(&self, site: &Site, now: Micros) -> Result<Occupied, Error> {
        Ok(transition::occupied(self.db.reader(), site, now).await?)
    }

    /// A site's content, newest first. The caller has authorised by holding the site.
    pub async fn list_contents(
        &self,
        site: Uuid,
        filter: &ContentFilter,
        args: &PageArgs<Uuid>,
    ) -> Result<Page<Content>, Error> {
        Ok(store::content::list_contents(self.db.reader(), site, filter, args).await?)
    }

    /// Content by id; the caller compares the account.
    pub async fn load_contents(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Content>, Error> {
        Ok(store::content::load_contents(self.db.reader(), ids).await?)
    }

    /// The texts of content that the caller holds.
    pub async fn load_texts(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, Error> {
        Ok(store::content::load_texts(self.db.reader(), ids).await?)
    }

    /// The places for images of content that the caller holds, the featured one first.
    pub async fn load_images_of(&self, contents: &[Uuid]) -> Result<HashMap<Uuid, Vec<ContentImage>>, Error> {
        Ok(store::part::load_images_of(self.db.reader(), contents).await?)
    }

    /// Places for images by id; the caller compares the account.
    pub async fn load_images(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, ContentImage>, Error> {
        Ok(store::part::load_images(self.db.reader(), ids).await?)
    }

    /// The versions of a text, the newest first. The caller has authorised by holding the content.
    pub async fn list_revisions(&self, content: Uuid, args: &PageArgs<i64>) -> Result<Page<Revision>, Error> {
        Ok(store::part::list_revisions(self.db.reader(), content, args).await?)
    }

    /// One version of a text. The caller has authorised by holding the content.
    pub async fn find_revision(&self, content: Uuid, version: i32) -> Result<Option<Revision>, Error> {
        Ok(store::part::find_revision(self.db.reader(), content, version).await?)
    }

    /// The texts of versions, by content and version; the caller holds the content.
    pub async fn load_revision_texts(&self, keys: &[(Uuid, i32)]) -> Result<HashMap<(Uuid, i32), String>, Error> {
        Ok(store::part::load_revision_texts(self.db.reader(), keys).await?)
    }

    /// What a site's calendar shows of a span of time at `now`, in the caller's snapshot: at most `most` entries, and so many
    /// without a slot. The caller has authorised by holding the site.
    pub async fn load_dated_in(
        &self,
        tx: &DatabaseTransaction,
        site: Uuid,
        span: &store::calendar::Span,
        filter: &CalendarFilter,
    ) -> Result<Dated, Error> {
        Ok(store::calendar::load_dated(tx, site, span, filter).await?)
    }
}
