//! After a restore nobody knows what became of requests that were on their way.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction};

use super::model::FaultClass;
use crate::{clock::Micros, db::statement, error::Error};

/// Marks every attempt that was sent as unknown, inside the caller's transaction, and answers how many that were. What they
/// cost is not known either.
pub async fn mark_unknown_in(tx: &DatabaseTransaction, now: Micros) -> Result<u64, Error> {
    let sql = "UPDATE ai_attempt SET state = 'unknown', error_code = 'OUTCOME_UNKNOWN', error_class = $2, finished_at = $1 \
               WHERE state = 'sent'";
    let values = [now.into(), FaultClass::Unclear.as_str().into()];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected())
}
