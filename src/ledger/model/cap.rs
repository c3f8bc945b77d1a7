//! Caps on spending: how much an account, or one member of it, may reserve and spend in a period.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime};
use uuid::Uuid;

use crate::clock::Micros;

use super::{HoldItem, ISSUED_MAX};

crate::words::words! {
    /// Whose spending a cap limits.
    CapScope {
        /// All that the account spends.
        Account "account",
        /// What one member asks for.
        Member "member",
    }
}

crate::words::words! {
    /// For how long a cap counts. Days and months are UTC.
    CapPeriod {
        /// From midnight to midnight.
        Day "day",
        /// From the first of the month to the next.
        Month "month",
        /// For ever.
        Always "none",
    }
}

impl CapPeriod {
    /// When the period that holds `now` began; 0 for the one that is for ever.
    pub fn start(self, now: Micros) -> Micros {
        self.first_day(now).map_or(0, midnight)
    }

    /// When the period that holds `now` ends. `None` for the one that is for ever.
    pub fn end(self, now: Micros) -> Option<Micros> {
        let first = self.first_day(now)?;
        let next = match self {
            Self::Always => None,
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Month => first.checked_add_months(Months::new(1)),
        };
        next.map(midnight)
    }

    fn first_day(self, now: Micros) -> Option<NaiveDate> {
        let day = DateTime::from_timestamp_micros(now)?.date_naive();
        match self {
            Self::Always => None,
            Self::Day => Some(day),
            Self::Month => day.with_day(1),
        }
    }
}

fn midnight(day: NaiveDate) -> Micros {
    day.and_time(NaiveTime::MIN).and_utc().timestamp_micros()
}

/// The limit of a cap that was taken away: no account is ever given more.
pub const UNCAPPED: i64 = ISSUED_MAX;

/// A cap in one of its periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// Which row.
    pub id: Uuid,
    /// Whose spending.
    pub scope: CapScope,
    /// The account, or the member.
    pub subject: Uuid,
    /// How long it counts.
    pub period: CapPeriod,
    /// When this period began; 0 for the one that is for ever.
    pub period_start: Micros,
    /// The most that may be held and spent, 0 to [`UNCAPPED`].
    pub limit: i64,
    /// Held by open holds that count against it.
    pub held: i64,
    /// Charged for holds that counted against it. Refunds do not take it back.
    pub spent: i64,
    /// When the row was made.
    pub created_at: Micros,
}

impl Cap {
    /// Held and spent.
    pub fn used(&self) -> i64 {
        self.held.saturating_add(self.spent)
    }

    /// What may still be held, never negative.
    pub fn room(&self) -> i64 {
        self.limit.saturating_sub(self.used()).max(0)
    }

    /// When what is used no longer counts. `None`: never.
    pub fn resets_at(&self) -> Option<Micros> {
        self.period.end(self.period_start)
    }

    /// Whether it was taken away and its last period is over: it is as if it had never been.
    pub fn is_gone(&self, now: Micros) -> bool {
        self.limit == UNCAPPED && self.is_over(now)
    }

    /// Whether its period is over. A row of a later period, made by a clock that ran ahead, counts.
    pub fn is_over(&self, now: Micros) -> bool {
        self.period_start < self.period.start(now)
    }

    /// The row of the period that holds `now`, with the same limit and nothing used.
    #[must_use]
    pub fn renewed(&self, id: Uuid, now: Micros) -> Self {
        Self { id, period_start: self.period.start(now), held: 0, spent: 0, created_at: now, ..*self }
    }

    /// As it stands at `now`: when the period is over, nothing of it counts.
    #[must_use]
    pub fn as_of(&self, now: Micros) -> Self {
        if self.is_over(now) { self.renewed(self.id, now) } else { *self }
    }

    /// Whether a hold of its account counts against it.
    pub fn covers(&self, item: &HoldItem) -> bool {
        self.limits(item.user_id)
    }

