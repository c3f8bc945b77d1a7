//! What nobody should send, and what a server that was sent it must still do.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;

const IMPORT: &str = "mutation($i: ImportSystemPromptsInput!) { importSystemPrompts(input: $i) { success outcome appliedCount \
                      rows { status version reason { code message } } userErrors { code message path } } }";

pub async fn import(stage: &Stage, content: &str) -> Value {
    let input = json!({"file": {"content": content}, "dryRun": false});
    stage.server.payload(&stage.admin, IMPORT, json!({"i": input})).await
}

fn code(payload: &Value) -> &str {
    payload["userErrors"][0]["code"].as_str().unwrap_or_default()
}

fn message(payload: &Value) -> &str {
    payload["userErrors"][0]["message"].as_str().unwrap_or_default()
}

/// A style with metadata that nests `depth` levels.
fn deep_row(depth: usize) -> String {
    let metadata = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    format!(
        "{{\"category\":\"style_preset\",\"subcategory\":\"D{depth}\",\"name\":\"n\",\"content\":\"some words here\",\
         \"metadata\":{metadata}}}"
    )
}

/// A server starts on the same database, and installs what ships.
async fn starts_again(stage: Stage) {
    let home = stage.server.home.clone();
    stage.server.stop().await;
    let server = home.start().await;
    let query = "{ systemPrompts(first: 1) { totalCount } }";
    let found = server.payload(&stage.admin, query, json!({})).await;
    assert!(found["totalCount"].as_i64().unwrap() > 50, "{found}");
}

/// All that reads every prompt still answers.
async fn everything_answers(stage: &Stage) {
    let query = "{ exportSystemPrompts(includeInactive: true) { totalPrompts } promptStatistics { count } \
                 systemPrompts(first: 50) { nodes { key metadata } } }";
    let found = stage.server.data(Some(&stage.admin.token), query, json!({})).await;
    assert!(found["promptStatistics"]["count"].as_i64().unwrap() > 0, "{found}");
    let report = import(stage, &format!("[{}]", deep_row(1))).await;
    assert_eq!(report["outcome"], "SUCCESS", "{report}");
}

#[rstest]
#[tokio::test]
async fn metadata_of_a_file_nests_as_deep_as_any_and_no_deeper(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(false, true)] is_envelope: bool,
) {
    let stage = Stage::open(engine).await;
    for (depth, is_good) in [(16, true), (17, false), (18, false)] {
        let mut file = format!("[{}]", deep_row(depth));
        if is_envelope {
            file = format!("{{\"version\": \"1.0\", \"prompts\": {file}}}");
        }
        let report = import(&stage, &file).await;
        assert_eq!(report["userErrors"], json!([]), "{report}");
        let row = &report["rows"][0];
        let expected = if is_good { ("CREATED", None) } else { ("INVALID", Some("METADATA_INVALID")) };
        assert_eq!((row["status"].as_str().unwrap(), row["reason"]["code"].as_str()), expected, "{row}");
        if !is_good {
            let message = row["reason"]["message"].as_str().unwrap();
            assert!(message.contains("16") && message.contains(&depth.to_string()), "{message}");
        }
    }
    everything_answers(&stage).await;
    starts_again(stage).await;
}

#[rstest]
#[tokio::test]
async fn one_stored_row_that_cannot_be_read_leaves_all_others_readable(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let made = stage.create("STYLE_PRESET", "Broken", "some words about nothing that matters at all here").await;
    // As a database would hold it that somebody wrote to by other means.
    match engine {
        Engine::Sqlite => stage.server.execute("DROP TRIGGER system_prompt_version_no_update").await,
        Engine::Postgres => {
            stage.server.execute("DROP TRIGGER system_prompt_version_append_only ON system_prompt_version").await
        }
    }
    stage.server.execute("UPDATE system_prompt_version SET metadata = '[1'").await;
    everything_answers(&stage).await;
    assert_eq!(stage.read(&made, "metadata").await["metadata"], json!({}));
    let query = "{ promptStatistics { prompts(first: 100) { nodes { key warnings { code } } } } }";
    let found = stage.server.payload(&stage.admin, query, json!({})).await;
    let nodes = found["prompts"]["nodes"].as_array().unwrap();
    let broken = nodes.iter().find(|node| node["key"] == "Broken").unwrap();
    assert_eq!(broken["warnings"], json!([{"code": "METADATA_UNREADABLE"}]));
    // An edit writes what can be read again, although it says the same.
    let input = json!({"promptId": made["id"], "expectedVersion": 1, "metadata": {}});
    assert_eq!(stage.done("updateSystemPrompt", input).await["version"], 2);
    starts_again(stage).await;
}

