use super::*;
use crate::{
    calendar::{HourMark, WeekdaySet, date_of, instant_of, minute_of, zone},
    content::model::{Waiting, keep_local_time},
    site::model::{Interval, NewSchedule},
};

/// A schedule that publishes at `minute`, such as `09:00`.
fn schedule(interval: Interval, minute: &str) -> NewSchedule {
    NewSchedule { interval, publish_minute: minute_of(minute).get(), ..NewSchedule::default() }
}

fn checked(given: &NewSchedule) -> ScheduleSettings {
    ScheduleSettings::new(given).unwrap()
}

fn working_days() -> WeekdaySet {
    Weekday::ALL.iter().copied().take(5).collect()
}

fn berlin(base: Option<&str>) -> Occupied {
    Occupied::new(zone("Europe/Berlin"), base.map(instant_of))
}

/// The next slot of a Berlin site at `now`, as text.
fn next(given: &NewSchedule, occupied: &Occupied, now: &str) -> String {
    match next_slot(&checked(given), occupied, instant_of(now)) {
        Ok(slot) => shown(slot.at),
        Err(_) => NoSlot::CODE.to_owned(),
    }
}

fn shown(at: Micros) -> String {
    chrono::DateTime::from_timestamp_micros(at).unwrap().format("%Y-%m-%d %H:%M").to_string()
}

struct Vector {
    number: u32,
    zone: &'static str,
    settings: NewSchedule,
    base: Option<&'static str>,
    by_hand: &'static [&'static str],
    now: &'static str,
    slots: &'static [&'static str],
    /// What the clock says at the first, where the table says it.
    local: Option<&'static str>,
    mark: Option<HourMark>,
}

/// Vectors 1 to 18 of section 3; 19 is a move. "On" a day means: the base is the day before, and the slot that day's.
fn vectors() -> Vec<Vector> {
    let plain = |number, zone, minute, base, slots| Vector {
        number,
        zone,
        settings: schedule(Interval::Daily, minute),
        base: Some(base),
        by_hand: &[],
        now: "2025-12-01 00:00",
        slots,
        local: None,
        mark: None,
    };
    let nine = |number, interval, base, now, slots| Vector {
        settings: schedule(interval, "09:00"),
        base,
        now,
        ..plain(number, "Europe/Berlin", "09:00", "", slots)
    };
    let marked = |vector, local, mark| Vector { local: Some(local), mark: Some(mark), ..vector };
    let early = "2025-12-01 00:00";
    let (every, weekly) = (Interval::Every2Days, Interval::Weekly);
    let mut all = vec![
        nine(1, Interval::Daily, Some("2026-03-27 08:00"), early, &["2026-03-28 08:00"]),
        nine(2, Interval::Daily, Some("2026-03-28 08:00"), early, &["2026-03-29 07:00"]),
        marked(
            plain(3, "America/New_York", "02:30", "2026-03-07 07:30", &["2026-03-08 07:30"]),
            "2026-03-08 03:30",
            HourMark::Shifted,
        ),
        marked(
            plain(4, "America/New_York", "01:30", "2026-10-31 05:30", &["2026-11-01 05:30"]),
            "2026-11-01 01:30",
            HourMark::Repeated,
        ),
        plain(5, "Asia/Kolkata", "09:00", "2026-01-09 03:30", &["2026-01-10 03:30"]),
        nine(6, Interval::Daily, None, "2026-01-10 07:50", &["2026-01-11 08:00"]),
        nine(7, Interval::Daily, None, "2026-01-10 07:40", &["2026-01-10 08:00"]),
        nine(8, Interval::Daily, None, "2026-01-10 07:45", &["2026-01-10 08:00"]),
        nine(9, every, Some("2026-03-27 08:00"), early, &["2026-03-29 07:00"]),
        nine(10, every, Some("2026-03-26 08:00"), early, &["2026-03-30 07:00"]),
        nine(11, weekly, Some("2026-10-19 07:00"), early, &["2026-10-26 08:00"]),
        nine(12, weekly, Some("2026-01-05 08:00"), "2026-03-02 07:00", &["2026-03-02 08:00"]),
        marked(
            plain(13, "Europe/Berlin", "02:30", "2026-03-28 01:30", &["2026-03-29 01:30"]),
            "2026-03-29 03:30",
            HourMark::Shifted,
        ),
        marked(
            plain(14, "Europe/Berlin", "02:30", "2026-10-24 00:30", &["2026-10-25 00:30"]),
            "2026-10-25 02:30",
            HourMark::Repeated,
        ),
        marked(
            plain(15, "Australia/Lord_Howe", "02:15", "2026-10-02 15:45", &["2026-10-03 15:45"]),
            "2026-10-04 02:45",
            HourMark::Shifted,
        ),
        marked(
            plain(16, "Africa/Cairo", "00:30", "2026-04-22 22:30", &["2026-04-23 22:30"]),
            "2026-04-24 01:30",
            HourMark::Shifted,
        ),
        nine(17, Interval::Monthly, Some("2026-01-31 08:00"), early, &["2026-02-28 08:00", "2026-03-31 07:00"]),
        nine(18, Interval::Daily, Some("2026-01-10 08:00"), early, &["2026-01-12 08:00"]),
    ];
    for vector in &mut all {
        match vector.number {
            10 => vector.settings.weekdays = working_days(),
            17 => vector.settings.day_of_month = 31,
            18 => vector.by_hand = &["2026-01-11 08:00"],
            _ => {}
        }
    }
    all
}

