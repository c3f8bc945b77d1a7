//! What each outcome leaves behind: the task, the usage, the notification, the balance.

use std::time::Duration;

use inkledger::{
    ai::{
        model::{
            AcceptError, GenerateImages, GenerateText, InsufficientFigures, ItemState, ModelRefusal, NotCovered, Phase,
            Picture, TaskStatus,
        },
        provider::{
            FailureCode, TokenUsage,
            sandbox::{SandboxAnswer, Step},
        },
    },
    db::Engine,
    error::{Error, Failure},
    image::{ImageFilter, pixels},
    page::PageArgs,
    storage::{ObjectKey, Storage},
};
use rstest::rstest;

use super::stage::Stage;

// REQ-B-13
#[rstest]
#[tokio::test]
async fn images_are_held_stored_and_settled_one_by_one(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    let task = stage.process.ai.generate_images(spender, stage.images(3)).await.unwrap();
    assert_eq!((task.status, task.phase, task.items_total), (TaskStatus::Pending, Phase::Init, 3));
    assert_eq!(stage.balance(spender.account_id).await, (7, 3, 0));
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.phase, view.task.percent), (TaskStatus::Success, Phase::Done, 100));
    assert_eq!((view.task.items_delivered, view.task.items_failed, view.task.credits_used), (3, 0, 3));
    assert_eq!(view.task.provider_cost_nanousd, Some(0));
    assert_eq!(stage.balance(spender.account_id).await, (7, 0, 3));
    stage.check().await;
    assert_eq!(
        stage.messages(spender).await,
        [("ai_image_success".into(), "SUCCESS".into(), "Generated 3 images using 3 credits".into())]
    );
    assert_eq!((stage.billed(), stage.calls()), (3, 3));
    let images = stage
        .process
        .gallery
        .list(spender.account_id, &ImageFilter::default(), &PageArgs::first(10))
        .await
        .unwrap()
        .items;
    assert_eq!(images.len(), 3);
    let seeds: Vec<_> = images.iter().map(|image| image.seed).collect();
    assert_eq!(seeds, [Some(9), Some(8), Some(7)]);
    for image in &images {
        assert_eq!((image.width, image.height, image.content_type.as_str()), (512, 512, "image/png"));
        let url = stage.process.gallery.signed_url(&image.shown_store, &image.shown_key, "http://here").await.unwrap();
        assert!(url.starts_with("http://here/files/images/"), "{url}");
        assert!(view.items.iter().any(|item| item.image_id == Some(image.id)));
    }
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn stored_bytes_are_the_image_that_the_row_describes() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(1).await;
    let task = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    let workers = stage.process.start().await;
    stage.ended(&task).await;
    let image = stage
        .process
        .gallery
        .list(spender.account_id, &ImageFilter::default(), &PageArgs::first(1))
        .await
        .unwrap()
        .items
        .remove(0);
    let key: ObjectKey = image.shown_key.parse().unwrap();
    let bytes = Storage::local(stage.folder()).unwrap().get(&key).await.unwrap();
    let checked = pixels::check(&bytes).unwrap();
    assert_eq!((checked.width, checked.size), (512, usize::try_from(image.bytes).unwrap()));
    workers.shutdown().await;
}

// REQ-B-13: charged by tokens; the hold was the bound of the prompt plus the output limit.
#[rstest]
#[tokio::test]
async fn a_text_is_charged_by_its_tokens(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    let task = stage.process.ai.generate_text(spender, stage.text()).await.unwrap();
    assert_eq!(stage.balance(spender.account_id).await, (8, 2, 0));
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!(view.task.status, TaskStatus::Success);
    assert!(!view.items[0].text.as_deref().unwrap().is_empty());
    assert_eq!(stage.balance(spender.account_id).await, (9, 0, 1));
    stage.check().await;
    assert_eq!(stage.messages(spender).await[0].2, "Generated 1 texts using 1 credits");
    let billing = stage.script.billing();
    let attempts = stage.process.ai.attempts(task.id).await.unwrap();
    assert_eq!(attempts[0].tokens_input, Some(billing[0].tokens.input));
    assert_eq!(attempts[0].tokens_output, Some(billing[0].tokens.output));
    workers.shutdown().await;
}

