//! What the API shows of flags.

use async_graphql::{Context, Enum, Object, Result};

use crate::{
    auth::graphql::{User, person},
    flag::{Override, Standing},
    graphql::scalars::DateTime,
};

/// A flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::flag::Flag")]
pub enum FlagName {
    /// Charts of the administration.
    Charts,
    /// Objects in the cloud.
    CloudServices,
    /// Copies and marks of images.
    ImageProcessing,
    /// Steps of work, told as they are taken.
    Animations,
    /// Timings of fields and the store.
    PerformanceMonitoring,
}

/// How much hangs on a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::flag::Impact")]
pub enum FlagImpact {
    /// Something that people rely on.
    High,
    /// Something that people notice.
    Medium,
    /// A nicety, or something for operators.
    Low,
}

/// Which layer a flag's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::flag::Source")]
pub enum FlagSource {
    /// It was set at run time.
    Override,
    /// The environment of the process that answers.
    Environment,
    /// Nobody says anything.
    Default,
}

/// A flag with its three layers.
pub struct FeatureFlag(pub(super) Standing);

/// A flag with its three layers: what was set at run time counts before the environment, and that before the default.
#[Object]
impl FeatureFlag {
    /// Which one.
    async fn name(&self) -> FlagName {
        self.0.flag.into()
    }

    /// The value that counts.
    async fn is_on(&self) -> bool {
        self.0.effective().0
    }

    /// The layer that it comes from.
    async fn source(&self) -> FlagSource {
        self.0.effective().1.into()
    }

    /// What was set at run time; null when nothing was.
    #[graphql(name = "override")]
    async fn overridden(&self) -> Option<FlagOverride> {
        let set = self.0.overridden.clone()?;
        let is_expired = !set.counts(self.0.at);
        Some(FlagOverride { set, is_expired })
    }

    /// What the environment of the process that answers says; null when nothing that counts.
    async fn environment(&self) -> Option<bool> {
        self.0.environment
    }

    /// What it is when nobody says anything.
    async fn default(&self) -> bool {
        self.0.flag.default_value()
    }

    /// Its environment variable.
    async fn variable(&self) -> String {
        self.0.flag.variable()
    }

    /// How much hangs on it.
    async fn impact(&self) -> FlagImpact {
        self.0.flag.impact().into()
    }

    /// Whether the product lacks something essential while it is off.
    async fn is_critical(&self) -> bool {
        self.0.flag.is_critical()
    }

    /// What it switches.
    async fn description(&self) -> &str {
        self.0.flag.description()
    }

    /// What happens while it is off.
    async fn when_off(&self) -> &str {
        self.0.flag.when_off()
    }
}

/// What was set for a flag at run time.
pub struct FlagOverride {
    set: Override,
    is_expired: bool,
}

/// What was set for a flag at run time.
#[Object]
impl FlagOverride {
    /// The value.
    async fn is_on(&self) -> bool {
        self.set.is_on
    }

    /// Why.
    async fn reason(&self) -> &str {
        &self.set.reason
    }

    /// Who set it; null for the operator on the host, and for people who were deleted.
    async fn set_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.set.set_by).await?)
    }

    /// When.
    async fn set_at(&self) -> DateTime {
        DateTime(self.set.set_at)
    }

    /// From when on it counts no more; null until it is cleared.
    async fn expires_at(&self) -> Option<DateTime> {
        self.set.expires_at.map(DateTime)
    }

    /// Whether that time has come.
    async fn is_expired(&self) -> bool {
        self.is_expired
    }
}
