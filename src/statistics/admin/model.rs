//! Figures of the whole installation, the spans of time that they are of, and what is known of each day.

use chrono::{Datelike, Days, Months, NaiveDate};
use uuid::Uuid;

use crate::{
    ai::model::AiFunction,
    calendar::SiteZone,
    clock::{Micros, SECOND},
};

/// One day in [`Micros`].
pub const DAY: Micros = 86_400 * SECOND;

/// The most days of charts.
pub const DAYS_MAX: i32 = 366;

/// Days of the wider count of active people, today included.
pub const ACTIVE_DAYS: i32 = 30;

/// What nobody counts here, by the names of their fields.
pub const NOT_TRACKED: [&str; 2] = ["devices", "revenue"];

/// `part` of `whole` in percent with one decimal, half away from zero, such as `12.5`; `None` where there is no whole.
pub fn percent(part: i64, whole: i64) -> Option<String> {
    if whole <= 0 {
        return None;
    }
    let (part, whole) = (i128::from(part), i128::from(whole));
    let tenths = (part.abs() * 2_000 + whole) / (whole * 2);
    let sign = if part < 0 && tenths > 0 { "-" } else { "" };
    Some(format!("{sign}{}.{}", tenths / 10, tenths % 10))
}

/// The local month of a moment, and the same span of the one before. Half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthSpans {
    /// The first instant of the month.
    pub this_from: Micros,
    /// The first instant of the next one.
    pub this_to: Micros,
    /// The first instant of the month before.
    pub last_from: Micros,
    /// The same day and time of the month before; its end, where it has no such day.
    pub last_to: Micros,
}

impl MonthSpans {
    /// The spans at `as_of`.
    pub fn at(zone: SiteZone, as_of: Micros) -> Self {
        let local = zone.read(as_of).local;
        let first = local.date().with_day(1).unwrap_or(local.date());
        let before = first.checked_sub_months(Months::new(1)).unwrap_or(first);
        let after = first.checked_add_months(Months::new(1)).unwrap_or(first);
        let (this_from, last_from) = (zone.day_start(first), zone.day_start(before));
        let same = before.with_day(local.day()).map(|date| zone.resolve(date.and_time(local.time())).at);
        let last_to = same.unwrap_or(this_from).clamp(last_from, this_from.max(last_from));
        Self { this_from, this_to: zone.day_start(after), last_from, last_to }
    }
}

/// The totals of the installation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// People who are not deleted.
    pub users: i64,
    /// Of those, administrators of either rank.
    pub admins: i64,
    /// Sign-ups of the month.
    pub new_users: i64,
    /// Sign-ups of the same span of the month before.
    pub new_users_before: i64,
    /// Images that were made and are there.
    pub images: i64,
    /// Credits that were charged.
    pub credits_spent: i64,
    /// Credits that were given back.
    pub credits_refunded: i64,
    /// Requests to providers that ended.
    pub attempts: i64,
    /// What they cost, nano-dollars; `None` while no cost is known.
    pub cost_nanousd: Option<i64>,
    /// Items that were delivered.
    pub delivered: i64,
    /// Items that failed.
    pub failed: i64,
    /// People who asked for something on this UTC day.
    pub active_today: i64,
    /// People who did on this one or the 29 before.
    pub active_month: i64,
    /// The UTC day since when they are counted, in days since the epoch; `None` before the first.
    pub active_since: Option<i32>,
}

impl Totals {
    /// How many more signed up than in the same span of the month before, in percent.
    pub fn growth(&self) -> Option<String> {
        percent(self.new_users.saturating_sub(self.new_users_before), self.new_users_before)
    }
}

/// The totals, and the moment that they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminStats {
    /// The totals.
    pub totals: Totals,
    /// The moment.
    pub as_of: Micros,
    /// Whose months count.
    pub zone: SiteZone,
    /// The month and the one before.
    pub months: MonthSpans,
}

/// What AI work came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkFigures {
    /// Credits that were charged.
    pub spent: i64,
    /// Credits that were given back.
    pub refunded: i64,
    /// Requests to providers that ended.
    pub attempts: i64,
    /// What they cost, nano-dollars; `None` while no cost is known.
    pub cost_nanousd: Option<i64>,
    /// Items that were delivered.
    pub delivered: i64,
    /// Items that failed.
    pub failed: i64,
}

