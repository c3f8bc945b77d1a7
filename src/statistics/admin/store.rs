//! Counting the whole installation. Each look is one statement, so that all its figures are of one moment without a transaction.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

use super::model::{ChartSpan, Counted, DayFigures, MonthSpans, Tally, Totals, WorkFigures, day_number};
use crate::{ai::model::AiFunction, clock::Micros, db::statement, viewer::PlatformRole};

/// The totals; `active` are the first and the last UTC day of the wider count of active people, in days since the epoch. The caller has
/// authorised.
pub async fn load_totals(
    connection: &impl ConnectionTrait,
    months: &MonthSpans,
    active: (i32, i32),
) -> Result<Totals, DbErr> {
    let sql = "SELECT \
       (SELECT COUNT(*) FROM app_user WHERE deleted_at IS NULL) AS users, \
       (SELECT COUNT(*) FROM app_user WHERE deleted_at IS NULL AND platform_role IN ($1, $2)) AS admins, \
       (SELECT COUNT(*) FROM app_user WHERE created_at >= $3 AND created_at < $4) AS new_users, \
       (SELECT COUNT(*) FROM app_user WHERE created_at >= $5 AND created_at < $6) AS new_users_before, \
       (SELECT COUNT(*) FROM image WHERE deleted_at IS NULL AND state = 'GENERATED') AS images, \
       (SELECT CAST(COALESCE(SUM(spent), 0) AS bigint) FROM ledger_account) AS spent, \
       (SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM credit_grant WHERE kind = 'refund') AS refunded, \
       a.attempts, a.cost, i.delivered, i.failed, \
       (SELECT COUNT(*) FROM user_activity WHERE day = $8) AS active_today, \
       (SELECT COUNT(DISTINCT user_id) FROM user_activity WHERE day >= $7 AND day <= $8) AS active_month, \
       (SELECT since_day FROM activity_tracking WHERE id = 1) AS active_since \
     FROM (SELECT COUNT(*) AS attempts, CAST(SUM(provider_cost_nanousd) AS bigint) AS cost FROM ai_attempt \
             WHERE finished_at IS NOT NULL AND sent_at IS NOT NULL) a \
     CROSS JOIN (SELECT COUNT(*) FILTER (WHERE state = 'DELIVERED') AS delivered, \
             COUNT(*) FILTER (WHERE state = 'FAILED') AS failed FROM ai_task_item WHERE finished_at IS NOT NULL) i";
    let values: [Value; 8] = [
        PlatformRole::Admin.as_str().into(),
        PlatformRole::Hero.as_str().into(),
        months.this_from.into(),
        months.this_to.into(),
        months.last_from.into(),
        months.last_to.into(),
        active.0.into(),
        active.1.into(),
    ];
    let Some(row) = connection.query_one_raw(statement(connection, sql, values)).await? else {
        return Ok(Totals::default());
    };
    Ok(Totals {
        users: row.try_get("", "users")?,
        admins: row.try_get("", "admins")?,
        new_users: row.try_get("", "new_users")?,
        new_users_before: row.try_get("", "new_users_before")?,
        images: row.try_get("", "images")?,
        credits_spent: row.try_get("", "spent")?,
        credits_refunded: row.try_get("", "refunded")?,
        attempts: row.try_get("", "attempts")?,
        cost_nanousd: row.try_get("", "cost")?,
        delivered: row.try_get("", "delivered")?,
        failed: row.try_get("", "failed")?,
        active_today: row.try_get("", "active_today")?,
        active_month: row.try_get("", "active_month")?,
        active_since: row.try_get("", "active_since")?,
    })
}

/// The local day of an instant, in days since the epoch, as SQL: microseconds and what the clock shows ahead of UTC then, which
/// differs from piece to piece. `place` is that of the first piece's value.
struct LocalDay {
    pieces: Vec<(Micros, Micros)>,
    place: usize,
}

impl LocalDay {
    fn sql(&self, at: &str) -> String {
        let mut place = self.place;
        let mut ahead = String::new();
        for _ in self.pieces.iter().skip(1) {
            ahead.push_str(&format!("WHEN {at} < ${place} THEN ${} ", place + 1));
            place += 2;
        }
        if ahead.is_empty() {
            return format!("({at} + ${place}) / 86400000000");
        }
        format!("({at} + CASE {ahead}ELSE ${place} END) / 86400000000")
    }

    fn values(&self) -> Vec<Value> {
        let last = self.pieces.len().saturating_sub(1);
        let pieces = self.pieces.iter().enumerate();
        pieces
            .flat_map(|(at, (until, ahead))| if at < last { vec![*until, *ahead] } else { vec![*ahead] })
            .map(Value::from)
            .collect()
    }
}

