//! A site and the edits of it.

use uuid::Uuid;

use super::{Interval, NAME_CHARS_MAX, NewSchedule, SITES_MAX, ScheduleRefusal, ScheduleSettings, one_line};
use crate::{
    calendar::{SiteZone, WeekdaySet},
    clock::Micros,
};

/// The most characters of the description of an audience.
const AUDIENCE_CHARS_MAX: usize = 500;

/// What content is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// What may be said of it.
    pub settings: SiteSettings,
    /// Raised by every edit.
    pub version: i64,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// What a person says of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSettings {
    /// Its name, 1–100 characters.
    pub name: String,
    /// Its host name, lower case.
    pub domain: String,
    /// Its time zone: its days and slots are counted in it.
    pub time_zone: SiteZone,
    /// Its language, a BCP 47 tag.
    pub language: String,
    /// Whom its content is for, 1–500 characters.
    pub audience: Option<String>,
    /// Whether anything is done for it.
    pub is_active: bool,
    /// Whether finished content is approved without a person.
    pub auto_approve: bool,
    /// Whether approved content gets the next slot.
    pub auto_schedule: bool,
    /// When there are slots.
    pub schedule: ScheduleSettings,
}

/// What changes about a site's schedule; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditSchedule {
    /// How far apart slots are.
    pub interval: Option<Interval>,
    /// When on the day, minutes since local midnight.
    pub publish_minute: Option<i32>,
    /// The days that may have slots.
    pub weekdays: Option<WeekdaySet>,
    /// For months: which day.
    pub day_of_month: Option<i32>,
    /// How many posts a local day may have.
    pub posts_per_day: Option<i32>,
}

impl EditSchedule {
    /// The schedule as it will be. Refuses: every fault found.
    pub fn apply(&self, schedule: &ScheduleSettings) -> Result<ScheduleSettings, Vec<ScheduleRefusal>> {
        let mut given = schedule.given();
        given.interval = self.interval.unwrap_or(given.interval);
        given.publish_minute = self.publish_minute.unwrap_or(given.publish_minute);
        given.weekdays = self.weekdays.unwrap_or(given.weekdays);
        given.day_of_month = self.day_of_month.unwrap_or(given.day_of_month);
        given.posts_per_day = self.posts_per_day.unwrap_or(given.posts_per_day);
        ScheduleSettings::new(&given)
    }
}

/// A new site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSite {
    /// Its name.
    pub name: String,
    /// Its host name; an address is cut down to it.
    pub domain: String,
    /// Its time zone; `None` is UTC.
    pub time_zone: Option<String>,
    /// Its language; `None` is English.
    pub language: Option<String>,
    /// Whom its content is for.
    pub audience: Option<String>,
}

/// What changes about a site; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateSite {
    /// The version that was read.
    pub expected_version: i64,
    /// Its name.
    pub name: Option<String>,
    /// Its host name.
    pub domain: Option<String>,
    /// Its time zone.
    pub time_zone: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// Whom its content is for; `Some(None)` takes it away.
    pub audience: Option<Option<String>>,
    /// Whether anything is done for it.
    pub is_active: Option<bool>,
    /// Whether finished content is approved without a person.
    pub auto_approve: Option<bool>,
    /// Whether approved content gets the next slot.
    pub auto_schedule: Option<bool>,
    /// When there are slots.
    pub schedule: EditSchedule,
    /// Whether slots to come keep their local time in a new zone.
    pub keep_local_time: bool,
}

/// Why a site was not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// It was changed meanwhile.
    #[error("The site is at version {current} by now. Read it again and repeat the edit from there.")]
    VersionConflict {
        /// The version the edit was made from.
        expected: i64,
        /// The version that is there.
        current: i64,
    },
    /// The name is blank or too long.
    #[error("A name has 1–{NAME_CHARS_MAX} characters on one line.")]
    NameInvalid,
    /// The domain is no host name.
    #[error("A domain is a host name of up to 253 characters, such as shop.example.com.")]
    DomainInvalid,
    /// Another site of the account has the domain.
    #[error("Another site of the account has the domain {0:?}. Use that one, or another domain.")]
    DomainTaken(String),
    /// There is no such time zone.
    #[error("There is no time zone {0:?}. Give an IANA name, such as Europe/Berlin.")]
    TimeZoneUnknown(String),
    /// The language is no tag.
    #[error("A language is a BCP 47 tag of up to 35 characters, such as en or pt-BR.")]
    LanguageInvalid,
    /// The audience is blank or too long.
    #[error("An audience has 1–{AUDIENCE_CHARS_MAX} characters. Shorten it, or send null to take it away.")]
    AudienceInvalid,
    /// The schedule is at fault; every fault found.
    #[error("The schedule is at fault.")]
    Schedule(Vec<ScheduleRefusal>),
    /// In the new zone, two contents would have one slot; the text says which.
    #[error("{0}")]
    SlotTaken(String),
    /// In the new zone, a slot would be over; the text says which.
    #[error("{0}")]
    SlotInPast(String),
    /// The account has as many sites as it may.
    #[error("The account has {SITES_MAX} sites, which is the most. Use one of them.")]
    TooManySites,
}

