//! A model that an upgrade adds takes over the functions that it is made for, where nobody has chosen a model for them.

use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::{ai::model::AiFunction, clock::Micros, db::statement};

/// Makes an active model the default of a function whose default is as it was installed: a shipped model that nobody has
/// edited, and that became the default in the moment in which it was entered.
pub(super) async fn take_over(
    tx: &impl ConnectionTrait,
    function: AiFunction,
    model: Uuid,
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "UPDATE ai_model_default SET ai_model_id = $1, updated_at = $2 WHERE ai_function = $3 \
               AND EXISTS (SELECT 1 FROM ai_model n WHERE n.id = $1 AND n.is_active = TRUE) \
               AND EXISTS (SELECT 1 FROM ai_model m WHERE m.id = ai_model_default.ai_model_id AND m.shipped IS NOT NULL \
               AND m.updated_at = m.created_at AND m.created_at = ai_model_default.updated_at)";
    tx.execute_raw(statement(tx, sql, [model.into(), now.into(), function.as_str().into()])).await?;
    Ok(())
}
