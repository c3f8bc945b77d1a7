//! How a site's runs go: defaults, limits, edits, and what a run keeps of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Stage, StageSetting};
use crate::{
    calendar::{Cadence, Frequency, MINUTE_OF_DAY_MAX, MinuteOfDay, SiteZone, Weekday},
    clock::{Micros, SECOND},
};

/// The longest delay, seconds.
pub const DELAY_S_MAX: i32 = 60;
/// The most items at work at once.
pub const IN_FLIGHT_MAX: i32 = 4;
/// The longest time that a run may be at work, hours.
pub const ACTIVE_HOURS_MAX: i32 = 168;
/// The highest cap of a run, credits.
pub const CREDIT_CAP_MAX: i64 = 1_000_000_000_000;

/// What is wrong about a config. Each message names the field, the limit and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// No such minute.
    #[error(
        "`startTime` is minute {0} of the day; it must be 0–{MINUTE_OF_DAY_MAX}. Choose a time from 00:00 to 23:59."
    )]
    StartTimeOutOfRange(i32),
    /// A batch that no step can take.
    #[error(
        "`batch` of {} is {value}; it must be {}–{}. Choose a number in between.",
        stage.as_str(), stage.batch_min(), stage.batch_max()
    )]
    BatchOutOfRange {
        /// Of which stage.
        stage: Stage,
        /// What was given.
        value: i32,
    },
    /// A cap that is none.
    #[error(
        "`cap` of {} is {value}; it must be 1–{}. Switch the stage off instead of capping it at nothing.",
        stage.as_str(), stage.cap_max()
    )]
    CapOutOfRange {
        /// Of which stage.
        stage: Stage,
        /// What was given.
        value: i32,
    },
    /// A stage named twice.
    #[error("`stages` names {} twice; name each stage once.", .0.as_str())]
    StageTwice(Stage),
    /// Too long, or negative.
    #[error("`itemDelaySeconds` is {0}; it must be 0–{DELAY_S_MAX}. Choose 0 for none.")]
    ItemDelayOutOfRange(i32),
    /// Too long, or negative.
    #[error("`stageDelaySeconds` is {0}; it must be 0–{DELAY_S_MAX}. Choose 0 for none.")]
    StageDelayOutOfRange(i32),
    /// None, or too many.
    #[error("`itemsInFlight` is {0}; it must be 1–{IN_FLIGHT_MAX}. Each holds its own credits.")]
    InFlightOutOfRange(i32),
    /// Nothing, or beyond all credits.
    #[error("`creditCap` is {0}; it must be 1–{CREDIT_CAP_MAX}. Send null for no cap.")]
    CreditCapOutOfRange(i64),
    /// No time, or more than a week.
    #[error("`activeHoursMax` is {0}; it must be 1–{ACTIVE_HOURS_MAX}. Pauses do not count.")]
    ActiveHoursOutOfRange(i32),
}

impl ConfigFault {
    /// The input field that it is about.
    pub fn field(&self) -> &'static str {
        match self {
            Self::StartTimeOutOfRange(_) => "startTime",
            Self::BatchOutOfRange { .. } | Self::CapOutOfRange { .. } | Self::StageTwice(_) => "stages",
            Self::ItemDelayOutOfRange(_) => "itemDelaySeconds",
            Self::StageDelayOutOfRange(_) => "stageDelaySeconds",
            Self::InFlightOutOfRange(_) => "itemsInFlight",
            Self::CreditCapOutOfRange(_) => "creditCap",
            Self::ActiveHoursOutOfRange(_) => "activeHoursMax",
        }
    }
}

/// What a run keeps of its site's config: later edits change later runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSettings {
    /// Every stage, in order.
    pub stages: Vec<StageSetting>,
    /// Between two steps of a stage, seconds.
    pub item_delay_s: i32,
    /// Between two stages, seconds.
    pub stage_delay_s: i32,
    /// How many steps at once, 1–[`IN_FLIGHT_MAX`].
    pub items_in_flight: i32,
    /// The most credits of a run.
    pub credit_cap: Option<i64>,
    /// Whether a run that was paused for lack of credits goes on by itself when there are enough.
    pub resumes_on_top_up: bool,
    /// How long a run may be at work, hours; pauses do not count.
    pub active_hours_max: i32,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            stages: Stage::ALL.iter().map(|stage| stage.default_setting()).collect(),
            item_delay_s: 1,
            stage_delay_s: 3,
            items_in_flight: 1,
            credit_cap: None,
            resumes_on_top_up: false,
            active_hours_max: 24,
        }
    }
}

impl RunSettings {
    /// What it says of a stage.
    pub fn of(&self, stage: Stage) -> StageSetting {
        self.stages.iter().copied().find(|setting| setting.stage == stage).unwrap_or_else(|| stage.default_setting())
    }

