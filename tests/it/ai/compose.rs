//! Composed prompts, instructions of texts, quotes and enlargements, through GraphQL on the sandbox.

use std::time::Duration;

use inkledger::{
    ai::provider::{
        TokenUsage,
        sandbox::{SandboxAnswer, Step},
    },
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

struct House {
    server: Server,
    admin: Person,
    owner: Person,
}

const ERRORS: &str = "userErrors { code message path insufficientCredits { required available short } \
                      modelMismatch { model maximum length models parts { kind length } } }";

impl House {
    async fn open(engine: Engine) -> Self {
        let server = Home::open(engine).await.start_with(|config, _| config.auth.signup_credits = 0).await;
        let hero = server.hero().await;
        let admin = server.admin(&hero, "writer").await;
        let owner = server.sign_up("owner").await;
        server.give(&hero, &owner, 100).await;
        Self { server, admin, owner }
    }

    async fn ask(&self, field: &str, kind: &str, fields: &str, input: Value) -> Value {
        let query = format!("mutation($i: {kind}!) {{ {field}(input: $i) {{ {fields} {ERRORS} }} }}");
        self.server.payload(&self.owner, &query, json!({"i": input})).await
    }

    async fn draw(&self, key: &str, mut input: Value) -> Value {
        input["idempotencyKey"] = json!(key);
        self.ask("generateImages", "GenerateImagesInput", "task { id }", input).await
    }

    /// Draws, waits, and answers the task.
    async fn drawn(&self, key: &str, input: Value) -> Value {
        let payload = self.draw(key, input).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        self.ended(&payload["task"]["id"]).await
    }

    async fn ended(&self, task: &Value) -> Value {
        let id = task.as_str().unwrap();
        self.server.ended(&self.owner, id).await;
        let query = "query($id: ID!) { aiTask(id: $id) { id status prompt creditsUsed composition { eventType style \
                     parts { kind text source version { number } enhancementSource enhancementVersion { number } } dropped { kind text } } \
                     items { errorCode credits image { id width height original { id } enlargement { id } } } } }";
        self.server.payload(&self.owner, query, json!({"id": id})).await
    }

    async fn preview(&self, input: Value) -> Value {
        self.preview_of(&self.owner, input).await
    }

    async fn preview_of(&self, person: &Person, input: Value) -> Value {
        let query = format!(
            "query($i: PreviewPromptInput!) {{ previewPrompt(input: $i) {{ text length parts {{ kind text source version {{ number }} \
             enhancementSource enhancementVersion {{ number }} }} fits {{ model maximum fits fitsShortened }} {ERRORS} }} }}"
        );
        self.server.payload(person, &query, json!({"i": input})).await
    }

    async fn quote(&self, input: Value) -> Value {
        let query = format!(
            "query($i: QuoteAiTaskInput!) {{ quoteAiTask(input: $i) {{ credits creditsPerItem model {{ name }} {ERRORS} }} }}"
        );
        self.server.payload(&self.owner, &query, json!({"i": input})).await
    }

    /// Rewrites a prompt's text.
    async fn rewrite(&self, category: &str, key: &str, content: &str) {
        let query = "query($b: SystemPromptByInput!) { systemPrompt(by: $b) { id version } }";
        let by = json!({"b": {"key": {"category": category, "key": key}}});
        let found = self.server.payload(&self.admin, query, by).await;
        let query = "mutation($i: UpdateSystemPromptInput!) { updateSystemPrompt(input: $i) { userErrors { code } } }";
        let input = json!({"promptId": found["id"], "expectedVersion": found["version"], "content": content});
        let done = self.server.payload(&self.admin, query, json!({"i": input})).await;
        assert_eq!(done["userErrors"], json!([]), "{done}");
    }

    fn last_sent(&self) -> (String, Option<String>) {
        let line = self.server.script.billing().pop().unwrap();
        (line.prompt, line.system)
    }
}

fn birthday() -> Value {
    json!({
        "eventType": "birthday_party", "details": {"age": 21, "venue": "the barn"}, "style": "origami",
        "text": "Hi \"you\"", "customStyle": "ink,",
    })
}

// REQ-A-21, REQ-A-22: preview and generation are one function, and the composition stays with the task.
#[rstest]
#[tokio::test]
async fn what_is_previewed_is_what_is_sent(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let house = House::open(engine).await;
    for (category, key, text) in [
        ("EVENT_TYPE", "BIRTHDAY_PARTY", "E1, E2"),
        ("STYLE_PRESET", "Origami", "S1, S2."),
        ("SYSTEM_DEFAULT", "base_prompt", "B1, s2"),
        ("SYSTEM_DEFAULT", "enhancement", "fine paper"),
    ] {
        house.rewrite(category, key, text).await;
    }
    let plain = house.preview(json!({"event": birthday()})).await;
    let expected = "E1, E2, 21st birthday, at the barn, S1, S2, text to render: \"Hi 'you'\", ink, B1";
    assert_eq!((&plain["text"], &plain["length"]), (&json!(expected), &json!(expected.chars().count())));
    let high = house.preview(json!({"event": birthday(), "quality": "HIGH"})).await;
    assert_eq!(high["text"], format!("{expected}, fine paper"));
    let fits = plain["fits"].as_array().unwrap();
    let one = fits.iter().find(|fit| fit["model"] == "Sandbox Image").unwrap();
    assert_eq!((&one["maximum"], &one["fits"]), (&json!(1000), &json!(true)));
    for (key, quality, preview) in [("as-previewed-1", "STANDARD", &plain), ("as-previewed-2", "HIGH", &high)] {
        let task = house.drawn(key, json!({"event": birthday(), "quality": quality})).await;
        assert_eq!((&task["status"], &task["prompt"]), (&json!("SUCCESS"), &preview["text"]), "{task}");
        assert_eq!(house.last_sent().0, preview["text"].as_str().unwrap());
        assert_eq!(task["composition"]["parts"], preview["parts"]);
        assert_eq!(task["composition"]["eventType"], "BIRTHDAY_PARTY");
        assert_eq!(task["composition"]["dropped"], json!([]));
    }
    // Which version it was is for those who may see versions.
    assert_eq!(high["parts"][0]["version"], Value::Null);
    let seen = house.preview_of(&house.admin, json!({"event": birthday(), "quality": "HIGH"})).await;
    assert_eq!((&seen["text"], &seen["parts"][0]["version"]["number"]), (&high["text"], &json!(2)));
    assert_eq!(seen["parts"][5]["enhancementVersion"]["number"], 2);
    let kinds: Vec<_> = high["parts"].as_array().unwrap().iter().map(|part| (&part["kind"], &part["source"])).collect();
    let words = |kind, source| (json!(kind), json!(source));
    let expected = [
        words("EVENT", "DATABASE"),
        words("DETAILS", "USER"),
        words("STYLE", "DATABASE"),
        words("TEXT", "USER"),
        words("CUSTOM_STYLE", "USER"),
        words("BASE", "DATABASE"),
    ];
    assert_eq!(kinds, expected.iter().map(|(kind, source)| (kind, source)).collect::<Vec<_>>());
    // The hold names the version of the event's prompt, and each version's use is counted.
    let held = "SELECT COUNT(*) FROM credit_hold h JOIN system_prompt_version v ON v.id = h.prompt_version_id \
                WHERE v.content = 'E1, E2'";
    assert_eq!(house.server.number(held).await, 2);
    assert_eq!(house.server.number("SELECT COUNT(*) FROM prompt_use").await, 3 + 4);
    house.server.check_ledger().await;
    house.server.check_records().await;
}

// REQ-A-18, REQ-A-19
#[rstest]
#[tokio::test]
async fn an_edit_reaches_the_next_generation_and_no_fallback_hides_a_failing_store(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let house = House::open(engine).await;
    let event = json!({"event": {"eventType": "BBQ", "style": "Cyberpunk"}});
    house.drawn("edits-0001", event.clone()).await;
    let shipped = house.last_sent().0;
    house.rewrite("EVENT_TYPE", "BBQ", "a grill by the river").await;
    house.drawn("edits-0002", event.clone()).await;
    assert!(house.last_sent().0.starts_with("a grill by the river, "), "{shipped}");
    house.rewrite("STYLE_PRESET", "Cyberpunk", "neon rain").await;
    house.drawn("edits-0003", event.clone()).await;
    assert!(house.last_sent().0.starts_with("a grill by the river, neon rain, "));
    // Disabled: the text that ships, its source named.
    let query = "query($b: SystemPromptByInput!) { systemPrompt(by: $b) { id version } }";
    let by = json!({"b": {"key": {"category": "EVENT_TYPE", "key": "BBQ"}}});
    let found = house.server.payload(&house.admin, query, by).await;
    let input = json!({"promptId": found["id"], "expectedVersion": found["version"]});
    let query = "mutation($i: DisableSystemPromptInput!) { disableSystemPrompt(input: $i) { userErrors { code } } }";
    house.server.payload(&house.admin, query, json!({"i": input})).await;
    let task = house.drawn("edits-0004", event.clone()).await;
    assert_eq!(task["composition"]["parts"][0]["source"], "BUILT_IN");
    assert_eq!(task["composition"]["parts"][0]["version"], Value::Null);
    // A store that fails is no store without prompts.
    let before = house.server.balance(&house.owner).await;
    house.server.execute("ALTER TABLE system_prompt RENAME TO system_prompt_away").await;
    let refused = house.draw("edits-0005", event.clone()).await;
    assert_eq!((&refused["task"], &refused["userErrors"][0]["code"]), (&Value::Null, &json!("STORE_UNAVAILABLE")));
    assert_eq!(house.preview(event.clone()).await["userErrors"][0]["code"], "STORE_UNAVAILABLE");
    house.server.execute("ALTER TABLE system_prompt_away RENAME TO system_prompt").await;
    assert_eq!(house.server.balance(&house.owner).await, before);
    assert_eq!(house.server.number("SELECT COUNT(*) FROM ai_task").await, 4);
    // Nothing was stored under the key, so it still works.
    house.drawn("edits-0005", event).await;
}

// REQ-A-22, REQ-A-31: everything is refused before a hold, by name, and leaves nothing.
#[tokio::test]
async fn what_is_wrong_with_an_event_is_said_before_anything_is_held() {
    let house = House::open(Engine::Sqlite).await;
    let cases = [
        (json!({"eventType": "PARADE"}), vec![("UNKNOWN_EVENT_TYPE", json!(["input", "event", "eventType"]))]),
        (json!({"eventType": "BBQ", "style": "Cubism"}), vec![("UNKNOWN_STYLE", json!(["input", "event", "style"]))]),
        (
            json!({"eventType": "WEDDING", "details": {"speed": "fast"}}),
            vec![
                ("UNKNOWN_DETAIL", json!(["input", "event", "details", "speed"])),
                ("DETAIL_REQUIRED", json!(["input", "event", "details", "style"])),
            ],
        ),
        (
            json!({"eventType": "BIRTHDAY_PARTY", "details": {"age": 131}}),
            vec![("DETAIL_INVALID", json!(["input", "event", "details", "age"]))],
        ),
        (
            json!({"eventType": "BIRTHDAY_PARTY", "details": {"age": 2.5}}),
            vec![("DETAIL_INVALID", json!(["input", "event", "details", "age"]))],
        ),
        (
            json!({"eventType": "BBQ", "text": "x".repeat(81)}),
            vec![("DETAIL_INVALID", json!(["input", "event", "text"]))],
        ),
    ];
    for (at, (event, expected)) in cases.into_iter().enumerate() {
        let refused = house.draw(&format!("wrong-{at:06}"), json!({"event": event})).await;
        let mut found: Vec<_> = refused["userErrors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (error["code"].as_str().unwrap().to_owned(), error["path"].clone()))
            .collect();
        found.sort_by(|a, b| b.0.cmp(&a.0));
        let expected: Vec<_> = expected.into_iter().map(|(code, path)| (code.to_owned(), path)).collect();
        assert_eq!(found, expected, "{refused}");
        assert_eq!(house.preview(json!({"event": event})).await["userErrors"][0]["code"], found.last().unwrap().0);
    }
    let both = json!({"i": {"prompt": "x", "event": {"eventType": "BBQ"}, "idempotencyKey": "wrong-both"}});
    let query = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } } }";
    let answer = house.server.call(Some(&house.owner.token), query, both).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(house.server.number("SELECT COUNT(*) FROM ai_task").await, 0);
    assert_eq!(house.server.number("SELECT COUNT(*) FROM credit_hold").await, 0);
    assert_eq!(house.server.script.billing().len(), 0);
}

