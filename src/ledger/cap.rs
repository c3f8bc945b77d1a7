//! Caps on spending: an owner sets them, the ledger judges every hold by them in the step that takes it.

use uuid::Uuid;

use super::{
    Ledger,
    model::{Cap, CapPeriod, CapScope, ISSUED_MAX, UNCAPPED},
    store,
    tenant::{OwnedAccount, Tenants},
};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    clock::Micros,
    error::{Error, Failure, Internal},
    ids::Ids,
};

/// The command: what an account, or one member of it, may spend in a period from now on.
#[derive(Debug, Clone)]
pub struct SetCap {
    /// Whose, and who asks.
    pub owned: OwnedAccount,
    /// The member; all that the account spends when `None`.
    pub member: Option<Uuid>,
    /// For how long it counts.
    pub period: CapPeriod,
    /// In credits. `None` takes the cap away.
    pub limit: Option<i64>,
    /// The request, for the audit row.
    pub request_id: String,
    /// When it was asked.
    pub now: Micros,
}

/// Why the cap stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CapError {
    /// Below 0 or above what an account can hold.
    #[error("A cap is from 0 to {} credits.", ISSUED_MAX - 1)]
    OutOfRange {
        /// What was given.
        limit: i64,
    },
    /// The person is not a member of the account.
    #[error("There is no such member.")]
    NoMember,
}

fn words(limit: i64) -> String {
    if limit == UNCAPPED { "none".to_owned() } else { limit.to_string() }
}

/// Gives an account or a member a cap, another limit, or none. What is held and spent in the present period counts already when there
/// was a cap before; a new one begins with nothing used. One below what is used admits nothing more, and takes nothing back.
pub async fn set_cap(
    ledger: &Ledger,
    (tenants, ids): (&dyn Tenants, &dyn Ids),
    command: SetCap,
) -> Result<(), Failure<CapError>> {
    let limit = command.limit.unwrap_or(UNCAPPED);
    if command.limit.is_some_and(|limit| !(0..UNCAPPED).contains(&limit)) {
        return Err(Failure::Refused(CapError::OutOfRange { limit }));
    }
    let account = command.owned.account();
    let (scope, subject) = match command.member {
        None => (CapScope::Account, account),
        // Who has left may have had a cap, which can still be taken away.
        Some(member) if command.limit.is_none() || tenants.has_member(account, member).await? => {
            (CapScope::Member, member)
        }
        Some(_) => return Err(Failure::Refused(CapError::NoMember)),
    };
    let (audit_id, id) = (ids.uuid(), ids.uuid());
    ledger
        .db()
        .write(command, move |tx, command| {
            Box::pin(async move {
                let mut found = store::lock_accounts(tx, &[account]).await?;
                let found = found.remove(&account).ok_or(Failure::Fault(Error::NotFound))?;
                let known = store::find_cap(tx, account, (scope, subject, command.period)).await?;
                let before = known.map_or(UNCAPPED, |cap| cap.limit);
                if before == limit {
                    return Ok(());
                }
                match known {
                    Some(cap) => store::update_limit(tx, cap.id, limit).await?,
                    None => {
                        let now = command.now.max(found.ledger_now);
                        let period_start = command.period.start(now);
                        let period = command.period;
                        let cap =
                            Cap { id, scope, subject, period, period_start, limit, held: 0, spent: 0, created_at: now };
                        store::insert_cap(tx, account, &cap).await?;
                    }
                }
                let target = format!("{} {} {}: ", scope.as_str(), subject, command.period.as_str());
                let entry = Entry {
                    id: audit_id,
                    account_id: Some(account),
                    actor: Actor::User(command.owned.owner()),
                    action: "credits.cap",
                    target_kind: "account",
                    target_id: Some(account),
                    before: Some(target.clone() + &words(before)),
                    after: Some(target + &words(limit)),
                    request_id: Some(command.request_id.clone()),
                    at: command.now,
                };
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(())
            })
        })
        .await
}
