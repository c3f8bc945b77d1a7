//! What the server says of itself, and what the viewer may do.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};

use crate::{
    app::Parts,
    clock::Micros,
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
        scalars::{DateTime, SafeInt},
    },
    viewer::{Feature, Level},
};

/// About this server.
pub struct ServerInfo;

/// About this server.
#[Object]
impl ServerInfo {
    /// The version, such as 0.1.0.
    async fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    /// Whether all AI output comes from the sandbox provider: offline, deterministic, for trying out and tests.
    async fn is_sandbox_only(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok((service::<Parts>(ctx)?.is_sandbox_only)().await?)
    }
}

/// How much of a feature is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::viewer::Level")]
pub enum PermissionLevel {
    /// Nothing.
    None,
    /// Look.
    Read,
    /// Make and change.
    Write,
    /// Run it for others.
    Admin,
    /// All of it.
    Hero,
}

/// What the viewer may do with one feature.
#[derive(SimpleObject)]
pub struct Permission {
    /// The feature, `area:action`.
    pub feature: String,
    /// How much is allowed.
    pub level: PermissionLevel,
}

/// What an operation costs, in points, and what is left: an object costs 1, a page the size asked for times what it
/// selects, a mutation 10, an AI command 50.
#[derive(SimpleObject)]
pub struct RateLimit {
    /// Points that were taken before the operation ran.
    pub requested: SafeInt,
    /// Points that it has cost; what was not resolved was given back.
    pub actual: SafeInt,
    /// Points of a full bucket. A user has one bucket, and so has each address of those who are not signed in.
    pub limit: SafeInt,
    /// Points that are left.
    pub remaining: SafeInt,
    /// Points that come back in a second.
    pub restore_per_second: SafeInt,
    /// When the bucket is full again, if nothing else is charged.
    pub reset_at: DateTime,
}

impl RateLimit {
    fn unknown(now: Micros) -> Self {
        let none = SafeInt(0);
        let [requested, actual, limit, remaining, restore_per_second] = [none; 5];
        Self { requested, actual, limit, remaining, restore_per_second, reset_at: DateTime(now) }
    }
}

/// Queries about the server.
#[derive(Default)]
pub struct ServerQuery;

#[Object]
impl ServerQuery {
    /// About this server.
    #[graphql(guard = "QueryPolicy")]
    async fn server_info(&self) -> Option<ServerInfo> {
        Some(ServerInfo)
    }

    /// What this operation costs and what is left to who asks, the same figures as in the answer's `extensions.cost`. Costs
    /// nothing itself, so that an empty bucket can be read.
    #[graphql(guard = "QueryPolicy")]
    async fn rate_limit(&self, ctx: &Context<'_>) -> Result<Option<RateLimit>> {
        // The Gate puts the figures in when the whole answer is there.
        Ok(Some(RateLimit::unknown(service::<Parts>(ctx)?.clock.now())))
    }

    /// What the viewer's role allows, one row per feature (33).
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn my_permissions(&self, ctx: &Context<'_>) -> Result<Option<Vec<Permission>>> {
        let role = viewer(ctx)?.signed_in()?.who().role;
        let row = |feature: &Feature| {
            let level: Level = feature.level(role);
            Permission { feature: feature.name().to_owned(), level: level.into() }
        };
        Ok(Some(Feature::ALL.iter().map(row).collect()))
    }
}