// REQ-A-23
#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_part_by_part_or_shortened() {
    let house = House::open(Engine::Sqlite).await;
    house.rewrite("EVENT_TYPE", "BBQ", &"e".repeat(600)).await;
    house.rewrite("STYLE_PRESET", "Origami", &format!("{}, {}", "s".repeat(200), "t".repeat(250))).await;
    let event = json!({"eventType": "BBQ", "style": "Origami"});
    let refused = house.draw("too-long-1", json!({"event": event})).await;
    let error = &refused["userErrors"][0];
    assert_eq!(
        (&error["code"], &error["modelMismatch"]["model"]),
        (&json!("PROMPT_TOO_LONG"), &json!("Sandbox Image"))
    );
    assert_eq!(error["modelMismatch"]["maximum"], 1000);
    let parts = error["modelMismatch"]["parts"].as_array().unwrap();
    assert_eq!(parts[0], json!({"kind": "EVENT", "length": 600}));
    let sum: i64 = parts.iter().map(|part| part["length"].as_i64().unwrap()).sum();
    let between = 2 * (i64::try_from(parts.len()).unwrap() - 1);
    assert_eq!(error["modelMismatch"]["length"], sum + between);
    assert_eq!(house.server.number("SELECT COUNT(*) FROM credit_hold").await, 0);
    let preview = house.preview(json!({"event": event})).await;
    let fit = preview["fits"].as_array().unwrap().iter().find(|fit| fit["model"] == "Sandbox Image").unwrap();
    assert_eq!((&fit["fits"], &fit["fitsShortened"]), (&json!(false), &json!(true)));
    let task = house.drawn("too-long-2", json!({"event": event, "onTooLong": "SHORTEN"})).await;
    let prompt = task["prompt"].as_str().unwrap();
    assert!(prompt.chars().count() <= 1000 && prompt.starts_with(&"e".repeat(600)), "{prompt}");
    let dropped = task["composition"]["dropped"].as_array().unwrap();
    assert_eq!(dropped.last().unwrap(), &json!({"kind": "STYLE", "text": "t".repeat(250)}));
    assert!(dropped.iter().rev().skip(1).all(|clause| clause["kind"] == "BASE"), "{dropped:?}");
    assert_eq!(house.last_sent().0, prompt);
}

