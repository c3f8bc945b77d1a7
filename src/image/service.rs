//! Reading images and changing who sees them. The caller has made sure that the person may see the account.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    Image, ImageFilter, Variant, Visibility,
    model::{ModerateImageError, REASON_CHARS_MAX},
    store,
};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    auth::{MemberRight, model::MemberRole},
    clock::Clock,
    db::Db,
    error::{Error, Failure, Internal},
    flag::Switches,
    ids::Ids,
    page::{Page, PageArgs},
    storage::{InvalidKey, ObjectKey, Storage, UrlSigner},
    viewer::{Feature, FeatureRight, Level},
};

/// How many images are decoded at once: each may take a core and 768 MiB for seconds.
const DECODERS: usize = 2;

/// How long a signed address works, seconds.
pub const URL_LIFETIME_SECONDS: u32 = 3600;

/// Images. Cloning is cheap.
#[derive(Clone)]
pub struct Gallery {
    pub(super) db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    pub(super) storage: Storage,
    signer: Arc<UrlSigner>,
    pub(super) decoders: Arc<Semaphore>,
    pub(super) switches: Switches,
}

/// By which right an image is deleted.
#[derive(Debug, Clone, Copy)]
pub enum DeleteRight {
    /// An EDITOR or OWNER of its account.
    Member(MemberRight),
    /// By `images:delete`, whosever it is.
    Others(FeatureRight),
}

/// What changes about images.
#[derive(Debug, Clone, Copy)]
enum Change {
    Visibility(Visibility),
    Hidden(bool),
    Deleted,
}

impl Change {
    fn action(self) -> &'static str {
        match self {
            Self::Visibility(_) => "image.set_visibility",
            Self::Hidden(_) => "image.moderate",
            Self::Deleted => "image.delete",
        }
    }
}