// REQ-B-16: many texts are one task; each has its own hold, prompt, charge and usage row.
#[rstest]
#[tokio::test]
async fn a_bulk_command_writes_each_text_and_charges_it_alone(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(200).await;
    let mut input = stage.text();
    input.prompts = vec!["Write about snow.".into(), "a".repeat(9_000), "Write about foxes.".into()];
    stage.script.push(Step::Ok);
    stage.script.push(Step::fail(FailureCode::ContentRefused));
    let task = stage.process.ai.generate_text(spender, input.clone()).await.unwrap();
    assert_eq!(stage.balance(spender.account_id).await, (191, 9, 0), "2 + 5 + 2, by what the model is told for each");
    let again = stage.process.ai.generate_text(spender, input.clone()).await.unwrap();
    assert_eq!(again.id, task.id);
    let other = GenerateText { prompts: vec![input.prompts.concat()], ..input.clone() };
    assert!(matches!(
        stage.process.ai.generate_text(spender, other).await,
        Err(Failure::Fault(Error::IdempotencyKeyReused))
    ));
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.items_delivered, view.task.items_failed), (TaskStatus::Partial, 2, 1));
    let texts: Vec<_> = view.items.iter().map(|item| item.text.clone()).collect();
    assert!(texts[0].is_some() && texts[1].is_none() && texts[2].is_some() && texts[0] != texts[2], "{texts:?}");
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM credit_usage").await, 2);
    let many = GenerateText { prompts: vec!["x".into(); 51], idempotency_key: stage.key(), ..input };
    match stage.process.ai.generate_text(spender, many).await {
        Err(Failure::Refused(refusal)) => assert_eq!(refusal, AcceptError::CountOutOfRange { count: 51, max: 50 }),
        other => panic!("{other:?}"),
    }
    stage.check().await;
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_text_without_a_token_report_is_estimated_and_never_charged_above_its_hold() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    stage.script.push(Step::Answer(SandboxAnswer {
        text: Some("word ".repeat(5000)),
        usage_hidden: true,
        ..SandboxAnswer::default()
    }));
    let task = stage.process.ai.generate_text(spender, stage.text()).await.unwrap();
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, 2));
    assert!(stage.process.ai.attempts(task.id).await.unwrap()[0].tokens_estimated);
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM credit_usage WHERE tokens_estimated = TRUE").await, 1);
    stage.check().await;
    workers.shutdown().await;
}

// A prompt of some hundred bytes has no five million tokens, whatever the provider says.
#[rstest]
#[tokio::test]
async fn a_report_of_tokens_that_cannot_be_true_counts_as_none(
    #[values((5_000_000, 1), (1, 5_000_000), (i64::MAX, i64::MAX), (-1, 5))] (input, output): (i64, i64),
) {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(100).await;
    stage.script.push(Step::Answer(SandboxAnswer {
        text: Some("A short text.".to_owned()),
        usage: Some(TokenUsage { input, output }),
        ..SandboxAnswer::default()
    }));
    let task = stage.process.ai.generate_text(spender, stage.text()).await.unwrap();
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, 1));
    assert!(stage.process.ai.attempts(task.id).await.unwrap()[0].tokens_estimated);
    stage.check().await;
    workers.shutdown().await;
}

// REQ-B-17
#[rstest]
#[tokio::test]
async fn a_second_image_that_fails_leaves_a_partial_task(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    stage.script.extend([Step::Ok, Step::fail(FailureCode::ProviderRefused)]);
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.phase), (TaskStatus::Partial, Phase::Done));
    assert_eq!((view.task.items_delivered, view.task.items_failed, view.task.credits_used), (1, 1, 1));
    assert_eq!(view.items[1].error_code.as_deref(), Some("PROVIDER_REFUSED"));
    assert_eq!(stage.balance(spender.account_id).await, (9, 0, 1));
    stage.check().await;
    assert_eq!(
        stage.messages(spender).await,
        [(
            "ai_image_success".into(),
            "WARNING".into(),
            "Generated 1 images using 1 credits (1 failed, not charged)".into()
        )]
    );
    workers.shutdown().await;
}

