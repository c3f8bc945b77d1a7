//! The calendar, and the slots to come.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};

use super::calendar::{CalendarFilter, ContentCalendar};
use crate::{
    calendar,
    error::{Error, Failure},
    graphql::{
        context::service,
        error::{UserError, UserErrorCode},
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        scalars::{Date, DateTime},
    },
    publishing::{
        Publishing,
        model::{Days, RangeInvalid},
        service::SchedulePreviewError,
    },
    site::graphql::{Site, SiteScheduleInput, Weekday, schedule_errors},
};

/// What clocks that are moved made of a slot's local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::calendar::HourMark")]
pub enum SlotMark {
    /// The publish time does not exist on that day; the slot is later by as much as clocks were moved.
    Shifted,
    /// The local time exists twice on that day; the slot is the first.
    Repeated,
}

/// A slot to come.
#[derive(Debug, SimpleObject)]
pub struct SlotPreview {
    /// The instant.
    at: DateTime,
    /// The site's local day.
    local_date: Date,
    /// The site's local time, such as 09:00.
    local_time: String,
    /// The local day's weekday.
    weekday: Weekday,
    /// What clocks that are moved made of it; null on other days.
    mark: Option<SlotMark>,
}

impl From<calendar::LocalMoment> for SlotPreview {
    fn from(moment: calendar::LocalMoment) -> Self {
        Self {
            at: DateTime(moment.at),
            local_date: Date(moment.date()),
            local_time: moment.local.format("%H:%M").to_string(),
            weekday: moment.weekday().into(),
            mark: moment.mark.map(Into::into),
        }
    }
}

/// Which slots are shown.
#[derive(InputObject)]
pub struct SchedulePreviewInput {
    /// Of which site; the viewer must see its account.
    pub site_id: ID,
    /// What would change about its schedule; nothing when omitted.
    pub schedule: Option<SiteScheduleInput>,
    /// How many, 1–30.
    #[graphql(default = 10)]
    pub count: i32,
}

/// The slots to come, as they would be given one after the other.
#[derive(SimpleObject)]
pub struct SchedulePreviewPayload {
    /// The slots, the next one first; null when refused.
    slots: Option<Vec<SlotPreview>>,
    /// Why there are fewer than were asked for: `NO_SLOT`; null when there are not.
    ended_by: Option<&'static str>,
    /// Why it was refused: `SCHEDULE_INVALID` for each fault, `COUNT_OUT_OF_RANGE`. Empty when it was not.
    user_errors: Vec<UserError>,
}

/// Queries about slots.
#[derive(Default)]
pub struct PublishingQuery;

#[Object]
impl PublishingQuery {
    /// What a site has on some of its days, and what waits without a slot: one answer for month, week and list, read at one
    /// moment, without pages.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn content_calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which site.")] site_id: ID,
        #[graphql(desc = "The first day, the site's.")] from: Date,
        #[graphql(desc = "The first day that is not shown: 1–62 days after the first.")] to: Date,
        #[graphql(desc = "Which content.")] filter: Option<CalendarFilter>,
    ) -> Result<Option<ContentCalendar>> {
        let id = node::decode(NodeKind::Site, &site_id, &["siteId"])?;
        let filter = filter.map(CalendarFilter::check).transpose()?.unwrap_or_default();
        let days =
            Days::new(from.0, to.0).map_err(|RangeInvalid| Error::bad_input(RangeInvalid.to_string(), &["to"]))?;
        let site = Site::find(ctx, id).await?.ok_or(Error::NotFound)?.0;
        let calendar = service::<Publishing>(ctx)?.calendar(site.id, days, filter).await?;
        Ok(Some(ContentCalendar::new(calendar, days)))
    }

    /// The next slots of a site, as approved content would get them, with its schedule as it is or as it might be. Nothing
    /// is written.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn schedule_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which slots.")] input: SchedulePreviewInput,
    ) -> Result<Option<SchedulePreviewPayload>> {
        let id = node::decode(NodeKind::Site, &input.site_id, &["input", "siteId"])?;
        let site = Site::find(ctx, id).await?.ok_or(Error::NotFound)?.0;
        let edit = input.schedule.unwrap_or_default().edit(&["input", "schedule"])?;
        let refused = |user_errors| SchedulePreviewPayload { slots: None, ended_by: None, user_errors };
        Ok(Some(match service::<Publishing>(ctx)?.schedule_preview(&site, &edit, input.count).await {
            Ok(preview) => SchedulePreviewPayload {
                slots: Some(preview.slots.into_iter().map(Into::into).collect()),
                ended_by: preview.ended.map(|_| crate::content::model::NoSlot::CODE),
                user_errors: Vec::new(),
            },
            Err(Failure::Refused(SchedulePreviewError::Schedule(faults))) => {
                refused(schedule_errors(&faults, &["input", "schedule"]))
            }
            Err(Failure::Refused(SchedulePreviewError::Preview(refusal))) => {
                let path = &["input", "count"];
                refused(vec![UserError::new(UserErrorCode::CountOutOfRange, refusal.to_string(), path)])
            }
            Err(Failure::Fault(error)) => return Err(error.into()),
        }))
    }
}