    /// Whether what `user` asks for counts against it.
    pub fn limits(&self, user: Option<Uuid>) -> bool {
        match self.scope {
            CapScope::Account => true,
            CapScope::Member => user == Some(self.subject),
        }
    }

    /// What tells it from the account's other caps, whatever the period.
    pub fn kind(&self) -> (CapScope, Uuid, CapPeriod) {
        (self.scope, self.subject, self.period)
    }
}

/// Why a cap does not admit a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Whose cap.
    pub scope: CapScope,
    /// For how long it counts.
    pub period: CapPeriod,
    /// The cap, in credits.
    pub cap: i64,
    /// What of it is held and spent.
    pub used: i64,
    /// What the hold needs.
    pub required: i64,
    /// When what is used no longer counts. `None`: never.
    pub resets_at: Option<Micros>,
}

impl Exceeded {
    /// As a text to be stored.
    pub fn to_text(&self) -> String {
        let (scope, period) = (self.scope.as_str(), self.period.as_str());
        serde_json::json!([scope, period, self.cap, self.used, self.required, self.resets_at]).to_string()
    }

    /// Reads a stored text. `None` when it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (scope, period, cap, used, required, resets_at): (String, String, _, _, _, _) =
            serde_json::from_str(text).ok()?;
        let (scope, period) = (CapScope::parse(&scope)?, CapPeriod::parse(&period)?);
        Some(Self { scope, period, cap, used, required, resets_at })
    }

    /// What may still be held under the cap.
    pub fn room(&self) -> i64 {
        self.cap.saturating_sub(self.used).max(0)
    }
}

impl std::fmt::Display for Exceeded {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let period = match self.period {
            CapPeriod::Day => " a day",
            CapPeriod::Month => " a month",
            CapPeriod::Always => "",
        };
        let (whose, cap, used, required) = (self.scope.as_str(), self.cap, self.used, self.required);
        write!(out, "The {whose}'s credit cap of {cap}{period} is reached. Used: {used}, Required: {required}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn days_and_months_begin_at_midnight_utc() {
        for (period, now, start, end) in [
            (CapPeriod::Day, "2026-02-28T23:59:59.999999Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
            (CapPeriod::Day, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
            (CapPeriod::Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            (CapPeriod::Month, "2026-12-31T23:00:00-01:00", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"),
        ] {
            assert_eq!((period.start(at(now)), period.end(at(now))), (at(start), Some(at(end))), "{now}");
        }
        assert_eq!((CapPeriod::Always.start(7), CapPeriod::Always.end(7)), (0, None));
    }

    #[test]
    fn a_new_period_begins_with_nothing_used() {
        let start = at("2026-11-01T00:00:00Z");
        let (id, subject) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let cap = Cap {
            id,
            scope: CapScope::Account,
            subject,
            period: CapPeriod::Month,
            period_start: start,
            limit: 500,
            held: 75,
            spent: 300,
            created_at: start,
        };
        assert_eq!((cap.used(), cap.room(), cap.resets_at()), (375, 125, Some(at("2026-12-01T00:00:00Z"))));
        assert!(!cap.is_over(at("2026-11-30T23:59:59.999999Z")) && !cap.is_over(at("2026-10-01T00:00:00Z")));
        let now = at("2026-12-01T00:00:00Z");
        assert!(cap.is_over(now));
        let next = cap.renewed(Uuid::from_u128(3), now);
        assert_eq!((next.used(), next.room(), next.period_start, next.kind()), (0, 500, now, cap.kind()));
        assert_eq!(Cap { limit: 100, ..cap }.room(), 0);
    }

    #[test]
    fn reads_what_it_stored() {
        for (scope, period, resets_at) in
            [(CapScope::Member, CapPeriod::Day, Some(7)), (CapScope::Account, CapPeriod::Always, None)]
        {
            let exceeded = Exceeded { scope, period, cap: 500, used: 450, required: 75, resets_at };
            assert_eq!(Exceeded::parse(&exceeded.to_text()), Some(exceeded));
        }
        assert_eq!(Exceeded::parse("[]"), None);
    }
}
