//! Keys of servers.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::{
    auth::{
        Auth,
        model::{self, CreateApiKey, CreateApiKeyError},
    },
    connection,
    error::{Error, Failure},
    graphql::{
        context::{request, service, viewer},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::DateTime,
    },
    viewer::Scopes,
};

/// What a key may do. Each says what it opens; none contains another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::viewer::Scope")]
pub enum ApiKeyScope {
    /// Queries and subscriptions.
    Read,
    /// Changes that start no AI work and concern no other people.
    Write,
    /// AI work and automation runs, which spend credits.
    Generate,
    /// What the person may do beyond a USER; without it the key counts as one.
    Administer,
}

/// A key that servers use in the place of a session. Seen by its person alone.
#[derive(Debug, Clone)]
pub struct ApiKey(pub model::ApiKey);

impl ApiKey {
    /// The viewer's own key that was not revoked. Refuses: `Unauthenticated`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let right = viewer(ctx)?.signed_in()?;
        Ok(service::<Auth>(ctx)?.own_api_key(right, id).await?.map(Self))
    }
}

/// A key that servers use in the place of a session. Seen by its person alone.
#[Object]
impl ApiKey {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::ApiKey, self.0.id)
    }

    /// What it is called, 1–100 characters.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its first letters, to tell keys apart by.
    async fn hint(&self) -> &str {
        &self.0.hint
    }

    /// What it may do, at most 4.
    async fn scopes(&self) -> Vec<ApiKeyScope> {
        self.0.scopes.iter().map(Into::into).collect()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it ends by itself; null when only revoking ends it.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// When it was last used, known to the hour; null when it never was.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }
}

connection!(ApiKeyConnection, ApiKeyEdge, ApiKey, "keys of servers", |key: &ApiKey| key.0.id);

/// The key that is wanted.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// What it is called, 1–100 characters.
    pub name: String,
    /// What it may do, 1–4 scopes. What a mutation answers is shown to a key that may call it, also without READ.
    pub scopes: Vec<ApiKeyScope>,
    /// After how many days it ends by itself, 1–3650; omitted or null: only when it is revoked.
    pub expires_in_days: Option<i32>,
}

/// Which key ends.
#[derive(InputObject)]
pub struct RevokeApiKeyInput {
    /// Which.
    pub api_key_id: ID,
}

/// What `createApiKey` did.
#[derive(SimpleObject)]
pub struct CreateApiKeyPayload {
    /// The key; null when refused.
    pub api_key: Option<ApiKey>,
    /// What servers send as `Authorization: Bearer …` and in `connection_init`. It is told only here; null when refused.
    pub key: Option<String>,
    /// Why it was refused: `NAME_INVALID`, `SCOPES_EMPTY`, `EXPIRY_INVALID`, `API_KEYS_EXHAUSTED`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What `revokeApiKey` did.
#[derive(SimpleObject)]
pub struct RevokeApiKeyPayload {
    /// The key as it was; null when refused.
    pub api_key: Option<ApiKey>,
    /// Why it was refused: `NOT_FOUND`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

fn refusal(refusal: CreateApiKeyError) -> UserError {
    let (code, field) = match refusal {
        CreateApiKeyError::NameInvalid => (UserErrorCode::NameInvalid, "name"),
        CreateApiKeyError::ScopesEmpty => (UserErrorCode::ScopesEmpty, "scopes"),
        CreateApiKeyError::ExpiryInvalid => (UserErrorCode::ExpiryInvalid, "expiresInDays"),
        CreateApiKeyError::TooMany => {
            return UserError::new(UserErrorCode::ApiKeysExhausted, refusal.to_string(), &["input"]);
        }
    };
    UserError::new(code, refusal.to_string(), &["input", field])
}

/// Mutations of keys.
#[derive(Default)]
pub struct ApiKeyMutation;

#[Object]
impl ApiKeyMutation {
    /// Makes a key for a server, which stands for the viewer within its scopes. At most 50 of a person live at a time. A key
    /// cannot make keys.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: CreateApiKeyInput,
    ) -> Result<Option<CreateApiKeyPayload>> {
        let request = request(ctx)?;
        let right = request.viewer.signed_in()?;
        let scopes: Scopes = input.scopes.into_iter().map(Into::into).collect();
        let command = CreateApiKey { name: input.name, scopes, days: input.expires_in_days };
        match service::<Auth>(ctx)?.create_api_key(right, command, Some(request.request_id.to_string())).await {
            Ok((key, text)) => Ok(Some(CreateApiKeyPayload {
                api_key: Some(ApiKey(key)),
                key: Some(text.expose_secret().to_owned()),
                user_errors: Vec::new(),
            })),
            Err(Failure::Refused(refused)) => {
                Ok(Some(CreateApiKeyPayload { api_key: None, key: None, user_errors: vec![refusal(refused)] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Ends a key of the viewer. It counts from the next request on, and what is open by it closes within five seconds.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: RevokeApiKeyInput,
    ) -> Result<Option<RevokeApiKeyPayload>> {
        let request = request(ctx)?;
        let right = request.viewer.signed_in()?;
        let id = node::decode(NodeKind::ApiKey, &input.api_key_id, &["input", "apiKeyId"])?;
        match service::<Auth>(ctx)?.revoke_api_key(right, id, Some(request.request_id.to_string())).await {
            Ok(key) => Ok(Some(RevokeApiKeyPayload { api_key: Some(ApiKey(key)), user_errors: Vec::new() })),
            Err(Error::NotFound) => {
                let error =
                    UserError::new(UserErrorCode::NotFound, Error::NotFound.to_string(), &["input", "apiKeyId"]);
                Ok(Some(RevokeApiKeyPayload { api_key: None, user_errors: vec![error] }))
            }
            Err(error) => Err(error.into()),
        }
    }
}
