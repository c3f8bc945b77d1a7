//! Editing an account.

use super::{Auth, MemberRight};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    auth::{
        model::{Account, MemberRole, UpdateAccount, UpdateAccountError},
        store,
    },
    error::{Error, Failure, Internal},
};

/// What the audit trail keeps of an account's settings.
fn settings(account: &Account) -> String {
    serde_json::json!({
        "name": account.name,
        "watermarkText": account.watermark_text,
        "isWatermarked": account.is_watermarked,
    })
    .to_string()
}

impl Auth {
    /// Changes an account's name and what its images are marked with, and answers it. An edit that changes nothing writes
    /// nothing. Refuses: see [`UpdateAccountError`]; `NotFound`; `Forbidden` when the member is no OWNER.
    pub async fn update_account(
        &self,
        right: MemberRight,
        edit: UpdateAccount,
        request_id: Option<String>,
    ) -> Result<Account, Failure<UpdateAccountError>> {
        if right.role() < MemberRole::Owner {
            let (feature, level) = MemberRole::Owner.right();
            return Err(Error::Forbidden { feature, level }.into());
        }
        let (id, now) = (self.0.ids.uuid(), self.0.clock.now());
        let context = (right, edit, id, request_id);
        self.0
            .db
            .write(context, move |tx, (right, edit, id, request_id)| {
                Box::pin(async move {
                    let found = store::account::lock_account(tx, right.account_id()).await?;
                    let before = found.ok_or(Failure::Fault(Error::NotFound))?;
                    let mut after = edit.apply(&before).map_err(Failure::Refused)?;
                    if after == before {
                        return Ok(before);
                    }
                    after.version += 1;
                    after.updated_at = now;
                    store::account::update_account(tx, &after).await?;
                    let entry = Entry {
                        id: *id,
                        account_id: Some(after.id),
                        actor: Actor::User(right.user_id()),
                        action: "account.update",
                        target_kind: "account",
                        target_id: Some(after.id),
                        before: Some(settings(&before)),
                        after: Some(settings(&after)),
                        request_id: request_id.clone(),
                        at: now,
                    };
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    Ok(after)
                })
            })
            .await
    }
}
