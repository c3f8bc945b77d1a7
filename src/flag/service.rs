//! Setting and clearing flags at run time, and keeping this process at what the table says.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseTransaction;
use serde_json::json;
use tokio::{
    sync::{Mutex, broadcast::error::RecvError},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Environment, Flag, Override, Standing, Switches, store};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    bus::{Bus, Hint},
    clock::{Clock, Micros, to_rfc3339},
    db::Db,
    error::{Error, Failure, Internal},
    ids::Ids,
    viewer::{Feature, FeatureRight, Level},
};

/// The topic of hints that a flag was set or cleared.
const TOPIC: &str = "flag";

/// How often every process looks without a hint.
const PERIOD: Duration = Duration::from_secs(2);

/// The most characters of a reason.
pub const REASON_CHARS_MAX: usize = 500;

/// Sets a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetFlag {
    /// Which one.
    pub flag: Flag,
    /// To what.
    pub is_on: bool,
    /// Why, 1–500 characters.
    pub reason: String,
    /// From when on it counts no more; `None` is until it is cleared.
    pub expires_at: Option<Micros>,
}

/// Why a flag was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetFlagError {
    /// There is no reason.
    #[error("Say why: the reason is blank.")]
    ReasonMissing,
    /// The reason is too long.
    #[error("The reason has more than {REASON_CHARS_MAX} characters. Shorten it.")]
    ReasonTooLong,
    /// It would not count for a moment.
    #[error("The expiry is not in the future. Give a later one, or none.")]
    ExpiryPassed,
}

/// Why a flag was not cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClearFlagError {
    /// There is no reason.
    #[error("Say why: the reason is blank.")]
    ReasonMissing,
    /// The reason is too long.
    #[error("The reason has more than {REASON_CHARS_MAX} characters. Shorten it.")]
    ReasonTooLong,
}

impl From<ClearFlagError> for SetFlagError {
    fn from(error: ClearFlagError) -> Self {
        match error {
            ClearFlagError::ReasonMissing => Self::ReasonMissing,
            ClearFlagError::ReasonTooLong => Self::ReasonTooLong,
        }
    }
}

fn reason(text: &str) -> Result<String, ClearFlagError> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(ClearFlagError::ReasonMissing),
        count if count > REASON_CHARS_MAX => Err(ClearFlagError::ReasonTooLong),
        _ => Ok(text.to_owned()),
    }
}

/// What flags are made of.
pub struct FlagsParts {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn Ids>,
    /// Hints to other processes.
    pub bus: Arc<dyn Bus>,
    /// What the environment of this process says.
    pub environment: Environment,
}

/// Flags. Cloning is cheap.
#[derive(Clone)]
pub struct Flags {
    parts: Arc<FlagsParts>,
    switches: Switches,
    /// One look at a time, so that an older one never comes after a newer.
    turn: Arc<Mutex<()>>,
}

/// A change under way.
struct Act {
    flag: Flag,
    set: Option<Override>,
    reason: String,
    actor: Actor,
    entry_id: Uuid,
    request_id: Option<String>,
    now: Micros,
}

impl Act {
    async fn carry_out(&self, tx: &DatabaseTransaction) -> Result<(), Internal> {
        let before = store::lock_override(tx, self.flag).await?;
        match &self.set {
            Some(set) => store::update_override(tx, self.flag, set, self.actor).await?,
            None if before.is_none() => return Ok(()),
            None => store::delete_override(tx, self.flag).await?,
        }
        let told = |set: &Override, why: &str| {
            let expires_at = set.expires_at.map(to_rfc3339);
            json!({"flag": self.flag.as_str(), "isOn": set.is_on, "reason": why, "expiresAt": expires_at}).to_string()
        };
        let cleared = || json!({"flag": self.flag.as_str(), "isOn": null, "reason": self.reason}).to_string();
        let entry = Entry {
            id: self.entry_id,
            account_id: None,
            actor: self.actor,
            action: if self.set.is_some() { "flag.set" } else { "flag.clear" },
            target_kind: "flag",
            target_id: None,
            before: before.map(|set| told(&set, &set.reason)),
            after: Some(self.set.as_ref().map_or_else(cleared, |set| told(set, &self.reason))),
            request_id: self.request_id.clone(),
            at: self.now,
        };
        Ok(insert_entry(tx, &entry).await?)
    }
}

/// Service functions demand the right itself, so that no caller has one for something else.
fn demand(right: &FeatureRight) -> Result<(), Error> {
    let (feature, level) = (Feature::SystemSettingsManage, Level::Hero);
    let holds = right.feature == feature && right.who.is_none_or(|who| feature.level(who.role) >= level);
    if holds { Ok(()) } else { Err(Error::Forbidden { feature, level }) }
}

impl Flags {
    /// Puts the parts together; overrides are in force once [`Self::refresh`] has read them.
    pub fn new(parts: FlagsParts) -> Self {
        let switches = Switches::new(Arc::clone(&parts.clock), &parts.environment);
        Self { parts: Arc::new(parts), switches, turn: Arc::new(Mutex::new(())) }
    }