/// What `attempts` requests cost, nano-dollars: nothing where there were none, `None` where nobody knows of any.
pub fn known_cost(attempts: i64, cost_nanousd: Option<i64>) -> Option<i64> {
    if attempts == 0 { Some(cost_nanousd.unwrap_or(0)) } else { cost_nanousd }
}

impl WorkFigures {
    /// Adds what `other` came to.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.spent, other.spent),
            (&mut self.refunded, other.refunded),
            (&mut self.attempts, other.attempts),
            (&mut self.delivered, other.delivered),
            (&mut self.failed, other.failed),
        ] {
            *sum = sum.saturating_add(more);
        }
        if let Some(more) = other.cost_nanousd {
            self.cost_nanousd = Some(self.cost_nanousd.unwrap_or(0).saturating_add(more));
        }
    }

    /// What the provider took, nano-dollars.
    pub fn cost(&self) -> Option<i64> {
        known_cost(self.attempts, self.cost_nanousd)
    }
}

/// What a day came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayFigures {
    /// Its AI work.
    pub work: WorkFigures,
    /// Images that were made and are there.
    pub images: i64,
    /// Sign-ups.
    pub new_users: i64,
}

/// One figure of one day, as it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The local day, in days since the epoch.
    pub day: i64,
    /// Of which function; `None` is of none.
    pub function: Option<AiFunction>,
    /// Of which model; `None` is of none.
    pub model: Option<Uuid>,
    /// What it came to; all but one are zero.
    pub figures: DayFigures,
}

/// Everything that charts are made of, as it was counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Figures, in no order.
    pub counted: Vec<Counted>,
    /// Active people by UTC day, in days since the epoch.
    pub active: Vec<(i32, i64)>,
    /// When the installation began.
    pub installed_at: Option<Micros>,
    /// The UTC day since when active people are counted, in days since the epoch.
    pub active_since: Option<i32>,
}

/// The days of charts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSpan {
    /// Whose days.
    pub zone: SiteZone,
    /// The moment of the look, which lies in the last one.
    pub as_of: Micros,
    /// Each one, oldest first.
    pub dates: Vec<NaiveDate>,
    /// The first instant of the first one.
    pub from: Micros,
    /// The first instant after the last one.
    pub to: Micros,
}

impl ChartSpan {
    /// The last `days` (1–366) up to `as_of`.
    pub fn last(days: i32, zone: SiteZone, as_of: Micros) -> Self {
        let today = zone.date(as_of);
        let days = u64::from(days.clamp(1, DAYS_MAX).unsigned_abs());
        let dates: Vec<NaiveDate> =
            (0..days).rev().filter_map(|before| today.checked_sub_days(Days::new(before))).collect();
        let first = dates.first().copied().unwrap_or(today);
        let next = today.checked_add_days(Days::new(1)).unwrap_or(today);
        Self { zone, as_of, dates, from: zone.day_start(first), to: zone.day_start(next) }
    }
}

/// A date in days since the epoch.
pub fn day_number(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}

/// The date of a number of days since the epoch.
pub fn date_of(day: i32) -> NaiveDate {
    day.checked_add(719_163).and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or_default()
}

/// A day with what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChartDay {
    /// The local date.
    pub date: NaiveDate,
    /// What it came to; `None` when it was over before the installation began.
    pub figures: Option<DayFigures>,
    /// People who were active on the UTC day of this date; `None` where they were not counted.
    pub active: Option<i64>,
}

/// One function's or model's share of the days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartShare<K> {
    /// Whose.
    pub of: K,
    /// Of all days.
    pub total: WorkFigures,
    /// Of each, as many as there are days and in their order; `None` as for the day.
    pub days: Vec<Option<WorkFigures>>,
}