// REQ-B-52
#[test]
fn gives_the_slots_of_all_vectors() {
    let vectors = vectors();
    assert!(vectors.iter().map(|vector| vector.number).eq(1..=18));
    for vector in vectors {
        let number = vector.number;
        let mut occupied = Occupied::new(zone(vector.zone), vector.base.map(instant_of));
        vector.base.into_iter().chain(vector.by_hand.iter().copied()).for_each(|at| occupied.add_slot(instant_of(at)));
        for (at, expected) in vector.slots.iter().enumerate() {
            let slot = next_slot(&checked(&vector.settings), &occupied, instant_of(vector.now)).unwrap();
            assert_eq!(shown(slot.at), *expected, "vector {number}");
            if at == 0 {
                assert_eq!(slot.mark, vector.mark, "vector {number}");
                let local = slot.local.format("%Y-%m-%d %H:%M").to_string();
                assert_eq!(local, vector.local.unwrap_or(&local), "vector {number}");
            }
            occupied.assign(&slot);
        }
    }
}

// REQ-B-52, vector 19
#[test]
fn a_site_that_moves_keeps_its_local_times_when_told_so() {
    let waiting = [Waiting { content_id: uuid::Uuid::nil(), at: instant_of("2026-03-28 08:00") }];
    let (from, to) = (zone("Europe/Berlin"), zone("America/New_York"));
    let moved = keep_local_time(&waiting, &BTreeSet::new(), from, to, instant_of("2025-12-01 00:00")).unwrap();
    assert_eq!(shown(moved[0].to.at), "2026-03-28 13:00");
}

#[test]
fn the_lead_is_fifteen_minutes_to_the_microsecond() {
    let settings = checked(&NewSchedule::default());
    let today = instant_of("2026-01-10 08:00");
    let at = |lead: Micros| next_slot(&settings, &berlin(None), today - lead).unwrap().at;
    assert_eq!(at(LEAD), today);
    assert_eq!(at(LEAD + 1), today);
    assert_eq!(at(LEAD - 1), instant_of("2026-01-11 08:00"));
    assert_eq!(at(14 * 60 * SECOND + 59 * SECOND), instant_of("2026-01-11 08:00"), "14:59");
}

#[test]
fn a_base_to_come_is_counted_from_and_one_long_past_is_not() {
    let daily = schedule(Interval::Daily, "09:00");
    assert_eq!(next(&daily, &berlin(Some("2026-01-20 08:00")), "2026-01-10 00:00"), "2026-01-21 08:00");
    assert_eq!(next(&daily, &berlin(Some("2025-01-20 08:00")), "2026-01-10 00:00"), "2026-01-10 08:00");
    let biweekly = schedule(Interval::Biweekly, "09:00");
    assert_eq!(next(&biweekly, &berlin(Some("2026-01-20 08:00")), "2026-01-22 00:00"), "2026-02-03 08:00");
    let third = schedule(Interval::Every3Days, "09:00");
    assert_eq!(next(&third, &berlin(Some("2026-01-20 08:00")), "2026-01-21 00:00"), "2026-01-23 08:00");
    // The base is a local day: half past midnight in Berlin is still the day before in UTC.
    assert_eq!(next(&daily, &berlin(Some("2026-01-20 23:30")), "2026-01-10 00:00"), "2026-01-22 08:00");
}

