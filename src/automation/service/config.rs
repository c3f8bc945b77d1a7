//! What sites say of their runs, and when the next one starts.

use uuid::Uuid;

use super::{Automation, Order};
use crate::{
    audit::{Actor, store::insert_entry},
    auth::MemberRight,
    automation::{
        model::{AutomationConfig, ConfigError, UpdateAutomationConfig, stages_to_json},
        store,
    },
    calendar::SiteZone,
    error::{Error, Failure, Internal},
    site::{Site, service::demand_editor},
};

/// A config with the site it belongs to.
#[derive(Debug, Clone)]
pub struct ConfigView {
    /// The config.
    pub config: AutomationConfig,
    /// Its site, whose approval and schedule it shows.
    pub site: Site,
}

fn note(config: &AutomationConfig) -> String {
    let settings = &config.settings;
    serde_json::json!({
        "enabled": config.is_enabled,
        "frequency": config.frequency.as_str(),
        "weekday": config.weekday.as_str(),
        "startTime": config.start_at.to_string(),
        "stages": stages_to_json(&settings.stages),
        "itemDelaySeconds": settings.item_delay_s,
        "stageDelaySeconds": settings.stage_delay_s,
        "itemsInFlight": settings.items_in_flight,
        "creditCap": settings.credit_cap,
        "resumesOnTopUp": settings.resumes_on_top_up,
        "activeHoursMax": settings.active_hours_max,
    })
    .to_string()
}

impl Automation {
    /// Changes how a site's runs go, from the next one on; enabling reckons when that is. An edit that changes nothing writes
    /// nothing. Refuses: see [`ConfigError`]. Faults: `NotFound`, `Forbidden` when the member is no EDITOR.
    pub async fn update_automation_config(
        &self,
        right: MemberRight,
        site: &Site,
        edit: UpdateAutomationConfig,
        request_id: Option<String>,
    ) -> Result<AutomationConfig, Failure<ConfigError>> {
        let account = demand_editor(right)?;
        let order = Order { account, actor: Actor::User(right.user_id()), key: None, hash: Vec::new(), request_id };
        let ids = [self.parts.ids.uuid(), self.parts.ids.uuid()];
        let (site_id, now) = (site.id, self.parts.clock.now());
        let context = (edit, order, ids);
        let written = self.parts.db.write(context, move |tx, (edit, order, [entry, schedule])| {
            Box::pin(async move {
                store::run::lock_site(tx, account, site_id).await?.ok_or(Error::NotFound)?;
                let zone = zone_of(tx, site_id).await?;
                let saved = store::config::find_config(tx, site_id).await?;
                let before = saved.unwrap_or_else(|| AutomationConfig::default_of(site_id, account));
                let mut after = edit.apply(&before).map_err(Failure::Refused)?;
                let next = (zone, after.next_after(zone, now));
                if after == before {
                    // Switched off by the operator after a restore: the same settings switch it on again.
                    if next.1.is_some() && store::schedule::is_off(tx, site_id).await? {
                        store::schedule::save_schedule(tx, *schedule, &after, next, now).await?;
                    }
                    return Ok(before);
                }
                after.version += 1;
                after.updated_at = now;
                if before.version == 0 {
                    after.created_at = now;
                }
                store::config::save_config(tx, &after).await?;
                store::schedule::save_schedule(tx, *schedule, &after, next, now).await?;
                let notes = [Some(note(&before)), Some(note(&after))];
                let target = ("automation_config", site_id);
                let entry = order.trace(now).entry(*entry, "automation_config.update", target, notes);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(after)
            })
        });
        written.await
    }
}

/// The site's zone as it is now, under its lock.
async fn zone_of<R>(tx: &sea_orm::DatabaseTransaction, site: Uuid) -> Result<SiteZone, Failure<R>> {
    Ok(store::schedule::find_zone(tx, site).await?.ok_or(Error::NotFound)?)
}
