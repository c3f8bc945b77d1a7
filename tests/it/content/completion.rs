//! What becomes of content by itself when it is complete.

use inkledger::{
    automation::model::Stage as RunStage,
    content::{
        model::{ApprovalBlock, ContentImageState},
        service::completion::{ImageChange, Reviewed, images_touched},
    },
    db::{
        Engine,
        effect::{Effect, EffectError, Facts},
    },
    error::{Failure, Internal},
};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::Stage;
use crate::support::content as rows;

impl Stage {
    async fn place(&self, content: &Value, kind: &str, state: &str) -> Uuid {
        rows::place(&self.server.db, content, kind, 0, state).await
    }

    /// What is to be written when the image settles.
    async fn settling(&self, content: &Value, place: Uuid, to: ContentImageState, is_in_run: bool) -> Vec<Effect> {
        let image = Some(ImageChange { place, to });
        self.contents.completion(rows::uuid_of(content), image, is_in_run, None).await.unwrap()
    }

    /// Writes effects in one transaction; `false` when a guard failed, and then nothing was written.
    async fn write(&self, effects: Vec<Effect>) -> bool {
        let written = self.server.db.write(effects, |tx, effects| {
            Box::pin(async move {
                let facts = Facts::at(7);
                for effect in effects {
                    match effect.write(tx, &facts).await {
                        Ok(()) => {}
                        Err(EffectError::GuardFailed { .. }) => return Err(Failure::Refused(())),
                        Err(error) => return Err(Internal::new("a test's effects", error).into()),
                    }
                }
                Ok(())
            })
        });
        match written.await {
            Ok(()) => true,
            Err(Failure::Refused(())) => false,
            Err(Failure::Fault(error)) => panic!("{error:?}"),
        }
    }

    /// The image fails: what follows from it, and the place itself, which is another's to write.
    async fn fail(&self, content: &Value, place: Uuid) -> bool {
        let effects = self.settling(content, place, ContentImageState::Failed, false).await;
        let done = self.write(effects).await;
        let id = rows::literal(&self.server.db, place);
        self.server.execute(&format!("UPDATE content_image SET state = 'FAILED' WHERE id = {id}")).await;
        done
    }

    async fn state(&self, content: &Value) -> (String, Value, Value) {
        let found = self.read(content).await;
        (
            found["state"].as_str().unwrap().to_owned(),
            found["approvalBlockedBy"].clone(),
            found["slot"]["source"].clone(),
        )
    }
}

fn is(state: &str, block: Value, slot: Value) -> (String, Value, Value) {
    (state.to_owned(), block, slot)
}

// REQ-B-49, REQ-B-50, REQ-B-51
#[rstest]
#[tokio::test]
async fn the_last_image_that_settles_decides_as_the_site_says_then(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    use ContentImageState::{Generated, Pending};
    let stage = Stage::open(engine).await;
    let generating = async || {
        let content = stage.content("DRAFT", &[("prompts_made_at", "1")]).await;
        let featured = stage.place(&content, "FEATURED", "GENERATING").await;
        (content, featured)
    };
    let none = json!(null);
    // Off: to review.
    let (content, featured) = generating().await;
    let inside = stage.place(&content, "IN_ARTICLE", "GENERATING").await;
    assert!(stage.fail(&content, inside).await);
    assert_eq!(stage.state(&content).await, is("DRAFT", none.clone(), none.clone()), "one is still open");
    let effects = stage.settling(&content, featured, Generated, false).await;
    assert!(stage.write(effects).await);
    assert_eq!(stage.state(&content).await, is("REVIEW", none.clone(), none.clone()));
    assert_eq!(stage.read(&content).await["failedImages"][0]["kind"], "IN_ARTICLE");
    // On: approved, and with a slot where the site schedules.
    stage.set(json!({"autoApprove": true})).await;
    let (content, featured) = generating().await;
    let effects = stage.settling(&content, featured, Generated, false).await;
    assert!(stage.write(effects).await);
    assert_eq!(stage.state(&content).await, is("APPROVED", none.clone(), none.clone()));
    let approved = stage.read(&content).await;
    assert_eq!((&approved["approvedSource"], &approved["approvedBy"]), (&json!("AUTO"), &none));
    stage.set(json!({"autoSchedule": true})).await;
    let (content, featured) = generating().await;
    let effects = stage.settling(&content, featured, Generated, false).await;
    assert!(stage.write(effects).await);
    assert_eq!(stage.state(&content).await, is("SCHEDULED", none.clone(), json!("AUTO")));
    assert_eq!(stage.trail("complete").await, 3);
    assert_eq!((stage.trail("auto_approve").await, stage.trail("schedule").await), (2, 1));
    // A featured image that fails keeps it in review; so does one that is missing.
    let (content, featured) = generating().await;
    assert!(stage.fail(&content, featured).await);
    assert_eq!(stage.state(&content).await, is("REVIEW", json!("FEATURED_IMAGE"), none.clone()));
    let missing = stage.content("DRAFT", &[("prompts_made_at", "1")]).await;
    let effects = stage.contents.completion(rows::uuid_of(&missing), None, false, None).await.unwrap();
    assert!(stage.write(effects).await);
    assert_eq!(stage.state(&missing).await, is("REVIEW", json!("FEATURED_IMAGE"), none.clone()));
    // Drawn after all, it goes on.
    let effects = stage.settling(&content, featured, Generated, false).await;
    assert!(stage.write(effects).await);
    assert_eq!(stage.state(&content).await, is("SCHEDULED", none.clone(), json!("AUTO")));
    // Nothing is decided for a draft that somebody wants changed, nor while an image is open.
    let (content, featured) = generating().await;
    stage.server.execute("UPDATE content SET review_note = 'Shorter' WHERE state = 'DRAFT'").await;
    assert!(stage.fail(&content, featured).await);
    assert_eq!(stage.state(&content).await.0, "DRAFT");
    let (content, featured) = generating().await;
    let effects = stage.settling(&content, featured, Pending, false).await;
    assert!(stage.write(effects).await);
    assert_eq!(stage.state(&content).await.0, "DRAFT");
}

