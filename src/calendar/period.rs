//! The periods of statistics: whole local days up to a moment.

use chrono::{Days, NaiveDate};

use super::SiteZone;
use crate::clock::Micros;

crate::words::words! {
    /// How far back statistics count.
    Period {
        /// Since the local day began.
        Today "TODAY",
        /// Today and the 6 days before.
        Days7 "DAYS_7",
        /// Today and the 29 days before.
        Days30 "DAYS_30",
        /// Today and the 89 days before.
        Days90 "DAYS_90",
        /// Since ever.
        All "ALL",
    }
}

/// From when to when: half open, so that two periods that meet count nothing twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first instant that counts; `None` is since ever.
    pub from: Option<Micros>,
    /// The first instant that does not count any more.
    pub to: Micros,
}

impl Bounds {
    /// Whether `at` counts.
    pub fn contains(&self, at: Micros) -> bool {
        self.from.is_none_or(|from| from <= at) && at < self.to
    }
}

impl Period {
    /// The period that ends at `as_of`: it begins with the first instant of a local day, and the days are those of the
    /// site's calendar, of 23 to 25 hours and not of 24.
    pub fn bounds(self, zone: SiteZone, as_of: Micros) -> Bounds {
        let from = self.days_before().map(|days| {
            let today = zone.date(as_of);
            zone.day_start(today.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN))
        });
        Bounds { from, to: as_of }
    }

    fn days_before(self) -> Option<u64> {
        match self {
            Self::Today => Some(0),
            Self::Days7 => Some(6),
            Self::Days30 => Some(29),
            Self::Days90 => Some(89),
            Self::All => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        calendar::{instant_of, zone},
        clock::SECOND,
    };

    // The vectors of section 7 of the pipeline: a midnight that does not exist.
    #[test]
    fn periods_begin_at_the_first_instant_of_a_local_day() {
        for (name, period, as_of, from) in [
            ("Africa/Cairo", Period::Today, "2026-04-24 10:00", "2026-04-23 22:00"),
            ("Africa/Cairo", Period::Days7, "2026-04-30 10:00", "2026-04-23 22:00"),
            ("America/Santiago", Period::Today, "2026-09-06 12:00", "2026-09-06 04:00"),
            ("America/Santiago", Period::Days30, "2026-10-05 12:00", "2026-09-06 04:00"),
            // The clock was an hour behind when the period began.
            ("Europe/Berlin", Period::Days7, "2026-04-01 10:00", "2026-03-25 23:00"),
            ("Europe/Berlin", Period::Days90, "2026-04-01 10:00", "2026-01-01 23:00"),
            // It is already tomorrow there, and still yesterday here.
            ("Pacific/Kiritimati", Period::Today, "2026-01-10 10:00", "2026-01-10 10:00"),
            ("Pacific/Kiritimati", Period::Today, "2026-01-10 09:59", "2026-01-09 10:00"),
            ("America/New_York", Period::Today, "2026-01-10 04:59", "2026-01-09 05:00"),
        ] {
            let bounds = period.bounds(zone(name), instant_of(as_of));
            assert_eq!(bounds, Bounds { from: Some(instant_of(from)), to: instant_of(as_of) }, "{name} {as_of}");
        }
        let bounds = Period::All.bounds(zone("Europe/Berlin"), 7);
        assert_eq!(bounds, Bounds { from: None, to: 7 });
    }

    #[test]
    fn a_period_is_half_open() {
        let bounds = Bounds { from: Some(10), to: 20 };
        assert_eq!([9, 10, 19, 20].map(|at| bounds.contains(at)), [false, true, true, false]);
        let ever = Bounds { from: None, to: 20 };
        assert_eq!([Micros::MIN, 19, 20].map(|at| ever.contains(at)), [true, true, false]);
    }

    #[test]
    fn reads_back_every_period() {
        for period in Period::ALL {
            assert_eq!(Period::parse(period.as_str()), Some(*period));
            let _ = period.bounds(SiteZone::UTC, Micros::MIN);
            let _ = period.bounds(SiteZone::UTC, Micros::MAX);
        }
        assert_eq!(Period::parse("DAYS_8"), None);
    }

    proptest! {
        #[test]
        fn a_period_holds_whole_days_and_a_longer_one_all_of_a_shorter(
            index in 0..TZ_VARIANTS.len(), minutes in 0_i64..730 * 1440,
        ) {
            let zone = zone(TZ_VARIANTS[index].name());
            let as_of = instant_of("2026-01-01 00:00") + minutes * 60 * SECOND;
            let starts = [Period::Today, Period::Days7, Period::Days30, Period::Days90].map(|period| {
                let from = period.bounds(zone, as_of).from.unwrap();
                let days = (zone.date(as_of) - zone.date(from)).num_days();
                (from, days)
            });
            prop_assert_eq!(starts.map(|(_, days)| days), [0, 6, 29, 89]);
            prop_assert!(starts.is_sorted_by(|later, earlier| later.0 > earlier.0));
            prop_assert!(starts[0].0 <= as_of);
        }
    }
}
