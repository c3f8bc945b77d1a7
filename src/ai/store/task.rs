//! Reading tasks, items and attempts.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{price::load_prices, registry::load_models};
use crate::{
    ai::model::{
        AiFunction, AiModel, AiTask, Attempt, AttemptState, FaultClass, InsufficientFigures, Item, ItemState,
        MadeCount, NotCovered, Phase, PriceVersion, PricedModel, TaskPayload, TaskStatus,
    },
    db::statement,
    ledger::model::Exceeded,
    page::{Page, PageArgs},
};

/// A task with everything that carrying it out needs.
#[derive(Debug, Clone)]
pub struct Work {
    /// The task.
    pub task: AiTask,
    /// Its items by position.
    pub items: Vec<Item>,
    /// All attempts, by item and number.
    pub attempts: Vec<Attempt>,
    /// The model it was quoted with.
    pub model: PricedModel,
    /// The price it was quoted with.
    pub price: PriceVersion,
    /// The models that may stand in for it, in order, with the prices that the quote fixed.
    pub stand_ins: Vec<Candidate>,
}

/// A model that a task's items may be sent to, with the price that the quote fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The model, as it is now.
    pub model: AiModel,
    /// Its price at the time of the quote.
    pub price: PriceVersion,
}

impl Work {
    /// The models that the task's items may be sent to, in order; the quoted one first.
    pub fn chain(&self) -> Vec<Candidate> {
        let first = Candidate { model: self.model.model.clone(), price: self.price };
        std::iter::once(first).chain(self.stand_ins.iter().cloned()).collect()
    }

    /// The model that an attempt was sent to, with its price.
    pub fn candidate_of(&self, attempt: &Attempt) -> Candidate {
        let stand_in = self.stand_ins.iter().find(|one| one.model.id == attempt.ai_model_id).cloned();
        stand_in.unwrap_or_else(|| Candidate { model: self.model.model.clone(), price: self.price })
    }
}

/// The stand-ins that were fixed with the quote, in order. One that is no longer there is left out.
pub async fn load_stand_ins(connection: &impl ConnectionTrait, payload: &TaskPayload) -> Result<Vec<Candidate>, DbErr> {
    let models: Vec<Uuid> = payload.stand_ins.iter().map(|one| one.model).collect();
    let prices: Vec<Uuid> = payload.stand_ins.iter().map(|one| one.price).collect();
    let mut models = load_models(connection, &models).await?;
    let prices = load_prices(connection, &prices).await?;
    let found = payload.stand_ins.iter().filter_map(|one| {
        Some(Candidate { model: models.remove(&one.model)?.model, price: prices.get(&one.price).copied()? })
    });
    Ok(found.collect())
}

fn broken(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}

const TASK: &str = "id, account_id, user_id, run_id, ai_function, ai_model_id, price_version_id, status, phase, percent, \
                    items_total, items_delivered, items_failed, credits_used, provider_cost_nanousd, payload, \
                    error_code, error_text, required_credits, available_credits, cap_refusal, desired, fence, event_seq, \
                    created_at, updated_at, finished_at";

fn task_of(row: &QueryResult) -> Result<AiTask, DbErr> {
    let text = |column: &str| row.try_get::<String>("", column);
    let payload: TaskPayload = serde_json::from_str(&text("payload")?).map_err(|_| broken("payload of an AI task"))?;
    let figures: (Option<i64>, Option<i64>) =
        (row.try_get("", "required_credits")?, row.try_get("", "available_credits")?);
    let cap: Option<String> = row.try_get("", "cap_refusal")?;
    let cap = cap.map(|text| Exceeded::parse(&text).ok_or_else(|| broken("cap of an AI task"))).transpose()?;
    let short = figures.0.zip(figures.1).map(|(required, available)| InsufficientFigures { required, available });
    let refused = cap.map(NotCovered::ByCap).or(short.map(NotCovered::ByBalance));
    Ok(AiTask {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        user_id: row.try_get("", "user_id")?,
        run_id: row.try_get("", "run_id")?,
        function: AiFunction::parse(&text("ai_function")?).ok_or_else(|| broken("AI function"))?,
        ai_model_id: row.try_get("", "ai_model_id")?,
        price_version_id: row.try_get("", "price_version_id")?,
        status: TaskStatus::parse(&text("status")?).ok_or_else(|| broken("status"))?,
        phase: Phase::parse(&text("phase")?).ok_or_else(|| broken("phase"))?,
        percent: row.try_get("", "percent")?,
        items_total: row.try_get("", "items_total")?,
        items_delivered: row.try_get("", "items_delivered")?,
        items_failed: row.try_get("", "items_failed")?,
        credits_used: row.try_get("", "credits_used")?,
        provider_cost_nanousd: row.try_get("", "provider_cost_nanousd")?,
        payload,
        error_code: row.try_get("", "error_code")?,
        error_text: row.try_get("", "error_text")?,
        refused,
        is_cancelling: text("desired")? == "cancel",
        fence: row.try_get("", "fence")?,
        event_seq: row.try_get("", "event_seq")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
        finished_at: row.try_get("", "finished_at")?,
    })
}

