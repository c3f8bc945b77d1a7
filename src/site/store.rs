//! The tables of sites and sectors. Every finder takes the account, except the loaders, whose caller compares it.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::model::{Interval, NewSchedule, ScheduleSettings, Sector, Site, SiteSettings};
use crate::{
    calendar::{SiteZone, WeekdaySet},
    clock::Micros,
    db::{engine_of, list::List, places, statement},
    page::{Page, PageArgs},
};

const SITE: &str = "id, account_id, name, domain, time_zone, language, audience, is_active, auto_approve, auto_schedule, \
                    slot_interval, publish_minute, weekdays, month_day, posts_per_day, version, created_at, updated_at";
const SECTOR: &str = "id, account_id, site_id, name, slug, is_active, created_at, updated_at";

/// A word of a closed set that the schema's checks should have kept.
fn unknown(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}

fn schedule_of(row: &QueryResult) -> Result<ScheduleSettings, DbErr> {
    let interval: String = row.try_get("", "slot_interval")?;
    let given = NewSchedule {
        interval: Interval::parse(&interval).ok_or_else(|| unknown("interval"))?,
        publish_minute: row.try_get("", "publish_minute")?,
        weekdays: WeekdaySet::from_bits(row.try_get("", "weekdays")?).ok_or_else(|| unknown("set of weekdays"))?,
        day_of_month: row.try_get("", "month_day")?,
        posts_per_day: row.try_get("", "posts_per_day")?,
    };
    ScheduleSettings::new(&given).map_err(|_| unknown("schedule"))
}

