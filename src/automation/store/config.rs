//! What sites say of their runs.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::unknown;
use crate::{
    automation::model::{AutomationConfig, RunSettings, stages_from_json, stages_to_json},
    calendar::{Frequency, MinuteOfDay, Weekday},
    db::{places, statement},
};

const COLUMNS: &str = "site_id, account_id, enabled, frequency, weekday, start_minute, stages, item_delay_s, stage_delay_s, \
                       items_in_flight, credit_cap, resumes_on_top_up, active_hours_max, version, created_at, updated_at";

fn config_of(row: &QueryResult) -> Result<AutomationConfig, DbErr> {
    let word = |column: &str| row.try_get::<String>("", column);
    Ok(AutomationConfig {
        site_id: row.try_get("", "site_id")?,
        account_id: row.try_get("", "account_id")?,
        is_enabled: row.try_get("", "enabled")?,
        frequency: Frequency::parse(&word("frequency")?).ok_or_else(|| unknown("frequency"))?,
        weekday: Weekday::parse(&word("weekday")?).ok_or_else(|| unknown("weekday"))?,
        start_at: MinuteOfDay::new(row.try_get("", "start_minute")?).ok_or_else(|| unknown("time of day"))?,
        settings: RunSettings {
            stages: stages_from_json(&word("stages")?).ok_or_else(|| unknown("list of stages"))?,
            item_delay_s: row.try_get("", "item_delay_s")?,
            stage_delay_s: row.try_get("", "stage_delay_s")?,
            items_in_flight: row.try_get("", "items_in_flight")?,
            credit_cap: row.try_get("", "credit_cap")?,
            resumes_on_top_up: row.try_get("", "resumes_on_top_up")?,
            active_hours_max: row.try_get("", "active_hours_max")?,
        },
        version: row.try_get("", "version")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// A site's config, where one was saved. The caller holds the site.
pub async fn find_config(connection: &impl ConnectionTrait, site: Uuid) -> Result<Option<AutomationConfig>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM automation_config WHERE site_id = $1");
    let row = connection.query_one_raw(statement(connection, sql, [site.into()])).await?;
    row.as_ref().map(config_of).transpose()
}

/// The configs of sites, where they were saved. The caller holds the sites.
pub async fn load_configs(
    connection: &impl ConnectionTrait,
    sites: &[Uuid],
) -> Result<HashMap<Uuid, AutomationConfig>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM automation_config WHERE site_id IN ({})", places(1, sites.len()));
    let rows = connection.query_all_raw(statement(connection, sql, sites.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| config_of(row).map(|config| (config.site_id, config))).collect()
}

/// Writes a config; the caller has locked the site.
pub async fn save_config(tx: &impl ConnectionTrait, config: &AutomationConfig) -> Result<(), DbErr> {
    let sql = format!(
        "INSERT INTO automation_config ({COLUMNS}) VALUES ({}) ON CONFLICT (site_id) DO UPDATE SET \
         enabled = excluded.enabled, frequency = excluded.frequency, weekday = excluded.weekday, \
         start_minute = excluded.start_minute, stages = excluded.stages, item_delay_s = excluded.item_delay_s, \
         stage_delay_s = excluded.stage_delay_s, items_in_flight = excluded.items_in_flight, \
         credit_cap = excluded.credit_cap, resumes_on_top_up = excluded.resumes_on_top_up, \
         active_hours_max = excluded.active_hours_max, version = excluded.version, updated_at = excluded.updated_at",
        places(1, 16)
    );
    let settings = &config.settings;
    let values: [Value; 16] = [
        config.site_id.into(),
        config.account_id.into(),
        config.is_enabled.into(),
        config.frequency.as_str().into(),
        config.weekday.as_str().into(),
        config.start_at.get().into(),
        stages_to_json(&settings.stages).into(),
        settings.item_delay_s.into(),
        settings.stage_delay_s.into(),
        settings.items_in_flight.into(),
        settings.credit_cap.into(),
        settings.resumes_on_top_up.into(),
        settings.active_hours_max.into(),
        config.version.into(),
        config.created_at.into(),
        config.updated_at.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}
