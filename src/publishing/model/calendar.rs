//! A calendar: which days, and what it shows of them.

use chrono::NaiveDate;

use crate::{
    calendar::{LocalMoment, SiteZone},
    clock::Micros,
    content::model::{Content, ContentState, Dated},
};

/// The most days of a calendar.
pub const CALENDAR_DAYS_MAX: i64 = 62;
/// The most entries of a calendar.
pub const ENTRIES_MAX: usize = 1_000;
/// The most contents without a slot that a calendar shows.
pub const TRAY_MAX: usize = 200;

/// The days are none, or too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A calendar shows 1–{CALENDAR_DAYS_MAX} days: `to` is a day later than `from`, and not shown itself.")]
pub struct RangeInvalid;

/// Days of a site, the last one not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: NaiveDate,
    /// The first that is not shown.
    pub to: NaiveDate,
}

impl Days {
    /// Refuses: [`RangeInvalid`] for none, and for more than 62.
    pub fn new(from: NaiveDate, to: NaiveDate) -> Result<Self, RangeInvalid> {
        let days = to.signed_duration_since(from).num_days();
        if (1..=CALENDAR_DAYS_MAX).contains(&days) { Ok(Self { from, to }) } else { Err(RangeInvalid) }
    }
}

/// Something that was or will be published, and when, as the site's clock shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEntry {
    /// When.
    pub when: LocalMoment,
    /// What.
    pub content: Content,
}

/// What a calendar shows, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The site's zone at that moment.
    pub zone: SiteZone,
    /// That moment.
    pub as_of: Micros,
    /// In the order of time, at most 1,000.
    pub entries: Vec<CalendarEntry>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// How many there are of each state, those left out among them.
    pub counts: Vec<(ContentState, i64)>,
    /// Approved content without a slot, at most 200.
    pub tray: Vec<Content>,
    /// How many there are of those.
    pub tray_count: i64,
}

impl Calendar {
    /// Of what was read: one entry more than is shown says that there are more.
    pub fn new(zone: SiteZone, as_of: Micros, dated: Dated) -> Self {
        let is_truncated = dated.entries.len() > ENTRIES_MAX;
        let entries = dated.entries.into_iter().take(ENTRIES_MAX);
        Self {
            zone,
            as_of,
            entries: entries.map(|(at, content)| CalendarEntry { when: zone.read(at), content }).collect(),
            is_truncated,
            counts: dated.counts,
            tray: dated.tray,
            tray_count: dated.tray_count,
        }
    }

    /// How many entries there are of a state, or of all.
    pub fn count(&self, state: Option<ContentState>) -> i64 {
        self.counts.iter().filter(|(found, _)| state.is_none_or(|state| state == *found)).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::date_of;

    #[test]
    fn a_calendar_shows_one_to_sixty_two_days() {
        let days = |from, to| Days::new(date_of(from), date_of(to));
        assert!(days("2026-03-01", "2026-03-02").is_ok());
        assert!(days("2026-03-01", "2026-05-02").is_ok());
        assert_eq!(days("2026-03-01", "2026-05-03"), Err(RangeInvalid));
        assert_eq!(days("2026-03-01", "2026-03-01"), Err(RangeInvalid));
        assert_eq!(days("2026-03-02", "2026-03-01"), Err(RangeInvalid));
    }
}