#[rstest]
#[tokio::test]
async fn version_numbers_go_as_far_as_they_can_be_stored_and_then_say_so(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let row = |version: &str, content: &str| {
        format!(
            "[{{\"category\":\"style_preset\",\"subcategory\":\"V\",\"name\":\"n\",\"content\":\"{content}\",\
             \"version\":{version}}}]"
        )
    };
    for version in ["0", "-1", "2147483648", "1.5"] {
        let report = import(&stage, &row(version, "text")).await;
        let reason = &report["rows"][0]["reason"];
        assert_eq!(reason["code"], "FIELD_INVALID", "{report}");
        assert!(reason["message"].as_str().unwrap().contains("1\u{2013}2147483647"), "{reason}");
    }
    assert_eq!(import(&stage, &row("2147483646", "text, no blur")).await["outcome"], "SUCCESS");
    let query = "query($b: SystemPromptByInput!) { systemPrompt(by: $b) { id version } }";
    let by = json!({"b": {"key": {"category": "STYLE_PRESET", "key": "V"}}});
    let first = stage.server.payload(&stage.admin, query, by).await;
    let last = stage.rewrite(&first, "the last one, no blur").await;
    assert_eq!(last["version"], i32::MAX);
    let query = "{ exportSystemPrompts { content } }";
    let text = stage.server.payload(&stage.admin, query, json!({})).await["content"].as_str().unwrap().to_owned();
    let again = import(&stage, &text).await;
    assert_eq!((&again["outcome"], &again["rows"][0]["status"]), (&json!("SUCCESS"), &json!("UNCHANGED")), "{again}");
    let edit = json!({"promptId": last["id"], "expectedVersion": i32::MAX, "content": "one more"});
    let refused = stage.act("updateSystemPrompt", edit).await;
    assert_eq!(code(&refused), "VERSIONS_EXHAUSTED", "{refused}");
    assert!(message(&refused).contains("2147483647"), "{refused}");
    let report = import(&stage, &row("7", "one more")).await;
    assert_eq!(report["rows"][0]["reason"]["code"], "VERSIONS_EXHAUSTED", "{report}");
    // The optimiser passes over it and does the others.
    stage.create("STYLE_PRESET", "Other", "lamp, no blur").await;
    let optimise = "mutation($i: OptimisePromptsInput!) { optimisePrompts(input: $i) { rows { key status } reportHash \
                    userErrors { code } } }";
    let report = stage.server.payload(&stage.admin, optimise, json!({"i": {}})).await;
    let input = json!({"i": {"dryRun": false, "reportHash": report["reportHash"]}});
    let done = stage.server.payload(&stage.admin, optimise, input).await;
    assert_eq!(done["userErrors"], json!([]), "{done}");
    assert_eq!(done["rows"], json!([{"key": "Other", "status": "CHANGED"}, {"key": "V", "status": "PROTECTED"}]));
}

#[rstest]
#[tokio::test]
async fn a_text_that_says_nothing_in_a_prompt_is_refused(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let made = stage.create("EVENT_TYPE", "GALA", "gowns").await;
    let edit = json!({"promptId": made["id"], "expectedVersion": 1, "content": " , ."});
    let refused = stage.act("updateSystemPrompt", edit).await;
    assert_eq!(code(&refused), "CONTENT_INVALID", "{refused}");
    assert!(message(&refused).contains("Write words"), "{refused}");
    let row = |content: &str| {
        format!("[{{\"category\":\"event_type\",\"subcategory\":\"X\",\"name\":\"n\",\"content\":\"{content}\"}}]")
    };
    let report = import(&stage, &row(" , .")).await;
    assert_eq!(report["rows"][0]["reason"]["code"], "FIELD_INVALID", "{report}");
    let report = import(&stage, &row(" \\n\\n ")).await;
    let reason = &report["rows"][0]["reason"];
    assert_eq!(reason["code"], "FIELD_REQUIRED", "{report}");
    assert!(reason["message"].as_str().unwrap().contains("blank"), "{reason}");
}

#[rstest]
#[tokio::test]
async fn a_search_finds_letters_of_every_script_in_any_case(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let input = json!({"category": "STYLE_PRESET", "key": "\u{c9}lan", "name": "\u{c9}COLE", "content": "\u{c0}\u{c9}\u{ce} gr\u{fc}n 100%"});
    stage.done("createSystemPrompt", input).await;
    stage.create("STYLE_PRESET", "Other", "words").await;
    let query = "query($f: SystemPromptFilter) { systemPrompts(first: 10, filter: $f) { nodes { key } totalCount } }";
    for (search, count) in [
        ("\u{e9}cole", 1),
        ("\u{c9}COLE", 1),
        ("\u{e0}\u{e9}\u{ee}", 1),
        ("\u{c9}LAN", 1),
        ("e\u{301}lan", 1),
        ("GR\u{dc}N", 1),
        ("gr\u{fc}n 100%", 1),
        ("gr\u{fc}n_100", 0),
        ("\u{e9}", 1),
        ("\u{f1}", 0),
        ("WORDS", 1),
        ("100%", 1),
    ] {
        let found = stage.server.payload(&stage.admin, query, json!({"f": {"search": search}})).await;
        assert_eq!(found["totalCount"], count, "{search}: {found}");
        assert_eq!(found["nodes"].as_array().unwrap().len(), usize::try_from(count).unwrap(), "{search}: {found}");
    }
    let other = json!({"f": {"search": "\u{e9}cole", "category": "EVENT_TYPE"}});
    assert_eq!(stage.server.payload(&stage.admin, query, other).await["totalCount"], 0);
}

