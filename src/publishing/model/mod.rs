//! Values and rules of publishing: zones and local days, schedules and slots, content states and approval.
//! They must never know the database, the API or the clock: `now` comes in, in microseconds UTC.

mod approval;
mod day;
mod firing;
mod period;
mod relocation;
mod schedule;
mod slot;
mod state;
mod zone;

pub use approval::{
    ApprovalBlock, ApprovalDecision, ApprovalTarget, ApprovedSource, FeaturedImage, ImageState, Work, decide_approval,
};
pub use day::{MINUTE_OF_DAY_MAX, MinuteOfDay, Weekday, WeekdaySet};
pub use firing::{Cadence, Frequency};
pub use period::{Bounds, Period};
pub use relocation::{KeepRefusal, Moved, Waiting, keep_local_time};
pub use schedule::{DAY_OF_MONTH_MAX, Interval, NewSchedule, POSTS_PER_DAY_MAX, ScheduleRefusal, ScheduleSettings};
pub use slot::{LEAD, NoSlot, Occupied, PREVIEW_MAX, Preview, PreviewRefusal, SEARCH_DAYS, next_slot, preview};
pub use state::{Cause, ContentState, IllegalTransition};
pub use zone::{HourMark, LocalMoment, SiteZone, UnknownZone};

#[cfg(test)]
fn zone(name: &str) -> SiteZone {
    SiteZone::parse(name).unwrap()
}

/// Reads `2026-03-28 08:00` as UTC.
#[cfg(test)]
fn instant_of(text: &str) -> crate::clock::Micros {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_micros()
}

#[cfg(test)]
fn date_of(text: &str) -> chrono::NaiveDate {
    text.parse().unwrap()
}

#[cfg(test)]
fn minute_of(text: &str) -> MinuteOfDay {
    MinuteOfDay::parse(text).unwrap()
}
