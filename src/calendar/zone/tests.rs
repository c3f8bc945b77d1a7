use chrono_tz::TZ_VARIANTS;
use proptest::prelude::*;

use super::*;
use crate::calendar::{date_of, instant_of, zone};

const MINUTE: Micros = 60 * SECOND;

fn wanted(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

#[test]
fn a_zone_is_known_by_its_exact_name() {
    for name in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Calcutta", "UTC", "Etc/GMT+5"] {
        assert_eq!(SiteZone::parse(name).unwrap().name(), name);
    }
    for name in ["", "europe/berlin", "Berlin", "Mars/Olympus", "+02:00", " UTC"] {
        assert_eq!(SiteZone::parse(name), Err(UnknownZone { name: name.to_owned() }));
    }
    assert_eq!(SiteZone::parse(&"é".repeat(5000)).unwrap_err().name.chars().count(), NAME_SHOWN_MAX);
    let refusal = SiteZone::parse("Berlin").unwrap_err().to_string();
    assert!(refusal.contains("timeZone") && refusal.contains("Europe/Berlin"), "{refusal}");
}

#[test]
fn a_time_in_a_gap_moves_by_its_length_and_a_repeated_one_means_the_first() {
    // Zone, local time wanted, instant, local time then, mark.
    let cases = [
        ("Europe/Berlin", "2026-03-29 01:59", "2026-03-29 00:59", "2026-03-29 01:59", None),
        ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29 01:00", "2026-03-29 03:00", Some(HourMark::Shifted)),
        ("Europe/Berlin", "2026-03-29 02:59", "2026-03-29 01:59", "2026-03-29 03:59", Some(HourMark::Shifted)),
        ("Europe/Berlin", "2026-03-29 03:00", "2026-03-29 01:00", "2026-03-29 03:00", None),
        ("Europe/Berlin", "2026-10-25 01:59", "2026-10-24 23:59", "2026-10-25 01:59", None),
        ("Europe/Berlin", "2026-10-25 02:00", "2026-10-25 00:00", "2026-10-25 02:00", Some(HourMark::Repeated)),
        ("Europe/Berlin", "2026-10-25 02:59", "2026-10-25 00:59", "2026-10-25 02:59", Some(HourMark::Repeated)),
        ("Europe/Berlin", "2026-10-25 03:00", "2026-10-25 02:00", "2026-10-25 03:00", None),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:45", "2026-10-04 02:45", Some(HourMark::Shifted)),
        ("Africa/Cairo", "2026-04-24 00:00", "2026-04-23 22:00", "2026-04-24 01:00", Some(HourMark::Shifted)),
        // The gap is the last hour of a Saturday: the time lands on Sunday.
        ("America/Nuuk", "2026-03-28 23:30", "2026-03-29 01:30", "2026-03-29 00:30", Some(HourMark::Shifted)),
        // A day that was left out lands on the next one.
        ("Pacific/Apia", "2011-12-30 09:00", "2011-12-30 19:00", "2011-12-31 09:00", Some(HourMark::Shifted)),
        ("UTC", "2026-03-29 02:30", "2026-03-29 02:30", "2026-03-29 02:30", None),
    ];
    for (name, local, at, then, mark) in cases {
        let found = zone(name).resolve(wanted(local));
        assert_eq!(found, LocalMoment { at: instant_of(at), local: wanted(then), mark }, "{name} {local}");
    }
}

#[test]
fn reads_what_the_clock_says_and_marks_what_it_says_twice() {
    let berlin = zone("Europe/Berlin");
    for (at, local, mark) in [
        ("2026-10-25 00:30", "2026-10-25 02:30", Some(HourMark::Repeated)),
        ("2026-10-25 01:30", "2026-10-25 02:30", Some(HourMark::Repeated)),
        ("2026-10-25 02:30", "2026-10-25 03:30", None),
        ("2026-03-29 01:00", "2026-03-29 03:00", None),
        ("2026-12-31 23:30", "2027-01-01 00:30", None),
    ] {
        let found = berlin.read(instant_of(at));
        assert_eq!(found, LocalMoment { at: instant_of(at), local: wanted(local), mark }, "{at}");
        assert_eq!(berlin.date(found.at), found.date());
    }
    assert_eq!(berlin.read(instant_of("2026-12-31 23:30")).weekday(), Weekday::Friday);
}

