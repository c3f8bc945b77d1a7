//! A calendar: which days, and what it shows of them.

use chrono::NaiveDate;

use crate::{
    calendar::{LocalMoment, SiteZone},
    clock::Micros,
    content::model::{Content, ContentState, Dated},
    site::Site,
};

const MINUTE: Micros = 60_000_000;

/// How long after its slot content is late that is not out, microseconds.
pub const OVERDUE: Micros = 15 * MINUTE;
/// How long after its slot content went out late, microseconds.
pub const LATE: Micros = 60 * MINUTE;

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

/// What keeps scheduled content from going out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishBlock {
    /// The account is suspended: nothing of it is published.
    AccountSuspended,
    /// The site is switched off.
    SiteInactive,
    /// The sandbox wrote it: it is no real article.
    Sandbox,
}

/// What keeps `content` from going out at its slot, the first that someone must see to; nothing where it is not scheduled.
fn blocked_by(content: &Content, is_suspended: bool, is_active: bool) -> Option<PublishBlock> {
    let blocks = [
        (is_suspended, PublishBlock::AccountSuspended),
        (!is_active, PublishBlock::SiteInactive),
        (content.is_sandbox, PublishBlock::Sandbox),
    ];
    let is_scheduled = content.state == ContentState::Scheduled;
    blocks.into_iter().find_map(|(holds, block)| (is_scheduled && holds).then_some(block))
}

/// Whether content went out an hour after its slot or later, or is due for a quarter of an hour and not out.
fn is_late(content: &Content, now: Micros) -> bool {
    let Some(slot) = content.slot else { return false };
    match content.published_at {
        Some(at) => at.saturating_sub(slot.at) > LATE,
        None => now.saturating_sub(slot.at) >= OVERDUE,
    }
}

/// Something that was or will be published, and when, as the site's clock shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEntry {
    /// When.
    pub when: LocalMoment,
    /// What.
    pub content: Content,
    /// Whether it went out an hour after its slot or later, or is due for a quarter of an hour and not out.
    pub is_late: bool,
    /// What keeps it from going out at its slot.
    pub blocked_by: Option<PublishBlock>,
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
    pub fn new(site: &Site, as_of: Micros, dated: Dated) -> Self {
        let (zone, is_active) = (site.settings.time_zone, site.settings.is_active);
        let is_truncated = dated.entries.len() > ENTRIES_MAX;
        let entry = |(at, content): (Micros, Content)| CalendarEntry {
            when: zone.read(at),
            is_late: is_late(&content, as_of),
            blocked_by: blocked_by(&content, dated.is_suspended, is_active),
            content,
        };
        let entries = dated.entries.into_iter().take(ENTRIES_MAX);
        Self {
            zone,
            as_of,
            entries: entries.map(entry).collect(),
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
