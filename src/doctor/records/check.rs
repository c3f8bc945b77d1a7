//! What ties the three records to the ledger and to each other, beyond the five queries.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::{Finding, Verdict};
use crate::db::statement;

/// Title, and a query that answers the rows that break it.
const CHECKS: [(&str, &str); 8] = [
    (
        "every settled transaction has exactly one usage row",
        "SELECT t.id FROM credit_transaction t LEFT JOIN (SELECT credit_transaction_id, COUNT(*) AS n \
         FROM credit_usage GROUP BY credit_transaction_id) u ON u.credit_transaction_id = t.id \
         WHERE t.kind = 'settle' AND COALESCE(u.n, 0) <> 1",
    ),
    (
        "every usage row has its settled transaction, of its credits",
        "SELECT u.id FROM credit_usage u LEFT JOIN credit_transaction t ON t.id = u.credit_transaction_id \
         AND t.account_id = u.account_id AND t.seq = u.credit_seq AND t.kind = 'settle' \
         WHERE t.id IS NULL OR t.amount <> u.credits",
    ),
    (
        "every hold was settled at most once",
        "SELECT h.id FROM credit_hold h WHERE 1 < (SELECT COUNT(DISTINCT e.seq) FROM credit_entry e \
         WHERE e.account_id = h.account_id AND e.hold_id = h.id AND e.to_bucket = 'spent')",
    ),
    (
        "every ended task has exactly one notification, and no other task has one",
        "SELECT t.id FROM ai_task t LEFT JOIN (SELECT subject_id, COUNT(*) AS n FROM notification \
         WHERE subject_kind = 'ai_task' GROUP BY subject_id) m ON m.subject_id = t.id \
         WHERE COALESCE(m.n, 0) <> CASE WHEN t.finished_at IS NULL THEN 0 ELSE 1 END",
    ),
    (
        "every task's credits are the sum of its usage",
        "SELECT t.id FROM ai_task t LEFT JOIN (SELECT ai_task_id, SUM(credits) AS credits FROM credit_usage \
         GROUP BY ai_task_id) u ON u.ai_task_id = t.id WHERE t.credits_used <> COALESCE(u.credits, 0)",
    ),
    (
        "every usage value is its credits times the credit price of its price version",
        "SELECT u.id FROM credit_usage u LEFT JOIN price_version p ON p.id = u.price_version_id \
         WHERE p.id IS NULL OR u.credit_value_nanousd <> u.credits * p.credit_price_nanousd",
    ),
    (
        "every run's credits are the sum of its tasks",
        "SELECT r.id FROM automation_run r LEFT JOIN (SELECT run_id, SUM(credits_used) AS credits FROM ai_task \
         WHERE run_id IS NOT NULL GROUP BY run_id) t ON t.run_id = r.id WHERE r.credits_used <> COALESCE(t.credits, 0)",
    ),
    (
        "every run has committed what it used and what is held for it",
        "SELECT r.id FROM automation_run r LEFT JOIN (SELECT run_id, SUM(amount) AS held FROM credit_hold \
         WHERE run_id IS NOT NULL AND state = 'held' GROUP BY run_id) h ON h.run_id = r.id \
         WHERE r.credits_committed <> r.credits_used + COALESCE(h.held, 0)",
    ),
];

/// How many rows of one check are named.
const NAMED: usize = 20;

/// Runs every check.
pub(super) async fn all(tx: &DatabaseTransaction) -> Result<Vec<Finding>, DbErr> {
    let mut findings = Vec::with_capacity(CHECKS.len());
    for (title, sql) in CHECKS {
        let rows = tx.query_all_raw(statement(tx, sql, [])).await?;
        let mut differences = Vec::new();
        for row in rows.iter().take(NAMED) {
            let id: Uuid = row.try_get("", "id")?;
            differences.push(format!("+ {id}"));
        }
        if rows.len() > NAMED {
            differences.push(format!("… and {} more", rows.len() - NAMED));
        }
        let verdict = if rows.is_empty() { Verdict::Pass } else { Verdict::Fail };
        findings.push(Finding { query: None, title: title.to_owned(), verdict, differences });
    }
    Ok(findings)
}
