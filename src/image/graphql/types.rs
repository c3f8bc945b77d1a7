//! `Image` and what hangs on it. How much of it a field tells depends on how the viewer came to see the image.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, dataloader::DataLoader};
use uuid::Uuid;

use super::loader::{EnlargementOf, ImageLoader, ImageOf, VariantsOf};
use crate::{
    app::Parts,
    connection,
    error::Error,
    graphql::{
        context::{service, viewer},
        node::{self, NodeKind},
        scalars::{DateTime, SafeInt, Url},
    },
    image::{self, Gallery, VariantKind, model::variants_of},
    ledger::Tenants,
};

/// Who may see an image beside its account's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "ImageVisibility", remote = "crate::image::Visibility")]
pub enum Visibility {
    /// Nobody.
    Private,
    /// Whoever is signed in and has its id, unless a moderator hides it. They see no prompt, model, seed or account.
    Public,
}

/// Where an image belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::image::ImageKind")]
pub enum ImageKind {
    /// To no content: made by a command of its own.
    Standalone,
    /// At the head of a content.
    Featured,
    /// Inside a content.
    InArticle,
}

/// A copy of an image, for a place where the image itself is too wide or too heavy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ImageCopyKind {
    /// 320 pixels wide.
    #[graphql(name = "THUMBNAIL_320")]
    Thumbnail320,
    /// 640 pixels wide.
    #[graphql(name = "THUMBNAIL_640")]
    Thumbnail640,
    /// 1280 pixels wide.
    #[graphql(name = "THUMBNAIL_1280")]
    Thumbnail1280,
    /// The whole image as WebP, without loss.
    Webp,
}

impl ImageCopyKind {
    fn of(kind: VariantKind) -> Option<Self> {
        match kind {
            VariantKind::W320 => Some(Self::Thumbnail320),
            VariantKind::W640 => Some(Self::Thumbnail640),
            VariantKind::W1280 => Some(Self::Thumbnail1280),
            VariantKind::Webp => Some(Self::Webp),
            // What the image itself shows.
            VariantKind::Marked => None,
        }
    }
}

/// Why an image has no such copy: show the image itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::image::VariantFailure")]
pub enum ImageCopyFailure {
    /// The image is no wider than the thumbnail would be.
    ImageNotWider,
    /// The copy would be no smaller than the image's own file.
    NotSmaller,
    /// It could not be encoded.
    EncodingFailed,
    /// The object store did not take it.
    StoreUnavailable,
    /// Image processing was switched off when the image was stored.
    SwitchedOff,
    /// The image is older than such copies.
    NeverMade,
}

/// A copy of an image, or why there is none.
#[derive(Debug, Clone, SimpleObject)]
pub struct ImageCopy {
    /// Which.
    kind: ImageCopyKind,
    /// A signed address that shows it for an hour to whoever has it; null when there is no such copy.
    url: Option<Url>,
    /// Width in pixels; null when there is no such copy.
    width: Option<i32>,
    /// Height in pixels; null when there is no such copy.
    height: Option<i32>,
    /// The media type, such as image/jpeg; null when there is no such copy.
    content_type: Option<String>,
    /// Its size in bytes; null when there is no such copy.
    bytes: Option<SafeInt>,
    /// Why there is no such copy; null when there is one.
    failure: Option<ImageCopyFailure>,
}

/// How the viewer came to see an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// As a member of its account, or by a right over people.
    Whole,
    /// Because it is public.
    Public,
    /// It was just deleted: what it was, without an address.
    Gone,
}

/// A stored image.
#[derive(Debug, Clone)]
pub struct Image {
    image: image::Image,
    sight: Sight,
}

async fn signed(ctx: &Context<'_>, store: &str, object_key: &str) -> Result<Url, Error> {
    let base_url = &service::<Parts>(ctx)?.base_url;
    Ok(Url(service::<Gallery>(ctx)?.signed_url(store, object_key, base_url).await?))
}

impl Image {
    /// An image of an account that the viewer may see.
    pub fn whole(image: image::Image) -> Self {
        Self { image, sight: Sight::Whole }
    }

    /// An image that was just deleted, for whoever deleted it.
    pub(super) fn gone(image: image::Image) -> Self {
        Self { image, sight: Sight::Gone }
    }

    /// Whose it is.
    pub(super) fn account_id(&self) -> Uuid {
        self.image.account_id
    }

    /// The image, for a caller that holds what it belongs to.
    pub async fn load(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<DataLoader<ImageLoader>>(ctx)?.load_one(ImageOf(id)).await?.map(Self::whole))
    }

    /// The image, if the viewer may see its account, or if it is public. Refuses: `Unauthenticated`, `NotFound`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        viewer(ctx)?.signed_in()?;
        let Some(found) = Self::load(ctx, id).await? else { return Ok(None) };
        match service::<Arc<dyn Tenants>>(ctx)?.see(*viewer(ctx)?, found.image.account_id).await {
            Ok(_) => Ok(Some(found)),
            Err(Error::NotFound) if found.image.is_public() => Ok(Some(Self { sight: Sight::Public, ..found })),
            Err(error) => Err(error),
        }
    }

    /// `value`, for those who see all of the image.
    fn inside<'a, T>(&'a self, value: impl FnOnce(&'a image::Image) -> T) -> Option<T> {
        (self.sight != Sight::Public).then(|| value(&self.image))
    }
}

