//! What the search for a slot needs to know of a site's content.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::{calendar::SiteZone, clock::Micros, content::model::Occupied, db::statement};

/// The states in which content has its slot to itself.
const HOLDING: &str = "'SCHEDULED', 'PUBLISHING', 'UNCERTAIN'";

/// What a site has already from `since` on, the start of its local day: slots, publications, and the latest automatic slot
/// of content that is still to be published or was. The caller has authorised by holding the site.
pub async fn load_occupied(
    connection: &impl ConnectionTrait,
    site: Uuid,
    zone: SiteZone,
    since: Micros,
) -> Result<Occupied, DbErr> {
    let base = format!(
        "SELECT MAX(slot_at) AS base FROM content WHERE site_id = $1 AND slot_source = 'AUTO' \
         AND state IN ({HOLDING}, 'PUBLISHED')"
    );
    let row = connection.query_one_raw(statement(connection, base, [site.into()])).await?;
    let base: Option<Micros> = row.map_or(Ok(None), |row| row.try_get("", "base"))?;
    let mut occupied = Occupied::new(zone, base);
    let slots =
        format!("SELECT slot_at AS at FROM content WHERE site_id = $1 AND slot_at >= $2 AND state IN ({HOLDING})");
    let published = "SELECT published_at AS at FROM content WHERE site_id = $1 AND published_at >= $2";
    for (sql, is_slot) in [(slots.as_str(), true), (published, false)] {
        let values: [Value; 2] = [site.into(), since.into()];
        for row in connection.query_all_raw(statement(connection, sql, values)).await? {
            let at: Micros = row.try_get("", "at")?;
            if is_slot { occupied.add_slot(at) } else { occupied.add_published(at) }
        }
    }
    Ok(occupied)
}