#[rstest]
#[tokio::test]
async fn of_two_images_that_settle_at_once_the_second_decides(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    use ContentImageState::Failed;
    let stage = Stage::open(engine).await;
    let content = stage.content("DRAFT", &[]).await;
    let one = stage.place(&content, "FEATURED", "GENERATING").await;
    let other = stage.place(&content, "IN_ARTICLE", "GENERATING").await;
    let late = stage.settling(&content, other, Failed, false).await;
    assert!(stage.fail(&content, one).await);
    assert!(!stage.write(late).await, "it counted on the first one being open");
    assert_eq!(stage.state(&content).await.0, "DRAFT");
    assert!(stage.fail(&content, other).await);
    assert_eq!(stage.state(&content).await.0, "REVIEW");
    // Nor does one decide when another is taken up again meanwhile.
    let early = stage.settling(&content, other, Failed, false).await;
    assert!(stage.write(vec![images_touched(rows::uuid_of(&content))]).await);
    assert!(!stage.write(early).await);
}

#[rstest]
#[tokio::test]
async fn of_two_approvals_that_look_for_a_slot_at_once_the_second_looks_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    use ContentImageState::Generated;
    let stage = Stage::open(engine).await;
    stage.set(json!({"autoApprove": true, "autoSchedule": true})).await;
    let (one, other) = (stage.content("DRAFT", &[]).await, stage.content("DRAFT", &[]).await);
    let places =
        (stage.place(&one, "FEATURED", "GENERATING").await, stage.place(&other, "FEATURED", "GENERATING").await);
    let first = stage.settling(&one, places.0, Generated, false).await;
    let late = stage.settling(&other, places.1, Generated, false).await;
    assert!(stage.write(first).await);
    assert!(!stage.write(late).await, "somebody has the slot");
    let again = stage.settling(&other, places.1, Generated, false).await;
    assert!(stage.write(again).await);
    let slots = [stage.read(&one).await["slot"]["at"].clone(), stage.read(&other).await["slot"]["at"].clone()];
    assert_eq!(slots, [json!("2026-01-06T08:00:00.000000Z"), json!("2026-01-07T08:00:00.000000Z")]);
    // Nor does a decision stand that was made by other settings.
    let content = stage.content("DRAFT", &[]).await;
    let place = stage.place(&content, "FEATURED", "GENERATING").await;
    let early = stage.settling(&content, place, Generated, false).await;
    stage.set(json!({"autoApprove": false})).await;
    assert!(!stage.write(early).await);
}

// REQ-B-49: within a run, the last stage approves.
#[rstest]
#[tokio::test]
async fn a_run_stops_at_review_and_its_last_stage_goes_on(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.set(json!({"autoApprove": true, "autoSchedule": true})).await;
    let plain = stage.content("DRAFT", &[]).await;
    let effects = stage.contents.completion(rows::uuid_of(&plain), None, true, None).await.unwrap();
    assert!(stage.write(effects).await);
    assert_eq!(stage.state(&plain).await, is("REVIEW", json!(null), json!(null)));
    let bare = stage.content("REVIEW", &[("prompts_made_at", "1")]).await;
    let open = stage.content("REVIEW", &[]).await;
    stage.place(&open, "IN_ARTICLE", "GENERATING").await;
    let site = rows::uuid_of(&stage.site);
    let taken = stage.server.automation.list_waiting(site, RunStage::Review, 50).await.unwrap();
    assert_eq!(taken, [(rows::uuid_of(&plain), None), (rows::uuid_of(&bare), None)]);
    let review = async |content: &Value| stage.contents.review_stage(rows::uuid_of(content)).await.unwrap();
    assert!(matches!(review(&plain).await, Reviewed::Approved(Some(_))));
    assert_eq!(review(&plain).await, Reviewed::Passed, "repeating it is safe");
    assert_eq!(review(&bare).await, Reviewed::Left(Some(ApprovalBlock::FeaturedImage)));
    assert_eq!(review(&open).await, Reviewed::Left(None));
    assert_eq!(stage.contents.review_stage(Uuid::nil()).await.unwrap(), Reviewed::Passed);
    stage.set(json!({"autoApprove": false})).await;
    let other = stage.content("REVIEW", &[]).await;
    assert_eq!(review(&other).await, Reviewed::Left(None));
}
