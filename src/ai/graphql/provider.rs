//! Provider settings and keys. A key has no field: it goes in and never comes out.

use async_graphql::{Context, Enum, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use secrecy::SecretString;

use super::{
    model::AiModelKind,
    registry::{setting_refusal, settings},
};
use crate::{
    ai::{
        Ai,
        service::{EditProvider, KeyChange, ProviderError, ProviderView},
    },
    error::{Error, Failure},
    graphql::{
        context::{request, service, viewer},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, QueryPolicy, visible},
        scalars::{DateTime, Json},
    },
    viewer::{Feature, Level},
};

/// Where a provider's key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ai::setup::KeySource")]
pub enum ProviderKeySource {
    /// An administrator entered it.
    Stored,
    /// The configuration of the process that answers has it.
    Configuration,
    /// There is none.
    None,
}

/// A setting that a provider's adapter takes.
#[derive(SimpleObject)]
pub struct ProviderSettingSpec {
    /// Its name.
    name: String,
    /// The kind of model it is for.
    kind: AiModelKind,
    /// What its value must be.
    expected: String,
    /// What it does.
    help: String,
}

/// A fault that is the operator's to mend, such as a key that is no longer accepted.
#[derive(SimpleObject)]
pub struct ProviderFault {
    /// `INVALID_API_KEY`, `UNAUTHORIZED`, `PROVIDER_FUNDS_EXHAUSTED` and the like.
    code: String,
    /// When it was met last.
    at: DateTime,
}

/// What is set for a provider of AI. Never its key.
pub struct ProviderSettings(ProviderView);

/// What is set for a provider of AI. Never its key.
#[Object]
impl ProviderSettings {
    /// The adapter's name, such as `openai`.
    async fn name(&self) -> &str {
        &self.0.setup.name
    }

    /// What its models make, at most 2.
    async fn kinds(&self) -> Vec<AiModelKind> {
        self.0.kinds.iter().copied().map(Into::into).collect()
    }

    /// Whether calls may be sent to it.
    async fn is_enabled(&self) -> bool {
        self.0.setup.is_enabled
    }

    /// Whether calls can be sent to it now: enabled, and with a key where it needs one.
    async fn is_set_up(&self) -> bool {
        self.0.state.is_ok()
    }

    /// Why calls cannot be sent to it; null when they can.
    async fn problem(&self) -> Option<String> {
        self.0.state.as_ref().err().map(ToString::to_string)
    }

    /// The base URL that an administrator set; null where none did.
    async fn base_url(&self) -> Option<&str> {
        self.0.setup.base_url.as_deref()
    }

    /// Where calls go: as set, else as configured; null for the provider's own address.
    async fn effective_base_url(&self) -> Option<&str> {
        self.0.effective_base_url.as_deref()
    }

    /// The settings of every call, an object by name. Those of a model and of a quality come on top.
    async fn settings(&self) -> Json {
        Json(serde_json::Value::Object(self.0.setup.settings.clone()))
    }

    /// The settings that its adapter takes, at most 100.
    async fn known_settings(&self, ctx: &Context<'_>) -> Result<Option<Vec<ProviderSettingSpec>>> {
        let ai = service::<Ai>(ctx)?;
        let specs = ai.setting_specs(&self.0.setup.name).into_iter();
        let shown =
            |(kind, spec): (crate::ai::model::ModelKind, crate::ai::provider::SettingSpec)| ProviderSettingSpec {
                name: spec.name.to_owned(),
                kind: kind.into(),
                expected: spec.kind.expected(),
                help: spec.help.to_owned(),
            };
        Ok(Some(specs.map(shown).collect()))
    }

    /// Where its key comes from.
    async fn key_source(&self) -> ProviderKeySource {
        self.0.key_source.into()
    }

    /// Tells stored keys apart and says nothing about them; null without one.
    async fn key_fingerprint(&self) -> Option<&str> {
        self.0.setup.key.as_ref().map(|key| key.fingerprint.as_str())
    }

    /// When the stored key was entered; null without one.
    async fn key_set_at(&self) -> Option<DateTime> {
        self.0.setup.key.as_ref().map(|key| DateTime(key.set_at))
    }

    /// The latest fault of the last 30 days that is the operator's to mend; null without one.
    async fn last_fault(&self) -> Option<ProviderFault> {
        let (code, at) = self.0.last_fault.clone()?;
        Some(ProviderFault { code, at: DateTime(at) })
    }

    /// Raised by every change, 0 before the first; give it as `expectedVersion`.
    async fn version(&self) -> i32 {
        self.0.setup.version
    }

    /// When it was changed last; null before the first change.
    async fn updated_at(&self) -> Option<DateTime> {
        self.0.setup.updated_at.map(DateTime)
    }
}

