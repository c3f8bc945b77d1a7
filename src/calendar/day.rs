//! Minutes of a day and days of a week, without a zone.

use std::fmt;

use chrono::{Datelike, NaiveDate, NaiveTime};

/// The last minute of a day: 23:59.
pub const MINUTE_OF_DAY_MAX: i32 = 1439;

/// A minute of a local day, 0 (00:00) to [`MINUTE_OF_DAY_MAX`]. A day on which clocks move has other minutes than the
/// clock says; this is what the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinuteOfDay(u16);

impl MinuteOfDay {
    /// 09:00, when a site publishes unless it says otherwise.
    pub const NINE: Self = Self(540);
    /// 02:00, when an automation starts unless it says otherwise.
    pub const TWO: Self = Self(120);

    /// Minutes since midnight. `None` outside 0–1439.
    pub fn new(minutes: i32) -> Option<Self> {
        u16::try_from(minutes).ok().filter(|_| minutes <= MINUTE_OF_DAY_MAX).map(Self)
    }

    /// Minutes since midnight, 0–1439.
    pub fn get(self) -> i32 {
        i32::from(self.0)
    }

    /// Reads `09:00` and nothing looser: two digits, a colon, two digits, at most 23:59.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let two = |part: &str, below: u16| {
            let is_plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| part.parse::<u16>().ok()).flatten().filter(|value| *value < below)
        };
        Some(Self(two(hour, 24)? * 60 + two(minute, 60)?))
    }

    /// The same as a time of day.
    pub fn time(self) -> NaiveTime {
        NaiveTime::from_num_seconds_from_midnight_opt(u32::from(self.0) * 60, 0).unwrap_or_default()
    }
}

/// Writes `09:00`, as [`MinuteOfDay::parse`] reads it.
impl fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

crate::words::words! {
    /// A day of the week. Weeks begin on Monday.
    Weekday {
        /// The first.
        Monday "MONDAY",
        /// The second.
        Tuesday "TUESDAY",
        /// The third.
        Wednesday "WEDNESDAY",
        /// The fourth.
        Thursday "THURSDAY",
        /// The fifth.
        Friday "FRIDAY",
        /// The sixth.
        Saturday "SATURDAY",
        /// The last.
        Sunday "SUNDAY",
    }
}

impl Weekday {
    /// The weekday of a date.
    pub fn of(date: NaiveDate) -> Self {
        match date.weekday() {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// Some days of the week; may be empty, which a schedule refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WeekdaySet(u8);

impl WeekdaySet {
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);

    /// Whether `day` is one of them.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & day.bit() != 0
    }

    /// Whether none is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The days, Monday first.
    pub fn days(self) -> impl Iterator<Item = Weekday> {
        Weekday::ALL.iter().copied().filter(move |day| self.contains(*day))
    }

    /// For a column: Monday is 1, Tuesday 2, Wednesday 4, up to Sunday 64, added up; 0–127.
    pub fn bits(self) -> i32 {
        i32::from(self.0)
    }

    /// Reads what [`WeekdaySet::bits`] wrote. `None` outside 0–127.
    pub fn from_bits(bits: i32) -> Option<Self> {
        u8::try_from(bits).ok().filter(|bits| *bits <= Self::ALL.0).map(Self)
    }
}

/// Naming a day twice is naming it once.
impl FromIterator<Weekday> for WeekdaySet {
    fn from_iter<I: IntoIterator<Item = Weekday>>(days: I) -> Self {
        Self(days.into_iter().fold(0, |bits, day| bits | day.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_the_day_lies_between_its_midnights() {
        assert_eq!(MinuteOfDay::new(-1), None);
        assert_eq!(MinuteOfDay::new(1440), None);
        assert_eq!(MinuteOfDay::new(65_536 + 5), None);
        assert_eq!(MinuteOfDay::new(0).unwrap().to_string(), "00:00");
        assert_eq!(MinuteOfDay::new(MINUTE_OF_DAY_MAX).unwrap().to_string(), "23:59");
        assert_eq!(MinuteOfDay::NINE.to_string(), "09:00");
        assert_eq!(MinuteOfDay::TWO.time().to_string(), "02:00:00");
    }

    #[test]
    fn a_time_of_day_reads_back_and_nothing_looser_does() {
        for minutes in 0..=MINUTE_OF_DAY_MAX {
            let minute = MinuteOfDay::new(minutes).unwrap();
            assert_eq!(MinuteOfDay::parse(&minute.to_string()), Some(minute));
            assert_eq!(minute.get(), minutes);
        }
        for wrong in ["", "9:00", "09:0", "24:00", "09:60", "0900", "09:00:00", " 09:00", "+9:00", "09:-1", "٠٩:٠٠"]
        {
            assert_eq!(MinuteOfDay::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn weekdays_read_back_as_words_and_as_bits() {
        for day in Weekday::ALL {
            assert_eq!(Weekday::parse(day.as_str()), Some(*day));
        }
        assert_eq!(Weekday::parse("monday"), None);
        for bits in 0..=127 {
            let set = WeekdaySet::from_bits(bits).unwrap();
            assert_eq!(set.bits(), bits);
            assert_eq!(set.days().collect::<WeekdaySet>(), set);
        }
        assert_eq!(WeekdaySet::from_bits(128), None);
        assert_eq!(WeekdaySet::from_bits(-1), None);
        assert_eq!(Weekday::ALL.iter().copied().collect::<WeekdaySet>(), WeekdaySet::ALL);
        assert!(WeekdaySet::default().is_empty());
        let weekend: WeekdaySet = [Weekday::Sunday, Weekday::Saturday, Weekday::Sunday].into_iter().collect();
        assert_eq!((weekend.bits(), weekend.contains(Weekday::Friday)), (96, false));
    }

    #[test]
    fn knows_the_weekday_of_a_date() {
        let days: Vec<Weekday> =
            (5..=11).map(|day| Weekday::of(NaiveDate::from_ymd_opt(2026, 1, day).unwrap())).collect();
        assert_eq!(days, Weekday::ALL);
    }
}