/// An account's task. Another account's is not found.
pub async fn find_task(connection: &impl ConnectionTrait, account: Uuid, id: Uuid) -> Result<Option<AiTask>, DbErr> {
    let sql = format!("SELECT {TASK} FROM ai_task WHERE id = $1 AND account_id = $2");
    let row = connection.query_one_raw(statement(connection, sql, [id.into(), account.into()])).await?;
    row.as_ref().map(task_of).transpose()
}

/// A task of any account, for the engine. `lock` is the engine's row lock, or empty.
pub async fn find_task_in(connection: &impl ConnectionTrait, id: Uuid, lock: &str) -> Result<Option<AiTask>, DbErr> {
    let sql = format!("SELECT {TASK} FROM ai_task WHERE id = $1{lock}");
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.as_ref().map(task_of).transpose()
}

/// The task that answered an idempotency key first, with the hash of what was asked.
pub async fn find_by_key(
    connection: &impl ConnectionTrait,
    account: Uuid,
    key: &str,
) -> Result<Option<(AiTask, Vec<u8>)>, DbErr> {
    let sql = format!("SELECT {TASK}, request_hash FROM ai_task WHERE account_id = $1 AND idem_key = $2");
    let row = connection.query_one_raw(statement(connection, sql, [account.into(), key.into()])).await?;
    match row {
        Some(row) => {
            Ok(Some((task_of(&row)?, row.try_get::<Option<Vec<u8>>>("", "request_hash")?.unwrap_or_default())))
        }
        None => Ok(None),
    }
}

/// Tasks by id, of any account: the caller compares the account.
pub async fn load_tasks(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, AiTask>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|at| format!("${at}")).collect();
    let sql = format!("SELECT {TASK} FROM ai_task WHERE id IN ({})", places.join(", "));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter()
        .map(|row| {
            let task = task_of(row)?;
            Ok((task.id, task))
        })
        .collect()
}