// REQ-B-14
#[rstest]
#[tokio::test]
async fn nothing_delivered_is_an_error_and_leaves_the_balance_alone(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    stage.script.rule(|_| Some(Step::fail(FailureCode::ContentRefused)));
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.phase), (TaskStatus::Error, Phase::AiCall));
    assert_eq!(view.task.error_code.as_deref(), Some("CONTENT_REFUSED"));
    assert_eq!(stage.balance(spender.account_id).await, (10, 0, 0));
    stage.check().await;
    let words = FailureCode::ContentRefused.text();
    assert_eq!(
        stage.messages(spender).await,
        [("ai_image_failed".into(), "ERROR".into(), format!("Image generation failed: {words}"))]
    );
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM credit_usage").await, 0);
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn transient_failures_are_tried_three_times_and_all_attempts_are_listed() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    let down = || Step::fail(FailureCode::ServiceUnavailable);
    stage.script.extend([
        down(),
        Step::Fail { code: FailureCode::RateLimited, retry_after: Some(Duration::from_millis(50)) },
        Step::Ok,
        down(),
        Step::Corrupt,
        down(),
    ]);
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Partial, 1));
    let attempts = stage.process.ai.attempts(task.id).await.unwrap();
    let codes: Vec<_> = attempts.iter().map(|attempt| (attempt.attempt_no, attempt.error_code.as_deref())).collect();
    assert_eq!(
        codes,
        [
            (1, Some("SERVICE_UNAVAILABLE")),
            (2, Some("RATE_LIMITED")),
            (3, None),
            (1, Some("SERVICE_UNAVAILABLE")),
            (2, Some("CORRUPT_IMAGE")),
            (3, Some("SERVICE_UNAVAILABLE"))
        ]
    );
    stage.check().await;
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_panic_in_the_provider_does_not_end_the_process() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    stage.script.extend([Step::Panic, Step::Ok]);
    let task = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, 1));
    stage.check().await;
    workers.shutdown().await;
}

