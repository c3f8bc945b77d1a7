//! Local days and hours: the zones of sites, the days and minutes that people speak of, the borders of periods, and when
//! something falls due. It must never know a feature or the machine's clock: `now` comes in, in microseconds UTC.

mod day;
mod firing;
mod period;
mod zone;

pub use day::{MINUTE_OF_DAY_MAX, MinuteOfDay, Weekday, WeekdaySet};
pub use firing::{Cadence, Frequency};
pub use period::{Bounds, Period};
pub use zone::{HourMark, LocalMoment, SiteZone, UnknownZone};

#[cfg(test)]
pub(crate) fn zone(name: &str) -> SiteZone {
    SiteZone::parse(name).unwrap()
}

/// Reads `2026-03-28 08:00` as UTC.
#[cfg(test)]
pub(crate) fn instant_of(text: &str) -> crate::clock::Micros {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_micros()
}

#[cfg(test)]
pub(crate) fn date_of(text: &str) -> chrono::NaiveDate {
    text.parse().unwrap()
}

#[cfg(test)]
pub(crate) fn minute_of(text: &str) -> MinuteOfDay {
    MinuteOfDay::parse(text).unwrap()
}