/// What changes about a provider; what is omitted stays.
#[derive(InputObject)]
pub struct UpdateProviderSettingsInput {
    /// The provider's name.
    provider: String,
    /// The `version` that was read; another one is `VERSION_CONFLICT`.
    expected_version: i32,
    /// Whether calls may be sent to it.
    is_enabled: Option<bool>,
    /// An http or https address without credentials, query or fragment, at most 500 characters, and none that is link-local;
    /// null for the usual one. One on another server needs `key` in the same call, where there is a key.
    base_url: MaybeUndefined<String>,
    /// All settings of every call, an object by name; unknown names are refused.
    settings: Option<Json>,
    /// Its key, 1–4096 visible ASCII characters: stored encrypted and never shown again. Null forgets the stored key.
    key: MaybeUndefined<String>,
}

/// What `updateProviderSettings` did.
#[derive(SimpleObject)]
pub struct UpdateProviderSettingsPayload {
    /// The provider as it is now; null when refused.
    provider: Option<ProviderSettings>,
    /// `PROVIDER_UNKNOWN`, `VERSION_CONFLICT`, `BASE_URL_INVALID`, `PROVIDER_KEY_REQUIRED`, `KEY_INVALID`, `SETTING_UNKNOWN`,
    /// `SETTING_INVALID`, `NOT_FOR_SANDBOX`.
    user_errors: Vec<UserError>,
}

fn refused(error: ProviderError) -> UserError {
    let text = error.to_string();
    let (code, path): (_, &[&str]) = match error {
        ProviderError::Unknown { .. } => (UserErrorCode::ProviderUnknown, &["input", "provider"]),
        ProviderError::VersionConflict { expected, current } => {
            return UserError::conflicting(text, expected, current);
        }
        ProviderError::BaseUrlInvalid | ProviderError::BaseUrlForbidden => {
            (UserErrorCode::BaseUrlInvalid, &["input", "baseUrl"])
        }
        ProviderError::KeyMissing => (UserErrorCode::ProviderKeyRequired, &["input", "key"]),
        ProviderError::KeyInvalid => (UserErrorCode::KeyInvalid, &["input", "key"]),
        ProviderError::Setting(fault) => return setting_refusal(&fault),
        ProviderError::NotForSandbox => (UserErrorCode::NotForSandbox, &["input"]),
    };
    UserError::new(code, text, path)
}

/// What is set for providers.
#[derive(Default)]
pub struct ProviderQuery;

#[Object]
impl ProviderQuery {
    /// Every provider of AI that this version has an adapter for, by name, at most 100. Keys are never shown.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_settings_view")]
    async fn provider_settings(&self, ctx: &Context<'_>) -> Result<Option<Vec<ProviderSettings>>> {
        Ok(Some(service::<Ai>(ctx)?.providers().await?.into_iter().map(ProviderSettings).collect()))
    }
}

/// Changes of what is set for providers.
#[derive(Default)]
pub struct ProviderMutation;

#[Object]
impl ProviderMutation {
    /// Changes what is set for a provider; in force with the next call in every process.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_settings_manage")]
    async fn update_provider_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which provider, and what changes.")] input: UpdateProviderSettingsInput,
    ) -> Result<Option<UpdateProviderSettingsPayload>> {
        let right = viewer(ctx)?.may(Feature::SystemSettingsManage, Level::Hero)?;
        let settings = match input.settings.map(|json| settings(Some(json), "settings")).transpose() {
            Ok(settings) => settings,
            Err(error) => {
                return Ok(Some(UpdateProviderSettingsPayload { provider: None, user_errors: vec![error] }));
            }
        };
        let edit = EditProvider {
            is_enabled: input.is_enabled,
            base_url: match input.base_url {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(text) => Some(Some(text)),
            },
            settings,
            key: match input.key {
                MaybeUndefined::Undefined => KeyChange::Keep,
                MaybeUndefined::Null => KeyChange::Clear,
                MaybeUndefined::Value(text) => KeyChange::Set(SecretString::from(text)),
            },
        };
        let request_id = Some(request(ctx)?.request_id.to_string());
        let ai = service::<Ai>(ctx)?;
        let done = ai.update_provider(right, &input.provider, input.expected_version, edit, request_id).await;
        Ok(Some(match done {
            Ok(view) => {
                UpdateProviderSettingsPayload { provider: Some(ProviderSettings(view)), user_errors: Vec::new() }
            }
            Err(Failure::Refused(refusal)) => {
                UpdateProviderSettingsPayload { provider: None, user_errors: vec![refused(refusal)] }
            }
            Err(Failure::Fault(error)) => return Err(Error::into(error)),
        }))
    }
}
