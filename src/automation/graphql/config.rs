//! `AutomationConfig`, and its edits.

use async_graphql::{
    Context, Enum, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject, dataloader::DataLoader,
};

use super::{
    loader::{AutomationLoader, ConfigOf, LastRunOf, NextOf},
    types::{AutomationRun, AutomationStage},
};
use crate::{
    automation::{
        Automation,
        model::{self, ConfigError, EditStage, UpdateAutomationConfig},
    },
    calendar::MinuteOfDay,
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode, answer},
        guard::{MutationPolicy, visible},
        patch::{clearable, kept},
        scalars::{Credits, DateTime, SafeInt},
    },
    site::{
        self,
        graphql::{Site, SiteSchedule, Weekday, edited_site},
    },
};

/// How often runs start by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::calendar::Frequency")]
pub enum AutomationFrequency {
    /// Every local day.
    Daily,
    /// Once a week.
    Weekly,
}

/// What a site says of one stage.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct AutomationStageSetting {
    /// Which.
    stage: AutomationStage,
    /// Whether it costs nothing, since no AI model has a part in it.
    is_local: bool,
    /// Whether runs go through it.
    is_enabled: bool,
    /// How many items one step takes at most.
    batch: i32,
    /// How many items one run takes at most.
    cap: i32,
}

impl From<model::StageSetting> for AutomationStageSetting {
    fn from(setting: model::StageSetting) -> Self {
        Self {
            stage: setting.stage.into(),
            is_local: setting.stage.is_local(),
            is_enabled: setting.is_enabled,
            batch: setting.batch,
            cap: setting.cap,
        }
    }
}

/// How a site's runs go. A site that never said has the defaults.
pub struct AutomationConfig {
    config: model::AutomationConfig,
    site: site::Site,
}

impl AutomationConfig {
    /// The config of a site that the caller holds.
    pub async fn of(ctx: &Context<'_>, site: &site::Site) -> Result<Self, Error> {
        let found = service::<DataLoader<AutomationLoader>>(ctx)?.load_one(ConfigOf(site.id)).await?;
        let config = found.unwrap_or_else(|| model::AutomationConfig::default_of(site.id, site.account_id));
        Ok(Self { config, site: site.clone() })
    }
}

/// How a site's runs go. A site that never said has the defaults.
#[Object]
impl AutomationConfig {
    /// The site.
    async fn site(&self) -> Site {
        Site(self.site.clone())
    }

    /// Whether runs start by themselves.
    async fn is_enabled(&self) -> bool {
        self.config.is_enabled
    }

    /// How often.
    async fn frequency(&self) -> AutomationFrequency {
        self.config.frequency.into()
    }

    /// On which day of the week; counts for `WEEKLY` alone.
    async fn weekday(&self) -> Weekday {
        self.config.weekday.into()
    }

    /// When on the site's local day, such as 02:00.
    async fn start_time(&self) -> String {
        self.config.start_at.to_string()
    }

    /// What it says of each stage, in order: always seven.
    async fn stages(&self) -> Vec<AutomationStageSetting> {
        self.config.settings.stages.iter().copied().map(Into::into).collect()
    }

    /// How long a run waits between two steps of a stage, seconds, 0–60.
    async fn item_delay_seconds(&self) -> i32 {
        self.config.settings.item_delay_s
    }

    /// How long a run waits between two stages, seconds, 0–60.
    async fn stage_delay_seconds(&self) -> i32 {
        self.config.settings.stage_delay_s
    }

    /// How many steps are at work at once, 1–4, each with a hold of its own.
    async fn items_in_flight(&self) -> i32 {
        self.config.settings.items_in_flight
    }

    /// The most credits that one run may use; null for no cap.
    async fn credit_cap(&self) -> Option<Credits> {
        self.config.settings.credit_cap.map(Credits)
    }

    /// Whether a run that was paused for lack of credits goes on by itself when there are enough.
    async fn resumes_on_top_up(&self) -> bool {
        self.config.settings.resumes_on_top_up
    }

    /// How long a run may be at work, hours, 1–168; pauses do not count.
    async fn active_hours_max(&self) -> i32 {
        self.config.settings.active_hours_max
    }

    /// Whether finished content is approved without a person, as the site says now.
    async fn auto_approve(&self) -> bool {
        self.site.settings.auto_approve
    }

    /// Whether approved content gets the next slot, as the site says now.
    async fn auto_schedule(&self) -> bool {
        self.site.settings.auto_schedule
    }

    /// When the site gives slots, as it says now.
    async fn schedule(&self) -> SiteSchedule {
        SiteSchedule::from(&self.site.settings.schedule)
    }

    /// When the next run starts by itself; null while none does.
    async fn next_run_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        let next = service::<DataLoader<AutomationLoader>>(ctx)?.load_one(NextOf(self.site.id)).await?;
        Ok(next.map(DateTime))
    }

    /// The newest run, however it was started; null before the first.
    async fn last_run(&self, ctx: &Context<'_>) -> Result<Option<AutomationRun>> {
        let last = service::<DataLoader<AutomationLoader>>(ctx)?.load_one(LastRunOf(self.site.id)).await?;
        Ok(last.map(AutomationRun))
    }

    /// Raised by every edit; an edit names the one it was made from. 0 while the site never said anything.
    async fn version(&self) -> SafeInt {
        SafeInt(self.config.version)
    }
}

/// What changes about a stage; what is omitted stays.
#[derive(Debug, InputObject)]
pub struct AutomationStageSettingInput {
    /// Which.
    stage: AutomationStage,
    /// Whether runs go through it; it cannot be cleared.
    is_enabled: MaybeUndefined<bool>,
    /// How many items one step takes at most; it cannot be cleared. `CLUSTER` 2–40, `CONTENT_TASKS` and `REVIEW` 1–50, others 1.
    batch: MaybeUndefined<i32>,
    /// How many items one run takes at most; it cannot be cleared. `CLUSTER` 1–2000, others 1–500.
    cap: MaybeUndefined<i32>,
}