#[test]
fn hand_placed_slots_take_their_instant_and_one_of_the_days_posts_but_are_no_base() {
    let mut occupied = berlin(Some("2026-01-10 08:00"));
    occupied.add_slot(instant_of("2026-01-11 15:00"));
    occupied.add_slot(instant_of("2026-01-25 08:00"));
    let one = NewSchedule::default();
    assert_eq!(next(&one, &occupied, "2026-01-10 12:00"), "2026-01-12 08:00", "the day is full");
    let two = NewSchedule { posts_per_day: 2, ..NewSchedule::default() };
    assert_eq!(next(&two, &occupied, "2026-01-10 12:00"), "2026-01-11 08:00");
    occupied.add_slot(instant_of("2026-01-11 08:00"));
    let many = NewSchedule { posts_per_day: 50, ..NewSchedule::default() };
    assert_eq!(next(&many, &occupied, "2026-01-10 12:00"), "2026-01-12 08:00", "the instant is taken");
}

#[test]
fn posts_count_on_their_local_day() {
    let mut occupied = berlin(None);
    // Half past midnight on the 11th in Berlin.
    occupied.add_published(instant_of("2026-01-10 23:30"));
    let settings = NewSchedule::default();
    assert_eq!(next(&settings, &occupied, "2026-01-10 00:00"), "2026-01-10 08:00");
    assert_eq!(next(&settings, &occupied, "2026-01-10 12:00"), "2026-01-12 08:00");
}

#[test]
fn what_is_published_counts_for_the_day_but_leaves_its_instant() {
    let mut occupied = berlin(None);
    occupied.add_published(instant_of("2026-01-10 08:00"));
    assert!(!occupied.is_taken(instant_of("2026-01-10 08:00")));
    assert_eq!(next(&NewSchedule::default(), &occupied, "2026-01-10 00:00"), "2026-01-11 08:00");
    let two = NewSchedule { posts_per_day: 2, ..NewSchedule::default() };
    assert_eq!(next(&two, &occupied, "2026-01-10 00:00"), "2026-01-10 08:00");
}

#[test]
fn only_allowed_weekdays_get_slots() {
    let only = |day: Weekday| NewSchedule { weekdays: [day].into_iter().collect(), ..NewSchedule::default() };
    let found: Vec<String> =
        Weekday::ALL.iter().map(|day| next(&only(*day), &berlin(None), "2026-01-07 00:00")).collect();
    // 2026-01-07 is a Wednesday.
    let days = ["12", "13", "07", "08", "09", "10", "11"];
    assert_eq!(found, days.map(|day| format!("2026-01-{day} 08:00")));
}

#[test]
fn a_gap_before_midnight_needs_both_days_allowed() {
    // In Nuuk the last hour of Saturday 2026-03-28 does not exist; 23:30 lands on Sunday at 00:30.
    let occupied = Occupied::new(zone("America/Nuuk"), None);
    let weekdays = |days: &[Weekday]| NewSchedule {
        weekdays: days.iter().copied().collect(),
        ..schedule(Interval::Daily, "23:30")
    };
    let at = |given: &NewSchedule| next(given, &occupied, "2026-03-28 20:00");
    assert_eq!(at(&weekdays(&[Weekday::Saturday, Weekday::Sunday])), "2026-03-29 01:30");
    assert_eq!(at(&weekdays(&[Weekday::Saturday])), "2026-04-05 00:30");
    assert_eq!(at(&weekdays(&[Weekday::Sunday])), "2026-03-30 00:30");
    // It counts on Sunday, so Sunday's own time has to wait.
    let mut taken = occupied.clone();
    taken.add_slot(instant_of("2026-03-29 01:30"));
    assert_eq!(next(&schedule(Interval::Daily, "23:30"), &taken, "2026-03-28 20:00"), "2026-03-31 00:30");
}

#[test]
fn looks_at_180_days_and_no_further() {
    let settings = NewSchedule::default();
    let full = |days: u64| {
        let mut occupied = berlin(None);
        for day in date_of("2026-01-10").iter_days().take(usize::try_from(days).unwrap()) {
            occupied.add_slot(zone("Europe/Berlin").place(day, minute_of("18:00")).at);
        }
        occupied
    };
    // The 180th day from 2026-01-10 on is 2026-07-08.
    assert_eq!(next(&settings, &full(179), "2026-01-10 00:00"), "2026-07-08 07:00");
    let found = next_slot(&checked(&settings), &full(180), instant_of("2026-01-10 00:00"));
    assert_eq!(found, Err(NoSlot { first: date_of("2026-01-10") }));
    let text = found.unwrap_err().to_string();
    assert!(text.contains("180 days") && text.contains("2026-01-10") && text.contains("by hand"), "{text}");
}

