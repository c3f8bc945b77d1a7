//! The slot search: the one function that finds where the next automatic post goes, for approvals and for previews. It
//! must never know who asks: whoever assigns what it finds holds the lock on the site's row, so that two approvals
//! never share a slot.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};

use crate::{
    calendar::{LocalMoment, SiteZone, Weekday},
    clock::{Micros, SECOND},
    site::model::ScheduleSettings,
};

/// How far ahead of the present a slot is at least; exactly that far is far enough.
pub const LEAD: Micros = 15 * 60 * SECOND;

/// How many local days are looked at, the first one counted.
pub const SEARCH_DAYS: usize = 180;

/// The most slots of a preview.
pub const PREVIEW_MAX: i32 = 30;

/// What a site has already, as far as the search needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupied {
    zone: SiteZone,
    base: Option<Micros>,
    taken: BTreeSet<Micros>,
    posts: BTreeMap<NaiveDate, u32>,
}

impl Occupied {
    /// A site in `zone` whose latest automatic slot, of content that is still to be published or was, is `base`; hand-placed
    /// slots and those of content that failed or was taken back are none. What else there is must be told one by one:
    /// only what lies on the local day of the present or later matters.
    pub fn new(zone: SiteZone, base: Option<Micros>) -> Self {
        Self { zone, base, taken: BTreeSet::new(), posts: BTreeMap::new() }
    }

    /// A slot of `SCHEDULED`, `PUBLISHING` or `UNCERTAIN` content, automatic or not: nobody else gets that instant, and
    /// it counts as a post of its local day.
    pub fn add_slot(&mut self, at: Micros) {
        self.taken.insert(at);
        self.add_post(at);
    }

    /// A publication, at the instant it happened: it counts as a post of its local day. Its instant is free again.
    pub fn add_published(&mut self, at: Micros) {
        self.add_post(at);
    }

    /// An automatic slot that was just assigned: it occupies, and is what the next one is counted from.
    pub fn assign(&mut self, slot: &LocalMoment) {
        self.add_slot(slot.at);
        self.base = self.base.max(Some(slot.at));
    }

    /// The zone of the site.
    pub fn zone(&self) -> SiteZone {
        self.zone
    }

    /// Whether other content has this very instant.
    pub fn is_taken(&self, at: Micros) -> bool {
        self.taken.contains(&at)
    }

    fn add_post(&mut self, at: Micros) {
        let posts = self.posts.entry(self.zone.date(at)).or_default();
        *posts = posts.saturating_add(1);
    }

    fn posts_on(&self, day: NaiveDate) -> u32 {
        self.posts.get(&day).copied().unwrap_or_default()
    }
}

/// No day within reach has a slot to give; the content stays in the tray with this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "No free slot in the {SEARCH_DAYS} days from {first}. Allow more weekdays or more posts per day, or place it by hand."
)]
pub struct NoSlot {
    /// The local day on which the search began.
    pub first: NaiveDate,
}

impl NoSlot {
    /// The reason in tables and in the API.
    pub const CODE: &'static str = "NO_SLOT";
}

/// The next automatic slot at `now`. Finds the same for the same values, and assigns nothing. A publish time that a gap
/// moves into the next day needs both days allowed, and counts on the day it lands on. Refuses: [`NoSlot`].
pub fn next_slot(settings: &ScheduleSettings, occupied: &Occupied, now: Micros) -> Result<LocalMoment, NoSlot> {
    let first = first_day(settings, occupied, now);
    let earliest = now.saturating_add(LEAD);
    first
        .iter_days()
        .take(SEARCH_DAYS)
        .filter(|day| settings.weekdays().contains(Weekday::of(*day)))
        .map(|day| occupied.zone.place(day, settings.publish_at()))
        .find(|slot| {
            slot.at >= earliest
                && settings.weekdays().contains(slot.weekday())
                && !occupied.is_taken(slot.at)
                && occupied.posts_on(slot.date()) < settings.posts_per_day()
        })
        .ok_or(NoSlot { first })
}

/// The local day on which the search begins.
fn first_day(settings: &ScheduleSettings, occupied: &Occupied, now: Micros) -> NaiveDate {
    let today = occupied.zone.date(now);
    let base = occupied.base.map(|at| occupied.zone.date(at));
    match settings.interval().days() {
        Some(days) => base.map_or(today, |base| today.max(after(base, days))),
        None => {
            let from = base.map_or(today, |base| today.max(month_after(base)));
            let day = in_month_of(from, settings.day_of_month());
            if day >= from { day } else { in_month_of(month_after(from), settings.day_of_month()) }
        }
    }
}

fn after(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
}

/// The first of the month after that of `day`.
fn month_after(day: NaiveDate) -> NaiveDate {
    let rest = u64::from(day.num_days_in_month()) + 1 - u64::from(day.day());
    after(day, rest)
}

/// The `wanted` day (1–31) of the month of `day`; its last one when it is shorter.
fn in_month_of(day: NaiveDate, wanted: u32) -> NaiveDate {
    day.with_day(wanted.min(u32::from(day.num_days_in_month()))).unwrap_or(day)
}

/// The slots to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// In the order of time; as many as were asked for, or fewer.
    pub slots: Vec<LocalMoment>,
    /// Why there are fewer.
    pub ended: Option<NoSlot>,
}

/// Why no preview is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PreviewRefusal {
    /// Not a number of slots that is shown.
    #[error("`count` is {0}; it must be 1–{PREVIEW_MAX}. Ask for fewer slots at once.")]
    CountOutOfRange(i32),
}

/// The next `count` slots (1–30) as they would be assigned one after the other from `now` on, each becoming what the
/// next is counted from. Writes nothing. Refuses: [`PreviewRefusal::CountOutOfRange`].
pub fn preview(
    settings: &ScheduleSettings,
    mut occupied: Occupied,
    now: Micros,
    count: i32,
) -> Result<Preview, PreviewRefusal> {
    if !(1..=PREVIEW_MAX).contains(&count) {
        return Err(PreviewRefusal::CountOutOfRange(count));
    }
    let mut slots = Vec::new();
    for _ in 0..count {
        match next_slot(settings, &occupied, now) {
            Ok(slot) => {
                occupied.assign(&slot);
                slots.push(slot);
            }
            Err(none) => return Ok(Preview { slots, ended: Some(none) }),
        }
    }
    Ok(Preview { slots, ended: None })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
