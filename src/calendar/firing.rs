//! When an automation fires: daily or weekly at a local time. Not by a cron expression: two cadences need no language,
//! and gaps and repeated hours are decided in one place, for slots and firings alike.

use chrono::Days;

use super::{MinuteOfDay, SiteZone, Weekday};
use crate::clock::{Micros, NEVER};

crate::words::words! {
    /// How often an automation fires.
    Frequency {
        /// Every local day.
        Daily "DAILY",
        /// Once a week.
        Weekly "WEEKLY",
    }
}

/// On which local days an automation fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cadence {
    /// On every one.
    Daily,
    /// On this one of each week.
    Weekly(Weekday),
}

impl Cadence {
    /// From columns and inputs, which keep a weekday for a daily one too.
    pub fn new(frequency: Frequency, weekday: Weekday) -> Self {
        match frequency {
            Frequency::Daily => Self::Daily,
            Frequency::Weekly => Self::Weekly(weekday),
        }
    }

    /// How often that is.
    pub fn frequency(self) -> Frequency {
        match self {
            Self::Daily => Frequency::Daily,
            Self::Weekly(_) => Frequency::Weekly,
        }
    }

    /// The first firing strictly after `after`, so that what has fired at its own instant does not fire again. What
    /// was missed in between is one firing at most: call it with the present and not with the last firing. The weekday
    /// is that of the wanted time, even when a gap before midnight moves it into the next day. Repeating is safe.
    /// [`NEVER`] beyond the calendar.
    pub fn next_after(self, zone: SiteZone, minute: MinuteOfDay, after: Micros) -> Micros {
        // A gap can move a time into the next day, so the day before may still have a firing to come.
        let first = zone.date(after).checked_sub_days(Days::new(1)).unwrap_or_default();
        first
            .iter_days()
            .take(SCANNED_DAYS)
            .filter(|day| self.takes(Weekday::of(*day)))
            .map(|day| zone.place(day, minute).at)
            .find(|at| *at > after)
            .unwrap_or(NEVER)
    }

    fn takes(self, day: Weekday) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekly(wanted) => wanted == day,
        }
    }
}

/// The day before, today, and two weeks: a week would do were there no days that a zone left out.
const SCANNED_DAYS: usize = 16;

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        calendar::{instant_of, minute_of, zone},
        clock::SECOND,
    };

    const HOUR: Micros = 3600 * SECOND;

    #[test]
    fn fires_at_the_next_local_time_strictly_after() {
        let weekly = Cadence::Weekly;
        for (name, cadence, minute, after, next) in [
            ("Europe/Berlin", Cadence::Daily, "02:00", "2026-01-10 00:59", "2026-01-10 01:00"),
            ("Europe/Berlin", Cadence::Daily, "02:00", "2026-01-10 01:00", "2026-01-11 01:00"),
            // The gap, and the day after.
            ("Europe/Berlin", Cadence::Daily, "02:30", "2026-03-28 12:00", "2026-03-29 01:30"),
            ("Europe/Berlin", Cadence::Daily, "02:30", "2026-03-29 01:30", "2026-03-30 00:30"),
            // Twice on the clock, once fired.
            ("Europe/Berlin", Cadence::Daily, "02:30", "2026-10-24 12:00", "2026-10-25 00:30"),
            ("Europe/Berlin", Cadence::Daily, "02:30", "2026-10-25 00:30", "2026-10-26 01:30"),
            ("Africa/Cairo", Cadence::Daily, "00:00", "2026-04-23 12:00", "2026-04-23 22:00"),
            ("Europe/Berlin", weekly(Weekday::Sunday), "02:30", "2026-03-23 00:00", "2026-03-29 01:30"),
            ("Europe/Berlin", weekly(Weekday::Sunday), "02:30", "2026-03-29 01:30", "2026-04-05 00:30"),
            // A Friday here while it is still Thursday in UTC.
            ("Pacific/Auckland", weekly(Weekday::Friday), "06:00", "2026-01-05 00:00", "2026-01-08 17:00"),
            // Saturday's time lands on Sunday, and it is still Saturday's, alone.
            ("America/Nuuk", weekly(Weekday::Saturday), "23:30", "2026-03-29 01:00", "2026-03-29 01:30"),
            ("America/Nuuk", weekly(Weekday::Saturday), "23:30", "2026-03-29 01:30", "2026-04-05 00:30"),
            // A day that was left out fires with the next one, once.
            ("Pacific/Apia", Cadence::Daily, "09:00", "2011-12-29 19:00", "2011-12-30 19:00"),
            ("Pacific/Apia", Cadence::Daily, "09:00", "2011-12-30 19:00", "2011-12-31 19:00"),
        ] {
            let found = cadence.next_after(zone(name), minute_of(minute), instant_of(after));
            assert_eq!(found, instant_of(next), "{name} {cadence:?} {minute} after {after}");
        }
    }

    #[test]
    fn nothing_fires_beyond_the_calendar() {
        assert_eq!(Cadence::Daily.next_after(SiteZone::UTC, MinuteOfDay::TWO, Micros::MAX), NEVER);
    }

    #[test]
    fn a_cadence_is_its_frequency_and_reads_back() {
        for frequency in Frequency::ALL {
            assert_eq!(Frequency::parse(frequency.as_str()), Some(*frequency));
            assert_eq!(Cadence::new(*frequency, Weekday::Friday).frequency(), *frequency);
        }
        assert_eq!(Cadence::new(Frequency::Weekly, Weekday::Friday), Cadence::Weekly(Weekday::Friday));
        assert_eq!(Frequency::parse("HOURLY"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 500 } else { 20_000 }))]

        #[test]
        fn fires_once_on_each_of_its_days(
            index in 0..TZ_VARIANTS.len(), start in 0_i64..730 * 1440, minutes in 0..1440_i32, weekly in any::<bool>(),
        ) {
            let zone = zone(TZ_VARIANTS[index].name());
            let minute = MinuteOfDay::new(minutes).unwrap();
            let after = instant_of("2026-01-01 00:00") + start * 60 * SECOND;
            let (cadence, days) = if weekly { (Cadence::Weekly(Weekday::Tuesday), 7) } else { (Cadence::Daily, 1) };
            let (mut last, mut dates) = (after, Vec::new());
            for _ in 0..20 {
                let next = cadence.next_after(zone, minute, last);
                prop_assert!(next > last && next - last <= (days * 24 + 3) * HOUR);
                // Whoever asks a moment too early hears the same.
                prop_assert_eq!(cadence.next_after(zone, minute, next - 1), next);
                dates.push(zone.read(next - 3 * HOUR * i64::from(minutes >= 1200)).date());
                last = next;
            }
            prop_assert!(dates.windows(2).all(|pair| (pair[1] - pair[0]).num_days() == days), "{dates:?}");
        }
    }
}
