//! What goes with a deleted person: their words and what was written for them. The records stay, with figures and ids.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::{
    ai::model::{ERASED_PREFIX, TaskPayload},
    clock::Micros,
    db::statement,
};

/// How many tasks are read at once.
const BATCH: i64 = 200;

/// Items that hold words which may go.
const WORDY: &str = "text IS NOT NULL OR (terms IS NOT NULL AND ai_task_item.finished_at IS NOT NULL)";

/// What is left of a payload that this version cannot read.
const UNREADABLE: &str = "{\"is_erased\":true,\"prompt\":\"\",\"count\":1,\"seed\":null,\"model\":\"\"}";

/// Asks all unfinished tasks of `account` to end, and makes their jobs of `job_kind` due, so that what was held is given
/// back at once. Repeating is safe.
pub async fn cancel_tasks_of(
    tx: &impl ConnectionTrait,
    account: Uuid,
    job_kind: &str,
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "UPDATE ai_task SET desired = 'cancel', updated_at = $1 \
               WHERE account_id = $2 AND finished_at IS NULL AND desired <> 'cancel'";
    tx.execute_raw(statement(tx, sql, [now.into(), account.into()])).await?;
    let sql = "UPDATE job SET ready_at = $1 WHERE account_id = $2 AND kind = $3 AND state = 'ready' AND ready_at > $1";
    tx.execute_raw(statement(tx, sql, [now.into(), account.into(), job_kind.into()])).await?;
    Ok(())
}

/// Takes the words out of all tasks of `account`: what was asked and composed, and the texts that came of it.
/// Repeating is safe.
pub async fn erase_words_of(tx: &impl ConnectionTrait, account: Uuid) -> Result<(), DbErr> {
    let sql = format!(
        "SELECT id, payload FROM ai_task WHERE account_id = $1 AND payload NOT LIKE '{ERASED_PREFIX}%' LIMIT $2"
    );
    loop {
        let rows = tx.query_all_raw(statement(tx, sql.as_str(), [account.into(), BATCH.into()])).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let (id, payload): (Uuid, String) = (row.try_get("", "id")?, row.try_get("", "payload")?);
            let payload = serde_json::from_str::<TaskPayload>(&payload).map(TaskPayload::erased);
            let payload = payload.and_then(|payload| serde_json::to_string(&payload));
            let payload = payload.unwrap_or_else(|_| UNREADABLE.to_owned());
            let sql = "UPDATE ai_task SET payload = $1 WHERE id = $2";
            tx.execute_raw(statement(tx, sql, [Value::from(payload), id.into()])).await?;
        }
    }
    // What is still to be ended is ended by its quote, which goes afterwards.
    let sql = format!(
        "UPDATE ai_task_item SET text = NULL, terms = CASE WHEN finished_at IS NULL THEN terms END \
         WHERE ({WORDY}) AND ai_task_id IN (SELECT id FROM ai_task WHERE account_id = $1)"
    );
    tx.execute_raw(statement(tx, sql, [account.into()])).await?;
    Ok(())
}

/// Accounts, at most 100, that went with their people and have words or unfinished tasks all the same: work that
/// was under way ended afterwards, or they went before words were erased.
pub async fn list_unerased(connection: &impl ConnectionTrait) -> Result<Vec<Uuid>, DbErr> {
    let sql = format!(
        "SELECT DISTINCT t.account_id FROM account a LEFT JOIN app_user u ON u.id = a.personal_user_id \
         JOIN ai_task t ON t.account_id = a.id WHERE (u.deleted_at IS NOT NULL \
         OR (a.state = 'SUSPENDED' AND NOT EXISTS (SELECT 1 FROM account_member m WHERE m.account_id = a.id))) \
         AND (t.payload NOT LIKE '{ERASED_PREFIX}%' OR (t.finished_at IS NULL AND t.desired <> 'cancel') \
         OR EXISTS (SELECT 1 FROM ai_task_item WHERE ai_task_item.ai_task_id = t.id AND ({WORDY}))) LIMIT 100"
    );
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(|row| row.try_get("", "account_id")).collect()
}