// Section 2: a text is told the AI function's prompt and that of its kind; both are counted as used.
#[rstest]
#[tokio::test]
async fn a_text_is_told_what_it_is_for(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let house = House::open(engine).await;
    house.rewrite("AI_FUNCTION", "GENERATE_TEXT", "Write for people.").await;
    house.rewrite("TEXT_GENERATION", "header", "At most seven words.").await;
    let write = async |key: &str, kind: Value| {
        let input = json!({"prompt": "a fair", "kind": kind, "idempotencyKey": key});
        house.ask("generateText", "GenerateTextInput", "task { id }", input).await
    };
    let task = write("text-kind-1", json!("header")).await;
    assert_eq!(house.ended(&task["task"]["id"]).await["status"], "SUCCESS");
    assert_eq!(house.last_sent(), ("a fair".into(), Some("Write for people.\n\nAt most seven words.".into())));
    let task = write("text-kind-2", Value::Null).await;
    house.ended(&task["task"]["id"]).await;
    assert_eq!(house.last_sent().1.unwrap(), "Write for people.");
    let refused = write("text-kind-3", json!("limerick")).await;
    assert_eq!(refused["userErrors"][0]["code"], "UNKNOWN_TEXT_KIND");
    assert_eq!(house.server.number("SELECT COUNT(*) FROM prompt_use").await, 3);
    house.server.check_records().await;
}