/// A stored image.
#[Object]
impl Image {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Image, self.image.id)
    }

    /// A signed address that shows the image for an hour to whoever has it: with its watermark, if it is marked. Null when
    /// the image was just deleted.
    async fn url(&self, ctx: &Context<'_>) -> Result<Option<Url>> {
        if self.sight == Sight::Gone {
            return Ok(None);
        }
        Ok(Some(signed(ctx, &self.image.shown_store, &self.image.shown_key).await?))
    }

    /// Its copies, one of each kind, or why there is none.
    async fn copies(&self, ctx: &Context<'_>) -> Result<Option<Vec<ImageCopy>>> {
        if self.sight == Sight::Gone {
            return Ok(None);
        }
        let stored = service::<DataLoader<ImageLoader>>(ctx)?.load_one(VariantsOf(self.image.id)).await?;
        let mut copies = Vec::new();
        for variant in variants_of(&self.image, &stored.unwrap_or_default()) {
            let Some(kind) = ImageCopyKind::of(variant.kind) else { continue };
            let failure = variant.made.as_ref().err().map(|failure| (*failure).into());
            let made = variant.made.ok();
            let url = match &made {
                Some(object) => Some(signed(ctx, &object.store, &object.object_key).await?),
                None => None,
            };
            copies.push(ImageCopy {
                kind,
                url,
                width: made.as_ref().map(|object| object.width),
                height: made.as_ref().map(|object| object.height),
                bytes: made.as_ref().map(|object| SafeInt(object.bytes)),
                content_type: made.map(|object| object.content_type),
                failure,
            });
        }
        Ok(Some(copies))
    }

    /// A ThumbHash in base64, to show while the image loads; null when the image is older than placeholders.
    async fn placeholder(&self) -> Option<&str> {
        self.image.placeholder.as_deref()
    }

    /// Width in pixels.
    async fn width(&self) -> i32 {
        self.image.width
    }

    /// Height in pixels.
    async fn height(&self) -> i32 {
        self.image.height
    }

    /// The media type, such as image/png.
    async fn content_type(&self) -> &str {
        &self.image.content_type
    }

    /// What it shows, for those who cannot see it; null when nobody has said.
    async fn alt_text(&self) -> Option<&str> {
        self.image.alt_text.as_deref()
    }

    /// The kind of event it was made for, such as BIRTHDAY_PARTY; null when it was made for none.
    async fn event_type(&self) -> Option<&str> {
        self.image.event_type.as_deref()
    }

    /// The style it was made in, such as Origami; null when it was made in none.
    async fn style(&self) -> Option<&str> {
        self.image.style.as_deref()
    }

    /// Whether the sandbox drew it: offline, deterministic, for trying out and tests.
    async fn is_sandbox(&self) -> bool {
        self.image.provider == "sandbox"
    }

    /// When it was stored.
    async fn created_at(&self) -> DateTime {
        DateTime(self.image.created_at)
    }

    /// Where it belongs.
    async fn kind(&self) -> ImageKind {
        self.image.kind.into()
    }

    /// Who may see it beside its account's members.
    async fn visibility(&self) -> Visibility {
        self.image.visibility.into()
    }

    /// Whether a moderator has hidden it from all but its account's members.
    async fn is_hidden(&self) -> bool {
        self.image.is_hidden
    }

    /// What was asked; null to those who see it because it is public.
    async fn prompt(&self) -> Option<&str> {
        self.inside(|image| image.prompt.as_str())
    }

    /// Its size in bytes; null to those who see it because it is public.
    async fn bytes(&self) -> Option<SafeInt> {
        self.inside(|image| SafeInt(image.bytes))
    }

    /// The name of the model that drew it; null to those who see it because it is public.
    async fn model_name(&self) -> Option<&str> {
        self.inside(|image| image.model_name.as_str())
    }

    /// The seed it was drawn with; null when the model takes none, and to those who see it because it is public.
    async fn seed(&self) -> Option<SafeInt> {
        self.inside(|image| image.seed.map(SafeInt)).flatten()
    }

    /// The shape that was asked for, such as 16:9; null for older images, and to those who see it because it is public.
    async fn aspect_ratio(&self) -> Option<&str> {
        self.inside(|image| image.ratio.as_deref()).flatten()
    }

    /// The quality that was asked for, such as STANDARD; null for older images, and to those who see it because it is
    /// public.
    async fn quality(&self) -> Option<&str> {
        self.inside(|image| image.quality.as_deref()).flatten()
    }

    /// What it is marked with, for ever; null when it is not marked, and to those who see it because it is public.
    async fn watermark_text(&self) -> Option<&str> {
        self.inside(|image| image.watermark.as_deref()).flatten()
    }

    /// The image that this one is an enlargement of; null when it is none, and to those who see it because it is public.
    async fn original(&self, ctx: &Context<'_>) -> Result<Option<Image>> {
        match self.inside(|image| image.original_id).flatten() {
            Some(id) => Ok(Self::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// The enlargement of this image; null while there is none, and to those who see it because it is public.
    async fn enlargement(&self, ctx: &Context<'_>) -> Result<Option<Image>> {
        if self.sight != Sight::Whole {
            return Ok(None);
        }
        let loader = service::<DataLoader<ImageLoader>>(ctx)?;
        Ok(loader.load_one(EnlargementOf(self.image.id)).await?.map(Self::whole))
    }
}

connection!(ImageConnection, ImageEdge, Image, "images", |image: &Image| image.image.id);