// REQ-B-15
#[rstest]
#[tokio::test]
async fn too_few_credits_leave_a_record_and_call_nobody(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(2).await;
    let input = stage.images(3);
    let refused = |result| match result {
        Err(Failure::Refused(AcceptError::NotCovered { why: NotCovered::ByBalance(figures), ai_task_id })) => {
            (figures.required, figures.available, ai_task_id)
        }
        other => panic!("{other:?}"),
    };
    let (required, available, id) = refused(stage.process.ai.generate_images(spender, input.clone()).await);
    assert_eq!((required, available), (3, 2));
    let task = stage.process.ai.task(spender.account_id, id).await.unwrap().unwrap();
    assert_eq!(
        (task.status, task.phase, task.refused),
        (
            TaskStatus::Error,
            Phase::Init,
            Some(NotCovered::ByBalance(InsufficientFigures { required: 3, available: 2 }))
        )
    );
    let text = "Insufficient credits. Required: 3, Available: 2";
    assert_eq!(task.error_text.as_deref(), Some(text));
    assert_eq!(stage.messages(spender).await, [("ai_image_failed".into(), "ERROR".into(), text.into())]);
    assert_eq!(stage.balance(spender.account_id).await, (2, 0, 0));
    // The key repeats the answer even after a top-up.
    stage.grant(spender.account_id, 10, false).await;
    assert_eq!(refused(stage.process.ai.generate_images(spender, input.clone()).await), (3, 2, id));
    let other = GenerateImages { count: 1, ..input };
    let reused = stage.process.ai.generate_images(spender, other).await;
    assert!(matches!(reused, Err(Failure::Fault(Error::IdempotencyKeyReused))));
    stage.check().await;
    assert_eq!(stage.calls(), 0);
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_done_is_refused_before_any_hold() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(100).await;
    let models = stage.process.ai.models(true).await.unwrap();
    let named = |name: &str| models.iter().find(|model| model.model.name == name).unwrap().model.id;
    let ask = async |change: &dyn Fn(&mut GenerateImages)| {
        let mut input = stage.images(1);
        change(&mut input);
        match stage.process.ai.generate_images(spender, input).await {
            Err(Failure::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(&|input| input.picture = Picture::Prompt(" \n".into())).await, AcceptError::PromptEmpty);
    assert_eq!(
        ask(&|input| input.picture = Picture::Prompt("é".repeat(1001))).await,
        AcceptError::Model(ModelRefusal::PromptTooLong { length: 1001, limit: 1000, models: Vec::new() })
    );
    assert_eq!(ask(&|input| input.count = 9).await, AcceptError::CountOutOfRange { count: 9, max: 8 });
    assert_eq!(ask(&|input| input.seed = Some(-1)).await, AcceptError::SeedOutOfRange);
    let text = named("Sandbox Text");
    assert_eq!(ask(&|input| input.ai_model_id = Some(text)).await, AcceptError::Model(ModelRefusal::KindMismatch));
    let off = named("GPT Image 1");
    assert_eq!(ask(&|input| input.ai_model_id = Some(off)).await, AcceptError::Model(ModelRefusal::Inactive));
    stage.test.execute("UPDATE ai_model SET takes_seed = FALSE WHERE name = 'Sandbox Image'").await.unwrap();
    assert_eq!(ask(&|_| {}).await, AcceptError::Model(ModelRefusal::SeedUnsupported { models: Vec::new() }));
    let none = spender.user_id;
    assert_eq!(ask(&|input| input.ai_model_id = Some(none)).await, AcceptError::Model(ModelRefusal::NotFound));
    assert_eq!(stage.balance(spender.account_id).await, (100, 0, 0));
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM ai_task").await, 0);
}

// REQ-B-6
#[rstest]
#[tokio::test]
async fn a_price_change_after_the_quote_does_not_change_what_is_settled() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(100).await;
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    stage
        .test
        .execute(
            "INSERT INTO price_version (id, ai_model_id, number, kind, credits_per_image, credit_price_nanousd, created_at) \
             SELECT randomblob(16), id, 2, 'IMAGE', 9, 5, 0 FROM ai_model WHERE name = 'Sandbox Image'",
        )
        .await
        .unwrap();
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!(view.task.credits_used, 2);
    assert_eq!(stage.test.number("SELECT SUM(credit_value_nanousd) FROM credit_usage").await, 20_000_000);
    let next = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    assert_eq!(stage.ended(&next).await.task.credits_used, 9);
    stage.check().await;
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn every_item_of_a_task_may_fail_or_succeed_on_its_own() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(100).await;
    stage.script.extend([Step::Ok, Step::fail(FailureCode::ProviderRefused), Step::Ok]);
    let task = stage.process.ai.generate_images(spender, stage.images(3)).await.unwrap();
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    let states: Vec<_> = view.items.iter().map(|item| item.state).collect();
    assert_eq!(states, [ItemState::Delivered, ItemState::Failed, ItemState::Delivered]);
    assert_eq!(view.task.error_code.as_deref(), Some("PROVIDER_REFUSED"));
    assert_eq!(stage.messages(spender).await[0].2, "Generated 2 images using 2 credits (1 failed, not charged)");
    stage.check().await;
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_model_without_seeds_is_sent_none_and_records_none() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    stage.test.execute("UPDATE ai_model SET takes_seed = FALSE").await.unwrap();
    let workers = stage.process.start().await;
    let input = GenerateImages { seed: None, ..stage.images(1) };
    let task = stage.process.ai.generate_images(spender, input).await.unwrap();
    assert_eq!(stage.ended(&task).await.task.payload.seed, None);
    let images = stage
        .process
        .gallery
        .list(spender.account_id, &ImageFilter::default(), &PageArgs::first(1))
        .await
        .unwrap()
        .items;
    assert_eq!(images[0].seed, None);
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn work_that_never_began_gives_its_credits_back_and_ends_uncharged(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    let stuck = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    stage.test.execute("UPDATE job SET ready_at = 9000000000000000").await.unwrap();
    // A day and an hour later the sweeper gives the holds back.
    stage.test.clock.advance(25 * 3600 * 1_000_000);
    let workers = stage.process.start().await;
    let waiting = async {
        while stage.balance(spender.account_id).await != (10, 0, 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(super::stage::PATIENCE, waiting).await.expect("the holds were not given back");
    // One of the tasks is cancelled then, the other is run.
    stage.process.ai.cancel_ai_task(spender, stuck.id).await.unwrap();
    stage.test.execute("UPDATE job SET ready_at = 0 WHERE state = 'ready'").await.unwrap();
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.error_code.as_deref()), (TaskStatus::Error, Some("HOLD_EXPIRED")));
    assert_eq!(stage.balance(spender.account_id).await, (10, 0, 0));
    stage.check().await;
    assert_eq!(stage.calls(), 0);
    workers.shutdown().await;
}