/// What changes about how a site's runs go; what is omitted stays. Runs that have started keep what they started with.
#[derive(Debug, InputObject)]
pub struct UpdateAutomationConfigInput {
    /// Which site; the viewer must be an EDITOR or OWNER of its account.
    site_id: ID,
    /// The `version` that was read; another one is `VERSION_CONFLICT`.
    expected_version: SafeInt,
    /// Whether runs start by themselves; it cannot be cleared.
    is_enabled: MaybeUndefined<bool>,
    /// How often; it cannot be cleared.
    frequency: MaybeUndefined<AutomationFrequency>,
    /// On which day, for `WEEKLY`; it cannot be cleared.
    weekday: MaybeUndefined<Weekday>,
    /// When on the site's local day: two digits, a colon, two digits, such as 02:00; it cannot be cleared.
    start_time: MaybeUndefined<String>,
    /// Stages that change; it cannot be cleared.
    stages: MaybeUndefined<Vec<AutomationStageSettingInput>>,
    /// Seconds between two steps of a stage, 0–60; it cannot be cleared.
    item_delay_seconds: MaybeUndefined<i32>,
    /// Seconds between two stages, 0–60; it cannot be cleared.
    stage_delay_seconds: MaybeUndefined<i32>,
    /// How many steps at once, 1–4; it cannot be cleared.
    items_in_flight: MaybeUndefined<i32>,
    /// The most credits of one run, 1 or more; null takes the cap away.
    credit_cap: MaybeUndefined<Credits>,
    /// Whether a run goes on by itself after a top-up; it cannot be cleared.
    resumes_on_top_up: MaybeUndefined<bool>,
    /// How long a run may be at work, hours, 1–168; it cannot be cleared.
    active_hours_max: MaybeUndefined<i32>,
}

/// What `updateAutomationConfig` did.
#[derive(SimpleObject)]
pub struct UpdateAutomationConfigPayload {
    /// The config; null when refused.
    config: Option<AutomationConfig>,
    /// Why it was refused: `VERSION_CONFLICT`, `CONFIG_INVALID` for each fault. Empty when it was done.
    user_errors: Vec<UserError>,
}

impl UpdateAutomationConfigInput {
    fn edit(self) -> Result<UpdateAutomationConfig, Error> {
        let start_minute = kept(self.start_time, "startTime")?.map(|text| {
            let minute = MinuteOfDay::parse(text.trim()).map(MinuteOfDay::get);
            let message = "`startTime` is a time from 00:00 to 23:59: two digits, a colon, two digits.";
            minute.ok_or_else(|| Error::bad_input(message, &["input", "startTime"]))
        });
        let stages = kept(self.stages, "stages")?.unwrap_or_default().into_iter().map(|stage| {
            Ok(EditStage {
                stage: stage.stage.into(),
                is_enabled: kept(stage.is_enabled, "isEnabled")?,
                batch: kept(stage.batch, "batch")?,
                cap: kept(stage.cap, "cap")?,
            })
        });
        Ok(UpdateAutomationConfig {
            expected_version: self.expected_version.0,
            is_enabled: kept(self.is_enabled, "isEnabled")?,
            frequency: kept(self.frequency, "frequency")?.map(Into::into),
            weekday: kept(self.weekday, "weekday")?.map(Into::into),
            start_minute: start_minute.transpose()?,
            stages: stages.collect::<Result<_, Error>>()?,
            item_delay_s: kept(self.item_delay_seconds, "itemDelaySeconds")?,
            stage_delay_s: kept(self.stage_delay_seconds, "stageDelaySeconds")?,
            items_in_flight: kept(self.items_in_flight, "itemsInFlight")?,
            credit_cap: clearable(self.credit_cap).map(|cap| cap.map(|cap| cap.0)),
            resumes_on_top_up: kept(self.resumes_on_top_up, "resumesOnTopUp")?,
            active_hours_max: kept(self.active_hours_max, "activeHoursMax")?,
        })
    }
}

fn config_error(refusal: &ConfigError) -> UserError {
    let small = |version: i64| i32::try_from(version).unwrap_or(i32::MAX);
    match refusal {
        ConfigError::VersionConflict { expected, current } => {
            UserError::conflicting(refusal.to_string(), small(*expected), small(*current))
        }
        ConfigError::Faults(_) => UserError::new(UserErrorCode::ConfigInvalid, refusal.to_string(), &["input"]),
    }
}

/// Mutations of configs.
#[derive(Default)]
pub struct AutomationConfigMutation;

#[Object]
impl AutomationConfigMutation {
    /// Changes how a site's runs go, from the next one on.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_automation_config(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site's, and what changes.")] input: UpdateAutomationConfigInput,
    ) -> Result<Option<UpdateAutomationConfigPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let request_id = Some(request(ctx)?.request_id.to_string());
        let changed =
            service::<Automation>(ctx)?.update_automation_config(right, &site, input.edit()?, request_id).await;
        let (config, user_errors) = match changed {
            Err(Failure::Refused(ConfigError::Faults(faults))) => {
                let error = |fault: &model::ConfigFault| {
                    UserError::new(UserErrorCode::ConfigInvalid, fault.to_string(), &["input", fault.field()])
                };
                (None, faults.iter().map(error).collect())
            }
            changed => answer(changed, config_error)?,
        };
        let config = config.map(|config| AutomationConfig { config, site });
        Ok(Some(UpdateAutomationConfigPayload { config, user_errors }))
    }
}
