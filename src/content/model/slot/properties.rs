//! What holds for every slot, in every zone.

use chrono::{DateTime, Datelike};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

use super::*;
use crate::{
    calendar::{HourMark, MinuteOfDay, WeekdaySet, date_of, instant_of, zone},
    site::model::{Interval, NewSchedule},
};

const MINUTE: Micros = 60 * SECOND;
const DAY: Micros = 24 * 60 * MINUTE;

/// A site with a schedule, some history and some hand-placed slots.
#[derive(Debug, Clone)]
struct Site {
    zone: Tz,
    now: Micros,
    given: NewSchedule,
    base: Option<Micros>,
    by_hand: Vec<Micros>,
    published: Vec<Micros>,
}

impl Site {
    fn settings(&self) -> ScheduleSettings {
        ScheduleSettings::new(&self.given).unwrap()
    }

    fn occupied(&self) -> Occupied {
        let mut occupied = Occupied::new(zone(self.zone.name()), self.base);
        self.base.iter().chain(&self.by_hand).for_each(|at| occupied.add_slot(*at));
        self.published.iter().for_each(|at| occupied.add_published(*at));
        occupied
    }
}

/// Two years, all zones, times of day with more of the hours in which clocks move, hand-placed slots half of which lie
/// at the publish time.
fn sites() -> impl Strategy<Value = Site> {
    let minutes = prop_oneof![0..1440_i32, 0..240_i32, 1320..1440_i32];
    let given = (0..Interval::ALL.len(), minutes, 1..=127_i32, 1..=31_i32, prop_oneof![Just(1), 1..=5_i32]).prop_map(
        |(interval, publish_minute, bits, day_of_month, posts_per_day)| NewSchedule {
            interval: Interval::ALL[interval],
            publish_minute,
            weekdays: WeekdaySet::from_bits(bits).unwrap(),
            day_of_month,
            posts_per_day,
        },
    );
    let start = instant_of("2026-01-01 00:00");
    let others = prop::collection::vec((0..90_i64, prop::option::of(0..1440_i64)), 0..25);
    let published = prop::collection::vec(0..2 * DAY, 0..3);
    (0..TZ_VARIANTS.len(), 0..730 * DAY, given, prop::option::of(-60..120_i64), others, published).prop_map(
        move |(index, passed, given, base, others, published)| {
            let (zone_of, now) = (TZ_VARIANTS[index], start + passed);
            let site_zone = zone(zone_of.name());
            let today = site_zone.date(now);
            let placed = |days: i64, minutes: i64| {
                let minute = MinuteOfDay::new(i32::try_from(minutes).unwrap()).unwrap();
                site_zone.place(today + chrono::Duration::days(days), minute).at
            };
            let publish = i64::from(given.publish_minute);
            let mut by_hand: Vec<Micros> =
                others.into_iter().map(|(days, minutes)| placed(days, minutes.unwrap_or(publish))).collect();
            by_hand.sort_unstable();
            by_hand.dedup();
            Site {
                zone: zone_of,
                now,
                base: base.map(|days| placed(days, publish)).filter(|at| by_hand.binary_search(at).is_err()),
                given,
                by_hand,
                published: published.into_iter().map(|ago| now - ago).collect(),
            }
        },
    )
}

