//! A site's time zone: from local time to an instant and back. The one place that decides what becomes of a local time
//! that clocks skip or show twice. It must never know what happens at the instants it names.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

use super::{MinuteOfDay, Weekday};
use crate::clock::{Micros, NEVER, SECOND};

/// 0001-01-01T00:00:00Z. Earlier instants are read as this one, later ones than [`NEVER`] as that one, so that nothing
/// here can leave the calendar.
const EARLIEST: Micros = -62_135_596_800 * SECOND;

/// No zone moves its clocks twice within this time.
const OFFSET_STEP: Micros = 12 * 3_600 * SECOND;

/// How much of a name that is no zone is repeated, characters.
const NAME_SHOWN_MAX: usize = 64;

/// There is no such zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`timeZone` {name:?} is no IANA time zone. Use a name such as Europe/Berlin, America/New_York or UTC.")]
pub struct UnknownZone {
    /// As given, at most 64 characters of it.
    pub name: String,
}

crate::words::words! {
    /// What is unusual about the hour of a local time.
    HourMark {
        /// The wanted time does not exist on that day; it was moved forward by the length of the gap.
        Shifted "SHIFTED",
        /// The clock shows this time twice on that day.
        Repeated "REPEATED",
    }
}

/// An instant, and what the site's clock says then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMoment {
    /// The instant.
    pub at: Micros,
    /// What the clock says at that instant: for a shifted time the later one that exists.
    pub local: NaiveDateTime,
    /// What is unusual about it.
    pub mark: Option<HourMark>,
}

impl LocalMoment {
    /// The local date.
    pub fn date(&self) -> NaiveDate {
        self.local.date()
    }

    /// The local weekday.
    pub fn weekday(&self) -> Weekday {
        Weekday::of(self.date())
    }
}

/// An IANA time zone that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SiteZone(Tz);

impl SiteZone {
    /// The zone without rules, for a site that named none.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads a name such as `Europe/Berlin`, exactly as the IANA data spell it; links such as `Asia/Calcutta` keep
    /// their name. Refuses: [`UnknownZone`].
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        name.parse().map(Self).map_err(|_| UnknownZone { name: name.chars().take(NAME_SHOWN_MAX).collect() })
    }

    /// The name, as [`SiteZone::parse`] reads it.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What the clock says at `at`; marked when it says the same twice, never as shifted.
    pub fn read(self, at: Micros) -> LocalMoment {
        let local = self.local(at);
        let is_twice = matches!(self.0.offset_from_local_datetime(&local), LocalResult::Ambiguous(..));
        LocalMoment { at, local, mark: is_twice.then_some(HourMark::Repeated) }
    }

    /// The local date at `at`.
    pub fn date(self, at: Micros) -> NaiveDate {
        self.local(at).date()
    }

    /// The instant of a minute of a local day, by the rules of [`SiteZone::resolve`].
    pub fn place(self, date: NaiveDate, minute: MinuteOfDay) -> LocalMoment {
        self.resolve(date.and_time(minute.time()))
    }

    /// The instant of a local time. One that does not exist moves forward by the length of the gap; one that exists
    /// twice means the first. A gap before midnight can move it into the next day.
    pub fn resolve(self, wanted: NaiveDateTime) -> LocalMoment {
        match self.0.offset_from_local_datetime(&wanted) {
            LocalResult::Single(offset) => LocalMoment { at: instant(wanted, offset.fix()), local: wanted, mark: None },
            LocalResult::Ambiguous(one, other) => {
                let at = instant(wanted, one.fix()).min(instant(wanted, other.fix()));
                LocalMoment { at, local: wanted, mark: Some(HourMark::Repeated) }
            }
            LocalResult::None => {
                // Counting on with the offset from before the gap is moving forward by its length.
                let at = instant(wanted, self.offset_before_gap(wanted));
                LocalMoment { at, local: self.local(at), mark: Some(HourMark::Shifted) }
            }
        }
    }

    /// The first instant of a local day: midnight, the first of two, or where midnight does not exist the end of the
    /// gap. That is not midnight moved by the gap's length, which would be too late when the gap began before
    /// midnight. A day that a zone left out begins with the next one.
    pub fn day_start(self, date: NaiveDate) -> Micros {
        let midnight = date.and_time(NaiveTime::MIN);
        let gap_end = GapInfo::new(&midnight, &self.0).and_then(|gap| gap.end);
        gap_end.map_or_else(|| self.resolve(midnight).at, |end| end.timestamp_micros())
    }

    /// What the clock shows ahead of UTC from `from` until `to`, which lie less than decades apart: pieces in order, each with the
    /// first instant that it does not hold for any more. The local day of an instant is that of UTC at the sum of both.
    pub fn offsets(self, from: Micros, to: Micros) -> Vec<(Micros, Micros)> {
        let (mut pieces, mut at, mut offset) = (Vec::new(), from, self.offset(from));
        while at < to {
            let next = at.saturating_add(OFFSET_STEP).min(to);
            let then = self.offset(next);
            if then != offset {
                let (mut before, mut after) = (at, next);
                while after - before > 1 {
                    let middle = before + (after - before) / 2;
                    if self.offset(middle) == then { after = middle } else { before = middle }
                }
                pieces.push((after, offset));
                offset = then;
            }
            at = next;
        }
        pieces.push((to, offset));
        pieces
    }

    fn offset(self, at: Micros) -> Micros {
        self.local(at).and_utc().timestamp_micros().saturating_sub(at.clamp(EARLIEST, NEVER))
    }

    fn local(self, at: Micros) -> NaiveDateTime {
        let utc = DateTime::<Utc>::from_timestamp_micros(at.clamp(EARLIEST, NEVER)).unwrap_or_default();
        utc.with_timezone(&self.0).naive_local()
    }

    fn offset_before_gap(self, wanted: NaiveDateTime) -> FixedOffset {
        match GapInfo::new(&wanted, &self.0).and_then(|gap| gap.begin) {
            Some((_, offset)) => offset.fix(),
            // A gap always has a beginning; without one, any offset of about that time is as good.
            None => self.0.offset_from_utc_datetime(&wanted).fix(),
        }
    }
}

fn instant(local: NaiveDateTime, offset: FixedOffset) -> Micros {
    local.and_utc().timestamp_micros().saturating_sub(i64::from(offset.local_minus_utc()).saturating_mul(SECOND))
}

#[cfg(test)]
mod tests;
