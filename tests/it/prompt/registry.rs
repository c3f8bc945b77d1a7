//! Keys, versions, history, roll-back. REQ-A-16, REQ-A-17

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;

fn code(payload: &Value) -> &str {
    payload["userErrors"][0]["code"].as_str().unwrap_or_default()
}

// REQ-A-16
#[rstest]
#[tokio::test]
async fn a_key_is_taken_in_any_case_and_says_whether_its_prompt_is_disabled(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let made = stage.create("STYLE_PRESET", " Pop   Art ", "bold dots and flat colours").await;
    assert_eq!((&made["key"], &made["version"], &made["isEnabled"]), (&json!("Pop Art"), &json!(1), &json!(true)));
    let again = json!({"category": "STYLE_PRESET", "key": "POP art", "name": "other", "content": "x"});
    let refused = stage.act("createSystemPrompt", again.clone()).await;
    assert_eq!(code(&refused), "KEY_EXISTS");
    assert_eq!(refused["userErrors"][0]["keyExists"], json!({"isEnabled": true}));
    let which = json!({"promptId": made["id"], "expectedVersion": 1});
    let disabled = stage.done("disableSystemPrompt", which).await;
    assert_eq!((&disabled["isEnabled"], &disabled["version"]), (&json!(false), &json!(1)));
    let refused = stage.act("createSystemPrompt", again).await;
    assert_eq!(refused["userErrors"][0]["keyExists"], json!({"isEnabled": false}));
    assert!(refused["userErrors"][0]["message"].as_str().unwrap().contains("disabled"));
    // The same key elsewhere is another prompt.
    stage.create("EVENT_TYPE", "pop art", "a gallery evening").await;
    // A disabled prompt stays listed with its active version.
    let query = "{ systemPrompts(filter: {isEnabled: false}) { nodes { key content version } totalCount } }";
    let listed = stage.server.data(Some(&stage.admin.token), query, json!({})).await;
    let content = "bold dots and flat colours";
    assert_eq!(
        listed["systemPrompts"],
        json!({"nodes": [{"key": "Pop Art", "content": content, "version": 1}], "totalCount": 1})
    );
}

// REQ-A-16: no key is the empty key, of which there is one.
#[rstest]
#[tokio::test]
async fn the_empty_key_is_one_key_of_the_system_defaults(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let with = |category: &str, key: Value| json!({"category": category, "key": key, "name": "n", "content": "text"});
    let made = stage.done("createSystemPrompt", with("SYSTEM_DEFAULT", Value::Null)).await;
    assert_eq!(made["key"], Value::Null);
    for key in [Value::Null, json!(""), json!("  ")] {
        assert_eq!(code(&stage.act("createSystemPrompt", with("SYSTEM_DEFAULT", key.clone())).await), "KEY_EXISTS");
        assert_eq!(code(&stage.act("createSystemPrompt", with("EVENT_TYPE", key)).await), "KEY_REQUIRED");
    }
    let long = json!("k".repeat(101));
    assert_eq!(code(&stage.act("createSystemPrompt", with("EVENT_TYPE", long)).await), "KEY_TOO_LONG");
    assert_eq!(code(&stage.act("createSystemPrompt", with("EVENT_TYPE", json!("a\u{1}b"))).await), "KEY_INVALID");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt").await, 1);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt WHERE folded_key IS NULL").await, 0);
}

// REQ-A-17
#[rstest]
#[tokio::test]
async fn an_edit_writes_a_version_and_equal_content_writes_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let made = stage.create("STYLE_PRESET", "Origami", "folded paper").await;
    let edit = json!({
        "promptId": made["id"], "expectedVersion": 1, "description": "for birds", "metadata": {"b": 1, "a": [true, null]},
    });
    let second = stage.done("updateSystemPrompt", edit).await;
    assert_eq!((&second["version"], &second["content"]), (&json!(2), &json!("folded paper")));
    assert_eq!(second["metadata"], json!({"a": [true, null], "b": 1}));
    // Omitted leaves, null clears.
    let edit = json!({"promptId": made["id"], "expectedVersion": 2, "description": null, "content": "folded cranes"});
    let third = stage.done("updateSystemPrompt", edit).await;
    assert_eq!((&third["description"], &third["metadata"]), (&Value::Null, &second["metadata"]));
    let edit = json!({"promptId": made["id"], "expectedVersion": 3, "metadata": null});
    let fourth = stage.done("updateSystemPrompt", edit).await;
    assert_eq!((&fourth["version"], &fourth["metadata"]), (&json!(4), &json!({})));
    let versions = "SELECT COUNT(*) FROM system_prompt_version";
    let edit = json!({"promptId": made["id"], "expectedVersion": 4, "content": "folded cranes", "name": "Origami"});
    let same = stage.act("updateSystemPrompt", edit).await;
    assert_eq!((&same["unchanged"], &same["prompt"]["version"]), (&json!(true), &json!(4)));
    assert_eq!(stage.server.number(versions).await, 4);
    // What cannot be cleared, or breaks a rule.
    for (field, value, expected) in [
        ("name", Value::Null, "NAME_INVALID"),
        ("name", json!("n".repeat(201)), "NAME_INVALID"),
        ("content", Value::Null, "CONTENT_INVALID"),
        ("content", json!("x".repeat(20_001)), "CONTENT_INVALID"),
        ("description", json!("d".repeat(2_001)), "DESCRIPTION_INVALID"),
        ("metadata", json!([1]), "METADATA_INVALID"),
        ("metadata", json!({"k": "v".repeat(17_000)}), "METADATA_INVALID"),
        ("note", json!("n".repeat(501)), "NOTE_INVALID"),
    ] {
        let mut edit = json!({"promptId": made["id"], "expectedVersion": 4});
        edit[field] = value;
        let refused = stage.act("updateSystemPrompt", edit).await;
        assert_eq!(code(&refused), expected, "{field}");
        assert_eq!(refused["userErrors"][0]["path"], json!(["input", field]));
    }
    let stale = json!({"promptId": made["id"], "expectedVersion": 3, "content": "late"});
    let refused = stage.act("updateSystemPrompt", stale).await;
    assert_eq!(code(&refused), "VERSION_CONFLICT");
    assert_eq!(refused["userErrors"][0]["versionConflict"], json!({"expected": 3, "current": 4}));
    assert_eq!(stage.server.number(versions).await, 4);
}

