//! `auditLog`.

use async_graphql::{Context, Object, Result};
use uuid::Uuid;

use super::types::{AuditEntry, AuditEntryConnection, AuditLogFilter};
use crate::{
    audit::AuditLog,
    clock::Micros,
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
        page::ConnectionArgs,
    },
    page::PageArgs,
    viewer::{Feature, Level},
};

/// Queries about the trail.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Who did what in the whole installation, newest first. Whoever may see its settings may see it.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_settings_view")]
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<AuditLogFilter>,
    ) -> Result<Option<AuditEntryConnection>> {
        let right = viewer(ctx)?.may(Feature::SystemSettingsView, Level::Read)?;
        let args: PageArgs<(Micros, Uuid)> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let filter = filter.unwrap_or_default().check()?;
        let page = service::<AuditLog>(ctx)?.list(right, &filter, &args).await?;
        Ok(Some(page.map(AuditEntry).into()))
    }
}
