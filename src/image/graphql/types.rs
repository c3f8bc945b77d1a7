//! `Image`, its loader and its query.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{
    Context, ID, Object, Result,
    dataloader::{DataLoader, Loader},
};
use uuid::Uuid;

use crate::{
    app::Parts,
    auth::Auth,
    connection,
    error::Error,
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::{DateTime, SafeInt, Url},
    },
    image::{self, Gallery},
    ledger::Tenants,
};

/// Loads images by id. The caller has authorised by holding the parent.
pub struct ImageLoader(pub Gallery);

/// An image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageOf(Uuid);

impl Loader<ImageOf> for ImageLoader {
    type Value = image::Image;
    type Error = Error;

    async fn load(&self, keys: &[ImageOf]) -> Result<HashMap<ImageOf, image::Image>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load(&ids).await?;
        Ok(found.into_iter().map(|(id, image)| (ImageOf(id), image)).collect())
    }
}

/// A stored image.
#[derive(Debug, Clone)]
pub struct Image(pub image::Image);

impl Image {
    /// The image, for a caller that holds what it belongs to.
    pub async fn load(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<DataLoader<ImageLoader>>(ctx)?.load_one(ImageOf(id)).await?.map(Self))
    }

    /// The image, if the viewer may see its account. Refuses: `Unauthenticated`, `NotFound`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let Some(found) = Self::load(ctx, id).await? else { return Ok(None) };
        service::<Arc<dyn Tenants>>(ctx)?.see(*viewer(ctx)?, found.0.account_id).await?;
        Ok(Some(found))
    }
}

/// A stored image.
#[Object]
impl Image {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Image, self.0.id)
    }

    /// A signed address that shows the image for an hour to whoever has it.
    async fn url(&self, ctx: &Context<'_>) -> Result<Option<Url>> {
        let path = service::<Gallery>(ctx)?.signed_url(&self.0)?;
        Ok(Some(Url(format!("{}{path}", service::<Parts>(ctx)?.base_url))))
    }

    /// What was asked.
    async fn prompt(&self) -> &str {
        &self.0.prompt
    }

    /// Width in pixels.
    async fn width(&self) -> i32 {
        self.0.width
    }

    /// Height in pixels.
    async fn height(&self) -> i32 {
        self.0.height
    }

    /// The media type, such as image/png.
    async fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// Its size in bytes.
    async fn bytes(&self) -> SafeInt {
        SafeInt(self.0.bytes)
    }

    /// The name of the model that drew it.
    async fn model_name(&self) -> &str {
        &self.0.model_name
    }

    /// Whether the sandbox drew it: offline, deterministic, for trying out and tests.
    async fn is_sandbox(&self) -> bool {
        self.0.provider == "sandbox"
    }

    /// The seed it was drawn with; null when the model takes none.
    async fn seed(&self) -> Option<SafeInt> {
        self.0.seed.map(SafeInt)
    }

    /// When it was stored.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

connection!(ImageConnection, ImageEdge, Image, "images", |image: &Image| image.0.id);

/// Queries about images.
#[derive(Default)]
pub struct ImageQuery;

#[Object]
impl ImageQuery {
    /// An account's images, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn images(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] account_id: ID,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<ImageConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let account = node::decode(NodeKind::Account, &account_id, &["accountId"])?;
        let account = service::<Auth>(ctx)?.require_sight(viewer(ctx)?, account).await?.account_id();
        Ok(Some(service::<Gallery>(ctx)?.list(account, &args).await?.map(Image).into()))
    }
}
