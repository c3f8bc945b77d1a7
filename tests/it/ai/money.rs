//! Keys, races and books: each command once, credits never below zero, the provider's books equal to ours.

use std::collections::HashSet;

use futures_util::future::join_all;
use inkledger::{
    ai::{
        AiConfig,
        model::{AcceptError, GateRules, Order, TaskStatus},
        provider::{
            FailureCode,
            sandbox::{BillingOutcome, Step},
        },
    },
    db::Engine,
    error::{Error, Failure},
};
use rstest::rstest;

use super::stage::{Stage, quick_ai, quick_jobs};

// REQ-B-21
#[rstest]
#[tokio::test]
async fn a_hundred_repeats_of_a_key_are_one_task(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    let input = stage.images(2);
    let asked = (0..100).map(|_| stage.process.ai.generate_images(spender, input.clone()));
    let answers: HashSet<_> = join_all(asked).await.into_iter().map(|answer| answer.unwrap().id).collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(stage.balance(spender.account_id).await, (8, 2, 0));
    let mut other = input.clone();
    other.seed = None;
    let reused = stage.process.ai.generate_images(spender, other).await;
    assert!(matches!(reused, Err(Failure::Fault(Error::IdempotencyKeyReused))));
    let workers = stage.process.start().await;
    let task = stage.process.ai.generate_images(spender, input.clone()).await.unwrap();
    stage.ended(&task).await;
    let again = stage.process.ai.generate_images(spender, input).await.unwrap();
    assert_eq!((again.id, again.status), (task.id, TaskStatus::Success));
    stage.check().await;
    assert_eq!(stage.calls(), 2);
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_key_that_moved_credits_otherwise_is_refused() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    let mut text = stage.text();
    let images = stage.images(1);
    text.idempotency_key = images.idempotency_key.clone();
    stage.process.ai.generate_images(spender, images).await.unwrap();
    let reused = stage.process.ai.generate_text(spender, text).await;
    assert!(matches!(reused, Err(Failure::Fault(Error::IdempotencyKeyReused))));
}

#[rstest]
#[tokio::test]
async fn an_ill_formed_key_is_a_fault_of_the_request() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    for key in ["short", "has a blank", &"k".repeat(129)] {
        let mut input = stage.images(1);
        input.idempotency_key = key.to_owned();
        let refused = stage.process.ai.generate_images(spender, input).await;
        assert!(matches!(refused, Err(Failure::Fault(Error::BadUserInput { .. }))));
    }
}

// REQ-B-20
#[rstest]
#[case::twenty(20)]
#[case::two_hundred(200)]
#[tokio::test]
async fn simultaneous_commands_on_credits_for_six_succeed_six_times(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] commands: usize,
) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(6).await;
    let workers = stage.process.start().await;
    let asked = (0..commands).map(|_| stage.process.ai.generate_images(spender, stage.images(1)));
    let answers = join_all(asked).await;
    let accepted: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(accepted.len(), 6);
    let poor =
        answers.iter().filter(|answer| matches!(answer, Err(Failure::Refused(AcceptError::NotCovered { .. })))).count();
    assert_eq!(poor, commands - 6);
    for task in accepted {
        assert_eq!(stage.ended(task).await.task.status, TaskStatus::Success);
    }
    assert_eq!(stage.balance(spender.account_id).await, (0, 0, 6));
    stage.check().await;
    assert_eq!(stage.billed(), 6);
    assert_eq!(stage.messages(spender).await.len(), commands.min(100));
    workers.shutdown().await;
}

