//! What the server says of itself, and what the viewer may do.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};

use crate::{
    app::Parts,
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
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
