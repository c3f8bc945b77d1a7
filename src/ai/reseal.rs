//! Provider keys under the present key of the vault: after it was changed, all rows at once.

use sea_orm::DbErr;

use super::{
    model::Sealed,
    store,
    vault::{OpenError, Vault},
};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    clock::Micros,
    db::Db,
    error::{Error, Failure, Internal},
    ids::Ids,
};

/// Why keys were not encrypted anew. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    /// A key does not open.
    #[error(
        "the key of {0} cannot be read: {1}. Enter it anew with `updateProviderSettings`, or clear it, then try again"
    )]
    Unreadable(String, OpenError),
    /// Somebody set a key meanwhile.
    #[error("the key of {0} was changed meanwhile. Stop every server, then try again")]
    Changed(String),
}

struct Row {
    name: String,
    before: Vec<u8>,
    sealed: Sealed,
}

/// Encrypts every stored provider key under the vault's first key, in one transaction with a row of the audit log. Answers the
/// names of the providers. Repeating is safe.
pub async fn reseal(db: &Db, vault: &Vault, ids: &dyn Ids, now: Micros) -> Result<Vec<String>, Failure<ResealError>> {
    let mut rows = Vec::new();
    for setup in store::list_provider_setups(db.reader()).await? {
        let Some(key) = setup.key.filter(|key| key.sealed.key_id != vault.key_id()) else { continue };
        let secret = vault.unseal(&setup.name, &key.sealed);
        let secret = secret.map_err(|error| Failure::Refused(ResealError::Unreadable(setup.name.clone(), error)))?;
        let sealed = vault.seal(&setup.name, &secret, ids);
        let sealed = sealed.ok_or_else(|| Internal::new("encrypting a provider key", "the back end failed"))?;
        rows.push(Row { name: setup.name, before: key.sealed.nonce, sealed });
    }
    let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    let entry = Entry {
        id: ids.uuid(),
        account_id: None,
        actor: Actor::System,
        action: "keys.rotate",
        target_kind: "ai_provider",
        target_id: None,
        before: None,
        after: Some(serde_json::json!({"key": vault.key_id(), "providers": names}).to_string()),
        request_id: None,
        at: now,
    };
    let written = db.write((rows, entry), |tx, (rows, entry)| {
        Box::pin(async move {
            for row in rows {
                let is_there: Result<bool, DbErr> = store::update_sealed(tx, &row.name, &row.before, &row.sealed).await;
                if !is_there? {
                    return Err(Failure::Refused(ResealError::Changed(row.name.clone())));
                }
            }
            insert_entry(tx, entry)
                .await
                .map_err(|error| Internal::new("writing the audit log", error))
                .map_err(Error::from)?;
            Ok(())
        })
    });
    written.await?;
    Ok(names)
}