fn site_of(row: &QueryResult) -> Result<Site, DbErr> {
    Ok(Site {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        settings: SiteSettings {
            name: row.try_get("", "name")?,
            domain: row.try_get("", "domain")?,
            time_zone: SiteZone::parse(&row.try_get::<String>("", "time_zone")?).map_err(|_| unknown("time zone"))?,
            language: row.try_get("", "language")?,
            audience: row.try_get("", "audience")?,
            is_active: row.try_get("", "is_active")?,
            auto_approve: row.try_get("", "auto_approve")?,
            auto_schedule: row.try_get("", "auto_schedule")?,
            schedule: schedule_of(row)?,
        },
        version: row.try_get("", "version")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

fn sector_of(row: &QueryResult) -> Result<Sector, DbErr> {
    Ok(Sector {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        site_id: row.try_get("", "site_id")?,
        name: row.try_get("", "name")?,
        slug: row.try_get("", "slug")?,
        is_active: row.try_get("", "is_active")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// An account's sites, newest first.
pub async fn list_sites(
    connection: &impl ConnectionTrait,
    account: Uuid,
    is_active: Option<bool>,
    args: &PageArgs<Uuid>,
) -> Result<Page<Site>, DbErr> {
    List::of(SITE, "site", "id", "account_id", account)
        .only("is_active", is_active)
        .page(connection, args, site_of)
        .await
}

/// A site's sectors, newest first; the caller has authorised by holding the site.
pub async fn list_sectors(
    connection: &impl ConnectionTrait,
    site: Uuid,
    args: &PageArgs<Uuid>,
) -> Result<Page<Sector>, DbErr> {
    List::of(SECTOR, "sector", "id", "site_id", site).page(connection, args, sector_of).await
}

/// Sites by id, of any account: the caller compares the account.
pub async fn load_sites(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Site>, DbErr> {
    let sql = format!("SELECT {SITE} FROM site WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| site_of(row).map(|site| (site.id, site))).collect()
}

/// Sectors by id, of any account: the caller compares the account.
pub async fn load_sectors(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Sector>, DbErr> {
    let sql = format!("SELECT {SECTOR} FROM sector WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| sector_of(row).map(|sector| (sector.id, sector))).collect()
}

/// Locks a site of the account until the transaction ends.
pub async fn lock_site(tx: &impl ConnectionTrait, account: Uuid, site: Uuid) -> Result<Option<Site>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {SITE} FROM site WHERE id = $1 AND account_id = $2{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [site.into(), account.into()])).await?;
    row.as_ref().map(site_of).transpose()
}

/// Locks a sector of the account until the transaction ends.
pub async fn lock_sector(tx: &impl ConnectionTrait, account: Uuid, sector: Uuid) -> Result<Option<Sector>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {SECTOR} FROM sector WHERE id = $1 AND account_id = $2{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [sector.into(), account.into()])).await?;
    row.as_ref().map(sector_of).transpose()
}

/// Locks the account, so that its sites are counted right.
pub async fn lock_account(tx: &impl ConnectionTrait, account: Uuid) -> Result<(), DbErr> {
    let lock = engine_of(tx).for_update();
    tx.query_one_raw(statement(tx, format!("SELECT id FROM account WHERE id = $1{lock}"), [account.into()])).await?;
    Ok(())
}

async fn count(connection: &impl ConnectionTrait, sql: &str, id: Uuid) -> Result<i64, DbErr> {
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// How many sites an account has.
pub async fn count_sites(connection: &impl ConnectionTrait, account: Uuid) -> Result<i64, DbErr> {
    count(connection, "SELECT COUNT(*) AS n FROM site WHERE account_id = $1", account).await
}

/// How many sectors a site has.
pub async fn count_sectors(connection: &impl ConnectionTrait, site: Uuid) -> Result<i64, DbErr> {
    count(connection, "SELECT COUNT(*) AS n FROM sector WHERE site_id = $1", site).await
}

fn settings_values(settings: &SiteSettings) -> [Value; 13] {
    let schedule = settings.schedule.given();
    [
        settings.name.clone().into(),
        settings.domain.clone().into(),
        settings.time_zone.name().into(),
        settings.language.clone().into(),
        settings.audience.clone().into(),
        settings.is_active.into(),
        settings.auto_approve.into(),
        settings.auto_schedule.into(),
        schedule.interval.as_str().into(),
        schedule.publish_minute.into(),
        schedule.weekdays.bits().into(),
        schedule.day_of_month.into(),
        schedule.posts_per_day.into(),
    ]
}

/// A new site.
pub async fn insert_site(tx: &impl ConnectionTrait, site: &Site) -> Result<(), DbErr> {
    let sql = "INSERT INTO site (name, domain, time_zone, language, audience, is_active, auto_approve, auto_schedule, \
               slot_interval, publish_minute, weekdays, month_day, posts_per_day, id, account_id, version, created_at, \
               updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)";
    let more: [Value; 4] = [site.id.into(), site.account_id.into(), site.version.into(), site.created_at.into()];
    tx.execute_raw(statement(tx, sql, settings_values(&site.settings).into_iter().chain(more))).await?;
    Ok(())
}

/// Writes a site that the caller has locked.
pub async fn update_site(tx: &impl ConnectionTrait, site: &Site) -> Result<(), DbErr> {
    let sql = "UPDATE site SET name = $1, domain = $2, time_zone = $3, language = $4, audience = $5, is_active = $6, \
               auto_approve = $7, auto_schedule = $8, slot_interval = $9, publish_minute = $10, weekdays = $11, \
               month_day = $12, posts_per_day = $13, version = $14, updated_at = $15 WHERE id = $16";
    let more: [Value; 3] = [site.version.into(), site.updated_at.into(), site.id.into()];
    tx.execute_raw(statement(tx, sql, settings_values(&site.settings).into_iter().chain(more))).await?;
    Ok(())
}

/// A new sector.
pub async fn insert_sector(tx: &impl ConnectionTrait, sector: &Sector) -> Result<(), DbErr> {
    let sql = "INSERT INTO sector (id, account_id, site_id, name, slug, is_active, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    let values: [Value; 7] = [
        sector.id.into(),
        sector.account_id.into(),
        sector.site_id.into(),
        sector.name.clone().into(),
        sector.slug.clone().into(),
        sector.is_active.into(),
        sector.created_at.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Writes a sector that the caller has locked.
pub async fn update_sector(tx: &impl ConnectionTrait, sector: &Sector, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE sector SET name = $1, slug = $2, is_active = $3, updated_at = $4 WHERE id = $5";
    let values: [Value; 5] =
        [sector.name.clone().into(), sector.slug.clone().into(), sector.is_active.into(), now.into(), sector.id.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}
