//! Prompts as files: out, in, and byte for byte the same again. REQ-A-26 to REQ-A-29

use inkledger::{
    db::Engine,
    prompt::model::{Category, catalogue::catalogue, transfer::json::write_text},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::support::server::Home;

const IMPORT: &str = "mutation($i: ImportSystemPromptsInput!) { importSystemPrompts(input: $i) { success outcome dryRun \
                      applied appliedCount planHash counts { created updated unchanged conflict invalid } \
                      rows { index category key status version reason { code message } } warnings { code } \
                      userErrors { code message path sourcePosition { line column } } } }";

async fn import(stage: &Stage, input: Value) -> Value {
    stage.server.payload(&stage.admin, IMPORT, json!({"i": input})).await
}

fn apply(content: &str) -> Value {
    json!({"file": {"content": content}, "dryRun": false})
}

async fn export(stage: &Stage, include_inactive: bool) -> Value {
    let query =
        "query($w: Boolean!) { exportSystemPrompts(includeInactive: $w) { fileName content totalPrompts leftOut } }";
    stage.server.payload(&stage.admin, query, json!({"w": include_inactive})).await
}

fn without_time(file: &Value) -> String {
    let text = file["content"].as_str().unwrap();
    text.lines().filter(|line| !line.starts_with("  \"exportedAt\"")).map(|line| format!("{line}\n")).collect()
}

fn statuses(report: &Value) -> Vec<&str> {
    report["rows"].as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect()
}

fn counts(report: &Value) -> [i64; 5] {
    ["created", "updated", "unchanged", "conflict", "invalid"].map(|name| report["counts"][name].as_i64().unwrap())
}

async fn versions(stage: &Stage) -> i64 {
    stage.server.number("SELECT COUNT(*) FROM system_prompt_version").await
}

// REQ-A-26
#[rstest]
#[tokio::test]
async fn an_export_has_exactly_the_fields_and_counts_what_it_leaves_out(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let origami = stage.create("STYLE_PRESET", "Origami", "folded \"paper\"").await;
    let edit = json!({"promptId": origami["id"], "expectedVersion": 1, "metadata": {"b": [1, {}], "a": "ü"}});
    stage.done("updateSystemPrompt", edit).await;
    let bbq = stage.create("EVENT_TYPE", "BBQ", "smoke").await;
    stage.done("disableSystemPrompt", json!({"promptId": bbq["id"], "expectedVersion": 1})).await;
    let file = export(&stage, false).await;
    assert_eq!((&file["totalPrompts"], &file["leftOut"]), (&json!(1), &json!(1)));
    let name = file["fileName"].as_str().unwrap();
    assert!(name.starts_with("system-prompts-export-20") && name.ends_with(".json") && name.len() == 37, "{name}");
    let expected = r#"{
  "version": "1.0",
  "totalPrompts": 1,
  "prompts": [
    {
      "category": "style_preset",
      "subcategory": "Origami",
      "name": "Origami",
      "description": null,
      "content": "folded \"paper\"",
      "version": 2,
      "isActive": true,
      "metadata": {
        "a": "ü",
        "b": [
          1,
          {}
        ]
      }
    }
  ]
}
"#;
    assert_eq!(without_time(&file), expected);
    let all = export(&stage, true).await;
    assert_eq!((&all["totalPrompts"], &all["leftOut"]), (&json!(2), &json!(0)));
}

