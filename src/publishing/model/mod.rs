//! Values and rules of the calendar. They must never know the database, the API or the clock.

mod calendar;

pub use calendar::{
    CALENDAR_DAYS_MAX, Calendar, CalendarEntry, Days, ENTRIES_MAX, PublishBlock, RangeInvalid, TRAY_MAX,
};