    /// How long a run may be at work.
    pub fn active_max(&self) -> Micros {
        i64::from(self.active_hours_max) * 3600 * SECOND
    }

    fn faults(&self) -> Vec<ConfigFault> {
        let mut faults: Vec<ConfigFault> = self.stages.iter().flat_map(|setting| setting.faults()).collect();
        let mut check = |is_right: bool, fault| {
            if !is_right {
                faults.push(fault);
            }
        };
        let delay = 0..=DELAY_S_MAX;
        check(delay.contains(&self.item_delay_s), ConfigFault::ItemDelayOutOfRange(self.item_delay_s));
        check(delay.contains(&self.stage_delay_s), ConfigFault::StageDelayOutOfRange(self.stage_delay_s));
        let in_flight = self.items_in_flight;
        check((1..=IN_FLIGHT_MAX).contains(&in_flight), ConfigFault::InFlightOutOfRange(in_flight));
        if let Some(cap) = self.credit_cap {
            check((1..=CREDIT_CAP_MAX).contains(&cap), ConfigFault::CreditCapOutOfRange(cap));
        }
        let hours = self.active_hours_max;
        check((1..=ACTIVE_HOURS_MAX).contains(&hours), ConfigFault::ActiveHoursOutOfRange(hours));
        faults
    }