impl Gallery {
    /// Puts the parts together.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        storage: Storage,
        signer: Arc<UrlSigner>,
        switches: Switches,
    ) -> Self {
        Self { db, clock, ids, storage, signer, decoders: Arc::new(Semaphore::new(DECODERS)), switches }
    }

    /// An account's images, newest first.
    pub async fn list(&self, account: Uuid, filter: &ImageFilter, args: &PageArgs<Uuid>) -> Result<Page<Image>, Error> {
        Ok(store::list_images(self.db.reader(), account, filter, args).await?)
    }

    /// Images by id; the caller compares the account.
    pub async fn load(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Image>, Error> {
        Ok(store::load_images(self.db.reader(), ids).await?)
    }

    /// Enlargements by the id of their original, which the caller holds.
    pub async fn load_enlargements(&self, originals: &[Uuid]) -> Result<HashMap<Uuid, Image>, Error> {
        Ok(store::load_enlargements(self.db.reader(), originals).await?)
    }

    /// Stored variants by image, which the caller holds. An image without any has no entry.
    pub async fn load_variants(&self, images: &[Uuid]) -> Result<HashMap<Uuid, Vec<Variant>>, Error> {
        Ok(store::load_variants(self.db.reader(), images).await?)
    }

    /// The media type of a stored object and the store it lies in; `None` when there is none under that key.
    pub async fn stored_as(&self, object_key: &str) -> Result<Option<(String, String)>, Error> {
        Ok(store::find_stored_as(self.db.reader(), object_key).await?)
    }

    /// An address that shows the object in `store` for an hour to whoever has it; ours begin with `base_url`. The caller
    /// has made sure that the viewer may see the image.
    pub async fn signed_url(&self, store: &str, object_key: &str, base_url: &str) -> Result<String, Error> {
        let fault =
            |error: Box<dyn std::error::Error + Send + Sync>| Internal::new("signing an image's address", error);
        let key: ObjectKey = object_key.parse().map_err(|error: InvalidKey| fault(error.into()))?;
        let (now, lifetime) = (self.clock.now(), URL_LIFETIME_SECONDS);
        let url = self.storage.signed_url(&self.signer, store, &key, now, lifetime).await;
        Ok(url.map_err(|error| fault(error.into()))?.whole(base_url))
    }

    /// Sets who may see an image of the member's account, and its enlargement with it. Refuses: `NotFound`; `Forbidden` when
    /// the member is no EDITOR.
    pub async fn set_image_visibility(
        &self,
        right: MemberRight,
        image: Uuid,
        visibility: Visibility,
        request_id: Option<String>,
    ) -> Result<Image, Error> {
        let account = demand_editor(right)?;
        let change = Change::Visibility(visibility);
        let note = visibility.as_str().to_owned();
        self.change(Actor::User(right.user_id()), account, image, (change, Some(note)), request_id).await?;
        self.load(&[image]).await?.remove(&image).ok_or(Error::NotFound)
    }

    /// Hides an image and its enlargement from others, or no longer. The account's members still see it, and that it is
    /// hidden. Refuses: `ReasonTooLong`; `NotFound`; `Forbidden` when the right is of another feature.
    pub async fn moderate_image(
        &self,
        right: FeatureRight,
        image: Uuid,
        (is_hidden, reason): (bool, Option<String>),
        request_id: Option<String>,
    ) -> Result<Image, Failure<ModerateImageError>> {
        demand(right, Feature::ImagesModerate)?;
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
            return Err(Failure::Refused(ModerateImageError::ReasonTooLong));
        }
        let found = self.load(&[image]).await?.remove(&image).ok_or(Error::NotFound)?;
        let word = if is_hidden { "HIDDEN" } else { "SHOWN" };
        let note = reason.map_or_else(|| word.to_owned(), |reason| format!("{word}: {reason}"));
        let change = (Change::Hidden(is_hidden), Some(note));
        self.change(Actor::from(right), found.account_id, image, change, request_id).await?;
        Ok(self.load(&[image]).await?.remove(&image).ok_or(Error::NotFound)?)
    }

    /// Deletes an image: of an original, its enlargement goes too. It is not found from now on, and its bytes go within a
    /// day. Answers what was deleted, original first. Refuses: `NotFound`; `Forbidden` when the right does not reach.
    pub async fn delete_image(
        &self,
        right: DeleteRight,
        image: Uuid,
        request_id: Option<String>,
    ) -> Result<Vec<Image>, Error> {
        let found = self.load(&[image]).await?.remove(&image).ok_or(Error::NotFound)?;
        let actor = match right {
            DeleteRight::Member(right) if demand_editor(right)? != found.account_id => return Err(Error::NotFound),
            DeleteRight::Member(right) => Actor::User(right.user_id()),
            DeleteRight::Others(right) => {
                demand(right, Feature::ImagesDelete)?;
                Actor::from(right)
            }
        };
        let mut gone = vec![found.clone()];
        gone.extend(self.load_enlargements(&[image]).await?.remove(&image));
        let changed = self.change(actor, found.account_id, image, (Change::Deleted, None), request_id).await?;
        gone.retain(|one| changed.contains(&one.id));
        Ok(gone)
    }

    /// Makes one change of the pair that `image` belongs to, with its audit row, and answers which images it concerned.
    async fn change(
        &self,
        actor: Actor,
        account: Uuid,
        image: Uuid,
        (change, note): (Change, Option<String>),
        request_id: Option<String>,
    ) -> Result<Vec<Uuid>, Error> {
        let now = self.clock.now();
        let entry = Entry {
            id: self.ids.uuid(),
            account_id: Some(account),
            actor,
            action: change.action(),
            target_kind: "image",
            target_id: Some(image),
            before: None,
            after: note,
            request_id,
            at: now,
        };
        let changed = self.db.write(entry, move |tx, entry| {
            Box::pin(async move {
                let mut pair = store::lock_pair(tx, account, image).await?;
                if !pair.contains(&image) {
                    return Err(Failure::Fault(Error::NotFound));
                }
                match change {
                    Change::Visibility(visibility) => store::update_visibility(tx, &pair, visibility, now).await?,
                    Change::Hidden(is_hidden) => store::update_hidden(tx, &pair, is_hidden, now).await?,
                    Change::Deleted => {
                        // Without its original an enlargement has no reason to be; the other way round it has.
                        if pair.first() != Some(&image) {
                            pair = vec![image];
                        }
                        store::delete_images(tx, &pair, now).await?;
                    }
                }
                insert_entry(tx, entry).await.map_err(Internal::from)?;
                Ok::<_, Failure<crate::error::Never>>(pair)
            })
        });
        Ok(changed.await?)
    }

    /// Deletes the images that were delivered to accounts whose person was deleted meanwhile. Answers for how many
    /// accounts it did so.
    pub async fn delete_unowned(&self) -> Result<usize, Error> {
        let accounts = store::list_unowned(self.db.reader()).await?;
        let now = self.clock.now();
        for account in &accounts {
            let account = *account;
            let deleted = self.db.write((), move |tx, ()| {
                Box::pin(async move {
                    store::delete_images_of(tx, account, now).await?;
                    Ok::<_, Failure<crate::error::Never>>(())
                })
            });
            deleted.await?;
        }
        Ok(accounts.len())
    }
}

fn demand_editor(right: MemberRight) -> Result<Uuid, Error> {
    if right.role() >= MemberRole::Editor {
        return Ok(right.account_id());
    }
    let (feature, level) = MemberRole::Editor.right();
    Err(Error::Forbidden { feature, level })
}

fn demand(right: FeatureRight, feature: Feature) -> Result<(), Error> {
    if right.feature == feature { Ok(()) } else { Err(Error::Forbidden { feature, level: Level::Admin }) }
}
