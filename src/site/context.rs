//! Reads what a model is told about a site, for the features that ask models.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{model::SiteContext, store};
use crate::error::Error;

/// What a model is told about a site and a sector of it; `None` where the site is not there. The caller holds both.
pub async fn load(
    connection: &impl ConnectionTrait,
    site: Uuid,
    sector: Option<Uuid>,
) -> Result<Option<SiteContext>, Error> {
    let Some(found) = store::load_sites(connection, &[site]).await?.remove(&site) else { return Ok(None) };
    let sector = match sector {
        Some(id) => store::load_sectors(connection, &[id]).await?.remove(&id).map(|sector| sector.name),
        None => None,
    };
    let settings = found.settings;
    Ok(Some(SiteContext { name: settings.name, language: settings.language, audience: settings.audience, sector }))
}