// REQ-A-37, REQ-A-11: linked both ways, once, one's own; refusals cost nothing.
#[rstest]
#[tokio::test]
async fn an_image_is_enlarged_once_and_linked(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let house = House::open(engine).await;
    let drawn = house.drawn("originals-1", json!({"event": {"eventType": "BBQ"}, "count": 2})).await;
    let image = |at: usize| drawn["items"][at]["image"].clone();
    let enlarge = async |person: &Person, key: &str, ids: Value| {
        let query = format!(
            "mutation($i: UpscaleImageInput!) {{ upscaleImage(input: $i) {{ task {{ id }} enlargements {{ id }} {ERRORS} }} }}"
        );
        let input = json!({"imageIds": ids, "idempotencyKey": key});
        house.server.payload(person, &query, json!({"i": input})).await
    };
    let ids = json!([image(0)["id"], image(1)["id"]]);
    let quote = house.quote(json!({"function": "UPSCALE_IMAGE", "imageIds": ids})).await;
    assert_eq!((&quote["credits"], &quote["creditsPerItem"]), (&json!(2), &json!([1, 1])));
    // Somebody else's are not there.
    let other = house.server.sign_up("other").await;
    assert_eq!(enlarge(&other, "enlarge-0", ids.clone()).await["userErrors"][0]["code"], "NOT_FOUND");
    let twice = json!([image(0)["id"], image(0)["id"]]);
    assert_eq!(enlarge(&house.owner, "enlarge-1", twice).await["userErrors"][0]["code"], "IMAGE_TWICE");
    let asked = enlarge(&house.owner, "enlarge-2", ids.clone()).await;
    let task = house.ended(&asked["task"]["id"]).await;
    assert_eq!((&task["status"], &task["creditsUsed"]), (&json!("SUCCESS"), &json!(2)), "{task}");
    for at in 0..2 {
        let larger = &task["items"][at]["image"];
        let doubled = |side: &str| json!(image(at)[side].as_i64().unwrap() * 2);
        assert_eq!((&larger["width"], &larger["height"]), (&doubled("width"), &doubled("height")));
        assert_eq!(larger["original"]["id"], image(at)["id"]);
    }
    let larger = task["items"][0]["image"]["id"].clone();
    let balance = house.server.balance(&house.owner).await;
    let again = enlarge(&house.owner, "enlarge-3", json!([image(0)["id"]])).await;
    assert_eq!((&again["task"], &again["userErrors"][0]["code"]), (&Value::Null, &json!("ALREADY_UPSCALED")));
    assert_eq!(again["enlargements"], json!([{"id": larger}]));
    assert_eq!(enlarge(&house.owner, "enlarge-4", json!([larger])).await["userErrors"][0]["code"], "NOT_FOUND");
    assert_eq!(enlarge(&house.owner, "enlarge-2", ids).await["task"]["id"], task["id"], "the first answer");
    assert_eq!(house.server.balance(&house.owner).await, balance);
    house.server.check_ledger().await;
    house.server.check_records().await;
}

