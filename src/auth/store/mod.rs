//! Queries of people, tenants, sessions and tries. Inserts are effects, so that the ledger can write them with its own
//! transaction.

pub mod account;
pub mod activity;
pub mod api_key;
pub mod claim;
pub mod invitation;
pub mod link;
pub mod member;
pub mod pending;
pub mod session;
pub mod tries;
pub mod user;

use sea_orm::{ConnectionTrait, DbErr, QueryResult};

use crate::{
    db::{
        effect::{Effect, EffectError, Facts},
        places, statement,
    },
    error::Internal,
};

/// Writes `effects` in the caller's transaction, which has no credit transaction.
pub async fn write_effects(tx: &impl ConnectionTrait, effects: &[Effect], now: i64) -> Result<(), EffectError> {
    for effect in effects {
        effect.write(tx, &Facts::at(now)).await?;
    }
    Ok(())
}

/// A read that is tried once more: a pool does not test its connections, so a dead one shows at its first use.
async fn query_twice(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: Vec<sea_orm::Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    match connection.query_all_raw(statement(connection, sql, values.clone())).await {
        Err(DbErr::Conn(_) | DbErr::Query(_) | DbErr::Exec(_)) => {
            connection.query_all_raw(statement(connection, sql, values)).await
        }
        other => other,
    }
}

/// A word of a closed set that the schema's checks should have kept.
fn word<T>(parsed: Option<T>, context: &'static str, text: &str) -> Result<T, DbErr> {
    parsed.ok_or_else(|| DbErr::Custom(format!("{context}: {text}")))
}

impl From<EffectError> for Internal {
    fn from(error: EffectError) -> Self {
        match error {
            // The cause stays a database error, so that the transaction runs again when it may.
            EffectError::Db(error) => error.into(),
            other => Self::new("writing rows", other),
        }
    }
}
