//! Caps on spending in the API.

use std::sync::Arc;

use async_graphql::{
    ComplexObject, Context, Enum, ID, InputObject, Object, Result, SimpleObject, dataloader::DataLoader,
};
use uuid::Uuid;

use super::loader::{CapsOf, LedgerLoader};
use crate::{
    app::Parts,
    auth::graphql::{Account, AccountMember, User, person},
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::{Credits, CreditsEntry, DateTime},
    },
    ledger::{
        CapError, Ledger, SetCap, Tenants,
        model::{Cap, CapPeriod, CapScope, Exceeded},
        set_cap,
    },
};

/// Whose spending a cap limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "CapScope")]
pub enum CreditCapScope {
    /// All that the account spends.
    Account,
    /// What one member asks for.
    Member,
}

/// For how long a cap counts. Days and months are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "CapPeriod")]
pub enum CreditCapPeriod {
    /// From midnight to midnight.
    Day,
    /// From the first of the month to the next.
    Month,
    /// For ever.
    Always,
}

/// A cap: the most that may be held and spent in a period.
#[derive(Debug, Clone, Copy, SimpleObject)]
#[graphql(complex)]
pub struct CreditCap {
    /// Whose spending it limits.
    pub scope: CreditCapScope,
    /// For how long it counts.
    pub period: CreditCapPeriod,
    /// The cap, 0 or more.
    pub limit: Credits,
    /// What is held by open work, since the period began.
    pub held: Credits,
    /// What was charged, since the period began. Refunds do not take it back.
    pub spent: Credits,
    /// What may still be held, 0 or more.
    pub room: Credits,
    /// When what is used no longer counts; null for a cap that counts for ever.
    pub resets_at: Option<DateTime>,
    #[graphql(skip)]
    account: Option<Uuid>,
    #[graphql(skip)]
    member: Option<Uuid>,
}

impl CreditCap {
    /// The cap of an account.
    pub fn of(account: Uuid, cap: Cap) -> Self {
        Self { account: Some(account), ..cap.into() }
    }
}

#[ComplexObject]
impl CreditCap {
    /// The member as one of the account; null for the account's own, for somebody who has left, and in quotes, whose caps are
    /// the viewer's.
    async fn account_member(&self, ctx: &Context<'_>) -> Result<Option<AccountMember>> {
        match (self.account, self.member) {
            (Some(account), Some(member)) => Ok(AccountMember::load(ctx, account, member).await?),
            _ => Ok(None),
        }
    }

    /// The person whom it limits; null for the account's own, for somebody who is no more, and to those who are neither them
    /// nor look at people: see `accountMember`.
    async fn member(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.member).await?)
    }
}

impl From<Cap> for CreditCap {
    fn from(cap: Cap) -> Self {
        Self {
            scope: cap.scope.into(),
            period: cap.period.into(),
            limit: Credits(cap.limit),
            held: Credits(cap.held),
            spent: Credits(cap.spent),
            room: Credits(cap.room()),
            resets_at: cap.resets_at().map(DateTime),
            account: None,
            member: (cap.scope == CapScope::Member).then_some(cap.subject),
        }
    }
}

/// `Account.creditCaps`.
pub async fn credit_caps(ctx: &Context<'_>, account: Uuid) -> Result<Vec<CreditCap>> {
    let now = service::<Parts>(ctx)?.clock.now();
    let found = service::<DataLoader<LedgerLoader>>(ctx)?.load_one(CapsOf(account)).await?;
    Ok(found.unwrap_or_default().iter().map(|cap| CreditCap::of(account, cap.as_of(now))).collect())
}

/// The cap that did not admit a request.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct CapExceeded {
    /// Whose cap.
    pub scope: CreditCapScope,
    /// For how long it counts.
    pub period: CreditCapPeriod,
    /// The cap.
    pub cap: Credits,
    /// What of it is held and spent.
    pub used: Credits,
    /// Credits the request needs.
    pub required: Credits,
    /// When what is used no longer counts; null: never.
    pub resets_at: Option<DateTime>,
}

