//! A site's schedule.

use async_graphql::{Enum, InputObject, MaybeUndefined, SimpleObject};

use crate::{
    calendar,
    error::Error,
    graphql::patch::kept,
    site::model::{EditSchedule, ScheduleSettings},
};

/// How far apart automatic slots are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "SlotInterval", remote = "crate::site::model::Interval")]
pub enum SlotInterval {
    /// Every local day.
    Daily,
    /// Every second one.
    #[graphql(name = "EVERY_2_DAYS")]
    Every2Days,
    /// Every third one.
    #[graphql(name = "EVERY_3_DAYS")]
    Every3Days,
    /// Every seventh one.
    Weekly,
    /// Every fourteenth one.
    Biweekly,
    /// Once a month, on the day of month.
    Monthly,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::calendar::Weekday")]
pub enum Weekday {
    /// The first.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The last.
    Sunday,
}

/// When a site gives slots to approved content.
#[derive(Debug, Clone, SimpleObject)]
pub struct SiteSchedule {
    /// How far apart slots are.
    interval: SlotInterval,
    /// When on the local day, such as 09:00.
    publish_time: String,
    /// The days that may have slots, Monday first.
    weekdays: Vec<Weekday>,
    /// For `MONTHLY`: which day, 1–31; shorter months take their last one.
    day_of_month: i32,
    /// How many posts a local day may have, those placed by hand counted.
    posts_per_day: i32,
}

impl From<&ScheduleSettings> for SiteSchedule {
    fn from(schedule: &ScheduleSettings) -> Self {
        let given = schedule.given();
        Self {
            interval: given.interval.into(),
            publish_time: schedule.publish_at().to_string(),
            weekdays: given.weekdays.days().map(Into::into).collect(),
            day_of_month: given.day_of_month,
            posts_per_day: given.posts_per_day,
        }
    }
}

/// What changes about a schedule; what is omitted stays, and nothing can be cleared.
#[derive(Debug, Default, InputObject)]
pub struct SiteScheduleInput {
    /// How far apart slots are.
    interval: MaybeUndefined<SlotInterval>,
    /// When on the local day: two digits, a colon, two digits, such as 09:00.
    publish_time: MaybeUndefined<String>,
    /// The days that may have slots; at least one.
    weekdays: MaybeUndefined<Vec<Weekday>>,
    /// For `MONTHLY`: which day, 1–31; shorter months take their last one.
    day_of_month: MaybeUndefined<i32>,
    /// How many posts a local day may have, 1–50.
    posts_per_day: MaybeUndefined<i32>,
}

impl SiteScheduleInput {
    /// The edit, found at `path` of the arguments. Refuses: `BadUserInput` for null, and for a time that is none.
    pub fn edit(self, path: &[&str]) -> Result<EditSchedule, Error> {
        let publish_minute = kept(self.publish_time, "publishTime")?.map(|text| {
            let minute = calendar::MinuteOfDay::parse(text.trim()).map(calendar::MinuteOfDay::get);
            let message = "`publishTime` is a time from 00:00 to 23:59: two digits, a colon, two digits.";
            let path: Vec<&str> = path.iter().copied().chain(["publishTime"]).collect();
            minute.ok_or_else(|| Error::bad_input(message, &path))
        });
        Ok(EditSchedule {
            interval: kept(self.interval, "interval")?.map(Into::into),
            publish_minute: publish_minute.transpose()?,
            weekdays: kept(self.weekdays, "weekdays")?
                .map(|days| days.into_iter().map(calendar::Weekday::from).collect()),
            day_of_month: kept(self.day_of_month, "dayOfMonth")?,
            posts_per_day: kept(self.posts_per_day, "postsPerDay")?,
        })
    }
}
