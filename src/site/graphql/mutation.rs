//! Making and changing sites and sectors.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::{
    schedule::SiteScheduleInput,
    types::{Sector, Site},
};
use crate::{
    auth::{Auth, MemberRight, model::MemberRole},
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode, answer},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        patch::{clearable, kept},
        scalars::SafeInt,
    },
    site::{
        self, Sites,
        model::{CreateSector, CreateSite, ScheduleRefusal, SectorError, SiteError, UpdateSector, UpdateSite},
    },
};

/// A new site.
#[derive(InputObject)]
pub struct CreateSiteInput {
    /// Whose it will be; the viewer must be an EDITOR or OWNER.
    pub account_id: ID,
    /// Its name, 1–100 characters.
    pub name: String,
    /// Its host name, such as shop.example.com; an address is cut down to it.
    pub domain: String,
    /// Its time zone, an IANA name such as Europe/Berlin; UTC when omitted.
    pub time_zone: Option<String>,
    /// The language its content is written in, a BCP 47 tag such as en or pt-BR; en when omitted.
    pub language: Option<String>,
    /// Whom its content is for, 1–500 characters.
    pub audience: Option<String>,
}

/// What `createSite` did.
#[derive(SimpleObject)]
pub struct CreateSitePayload {
    /// The site; null when refused.
    site: Option<Site>,
    /// Why it was refused: `NAME_INVALID`, `DOMAIN_INVALID`, `DOMAIN_TAKEN`, `TIME_ZONE_UNKNOWN`, `LANGUAGE_INVALID`,
    /// `AUDIENCE_INVALID`, `TOO_MANY_SITES`. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// What changes about a site; what is omitted stays.
#[derive(InputObject)]
pub struct UpdateSiteInput {
    /// Which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// The `version` that was read; another one is `VERSION_CONFLICT`.
    pub expected_version: SafeInt,
    /// Its name, 1–100 characters; it cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// Its host name; it cannot be cleared.
    pub domain: MaybeUndefined<String>,
    /// Its time zone, an IANA name; it cannot be cleared.
    pub time_zone: MaybeUndefined<String>,
    /// The language its content is written in, a BCP 47 tag; it cannot be cleared.
    pub language: MaybeUndefined<String>,
    /// Whom its content is for, 1–500 characters; null takes it away.
    pub audience: MaybeUndefined<String>,
    /// Whether anything is done for it; it cannot be cleared.
    pub is_active: MaybeUndefined<bool>,
    /// Whether finished content is approved without a person; it cannot be cleared. What is finished stays as it is.
    pub auto_approve: MaybeUndefined<bool>,
    /// Whether approved content gets the next slot; it cannot be cleared. What is approved stays as it is.
    pub auto_schedule: MaybeUndefined<bool>,
    /// When it gives slots; it cannot be cleared. Slots that are given stay as they are.
    pub schedule: MaybeUndefined<SiteScheduleInput>,
    /// Whether slots to come keep their local time in a new time zone: all of them move, or nothing changes. Otherwise none
    /// does.
    #[graphql(default = false)]
    pub keep_local_time: bool,
}

/// What `updateSite` did.
#[derive(SimpleObject)]
pub struct UpdateSitePayload {
    /// The site; null when refused.
    site: Option<Site>,
    /// Why it was refused: `VERSION_CONFLICT`, `SCHEDULE_INVALID` for each fault, with `keepLocalTime` `SLOT_TAKEN` and
    /// `SLOT_IN_PAST`, and what `createSite` says. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// Which site is switched off.
#[derive(InputObject)]
pub struct DeactivateSiteInput {
    /// Which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
}

/// What `deactivateSite` did.
#[derive(SimpleObject)]
pub struct DeactivateSitePayload {
    /// The site, which is not active; null when refused.
    site: Option<Site>,
    /// Why it was refused; empty when it was done.
    user_errors: Vec<UserError>,
}

/// A new sector.
#[derive(InputObject)]
pub struct CreateSectorInput {
    /// Of which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// Its name, 1–100 characters.
    pub name: String,
    /// Its name in addresses: a–z, 0–9 and single hyphens, unique in the site; made of the name when omitted.
    pub slug: Option<String>,
}

/// What `createSector` did.
#[derive(SimpleObject)]
pub struct CreateSectorPayload {
    /// The sector; null when refused.
    sector: Option<Sector>,
    /// Why it was refused: `NAME_INVALID`, `SLUG_INVALID`, `SLUG_TAKEN`, `TOO_MANY_SECTORS`. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// What changes about a sector; what is omitted stays.
#[derive(InputObject)]
pub struct UpdateSectorInput {
    /// Which sector; the viewer must be an EDITOR or OWNER of its account.
    pub sector_id: ID,
    /// Its name, 1–100 characters; it cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// Its name in addresses; it cannot be cleared.
    pub slug: MaybeUndefined<String>,
    /// Whether it is in use; it cannot be cleared.
    pub is_active: MaybeUndefined<bool>,
}

/// What `updateSector` did.
#[derive(SimpleObject)]
pub struct UpdateSectorPayload {
    /// The sector; null when refused.
    sector: Option<Sector>,
    /// Why it was refused: `NAME_INVALID`, `SLUG_INVALID`, `SLUG_TAKEN`. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// The refusals of a schedule, one for each fault.
pub fn schedule_errors(faults: &[ScheduleRefusal], path: &[&str]) -> Vec<UserError> {
    let error = |fault: &ScheduleRefusal| {
        let path: Vec<&str> = path.iter().copied().chain([fault.field()]).collect();
        UserError::new(UserErrorCode::ScheduleInvalid, fault.to_string(), &path)
    };
    faults.iter().map(error).collect()
}

fn site_error(refusal: &SiteError) -> UserError {
    let message = refusal.to_string();
    let (code, field) = match refusal {
        SiteError::VersionConflict { expected, current } => {
            let small = |version: i64| i32::try_from(version).unwrap_or(i32::MAX);
            return UserError::conflicting(message, small(*expected), small(*current));
        }
        SiteError::NameInvalid => (UserErrorCode::NameInvalid, "name"),
        SiteError::DomainInvalid => (UserErrorCode::DomainInvalid, "domain"),
        SiteError::DomainTaken(_) => (UserErrorCode::DomainTaken, "domain"),
        SiteError::TimeZoneUnknown(_) => (UserErrorCode::TimeZoneUnknown, "timeZone"),
        SiteError::LanguageInvalid => (UserErrorCode::LanguageInvalid, "language"),
        SiteError::AudienceInvalid => (UserErrorCode::AudienceInvalid, "audience"),
        SiteError::Schedule(_) => (UserErrorCode::ScheduleInvalid, "schedule"),
        SiteError::SlotTaken(_) => (UserErrorCode::SlotTaken, "keepLocalTime"),
        SiteError::SlotInPast(_) => (UserErrorCode::SlotInPast, "keepLocalTime"),
        SiteError::TooManySites => (UserErrorCode::TooManySites, "accountId"),
    };
    UserError::new(code, message, &["input", field])
}

fn sector_error(refusal: &SectorError) -> UserError {
    let (code, field) = match refusal {
        SectorError::NameInvalid => (UserErrorCode::NameInvalid, "name"),
        SectorError::SlugInvalid => (UserErrorCode::SlugInvalid, "slug"),
        SectorError::SlugTaken(_) => (UserErrorCode::SlugTaken, "slug"),
        SectorError::TooManySectors => (UserErrorCode::TooManySectors, "siteId"),
    };
    UserError::new(code, refusal.to_string(), &["input", field])
}

/// The viewer as an EDITOR of the account that something belongs to. Refuses: `Unauthenticated`, `NotFound`, `Forbidden`.
pub async fn editor_of(ctx: &Context<'_>, account: uuid::Uuid) -> Result<MemberRight, Error> {
    service::<Auth>(ctx)?.require_member(&request(ctx)?.viewer, account, MemberRole::Editor).await
}

/// A site whose account the viewer is an EDITOR of. Refuses as [`editor_of`], and `BadUserInput`.
pub async fn edited_site(ctx: &Context<'_>, id: &ID, path: &[&str]) -> Result<(site::Site, MemberRight), Error> {
    request(ctx)?.viewer.signed_in()?;
    let id = node::decode(NodeKind::Site, id, path)?;
    let site = Site::load(ctx, id).await?.ok_or(Error::NotFound)?.0;
    let right = editor_of(ctx, site.account_id).await?;
    Ok((site, right))
}

/// Mutations of sites.
#[derive(Default)]
pub struct SiteMutation;

#[Object]
impl SiteMutation {
    /// Makes a site: active, with nothing automatic.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn create_site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new site.")] input: CreateSiteInput,
    ) -> Result<Option<CreateSitePayload>> {
        let account = node::decode(NodeKind::Account, &input.account_id, &["input", "accountId"])?;
        let right = editor_of(ctx, account).await?;
        let create = CreateSite {
            name: input.name,
            domain: input.domain,
            time_zone: input.time_zone,
            language: input.language,
            audience: input.audience,
        };
        let request_id = Some(request(ctx)?.request_id.to_string());
        let made = service::<Sites>(ctx)?.create_site(right, &create, request_id).await;
        let (site, user_errors) = answer(made, site_error)?;
        Ok(Some(CreateSitePayload { site: site.map(Site), user_errors }))
    }

