//! The optimiser through the API: report, apply, undo. REQ-A-24, REQ-A-25

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;

const OPTIMISE: &str = "mutation($i: OptimisePromptsInput!) { optimisePrompts(input: $i) { rows { category key status before \
                        after lengthBefore lengthAfter saved removedClauses prompt { key } } totals { examined changed \
                        lengthBefore lengthAfter saved averagePerChanged averagePerExamined } reportHash \
                        optimisation { id reportHash appliedBy { username } undoneAt changes { before { number } \
                        after { number } } } userErrors { code message path } } }";

const UNDO: &str = "mutation($i: UndoOptimisationInput!) { undoOptimisation(input: $i) { restoredCount restored { key content } \
                    skipped { key content } optimisation { undoneAt undoneBy { username } } userErrors { code } } }";

async fn optimise(stage: &Stage, input: Value) -> Value {
    stage.server.payload(&stage.admin, OPTIMISE, json!({"i": input})).await
}

async fn undo(stage: &Stage, id: &Value) -> Value {
    stage.server.payload(&stage.admin, UNDO, json!({"i": {"optimisationId": id}})).await
}

/// The table of the specification.
const TABLE: [(&str, &str, &str); 8] = [
    (
        "lanterns over water, high quality, no blur, professional, warm light",
        "lanterns over water, warm light",
        "CHANGED",
    ),
    ("paper cranes, high quality professional design.", "paper cranes.", "CHANGED"),
    ("professional lighting, professional", "professional lighting", "CHANGED"),
    (
        "Ensure high quality, and no blur. Keep the margins free, no distortion.",
        "Ensure high quality. Keep the margins free.",
        "CHANGED",
    ),
    ("bold type - no gibberish text, no fake letters.", "bold type - no gibberish text.", "CHANGED"),
    (
        "a sign that says \"no blur, high quality\", bold ink",
        "a sign that says \"no blur, high quality\", bold ink",
        "UNCHANGED",
    ),
    ("crowd of 1,000 people , , confetti,", "crowd of 1,000 people, confetti", "CHANGED"),
    ("no blur, no distortion", "no blur, no distortion", "REFUSED_EMPTY"),
];

async fn fill(stage: &Stage) -> Vec<Value> {
    let mut made = Vec::new();
    for (number, (before, ..)) in TABLE.iter().enumerate() {
        made.push(stage.create("STYLE_PRESET", &format!("Style {number}"), before).await);
    }
    made
}

#[rstest]
#[tokio::test]
async fn the_table_comes_out_as_specified_and_is_applied_and_undone(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let made = fill(&stage).await;
    stage.create("SYSTEM_DEFAULT", "base_prompt", "soft light, high quality").await;
    let report = optimise(&stage, json!({})).await;
    let rows = report["rows"].as_array().unwrap();
    for (row, (before, after, status)) in rows.iter().zip(TABLE) {
        assert_eq!((&row["before"], &row["after"], &row["status"]), (&json!(before), &json!(after), &json!(status)));
        assert_eq!(row["saved"], json!(before.chars().count() as i64 - after.chars().count() as i64));
        assert_eq!(row["prompt"]["key"], row["key"]);
    }
    assert_eq!(rows[8]["status"], "PROTECTED");
    assert_eq!(rows[0]["removedClauses"], json!(["high quality", "no blur", "professional"]));
    let sum = |field: &str| rows.iter().map(|row| row[field].as_i64().unwrap()).sum::<i64>();
    let totals = &report["totals"];
    assert_eq!((&totals["examined"], &totals["changed"]), (&json!(9), &json!(6)));
    for field in ["lengthBefore", "lengthAfter", "saved"] {
        assert_eq!(totals[field], sum(field), "{field}");
    }
    let average = totals["averagePerChanged"].as_f64().unwrap();
    assert!((average - sum("saved") as f64 / 6.0).abs() < 1e-9, "{average}");
    // The report wrote nothing.
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt_version").await, 9);

    let hash = report["reportHash"].clone();
    let code = |payload: &Value| payload["userErrors"][0]["code"].clone();
    assert_eq!(code(&optimise(&stage, json!({"dryRun": false})).await), "REPORT_HASH_REQUIRED");
    let edited = stage.rewrite(&made[5], "edited in between").await;
    let stale = optimise(&stage, json!({"dryRun": false, "reportHash": hash})).await;
    assert_eq!((code(&stale), &stale["rows"]), (json!("PLAN_STALE"), &Value::Null));
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM optimisation_run").await, 0);
    let report = optimise(&stage, json!({})).await;
    let done = optimise(&stage, json!({"dryRun": false, "reportHash": report["reportHash"]})).await;
    assert_eq!(done["userErrors"], json!([]));
    let run = &done["optimisation"];
    assert_eq!((&run["reportHash"], &run["appliedBy"]["username"]), (&report["reportHash"], &json!("writer")));
    assert_eq!(run["changes"].as_array().unwrap().len(), 6);
    assert_eq!(run["changes"][0], json!({"before": {"number": 1}, "after": {"number": 2}}));
    assert_eq!(stage.read(&made[0], "content version").await, json!({"content": TABLE[0].1, "version": 2}));
    assert_eq!(stage.count_audits("system_prompt.optimise").await, 6);
    assert_eq!(stage.count_audits("optimisation.apply").await, 1);
    // Twice equals once.
    let again = optimise(&stage, json!({})).await;
    assert_eq!(again["totals"]["changed"], 0, "{again}");
    let nothing = optimise(&stage, json!({"dryRun": false, "reportHash": again["reportHash"]})).await;
    assert_eq!((&nothing["optimisation"], &nothing["userErrors"]), (&Value::Null, &json!([])));

    // Undo leaves alone what was edited since.
    let second = json!({"id": made[1]["id"], "version": 2});
    stage.rewrite(&second, "my own words").await;
    stage.rewrite(&edited, "edited again").await;
    let undone = undo(&stage, &run["id"]).await;
    assert_eq!((&undone["restoredCount"], &undone["userErrors"]), (&json!(5), &json!([])));
    assert_eq!(undone["skipped"], json!([{"key": "Style 1", "content": "my own words"}]));
    assert_eq!(undone["optimisation"]["undoneBy"]["username"], "writer");
    assert_eq!(stage.read(&made[0], "content version").await, json!({"content": TABLE[0].0, "version": 1}));
    assert_eq!(code(&undo(&stage, &run["id"]).await), "ALREADY_UNDONE");
    assert_eq!(stage.count_audits("optimisation.undo").await, 1);
    let node =
        "query($id: ID!) { node(id: $id) { ... on PromptOptimisation { undoneAt changes { prompt { key } } } } }";
    let node = stage.server.payload(&stage.admin, node, json!({"id": run["id"]})).await;
    assert!(node["undoneAt"].is_string() && node["changes"][0]["prompt"]["key"].is_string(), "{node}");
}