#[rstest]
#[tokio::test]
async fn a_file_with_one_prompt_twice_is_not_compared(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let row = |key: &str, content: &str| json!({"category": "style_preset", "subcategory": key, "name": "n", "content": content});
    let file = json!([row("Fine", "x"), row("Dup", "one"), row("dup ", "two")]).to_string();
    let query = "query($i: DiffSystemPromptsInput!) { diffSystemPrompts(input: $i) { environment { isSame } \
                 userErrors { code message } } }";
    let found = stage.server.payload(&stage.admin, query, json!({"i": {"file": {"content": file}}})).await;
    assert_eq!((code(&found), &found["environment"]), ("FILE_INVALID", &Value::Null), "{found}");
    assert!(message(&found).contains("1 and 2") && message(&found).contains("style_preset"), "{found}");
}

#[tokio::test]
async fn a_key_that_nobody_can_see_is_refused() {
    let stage = Stage::open(Engine::Sqlite).await;
    for key in ["\u{200b}", "\u{feff}\u{200d}", "\u{2060} \u{ad}", "\u{3164}"] {
        for category in ["STYLE_PRESET", "SYSTEM_DEFAULT"] {
            let input = json!({"category": category, "key": key, "name": "n", "content": "words"});
            let refused = stage.act("createSystemPrompt", input).await;
            assert_eq!(code(&refused), "KEY_INVALID", "{key:?} {refused}");
        }
        let file = json!([{"category": "style_preset", "subcategory": key, "name": "n", "content": "words"}]);
        let report = import(&stage, &file.to_string()).await;
        assert_eq!(report["rows"][0]["reason"]["code"], "KEY_INVALID", "{report}");
    }
    // Among letters they are the writer's.
    stage.create("STYLE_PRESET", "a\u{200d}b", "words").await;
}