/// A cap does not admit the request.
pub fn cap_exceeded(exceeded: &Exceeded) -> UserError {
    UserError {
        cap_exceeded: Some(Box::new(CapExceeded {
            scope: exceeded.scope.into(),
            period: exceeded.period.into(),
            cap: Credits(exceeded.cap),
            used: Credits(exceeded.used),
            required: Credits(exceeded.required),
            resets_at: exceeded.resets_at.map(DateTime),
        })),
        ..UserError::new(UserErrorCode::CapExceeded, exceeded.to_string(), &[])
    }
}

/// What `setCreditCap` needs.
#[derive(Debug, InputObject)]
pub struct SetCreditCapInput {
    /// Whose.
    pub account_id: ID,
    /// The member whom it limits, by the id of the member or of the person; all that the account spends when omitted.
    pub member_id: Option<ID>,
    /// For how long it counts. An account and each of its members may have a cap of every period.
    pub period: CreditCapPeriod,
    /// The most that may be held and spent, from 0. Null or omitted takes the cap away.
    pub limit: Option<CreditsEntry>,
}

/// What `setCreditCap` did.
#[derive(SimpleObject)]
pub struct SetCreditCapPayload {
    /// The account; null when refused.
    pub account: Option<Account>,
    /// Why it was refused: `AMOUNT_NEGATIVE`, `AMOUNT_NOT_WHOLE`, `AMOUNT_TOO_LARGE`, `NOT_FOUND`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Mutations of caps.
#[derive(Default)]
pub struct CapMutation;

#[Object]
impl CapMutation {
    /// Limits what an account, or one of its members, may hold and spend in a period. What is above the cap is refused before it
    /// begins, with `CAP_EXCEEDED`; what is under way is never cut. For owners.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn set_credit_cap(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose spending, and how much.")] input: SetCreditCapInput,
    ) -> Result<Option<SetCreditCapPayload>> {
        let request = request(ctx)?;
        let account = node::decode(NodeKind::Account, &input.account_id, &["input", "accountId"])?;
        let tenants = service::<Arc<dyn Tenants>>(ctx)?;
        let owned = tenants.own(request.viewer, account).await?;
        let member = input.member_id.as_ref().map(|id| person_of(id, account));
        let limit = input.limit.as_ref().map(CreditsEntry::whole);
        if limit == Some(None) {
            let message = "The cap is not a whole number. Give a number such as 500, without quotes.";
            let error = UserError::new(UserErrorCode::AmountNotWhole, message, &["input", "limit"]);
            return Ok(Some(SetCreditCapPayload { account: None, user_errors: vec![error] }));
        }
        let limit = limit.flatten();
        let parts = service::<Parts>(ctx)?;
        let command = SetCap {
            owned,
            member: member.transpose()?,
            period: input.period.into(),
            limit,
            request_id: request.request_id.to_string(),
            now: parts.clock.now(),
        };
        match set_cap(service::<Ledger>(ctx)?, (tenants.as_ref(), parts.ids.as_ref()), command).await {
            Ok(()) => {
                let account = Account::find(ctx, account).await?;
                Ok(Some(SetCreditCapPayload { account, user_errors: Vec::new() }))
            }
            Err(Failure::Refused(refusal)) => {
                Ok(Some(SetCreditCapPayload { account: None, user_errors: vec![user_error(refusal)] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}

/// The person whom the id of a member of the account, or of a person, names. Refuses: `BadUserInput`.
fn person_of(id: &ID, account: Uuid) -> Result<Uuid, Error> {
    const PATH: [&str; 2] = ["input", "memberId"];
    match node::decode_member(id, &PATH) {
        Ok((of, user)) if of == account => Ok(user),
        Ok(_) => Err(Error::bad_input("This is a member of another account.", &PATH)),
        Err(_) => node::decode(NodeKind::User, id, &PATH),
    }
}

fn user_error(refusal: CapError) -> UserError {
    let (code, field) = match refusal {
        CapError::OutOfRange { limit: i64::MIN..0 } => (UserErrorCode::AmountNegative, "limit"),
        CapError::OutOfRange { .. } => (UserErrorCode::AmountTooLarge, "limit"),
        CapError::NoMember => (UserErrorCode::NotFound, "memberId"),
    };
    UserError::new(code, refusal.to_string(), &["input", field])
}