// REQ-A-17
#[rstest]
#[tokio::test]
async fn the_history_names_versions_activations_and_people_and_one_goes_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let made = stage.create("EVENT_TYPE", "MEETUP", "people in a room").await;
    let second = stage.rewrite(&made, "people in a garden").await;
    let back = json!({"versionId": made["activeVersion"]["id"], "expectedVersion": 2});
    let rolled = stage.done("activateSystemPromptVersion", back.clone()).await;
    assert_eq!((&rolled["content"], &rolled["version"]), (&json!("people in a room"), &json!(1)));
    let stale = stage.act("activateSystemPromptVersion", back.clone()).await;
    assert_eq!(stale["userErrors"][0]["versionConflict"], json!({"expected": 2, "current": 1}));
    let again = json!({"versionId": made["activeVersion"]["id"], "expectedVersion": 1});
    assert_eq!(stage.act("activateSystemPromptVersion", again).await["unchanged"], true);
    // The next number follows the highest one, not the active one.
    let third = stage.rewrite(&rolled, "people on a roof").await;
    assert_eq!(third["version"], 3);
    let fields = "versions { nodes { number content author { username } } totalCount } \
                  activations(first: 3) { nodes { number cause version { number } previousVersion { number } \
                  actor { username } } totalCount pageInfo { hasNextPage } }";
    let history = stage.read(&made, fields).await;
    let numbers: Vec<i64> =
        history["versions"]["nodes"].as_array().unwrap().iter().map(|v| v["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(history["versions"]["nodes"][1]["content"], second["content"]);
    assert_eq!(history["versions"]["nodes"][1]["author"]["username"], "writer");
    let told = |number: i64, cause: &str, version: i64, before: i64| {
        json!({
            "number": number, "cause": cause, "version": {"number": version}, "previousVersion": {"number": before},
            "actor": {"username": "writer"},
        })
    };
    assert_eq!(
        history["activations"],
        json!({
            "nodes": [told(4, "UPDATE", 3, 1), told(3, "ACTIVATE", 1, 2), told(2, "UPDATE", 2, 1)],
            "totalCount": 4, "pageInfo": {"hasNextPage": true},
        })
    );
    for (action, count) in [("system_prompt.create", 1), ("system_prompt.update", 2), ("system_prompt.activate", 1)] {
        assert_eq!(stage.count_audits(action).await, count, "{action}");
    }
    let with_request = "SELECT COUNT(*) FROM audit_entry WHERE action = 'system_prompt.activate' \
                        AND request_id IS NOT NULL AND actor_kind = 'admin' AND after LIKE '%\"version\":1%'";
    assert_eq!(stage.server.number(with_request).await, 1);
}

// REQ-A-16: what was written stays, and there is never none and never two.
#[rstest]
#[tokio::test]
async fn the_database_itself_keeps_versions_and_the_one_active_pointer(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    use sea_orm::ConnectionTrait as _;
    let stage = Stage::open(engine).await;
    let one = stage.create("EVENT_TYPE", "MEETUP", "people in a room").await;
    let other = stage.create("EVENT_TYPE", "BBQ", "smoke and salad").await;
    let (id, foreign) = (stage.sql_id(&one["id"]), stage.sql_id(&other["activeVersion"]["id"]));
    for sql in [
        "UPDATE system_prompt_version SET content = 'changed'".to_owned(),
        "DELETE FROM system_prompt_version".to_owned(),
        "UPDATE system_prompt_activation SET number = 9".to_owned(),
        "DELETE FROM system_prompt_activation".to_owned(),
        format!("UPDATE system_prompt SET active_version_id = NULL WHERE id = {id}"),
        // A version of another prompt cannot be the active one.
        format!("UPDATE system_prompt SET active_version_id = {foreign} WHERE id = {id}"),
        format!("UPDATE system_prompt SET folded_key = NULL WHERE id = {id}"),
        format!("UPDATE system_prompt SET folded_key = 'bbq' WHERE id = {id}"),
    ] {
        let done = stage.server.db.migration_connection().execute_unprepared(&sql).await;
        assert!(done.is_err(), "{sql}");
    }
    assert_eq!(stage.read(&one, "content version").await, json!({"content": "people in a room", "version": 1}));
}

#[rstest]
#[tokio::test]
async fn prompts_are_found_by_key_and_listed_in_both_orders(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    for key in ["Zeppelin", "ant", "Ox_en", "Öl", "mole"] {
        stage.create("STYLE_PRESET", key, &format!("the {key} in ink")).await;
    }
    stage.create("EVENT_TYPE", "ZOO", "beasts").await;
    let query = "query($b: SystemPromptByInput!) { systemPrompt(by: $b) { key content } }";
    let by = json!({"b": {"key": {"category": "STYLE_PRESET", "key": " ZEPPELIN"}}});
    let found = stage.server.payload(&stage.admin, query, by).await;
    assert_eq!(found, json!({"key": "Zeppelin", "content": "the Zeppelin in ink"}));
    let by = json!({"b": {"key": {"category": "EVENT_TYPE", "key": "zeppelin"}}});
    let answer = stage.server.call(Some(&stage.admin.token), query, by).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");

    let query = "query($f: Int, $a: String, $l: Int, $b: String, $o: SystemPromptOrder!, $w: SystemPromptFilter) \
                 { systemPrompts(first: $f, after: $a, last: $l, before: $b, orderBy: $o, filter: $w) \
                 { nodes { key } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let list = async |variables: Value| stage.server.payload(&stage.admin, query, variables).await;
    let keys = |page: &Value| -> Vec<String> {
        page["nodes"].as_array().unwrap().iter().map(|node| node["key"].as_str().unwrap().to_owned()).collect()
    };
    let newest = list(json!({"o": "NEWEST", "f": 100})).await;
    assert_eq!(keys(&newest), ["ZOO", "mole", "Öl", "Ox_en", "ant", "Zeppelin"]);
    let sorted = ["ZOO", "ant", "mole", "Ox_en", "Zeppelin", "Öl"];
    let mut walked = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = list(json!({"o": "KEY", "f": 4, "a": after})).await;
        walked.extend(keys(&page));
        assert_eq!(page["totalCount"], 6);
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(walked, sorted);
    let last = list(json!({"o": "KEY", "l": 2})).await;
    assert_eq!(keys(&last), sorted[4..]);
    let before = list(json!({"o": "KEY", "l": 3, "b": last["pageInfo"]["startCursor"]})).await;
    assert_eq!(keys(&before), sorted[1..4]);
    assert_eq!(before["pageInfo"]["hasPreviousPage"], true);

    // A search is words, not a pattern, and reads key, name and text in any case.
    assert_eq!(keys(&list(json!({"o": "KEY", "w": {"search": "x_E"}})).await), ["Ox_en"]);
    assert_eq!(keys(&list(json!({"o": "KEY", "w": {"search": "_"}})).await), ["Ox_en"]);
    assert_eq!(keys(&list(json!({"o": "KEY", "w": {"search": "BEASTS"}})).await), ["ZOO"]);
    assert_eq!(list(json!({"o": "KEY", "w": {"search": "ink", "category": "EVENT_TYPE"}})).await["totalCount"], 0);
}

// REQ-A-29: rights are judged by the field and once more by the use case.
#[tokio::test]
async fn nobody_but_those_who_manage_prompts_edits_them() {
    use inkledger::{
        error::Error,
        prompt::model::{Category, prompt::PromptFilter},
        viewer::{Feature, Level, Viewer},
    };
    let stage = Stage::open(Engine::Sqlite).await;
    let (registry, wrong) = (stage.registry(), Viewer::System.may(Feature::CreditsManage, Level::Admin).unwrap());
    let found = registry.prompt_by_key(wrong, Category::EventType, Some("BBQ")).await;
    assert!(matches!(found, Err(Error::Forbidden { .. })));
    let order = inkledger::prompt::model::prompt::PromptOrder::Newest;
    let page = inkledger::page::PageArgs::first(1);
    assert!(registry.list(wrong, &PromptFilter::default(), order, &page).await.is_err());
    let view = Viewer::System.may(Feature::SystemPromptsView, Level::Read).unwrap();
    let refused = registry.set_enabled(view, (uuid::Uuid::nil(), 1), false, None).await;
    assert!(matches!(refused, Err(inkledger::error::Failure::Fault(Error::Forbidden { .. }))));
}