#[tokio::test]
async fn two_processes_share_six_credits_and_the_work() {
    let stage = Stage::open(Engine::Postgres).await;
    let second = stage.second(99).await;
    let spender = stage.spender(6).await;
    let workers = [stage.process.start().await, second.start().await];
    let asked = (0..20).map(|number| {
        let process = if number % 2 == 0 { &stage.process } else { &second };
        process.ai.generate_images(spender, stage.images(1))
    });
    let accepted: Vec<_> = join_all(asked).await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(accepted.len(), 6);
    for task in &accepted {
        assert_eq!(stage.ended(task).await.task.status, TaskStatus::Success);
    }
    assert_eq!(stage.balance(spender.account_id).await, (0, 0, 6));
    stage.check().await;
    assert_eq!(stage.billed(), 6);
    for one in workers {
        one.shutdown().await;
    }
    second.db.close().await;
}

// T10, small: random faults; what the customer pays is what was delivered, and every call of the provider is listed.
#[rstest]
#[tokio::test]
async fn the_provider_s_books_agree_with_ours_under_random_faults(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    // Chance may put five failures in a row, and what that opens would stay open: the clock stands still.
    let breaker = GateRules { failures: 1_000_000, ..quick_ai().breaker };
    let stage = Stage::with(engine, AiConfig { breaker, ..quick_ai() }, quick_jobs()).await;
    let spender = stage.spender(1000).await;
    stage.script.rule(|call| match call.no % 7 {
        1 => Some(Step::fail(FailureCode::NetworkError)),
        3 => Some(Step::fail(FailureCode::ProviderRefused)),
        4 => Some(Step::Corrupt),
        6 => Some(Step::FailBilled(FailureCode::TimeoutTotal)),
        _ => None,
    });
    let workers = stage.process.start().await;
    let mut tasks = Vec::new();
    for number in 0..12 {
        let task = if number % 3 == 0 {
            stage.process.ai.generate_text(spender, stage.text()).await.unwrap()
        } else {
            stage.process.ai.generate_images(spender, stage.images(number % 4 + 1)).await.unwrap()
        };
        tasks.push(task);
    }
    let (mut delivered, mut charged) = (0, 0);
    for task in &tasks {
        let view = stage.ended(task).await;
        delivered += view.task.items_delivered;
        charged += view.task.credits_used;
    }
    assert_eq!(i64::from(delivered), charged, "every delivered thing costs one credit here");
    assert_eq!(stage.balance(spender.account_id).await, (1000 - charged, 0, charged));
    stage.check().await;
    // Each attempt that was sent is one line of the provider's books, and each settled one was billed there.
    let mut settled = HashSet::new();
    let mut sent = HashSet::new();
    for task in &tasks {
        for attempt in stage.process.ai.attempts(task.id).await.unwrap() {
            if attempt.sent_at.is_some() {
                sent.insert(attempt.id.to_string());
            }
            if attempt.state == inkledger::ai::model::AttemptState::Settled {
                settled.insert(attempt.id.to_string());
            }
        }
    }
    let billing = stage.script.billing();
    let called: HashSet<_> = billing.iter().map(|line| line.request_key.clone()).collect();
    assert_eq!(called, sent);
    assert_eq!(called.len(), billing.len(), "no attempt was sent twice");
    let billed: HashSet<_> = billing
        .iter()
        .filter(|line| line.outcome == BillingOutcome::Billed)
        .map(|line| line.request_key.clone())
        .collect();
    assert!(settled.is_subset(&billed));
    assert_eq!(i64::from(delivered), i64::try_from(settled.len()).unwrap());
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_quote_is_over_after_fifteen_minutes(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(100).await;
    let order = |images| Order::from(images);
    let quote = stage.process.ai.quote_task(spender, &order(stage.images(1))).await.unwrap();
    stage.test.clock.advance(15 * 60 * 1_000_000 - 1);
    stage.process.ai.carry_out(spender, order(stage.images(1)), Some(&quote.token)).await.unwrap();
    stage.test.clock.advance(1);
    let late = stage.process.ai.carry_out(spender, order(stage.images(1)), Some(&quote.token)).await;
    assert!(matches!(late, Err(Failure::Refused(AcceptError::QuoteExpired))), "{late:?}");
}