#[tokio::test]
async fn marks_categories_and_own_phrases_decide_what_goes() {
    let stage = Stage::open(Engine::Sqlite).await;
    let text = "paper, sparkly, no blur";
    let marked = stage.create("STYLE_PRESET", "Marked", text).await;
    let edit = json!({"promptId": marked["id"], "expectedVersion": 1, "metadata": {"optimise": false}});
    stage.done("updateSystemPrompt", edit).await;
    let spared = stage.create("STYLE_PRESET", "Spared", text).await;
    let edit = json!({"promptId": spared["id"], "expectedVersion": 1, "metadata": {"protectedClauses": ["No Blur"]}});
    stage.done("updateSystemPrompt", edit).await;
    stage.create("EVENT_TYPE", "GALA", text).await;
    let report = async |input: Value| {
        let report = optimise(&stage, input).await;
        assert_eq!(report["userErrors"], json!([]), "{report}");
        let row = |row: &Value| format!("{} {}", row["key"].as_str().unwrap(), row["after"].as_str().unwrap());
        report["rows"].as_array().unwrap().iter().map(row).collect::<Vec<String>>()
    };
    let all = report(json!({})).await;
    assert_eq!(all, ["GALA paper, sparkly", "Marked paper, sparkly, no blur", "Spared paper, sparkly, no blur"]);
    assert_eq!(report(json!({"categories": ["EVENT_TYPE"]})).await, ["GALA paper, sparkly"]);
    let phrases = stage.create("SYSTEM_DEFAULT", "optimiser_phrases", "sparkly\n\n  very nice ").await;
    assert_eq!(report(json!({"categories": ["EVENT_TYPE"]})).await, ["GALA paper, no blur"]);
    let phrases = stage.rewrite(&phrases, "a, b").await;
    let refused = optimise(&stage, json!({})).await;
    assert_eq!(refused["userErrors"][0]["code"], "PHRASE_INVALID");
    let which = json!({"promptId": phrases["id"], "expectedVersion": 2});
    stage.done("disableSystemPrompt", which).await;
    assert_eq!(report(json!({"categories": ["EVENT_TYPE"]})).await, ["GALA paper, sparkly"]);
}

// The shipped texts need no optimising, and hostile ones are changed at most once.
#[tokio::test]
async fn nothing_is_ever_changed_twice() {
    let stage = Stage::open_with(Engine::Sqlite, true).await;
    let shipped = optimise(&stage, json!({})).await;
    assert_eq!((&shipped["totals"]["examined"], &shipped["totals"]["changed"]), (&json!(51), &json!(0)));
    const PIECES: [&str; 14] = [
        "no blur",
        "high quality",
        "professional design",
        "lamp",
        "1,000",
        ",",
        ", ",
        ".",
        "! ",
        "\"",
        "(",
        ")",
        "\n",
        " and ",
    ];
    let mut state = 7_u64;
    for number in 0..40 {
        let mut text = String::from("x ");
        for _ in 0..30 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(PIECES[usize::try_from((state >> 33) % 14).unwrap()]);
        }
        stage.create("STYLE_PRESET", &format!("Hostile {number}"), &text).await;
    }
    let report = optimise(&stage, json!({})).await;
    assert!(report["totals"]["changed"].as_i64().unwrap() > 20, "{}", report["totals"]);
    optimise(&stage, json!({"dryRun": false, "reportHash": report["reportHash"]})).await;
    assert_eq!(optimise(&stage, json!({})).await["totals"]["changed"], 0);
}

// Mended commas need blanks, so a text can grow beyond what may be stored: then it stays, and the others are done.
#[rstest]
#[tokio::test]
async fn a_result_that_would_be_too_long_is_not_applied(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.create("STYLE_PRESET", "Long", &format!("{}a", "a,".repeat(9_999))).await;
    stage.create("STYLE_PRESET", "Other", "lamp, no blur").await;
    let report = optimise(&stage, json!({})).await;
    let rows = report["rows"].as_array().unwrap();
    assert_eq!((&rows[0]["status"], &rows[0]["saved"]), (&json!("REFUSED_TOO_LONG"), &json!(0)));
    assert_eq!(rows[0]["before"], rows[0]["after"]);
    let done = optimise(&stage, json!({"dryRun": false, "reportHash": report["reportHash"]})).await;
    assert_eq!(done["userErrors"], json!([]), "{done}");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt_version").await, 3);
}
