//! `Site` and `Sector`.

use async_graphql::{Context, ID, Object, Result};

use super::{
    loader::{SectorOf, SiteLoader, SiteOf},
    schedule::SiteSchedule,
};
use crate::{
    automation::graphql::AutomationConfig,
    connection,
    graphql::{
        context::service,
        loaders::owned,
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::{DateTime, SafeInt},
    },
    site::{self, Sites},
};

/// What content is made for.
#[derive(Debug, Clone)]
pub struct Site(pub site::Site);

owned!(Site: SiteLoader, SiteOf);

/// What content is made for.
#[Object]
impl Site {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Site, self.0.id)
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.settings.name
    }

    /// Its host name, unique in the account.
    async fn domain(&self) -> &str {
        &self.0.settings.domain
    }

    /// Its time zone, an IANA name such as Europe/Berlin: its days and slots are counted in it.
    async fn time_zone(&self) -> &str {
        self.0.settings.time_zone.name()
    }

    /// The language its content is written in, a BCP 47 tag.
    async fn language(&self) -> &str {
        &self.0.settings.language
    }

    /// Whom its content is for; null where nobody has said.
    async fn audience(&self) -> Option<&str> {
        self.0.settings.audience.as_deref()
    }

    /// Whether anything is done for it. While it is not, no run starts or goes on, and nothing is published.
    async fn is_active(&self) -> bool {
        self.0.settings.is_active
    }

    /// Whether finished content is approved without a person.
    async fn auto_approve(&self) -> bool {
        self.0.settings.auto_approve
    }

    /// Whether approved content gets the next slot.
    async fn auto_schedule(&self) -> bool {
        self.0.settings.auto_schedule
    }

    /// When it gives slots to approved content.
    async fn schedule(&self) -> SiteSchedule {
        SiteSchedule::from(&self.0.settings.schedule)
    }

    /// Its sectors, newest first.
    async fn sectors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<SectorConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        Ok(Some(service::<Sites>(ctx)?.list_sectors(self.0.id, &args).await?.map(Sector).into()))
    }

    /// How its runs go; the defaults where nobody has said.
    async fn automation_config(&self, ctx: &Context<'_>) -> Result<Option<AutomationConfig>> {
        Ok(Some(AutomationConfig::of(ctx, &self.0).await?))
    }

    /// Raised by every edit; an edit names the one it was made from.
    async fn version(&self) -> SafeInt {
        SafeInt(self.0.version)
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

connection!(SiteConnection, SiteEdge, Site, "sites", |site: &Site| site.0.id);

/// A part of a site.
#[derive(Debug, Clone)]
pub struct Sector(pub site::Sector);

owned!(Sector: SiteLoader, SectorOf);

/// A part of a site.
#[Object]
impl Sector {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Sector, self.0.id)
    }

    /// The site it is a part of.
    async fn site(&self, ctx: &Context<'_>) -> Result<Option<Site>> {
        Ok(Site::load(ctx, self.0.site_id).await?)
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its name in addresses, unique in the site.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Whether it is in use.
    async fn is_active(&self) -> bool {
        self.0.is_active
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

connection!(SectorConnection, SectorEdge, Sector, "sectors", |sector: &Sector| sector.0.id);
