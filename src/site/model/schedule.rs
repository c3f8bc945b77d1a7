//! A site's schedule: how often, at what time and on which days automatic slots are given.

use crate::calendar::{MINUTE_OF_DAY_MAX, MinuteOfDay, WeekdaySet};

/// The last day of the longest month.
pub const DAY_OF_MONTH_MAX: i32 = 31;

/// The most posts of a local day that a site may set. As many as one bulk form takes.
pub const POSTS_PER_DAY_MAX: i32 = 50;

crate::words::words! {
    /// How far apart automatic slots are.
    Interval {
        /// Every local day.
        Daily "DAILY",
        /// Every second one.
        Every2Days "EVERY_2_DAYS",
        /// Every third one.
        Every3Days "EVERY_3_DAYS",
        /// Every seventh one.
        Weekly "WEEKLY",
        /// Every fourteenth one.
        Biweekly "BIWEEKLY",
        /// Once a month, on the day of month.
        Monthly "MONTHLY",
    }
}

impl Interval {
    /// How many local days lie between two slots; `None` for months, which differ.
    pub fn days(self) -> Option<u64> {
        match self {
            Self::Daily => Some(1),
            Self::Every2Days => Some(2),
            Self::Every3Days => Some(3),
            Self::Weekly => Some(7),
            Self::Biweekly => Some(14),
            Self::Monthly => None,
        }
    }
}

/// Settings as they come in, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// How far apart slots are.
    pub interval: Interval,
    /// When on the day, minutes since local midnight.
    pub publish_minute: i32,
    /// The days that may have slots.
    pub weekdays: WeekdaySet,
    /// For months: which day; shorter months take their last one.
    pub day_of_month: i32,
    /// How many posts a local day may have, hand-placed ones counted.
    pub posts_per_day: i32,
}

/// What a site has that never said anything.
impl Default for NewSchedule {
    fn default() -> Self {
        Self {
            interval: Interval::Daily,
            publish_minute: MinuteOfDay::NINE.get(),
            weekdays: WeekdaySet::ALL,
            day_of_month: 1,
            posts_per_day: 1,
        }
    }
}

/// Why a schedule is not accepted. Each message names the field, the limit and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleRefusal {
    /// No such minute.
    #[error(
        "`publishTime` is minute {0} of the day; it must be 0–{MINUTE_OF_DAY_MAX}. Choose a time from 00:00 to 23:59."
    )]
    PublishTimeOutOfRange(i32),
    /// No day is allowed.
    #[error(
        "`weekdays` is empty; at least 1 of 7 must be chosen. Choose one, or switch automatic scheduling off instead."
    )]
    NoWeekday,
    /// No such day.
    #[error(
        "`dayOfMonth` is {0}; it must be 1–{DAY_OF_MONTH_MAX}. Choose 31 for the last day of every month: shorter ones \
         use their last day."
    )]
    DayOfMonthOutOfRange(i32),
    /// No post, or absurdly many.
    #[error(
        "`postsPerDay` is {0}; it must be 1–{POSTS_PER_DAY_MAX}. To publish nothing, switch automatic scheduling off \
         instead."
    )]
    PostsPerDayOutOfRange(i32),
}

impl ScheduleRefusal {
    /// The input field that it is about.
    pub fn field(&self) -> &'static str {
        match self {
            Self::PublishTimeOutOfRange(_) => "publishTime",
            Self::NoWeekday => "weekdays",
            Self::DayOfMonthOutOfRange(_) => "dayOfMonth",
            Self::PostsPerDayOutOfRange(_) => "postsPerDay",
        }
    }
}

/// A site's schedule, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleSettings {
    interval: Interval,
    publish_at: MinuteOfDay,
    weekdays: WeekdaySet,
    day_of_month: u32,
    posts_per_day: u32,
}

impl ScheduleSettings {
    /// Checks every field, in the order of [`ScheduleRefusal`], and names every fault, so that a form shows them at once.
    pub fn new(given: &NewSchedule) -> Result<Self, Vec<ScheduleRefusal>> {
        let publish_at = MinuteOfDay::new(given.publish_minute);
        let day_of_month = within(given.day_of_month, DAY_OF_MONTH_MAX);
        let posts_per_day = within(given.posts_per_day, POSTS_PER_DAY_MAX);
        match (publish_at, given.weekdays.is_empty(), day_of_month, posts_per_day) {
            (Some(publish_at), false, Some(day_of_month), Some(posts_per_day)) => {
                Ok(Self { interval: given.interval, publish_at, weekdays: given.weekdays, day_of_month, posts_per_day })
            }
            (publish_at, no_weekday, day_of_month, posts_per_day) => Err([
                publish_at.is_none().then_some(ScheduleRefusal::PublishTimeOutOfRange(given.publish_minute)),
                no_weekday.then_some(ScheduleRefusal::NoWeekday),
                day_of_month.is_none().then_some(ScheduleRefusal::DayOfMonthOutOfRange(given.day_of_month)),
                posts_per_day.is_none().then_some(ScheduleRefusal::PostsPerDayOutOfRange(given.posts_per_day)),
            ]
            .into_iter()
            .flatten()
            .collect()),
        }
    }