/// An account's tasks, newest first.
pub async fn list_tasks(
    connection: &impl ConnectionTrait,
    account: Uuid,
    args: &PageArgs<Uuid>,
) -> Result<Page<AiTask>, DbErr> {
    let mut values: Vec<Value> = vec![account.into()];
    let mut clauses = String::new();
    for (key, operator) in [(args.after, "<"), (args.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clauses.push_str(&format!(" AND id {operator} ${}", values.len()));
        }
    }
    values.push(args.fetch().into());
    let order = if args.from_end { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {TASK} FROM ai_task WHERE account_id = $1{clauses} ORDER BY id {order} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let tasks = rows.iter().map(task_of).collect::<Result<Vec<_>, _>>()?;
    let total = if args.with_total {
        let sql = "SELECT COUNT(*) AS n FROM ai_task WHERE account_id = $1";
        let row = connection.query_one_raw(statement(connection, sql, [account.into()])).await?;
        Some(row.map_or(Ok(0), |row| row.try_get("", "n"))?)
    } else {
        None
    };
    Ok(Page::from_rows(tasks, args, total))
}

const ITEM: &str = "id, ai_task_id, position, state, hold_id, hold_amount, credits, image_id, text, error_code, \
                    begun_at, finished_at, made, made_groups, products";

fn item_of(row: &QueryResult) -> Result<Item, DbErr> {
    let state: String = row.try_get("", "state")?;
    let state = ItemState::parse(&state).ok_or_else(|| broken("state of an item"))?;
    let made: Option<i32> = row.try_get("", "made")?;
    let groups: Option<i32> = row.try_get("", "made_groups")?;
    let products: Option<String> = row.try_get("", "products")?;
    Ok(Item {
        id: row.try_get("", "id")?,
        ai_task_id: row.try_get("", "ai_task_id")?,
        position: row.try_get("", "position")?,
        state,
        hold_id: row.try_get("", "hold_id")?,
        hold_amount: row.try_get("", "hold_amount")?,
        credits: row.try_get("", "credits")?,
        image_id: row.try_get("", "image_id")?,
        text: row.try_get("", "text")?,
        error_code: row.try_get("", "error_code")?,
        made: MadeCount {
            things: made.unwrap_or(i32::from(state == ItemState::Delivered)),
            groups: groups.unwrap_or(0),
        },
        products: products.map_or(Ok(Vec::new()), |list| {
            serde_json::from_str(&list).map_err(|_| broken("list of an item's products"))
        })?,
        terms: None,
        begun_at: row.try_get("", "begun_at")?,
        finished_at: row.try_get("", "finished_at")?,
    })
}

/// An item, without its quote.
pub async fn find_item(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<Item>, DbErr> {
    let sql = format!("SELECT {ITEM} FROM ai_task_item WHERE id = $1");
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.as_ref().map(item_of).transpose()
}

/// A task's items by position.
pub async fn list_items(connection: &impl ConnectionTrait, task: Uuid) -> Result<Vec<Item>, DbErr> {
    Ok(load_items_of(connection, &[task]).await?.remove(&task).unwrap_or_default())
}

/// The items of several tasks, by task and position.
pub async fn load_items_of(
    connection: &impl ConnectionTrait,
    tasks: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Item>>, DbErr> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=tasks.len()).map(|at| format!("${at}")).collect();
    let sql = format!(
        "SELECT {ITEM} FROM ai_task_item WHERE ai_task_id IN ({}) ORDER BY ai_task_id, position",
        places.join(", ")
    );
    let rows = connection.query_all_raw(statement(connection, sql, tasks.iter().map(|id| (*id).into()))).await?;
    let mut map: HashMap<Uuid, Vec<Item>> = HashMap::new();
    for row in &rows {
        let item = item_of(row)?;
        map.entry(item.ai_task_id).or_default().push(item);
    }
    Ok(map)
}

/// A task's attempts, by item's position and number.
pub async fn list_attempts(connection: &impl ConnectionTrait, task: Uuid) -> Result<Vec<Attempt>, DbErr> {
    list_attempts_where(connection, "a.ai_task_id", task).await
}

/// An item's attempts, by number.
pub async fn list_attempts_of(connection: &impl ConnectionTrait, item: Uuid) -> Result<Vec<Attempt>, DbErr> {
    list_attempts_where(connection, "a.item_id", item).await
}

async fn list_attempts_where(connection: &impl ConnectionTrait, column: &str, id: Uuid) -> Result<Vec<Attempt>, DbErr> {
    let sql = format!(
        "SELECT a.id, a.item_id, a.attempt_no, a.ai_model_id, a.price_version_id, a.credential_id, a.settings, \
               a.is_retry, a.error_class, a.error_detail, a.retry_at, a.state, a.provider_ref, a.tokens_input, a.tokens_output, \
               a.tokens_estimated, a.provider_cost_nanousd, a.error_code, a.created_at, a.sent_at, a.finished_at \
               FROM ai_attempt a JOIN ai_task_item i ON i.id = a.item_id \
               WHERE {column} = $1 ORDER BY i.position, a.attempt_no"
    );
    let rows = connection.query_all_raw(statement(connection, sql, [id.into()])).await?;
    rows.iter()
        .map(|row| {
            let state: String = row.try_get("", "state")?;
            let class: Option<String> = row.try_get("", "error_class")?;
            Ok(Attempt {
                id: row.try_get("", "id")?,
                item_id: row.try_get("", "item_id")?,
                attempt_no: row.try_get("", "attempt_no")?,
                ai_model_id: row.try_get("", "ai_model_id")?,
                price_version_id: row.try_get("", "price_version_id")?,
                credential_id: row.try_get("", "credential_id")?,
                settings: row.try_get("", "settings")?,
                is_retry: row.try_get("", "is_retry")?,
                error_detail: row.try_get("", "error_detail")?,
                error_class: class.as_deref().and_then(FaultClass::parse),
                retry_at: row.try_get("", "retry_at")?,
                state: AttemptState::parse(&state).ok_or_else(|| broken("state of an attempt"))?,
                provider_ref: row.try_get("", "provider_ref")?,
                tokens_input: row.try_get("", "tokens_input")?,
                tokens_output: row.try_get("", "tokens_output")?,
                tokens_estimated: row.try_get("", "tokens_estimated")?,
                provider_cost_nanousd: row.try_get("", "provider_cost_nanousd")?,
                error_code: row.try_get("", "error_code")?,
                created_at: row.try_get("", "created_at")?,
                sent_at: row.try_get("", "sent_at")?,
                finished_at: row.try_get("", "finished_at")?,
            })
        })
        .collect()
}

/// Unfinished tasks that have no unfinished job and belong to no unfinished run, with their accounts; at most `limit`.
pub async fn list_orphans(
    connection: &impl ConnectionTrait,
    job_kind: &str,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>, DbErr> {
    let sql = "SELECT t.id, t.account_id FROM ai_task t WHERE t.finished_at IS NULL AND NOT EXISTS \
               (SELECT 1 FROM job j WHERE j.subject_kind = 'ai_task' AND j.subject_id = t.id AND j.kind = $1 \
               AND j.state IN ('ready', 'running')) AND NOT EXISTS \
               (SELECT 1 FROM automation_run r WHERE r.id = t.run_id AND r.finished_at IS NULL) ORDER BY t.id LIMIT $2";
    let rows = connection.query_all_raw(statement(connection, sql, [job_kind.into(), limit.into()])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "account_id")?))).collect()
}