    /// As stored with a run.
    pub fn to_json(&self) -> String {
        let stored = StoredSettings {
            stages: stored_stages(&self.stages),
            item_delay_s: self.item_delay_s,
            stage_delay_s: self.stage_delay_s,
            items_in_flight: self.items_in_flight,
            credit_cap: self.credit_cap,
            resumes_on_top_up: self.resumes_on_top_up,
            active_hours_max: self.active_hours_max,
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Reads what [`RunSettings::to_json`] wrote. `None` for anything else.
    pub fn from_json(text: &str) -> Option<Self> {
        let stored: StoredSettings = serde_json::from_str(text).ok()?;
        Some(Self {
            stages: known_stages(stored.stages)?,
            item_delay_s: stored.item_delay_s,
            stage_delay_s: stored.stage_delay_s,
            items_in_flight: stored.items_in_flight,
            credit_cap: stored.credit_cap,
            resumes_on_top_up: stored.resumes_on_top_up,
            active_hours_max: stored.active_hours_max,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredStage {
    stage: String,
    enabled: bool,
    batch: i32,
    cap: i32,
}

#[derive(Serialize, Deserialize)]
struct StoredSettings {
    stages: Vec<StoredStage>,
    item_delay_s: i32,
    stage_delay_s: i32,
    items_in_flight: i32,
    credit_cap: Option<i64>,
    resumes_on_top_up: bool,
    active_hours_max: i32,
}

fn stored_stages(stages: &[StageSetting]) -> Vec<StoredStage> {
    let stored = |setting: &StageSetting| StoredStage {
        stage: setting.stage.as_str().to_owned(),
        enabled: setting.is_enabled,
        batch: setting.batch,
        cap: setting.cap,
    };
    stages.iter().map(stored).collect()
}

fn known_stages(stored: Vec<StoredStage>) -> Option<Vec<StageSetting>> {
    let known = |one: StoredStage| {
        let stage = Stage::parse(&one.stage)?;
        Some(StageSetting { stage, is_enabled: one.enabled, batch: one.batch, cap: one.cap })
    };
    stored.into_iter().map(known).collect()
}

/// The stages as stored with a config.
pub fn stages_to_json(stages: &[StageSetting]) -> String {
    serde_json::to_string(&stored_stages(stages)).unwrap_or_default()
}

/// Reads what [`stages_to_json`] wrote. `None` for anything else.
pub fn stages_from_json(text: &str) -> Option<Vec<StageSetting>> {
    known_stages(serde_json::from_str(text).ok()?)
}

/// A site's config. One that was never saved is the default, at version 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomationConfig {
    /// Of which site.
    pub site_id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// Whether runs start by themselves.
    pub is_enabled: bool,
    /// How often.
    pub frequency: Frequency,
    /// On which day, for weekly ones.
    pub weekday: Weekday,
    /// When, in the site's zone.
    pub start_at: MinuteOfDay,
    /// What runs keep.
    pub settings: RunSettings,
    /// Raised by every edit; 0 while nothing was saved.
    pub version: i64,
    /// When it was first saved.
    pub created_at: Micros,
    /// When it was last changed.
    pub updated_at: Micros,
}

/// What changes about a config; `None` keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateAutomationConfig {
    /// The version that was read.
    pub expected_version: i64,
    /// Whether runs start by themselves.
    pub is_enabled: Option<bool>,
    /// How often.
    pub frequency: Option<Frequency>,
    /// On which day.
    pub weekday: Option<Weekday>,
    /// When, minutes since local midnight.
    pub start_minute: Option<i32>,
    /// Stages that change; the others stay.
    pub stages: Vec<EditStage>,
    /// Between two steps.
    pub item_delay_s: Option<i32>,
    /// Between two stages.
    pub stage_delay_s: Option<i32>,
    /// How many steps at once.
    pub items_in_flight: Option<i32>,
    /// The most credits of a run; `Some(None)` takes the cap away.
    pub credit_cap: Option<Option<i64>>,
    /// Whether a run goes on by itself after a top-up.
    pub resumes_on_top_up: Option<bool>,
    /// How long a run may be at work.
    pub active_hours_max: Option<i32>,
}

/// What changes about a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditStage {
    /// Which.
    pub stage: Stage,
    /// Whether runs go through it.
    pub is_enabled: Option<bool>,
    /// How many items one step takes.
    pub batch: Option<i32>,
    /// How many items one run takes.
    pub cap: Option<i32>,
}

/// Why a config is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It was changed meanwhile.
    #[error("The config is at version {current} and not {expected}. Read it again and repeat the edit.")]
    VersionConflict {
        /// The edit's.
        expected: i64,
        /// What is there.
        current: i64,
    },
    /// Fields are out of range; every fault found.
    #[error("The config is at fault.")]
    Faults(Vec<ConfigFault>),
}

impl AutomationConfig {
    /// What a site has that never said anything: nothing starts by itself.
    pub fn default_of(site_id: Uuid, account_id: Uuid) -> Self {
        Self {
            site_id,
            account_id,
            is_enabled: false,
            frequency: Frequency::Daily,
            weekday: Weekday::Monday,
            start_at: MinuteOfDay::TWO,
            settings: RunSettings::default(),
            version: 0,
            created_at: 0,
            updated_at: 0,
        }
    }

    /// On which days it fires.
    pub fn cadence(&self) -> Cadence {
        Cadence::new(self.frequency, self.weekday)
    }

    /// The first firing strictly after `now`; `None` while it is off.
    pub fn next_after(&self, zone: SiteZone, now: Micros) -> Option<Micros> {
        self.is_enabled.then(|| self.cadence().next_after(zone, self.start_at, now))
    }

    /// The same as a crontab line of five fields.
    pub fn cron(&self) -> String {
        let minute = self.start_at.get();
        let day = match self.cadence() {
            Cadence::Daily => "*".to_owned(),
            Cadence::Weekly(day) => (1 + day as i32).to_string(),
        };
        format!("{} {} * * {day}", minute % 60, minute / 60)
    }
}

impl UpdateAutomationConfig {
    /// The config as it will be. Refuses: see [`ConfigError`], with every fault found.
    pub fn apply(&self, before: &AutomationConfig) -> Result<AutomationConfig, ConfigError> {
        if before.version != self.expected_version {
            return Err(ConfigError::VersionConflict { expected: self.expected_version, current: before.version });
        }
        let mut after = before.clone();
        let mut faults = Vec::new();
        after.is_enabled = self.is_enabled.unwrap_or(before.is_enabled);
        after.frequency = self.frequency.unwrap_or(before.frequency);
        after.weekday = self.weekday.unwrap_or(before.weekday);
        if let Some(minute) = self.start_minute {
            match MinuteOfDay::new(minute) {
                Some(minute) => after.start_at = minute,
                None => faults.push(ConfigFault::StartTimeOutOfRange(minute)),
            }
        }
        let settings = &mut after.settings;
        for (at, edit) in self.stages.iter().enumerate() {
            if self.stages.iter().take(at).any(|earlier| earlier.stage == edit.stage) {
                faults.push(ConfigFault::StageTwice(edit.stage));
            }
            for setting in settings.stages.iter_mut().filter(|setting| setting.stage == edit.stage) {
                setting.is_enabled = edit.is_enabled.unwrap_or(setting.is_enabled);
                setting.batch = edit.batch.unwrap_or(setting.batch);
                setting.cap = edit.cap.unwrap_or(setting.cap);
            }
        }
        settings.item_delay_s = self.item_delay_s.unwrap_or(settings.item_delay_s);
        settings.stage_delay_s = self.stage_delay_s.unwrap_or(settings.stage_delay_s);
        settings.items_in_flight = self.items_in_flight.unwrap_or(settings.items_in_flight);
        settings.credit_cap = self.credit_cap.unwrap_or(settings.credit_cap);
        settings.resumes_on_top_up = self.resumes_on_top_up.unwrap_or(settings.resumes_on_top_up);
        settings.active_hours_max = self.active_hours_max.unwrap_or(settings.active_hours_max);
        faults.extend(settings.faults());
        if faults.is_empty() { Ok(after) } else { Err(ConfigError::Faults(faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{instant_of, zone};

    fn config() -> AutomationConfig {
        AutomationConfig::default_of(Uuid::from_u128(1), Uuid::from_u128(2))
    }

    fn edit() -> UpdateAutomationConfig {
        UpdateAutomationConfig::default()
    }

    #[test]
    fn a_site_that_said_nothing_has_the_defaults_of_the_product() {
        let config = config();
        assert!(!config.is_enabled && config.version == 0);
        assert_eq!((config.frequency, config.start_at.to_string().as_str()), (Frequency::Daily, "02:00"));
        let settings = &config.settings;
        assert_eq!((settings.item_delay_s, settings.stage_delay_s, settings.items_in_flight), (1, 3, 1));
        assert_eq!((settings.credit_cap, settings.resumes_on_top_up, settings.active_hours_max), (None, false, 24));
        assert_eq!(settings.faults(), []);
        assert_eq!(RunSettings::from_json(&settings.to_json()).as_ref(), Some(settings));
        assert_eq!(stages_from_json(&stages_to_json(&settings.stages)).as_ref(), Some(&settings.stages));
        assert_eq!(RunSettings::from_json("{}"), None);
    }

    #[test]
    fn every_fault_is_named_with_its_field_and_limit() {
        let stage = |stage, batch, cap| EditStage { stage, is_enabled: None, batch, cap };
        let wrong = UpdateAutomationConfig {
            start_minute: Some(1440),
            stages: vec![stage(Stage::Cluster, Some(1), Some(0)), stage(Stage::Images, Some(2), None)],
            item_delay_s: Some(-1),
            stage_delay_s: Some(61),
            items_in_flight: Some(5),
            credit_cap: Some(Some(0)),
            active_hours_max: Some(169),
            ..edit()
        };
        let Err(ConfigError::Faults(faults)) = wrong.apply(&config()) else { panic!("it was taken") };
        let told: Vec<(&str, String)> = faults.iter().map(|fault| (fault.field(), fault.to_string())).collect();
        let expected = [
            ("startTime", "0–1439"),
            ("stages", "2–40"),
            ("stages", "1–2000"),
            ("stages", "1–1"),
            ("itemDelaySeconds", "0–60"),
            ("stageDelaySeconds", "0–60"),
            ("itemsInFlight", "1–4"),
            ("creditCap", "1–1000000000000"),
            ("activeHoursMax", "1–168"),
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for ((field, text), (wanted, limit)) in told.iter().zip(expected) {
            assert!(*field == wanted && text.contains(limit), "{field}: {text}");
        }
        let twice = UpdateAutomationConfig {
            stages: vec![stage(Stage::Ideas, None, Some(1)), stage(Stage::Ideas, None, Some(2))],
            ..edit()
        };
        assert_eq!(twice.apply(&config()), Err(ConfigError::Faults(vec![ConfigFault::StageTwice(Stage::Ideas)])));
    }

    #[test]
    fn takes_each_limit() {
        for (delay, in_flight, cap, hours) in [(0, 1, Some(1), 1), (60, 4, Some(CREDIT_CAP_MAX), 168)] {
            let edit = UpdateAutomationConfig {
                item_delay_s: Some(delay),
                stage_delay_s: Some(delay),
                items_in_flight: Some(in_flight),
                credit_cap: Some(cap),
                active_hours_max: Some(hours),
                ..edit()
            };
            let after = edit.apply(&config()).unwrap();
            assert_eq!((after.settings.item_delay_s, after.settings.credit_cap), (delay, cap));
        }
        let stale = UpdateAutomationConfig { expected_version: 3, ..edit() };
        assert_eq!(stale.apply(&config()), Err(ConfigError::VersionConflict { expected: 3, current: 0 }));
    }

    // REQ-B-36
    #[test]
    fn the_next_run_is_reckoned_in_the_site_s_zone_and_only_while_it_is_on() {
        let mut config = config();
        let (zone, now) = (zone("Europe/Berlin"), instant_of("2026-03-28 12:00"));
        assert_eq!(config.next_after(zone, now), None);
        config.is_enabled = true;
        config.start_at = MinuteOfDay::new(150).unwrap();
        assert_eq!(config.next_after(zone, now), Some(instant_of("2026-03-29 01:30")), "02:30 does not exist");
        assert_eq!(config.cron(), "30 2 * * *");
        config.frequency = Frequency::Weekly;
        config.weekday = Weekday::Sunday;
        assert_eq!((config.cron().as_str(), config.start_at.get()), ("30 2 * * 7", 150));
    }
}
