//! Refusals point at the field that was given, and say what may be written.

use std::time::Duration;

use inkledger::{ai::provider::sandbox::Step, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{builders::Person, server::Server};

struct House {
    server: Server,
    owner: Person,
}

impl House {
    async fn open(engine: Engine) -> Self {
        let server = Server::open(engine).await;
        let hero = server.hero().await;
        let owner = server.sign_up("owner").await;
        server.give(&hero, &owner, 100).await;
        Self { server, owner }
    }

    async fn ask(&self, field: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let query = format!(
            "mutation($i: {kind}!) {{ {field}(input: $i) {{ task {{ id }} userErrors {{ code message path \
             modelMismatch {{ length maximum }} }} }} }}"
        );
        self.server.payload(&self.owner, &query, json!({"i": input})).await
    }

    async fn quote(&self, input: Value) -> Value {
        let query = "query($i: QuoteAiTaskInput!) { quoteAiTask(input: $i) { userErrors { code message path } } }";
        self.server.payload(&self.owner, query, json!({"i": input})).await
    }

    async fn drawn(&self) -> String {
        let task = self.server.drawing(&self.owner, 1, "refusal-draw").await;
        let task = self.server.ended(&self.owner, &task).await;
        task["items"][0]["image"]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_refusal_points_at_the_field_that_was_given() {
    let house = House::open(Engine::Sqlite).await;
    let foreign = house.drawn().await;
    let many = json!(vec!["a tale"; 51]);
    for (field, mut input, code, path) in [
        ("upscaleImage", json!({"imageIds": []}), "COUNT_OUT_OF_RANGE", "imageIds"),
        ("generateText", json!({"prompts": many}), "COUNT_OUT_OF_RANGE", "prompts"),
        ("generateText", json!({"prompts": []}), "COUNT_OUT_OF_RANGE", "prompts"),
        ("generateText", json!({"prompts": ["a tale", " "]}), "PROMPT_EMPTY", "prompts"),
        ("generateText", json!({"prompts": [" "]}), "PROMPT_EMPTY", "prompts"),
        ("generateText", json!({"prompt": "\u{202e}\u{200b}"}), "PROMPT_EMPTY", "prompt"),
        ("generateImages", json!({"prompt": "\u{200b}"}), "PROMPT_EMPTY", "prompt"),
        ("generateImages", json!({"prompt": "a fox", "count": 9}), "COUNT_OUT_OF_RANGE", "count"),
    ] {
        input["idempotencyKey"] = json!("refusal-path");
        let refused = house.ask(field, input.clone()).await;
        let error = &refused["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!(code), &json!(["input", path])), "{input} {error}");
    }
    // Somebody else's image, by one id and by a list, in the command and in the quote.
    let other = house.server.sign_up("other").await;
    let house = House { owner: other, ..house };
    for (input, path) in [(json!({"imageId": foreign}), "imageId"), (json!({"imageIds": [foreign]}), "imageIds")] {
        let mut command = input.clone();
        command["idempotencyKey"] = json!("refusal-image");
        let refused = house.ask("upscaleImage", command).await;
        assert_eq!(refused["userErrors"][0]["path"], json!(["input", path]), "{refused}");
        let mut quote = input;
        quote["function"] = json!("UPSCALE_IMAGE");
        let refused = house.quote(quote).await;
        assert_eq!(refused["userErrors"][0]["path"], json!(["input", path]), "{refused}");
    }
}

#[tokio::test]
async fn a_text_that_is_too_long_is_told_what_its_writer_may_write() {
    let house = House::open(Engine::Sqlite).await;
    let write = async |length: i64| {
        let prompt = "x".repeat(usize::try_from(length).unwrap());
        let payload = house.ask("generateText", json!({"prompt": prompt, "idempotencyKey": format!("long-{length}")}));
        payload.await
    };
    let refused = write(200_000).await;
    let error = &refused["userErrors"][0];
    assert_eq!((&error["code"], &error["path"]), (&json!("PROMPT_TOO_LONG"), &json!(["input", "prompt"])), "{error}");
    assert_eq!(error["modelMismatch"]["length"], 200_000, "ours is not counted: {error}");
    let maximum = error["modelMismatch"]["maximum"].as_i64().unwrap();
    assert_eq!(write(maximum + 1).await["userErrors"][0]["code"], "PROMPT_TOO_LONG");
    assert_eq!(write(maximum).await["userErrors"], json!([]), "as many as it says");
}

// Of commands that enlarge one image at once, one is accepted.
#[rstest]
#[tokio::test]
async fn an_image_is_enlarged_by_one_task_at_a_time(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let house = House::open(engine).await;
    let image = house.drawn().await;
    let balance = house.server.balance(&house.owner).await;
    house.server.script.push(Step::Delay(Duration::from_millis(1500)));
    let ask = |no: u32| {
        let input = json!({"imageId": image, "idempotencyKey": format!("parallel-{no:03}")});
        house.ask("upscaleImage", input)
    };
    let answers = futures_util::future::join_all((0..10).map(ask)).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer["task"].is_object());
    assert_eq!(accepted.len(), 1, "{answers:?}");
    for answer in refused {
        let error = &answer["userErrors"][0];
        assert_eq!(error["code"], "UPSCALE_UNDER_WAY", "{error}");
        assert_eq!(error["path"], json!(["input", "imageId"]));
    }
    assert_eq!(house.server.number("SELECT COUNT(*) FROM ai_task WHERE ai_function = 'UPSCALE_IMAGE'").await, 1);
    let quote = house.quote(json!({"function": "UPSCALE_IMAGE", "imageIds": [image]})).await;
    assert_eq!(quote["userErrors"][0]["code"], "UPSCALE_UNDER_WAY", "{quote}");
    let task = accepted[0]["task"]["id"].as_str().unwrap();
    // Cancelled, it no longer stands in the way.
    let query = "mutation($i: CancelAiTaskInput!) { cancelAiTask(input: $i) { userErrors { code } } }";
    house.server.payload(&house.owner, query, json!({"i": {"taskId": task}})).await;
    house.server.ended(&house.owner, task).await;
    if house.server.balance(&house.owner).await == balance {
        let again = ask(11).await;
        assert_eq!(again["userErrors"], json!([]), "{again}");
        house.server.ended(&house.owner, again["task"]["id"].as_str().unwrap()).await;
    }
    assert_eq!(ask(12).await["userErrors"][0]["code"], "ALREADY_UPSCALED");
    house.server.check_ledger().await;
    house.server.check_records().await;
}

// A full disk is an outage to be tried again after, and no fault of ours.
#[rstest]
#[tokio::test]
async fn a_full_disk_is_told_as_an_outage(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let house = House::open(engine).await;
    let plant = match engine {
        Engine::Sqlite => "PRAGMA max_page_count = 1",
        Engine::Postgres => {
            "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE EXCEPTION ''no room'' USING ERRCODE = ''53100''; END'; \
             CREATE TRIGGER planted BEFORE INSERT ON ai_task FOR EACH ROW EXECUTE FUNCTION planted()"
        }
    };
    house.server.execute(plant).await;
    let query = "mutation($i: GenerateTextInput!) { generateText(input: $i) { task { id } userErrors { code } } }";
    let mut answer = Value::Null;
    // SQLite fills the pages that it has first.
    for no in 0..60 {
        let input = json!({"prompt": "x".repeat(900), "idempotencyKey": format!("full-{no:04}")});
        answer = house.server.call(Some(&house.owner.token), query, json!({"i": input})).await;
        if answer["errors"].is_array() {
            break;
        }
    }
    let error = &answer["errors"][0];
    assert_eq!(error["extensions"]["code"], "DEPENDENCY_UNAVAILABLE", "{answer}");
    assert_eq!(error["extensions"]["which"], "database", "{answer}");
    assert!(error["message"].as_str().unwrap().contains("Try again"), "{answer}");
}