/// The parts of the statement that counts days: which table, which of its columns is the time, and what is counted. Every part has the
/// columns `part, day, ai_function, ai_model_id, one, two`.
fn tally_sql(day: &LocalDay) -> String {
    let nobody = "CAST(NULL AS text) AS ai_function, CAST(NULL AS uuid) AS ai_model_id";
    let none = "CAST(NULL AS bigint) AS two";
    let within = |at: &str| format!("{at} >= $1 AND {at} < $2");
    let of = |at: &str| format!("CAST({} AS bigint) AS day", day.sql(at));
    let parts = [
        format!(
            "SELECT 'SPENT' AS part, {}, u.ai_function AS ai_function, u.ai_model_id AS ai_model_id, \
             CAST(SUM(u.credits) AS bigint) AS one, {none} FROM credit_usage u WHERE {} GROUP BY 2, 3, 4",
            of("u.created_at"),
            within("u.created_at")
        ),
        format!(
            "SELECT 'REFUNDED' AS part, {}, u.ai_function AS ai_function, u.ai_model_id AS ai_model_id, \
             CAST(SUM(g.amount) AS bigint) AS one, {none} FROM credit_grant g LEFT JOIN credit_usage u \
             ON u.account_id = g.account_id AND u.credit_seq = g.refunds_seq WHERE g.kind = 'refund' AND {} \
             GROUP BY 2, 3, 4",
            of("g.created_at"),
            within("g.created_at")
        ),
        format!(
            "SELECT 'COST' AS part, {}, t.ai_function AS ai_function, a.ai_model_id AS ai_model_id, COUNT(*) AS one, \
             CAST(SUM(a.provider_cost_nanousd) AS bigint) AS two FROM ai_attempt a JOIN ai_task t ON t.id = a.ai_task_id \
             WHERE {} AND a.sent_at IS NOT NULL GROUP BY 2, 3, 4",
            of("a.finished_at"),
            within("a.finished_at")
        ),
        format!(
            "SELECT 'ITEMS' AS part, {}, t.ai_function AS ai_function, COALESCE(u.ai_model_id, t.ai_model_id) AS ai_model_id, \
             COUNT(*) FILTER (WHERE i.state = 'DELIVERED') AS one, COUNT(*) FILTER (WHERE i.state = 'FAILED') AS two \
             FROM ai_task_item i JOIN ai_task t ON t.id = i.ai_task_id LEFT JOIN credit_usage u ON u.item_id = i.id \
             WHERE {} AND i.state IN ('DELIVERED', 'FAILED') GROUP BY 2, 3, 4",
            of("i.finished_at"),
            within("i.finished_at")
        ),
        format!(
            "SELECT 'IMAGES' AS part, {}, {nobody}, COUNT(*) AS one, {none} FROM image i \
             WHERE i.deleted_at IS NULL AND i.state = 'GENERATED' AND {} GROUP BY 2",
            of("i.created_at"),
            within("i.created_at")
        ),
        format!(
            "SELECT 'USERS' AS part, {}, {nobody}, COUNT(*) AS one, {none} FROM app_user u WHERE {} GROUP BY 2",
            of("u.created_at"),
            within("u.created_at")
        ),
        format!(
            "SELECT 'ACTIVE' AS part, CAST(a.day AS bigint) AS day, {nobody}, COUNT(*) AS one, {none} \
             FROM user_activity a WHERE a.day >= $3 AND a.day <= $4 GROUP BY a.day"
        ),
        format!(
            "SELECT 'SINCE' AS part, CAST(0 AS bigint) AS day, {nobody}, m.created_at AS one, \
             (SELECT CAST(t.since_day AS bigint) FROM activity_tracking t) AS two FROM ledger_meta m"
        ),
    ];
    parts.join(" UNION ALL ")
}

fn function_of(row: &QueryResult) -> Result<Option<AiFunction>, DbErr> {
    let Some(word) = row.try_get::<Option<String>>("", "ai_function")? else { return Ok(None) };
    let function = AiFunction::parse(&word);
    function.map(Some).ok_or_else(|| DbErr::Type("a stored AI function is not one we know".to_owned()))
}

/// What the days of `span` come to. The caller has authorised.
pub async fn load_tally(connection: &impl ConnectionTrait, span: &ChartSpan) -> Result<Tally, DbErr> {
    let local = LocalDay { pieces: span.zone.offsets(span.from, span.to), place: 5 };
    let ends = [span.dates.first(), span.dates.last()];
    let [first, last] = ends.map(|date| date.map_or(0, |date| i32::try_from(day_number(*date)).unwrap_or_default()));
    let mut values: Vec<Value> = vec![span.from.into(), span.to.into(), first.into(), last.into()];
    values.extend(local.values());
    let mut tally = Tally::default();
    for row in connection.query_all_raw(statement(connection, tally_sql(&local), values)).await? {
        let part: String = row.try_get("", "part")?;
        let day: i64 = row.try_get("", "day")?;
        let (one, two): (i64, Option<i64>) = (row.try_get("", "one")?, row.try_get("", "two")?);
        let (mut work, mut figures) = (WorkFigures::default(), DayFigures::default());
        match part.as_str() {
            "SPENT" => work.spent = one,
            "REFUNDED" => work.refunded = one,
            "COST" => (work.attempts, work.cost_nanousd) = (one, two),
            "ITEMS" => (work.delivered, work.failed) = (one, two.unwrap_or(0)),
            "IMAGES" => figures.images = one,
            "USERS" => figures.new_users = one,
            "ACTIVE" => {
                tally.active.push((i32::try_from(day).unwrap_or_default(), one));
                continue;
            }
            _ => {
                tally.installed_at = Some(one);
                tally.active_since = two.and_then(|day| i32::try_from(day).ok());
                continue;
            }
        }
        figures.work = work;
        let (function, model) = (function_of(&row)?, row.try_get("", "ai_model_id")?);
        tally.counted.push(Counted { day, function, model, figures });
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_day_takes_each_piece_of_the_year_for_itself() {
        let one = LocalDay { pieces: vec![(100, 3)], place: 5 };
        assert_eq!(one.sql("t.at"), "(t.at + $5) / 86400000000");
        assert_eq!(one.values(), [Value::from(3_i64)]);
        let two = LocalDay { pieces: vec![(50, 3), (70, 4), (100, 3)], place: 5 };
        let sql = "(t.at + CASE WHEN t.at < $5 THEN $6 WHEN t.at < $7 THEN $8 ELSE $9 END) / 86400000000";
        assert_eq!(two.sql("t.at"), sql);
        assert_eq!(two.values(), [50_i64, 3, 70, 4, 3].map(Value::from));
    }
}
