//! Objects that rows name and the store has lost: noticed by doctor, by who reads them, and told apart from deleted ones.

use std::path::Path;

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

/// Status, finding and remedy of a check.
async fn check(stage: &Stage, id: &str) -> (String, String, String) {
    let home = &stage.server.home;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_inkledger"));
    command.args(["doctor", "--json"]).env_clear().env("INKLEDGER_DATA_DIR", home.folder());
    if let Some(url) = home.url() {
        command.env("INKLEDGER_DATABASE_URL", url);
    }
    let out = command.output().await.unwrap().stdout;
    let report: Value = serde_json::from_slice(&out).unwrap();
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap();
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("finding"), text("remedy"))
}

#[rstest]
#[tokio::test]
async fn lost_objects_are_noticed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let drawn = stage.draw(json!({})).await;
    let objects = stage.server.home.folder().join("objects");
    assert_eq!(check(&stage, "objects").await.0, "OK");
    assert_eq!(check(&stage, "objects.rows").await.0, "OK");
    // One original is lost.
    let original = files(&objects.join("images")).into_iter().find(|path| path.ends_with("original.png")).unwrap();
    let bytes = std::fs::read(&original).unwrap();
    std::fs::remove_file(&original).unwrap();
    let (status, finding, remedy) = check(&stage, "objects.rows").await;
    assert_eq!(status, "FAIL", "{finding}");
    assert!(finding.contains("not there") && finding.contains("original.png"), "{finding}");
    assert!(remedy.contains("backup"), "{remedy}");
    assert_eq!(stage.fetch(&drawn["url"]).await.0, 404);
    let balance = stage.server.balance(&stage.owner).await;
    let upscale = async |key: &str| {
        let query =
            "mutation($i: UpscaleImageInput!) { upscaleImage(input: $i) { task { id } userErrors { code message } } }";
        let input = json!({"imageId": drawn["id"], "idempotencyKey": key});
        let asked = stage.server.payload(&stage.owner, query, json!({"i": input})).await;
        let task = asked["task"]["id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
        stage.server.ended(&stage.owner, &task).await;
        let query = "query($id: ID!) { aiTask(id: $id) { status error { code message } items { errorCode } } }";
        stage.server.payload(&stage.owner, query, json!({"id": task})).await
    };
    let task = upscale("lost-original").await;
    assert_eq!(
        (&task["status"], &task["items"][0]["errorCode"]),
        (&json!("ERROR"), &json!("OBJECT_MISSING")),
        "{task}"
    );
    assert!(task["error"]["message"].as_str().unwrap().contains("stored file"), "{task}");
    assert_eq!(stage.server.balance(&stage.owner).await, balance, "nothing was charged");
    // One that is there and no image is as good as lost.
    std::fs::write(&original, b"garbage").unwrap();
    assert_eq!(upscale("lost-damaged").await["items"][0]["errorCode"], "OBJECT_MISSING");
    std::fs::write(&original, bytes).unwrap();
    assert_eq!(upscale("lost-restored").await["status"], "SUCCESS");
    assert_eq!(check(&stage, "objects.rows").await.0, "OK");
    // The whole folder is moved away, and something else put in its place.
    let aside = stage.server.home.folder().join("aside");
    std::fs::rename(&objects, &aside).unwrap();
    let (status, finding, _) = check(&stage, "objects").await;
    assert_eq!(status, "FAIL", "{finding}");
    assert!(finding.contains("objects lie in it"), "{finding}");
    assert!(!objects.exists(), "a look makes nothing");
    std::fs::write(&objects, b"not a folder").unwrap();
    let (status, finding, _) = check(&stage, "objects").await;
    assert!(status == "FAIL" && finding.contains("no folder"), "{status} {finding}");
    std::fs::remove_file(&objects).unwrap();
    // An empty folder, as a start would make it.
    std::fs::create_dir_all(&objects).unwrap();
    assert_eq!(check(&stage, "objects.rows").await.0, "FAIL");
    std::fs::remove_dir_all(&objects).unwrap();
    std::fs::rename(&aside, &objects).unwrap();
    assert_eq!(check(&stage, "objects").await.0, "OK");
}