    /// The same as it comes in, to be changed and checked again.
    pub fn given(&self) -> NewSchedule {
        NewSchedule {
            interval: self.interval,
            publish_minute: self.publish_at.get(),
            weekdays: self.weekdays,
            day_of_month: i32::try_from(self.day_of_month).unwrap_or(DAY_OF_MONTH_MAX),
            posts_per_day: i32::try_from(self.posts_per_day).unwrap_or(POSTS_PER_DAY_MAX),
        }
    }

    /// How far apart slots are.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// When on the day.
    pub fn publish_at(&self) -> MinuteOfDay {
        self.publish_at
    }

    /// The days that may have slots; at least one.
    pub fn weekdays(&self) -> WeekdaySet {
        self.weekdays
    }

    /// For months: which day, 1–31.
    pub fn day_of_month(&self) -> u32 {
        self.day_of_month
    }

    /// How many posts a local day may have, at least 1.
    pub fn posts_per_day(&self) -> u32 {
        self.posts_per_day
    }
}

fn within(value: i32, max: i32) -> Option<u32> {
    (1..=max).contains(&value).then(|| value.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut NewSchedule)) -> Result<ScheduleSettings, Vec<ScheduleRefusal>> {
        let mut given = NewSchedule::default();
        change(&mut given);
        ScheduleSettings::new(&given)
    }

    #[test]
    fn the_defaults_are_those_of_the_product() {
        let settings = with(|_| ()).unwrap();
        assert_eq!((settings.interval(), settings.publish_at()), (Interval::Daily, MinuteOfDay::NINE));
        assert_eq!((settings.weekdays(), settings.day_of_month()), (WeekdaySet::ALL, 1));
        assert_eq!(settings.posts_per_day(), 1);
    }

    #[test]
    fn takes_each_limit_and_refuses_one_beyond() {
        for minute in [0, 1439] {
            assert_eq!(with(|given| given.publish_minute = minute).unwrap().publish_at().get(), minute);
        }
        for minute in [-1, 1440, i32::MAX] {
            let refused = with(|given| given.publish_minute = minute);
            assert_eq!(refused, Err(vec![ScheduleRefusal::PublishTimeOutOfRange(minute)]));
        }
        for day in [1, 31] {
            assert_eq!(with(|given| given.day_of_month = day).unwrap().day_of_month(), day.unsigned_abs());
        }
        for day in [i32::MIN, -1, 0, 32] {
            let refused = with(|given| given.day_of_month = day);
            assert_eq!(refused, Err(vec![ScheduleRefusal::DayOfMonthOutOfRange(day)]));
        }
        for posts in [1, POSTS_PER_DAY_MAX] {
            assert_eq!(with(|given| given.posts_per_day = posts).unwrap().posts_per_day(), posts.unsigned_abs());
        }
        for posts in [-1, 0, POSTS_PER_DAY_MAX + 1] {
            let refused = with(|given| given.posts_per_day = posts);
            assert_eq!(refused, Err(vec![ScheduleRefusal::PostsPerDayOutOfRange(posts)]));
        }
        assert_eq!(with(|given| given.weekdays = WeekdaySet::default()), Err(vec![ScheduleRefusal::NoWeekday]));
    }

    #[test]
    fn names_every_fault_with_its_field_and_limit() {
        let refused = with(|given| {
            *given = NewSchedule {
                interval: Interval::Monthly,
                publish_minute: 1440,
                weekdays: WeekdaySet::default(),
                day_of_month: 0,
                posts_per_day: 51,
            }
        });
        let refused = refused.unwrap_err();
        let fields: Vec<&str> = refused.iter().map(ScheduleRefusal::field).collect();
        assert_eq!(fields, ["publishTime", "weekdays", "dayOfMonth", "postsPerDay"]);
        for (refusal, limit) in refused.iter().zip(["0–1439", "at least 1 of 7", "1–31", "1–50"]) {
            let text = refusal.to_string();
            assert!(text.starts_with(&format!("`{}`", refusal.field())) && text.contains(limit), "{text}");
        }
    }

    #[test]
    fn reads_back_every_interval() {
        for interval in Interval::ALL {
            assert_eq!(Interval::parse(interval.as_str()), Some(*interval));
        }
        assert_eq!(Interval::parse("HOURLY"), None);
        let days: Vec<Option<u64>> = Interval::ALL.iter().map(|interval| interval.days()).collect();
        assert_eq!(days, [Some(1), Some(2), Some(3), Some(7), Some(14), None]);
    }
}