/// Figures day by day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminCharts {
    /// Which days.
    pub span: ChartSpan,
    /// When the installation began; `None` when nobody knows.
    pub installed_at: Option<Micros>,
    /// The UTC day since when active people are counted, in days since the epoch.
    pub active_since: Option<i32>,
    /// Of all days.
    pub total: DayFigures,
    /// Each day.
    pub days: Vec<ChartDay>,
    /// Each function that did something, in the order of the pipeline.
    pub by_function: Vec<ChartShare<AiFunction>>,
    /// Each model that did something: first whose charges are highest, then by id; at most [`MODELS_MAX`].
    pub by_model: Vec<ChartShare<Uuid>>,
}

/// Models that charts name.
pub const MODELS_MAX: usize = 100;

fn share<K: PartialEq + Copy>(shares: &mut Vec<ChartShare<K>>, of: K, at: usize, days: usize, figures: &WorkFigures) {
    let place = shares.iter().position(|share| share.of == of).unwrap_or_else(|| {
        shares.push(ChartShare { of, total: WorkFigures::default(), days: vec![None; days] });
        shares.len() - 1
    });
    if let Some(share) = shares.get_mut(place) {
        share.total.add(figures);
        if let Some(day) = share.days.get_mut(at) {
            day.get_or_insert_default().add(figures);
        }
    }
}

impl AdminCharts {
    /// Puts what was counted where it belongs. A day is known when it ended after the installation began, or holds something.
    pub fn of(span: ChartSpan, tally: Tally) -> Self {
        let first = span.dates.first().copied().map_or(0, day_number);
        let (mut found, mut total) = (vec![None::<DayFigures>; span.dates.len()], DayFigures::default());
        let (mut by_function, mut by_model) = (Vec::new(), Vec::new());
        for one in &tally.counted {
            let Ok(at) = usize::try_from(one.day - first) else { continue };
            let Some(day) = found.get_mut(at) else { continue };
            for sum in [day.get_or_insert_default(), &mut total] {
                sum.work.add(&one.figures.work);
                sum.images = sum.images.saturating_add(one.figures.images);
                sum.new_users = sum.new_users.saturating_add(one.figures.new_users);
            }
            if let Some(function) = one.function {
                share(&mut by_function, function, at, span.dates.len(), &one.figures.work);
            }
            if let Some(model) = one.model {
                share(&mut by_model, model, at, span.dates.len(), &one.figures.work);
            }
        }
        let known: Vec<bool> = (span.dates.iter())
            .map(|date| {
                let next = date.checked_add_days(Days::new(1)).map_or(Micros::MAX, |next| span.zone.day_start(next));
                tally.installed_at.is_none_or(|installed| installed < next)
            })
            .collect();
        let today = span.as_of.div_euclid(DAY);
        let days = (span.dates.iter().zip(found).zip(&known))
            .map(|((date, figures), known)| {
                let (number, counted) = (day_number(*date), tally.active.iter());
                let is_counted = tally.active_since.is_some_and(|since| i64::from(since) <= number) && number <= today;
                let active = counted.filter(|(day, _)| i64::from(*day) == number).map(|(_, people)| *people).next();
                let active = if is_counted { Some(active.unwrap_or(0)) } else { active };
                ChartDay { date: *date, figures: figures.or_else(|| known.then(DayFigures::default)), active }
            })
            .collect();
        by_function.sort_by_key(|share| AiFunction::ALL.iter().position(|function| *function == share.of));
        by_model.sort_by_key(|share: &ChartShare<Uuid>| (std::cmp::Reverse(share.total.spent), share.of));
        by_model.truncate(MODELS_MAX);
        fill(&mut by_function, &known);
        fill(&mut by_model, &known);
        Self {
            installed_at: tally.installed_at,
            active_since: tally.active_since,
            span,
            total,
            days,
            by_function,
            by_model,
        }
    }
}

