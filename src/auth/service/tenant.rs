//! Making accounts, and suspending them.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::Auth;
use crate::{
    audit::{Actor, Trace, store::insert_entry},
    auth::{
        model::{
            Account, AccountState, AccountStateError, CreateAccount, CreateAccountError, MemberRole,
            OWNED_ACCOUNTS_MAX, StateReason,
        },
        store,
    },
    error::{Error, Failure, Internal},
    viewer::{Feature, FeatureRight, Level, SignedInRight},
};

impl Auth {
    /// Makes an account without credits, whose OWNER is the viewer. Refuses: `TooMany` beyond 10 accounts that the viewer
    /// owns; of several that come at once no more than that are made.
    pub async fn create_account(
        &self,
        right: SignedInRight,
        command: CreateAccount,
        request_id: Option<String>,
    ) -> Result<Account, Failure<CreateAccountError>> {
        let (ids, now, owner) = (self.0.ids.as_ref(), self.0.clock.now(), right.who().user_id);
        let account = Account {
            id: ids.uuid(),
            name: command.name().to_owned(),
            personal_user_id: None,
            time_zone: "UTC".to_owned(),
            state: AccountState::Active,
            watermark_text: None,
            is_watermarked: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let trace = Trace { account_id: account.id, actor: Actor::User(owner), request_id, at: now };
        let context = (account, trace, ids.uuid(), self.0.ledger.clone());
        self.0
            .db
            .write(context, move |tx, (account, trace, entry_id, ledger)| {
                Box::pin(async move {
                    // The person's lock makes the count hold until the row is there.
                    store::user::lock_user(tx, owner).await?.ok_or(Failure::Fault(Error::NotFound))?;
                    if store::member::count_owned(tx, owner).await? >= u64::from(OWNED_ACCOUNTS_MAX) {
                        return Err(Failure::Refused(CreateAccountError::TooMany));
                    }
                    ledger.open_in(tx, account.id, now).await?;
                    let rows = [
                        store::account::account_effect(account),
                        store::account::member_effect(account.id, owner, MemberRole::Owner, now),
                    ];
                    store::write_effects(tx, &rows, now).await.map_err(Internal::from)?;
                    let words = [None, Some(account.name.clone())];
                    let entry = trace.entry(*entry_id, "account.create", ("account", account.id), words);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    Ok(account.clone())
                })
            })
            .await
    }

    /// Closes an account to new work, or opens it again, and answers it. What is under way goes on; runs pause. Credits can
    /// be given, taken back and refunded meanwhile. The state that it has already changes nothing. Refuses: `NotFound`,
    /// `Closed`; `Forbidden` when the right is of another feature.
    pub async fn change_account_state(
        &self,
        right: FeatureRight,
        target: Uuid,
        (state, reason): (AccountState, StateReason),
        request_id: Option<String>,
    ) -> Result<Account, Failure<AccountStateError>> {
        if right.feature != Feature::UsersManage {
            return Err(Error::Forbidden { feature: Feature::UsersManage, level: Level::Admin }.into());
        }
        let (entry_id, at) = (self.0.ids.uuid(), self.0.clock.now());
        let trace = Trace { account_id: target, actor: Actor::from(right), request_id, at };
        self.0
            .db
            .write((trace, reason), move |tx, (trace, reason)| {
                Box::pin(async move {
                    let found = store::account::lock_account(tx, target).await?;
                    let before = found.ok_or(Failure::Refused(AccountStateError::NotFound))?;
                    if before.state == state {
                        return Ok(before);
                    }
                    if state == AccountState::Active && is_closed(tx, target).await? {
                        return Err(Failure::Refused(AccountStateError::Closed));
                    }
                    store::member::update_state(tx, target, state, at).await?;
                    let (action, after) = match state {
                        AccountState::Suspended => ("account.suspend", state),
                        AccountState::Active => ("account.reactivate", state),
                    };
                    let after = serde_json::json!({"state": after.as_str(), "reason": reason.as_str()}).to_string();
                    let words = [Some(before.state.as_str().to_owned()), Some(after)];
                    let entry = trace.entry(entry_id, action, ("account", target), words);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    Ok(Account { state, version: before.version + 1, updated_at: at, ..before })
                })
            })
            .await
    }
}

/// An account without members was closed with its people.
async fn is_closed(tx: &DatabaseTransaction, account: Uuid) -> Result<bool, Error> {
    Ok(store::member::count_owners(tx, account).await? == 0)
}
