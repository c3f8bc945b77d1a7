use std::time::Duration;

use futures_util::FutureExt as _;
use inkledger::ai::provider::sandbox::{BillingOutcome, CallKind, LABEL, Sandbox, SandboxAnswer, SandboxScript, Step};
use inkledger::ai::provider::{Call, FailureClass, FailureCode, ImageProvider, TextProvider, Timeouts, TokenUsage};
use inkledger::image::pixels;

use super::{image_request, patient, text_request};

fn scripted(steps: impl IntoIterator<Item = Step>) -> (Sandbox, SandboxScript) {
    let script = SandboxScript::new();
    script.extend(steps);
    (Sandbox::new(script.clone()), script)
}

#[tokio::test]
async fn writes_labelled_text_streams_it_and_bills_what_it_reports() {
    let (sandbox, script) = scripted([]);
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let result = sandbox.generate_text(&text_request(), &patient(), Some(sender)).await.unwrap();
    assert!(result.text.starts_with(LABEL), "{}", result.text);
    let mut streamed = String::new();
    while let Some(piece) = receiver.recv().await {
        streamed.push_str(&piece);
    }
    assert_eq!(streamed, result.text);
    let again = sandbox.generate_text(&text_request(), &patient(), None).await.unwrap();
    assert_eq!((again.text, again.usage), (result.text, result.usage));

    let lines = script.billing();
    assert_eq!(lines.iter().map(|line| line.no).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((lines[0].kind, lines[0].request_key.as_str()), (CallKind::Text, "attempt-1"));
    assert_eq!((Some(lines[0].tokens), lines[0].images, lines[0].outcome), (result.usage, 0, BillingOutcome::Billed));
}

#[tokio::test]
async fn draws_a_png_of_the_size_asked_for_and_bills_one_image() {
    let (sandbox, script) = scripted([]);
    let mut request = image_request();
    (request.width, request.height) = (1024, 576);
    let result = sandbox.generate_image(&request, &patient()).await.unwrap();
    let checked = pixels::check(&result.bytes).unwrap();
    assert_eq!((checked.width, checked.height, result.content_type), (1024, 576, "image/png"));
    assert_eq!((result.cost_nanousd, result.usage), (None, None));
    let line = &script.billing()[0];
    assert_eq!((line.kind, line.images, line.outcome), (CallKind::Image, 1, BillingOutcome::Billed));
}

#[tokio::test]
async fn drawing_leaves_the_async_thread_free() {
    let sandbox = Sandbox::default();
    let mut request = image_request();
    (request.width, request.height) = (2048, 2048);
    let call = patient();
    // On the one thread of this runtime the ticks go on only if drawing is elsewhere.
    let mut ticks = 0;
    let drawing = sandbox.generate_image(&request, &call);
    tokio::pin!(drawing);
    let result = loop {
        tokio::select! {
            biased;
            result = &mut drawing => break result,
            () = tokio::time::sleep(Duration::from_millis(1)) => ticks += 1,
        }
    };
    result.unwrap();
    assert!(ticks > 5, "{ticks} ticks");
}

#[tokio::test]
async fn sizes_out_of_range_are_refused_unbilled() {
    let (sandbox, script) = scripted([]);
    for (width, height) in [(0, 10), (10, 0), (8_001, 8_000), (u32::MAX, u32::MAX)] {
        let mut request = image_request();
        (request.width, request.height) = (width, height);
        let failure = sandbox.generate_image(&request, &patient()).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::InvalidParameters);
    }
    let unbilled = BillingOutcome::Unbilled(FailureCode::InvalidParameters);
    assert!(script.billing().iter().all(|line| line.outcome == unbilled));
}

#[tokio::test]
async fn every_code_can_be_scripted_and_bills_nothing() {
    let (sandbox, script) = scripted([]);
    for code in FailureCode::ALL {
        let retry_after = Some(Duration::from_secs(3));
        script.push(Step::Fail { code: *code, retry_after });
        script.push(Step::fail(*code));
        let text = sandbox.generate_text(&text_request(), &patient(), None).await.unwrap_err();
        let image = sandbox.generate_image(&image_request(), &patient()).await.unwrap_err();
        assert_eq!((text.code, text.retry_after, text.usage), (*code, retry_after, None));
        assert_eq!((image.code, image.class, image.retry_after), (*code, code.class(), None));
    }
    assert!(script.billing().iter().all(|line| matches!(line.outcome, BillingOutcome::Unbilled(_))));
}

#[tokio::test]
async fn a_billed_failure_is_in_the_books_with_its_usage() {
    let (sandbox, script) = scripted([
        Step::FailBilled(FailureCode::NetworkError),
        Step::FailBilled(FailureCode::NetworkError),
        Step::Corrupt,
        Step::Corrupt,
    ]);
    let text = sandbox.generate_text(&text_request(), &patient(), None).await.unwrap_err();
    let image = sandbox.generate_image(&image_request(), &patient()).await.unwrap_err();
    assert!(text.usage.is_some() && image.usage.is_none());
    let corrupt = sandbox.generate_image(&image_request(), &patient()).await.unwrap();
    assert!(pixels::check(&corrupt.bytes).is_err());
    let unfinished = sandbox.generate_text(&text_request(), &patient(), None).await.unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&unfinished.text).is_err());
    let lines = script.billing();
    assert!(lines.iter().all(|line| line.outcome == BillingOutcome::Billed));
    assert_eq!((Some(lines[0].tokens), lines[1].images, lines[2].images), (text.usage, 1, 1));
}

