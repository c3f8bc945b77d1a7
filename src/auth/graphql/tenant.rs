//! Making accounts, and suspending them, in the API.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::types::Account;
use crate::{
    auth::{
        Auth,
        model::{AccountState, AccountStateError, CreateAccount, CreateAccountError, StateReason},
    },
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
    },
    viewer::{Feature, Level},
};

/// Which account is made.
#[derive(InputObject)]
pub struct CreateAccountInput {
    /// Its name, 1–100 characters.
    pub name: String,
}

/// What `createAccount` did.
#[derive(SimpleObject)]
pub struct CreateAccountPayload {
    /// The account, without credits, whose OWNER is the viewer; null when refused.
    pub account: Option<Account>,
    /// Why it was refused: `NAME_INVALID`, `TOO_MANY_ACCOUNTS`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Which account takes no new work.
#[derive(InputObject)]
pub struct SuspendAccountInput {
    /// Which.
    pub account_id: ID,
    /// Why, 1–500 characters, for the audit trail.
    pub reason: String,
}

/// What `suspendAccount` did.
#[derive(SimpleObject)]
pub struct SuspendAccountPayload {
    /// The account, suspended; null when refused.
    pub account: Option<Account>,
    /// Why it was refused: `NOT_FOUND`, `REASON_MISSING`, `REASON_TOO_LONG`. Empty when it was done, or was so already.
    pub user_errors: Vec<UserError>,
}

/// Which account takes work again.
#[derive(InputObject)]
pub struct ReactivateAccountInput {
    /// Which.
    pub account_id: ID,
    /// Why, 1–500 characters, for the audit trail.
    pub reason: String,
}

/// What `reactivateAccount` did.
#[derive(SimpleObject)]
pub struct ReactivateAccountPayload {
    /// The account, in use; null when refused.
    pub account: Option<Account>,
    /// Why it was refused: `NOT_FOUND`, `ACCOUNT_CLOSED`, `REASON_MISSING`, `REASON_TOO_LONG`. Empty when it was done, or was so
    /// already.
    pub user_errors: Vec<UserError>,
}

fn state_refusal(refused: AccountStateError) -> UserError {
    let (code, field) = match refused {
        AccountStateError::NotFound => (UserErrorCode::NotFound, "accountId"),
        AccountStateError::ReasonMissing => (UserErrorCode::ReasonMissing, "reason"),
        AccountStateError::ReasonTooLong => (UserErrorCode::ReasonTooLong, "reason"),
        AccountStateError::Closed => (UserErrorCode::AccountClosed, "accountId"),
    };
    UserError::new(code, refused.to_string(), &["input", field])
}

/// The account, or why it stays as it is.
async fn change_state(
    ctx: &Context<'_>,
    (account, reason): (&ID, &str),
    state: AccountState,
) -> Result<(Option<Account>, Vec<UserError>), Error> {
    let request = request(ctx)?;
    let right = request.viewer.may(Feature::UsersManage, Level::Admin)?;
    let account = node::decode(NodeKind::Account, account, &["input", "accountId"])?;
    let done = match StateReason::new(reason) {
        Ok(reason) => {
            let request_id = Some(request.request_id.to_string());
            service::<Auth>(ctx)?.change_account_state(right, account, (state, reason), request_id).await
        }
        Err(refused) => Err(Failure::Refused(refused)),
    };
    match done {
        Ok(account) => Ok((Some(Account(account)), Vec::new())),
        Err(Failure::Refused(refused)) => Ok((None, vec![state_refusal(refused)])),
        Err(Failure::Fault(error)) => Err(error),
    }
}

/// Mutations that make accounts, and suspend them.
#[derive(Default)]
pub struct TenantMutation;

#[Object]
impl TenantMutation {
    /// Makes an account beside the personal one, to be shared with others. A person owns at most 10 such accounts when making
    /// another.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn create_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: CreateAccountInput,
    ) -> Result<Option<CreateAccountPayload>> {
        let request = request(ctx)?;
        let right = request.viewer.signed_in()?;
        let done = match CreateAccount::new(&input.name) {
            Ok(command) => {
                service::<Auth>(ctx)?.create_account(right, command, Some(request.request_id.to_string())).await
            }
            Err(refused) => Err(Failure::Refused(refused)),
        };
        match done {
            Ok(account) => Ok(Some(CreateAccountPayload { account: Some(Account(account)), user_errors: Vec::new() })),
            Err(Failure::Refused(refused)) => {
                let (code, path): (_, &[&str]) = match refused {
                    CreateAccountError::NameInvalid => (UserErrorCode::NameInvalid, &["input", "name"]),
                    CreateAccountError::TooMany => (UserErrorCode::TooManyAccounts, &[]),
                };
                let error = UserError::new(code, refused.to_string(), path);
                Ok(Some(CreateAccountPayload { account: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Closes an account to new work: AI commands and runs are refused with `ACCOUNT_SUSPENDED`, runs pause, nothing is
    /// published. What is under way ends as usual; members look and edit; credits can be given and taken back.
    #[graphql(guard = "MutationPolicy", visible = "visible::users_manage")]
    async fn suspend_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account, and why.")] input: SuspendAccountInput,
    ) -> Result<Option<SuspendAccountPayload>> {
        let asked = (&input.account_id, input.reason.as_str());
        let (account, user_errors) = change_state(ctx, asked, AccountState::Suspended).await?;
        Ok(Some(SuspendAccountPayload { account, user_errors }))
    }

    /// Opens a suspended account again. Its runs stay paused until a member resumes them.
    #[graphql(guard = "MutationPolicy", visible = "visible::users_manage")]
    async fn reactivate_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account, and why.")] input: ReactivateAccountInput,
    ) -> Result<Option<ReactivateAccountPayload>> {
        let asked = (&input.account_id, input.reason.as_str());
        let (account, user_errors) = change_state(ctx, asked, AccountState::Active).await?;
        Ok(Some(ReactivateAccountPayload { account, user_errors }))
    }
}
