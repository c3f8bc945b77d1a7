//! Slots: what the search for one needs to know of a site's content, and who has which.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::content::{COLUMNS, content_of};
use crate::{
    calendar::SiteZone,
    clock::Micros,
    content::model::{Content, ContentState, Occupied},
    db::{engine_of, statement},
};

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

/// How often slots of a site were taken: who finds another number than was read must look again.
pub async fn find_slot_seq(connection: &impl ConnectionTrait, site: Uuid) -> Result<Option<(i64, i64)>, DbErr> {
    let sql = "SELECT version, slot_seq FROM site WHERE id = $1";
    let row = connection.query_one_raw(statement(connection, sql, [site.into()])).await?;
    row.map(|row| Ok((row.try_get("", "version")?, row.try_get("", "slot_seq")?))).transpose()
}

/// Notes that a slot of a site is taken. The caller has locked the site.
pub async fn count_taken(tx: &impl ConnectionTrait, site: Uuid) -> Result<(), DbErr> {
    let sql = "UPDATE site SET slot_seq = slot_seq + 1 WHERE id = $1";
    tx.execute_raw(statement(tx, sql, [site.into()])).await?;
    Ok(())
}

/// Whether content of the site other than `content` has the instant to itself.
pub async fn is_taken(tx: &impl ConnectionTrait, site: Uuid, content: Uuid, at: Micros) -> Result<bool, DbErr> {
    let sql = format!(
        "SELECT 1 AS one FROM content WHERE site_id = $1 AND slot_at = $2 AND id <> $3 AND state IN ({HOLDING})"
    );
    Ok(tx.query_one_raw(statement(tx, sql, [site.into(), at.into(), content.into()])).await?.is_some())
}

/// The site's scheduled content, locked, with its slots in the order of time, and the instants that stay as they are.
pub async fn lock_slots(tx: &impl ConnectionTrait, site: Uuid) -> Result<(Vec<Content>, BTreeSet<Micros>), DbErr> {
    let lock = engine_of(tx).for_update();
    let sql =
        format!("SELECT {COLUMNS} FROM content WHERE site_id = $1 AND state IN ({HOLDING}) ORDER BY slot_at, id{lock}");
    let rows = tx.query_all_raw(statement(tx, sql, [site.into()])).await?;
    let (mut waiting, mut standing) = (Vec::new(), BTreeSet::new());
    for content in rows.iter().map(content_of) {
        let content = content?;
        match content.slot {
            Some(slot) if content.state != ContentState::Scheduled => {
                standing.insert(slot.at);
            }
            _ => waiting.push(content),
        }
    }
    Ok((waiting, standing))
}

/// Lets the site's scheduled content leave its slots to come, for others on the way: no slot lies before 1970. The caller
/// gives every one of them a slot in the same transaction.
pub async fn leave_slots(tx: &impl ConnectionTrait, site: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE content SET slot_at = -slot_at WHERE site_id = $1 AND state = 'SCHEDULED' AND slot_at > $2";
    tx.execute_raw(statement(tx, sql, [site.into(), now.into()])).await?;
    Ok(())
}
