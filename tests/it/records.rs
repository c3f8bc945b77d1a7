//! `doctor --records`: passes on what the server writes, fails on each planted fault.

use inkledger::{
    ai::{
        model::{AcceptError, TaskStatus},
        provider::{FailureCode, sandbox::Step},
    },
    db::Engine,
    doctor::records::{RecordsReport, Verdict, audit_records},
    error::Failure,
};
use rstest::rstest;
use sea_orm::ConnectionTrait;

use crate::ai::stage::Stage;

async fn audited(stage: &Stage) -> RecordsReport {
    audit_records(&stage.test.db).await.unwrap()
}

/// Success, partial, error, cancelled, refused, and a text.
async fn lived_in(engine: Engine) -> Stage {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(20).await;
    let refusal = stage.process.ai.generate_images(stage.spender(1).await, stage.images(2)).await;
    assert!(matches!(refusal, Err(Failure::Refused(AcceptError::NotCovered { .. }))));
    let cancelled = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    stage.process.ai.cancel_ai_task(spender, cancelled.id).await.unwrap();
    let refused = || Step::fail(FailureCode::ProviderRefused);
    stage.script.extend([Step::Ok, refused(), refused(), refused()]);
    let workers = stage.process.start().await;
    for (count, status) in [(2, TaskStatus::Partial), (2, TaskStatus::Error), (3, TaskStatus::Success)] {
        let task = stage.process.ai.generate_images(spender, stage.images(count)).await.unwrap();
        assert_eq!(stage.ended(&task).await.task.status, status);
    }
    let text = stage.process.ai.generate_text(spender, stage.text()).await.unwrap();
    stage.ended(&text).await;
    stage.check().await;
    workers.shutdown().await;
    stage
}

// REQ-B-1, REQ-B-22
#[rstest]
#[tokio::test]
async fn the_five_queries_pass_on_what_the_server_writes(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = lived_in(engine).await;
    let report = audited(&stage).await;
    assert!(report.passes(true), "{:#?}", report.lines());
    assert!(report.findings.iter().all(|finding| finding.verdict == Verdict::Pass));
    assert_eq!(report.findings.iter().filter(|finding| finding.query.is_some()).count(), 5);
    assert_eq!(
        stage.test.number("SELECT COUNT(*) FROM igny8_ai_task_logs WHERE function_name = 'generate_images'").await,
        5
    );
}

#[rstest]
#[tokio::test]
async fn a_fresh_installation_is_empty_and_passes_unless_data_is_required(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let report = audited(&stage).await;
    let verdicts: Vec<_> =
        report.findings.iter().filter(|finding| finding.query.is_some()).map(|finding| finding.verdict).collect();
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Empty, Verdict::Empty, Verdict::Empty, Verdict::Empty]);
    assert!(report.passes(false));
    assert!(!report.passes(true));
}

const DOUBLED_SETTLE: &str = "
    INSERT INTO credit_transaction SELECT account_id, seq + 1000, {id}, epoch, kind, 's:again:' || idem_key, request_hash,
      actor_kind, actor_id, amount, result, refers_seq, note_hash, at, issued_after, available_after, held_after, spent_after,
      expired_after, revoked_after, prev_hash, hash FROM credit_transaction WHERE kind = 'settle' AND seq =
      (SELECT MAX(seq) FROM credit_transaction WHERE kind = 'settle');
    INSERT INTO credit_entry SELECT account_id, seq + 1000, line, grant_id, hold_id, from_bucket, to_bucket, amount
      FROM credit_entry WHERE to_bucket = 'spent' AND seq =
      (SELECT MAX(seq) - 1000 FROM credit_transaction WHERE kind = 'settle')";

/// A fault, and the queries (or 0 for a further check) that must fail on it.
const FAULTS: [(&str, &str, &[usize]); 9] = [
    ("usage missing", "DELETE FROM credit_usage WHERE ai_function = 'GENERATE_IMAGES'", &[0, 3, 5]),
    ("settle doubled", DOUBLED_SETTLE, &[0, 5]),
    ("value wrong", "UPDATE credit_usage SET credit_price_nanousd = 5, credit_value_nanousd = credits * 5", &[0, 3]),
    ("credits wrong", "UPDATE ai_task SET credits_used = credits_used + 1 WHERE status = 'SUCCESS'", &[0]),
    ("notification missing", "DELETE FROM notification WHERE notification_type = 'ai_image_failed'", &[0, 4]),
    (
        "notification doubled",
        "INSERT INTO notification SELECT {id}, account_id, notification_type, severity, title, message, metadata, \
         subject_kind, subject_id, error, 'twice', created_at FROM notification \
         WHERE notification_type = 'ai_image_success' ORDER BY id LIMIT 1",
        &[0, 4],
    ),
    (
        "sign wrong",
        "DROP VIEW igny8_billing_credittransaction; CREATE VIEW igny8_billing_credittransaction AS \
         SELECT 'deduction' AS transaction_type, 'image_generation' AS operation_type, -amount AS amount \
         FROM credit_entry WHERE to_bucket = 'spent'",
        &[5],
    ),
    ("cost wrong", "UPDATE ai_task SET provider_cost_nanousd = 1000000 WHERE ai_function = 'GENERATE_IMAGES'", &[2]),
    (
        "price shown wrong",
        "DROP VIEW igny8_billing_aimodelconfig; CREATE VIEW igny8_billing_aimodelconfig AS SELECT m.name AS model_name, \
         p.input_nanousd_per_1k / 1000000.0 AS cost_per_1k_input, 0.1 AS cost_per_1k_output, p.credits_per_image, \
         m.is_active FROM ai_model m JOIN price_version p ON p.ai_model_id = m.id",
        &[1],
    ),
];

// REQ-B-22
#[rstest]
#[tokio::test]
async fn each_planted_fault_is_found(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] number: usize,
) {
    let stage = lived_in(engine).await;
    let (name, sql, expected) = FAULTS[number];
    let id = match engine {
        Engine::Sqlite => "x'0190000000007000800000000000abcd'",
        Engine::Postgres => "CAST('01900000-0000-7000-8000-00000000abcd' AS uuid)",
    };
    stage.test.db.migration_connection().execute_unprepared(&sql.replace("{id}", id)).await.unwrap();
    let report = audited(&stage).await;
    assert!(!report.passes(false), "{name} was not found");
    let mut failed: Vec<usize> = report
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fail)
        .map(|finding| finding.query.unwrap_or(0))
        .collect();
    failed.sort_unstable();
    failed.dedup();
    assert_eq!(failed, expected, "{name}: {:#?}", report.lines());
    assert!(report.findings.iter().all(|finding| (finding.verdict == Verdict::Fail) != finding.differences.is_empty()));
}