    /// Changes a site.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site, and what changes.")] input: UpdateSiteInput,
    ) -> Result<Option<UpdateSitePayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let edit = UpdateSite {
            expected_version: input.expected_version.0,
            name: kept(input.name, "name")?,
            domain: kept(input.domain, "domain")?,
            time_zone: kept(input.time_zone, "timeZone")?,
            language: kept(input.language, "language")?,
            audience: clearable(input.audience),
            is_active: kept(input.is_active, "isActive")?,
            auto_approve: kept(input.auto_approve, "autoApprove")?,
            auto_schedule: kept(input.auto_schedule, "autoSchedule")?,
            schedule: kept(input.schedule, "schedule")?.unwrap_or_default().edit(&["input", "schedule"])?,
            keep_local_time: input.keep_local_time,
        };
        let request_id = Some(request(ctx)?.request_id.to_string());
        let changed = service::<Sites>(ctx)?.update_site(right, site.id, edit, request_id).await;
        let (site, user_errors) = match changed {
            Err(Failure::Refused(SiteError::Schedule(faults))) => {
                (None, schedule_errors(&faults, &["input", "schedule"]))
            }
            changed => answer(changed, site_error)?,
        };
        Ok(Some(UpdateSitePayload { site: site.map(Site), user_errors }))
    }