/// The 43 shipped prompts as a bare array, keys as `key` has them.
fn array(key: impl Fn(Category, &'static str) -> Value) -> String {
    let prompts = catalogue().filter(|prompt| prompt.category != Category::AiFunction).map(|prompt| {
        json!({
            "category": prompt.category.as_str(), "subcategory": key(prompt.category, prompt.key),
            "name": prompt.name, "content": prompt.content,
        })
    });
    Value::Array(prompts.collect()).to_string()
}

// REQ-A-28: both vectors of the specification.
#[rstest]
#[tokio::test]
async fn both_vectors_come_out_as_specified(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let keyed = array(|category, key| if category == Category::SystemDefault { Value::Null } else { json!(key) });
    let bare = array(|_, _| Value::Null);

    let atomic = import(&stage, apply(&keyed)).await;
    assert_eq!(counts(&atomic), [40, 0, 0, 3, 0], "{atomic}");
    assert_eq!(
        (&atomic["success"], &atomic["outcome"], &atomic["applied"], &atomic["appliedCount"]),
        (&json!(false), &json!("FAILED"), &json!(false), &json!(0))
    );
    assert_eq!(versions(&stage).await, 0, "atomic: one bad row spoils all");

    let none = import(&stage, json!({"file": {"content": bare}, "dryRun": false, "mode": "PER_ITEM"})).await;
    assert_eq!(counts(&none), [0, 0, 0, 3, 40], "{none}");
    assert_eq!((&none["outcome"], &none["appliedCount"]), (&json!("FAILED"), &json!(0)));
    let rows = none["rows"].as_array().unwrap();
    for row in rows {
        let expected = if row["category"] == "system_default" { "DUPLICATE_KEY" } else { "KEY_REQUIRED" };
        assert_eq!(row["reason"]["code"], expected, "{row}");
    }

    let partial = import(&stage, json!({"file": {"content": keyed}, "dryRun": false, "mode": "PER_ITEM"})).await;
    assert_eq!(counts(&partial), [40, 0, 0, 3, 0]);
    assert_eq!(
        (&partial["success"], &partial["outcome"], &partial["appliedCount"]),
        (&json!(false), &json!("PARTIAL"), &json!(40))
    );
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt").await, 40);
    assert_eq!(stage.count_audits("system_prompt.import").await, 40);
    assert_eq!(stage.count_audits("system_prompt.import_file").await, 1);
}

// REQ-A-28
#[rstest]
#[tokio::test]
async fn an_import_updates_by_key_keeps_what_is_equal_and_is_planned_before(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let made = stage.create("STYLE_PRESET", "Pop Art", "bold dots").await;
    let row = |more: &str| {
        format!(
            "[{{\"category\": \"style_preset\", \"subcategory\": \" POP  art\", \"name\": \"Pop\", \"content\": \
             \"bold dots\", \"id\": 7{more}}}]"
        )
    };
    // A dry run is the default, and writes nothing.
    let plan = import(&stage, json!({"file": {"content": row("")}})).await;
    assert_eq!((&plan["dryRun"], &plan["applied"], &plan["success"]), (&json!(true), &json!(false), &json!(true)));
    assert_eq!((statuses(&plan), &plan["rows"][0]["version"]), (vec!["UPDATED"], &json!(2)));
    assert_eq!(plan["warnings"], json!([{"code": "UNKNOWN_FIELD"}]));
    assert_eq!(versions(&stage).await, 1);
    // Somebody edits in between: the plan is stale.
    let edited = stage.rewrite(&made, "bolder dots").await;
    let mut input = apply(&row(""));
    input["planHash"] = plan["planHash"].clone();
    let stale = import(&stage, input).await;
    assert_eq!(stale["userErrors"][0]["code"], "PLAN_STALE");
    assert_eq!((&stale["rows"], versions(&stage).await), (&Value::Null, 2));
    let plan = import(&stage, json!({"file": {"content": row("")}})).await;
    let mut input = apply(&row(""));
    input["planHash"] = plan["planHash"].clone();
    let done = import(&stage, input).await;
    assert_eq!((&done["outcome"], &done["appliedCount"]), (&json!("SUCCESS"), &json!(1)));
    // The stored key stays as it was written first; the number is the higher of own + 1 and the file's.
    let now = stage.read(&edited, "key name version isEnabled").await;
    assert_eq!(now, json!({"key": "Pop Art", "name": "Pop", "version": 3, "isEnabled": true}));
    let done = import(&stage, apply(&row(", \"version\": 40, \"isActive\": false"))).await;
    assert_eq!((statuses(&done), &done["rows"][0]["version"]), (vec!["UPDATED"], &json!(40)));
    assert_eq!(stage.read(&edited, "version isEnabled").await, json!({"version": 40, "isEnabled": false}));
    // Twice is once, whatever number the file has.
    let again = import(&stage, apply(&row(", \"version\": 90, \"isActive\": false"))).await;
    assert_eq!((statuses(&again), &again["applied"]), (vec!["UNCHANGED"], &json!(false)));
    // Numbers keep their spelling, so that they can be unchanged.
    let metadata = ", \"isActive\": false, \"metadata\": {\"a\": 1.50, \"b\": 12345678901234567890123}";
    assert_eq!(statuses(&import(&stage, apply(&row(metadata))).await), ["UPDATED"]);
    assert_eq!(statuses(&import(&stage, apply(&row(metadata))).await), ["UNCHANGED"]);
    assert!(export(&stage, true).await["content"].as_str().unwrap().contains("\"a\": 1.50,"));
}

// REQ-A-28: with a key, a repeat is the first answer.
#[rstest]
#[tokio::test]
async fn an_import_with_a_key_happens_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let mut input =
        apply("[{\"category\": \"event_type\", \"subcategory\": \"GALA\", \"name\": \"n\", \"content\": \"c\"}]");
    input["idempotencyKey"] = json!("the-first-import");
    let variables = json!({"i": input});
    let asked = (0..6).map(|_| stage.server.payload(&stage.admin, IMPORT, variables.clone()));
    let answers = futures_util::future::join_all(asked).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!((statuses(&answers[0]), &answers[0]["appliedCount"]), (vec!["CREATED"], &json!(1)));
    assert_eq!(versions(&stage).await, 1);
    let mut other = input.clone();
    other["mode"] = json!("PER_ITEM");
    let answer = stage.server.call(Some(&stage.admin.token), IMPORT, json!({"i": other})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "IDEMPOTENCY_KEY_REUSED", "{answer}");
    input["idempotencyKey"] = json!("short");
    let answer = stage.server.call(Some(&stage.admin.token), IMPORT, json!({"i": input})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
}

// REQ-A-29
#[tokio::test]
async fn a_file_that_is_no_good_is_refused_whole_and_says_where() {
    let stage = Stage::open(Engine::Sqlite).await;
    let many = format!("[{}]", vec!["{}"; 1_001].join(","));
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    for (content, code, position) in [
        ("[\n  {\"category\" \"x\"}]", "SYNTAX_ERROR", json!({"line": 2, "column": 15})),
        ("[{\"a\": 1, \"a\": 2}]", "DUPLICATE_JSON_KEY", json!({"line": 1, "column": 11})),
        (deep.as_str(), "TOO_DEEP", json!({"line": 1, "column": 33})),
        ("{\"version\": \"2.0\", \"prompts\": []}", "UNSUPPORTED_VERSION", Value::Null),
        ("{\"prompt\": []}", "NOT_AN_EXPORT", Value::Null),
        (many.as_str(), "TOO_MANY_PROMPTS", Value::Null),
    ] {
        let refused = import(&stage, apply(content)).await;
        assert_eq!(refused["userErrors"][0]["code"], code, "{content:.60} {refused}");
        assert_eq!(refused["userErrors"][0]["sourcePosition"], position, "{refused}");
        assert_eq!(refused["rows"], Value::Null);
    }
    let upload = json!({"file": {"uploadId": "nowhere"}, "dryRun": false});
    assert_eq!(import(&stage, upload).await["userErrors"][0]["code"], "UPLOAD_NOT_FOUND");
    // Faults of a row stay with it. A byte order mark is nothing.
    let file = "\u{feff}[{\"category\":\"event_type\",\"subcategory\":\"a\\u0000\",\"name\":\"n\",\"content\":\"c\"},\
                {\"category\":\"event_type\",\"subcategory\":\"b\",\"name\":\"n\",\"content\":\"c\\u0000\"},\
                {\"category\":\"event_type\",\"subcategory\":\"c\",\"name\":\"n\",\"content\":\"c\",\"metadata\":{\"k\":\"\\u0000\"}},\
                {\"category\":\"events\",\"subcategory\":\"d\",\"name\":\"n\",\"content\":\"c\"}, 5]";
    let report = import(&stage, json!({"file": {"content": file}, "dryRun": false, "mode": "PER_ITEM"})).await;
    let codes: Vec<&str> =
        report["rows"].as_array().unwrap().iter().map(|row| row["reason"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["KEY_INVALID", "FIELD_INVALID", "METADATA_INVALID", "UNKNOWN_CATEGORY", "NOT_AN_OBJECT"]);
    assert_eq!(versions(&stage).await, 0);
    // No other text of a request may hold it: the Gate says so.
    let query = "query($b: SystemPromptByInput!) { systemPrompt(by: $b) { key } }";
    let by = json!({"b": {"key": {"category": "EVENT_TYPE", "key": "a\0"}}});
    let answer = stage.server.call(Some(&stage.admin.token), query, by).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
}

/// Prompts with every kind of text in them, as a file.
fn hostile_catalogue(seed: u64) -> String {
    let mut state = seed;
    let mut roll = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    const PIECES: [&str; 16] =
        ["a", "Z", " ", "\"", "\\", "\n", "\t", "\u{1}", "\u{7f}", "é", "ß", "\u{2028}", "🎉", ",", "{", "\u{feff}"];
    let text = |roll: &mut dyn FnMut(u64) -> u64, most: u64| -> String {
        let middle: String = (0..roll(most)).map(|_| PIECES[usize::try_from(roll(16)).unwrap()]).collect();
        format!("x{middle}x")
    };
    let mut prompts = Vec::new();
    for number in 0..60 {
        let category = Category::ALL[usize::try_from(roll(6)).unwrap()];
        let mut fields = Vec::new();
        let mut put = |name: &str, value: &str| {
            let mut out = String::new();
            write_text(&mut out, value);
            fields.push(format!("\"{name}\": {out}"));
        };
        put("category", category.as_str());
        put("subcategory", &format!("Key {number} ß É"));
        put("name", &text(&mut roll, 20));
        put("content", &text(&mut roll, 200));
        if roll(2) == 0 {
            put("description", &text(&mut roll, 40));
        }
        fields.push(format!("\"version\": {}", 1 + roll(90)));
        fields.push(format!("\"isActive\": {}", roll(4) > 0));
        let numbers = ["0", "-0", "1.0", "1e5", "1E-5", "12345678901234567890", "-1.50e+02"];
        let number = numbers[usize::try_from(roll(7)).unwrap()];
        fields.push(format!("\"metadata\": {{\"z\": {number}, \"a\": [[], {{\"ü\": null}}]}}"));
        prompts.push(format!("{{{}}}", fields.join(", ")));
    }
    prompts.push("{\"category\": \"system_default\", \"name\": \"none\", \"content\": \"the empty key\"}".to_owned());
    format!("[{}]", prompts.join(",\n"))
}

// REQ-A-26: from one server into another that has no catalogue, and out again.
#[rstest]
#[tokio::test]
async fn a_catalogue_survives_two_servers_byte_for_byte(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (one, two) = (Stage::open(engine).await, Stage::open(engine).await);
    for seed in [1, 2] {
        let report = import(&one, apply(&hostile_catalogue(seed))).await;
        assert_eq!(report["outcome"], "SUCCESS", "{report}");
    }
    let first = export(&one, true).await;
    assert_eq!(first["totalPrompts"], 61 + 60 - shared(&first));
    let report = import(&two, apply(first["content"].as_str().unwrap())).await;
    assert_eq!((&report["outcome"], &report["counts"]["created"]), (&json!("SUCCESS"), &first["totalPrompts"]));
    assert_eq!(without_time(&export(&two, true).await), without_time(&first));
    for stage in [&one, &two] {
        let again = import(stage, apply(first["content"].as_str().unwrap())).await;
        assert_eq!(&again["counts"]["unchanged"], &first["totalPrompts"], "{again}");
    }
}

/// How many of the second catalogue's prompts have the category and key of one in the first.
fn shared(file: &Value) -> i64 {
    121 - file["totalPrompts"].as_i64().unwrap()
}

// REQ-A-19: what one process writes, the next request to another one reads, for an event type and a style.
#[tokio::test]
async fn an_edit_by_one_server_is_what_another_answers_next() {
    let stage = Stage::open(Engine::Postgres).await;
    let home: &std::sync::Arc<Home> = &stage.server.home;
    let other = home.start_with(|config, _| config.install_catalogue = false).await;
    for (category, key) in [("EVENT_TYPE", "GALA"), ("STYLE_PRESET", "Origami")] {
        let mut prompt = stage.create(category, key, "text 0").await;
        for edit in 1..=5 {
            prompt = stage.rewrite(&prompt, &format!("text {edit}")).await;
            let at = std::time::Instant::now();
            let query = "query($b: SystemPromptByInput!) { systemPrompt(by: $b) { content version } }";
            let by = json!({"b": {"key": {"category": category, "key": key}}});
            let seen = other.payload(&stage.admin, query, by).await;
            assert_eq!(seen, json!({"content": format!("text {edit}"), "version": edit + 1}), "at the first look");
            assert!(at.elapsed().as_secs() < 5);
        }
    }
}
