//! Statistics, comparisons and forms. REQ-A-15, REQ-A-20, REQ-A-22, REQ-A-30

use inkledger::{db::Engine, prompt::model::catalogue::catalogue};
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;

const STATISTICS: &str = "{ promptStatistics { count lengthTotal lengthMin lengthAverage lengthMax categories { category count \
                          lengthTotal lengthMin lengthAverage lengthMax } warnings { code count } \
                          prompts(first: 100, onlyWarned: true) { nodes { category key length warnings { code message } \
                          prompt { key } } totalCount } } }";

// REQ-A-15, REQ-A-20: the catalogue is installed, counted, and free of warnings but for the reserved key.
#[rstest]
#[tokio::test]
async fn the_shipped_catalogue_is_counted_and_clean(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open_with(engine, true).await;
    let found = stage.server.payload(&stage.admin, STATISTICS, json!({})).await;
    let of = |name: &str| found["categories"].as_array().unwrap().iter().find(|row| row["category"] == name).unwrap();
    for (name, count) in [
        ("EVENT_TYPE", 24),
        ("STYLE_PRESET", 12),
        ("CAROUSEL_BACKGROUND", 1),
        ("TEXT_GENERATION", 3),
        ("SYSTEM_DEFAULT", 3),
        ("AI_FUNCTION", 8),
    ] {
        assert_eq!(of(name)["count"], count, "{name}");
    }
    let lengths: Vec<i64> = catalogue().map(|prompt| prompt.content.chars().count() as i64).collect();
    let (total, count) = (lengths.iter().sum::<i64>(), lengths.len());
    assert_eq!((&found["count"], &found["lengthTotal"]), (&json!(count), &json!(total)));
    assert_eq!(found["lengthMin"], json!(lengths.iter().min()));
    assert_eq!(found["lengthMax"], json!(lengths.iter().max()));
    assert!((found["lengthAverage"].as_f64().unwrap() - total as f64 / count as f64).abs() < 1e-9);
    assert_eq!(found["warnings"], json!([{"code": "RESERVED_KEY", "count": 1}]), "{found}");
    // Every shipped prompt has the version it was installed with, once, however often the server starts.
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt_activation WHERE cause = 'INSTALL'").await, 51);
    let reset = stage.server.payload(
        &stage.admin,
        "query($b: SystemPromptByInput!) { systemPrompt(by: $b) { id content version } }",
        json!({"b": {"key": {"category": "EVENT_TYPE", "key": "bbq"}}}),
    );
    let shipped = reset.await;
    let edited = stage.rewrite(&shipped, "my own words about smoke and salad").await;
    let which = json!({"promptId": shipped["id"], "expectedVersion": edited["version"]});
    let back = stage.done("resetSystemPrompt", which).await;
    assert_eq!((&back["content"], &back["version"]), (&shipped["content"], &json!(3)));
}

#[tokio::test]
async fn every_warning_is_given_where_it_is_due_and_pages_go_through_all() {
    let stage = Stage::open(Engine::Sqlite).await;
    let fine = "a quiet harbour at first light, boats resting, gulls above";
    stage.create("STYLE_PRESET", "Fine", fine).await;
    stage.create("STYLE_PRESET", "Short", "a harbour").await;
    stage.create("STYLE_PRESET", "Long", &"a harbour with boats, ".repeat(22)).await;
    stage.create("STYLE_PRESET", "Endless", &format!("a harbour {}", "and more boats ".repeat(1_000))).await;
    stage.create("STYLE_PRESET", "Wordy", &format!("{fine} and a pier, high quality")).await;
    stage.create("EVENT_TYPE", "TWIN", &fine.to_uppercase()).await;
    stage.create("CAROUSEL_BACKGROUND", "base", "soft bands of colour that leave room for words in the middle").await;
    let off = stage.create("EVENT_TYPE", "OFF", "a hall full of chairs that nobody sits on, late at night").await;
    stage.done("disableSystemPrompt", json!({"promptId": off["id"], "expectedVersion": 1})).await;
    let found = stage.server.payload(&stage.admin, STATISTICS, json!({})).await;
    let warned = |key: &str| -> Vec<&str> {
        let nodes = found["prompts"]["nodes"].as_array().unwrap();
        let node = nodes.iter().find(|node| node["key"] == key).unwrap_or_else(|| panic!("{key} in {found}"));
        node["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
    };
    assert_eq!(warned("Fine"), ["DUPLICATE_TEXT"]);
    assert_eq!(warned("TWIN"), ["DUPLICATE_TEXT"]);
    assert_eq!(warned("Short"), ["TOO_SHORT"]);
    assert_eq!(warned("Long"), ["LONG", "DAMAGED_PUNCTUATION"]);
    assert_eq!(warned("Endless"), ["LONG", "OVER_MODEL_LIMIT", "DAMAGED_PUNCTUATION"]);
    assert_eq!(warned("Wordy"), ["REDUNDANT_PHRASE"]);
    assert_eq!(warned("base"), ["RESERVED_KEY"]);
    assert_eq!(warned("OFF"), ["DISABLED"]);
    let query = "query($a: String) { promptStatistics { prompts(first: 3, after: $a) { nodes { key } totalCount \
                 pageInfo { hasNextPage endCursor } } } }";
    let (mut keys, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = stage.server.payload(&stage.admin, query, json!({"a": after})).await["prompts"].take();
        assert_eq!(page["totalCount"], 8);
        keys.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["key"].as_str().unwrap().to_owned()));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(keys, ["base", "OFF", "TWIN", "Endless", "Fine", "Long", "Short", "Wordy"]);
}

