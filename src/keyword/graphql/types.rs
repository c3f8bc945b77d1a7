//! `Keyword` and `Cluster`.

use async_graphql::{Context, Enum, ID, Object, Result, dataloader::DataLoader};
use uuid::Uuid;

use super::loader::{ClusterOf, FiguresOf, KeywordLoader, KeywordOf};
use crate::{
    connection,
    graphql::{
        context::service,
        loaders::owned,
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::{DateTime, Decimal, SafeInt},
    },
    idea::{
        Ideas,
        graphql::{Idea, IdeaConnection},
        model::IdeaFilter,
    },
    keyword::{
        self, Keywords,
        model::{Cpc, Difficulty, KeywordFilter, Volume},
    },
    site::graphql::{Sector, Site},
};

/// Where a keyword is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::keyword::model::KeywordState")]
pub enum KeywordState {
    /// In no cluster yet.
    New,
    /// In a cluster.
    Clustered,
    /// In a cluster that content is made of.
    InUse,
    /// Its cluster was deleted, or it was taken out of it.
    Orphaned,
    /// Put away.
    Archived,
}

/// Where a cluster is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::keyword::model::ClusterState")]
pub enum ClusterState {
    /// Without ideas.
    New,
    /// With ideas.
    Mapped,
    /// Nothing more is planned for it.
    Finalized,
}

/// What kind of content serves a cluster, and what an idea or a content task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::keyword::model::ContentType")]
pub enum ContentType {
    /// A page of the site.
    Page,
    /// A post of its blog.
    Blog,
    /// A page that lists others.
    Category,
    /// A page about one product.
    Product,
}

/// What people want who search for a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "SearchIntent", remote = "crate::keyword::model::Intent")]
pub enum Intent {
    /// To know.
    Informational,
    /// To get to a place they know.
    Navigational,
    /// To compare before they buy.
    Commercial,
    /// To buy, or to do.
    Transactional,
}

/// The sector of what the viewer holds.
pub(crate) async fn sector_of(ctx: &Context<'_>, id: Option<Uuid>) -> Result<Option<Sector>> {
    match id {
        Some(id) => Ok(Sector::load(ctx, id).await?),
        None => Ok(None),
    }
}

/// Something that people search for.
#[derive(Debug, Clone)]
pub struct Keyword(pub keyword::Keyword);

owned!(Keyword: KeywordLoader, KeywordOf);

/// Something that people search for.
#[Object]
impl Keyword {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Keyword, self.0.id)
    }

    /// The site it is for.
    async fn site(&self, ctx: &Context<'_>) -> Result<Option<Site>> {
        Ok(Site::load(ctx, self.0.site_id).await?)
    }

    /// The sector it is in; null where it is in none.
    async fn sector(&self, ctx: &Context<'_>) -> Result<Option<Sector>> {
        sector_of(ctx, self.0.sector_id).await
    }

    /// The keyword itself.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// The country it is searched in, two letters of ISO 3166-1; null is nowhere in particular.
    async fn country(&self) -> Option<&str> {
        Some(self.0.facts.country.as_str()).filter(|code| !code.is_empty())
    }

    /// Searches a month; null where nobody has said.
    async fn volume(&self) -> Option<SafeInt> {
        self.0.facts.volume.map(Volume::get).map(SafeInt)
    }

    /// What a click costs advertisers, in US dollars; null where nobody has said.
    async fn cpc(&self) -> Option<Decimal> {
        self.0.facts.cpc.map(Cpc::nanousd).map(Decimal)
    }

    /// How hard it is to be found for it, 0–100; null where nobody has said.
    async fn difficulty(&self) -> Option<i32> {
        self.0.facts.difficulty.map(Difficulty::get)
    }

    /// What people want who search for it; null where nobody has said.
    async fn intent(&self) -> Option<Intent> {
        self.0.facts.intent.map(Into::into)
    }

    /// Where it is in its life.
    async fn state(&self) -> KeywordState {
        self.0.state.into()
    }

    /// The cluster it is in; null while it is in none.
    async fn cluster(&self, ctx: &Context<'_>) -> Result<Option<Cluster>> {
        match self.0.cluster_id {
            Some(id) => Ok(Cluster::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// When it was added.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

connection!(KeywordConnection, KeywordEdge, Keyword, "keywords", |keyword: &Keyword| keyword.0.id);

/// Keywords that one piece of content can serve.
#[derive(Debug, Clone)]
pub struct Cluster(pub keyword::Cluster);

owned!(Cluster: KeywordLoader, ClusterOf);

impl Cluster {
    async fn figures(&self, ctx: &Context<'_>) -> Result<keyword::model::ClusterFigures> {
        let found = service::<DataLoader<KeywordLoader>>(ctx)?.load_one(FiguresOf(self.0.id)).await?;
        Ok(found.unwrap_or_default())
    }
}

/// Keywords that one piece of content can serve.
#[Object]
impl Cluster {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Cluster, self.0.id)
    }

    /// The site it is for.
    async fn site(&self, ctx: &Context<'_>) -> Result<Option<Site>> {
        Ok(Site::load(ctx, self.0.site_id).await?)
    }

    /// The sector it is in; null where it is in none.
    async fn sector(&self, ctx: &Context<'_>) -> Result<Option<Sector>> {
        sector_of(ctx, self.0.sector_id).await
    }

    /// Its name, unique in its sector.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The keyword that stands for it; null where none does.
    async fn root_keyword(&self) -> Option<&str> {
        self.0.root_keyword.as_deref()
    }

    /// What it is about; null where nobody has said.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// What kind of content serves it.
    #[graphql(name = "type")]
    async fn cluster_type(&self) -> ContentType {
        self.0.cluster_type.into()
    }

    /// What people want who search for its keywords; null where nobody has said.
    async fn intent(&self) -> Option<Intent> {
        self.0.intent.map(Into::into)
    }

    /// Where it is in its life.
    async fn state(&self) -> ClusterState {
        self.0.state.into()
    }

    /// How many keywords it has.
    async fn keyword_count(&self, ctx: &Context<'_>) -> Result<SafeInt> {
        Ok(SafeInt(self.figures(ctx).await?.keywords))
    }

    /// Searches a month of all its keywords whose volume is known; null where none is.
    async fn volume(&self, ctx: &Context<'_>) -> Result<Option<SafeInt>> {
        Ok(self.figures(ctx).await?.volume.map(SafeInt))
    }

    /// The mean difficulty of its keywords, 0–100; null where none is known.
    async fn difficulty(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(self.figures(ctx).await?.difficulty)
    }

    /// Its keywords, newest first.
    async fn keywords(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<KeywordConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let filter = KeywordFilter { cluster: Some(self.0.id), ..KeywordFilter::default() };
        let page = service::<Keywords>(ctx)?.list_keywords(self.0.site_id, &filter, &args).await?;
        Ok(Some(page.map(Keyword).into()))
    }

    /// What could be written for it, newest first.
    async fn ideas(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<IdeaConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let filter = IdeaFilter { cluster: Some(self.0.id), ..IdeaFilter::default() };
        let page = service::<Ideas>(ctx)?.list_ideas(self.0.site_id, &filter, &args).await?;
        Ok(Some(page.map(Idea).into()))
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

connection!(ClusterConnection, ClusterEdge, Cluster, "clusters", |cluster: &Cluster| cluster.0.id);
