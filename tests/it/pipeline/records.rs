//! The records of AI work as lines of text: what operators query, and all of it but who asked and when.

use inkledger::db::Db;
use serde_json::Value;

use super::runner::texts;

const FILE: &str = include_str!("../../../sql/verify_records.sql");

/// The columns of each query; dollars are read in millionths.
const COLUMNS: [(&[&str], &[&str], &[&str]); 5] = [
    (&["model_name"], &[], &[]),
    (&["function_name"], &["count"], &["total_cost"]),
    (&["operation_type"], &["count", "total_credits"], &["total_cost"]),
    (&["notification_type"], &["count"], &[]),
    (&["operation_type"], &["transactions", "total_credits"], &[]),
];

fn line(columns: impl IntoIterator<Item = String>) -> String {
    let shown = |column| format!("COALESCE(CAST({column} AS text), '-')");
    columns.into_iter().map(shown).collect::<Vec<_>>().join(" || ' | ' || ")
}

/// The rows of one of the five queries of `sql/verify_records.sql`, in the order of their texts.
pub async fn queried(db: &Db, number: usize) -> Vec<String> {
    let part = FILE.split_inclusive(";\n").nth(number - 1).unwrap();
    let sql: Vec<&str> = part.lines().filter(|line| !line.starts_with("--")).collect();
    let sql = sql.join("\n");
    let (names, counts, dollars) = COLUMNS[number - 1];
    let names = names.iter().map(|name| (*name).to_owned());
    let counts = counts.iter().map(|name| format!("CAST({name} AS bigint)"));
    let dollars = dollars.iter().map(|name| format!("CAST(ROUND({name} * 1000000) AS bigint)"));
    let columns = line(names.chain(counts).chain(dollars));
    let mut rows = texts(db, &format!("SELECT {columns} FROM ({}) q", sql.trim().trim_end_matches(';'))).await;
    rows.sort();
    rows
}

/// The rows of columns as lines, in the order of `rest`.
pub async fn rows(db: &Db, columns: &[&str], rest: &str) -> Vec<String> {
    texts(db, &format!("SELECT {} FROM {rest}", line(columns.iter().map(|column| (*column).to_owned())))).await
}

/// Everything that AI work left behind, but ids, times, users and runs; in an order of its own.
pub async fn records(db: &Db) -> Vec<String> {
    let mut all = Vec::new();
    let kinds: [(&[&str], &str); 8] = [
        (&["function_name", "phase", "status", "cost", "credits_used", "error"], "igny8_ai_task_logs"),
        (
            &[
                "operation_type",
                "credits_used",
                "cost_usd",
                "provider_cost_usd",
                "credit_price_usd",
                "model_name",
                "tokens_input",
                "tokens_output",
            ],
            "igny8_billing_creditusagelog",
        ),
        (
            &["notification_type", "severity", "title", "message", "error", "subject_kind"],
            "notification WHERE subject_kind = 'ai_task'",
        ),
        (
            &["transaction_type", "operation_type", "amount", "description", "related_object_type"],
            "igny8_billing_credittransaction WHERE transaction_type = 'deduction'",
        ),
        (
            &["ai_function", "percent", "items_total", "items_delivered", "items_failed", "error_code", "desired"],
            "ai_task",
        ),
        (
            &["t.ai_function", "i.state", "i.credits", "i.error_code", "i.made"],
            "ai_task_item i JOIN ai_task t ON t.id = i.ai_task_id",
        ),
        (
            &[
                "t.ai_function",
                "a.state",
                "a.attempt_no",
                "a.tokens_input",
                "a.tokens_output",
                "a.provider_cost_nanousd",
            ],
            "ai_attempt a JOIN ai_task t ON t.id = a.ai_task_id",
        ),
        (&["state", "work_kind", "settled"], "credit_hold"),
    ];
    for (columns, rest) in kinds {
        let mut found = rows(db, columns, rest).await;
        found.sort();
        all.extend(found.into_iter().map(|line| format!("{rest}: {line}")));
    }
    let said = texts(db, "SELECT CAST(metadata AS text) FROM notification WHERE subject_kind = 'ai_task'").await;
    let mut said: Vec<String> = said.iter().map(|text| without_ids(serde_json::from_str(text).unwrap())).collect();
    said.sort();
    all.extend(said);
    all
}

/// A notification's figures, and how many things it names.
fn without_ids(mut metadata: Value) -> String {
    let fields = metadata.as_object_mut().unwrap();
    fields.remove("ai_task_id");
    if let Some(Value::Array(subjects)) = fields.remove("subject_ids") {
        fields.insert("subjects".to_owned(), subjects.len().into());
    }
    metadata.to_string()
}