const DIFF: &str = "query($i: DiffSystemPromptsInput!) { diffSystemPrompts(input: $i) { versions { isSame changedFields \
                    left { number } right { number } lines { kind text } clauses { kind text } } environment { isSame \
                    sections sameCount onlyLeftCount onlyRightCount differingCount rows { section name difference \
                    fields { field left right changes { kind text } } } } userErrors { code message path } } }";

// REQ-A-17, REQ-A-30
#[rstest]
#[tokio::test]
async fn versions_and_environments_are_compared(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let diff = async |input: Value| stage.server.payload(&stage.admin, DIFF, json!({"i": input})).await;
    let first = stage.create("STYLE_PRESET", "Origami", "folded paper, warm light\nsecond line").await;
    let second = stage.rewrite(&first, "folded paper, cold light\nsecond line").await;
    let of = |prompt: &Value| prompt["activeVersion"]["id"].clone();
    let pair = json!({"versions": {"leftVersionId": of(&first), "rightVersionId": of(&second)}});
    let versions = diff(pair).await["versions"].take();
    assert_eq!((&versions["isSame"], &versions["changedFields"]), (&json!(false), &json!(["CONTENT"])));
    assert_eq!((&versions["left"]["number"], &versions["right"]["number"]), (&json!(1), &json!(2)));
    let change = |kind: &str, text: &str| json!({"kind": kind, "text": text});
    assert_eq!(
        versions["lines"],
        json!([
            change("REMOVED", "folded paper, warm light"),
            change("ADDED", "folded paper, cold light"),
            change("SAME", "second line"),
        ])
    );
    assert_eq!(versions["clauses"][0], change("SAME", "folded paper"));
    let missing = json!({"versions": {"leftVersionId": of(&first), "rightVersionId": first["id"]}});
    let answer = stage.server.call(Some(&stage.admin.token), DIFF, json!({"i": missing})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");

    let off = stage.create("EVENT_TYPE", "OFF", "nothing").await;
    stage.done("disableSystemPrompt", json!({"promptId": off["id"], "expectedVersion": 1})).await;
    let settings =
        "mutation($i: UpdateProviderSettingsInput!) { updateProviderSettings(input: $i) { userErrors { code } } }";
    let input =
        json!({"provider": "openai", "expectedVersion": 0, "baseUrl": "https://one.example", "key": "sk-canary-7"});
    // The adapter is not there in tests; then there is nothing to compare but that.
    let set = stage.server.payload(&stage.hero, settings, json!({"i": input})).await["userErrors"] == json!([]);
    let file = "{ exportSystemPrompts(includeEnvironment: true) { content } }";
    let text = stage.server.payload(&stage.admin, file, json!({})).await["content"].as_str().unwrap().to_owned();
    assert!(!text.contains("canary") && text.contains("\"providerSettings\": {"), "{text}");
    let same = diff(json!({"file": {"content": text}})).await;
    assert_eq!((&same["environment"]["isSame"], &same["environment"]["rows"]), (&json!(true), &json!([])), "{same}");
    assert_eq!(same["environment"]["sections"], json!(["PROMPT", "PROVIDER_SETTING"]));
    // An import passes over what is no prompt.
    let import = "mutation($i: ImportSystemPromptsInput!) { importSystemPrompts(input: $i) { outcome counts { unchanged } \
                  warnings { code } } }";
    let report = stage.server.payload(&stage.admin, import, json!({"i": {"file": {"content": text}}})).await;
    assert_eq!(report, json!({"outcome": "SUCCESS", "counts": {"unchanged": 1}, "warnings": []}));

    stage.rewrite(&second, "folded paper, cold light\nthird line").await;
    stage.create("STYLE_PRESET", "Pop Art", "dots").await;
    let changed = text.replace(
        "\"prompts\": [",
        "\"prompts\": [{\"category\": \"event_type\", \"subcategory\": \"NEW\", \"name\": \"n\", \"content\": \"c\"},",
    );
    let changed = changed.replace("https://one.example", "https://two.example");
    let found = diff(json!({"file": {"content": changed}})).await["environment"].take();
    let rows: Vec<String> = found["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["difference"].as_str().unwrap(), row["name"].as_str().unwrap()))
        .collect();
    let mut expected =
        vec!["ONLY_LEFT event_type/NEW", "DIFFERS style_preset/Origami", "ONLY_RIGHT style_preset/Pop Art"];
    if set {
        expected.push("DIFFERS openai");
    }
    assert_eq!(rows, expected, "{found}");
    assert_eq!(found["onlyLeftCount"], 1);
    let field = &found["rows"][1]["fields"][0];
    assert_eq!((&field["field"], field["changes"].as_array().unwrap().len()), (&json!("content"), 3));
    let broken = diff(json!({"file": {"content": "[{\"category\": \"event_type\"}]"}})).await;
    assert_eq!(broken["userErrors"][0]["code"], "FILE_INVALID", "{broken}");
    assert_eq!(diff(json!({"file": {"content": "["}})).await["userErrors"][0]["code"], "SYNTAX_ERROR");
}

// REQ-A-22: all 24 types have a form.
#[tokio::test]
async fn every_event_type_publishes_its_form() {
    let stage = Stage::open(Engine::Sqlite).await;
    let query = "query($t: String!) { eventForm(type: $t) { form { eventType name textMaxLength customStyleMaxLength fields \
                 { name kind required options minimum maximum maxLength } } userErrors { code message path } } }";
    let form = async |key: &str| stage.server.payload(&stage.admin, query, json!({"t": key})).await;
    let names = |payload: &Value| -> Vec<String> {
        let fields = payload["form"]["fields"].as_array().unwrap();
        fields.iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut forms = 0;
    for prompt in catalogue().filter(|prompt| prompt.category.as_str() == "event_type") {
        let found = form(prompt.key).await;
        assert_eq!((&found["form"]["eventType"], &found["userErrors"]), (&json!(prompt.key), &json!([])));
        assert!(!names(&found).is_empty(), "{found}");
        forms += 1;
    }
    assert_eq!(forms, 24);
    let birthday = form(" birthday_party").await;
    assert_eq!(names(&birthday), ["age", "theme", "venue", "guests", "activities", "decorations"]);
    let age = &birthday["form"]["fields"][0];
    assert_eq!((&age["kind"], &age["required"]), (&json!("INTEGER"), &json!(true)));
    assert_eq!((&age["minimum"], &age["maximum"], &age["maxLength"]), (&json!(1), &json!(130), &Value::Null));
    assert_eq!(
        (&birthday["form"]["textMaxLength"], &birthday["form"]["customStyleMaxLength"]),
        (&json!(80), &json!(300))
    );
    assert_eq!(names(&form("BBQ").await), ["venue", "atmosphere", "activities", "decorations"]);
    stage.create("EVENT_TYPE", "GALA", "gowns").await;
    assert_eq!(names(&form("gala").await), ["venue", "atmosphere", "activities", "decorations"]);
    for unknown in ["NOPE", ""] {
        let refused = form(unknown).await;
        assert_eq!((&refused["form"], &refused["userErrors"][0]["code"]), (&Value::Null, &json!("UNKNOWN_EVENT_TYPE")));
    }
}