#[rstest]
#[tokio::test]
async fn a_number_spelled_otherwise_is_the_same_number(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let row = |metadata: &str| {
        format!(
            "[{{\"category\":\"style_preset\",\"subcategory\":\"N\",\"name\":\"n\",\"content\":\"words\",\
             \"metadata\":{metadata}}}]"
        )
    };
    let status = async |metadata: &str| import(&stage, &row(metadata)).await["rows"][0]["status"].clone();
    assert_eq!(status(r#"{"a": 1.50, "b": [100, -0.0]}"#).await, "CREATED");
    assert_eq!(status(r#"{"a": 1.5, "b": [1e2, 0]}"#).await, "UNCHANGED");
    assert_eq!(status(r#"{"a": 15e-1, "b": [1.00E+2, -0]}"#).await, "UNCHANGED");
    assert_eq!(status(r#"{"a": "1.5", "b": [100, 0]}"#).await, "UPDATED");
    assert_eq!(status(r#"{"a": 1.5000000000000000000000001, "b": [100, 0]}"#).await, "UPDATED");
    assert_eq!(status(r#"{"a": 1.5, "b": [100, 0]}"#).await, "UPDATED");
}

#[tokio::test]
async fn a_refusal_says_field_limit_value_and_remedy() {
    let stage = Stage::open(Engine::Sqlite).await;
    let deep = (0..19).fold(json!(1), |inner, _| json!({"a": inner}));
    for (field, value, expected, told) in [
        ("name", json!(" "), "NAME_INVALID", ["name", "blank", "200"]),
        ("name", json!("n".repeat(201)), "NAME_INVALID", ["name", "201", "200"]),
        ("description", json!("d".repeat(2_002)), "DESCRIPTION_INVALID", ["description", "2002", "2000"]),
        ("content", json!("c".repeat(20_003)), "CONTENT_INVALID", ["content", "20003", "20000"]),
        ("content", json!("\n\n"), "CONTENT_INVALID", ["content", "blank", "20000"]),
        ("note", json!("n".repeat(501)), "NOTE_INVALID", ["note", "501", "500"]),
        ("metadata", deep, "METADATA_INVALID", ["metadata", "19", "16"]),
        ("metadata", json!({"a": "x".repeat(20_000)}), "METADATA_INVALID", ["metadata", "20008", "16384"]),
        ("metadata", json!([1]), "METADATA_INVALID", ["metadata", "object", "Give"]),
    ] {
        let mut input = json!({"category": "STYLE_PRESET", "key": "K", "name": "n", "content": "words"});
        input[field] = value;
        let refused = stage.act("createSystemPrompt", input).await;
        assert_eq!(code(&refused), expected, "{refused}");
        assert_eq!(refused["userErrors"][0]["path"], json!(["input", field]));
        for part in told {
            assert!(message(&refused).contains(part), "{part}: {refused}");
        }
    }
    let report = import(&stage, r#"[{"category": "styles", "name": "n", "content": "c"}]"#).await;
    let told = report["rows"][0]["reason"]["message"].as_str().unwrap();
    assert!(told.contains("style_preset") && told.contains("event_type") && told.contains("ai_function"), "{told}");
    let query = "query($t: String!) { eventForm(type: $t) { userErrors { code message } } }";
    let found = stage.server.payload(&stage.admin, query, json!({"t": "x".repeat(3_000)})).await;
    assert!(message(&found).contains("BIRTHDAY_PARTY") && message(&found).len() < 1_000, "{found}");
}

#[tokio::test]
async fn what_was_sent_is_not_echoed_at_length() {
    let stage = Stage::open_with(Engine::Sqlite, true).await;
    let person = stage.server.sign_up("echo").await;
    let query = "query($i: PreviewPromptInput!) { previewPrompt(input: $i) { userErrors { code message path } } }";
    let details: serde_json::Map<String, Value> =
        (0..300).map(|number| (format!("{number}{}", "k".repeat(400)), json!("v"))).collect();
    for event in [
        json!({"eventType": "BBQ", "details": details}),
        json!({"eventType": "e".repeat(50_000), "style": "s".repeat(50_000)}),
        json!({"eventType": "BBQ", "style": "s".repeat(50_000), "details": details}),
    ] {
        let found = stage.server.payload(&person, query, json!({"i": {"event": event}})).await;
        let errors = found["userErrors"].as_array().unwrap();
        assert!((1..=20).contains(&errors.len()), "{}", errors.len());
        assert!(found.to_string().len() < 20_000, "{}", found.to_string().len());
    }
}

#[tokio::test]
async fn a_category_takes_a_thousand_prompts_so_that_its_export_fits() {
    let stage = Stage::open(Engine::Sqlite).await;
    let file = |from: usize, to: usize| {
        let row = |n: usize| json!({"category": "style_preset", "subcategory": format!("K{n}"), "name": "n", "content": "words"});
        Value::Array((from..to).map(row).collect()).to_string()
    };
    assert_eq!(import(&stage, &file(0, 999)).await["outcome"], "SUCCESS");
    // One more fits, and the second of these two does not.
    let report = import(&stage, &file(999, 1_001)).await;
    let reason = &report["rows"][1]["reason"];
    assert_eq!((&report["outcome"], &reason["code"]), (&json!("FAILED"), &json!("CATEGORY_FULL")), "{report}");
    assert!(reason["message"].as_str().unwrap().contains("1000"), "{reason}");
    stage.create("STYLE_PRESET", "K999", "words").await;
    let one = json!({"category": "STYLE_PRESET", "key": "one more", "name": "n", "content": "words"});
    let refused = stage.act("createSystemPrompt", one).await;
    assert_eq!(code(&refused), "CATEGORY_FULL", "{refused}");
    stage.create("EVENT_TYPE", "GALA", "gowns").await;
    let query = "query($c: [PromptCategory!]) { exportSystemPrompts(categories: $c) { content totalPrompts } }";
    let all = stage.server.payload(&stage.admin, query, json!({})).await;
    let refused = import(&stage, all["content"].as_str().unwrap()).await;
    assert_eq!((&all["totalPrompts"], code(&refused)), (&json!(1_001), "TOO_MANY_PROMPTS"));
    assert!(message(&refused).contains("categories") && message(&refused).contains("--category"), "{refused}");
    let styles = stage.server.payload(&stage.admin, query, json!({"c": ["STYLE_PRESET"]})).await;
    assert_eq!(styles["totalPrompts"], 1_000);
    assert_eq!(import(&stage, styles["content"].as_str().unwrap()).await["outcome"], "SUCCESS");
    let optimise = "mutation($i: OptimisePromptsInput!) { optimisePrompts(input: $i) { totals { examined } userErrors { code } } }";
    let whole = stage.server.payload(&stage.admin, optimise, json!({"i": {}})).await;
    assert_eq!(code(&whole), "TOO_MANY_PROMPTS", "{whole}");
    let part = stage.server.payload(&stage.admin, optimise, json!({"i": {"categories": ["STYLE_PRESET"]}})).await;
    assert_eq!(part["totals"]["examined"], 1_000, "{part}");
}