// The vectors of section 7, and days on which midnight is missing, repeated or moved.
#[test]
fn a_local_day_begins_at_its_first_instant() {
    for (name, date, start) in [
        ("Africa/Cairo", "2026-04-24", "2026-04-23 22:00"),
        ("America/Santiago", "2026-09-06", "2026-09-06 04:00"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28 23:00"),
        ("Europe/Berlin", "2026-03-30", "2026-03-29 22:00"),
        // Havana goes back from 01:00 to 00:00: the first midnight counts.
        ("America/Havana", "2026-11-01", "2026-11-01 04:00"),
        // Santiago goes back from 24:00 to 23:00: the new day begins after the second 23:59.
        ("America/Santiago", "2026-04-05", "2026-04-05 04:00"),
        // The gap went from 23:30 to 00:30, so the day began at half past, not an hour after midnight.
        ("America/Toronto", "1919-03-31", "1919-03-31 04:30"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30 10:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30 10:00"),
        ("Asia/Kolkata", "2026-01-10", "2026-01-09 18:30"),
    ] {
        assert_eq!(zone(name).day_start(date_of(date)), instant_of(start), "{name} {date}");
    }
}

#[test]
fn instants_outside_the_calendar_are_read_as_its_ends() {
    for name in ["Pacific/Kiritimati", "Pacific/Niue", "UTC"] {
        assert_eq!(zone(name).read(Micros::MAX).local, zone(name).read(NEVER).local);
        assert_eq!(zone(name).read(Micros::MIN).local, zone(name).read(EARLIEST).local);
        let _ = zone(name).resolve(NaiveDateTime::MAX);
        let _ = zone(name).resolve(NaiveDateTime::MIN);
        let _ = zone(name).day_start(NaiveDate::MAX);
        let _ = zone(name).day_start(NaiveDate::MIN);
    }
}

#[test]
fn reads_back_every_mark() {
    for mark in HourMark::ALL {
        assert_eq!(HourMark::parse(mark.as_str()), Some(*mark));
    }
    assert_eq!(HourMark::parse("LATE"), None);
}

fn offset_at(zone: SiteZone, at: Micros) -> Micros {
    zone.read(at).local.and_utc().timestamp_micros() - at
}

/// Every instant at which the clock shows `local`, first the earliest: found by trying every offset in use, which are
/// whole quarters of an hour since 2020, and nothing like the code.
fn instants_showing(zone: SiteZone, local: NaiveDateTime) -> Vec<Micros> {
    let as_utc = local.and_utc().timestamp_micros();
    let quarters = (-16 * 4..=16 * 4).rev().map(|quarter| as_utc - quarter * 15 * MINUTE);
    quarters.filter(|at| offset_at(zone, *at) == as_utc - at).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 2_000 } else { 50_000 }))]

    #[test]
    fn agrees_with_a_search_over_all_offsets(
        index in 0..TZ_VARIANTS.len(), day in 0_u64..730, minutes in prop_oneof![0..1440_i32, 0..240_i32, 1320..1440_i32],
    ) {
        let zone = SiteZone(TZ_VARIANTS[index]);
        let date = date_of("2026-01-01") + chrono::Days::new(day);
        let minute = MinuteOfDay::new(minutes).unwrap();
        let wanted = date.and_time(minute.time());
        let found = zone.place(date, minute);
        let showing = instants_showing(zone, wanted);
        if let Some(first) = showing.first() {
            prop_assert_eq!((found.at, found.local), (*first, wanted));
            prop_assert_eq!(found.mark, (showing.len() > 1).then_some(HourMark::Repeated));
        } else {
            let gap = offset_at(zone, found.at) - offset_at(zone, found.at - 180 * MINUTE);
            prop_assert_eq!(found.mark, Some(HourMark::Shifted));
            prop_assert!(gap > 0);
            prop_assert_eq!((found.local - wanted).num_microseconds().unwrap(), gap);
        }
    }

    #[test]
    fn nothing_of_a_day_lies_before_its_first_instant(index in 0..TZ_VARIANTS.len(), day in 0_u64..730) {
        let zone = SiteZone(TZ_VARIANTS[index]);
        let date = date_of("2026-01-01") + chrono::Days::new(day);
        let start = zone.day_start(date);
        prop_assert_eq!(zone.date(start), date);
        prop_assert!(zone.date(start - 1) < date);
        prop_assert!(start <= zone.place(date, MinuteOfDay::new(0).unwrap()).at);
    }
}

#[test]
fn offsets_give_each_instant_the_day_that_the_clock_shows() {
    let (from, to) = (instant_of("2026-01-01 00:00"), instant_of("2027-01-01 00:00"));
    assert_eq!(SiteZone::UTC.offsets(from, to), [(to, 0)]);
    let hour = 60 * MINUTE;
    let berlin = [(instant_of("2026-03-29 01:00"), hour), (instant_of("2026-10-25 01:00"), 2 * hour), (to, hour)];
    assert_eq!(zone("Europe/Berlin").offsets(from, to), berlin);
    for zone in TZ_VARIANTS.iter().copied().map(SiteZone) {
        let pieces = zone.offsets(from, to);
        let ahead = |at: Micros| pieces.iter().find(|(until, _)| at < *until).map(|(_, offset)| *offset).unwrap();
        for (change, _) in pieces.iter().filter(|(until, _)| *until < to) {
            for at in [change - 1, *change, change + 1] {
                assert_eq!(SiteZone::UTC.date(at + ahead(at)), zone.date(at), "{zone:?} {at}");
                assert_eq!(ahead(at), offset_at(zone, at), "{zone:?} {at}");
            }
        }
        for at in (from..to).step_by(usize::try_from(97 * hour).unwrap()) {
            assert_eq!(SiteZone::UTC.date(at + ahead(at)), zone.date(at), "{zone:?} {at}");
        }
    }
}

/// The rare days themselves, which drawing at random seldom meets: every day of two years on which a zone moves its
/// clocks, at every half hour near midnight and in the small hours.
#[test]
fn agrees_on_every_day_on_which_clocks_move() {
    let mut moved = 0;
    for zone in TZ_VARIANTS.iter().copied().map(SiteZone) {
        for date in date_of("2026-01-01").iter_days().take(730) {
            let (start, end) = (zone.day_start(date), zone.day_start(date + chrono::Days::new(1)));
            if offset_at(zone, start - 1) == offset_at(zone, end) {
                continue;
            }
            moved += 1;
            for minutes in (0..240).step_by(30).chain([1380, 1410]) {
                let minute = MinuteOfDay::new(minutes).unwrap();
                let found = zone.place(date, minute);
                let first = instants_showing(zone, date.and_time(minute.time())).first().copied();
                assert_eq!(found.mark == Some(HourMark::Shifted), first.is_none(), "{zone:?} {date} {minute}");
                assert!(first.is_none_or(|first| first == found.at), "{zone:?} {date} {minute}");
            }
        }
    }
    assert!(moved > 500, "{moved}");
}
