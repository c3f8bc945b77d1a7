//! What administrators set for providers.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::registry::broken;
use crate::{
    ai::model::{ProviderSetup, Sealed, StoredKey},
    clock::Micros,
    db::{engine_of, statement},
};

const COLUMNS: &str = "name, is_enabled, base_url, settings, key_id, key_nonce, key_ciphertext, key_fingerprint, \
                       key_set_by, key_set_at, version, updated_at";

fn setup_of(row: &QueryResult) -> Result<ProviderSetup, DbErr> {
    let settings: String = row.try_get("", "settings")?;
    let key_id: Option<String> = row.try_get("", "key_id")?;
    let key = match key_id {
        Some(key_id) => Some(StoredKey {
            sealed: Sealed {
                key_id,
                nonce: row.try_get("", "key_nonce")?,
                ciphertext: row.try_get("", "key_ciphertext")?,
            },
            fingerprint: row.try_get("", "key_fingerprint")?,
            set_by: row.try_get("", "key_set_by")?,
            set_at: row.try_get("", "key_set_at")?,
        }),
        None => None,
    };
    Ok(ProviderSetup {
        name: row.try_get("", "name")?,
        is_enabled: row.try_get("", "is_enabled")?,
        base_url: row.try_get("", "base_url")?,
        settings: serde_json::from_str(&settings).map_err(|_| broken("settings of a provider"))?,
        key,
        version: row.try_get("", "version")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// What was set for every provider, by name.
pub async fn list_provider_setups(connection: &impl ConnectionTrait) -> Result<Vec<ProviderSetup>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM ai_provider ORDER BY name");
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(setup_of).collect()
}

/// What was set for one provider.
pub async fn find_provider_setup(
    connection: &impl ConnectionTrait,
    name: &str,
) -> Result<Option<ProviderSetup>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM ai_provider WHERE name = $1");
    let row = connection.query_one_raw(statement(connection, sql, [name.into()])).await?;
    row.as_ref().map(setup_of).transpose()
}

/// Locks what was set for a provider; `None` where nothing was.
pub async fn lock_provider_setup(tx: &impl ConnectionTrait, name: &str) -> Result<Option<ProviderSetup>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM ai_provider WHERE name = $1{}", engine_of(tx).for_update());
    let row = tx.query_one_raw(statement(tx, sql, [name.into()])).await?;
    row.as_ref().map(setup_of).transpose()
}

/// Writes what is set for a provider, if its version is still `version` less one. `false`: it is not.
pub async fn save_provider_setup(
    tx: &impl ConnectionTrait,
    setup: &ProviderSetup,
    author: Option<Uuid>,
    now: Micros,
) -> Result<bool, DbErr> {
    let key = setup.key.as_ref();
    let values: Vec<Value> = vec![
        setup.name.clone().into(),
        setup.is_enabled.into(),
        setup.base_url.clone().into(),
        Value::from(serde_json::Value::Object(setup.settings.clone()).to_string()),
        key.map(|key| key.sealed.key_id.clone()).into(),
        key.map(|key| key.sealed.nonce.clone()).into(),
        key.map(|key| key.sealed.ciphertext.clone()).into(),
        key.map(|key| key.fingerprint.clone()).into(),
        key.and_then(|key| key.set_by).into(),
        key.map(|key| key.set_at).into(),
        setup.version.into(),
        author.into(),
        now.into(),
    ];
    let sql = "INSERT INTO ai_provider (name, is_enabled, base_url, settings, key_id, key_nonce, key_ciphertext, \
               key_fingerprint, key_set_by, key_set_at, version, updated_by, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13) \
               ON CONFLICT (name) DO UPDATE SET is_enabled = excluded.is_enabled, base_url = excluded.base_url, \
               settings = excluded.settings, key_id = excluded.key_id, key_nonce = excluded.key_nonce, \
               key_ciphertext = excluded.key_ciphertext, key_fingerprint = excluded.key_fingerprint, \
               key_set_by = excluded.key_set_by, key_set_at = excluded.key_set_at, version = excluded.version, \
               updated_by = excluded.updated_by, updated_at = excluded.updated_at \
               WHERE ai_provider.version = excluded.version - 1";
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1)
}

/// Puts another encryption of the same key into a provider's row, if it still has the one with the nonce `before`. `false`: it has
/// another by now.
pub async fn update_sealed(
    tx: &impl ConnectionTrait,
    name: &str,
    before: &[u8],
    sealed: &Sealed,
) -> Result<bool, DbErr> {
    let sql =
        "UPDATE ai_provider SET key_id = $1, key_nonce = $2, key_ciphertext = $3 WHERE name = $4 AND key_nonce = $5";
    let values: [Value; 5] = [
        sealed.key_id.clone().into(),
        sealed.nonce.clone().into(),
        sealed.ciphertext.clone().into(),
        name.into(),
        before.to_vec().into(),
    ];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1)
}

/// The latest fault since `since` of each provider that is the operator's to mend: its code and when.
pub async fn load_operator_faults(
    connection: &impl ConnectionTrait,
    since: Micros,
) -> Result<HashMap<String, (String, Micros)>, DbErr> {
    let sql = "SELECT x.provider, x.error_code, x.finished_at FROM (SELECT m.provider, a.error_code, a.finished_at, \
               ROW_NUMBER() OVER (PARTITION BY m.provider ORDER BY a.finished_at DESC, a.id DESC) AS place \
               FROM ai_attempt a JOIN ai_model m ON m.id = a.ai_model_id \
               WHERE a.error_class = 'operator_fault' AND a.finished_at >= $1) x WHERE x.place = 1";
    let rows = connection.query_all_raw(statement(connection, sql, [since.into()])).await?;
    rows.iter()
        .map(|row| {
            Ok((row.try_get("", "provider")?, (row.try_get("", "error_code")?, row.try_get("", "finished_at")?)))
        })
        .collect()
}