#[rstest]
#[tokio::test]
async fn an_original_deleted_while_it_is_enlarged_costs_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let house = House::open(engine).await;
    let drawn = house.drawn("originals-2", json!({"prompt": "a fox"})).await;
    let id = &drawn["items"][0]["image"]["id"];
    let before = house.server.balance(&house.owner).await;
    house.server.script.push(Step::Delay(Duration::from_millis(1500)));
    let input = json!({"imageId": id, "idempotencyKey": "enlarge-gone"});
    let asked = house.ask("upscaleImage", "UpscaleImageInput", "task { id }", input).await;
    let sent = async {
        while house.server.number("SELECT COUNT(*) FROM ai_attempt WHERE state = 'sent'").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), sent).await.unwrap();
    let gone = house.ask("deleteImage", "DeleteImageInput", "", json!({"imageId": id})).await;
    assert_eq!(gone["userErrors"], json!([]));
    let task = house.ended(&asked["task"]["id"]).await;
    assert_eq!((&task["status"], &task["items"][0]["errorCode"]), (&json!("ERROR"), &json!("IMAGE_GONE")), "{task}");
    assert_eq!(house.server.balance(&house.owner).await, before);
    house.server.check_ledger().await;
    house.server.check_records().await;
}

/// Fixture B1 of `pipeline.md`, as far as single commands go: the calls of each stage with the tokens of its row.
const CALLS: [(usize, i64, i64, i64, i64); 4] = [
    (1, 1800, 900, 3, 810_000),
    (4, 700, 1100, 8, 3_060_000),
    (3, 1200, 3000, 15, 5_940_000),
    (3, 3400, 500, 12, 2_430_000),
];