/// Holds of AI work that are open although their time is over, with their accounts; at most `limit`.
pub async fn list_due_holds(
    connection: &impl ConnectionTrait,
    now: i64,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>, DbErr> {
    let sql = "SELECT id, account_id FROM credit_hold WHERE state = 'held' AND expires_at <= $1 \
               AND work_kind = 'ai_task_item' ORDER BY expires_at, account_id LIMIT $2";
    let rows = connection.query_all_raw(statement(connection, sql, [now.into(), limit.into()])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "account_id")?))).collect()
}

/// Which of `holds` are still open, in the order given.
pub async fn list_held(connection: &impl ConnectionTrait, holds: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    if holds.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=holds.len()).map(|at| format!("${at}")).collect();
    let sql = format!("SELECT id FROM credit_hold WHERE state = 'held' AND id IN ({})", places.join(", "));
    let rows = connection.query_all_raw(statement(connection, sql, holds.iter().map(|id| (*id).into()))).await?;
    let open: Vec<Uuid> = rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?;
    Ok(holds.iter().copied().filter(|hold| open.contains(hold)).collect())
}

/// Those of `images` (at most 500) that an item enlarges which has not ended.
pub async fn list_enlarging(connection: &impl ConnectionTrait, images: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    if images.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=images.len()).map(|at| format!("${at}")).collect();
    let sql = format!(
        "SELECT original_id FROM ai_task_item WHERE state = 'PENDING' AND original_id IN ({})",
        places.join(", ")
    );
    let rows = connection.query_all_raw(statement(connection, sql, images.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| row.try_get("", "original_id")).collect()
}

/// Whether a task was asked to stop.
pub async fn find_cancelling(connection: &impl ConnectionTrait, id: Uuid) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM ai_task WHERE id = $1 AND desired = 'cancel'";
    Ok(connection.query_one_raw(statement(connection, sql, [id.into()])).await?.is_some())
}

/// Those of `attempts` (at most 500) whose task has not ended.
pub async fn load_unfinished_attempts(
    connection: &impl ConnectionTrait,
    attempts: &[Uuid],
) -> Result<Vec<Uuid>, DbErr> {
    if attempts.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=attempts.len()).map(|at| format!("${at}")).collect();
    let sql = format!(
        "SELECT a.id FROM ai_attempt a JOIN ai_task t ON t.id = a.ai_task_id \
         WHERE a.id IN ({}) AND t.finished_at IS NULL",
        places.join(", ")
    );
    let rows = connection.query_all_raw(statement(connection, sql, attempts.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Whether the account takes no new work.
pub async fn is_suspended(connection: &impl ConnectionTrait, account: Uuid) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM account WHERE id = $1 AND state = 'SUSPENDED'";
    Ok(connection.query_one_raw(statement(connection, sql, [account.into()])).await?.is_some())
}
