//! What happens while a flag is off, flipped while the server runs.

use inkledger::{db::Engine, flag::Flag};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    image::stage::Stage,
    support::{
        builders::{draw_query, draw_variables},
        s3_server::S3Server,
        server::{Home, Server},
    },
};

async fn flip(server: &Server, hero: &crate::support::builders::Person, name: &str, is_on: bool) {
    let query = "mutation($i: SetFlagInput!) { setFlag(input: $i) { flag { isOn } userErrors { code } } }";
    let input = json!({"name": name, "isOn": is_on, "reason": "a test"});
    let payload = server.payload(hero, query, json!({"i": input})).await;
    assert_eq!(payload, json!({"flag": {"isOn": is_on}, "userErrors": []}));
}

// REQ-A-40
#[rstest]
#[tokio::test]
async fn without_image_processing_originals_are_kept_and_copies_are_null(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    flip(&stage.server, &stage.hero, "IMAGE_PROCESSING", false).await;
    let image = stage.draw(json!({"aspectRatio": "16:9"})).await;
    assert_eq!(stage.fetch(&image["url"]).await.0, 200);
    assert_eq!(image["placeholder"], json!(null));
    let failures: Vec<_> = image["copies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| {
            assert_eq!(copy["url"], json!(null), "{copy}");
            copy["failure"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(failures, ["SWITCHED_OFF", "SWITCHED_OFF", "IMAGE_NOT_WIDER", "SWITCHED_OFF"]);
    flip(&stage.server, &stage.hero, "IMAGE_PROCESSING", true).await;
    let image = stage.draw(json!({"aspectRatio": "16:9"})).await;
    assert_eq!(image["copies"][0]["failure"], json!(null), "{image}");
    stage.server.check_ledger().await;
}

// REQ-A-40: before the hold.
#[rstest]
#[tokio::test]
async fn without_image_processing_a_wanted_mark_is_refused_before_credits_are_held(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.set_watermark(Some("Studio"), true).await;
    let marked = stage.draw(json!({})).await;
    flip(&stage.server, &stage.hero, "IMAGE_PROCESSING", false).await;
    let before = (stage.server.balance(&stage.owner).await, held_ever(&stage.server).await);
    let refused = |answer: Value| {
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(extensions["code"], "FEATURE_DISABLED", "{answer}");
        assert_eq!(extensions["which"], "imageProcessing", "{answer}");
    };
    let token = Some(stage.owner.token.as_str());
    refused(stage.server.call(token, &draw_query(), draw_variables(1, "marked-while-off")).await);
    // An enlargement of a marked image is marked as well, whatever the setting is by now.
    stage.set_watermark(Some("Studio"), false).await;
    let query = "mutation($i: UpscaleImageInput!) { upscaleImage(input: $i) { userErrors { code } } }";
    let input = json!({"imageId": marked["id"], "idempotencyKey": "enlarge-while-off"});
    refused(stage.server.call(token, query, json!({"i": input})).await);
    assert_eq!((stage.server.balance(&stage.owner).await, held_ever(&stage.server).await), before);
    stage.draw(json!({})).await;
}

async fn held_ever(server: &Server) -> i64 {
    server.number("SELECT COUNT(*) FROM credit_hold").await
}

async fn kinds(server: &Server) -> Vec<(i64, String)> {
    use sea_orm::ConnectionTrait as _;
    let sql = "SELECT e.seq, e.kind FROM run_event e JOIN ai_task t ON t.id = e.subject_id \
               WHERE t.created_at = (SELECT MAX(created_at) FROM ai_task) ORDER BY e.seq";
    let rows = server.db.reader().query_all_raw(server.db.statement(sql, [])).await.unwrap();
    rows.iter().map(|row| (row.try_get("", "seq").unwrap(), row.try_get("", "kind").unwrap())).collect()
}

// REQ-A-40: thinned before numbering.
#[rstest]
#[tokio::test]
async fn without_animations_no_phase_is_told_and_no_number_is_left_out(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.draw(json!({})).await;
    let told = kinds(&stage.server).await;
    assert!(told.iter().filter(|(_, kind)| kind == "PHASE").count() > 3, "{told:?}");
    flip(&stage.server, &stage.hero, "ANIMATIONS", false).await;
    let task = stage.task(json!({"count": 2})).await;
    assert_eq!(task["status"], "SUCCESS", "{task}");
    let told = kinds(&stage.server).await;
    let row = |number: i64, kind: &str| (number, kind.to_owned());
    assert_eq!(told, [row(1, "ITEM"), row(2, "ITEM"), row(3, "FINISHED")]);
    let ahead = "SELECT COUNT(*) FROM ai_task t WHERE event_seq <> \
                 (SELECT MAX(seq) FROM run_event e WHERE e.subject_id = t.id)";
    assert_eq!(stage.server.number(ahead).await, 0);
}

// REQ-A-40
#[tokio::test]
async fn without_cloud_services_new_bytes_stay_here_and_old_ones_stay_readable() {
    let bucket = S3Server::start().await;
    let home = Home::open(Engine::Sqlite).await;
    let server = home.start_with(|config, _| config.storage = bucket.storage()).await;
    let hero = server.hero().await;
    let owner = server.sign_up("owner").await;
    server.give(&hero, &owner, 100).await;
    let stage = Stage::of(server, hero, owner);
    let stores = async || {
        let here = stage.server.number("SELECT COUNT(*) FROM stored_object WHERE store = 'local'").await;
        (here, stage.server.number("SELECT COUNT(*) FROM stored_object WHERE store = 's3'").await)
    };
    let far = stage.draw(json!({})).await;
    let (here, there) = stores().await;
    assert!(here == 0 && there > 0, "{here} {there}");
    flip(&stage.server, &stage.hero, "CLOUD_SERVICES", false).await;
    assert!(!stage.server.flags.is_on(Flag::CloudServices));
    let near = stage.draw(json!({})).await;
    assert_eq!(stores().await.1, there);
    assert!(stores().await.0 > 0);
    // Both are in the gallery and can be read, though one is here and one is there.
    for image in [&far, &near] {
        let seen = stage.see(Some(&stage.owner.token), image["id"].as_str().unwrap()).await;
        let answer = reqwest::get(seen["url"].as_str().unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{seen}");
    }
    flip(&stage.server, &stage.hero, "CLOUD_SERVICES", true).await;
    stage.draw(json!({})).await;
    assert!(stores().await.1 > there);
}

// REQ-A-40
#[rstest]
#[tokio::test]
async fn without_charts_the_totals_still_answer(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Home::open(engine).await.start().await;
    let hero = server.hero().await;
    let charts = "{ adminCharts(days: 1) { __typename } }";
    assert!(server.payload(&hero, charts, json!({})).await.is_object());
    flip(&server, &hero, "CHARTS", false).await;
    let off = server.call(Some(&hero.token), charts, json!({})).await;
    assert_eq!(
        (&off["data"]["adminCharts"], &off["errors"][0]["extensions"]["code"]),
        (&Value::Null, &json!("FEATURE_DISABLED"))
    );
    assert!(server.payload(&hero, "{ adminStats { __typename } }", json!({})).await.is_object());
    flip(&server, &hero, "CHARTS", true).await;
    assert!(server.payload(&hero, charts, json!({})).await.is_object());
}

// REQ-A-40
#[tokio::test]
async fn the_process_watches_itself_while_the_flag_is_on() {
    let server = Home::open(Engine::Sqlite).await.start().await;
    let hero = server.hero().await;
    let look = || server.call(Some(&hero.token), "{ adminPerformance { __typename } }", json!({}));
    assert_eq!(look().await["data"]["adminPerformance"], Value::Null);
    for is_on in [true, false] {
        flip(&server, &hero, "PERFORMANCE_MONITORING", is_on).await;
        let mut looks = 0;
        while look().await["data"]["adminPerformance"].is_null() == is_on {
            looks += 1;
            assert!(looks < 400, "the flag is followed within seconds");
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
    }
}