    /// Switches a site off: nothing is done for it until `updateSite` makes it active again. One that is off stays so.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn deactivate_site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site.")] input: DeactivateSiteInput,
    ) -> Result<Option<DeactivateSitePayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let request_id = Some(request(ctx)?.request_id.to_string());
        let done = service::<Sites>(ctx)?.deactivate_site(right, site.id, request_id).await;
        let (site, user_errors) = answer(done, site_error)?;
        Ok(Some(DeactivateSitePayload { site: site.map(Site), user_errors }))
    }

    /// Makes a sector of a site.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn create_sector(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new sector.")] input: CreateSectorInput,
    ) -> Result<Option<CreateSectorPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let create = CreateSector { site_id: site.id, name: input.name, slug: input.slug };
        let request_id = Some(request(ctx)?.request_id.to_string());
        let made = service::<Sites>(ctx)?.create_sector(right, &create, request_id).await;
        let (sector, user_errors) = answer(made, sector_error)?;
        Ok(Some(CreateSectorPayload { sector: sector.map(Sector), user_errors }))
    }

    /// Changes a sector.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_sector(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which sector, and what changes.")] input: UpdateSectorInput,
    ) -> Result<Option<UpdateSectorPayload>> {
        request(ctx)?.viewer.signed_in()?;
        let id = node::decode(NodeKind::Sector, &input.sector_id, &["input", "sectorId"])?;
        let account = Sector::load(ctx, id).await?.ok_or(Error::NotFound)?.0.account_id;
        let right = editor_of(ctx, account).await?;
        let edit = UpdateSector {
            name: kept(input.name, "name")?,
            slug: kept(input.slug, "slug")?,
            is_active: kept(input.is_active, "isActive")?,
        };
        let request_id = Some(request(ctx)?.request_id.to_string());
        let changed = service::<Sites>(ctx)?.update_sector(right, id, edit, request_id).await;
        let (sector, user_errors) = answer(changed, sector_error)?;
        Ok(Some(UpdateSectorPayload { sector: sector.map(Sector), user_errors }))
    }
}