/// The host name in `text`, which may be a whole address.
fn domain(text: &str) -> Result<String, SiteError> {
    let text = text.trim().to_lowercase();
    let host = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if name.len() <= 253 && name.split('.').all(label) && is_port {
        Ok(host.to_owned())
    } else {
        Err(SiteError::DomainInvalid)
    }
}

fn time_zone(text: &str) -> Result<SiteZone, SiteError> {
    SiteZone::parse(text.trim()).map_err(|_| SiteError::TimeZoneUnknown(text.chars().take(100).collect()))
}

fn language(text: &str) -> Result<String, SiteError> {
    let text = text.trim();
    let mut parts = text.split('-');
    let main = parts.next().is_some_and(|part| (2..=8).contains(&part.len()) && is_alphabetic(part));
    let rest = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if main && rest && text.len() <= 35 { Ok(text.to_owned()) } else { Err(SiteError::LanguageInvalid) }
}

fn is_alphabetic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn audience(text: &str) -> Result<String, SiteError> {
    let text = text.trim();
    let fits = (1..=AUDIENCE_CHARS_MAX).contains(&text.chars().count()) && !text.contains('\0');
    if fits { Ok(text.to_owned()) } else { Err(SiteError::AudienceInvalid) }
}

fn name(text: &str) -> Result<String, SiteError> {
    one_line(text, NAME_CHARS_MAX).ok_or(SiteError::NameInvalid)
}

impl CreateSite {
    /// The settings of the new site: active, nothing automatic. Refuses: what is ill-formed.
    pub fn check(&self) -> Result<SiteSettings, SiteError> {
        Ok(SiteSettings {
            name: name(&self.name)?,
            domain: domain(&self.domain)?,
            time_zone: time_zone(self.time_zone.as_deref().unwrap_or("UTC"))?,
            language: language(self.language.as_deref().unwrap_or("en"))?,
            audience: self.audience.as_deref().map(audience).transpose()?,
            is_active: true,
            auto_approve: false,
            auto_schedule: false,
            schedule: ScheduleSettings::new(&NewSchedule::default()).map_err(SiteError::Schedule)?,
        })
    }
}

impl UpdateSite {
    /// The site as it will be. Refuses: `VersionConflict`, and what is ill-formed.
    pub fn apply(&self, site: &Site) -> Result<Site, SiteError> {
        if site.version != self.expected_version {
            return Err(SiteError::VersionConflict { expected: self.expected_version, current: site.version });
        }
        let mut changed = site.clone();
        let settings = &mut changed.settings;
        if let Some(text) = &self.name {
            settings.name = name(text)?;
        }
        if let Some(text) = &self.domain {
            settings.domain = domain(text)?;
        }
        if let Some(text) = &self.time_zone {
            settings.time_zone = time_zone(text)?;
        }
        if let Some(text) = &self.language {
            settings.language = language(text)?;
        }
        if let Some(text) = &self.audience {
            settings.audience = text.as_deref().map(audience).transpose()?;
        }
        settings.schedule = self.schedule.apply(&settings.schedule).map_err(SiteError::Schedule)?;
        let flags = [
            (self.is_active, &mut settings.is_active),
            (self.auto_approve, &mut settings.auto_approve),
            (self.auto_schedule, &mut settings.auto_schedule),
        ];
        for (wanted, flag) in flags {
            *flag = wanted.unwrap_or(*flag);
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_an_address_down_to_its_host() {
        for (text, host) in [
            ("Example.COM", "example.com"),
            (" https://shop.example.com/path?q#f ", "shop.example.com"),
            ("localhost:8080", "localhost:8080"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(domain(text), Ok(host.to_owned()), "{text}");
        }
        for text in ["", "a b", "-a.com", "a..b", "user@host", "ä.de", "a.com:0", "a.com:x", &"a".repeat(64)] {
            assert_eq!(domain(text), Err(SiteError::DomainInvalid), "{text}");
        }
    }

    #[test]
    fn knows_zones_and_languages() {
        assert_eq!(time_zone(" Europe/Berlin ").map(SiteZone::name), Ok("Europe/Berlin"));
        assert_eq!(time_zone("Mars/Base"), Err(SiteError::TimeZoneUnknown("Mars/Base".to_owned())));
        for tag in ["en", "pt-BR", "zh-Hant-TW"] {
            assert_eq!(language(tag), Ok(tag.to_owned()));
        }
        for tag in ["", "e", "en_US", "en-", "1en", &"a".repeat(9)] {
            assert_eq!(language(tag), Err(SiteError::LanguageInvalid), "{tag}");
        }
    }
}
