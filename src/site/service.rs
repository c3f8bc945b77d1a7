//! Making and changing sites and sectors. The member's right was checked; the row is decided here.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::{
    model::{
        CreateSector, CreateSite, SECTORS_MAX, SITES_MAX, Sector, SectorError, Site, SiteError, SiteSettings,
        UpdateSector, UpdateSite,
    },
    store,
};
use crate::{
    audit::{Actor, Trace, store::insert_entry},
    auth::{MemberRight, model::MemberRole},
    calendar::{SiteZone, Weekday},
    clock::Clock,
    db::{Db, constraint::violated},
    error::{Error, Failure, Internal},
    ids::Ids,
    page::{Page, PageArgs},
};

/// Sites and sectors. Cloning is cheap.
#[derive(Clone)]
pub struct Sites {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    slots: Arc<dyn KeepLocalTime>,
}

/// Why slots did not move with their site's zone; nothing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepClash {
    /// Two would have one instant; the text says which and what to do.
    Taken(String),
    /// One would lie in the past; likewise.
    InPast(String),
}

/// Who moves what is planned for a site when its zone changes. Whoever plans implements it.
pub trait KeepLocalTime: Send + Sync {
    /// Moves everything to come to where `zone` shows the local time that the site's present zone shows, all of it or
    /// nothing. The caller has locked the site. Refuses: [`KeepClash`].
    fn keep<'t>(
        &'t self,
        tx: &'t DatabaseTransaction,
        site: &'t Site,
        zone: SiteZone,
        trace: &'t Trace,
    ) -> BoxFuture<'t, Result<(), Failure<KeepClash>>>;
}

/// Locks a site of the account until the caller's transaction ends.
pub async fn lock_site_in(tx: &DatabaseTransaction, account: Uuid, site: Uuid) -> Result<Option<Site>, DbErr> {
    store::lock_site(tx, account, site).await
}

/// A site of any account, for what the server does by itself.
pub async fn load_site_in(connection: &impl ConnectionTrait, site: Uuid) -> Result<Option<Site>, DbErr> {
    Ok(store::load_sites(connection, &[site]).await?.remove(&site))
}

fn site_note(settings: &SiteSettings) -> String {
    let schedule = settings.schedule.given();
    serde_json::json!({
        "name": settings.name,
        "domain": settings.domain,
        "timeZone": settings.time_zone.name(),
        "language": settings.language,
        "audience": settings.audience,
        "isActive": settings.is_active,
        "autoApprove": settings.auto_approve,
        "autoSchedule": settings.auto_schedule,
        "interval": schedule.interval.as_str(),
        "publishTime": settings.schedule.publish_at().to_string(),
        "weekdays": schedule.weekdays.days().map(Weekday::as_str).collect::<Vec<_>>(),
        "dayOfMonth": schedule.day_of_month,
        "postsPerDay": schedule.posts_per_day,
    })
    .to_string()
}

fn sector_note(sector: &Sector) -> String {
    serde_json::json!({ "name": sector.name, "slug": sector.slug, "isActive": sector.is_active }).to_string()
}

impl From<KeepClash> for SiteError {
    fn from(clash: KeepClash) -> Self {
        match clash {
            KeepClash::Taken(message) => Self::SlotTaken(message),
            KeepClash::InPast(message) => Self::SlotInPast(message),
        }
    }
}

/// What a write that met a unique key is refused with.
fn taken<R>(error: DbErr, key: &str, refusal: impl FnOnce() -> R) -> Failure<R> {
    if violated(&error).is_some_and(|name| name == key) { Failure::Refused(refusal()) } else { error.into() }
}

/// Sees that the member may change things. Refuses: `Forbidden`.
pub fn demand_editor(right: MemberRight) -> Result<Uuid, Error> {
    if right.role() >= MemberRole::Editor {
        return Ok(right.account_id());
    }
    let (feature, level) = MemberRole::Editor.right();
    Err(Error::Forbidden { feature, level })
}

/// Locks a site of the account until the transaction ends, so that what it has is counted right. Refuses: `NotFound`.
pub async fn lock_site(tx: &DatabaseTransaction, account: Uuid, site: Uuid) -> Result<Site, Error> {
    store::lock_site(tx, account, site).await?.ok_or(Error::NotFound)
}