// REQ-B-7: the worked example to the nano-dollar, and with a short balance.
#[rstest]
#[tokio::test]
async fn the_worked_pricing_example_is_exact(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(100, 60)] start: i64,
) {
    let house = House::open(engine).await;
    let hero = house.server.sign_in("hero").await;
    let text =
        json!({"inputPrice": "0.00015", "outputPrice": "0.00060", "unit": "PER_THOUSAND", "tokensPerCredit": 1000});
    let image = json!({"costPerImage": "0.04", "creditsPerImage": 5});
    let models = house.server.payload(&hero, "{ aiModels { id name } }", json!({})).await;
    let model =
        |name: &str| models.as_array().unwrap().iter().find(|model| model["name"] == name).unwrap()["id"].clone();
    for (name, price) in [("Sandbox Text", json!({"text": text})), ("Sandbox Image", json!({"image": image}))] {
        let query =
            "mutation($i: AddPriceVersionInput!) { addPriceVersion(input: $i) { userErrors { code message } } }";
        let input = json!({"modelId": model(name), "price": price});
        let done = house.server.payload(&hero, query, json!({"i": input})).await;
        assert_eq!(done["userErrors"], json!([]), "{done}");
    }
    let poor = house.server.sign_up("customer").await;
    house.server.give(&hero, &poor, start).await;
    let house = House { owner: poor, ..house };
    let cost = "SELECT CAST(COALESCE(SUM(provider_cost_nanousd), 0) AS bigint) FROM credit_usage";
    let mut spent = 0;
    let mut costs = 0;
    for (stage, (calls, input, output, credits, nanousd)) in CALLS.into_iter().enumerate() {
        for _ in 0..calls {
            let usage = Some(TokenUsage { input, output });
            house.server.script.push(Step::Answer(SandboxAnswer { usage, ..SandboxAnswer::default() }));
        }
        let before = house.server.balance(&house.owner).await.0;
        let prompts: Vec<String> = (0..calls).map(|call| format!("stage {stage} call {call}")).collect();
        let input = json!({"prompts": prompts, "idempotencyKey": format!("b1-text-{stage}")});
        let payload = house.ask("generateText", "GenerateTextInput", "task { id }", input).await;
        let task = house.ended(&payload["task"]["id"]).await;
        assert_eq!((&task["status"], &task["creditsUsed"]), (&json!("SUCCESS"), &json!(credits)), "{task}");
        assert_eq!(house.server.balance(&house.owner).await, (before - credits, 0));
        (spent, costs) = (spent + credits, costs + nanousd);
        assert_eq!(house.server.number(cost).await, costs);
    }
    assert_eq!(spent, 38);
    let draw = async |key: &str, count: i64| house.draw(key, json!({"prompt": "a barn", "count": count})).await;
    if start == 100 {
        for (key, count) in [("b1-image-1", 8), ("b1-image-2", 1)] {
            let payload = draw(key, count).await;
            assert_eq!(house.ended(&payload["task"]["id"]).await["creditsUsed"], 5 * count);
        }
        assert_eq!(house.server.balance(&house.owner).await, (17, 0));
    } else {
        assert_eq!(house.server.balance(&house.owner).await, (22, 0));
        let payload = draw("b1-image-1", 4).await;
        assert_eq!(house.ended(&payload["task"]["id"]).await["creditsUsed"], 20);
        let calls = house.server.script.billing().len();
        let short = draw("b1-image-2", 1).await;
        let figures = json!({"required": 5, "available": 2, "short": 3});
        assert_eq!(short["userErrors"][0]["insufficientCredits"], figures, "{short}");
        assert_eq!(house.server.script.billing().len(), calls, "no provider was called");
        house.server.give(&hero, &house.owner, 23).await;
        let payload = draw("b1-image-3", 5).await;
        assert_eq!(house.ended(&payload["task"]["id"]).await["creditsUsed"], 25);
        assert_eq!(house.server.balance(&house.owner).await, (0, 0));
    }
    assert_eq!(house.server.number(cost).await, 372_240_000);
    let worth = "SELECT CAST(SUM(u.credit_value_nanousd) AS bigint) FROM credit_usage u";
    assert_eq!(house.server.number(worth).await, 830_000_000);
    assert_eq!(house.server.number("SELECT CAST(SUM(credits) AS bigint) FROM credit_usage").await, 83);
    assert_eq!(house.server.number("SELECT COUNT(*) FROM credit_usage").await, 20);
    house.server.check_ledger().await;
    house.server.check_records().await;
}

// A version of which nothing is in the prompt was not used, and its split is not charged for it.
#[rstest]
#[tokio::test]
async fn only_what_is_in_the_prompt_counts_as_used(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let house = House::open(engine).await;
    house.rewrite("EVENT_TYPE", "BBQ", "smoke, salad").await;
    house.rewrite("SYSTEM_DEFAULT", "base_prompt", "SALAD").await;
    let task = house.drawn("only-what-is-in-1", json!({"event": {"eventType": "bbq", "text": "hi"}})).await;
    assert_eq!(task["prompt"], "smoke, salad, text to render: \"hi\"", "{task}");
    assert_eq!(house.server.number("SELECT COUNT(*) FROM prompt_use").await, 1);
}
