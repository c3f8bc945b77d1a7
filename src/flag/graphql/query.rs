//! `flags`.

use async_graphql::{Context, Object, Result};

use super::FeatureFlag;
use crate::{
    flag::Flags,
    graphql::{
        context::service,
        guard::{QueryPolicy, visible},
    },
};

/// Queries about flags.
#[derive(Default)]
pub struct FlagQuery;

#[Object]
impl FlagQuery {
    /// Every flag with its value, its layers and who set it, always 5.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_settings_view")]
    async fn flags(&self, ctx: &Context<'_>) -> Result<Option<Vec<FeatureFlag>>> {
        Ok(Some(service::<Flags>(ctx)?.list().await?.into_iter().map(FeatureFlag).collect()))
    }
}