/// Writes a locked site as it is to be. What changes nothing writes nothing. `entry` is the audit row's id.
/// Refuses: `DomainTaken`.
async fn change(
    tx: &DatabaseTransaction,
    before: Site,
    mut after: Site,
    (entry, trace, action): (Uuid, &Trace, &'static str),
) -> Result<Site, Failure<SiteError>> {
    if after == before {
        return Ok(before);
    }
    after.version += 1;
    after.updated_at = trace.at;
    let domain = || SiteError::DomainTaken(after.settings.domain.clone());
    let updated = store::update_site(tx, &after).await;
    updated.map_err(|error| taken(error, "site_account_id_domain_key", domain))?;
    let notes = [&before, &after].map(|site| Some(site_note(&site.settings)));
    let entry = trace.entry(entry, action, ("site", after.id), notes);
    insert_entry(tx, &entry).await.map_err(Internal::from)?;
    Ok(after)
}

impl Sites {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, slots: Arc<dyn KeepLocalTime>) -> Self {
        Self { db, clock, ids, slots }
    }

    /// An account's sites, newest first. The caller has authorised.
    pub async fn list_sites(
        &self,
        account: Uuid,
        is_active: Option<bool>,
        args: &PageArgs<Uuid>,
    ) -> Result<Page<Site>, Error> {
        Ok(store::list_sites(self.db.reader(), account, is_active, args).await?)
    }

    /// A site's sectors, newest first. The caller has authorised by holding the site.
    pub async fn list_sectors(&self, site: Uuid, args: &PageArgs<Uuid>) -> Result<Page<Sector>, Error> {
        Ok(store::list_sectors(self.db.reader(), site, args).await?)
    }

    /// Sites by id; the caller compares the account.
    pub async fn load_sites(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Site>, Error> {
        Ok(store::load_sites(self.db.reader(), ids).await?)
    }

    /// Sectors by id; the caller compares the account.
    pub async fn load_sectors(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Sector>, Error> {
        Ok(store::load_sectors(self.db.reader(), ids).await?)
    }

    fn trace(&self, right: MemberRight, request_id: Option<String>) -> (Uuid, Trace) {
        let (account_id, actor) = (right.account_id(), Actor::User(right.user_id()));
        (self.ids.uuid(), Trace { account_id, actor, request_id, at: self.clock.now() })
    }

    /// Makes a site: active, with nothing automatic. Refuses: see [`SiteError`]; `Forbidden` when the member is no EDITOR.
    pub async fn create_site(
        &self,
        right: MemberRight,
        input: &CreateSite,
        request_id: Option<String>,
    ) -> Result<Site, Failure<SiteError>> {
        let account = demand_editor(right)?;
        let settings = input.check().map_err(Failure::Refused)?;
        let (entry, trace) = self.trace(right, request_id);
        let (id, at) = (self.ids.uuid(), trace.at);
        let site = Site { id, account_id: account, settings, version: 1, created_at: at, updated_at: at };
        let written = self.db.write((site, entry, trace), |tx, (site, entry, trace)| {
            Box::pin(async move {
                store::lock_account(tx, site.account_id).await?;
                if store::count_sites(tx, site.account_id).await? >= SITES_MAX {
                    return Err(Failure::Refused(SiteError::TooManySites));
                }
                let domain = || SiteError::DomainTaken(site.settings.domain.clone());
                store::insert_site(tx, site)
                    .await
                    .map_err(|error| taken(error, "site_account_id_domain_key", domain))?;
                let notes = [None, Some(site_note(&site.settings))];
                let entry = trace.entry(*entry, "site.create", ("site", site.id), notes);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(site.clone())
            })
        });
        written.await
    }

    /// Changes a site. An edit that changes nothing writes nothing. A new zone moves no slot, unless the edit keeps their
    /// local time: then all move, or nothing changes. Refuses: see [`SiteError`]; `NotFound`; `Forbidden` when
    /// the member is no EDITOR.
    pub async fn update_site(
        &self,
        right: MemberRight,
        site: Uuid,
        edit: UpdateSite,
        request_id: Option<String>,
    ) -> Result<Site, Failure<SiteError>> {
        let account = demand_editor(right)?;
        let context = (edit, self.trace(right, request_id), self.slots.clone());
        let written = self.db.write(context, move |tx, (edit, (entry, trace), slots)| {
            Box::pin(async move {
                let before = lock_site(tx, account, site).await?;
                let after = edit.apply(&before).map_err(Failure::Refused)?;
                let zone = after.settings.time_zone;
                if edit.keep_local_time && zone != before.settings.time_zone {
                    let moved = slots.keep(tx, &before, zone, trace).await;
                    moved.map_err(|failure| failure.map_refusal(SiteError::from))?;
                }
                change(tx, before, after, (*entry, trace, "site.update")).await
            })
        });
        written.await
    }

    /// Switches a site off: nothing is done for it any more. Repeating is a no-op. Faults: `NotFound`; `Forbidden` when the
    /// member is no EDITOR.
    pub async fn deactivate_site(
        &self,
        right: MemberRight,
        site: Uuid,
        request_id: Option<String>,
    ) -> Result<Site, Failure<SiteError>> {
        let account = demand_editor(right)?;
        let written = self.db.write(self.trace(right, request_id), move |tx, (entry, trace)| {
            Box::pin(async move {
                let before = lock_site(tx, account, site).await?;
                let mut after = before.clone();
                after.settings.is_active = false;
                change(tx, before, after, (*entry, trace, "site.deactivate")).await
            })
        });
        written.await
    }

    /// Makes a sector of a site. Refuses: see [`SectorError`]; `NotFound`; `Forbidden` when the member is no EDITOR.
    pub async fn create_sector(
        &self,
        right: MemberRight,
        input: &CreateSector,
        request_id: Option<String>,
    ) -> Result<Sector, Failure<SectorError>> {
        let account = demand_editor(right)?;
        let (name, slug) = input.check().map_err(Failure::Refused)?;
        let (entry, trace) = self.trace(right, request_id);
        let sector = Sector {
            id: self.ids.uuid(),
            account_id: account,
            site_id: input.site_id,
            name,
            slug,
            is_active: true,
            created_at: trace.at,
            updated_at: trace.at,
        };
        let written = self.db.write((sector, entry, trace), |tx, (sector, entry, trace)| {
            Box::pin(async move {
                lock_site(tx, sector.account_id, sector.site_id).await?;
                if store::count_sectors(tx, sector.site_id).await? >= SECTORS_MAX {
                    return Err(Failure::Refused(SectorError::TooManySectors));
                }
                let slug = || SectorError::SlugTaken(sector.slug.clone());
                store::insert_sector(tx, sector)
                    .await
                    .map_err(|error| taken(error, "sector_site_id_slug_key", slug))?;
                let notes = [None, Some(sector_note(sector))];
                let entry = trace.entry(*entry, "sector.create", ("sector", sector.id), notes);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(sector.clone())
            })
        });
        written.await
    }

    /// Changes a sector. An edit that changes nothing writes nothing. Refuses: see [`SectorError`]; `NotFound`; `Forbidden`
    /// when the member is no EDITOR.
    pub async fn update_sector(
        &self,
        right: MemberRight,
        sector: Uuid,
        edit: UpdateSector,
        request_id: Option<String>,
    ) -> Result<Sector, Failure<SectorError>> {
        let account = demand_editor(right)?;
        let context = (edit, self.trace(right, request_id));
        let written = self.db.write(context, move |tx, (edit, (entry, trace))| {
            Box::pin(async move {
                let before = store::lock_sector(tx, account, sector).await?.ok_or(Failure::Fault(Error::NotFound))?;
                let mut after = edit.apply(&before).map_err(Failure::Refused)?;
                if after == before {
                    return Ok(before);
                }
                after.updated_at = trace.at;
                let slug = || SectorError::SlugTaken(after.slug.clone());
                let done = store::update_sector(tx, &after, trace.at).await;
                done.map_err(|error| taken(error, "sector_site_id_slug_key", slug))?;
                let notes = [Some(sector_note(&before)), Some(sector_note(&after))];
                let entry = trace.entry(*entry, "sector.update", ("sector", sector), notes);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(after)
            })
        });
        written.await
    }
}