    /// The flags as they stand, for those who read them.
    pub fn switches(&self) -> Switches {
        self.switches.clone()
    }

    /// Whether `flag` is on now. Reads nothing.
    pub fn is_on(&self, flag: Flag) -> bool {
        self.switches.is_on(flag)
    }

    /// Refuses `FeatureDisabled` while `flag` is off. Reads nothing.
    pub fn require(&self, flag: Flag) -> Result<(), Error> {
        self.switches.require(flag)
    }

    /// Every flag with its layers, as the table is now.
    pub async fn list(&self) -> Result<Vec<Standing>, Error> {
        let overrides = store::list_overrides(self.parts.db.reader()).await?;
        let at = self.parts.clock.now();
        let standing = |flag: &Flag| Standing {
            flag: *flag,
            overridden: overrides.iter().find(|(of, _)| of == flag).map(|(_, set)| set.clone()),
            environment: self.parts.environment.value(*flag),
            at,
        };
        Ok(Flag::ALL.iter().map(standing).collect())
    }

    /// Sets a flag, in force here at once and in every other process within five seconds. Answers how it stands; repeating it
    /// sets it again. Refuses: see [`SetFlagError`]; `Forbidden` when the right is of another feature.
    pub async fn set_flag(
        &self,
        right: FeatureRight,
        command: SetFlag,
        request_id: Option<String>,
    ) -> Result<Standing, Failure<SetFlagError>> {
        demand(&right)?;
        let now = self.parts.clock.now();
        let reason = reason(&command.reason).map_err(|error| Failure::Refused(error.into()))?;
        if command.expires_at.is_some_and(|end| end <= now) {
            return Err(Failure::Refused(SetFlagError::ExpiryPassed));
        }
        let set = Override {
            is_on: command.is_on,
            reason: reason.clone(),
            set_by: right.who.map(|who| who.user_id),
            set_at: now,
            expires_at: command.expires_at,
        };
        Ok(self.change(right, command.flag, Some(set), reason, request_id).await?)
    }

    /// Takes away what was set for a flag, so that the environment or its default counts again. Where nothing was set, nothing
    /// changes. Refuses: see [`ClearFlagError`]; `Forbidden` when the right is of another feature.
    pub async fn clear_flag(
        &self,
        right: FeatureRight,
        flag: Flag,
        why: &str,
        request_id: Option<String>,
    ) -> Result<Standing, Failure<ClearFlagError>> {
        demand(&right)?;
        let reason = reason(why).map_err(Failure::Refused)?;
        Ok(self.change(right, flag, None, reason, request_id).await?)
    }

    async fn change(
        &self,
        right: FeatureRight,
        flag: Flag,
        set: Option<Override>,
        reason: String,
        request_id: Option<String>,
    ) -> Result<Standing, Error> {
        let FlagsParts { db, clock, ids, bus, environment } = self.parts.as_ref();
        let now = clock.now();
        let actor = Actor::from(right);
        let act = Act { flag, set, reason, actor, entry_id: ids.uuid(), request_id, now };
        let overridden = db
            .write(act, |tx, act| {
                Box::pin(async move {
                    act.carry_out(tx).await?;
                    Ok::<_, Failure<crate::error::Never>>(act.set.clone())
                })
            })
            .await?;
        // The look puts in force what is there by now, which another process may have changed since.
        self.refresh().await;
        bus.publish(Hint {
            topic: TOPIC.to_owned(),
            key: flag.as_str().to_owned(),
            sequence: 0,
            origin: bus.origin().to_owned(),
            body: String::new(),
        });
        tracing::info!(flag = flag.as_str(), is_on = self.is_on(flag), "a flag was changed");
        Ok(Standing { flag, overridden, environment: environment.value(flag), at: now })
    }

    /// Puts in force what the table says now. When it cannot be read, what was in force stays so.
    pub async fn refresh(&self) {
        let _turn = self.turn.lock().await;
        match store::list_overrides(self.parts.db.reader()).await {
            Ok(overrides) => {
                for flag in Flag::ALL {
                    let set = overrides.iter().find(|(of, _)| of == flag).map(|(_, set)| set);
                    self.switches.put(*flag, set);
                }
            }
            Err(error) => tracing::warn!(error = %error, "the flags could not be read; they stay as they were"),
        }
    }

    /// Follows the table until `stop`: at a hint, and every two seconds.
    pub async fn watch(self, stop: CancellationToken) {
        let mut hints = self.parts.bus.subscribe();
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                hint = hints.recv() => match hint {
                    Ok(hint) if hint.topic != TOPIC => continue,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    // The bus is gone; the period goes on.
                    Err(RecvError::Closed) => { period.tick().await; }
                },
                _ = period.tick() => {}
            }
            self.refresh().await;
        }
    }
}