#[test]
fn months_clamp_the_day_and_begin_after_the_month_of_the_base() {
    let on = |day| NewSchedule { day_of_month: day, ..schedule(Interval::Monthly, "09:00") };
    assert_eq!(next(&on(31), &berlin(None), "2026-02-01 00:00"), "2026-02-28 08:00");
    assert_eq!(next(&on(31), &berlin(None), "2028-02-01 00:00"), "2028-02-29 08:00");
    assert_eq!(next(&on(30), &berlin(None), "2026-04-10 00:00"), "2026-04-30 07:00");
    assert_eq!(next(&on(15), &berlin(None), "2026-01-16 00:00"), "2026-02-15 08:00");
    assert_eq!(next(&on(15), &berlin(None), "2026-01-15 00:00"), "2026-01-15 08:00");
    assert_eq!(next(&on(15), &berlin(None), "2026-12-16 00:00"), "2027-01-15 08:00");
    // One slot a month: a base on the 1st leaves the rest of its month alone.
    assert_eq!(next(&on(15), &berlin(Some("2026-01-01 08:00")), "2026-01-01 09:00"), "2026-02-15 08:00");
    assert_eq!(next(&on(15), &berlin(Some("2026-12-31 08:00")), "2026-12-31 09:00"), "2027-01-15 08:00");
    // Idle for long: counted from today.
    assert_eq!(next(&on(15), &berlin(Some("2025-01-15 08:00")), "2026-03-20 00:00"), "2026-04-15 07:00");
    // The day itself does not do: the days after it are looked at, not the next month.
    let monday_to_friday = NewSchedule { weekdays: working_days(), ..on(31) };
    assert_eq!(next(&monday_to_friday, &berlin(None), "2026-01-05 00:00"), "2026-02-02 08:00");
    assert_eq!(next(&on(15), &berlin(None), "2026-01-15 07:50"), "2026-01-16 08:00");
}

#[test]
fn a_gap_left_by_unscheduling_is_not_filled() {
    let mut occupied = berlin(Some("2026-01-14 08:00"));
    for at in ["2026-01-12 08:00", "2026-01-14 08:00"] {
        occupied.add_slot(instant_of(at));
    }
    assert_eq!(next(&NewSchedule::default(), &occupied, "2026-01-11 12:00"), "2026-01-15 08:00");
}

#[test]
fn a_preview_shows_each_slot_with_its_local_time() {
    let occupied = berlin(Some("2026-03-27 01:30"));
    let settings = checked(&schedule(Interval::Daily, "02:30"));
    let shown_slots = preview(&settings, occupied, instant_of("2026-03-27 12:00"), 3).unwrap();
    let lines: Vec<String> = shown_slots
        .slots
        .iter()
        .map(|slot| {
            format!("{} {} {} {:?}", shown(slot.at), slot.local.format("%H:%M"), slot.weekday().as_str(), slot.mark)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "2026-03-28 01:30 02:30 SATURDAY None",
            "2026-03-29 01:30 03:30 SUNDAY Some(Shifted)",
            "2026-03-30 00:30 02:30 MONDAY None",
        ]
    );
    assert_eq!(shown_slots.ended, None);
}

#[test]
fn a_preview_holds_one_to_thirty_slots_and_says_why_there_are_fewer() {
    let settings = checked(&NewSchedule::default());
    let now = instant_of("2026-01-10 00:00");
    for count in [1, 30] {
        let shown = preview(&settings, berlin(None), now, count).unwrap();
        assert_eq!(i32::try_from(shown.slots.len()), Ok(count));
    }
    for count in [-1, 0, 31] {
        let refused = preview(&settings, berlin(None), now, count);
        assert_eq!(refused, Err(PreviewRefusal::CountOutOfRange(count)));
    }
    let monthly = checked(&schedule(Interval::Monthly, "09:00"));
    let mut occupied = berlin(None);
    // From April on every day is full, for longer than the search looks.
    for day in date_of("2026-04-01").iter_days().take(400) {
        occupied.add_slot(zone("Europe/Berlin").place(day, minute_of("18:00")).at);
    }
    let found = preview(&monthly, occupied, now, 30).unwrap();
    assert_eq!(
        found.slots.iter().map(|slot| shown(slot.at)).collect::<Vec<_>>(),
        ["2026-02-01 08:00", "2026-03-01 08:00"]
    );
    assert_eq!(found.ended, Some(NoSlot { first: date_of("2026-04-01") }));
}

#[test]
fn finds_nothing_beyond_the_calendar_and_does_not_fail() {
    for now in [Micros::MIN, Micros::MAX] {
        for interval in Interval::ALL {
            for base in [None, Some(Micros::MIN), Some(Micros::MAX)] {
                let occupied = Occupied::new(zone("Pacific/Kiritimati"), base);
                let _ = next_slot(&checked(&schedule(*interval, "09:00")), &occupied, now);
            }
        }
    }
}