/// On a day that is known, nothing is zero.
fn fill<K>(shares: &mut [ChartShare<K>], known: &[bool]) {
    for share in shares {
        for (day, known) in share.days.iter_mut().zip(known) {
            if day.is_none() && *known {
                *day = Some(WorkFigures::default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{instant_of, zone};

    #[test]
    fn a_percentage_has_one_decimal_and_none_of_nothing() {
        for (part, whole, expected) in [
            (0, 0, None),
            (5, 0, None),
            (0, 3, Some("0.0")),
            (1, 8, Some("12.5")),
            (1, 3, Some("33.3")),
            (2, 3, Some("66.7")),
            (-1, 8, Some("-12.5")),
            (-2, 3, Some("-66.7")),
            (-1, 10_000, Some("0.0")),
            (7, 2, Some("350.0")),
            (1, 2_000, Some("0.1")),
            (i64::MAX, 1, Some("922337203685477580700.0")),
        ] {
            assert_eq!(percent(part, whole).as_deref(), expected, "{part} of {whole}");
        }
    }

    #[test]
    fn the_same_span_of_last_month_ends_at_the_same_day_and_time() {
        for (name, as_of, this_from, last_from, last_to) in [
            ("UTC", "2026-05-10 12:00", "2026-05-01 00:00", "2026-04-01 00:00", "2026-04-10 12:00"),
            // February has no 31st: all of it.
            ("UTC", "2026-03-31 12:00", "2026-03-01 00:00", "2026-02-01 00:00", "2026-03-01 00:00"),
            ("UTC", "2026-01-01 00:00", "2026-01-01 00:00", "2025-12-01 00:00", "2025-12-01 00:00"),
            // Clocks were moved in between: the same time of day, not the same number of hours.
            ("Europe/Berlin", "2026-04-10 10:00", "2026-03-31 22:00", "2026-02-28 23:00", "2026-03-10 11:00"),
            ("Europe/Berlin", "2026-10-30 10:00", "2026-09-30 22:00", "2026-08-31 22:00", "2026-09-30 09:00"),
            // Already May there.
            ("Pacific/Kiritimati", "2026-04-30 10:00", "2026-04-30 10:00", "2026-03-31 10:00", "2026-03-31 10:00"),
        ] {
            let spans = MonthSpans::at(zone(name), instant_of(as_of));
            let found = (spans.this_from, spans.last_from, spans.last_to);
            assert_eq!(found, (instant_of(this_from), instant_of(last_from), instant_of(last_to)), "{name} {as_of}");
            assert!(spans.this_from <= instant_of(as_of) && instant_of(as_of) < spans.this_to);
        }
    }

    #[test]
    fn days_are_numbered_from_the_epoch() {
        let date = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        assert_eq!((day_number(date), date_of(0)), (0, date));
        let date = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();
        assert_eq!(date_of(i32::try_from(day_number(date)).unwrap()), date);
    }

    #[test]
    fn every_day_is_there_and_zero_only_where_it_was_measured() {
        let as_of = instant_of("2026-03-30 12:00");
        let span = ChartSpan::last(4, zone("Europe/Berlin"), as_of);
        let (from, to) = (instant_of("2026-03-26 23:00"), instant_of("2026-03-30 22:00"));
        assert_eq!((span.from, span.to, span.dates.len()), (from, to, 4));
        let day = |date: &str| day_number(date.parse().unwrap());
        let model = Uuid::from_u128(7);
        let work = WorkFigures { spent: 3, attempts: 1, ..WorkFigures::default() };
        let figures = DayFigures { work, ..DayFigures::default() };
        let function = AiFunction::GenerateImages;
        let counted = vec![Counted { day: day("2026-03-29"), function: Some(function), model: Some(model), figures }];
        let charts = AdminCharts::of(
            span,
            Tally {
                counted,
                active: vec![(i32::try_from(day("2026-03-30")).unwrap(), 2)],
                installed_at: Some(instant_of("2026-03-28 08:00")),
                active_since: i32::try_from(day("2026-03-29")).ok(),
            },
        );
        let spent: Vec<_> = charts.days.iter().map(|day| day.figures.map(|figures| figures.work.spent)).collect();
        assert_eq!(spent, [None, Some(0), Some(3), Some(0)]);
        let active: Vec<_> = charts.days.iter().map(|day| day.active).collect();
        assert_eq!(active, [None, None, Some(0), Some(2)]);
        let of_model: Vec<_> = charts.by_model[0].days.iter().map(|day| day.map(|day| day.spent)).collect();
        assert_eq!(of_model, [None, Some(0), Some(3), Some(0)]);
        assert_eq!(charts.total.work.cost(), None, "a request whose cost nobody knows");
        assert_eq!(charts.days[3].figures.unwrap().work.cost(), Some(0), "no request, no cost");
    }
}