/// The local date, read with the library alone.
fn local_date(zone: Tz, at: Micros) -> NaiveDate {
    DateTime::from_timestamp_micros(at).unwrap().with_timezone(&zone).date_naive()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1_500 } else { 50_000 }))]

    // REQ-B-52, over all zones and two years
    #[test]
    fn no_slot_is_shared_past_or_on_a_disallowed_day(site in sites(), count in 1..=PREVIEW_MAX) {
        let settings = site.settings();
        let found = preview(&settings, site.occupied(), site.now, count).unwrap();
        let mut taken: Vec<Micros> = site.base.iter().chain(&site.by_hand).copied().collect();
        let mut days: Vec<NaiveDate> =
            taken.iter().chain(&site.published).map(|at| local_date(site.zone, *at)).collect();
        let mut last = site.base;
        for slot in &found.slots {
            let local = DateTime::from_timestamp_micros(slot.at).unwrap().with_timezone(&site.zone).naive_local();
            prop_assert_eq!(slot.local, local);
            prop_assert!(slot.at - site.now >= 15 * MINUTE, "past");
            prop_assert!(!taken.contains(&slot.at), "shared");
            let bit = 1 << local.weekday().num_days_from_monday();
            prop_assert!(site.given.weekdays.bits() & bit != 0, "weekday");
            let posts = days.iter().filter(|day| **day == local.date()).count();
            prop_assert!(posts < usize::try_from(site.given.posts_per_day).unwrap(), "posts");
            prop_assert_eq!(slot.mark == Some(HourMark::Shifted), local.time() != settings.publish_at().time());
            if let Some(last) = last {
                let apart = (local.date() - local_date(site.zone, last)).num_days();
                let least = settings.interval().days().map_or(1, |days| i64::try_from(days).unwrap());
                prop_assert!(apart >= least, "{apart} days apart");
            }
            last = Some(slot.at);
            taken.push(slot.at);
            days.push(local.date());
        }
        prop_assert!(found.ended.is_some() || i32::try_from(found.slots.len()).unwrap() == count);
    }

    // REQ-B-54: approvals that follow one another during the day find what was shown.
    #[test]
    fn the_preview_equals_the_slots_then_assigned(
        site in sites(), count in 1..=PREVIEW_MAX, passing in prop::collection::vec(0..DAY, 30),
    ) {
        let settings = site.settings();
        let mut occupied = site.occupied();
        let shown = preview(&settings, occupied.clone(), site.now, count).unwrap();
        // Time passes between approvals, as long as the first slot is still to be had and the day is the same.
        let until = zone(site.zone.name()).day_start(local_date(site.zone, site.now) + Days::new(1)) - 1;
        let until = shown.slots.first().map_or(until, |slot| until.min(slot.at - LEAD));
        let mut moments: Vec<Micros> = passing.iter().map(|later| (site.now + later).min(until)).collect();
        moments.sort_unstable();
        let mut assigned = Vec::new();
        for now in moments.into_iter().take(usize::try_from(count).unwrap()) {
            let Ok(slot) = next_slot(&settings, &occupied, now) else { break };
            occupied.assign(&slot);
            assigned.push(slot);
        }
        prop_assert_eq!(shown.slots, assigned);
    }

    /// No earlier day would have done: each one between the first and the slot has its reason.
    #[test]
    fn no_earlier_day_would_have_done(site in sites()) {
        let settings = site.settings();
        let occupied = site.occupied();
        let first = first_day(&settings, &occupied, site.now);
        let today = local_date(site.zone, site.now);
        prop_assert!(first >= today);
        let found = next_slot(&settings, &occupied, site.now);
        let end = found.map_or(first + Days::new(180), |slot| {
            local_date(site.zone, slot.at) - Days::new(u64::from(slot.mark == Some(HourMark::Shifted)))
        });
        let taken: Vec<Micros> = site.base.iter().chain(&site.by_hand).copied().collect();
        let posts: Vec<NaiveDate> =
            taken.iter().chain(&site.published).map(|at| local_date(site.zone, *at)).collect();
        for day in first.iter_days().take_while(|day| *day < end) {
            let slot = zone(site.zone.name()).place(day, settings.publish_at());
            let landed = local_date(site.zone, slot.at);
            let full = posts.iter().filter(|post| **post == landed).count() >= settings.posts_per_day() as usize;
            let barred = [day, landed].iter().any(|day| !settings.weekdays().contains(Weekday::of(*day)));
            let reason = full || barred || taken.contains(&slot.at) || slot.at - site.now < 15 * MINUTE;
            prop_assert!(reason, "{day} would have done");
        }
    }
}

/// Every zone, every day of two years: an unbroken chain of daily slots, one on each local day, at the publish time
/// unless that does not exist.
#[test]
fn every_zone_has_a_slot_on_every_day_of_two_years() {
    let first = date_of("2026-01-01");
    for (index, zone_of) in TZ_VARIANTS.iter().enumerate() {
        // Times in which clocks move somewhere, and one in which they never do.
        let publish_minute = [0, 30, 60, 90, 105, 120, 135, 150, 180, 1395, 1410, 720][index % 12];
        let settings = ScheduleSettings::new(&NewSchedule { publish_minute, ..NewSchedule::default() }).unwrap();
        let site_zone = zone(zone_of.name());
        let mut occupied = Occupied::new(site_zone, None);
        let now = site_zone.day_start(first) - LEAD;
        let (mut last, mut missed) = (None, 0);
        for _ in 0..730 {
            let slot = next_slot(&settings, &occupied, now).unwrap();
            assert!(last.is_none_or(|last| last < slot.at), "{zone_of} {slot:?}");
            let date = local_date(*zone_of, slot.at);
            let expected = last.map_or(first, |last| local_date(*zone_of, last) + Days::new(1));
            if date != expected {
                // Only a time that a gap moved into the next day leaves one out.
                assert_eq!(slot.mark, Some(HourMark::Shifted), "{zone_of} {slot:?}");
                missed += 1;
            }
            occupied.assign(&slot);
            last = Some(slot.at);
        }
        assert!(missed <= 2, "{zone_of} {missed}");
    }
}