#[tokio::test]
async fn dictated_answers_bill_dictated_tokens() {
    let usage = TokenUsage { input: 1_800, output: 900 };
    let (sandbox, script) = scripted([
        Step::Answer(SandboxAnswer { text: Some("{\"ok\":true}".into()), usage: Some(usage), ..Default::default() }),
        Step::Answer(SandboxAnswer { usage: Some(usage), usage_hidden: true, ..Default::default() }),
        Step::Answer(SandboxAnswer { cost_nanousd: Some(40_000_000), ..Default::default() }),
    ]);
    let first = sandbox.generate_text(&text_request(), &patient(), None).await.unwrap();
    assert_eq!((first.text.as_str(), first.usage), ("{\"ok\":true}", Some(usage)));
    let second = sandbox.generate_text(&text_request(), &patient(), None).await.unwrap();
    assert!(second.usage.is_none() && second.text.starts_with(LABEL));
    let third = sandbox.generate_image(&image_request(), &patient()).await.unwrap();
    assert_eq!(third.cost_nanousd, Some(40_000_000));
    let billed: Vec<_> = script.billing().iter().map(|line| line.tokens).collect();
    assert_eq!(billed, [usage, usage, TokenUsage::default()]);
}

#[tokio::test(start_paused = true)]
async fn delays_and_hangs_end_by_time_out_or_cancellation() {
    let (sandbox, script) = scripted([
        Step::Delay(Duration::from_secs(170)),
        Step::Delay(Duration::from_secs(181)),
        Step::Hang { billed: true },
        Step::Hang { billed: false },
    ]);
    let request = text_request();
    let call = Call::new(Timeouts::text());
    sandbox.generate_text(&request, &call, None).await.unwrap();
    for _ in 0..2 {
        let failure = sandbox.generate_text(&request, &call, None).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::TimeoutTotal, true));
    }
    let cancel = call.cancel.clone();
    let (outcome, ()) = tokio::join!(sandbox.generate_text(&request, &call, None), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
    });
    assert_eq!(outcome.unwrap_err().class, FailureClass::Cancelled);
    let failure = sandbox.generate_text(&request, &call, None).await.unwrap_err();
    assert_eq!((failure.code, failure.sent), (FailureCode::Cancelled, false));
    let outcomes: Vec<_> = script.billing().iter().map(|line| line.outcome).collect();
    let unbilled = BillingOutcome::Unbilled;
    let (late, gone) = (unbilled(FailureCode::TimeoutTotal), unbilled(FailureCode::Cancelled));
    assert_eq!(outcomes, [BillingOutcome::Billed, late, BillingOutcome::Billed, gone]);
}

#[tokio::test]
async fn a_scripted_panic_unwinds_through_the_call_and_leaves_the_script_usable() {
    let (sandbox, script) = scripted([Step::Panic, Step::Ok]);
    let (request, call) = (text_request(), patient());
    let caught = std::panic::AssertUnwindSafe(sandbox.generate_text(&request, &call, None)).catch_unwind().await;
    assert!(caught.is_err());
    sandbox.generate_text(&request, &call, None).await.unwrap();
    let outcomes: Vec<_> = script.billing().iter().map(|line| line.outcome).collect();
    assert_eq!(outcomes, [BillingOutcome::Open, BillingOutcome::Billed]);
}

#[tokio::test]
async fn a_rule_decides_by_call_and_can_change_while_running() {
    let (sandbox, script) = scripted([]);
    script.rule(|call| (call.no == 2 && call.request_key == "attempt-2").then(|| Step::fail(FailureCode::RateLimited)));
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(sandbox.generate_image(&image_request(), &patient()).await.err().map(|failure| failure.code));
    }
    assert_eq!(codes, [None, Some(FailureCode::RateLimited), None]);
    script.rule(|_| Some(Step::fail(FailureCode::ServiceUnavailable)));
    assert!(sandbox.generate_image(&image_request(), &patient()).await.is_err());
    script.clear();
    assert!(sandbox.generate_image(&image_request(), &patient()).await.is_ok());
    assert_eq!(script.billing().len(), 5);
}

#[tokio::test]
async fn seeded_faults_repeat_with_their_seed_and_keep_to_their_rate() {
    let run = async |seed| {
        let sandbox = Sandbox::new(SandboxScript::seeded(seed, 300));
        let mut codes = Vec::new();
        for _ in 0..200 {
            codes
                .push(sandbox.generate_text(&text_request(), &patient(), None).await.err().map(|failure| failure.code));
        }
        codes
    };
    let first = run(1).await;
    assert_eq!(run(1).await, first);
    assert_ne!(run(2).await, first);
    let faults = first.iter().flatten().count();
    assert!((20..=80).contains(&faults), "{faults} of 200");
}

#[tokio::test]
async fn an_output_limit_too_low_for_a_sentence_is_a_truncation_with_usage() {
    let (sandbox, _) = scripted([]);
    let mut request = text_request();
    request.max_output_tokens = 3;
    let failure = sandbox.generate_text(&request, &patient(), None).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::OutputTruncated);
    assert!(failure.usage.is_some_and(|usage| usage.output <= 3));
}
