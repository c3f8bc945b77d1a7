//! On which UTC days a person asked for something.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::db::{Engine, engine_of, places, statement};

/// Notes that `users` (at most 500) asked for something on `day`, in days since the epoch. Who is deleted leaves nothing: on
/// PostgreSQL a deletion under way is waited for. Repeating is safe.
pub async fn insert_activity(tx: &impl ConnectionTrait, day: i32, users: &[Uuid]) -> Result<(), DbErr> {
    if users.is_empty() {
        return Ok(());
    }
    let lock = match engine_of(tx) {
        Engine::Sqlite => "",
        Engine::Postgres => " FOR SHARE",
    };
    let sql = format!(
        "INSERT INTO user_activity (day, user_id) SELECT CAST($1 AS integer), u.id FROM (SELECT id FROM app_user \
         WHERE id IN ({}) AND deleted_at IS NULL ORDER BY id{lock}) u WHERE TRUE ON CONFLICT DO NOTHING",
        places(2, users.len())
    );
    let values = std::iter::once(Value::from(day)).chain(users.iter().map(|user| Value::from(*user)));
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Notes that active people are counted from `day` on, unless they have been for longer.
pub async fn insert_tracking(tx: &impl ConnectionTrait, day: i32) -> Result<(), DbErr> {
    let sql = "INSERT INTO activity_tracking (id, since_day) VALUES (1, $1) ON CONFLICT DO NOTHING";
    tx.execute_raw(statement(tx, sql, [day.into()])).await?;
    Ok(())
}

/// Takes out what was noted of a person.
pub async fn erase_activity(tx: &impl ConnectionTrait, user: Uuid) -> Result<(), DbErr> {
    let sql = "DELETE FROM user_activity WHERE user_id = $1";
    tx.execute_raw(statement(tx, sql, [user.into()])).await?;
    Ok(())
}
