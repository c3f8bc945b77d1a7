//! Models and prices as an administrator's data, through the API.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

const MODEL: &str = "id name version isActive defaultOf functions aspectRatios { ratio width height } qualities \
                     takesSeed promptLengthLimit ratePerMinute concurrency priority creditsPerImage tokensPerCredit \
                     creditPrice priceVersion";
const ERRORS: &str = "userErrors { code message path versionConflict { expected current } }";

struct Desk {
    server: Server,
    hero: Person,
}

impl Desk {
    async fn open(engine: Engine) -> Self {
        let server = Server::open(engine).await;
        let hero = server.hero().await;
        Self { server, hero }
    }

    async fn act(&self, name: &str, fields: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let query = format!("mutation($i: {kind}!) {{ {name}(input: $i) {{ {fields} {ERRORS} }} }}");
        self.server.payload(&self.hero, &query, json!({"i": input})).await
    }

    async fn refused(&self, name: &str, input: Value) -> String {
        let payload = self.act(name, "", input).await;
        payload["userErrors"][0]["code"].as_str().unwrap_or("OK").to_owned()
    }

    async fn models(&self) -> Vec<Value> {
        let query = format!(
            "{{ aiModels(includeInactive: true) {{ {MODEL} prices {{ number inputPricePerThousand \
                             outputPricePerThousand costPerImage creditsPerImage creditPrice }} }} }}"
        );
        self.server.payload(&self.hero, &query, json!({})).await.as_array().unwrap().clone()
    }

    async fn model(&self, name: &str) -> Value {
        self.models().await.into_iter().find(|model| model["name"] == name).unwrap()
    }

    async fn audited(&self, action: &str) -> i64 {
        self.server.number(&format!("SELECT COUNT(*) FROM audit_entry WHERE action = '{action}'")).await
    }
}

fn image_model(name: &str) -> Value {
    json!({
        "name": name, "provider": "sandbox", "providerModel": "sandbox-other", "kind": "IMAGE",
        "functions": ["GENERATE_IMAGES"], "promptLengthLimit": 500,
        "aspectRatios": [{"ratio": "1:1", "width": 256, "height": 256}, {"ratio": "16:9", "width": 512, "height": 288}],
        "qualities": [{"quality": "STANDARD"}, {"quality": "HIGH"}],
        "isActive": true, "price": {"image": {"costPerImage": "0.04", "creditsPerImage": 5}}
    })
}

// REQ-A-31
#[rstest]
#[tokio::test]
async fn a_model_is_entered_edited_and_audited(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::open(engine).await;
    let made = desk.act("createAiModel", &format!("model {{ {MODEL} }}"), image_model("Draws")).await;
    assert_eq!(made["userErrors"], json!([]), "{made}");
    let model = &made["model"];
    assert_eq!(
        model["aspectRatios"],
        json!([
            {"ratio": "1:1", "width": 256, "height": 256}, {"ratio": "16:9", "width": 512, "height": 288}
        ])
    );
    assert_eq!((&model["qualities"], &model["version"]), (&json!(["STANDARD", "HIGH"]), &json!(1)));
    assert_eq!((&model["takesSeed"], &model["creditsPerImage"]), (&json!(false), &json!(5)));
    let id = &model["id"];
    let edit = json!({"modelId": id, "expectedVersion": 1, "ratePerMinute": 60, "concurrency": 2, "takesSeed": true});
    let edited = desk.act("updateAiModel", &format!("model {{ {MODEL} }}"), edit.clone()).await;
    let now = &edited["model"];
    assert_eq!((&now["ratePerMinute"], &now["concurrency"], &now["version"]), (&json!(60), &json!(2), &json!(2)));
    assert_eq!(now["aspectRatios"], model["aspectRatios"]);
    // Omitted stays, null lifts.
    let lifted = desk
        .act(
            "updateAiModel",
            &format!("model {{ {MODEL} }}"),
            json!({
                "modelId": id, "expectedVersion": 2, "ratePerMinute": null
            }),
        )
        .await;
    assert_eq!((&lifted["model"]["ratePerMinute"], &lifted["model"]["concurrency"]), (&Value::Null, &json!(2)));
    let stale = desk.act("updateAiModel", "", edit).await;
    assert_eq!(stale["userErrors"][0]["code"], "VERSION_CONFLICT");
    assert_eq!(stale["userErrors"][0]["versionConflict"], json!({"expected": 1, "current": 3}));
    assert_eq!((desk.audited("ai_model.create").await, desk.audited("ai_model.update").await), (1, 2));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_leaves_nothing() {
    let desk = Desk::open(Engine::Sqlite).await;
    let before = desk.models().await;
    let with = |change: Value| {
        let mut input = image_model("Draws");
        for (name, value) in change.as_object().unwrap() {
            input[name] = value.clone();
        }
        input
    };
    let text = json!({"text": {"inputPrice": "1", "outputPrice": "1", "unit": "PER_MILLION", "tokensPerCredit": 1}});
    for (change, code) in [
        (json!({"name": " "}), "NAME_INVALID"),
        (json!({"name": "x".repeat(101)}), "NAME_INVALID"),
        (json!({"name": "Draws\u{202e}"}), "NAME_INVALID"),
        (json!({"name": "Dr\u{200b}aws"}), "NAME_INVALID"),
        (json!({"providerModel": "sandbox\u{2066}-other"}), "NAME_INVALID"),
        (json!({"name": "Sandbox Image"}), "NAME_TAKEN"),
        (json!({"provider": "nobody"}), "ADAPTER_MISSING"),
        (json!({"promptLengthLimit": 0}), "LIMIT_OUT_OF_RANGE"),
        (json!({"outputTokenLimit": 5}), "LIMIT_OUT_OF_RANGE"),
        (json!({"functions": ["GENERATE_TEXT"]}), "CAPABILITY_INVALID"),
        (json!({"aspectRatios": []}), "CAPABILITY_INVALID"),
        (json!({"aspectRatios": [{"ratio": "1:1", "width": 0, "height": 5}]}), "CAPABILITY_INVALID"),
        (json!({"aspectRatios": [{"ratio": "2:7", "width": 5, "height": 5}]}), "UNSUPPORTED_ASPECT_RATIO"),
        (json!({"aspectRatios": [{"ratio": "1:1", "width": 64, "height": 640}]}), "CAPABILITY_INVALID"),
        (
            json!({"aspectRatios": [
                {"ratio": "1:1", "width": 64, "height": 64}, {"ratio": "1:1", "width": 128, "height": 128}
            ]}),
            "CAPABILITY_INVALID",
        ),
        (json!({"functions": ["GENERATE_IMAGES", "GENERATE_IMAGES"]}), "CAPABILITY_INVALID"),
        (json!({"qualities": [{"quality": "HIGH"}, {"quality": "HIGH"}]}), "CAPABILITY_INVALID"),
        (json!({"qualities": []}), "CAPABILITY_INVALID"),
        (json!({"priority": 1001}), "CAPABILITY_INVALID"),
        (json!({"ratePerMinute": 0}), "CAPABILITY_INVALID"),
        (json!({"settings": {"temperature": 1}}), "SETTING_UNKNOWN"),
        (json!({"qualities": [{"quality": "HIGH", "settings": {"steps": 9}}]}), "SETTING_UNKNOWN"),
        (json!({"settings": [1]}), "SETTING_INVALID"),
        (json!({"price": text}), "PRICE_KIND_MISMATCH"),
        (json!({"price": {"image": {"costPerImage": "0.0000000001", "creditsPerImage": 1}}}), "PRICE_TOO_FINE"),
        (json!({"price": {"image": {"costPerImage": "-1", "creditsPerImage": 1}}}), "PRICE_INVALID"),
        (json!({"price": {"image": {"creditsPerImage": 0}}}), "PRICE_INVALID"),
    ] {
        assert_eq!(desk.refused("createAiModel", with(change.clone())).await, code, "{change}");
    }
    // Each names its field, and a limit that is passed.
    for (change, field) in [
        (json!({"functions": ["GENERATE_TEXT"]}), "functions"),
        (json!({"aspectRatios": [{"ratio": "1:1", "width": 64, "height": 640}]}), "aspectRatios"),
        (json!({"qualities": []}), "qualities"),
        (json!({"upscaleFactors": [2]}), "upscaleFactors"),
        (json!({"concurrency": 0}), "concurrency"),
    ] {
        let refused = desk.act("createAiModel", "", with(change.clone())).await;
        assert_eq!(refused["userErrors"][0]["path"], json!(["input", field]), "{change} {refused}");
    }
    let dear = json!({"price": {"image": {"costPerImage": "9223372036.854775808", "creditsPerImage": 1}}});
    let refused = desk.act("createAiModel", "", with(dear)).await;
    assert!(refused["userErrors"][0]["message"].as_str().unwrap().contains("9223372036.854775807"), "{refused}");
    for (price, said) in [("0", "at least 0.000000001"), ("1000.01", "the most is 1000 US dollars"), ("x", "no amount")]
    {
        let refused = desk.act("setCreditPrice", "", json!({"creditPrice": price})).await;
        let error = &refused["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!("PRICE_INVALID"), &json!(["input", "creditPrice"])));
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
    }
    assert_eq!(desk.models().await, before);
    assert_eq!(desk.audited("ai_model.create").await, 0);
}

// REQ-B-2, REQ-B-4, REQ-B-7
#[rstest]
#[tokio::test]
async fn a_price_is_a_new_version_converted_exactly(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::open(engine).await;
    let model = desk.model("Sandbox Text").await;
    let price = |input: &str, unit: &str| {
        let text = json!({"inputPrice": input, "outputPrice": "0.60", "unit": unit, "tokensPerCredit": 1000});
        json!({"modelId": model["id"], "price": {"text": text}})
    };
    assert_eq!(desk.refused("addPriceVersion", price("0.15", "PER_MILLION")).await, "OK");
    // The same again is no new price.
    assert_eq!(desk.refused("addPriceVersion", price("0.150", "PER_MILLION")).await, "OK");
    assert_eq!(desk.refused("addPriceVersion", price("0.0000015", "PER_MILLION")).await, "PRICE_TOO_FINE");
    assert_eq!(desk.refused("addPriceVersion", price("0.0000000001", "PER_THOUSAND")).await, "PRICE_TOO_FINE");
    assert_eq!(desk.refused("addPriceVersion", price("cheap", "PER_THOUSAND")).await, "PRICE_INVALID");
    let image = json!({"modelId": model["id"], "price": {"image": {"creditsPerImage": 1}}});
    assert_eq!(desk.refused("addPriceVersion", image).await, "PRICE_KIND_MISMATCH");
    let prices = desk.model("Sandbox Text").await["prices"].clone();
    assert_eq!(prices[0]["number"], 2);
    assert_eq!(prices[0]["inputPricePerThousand"], "0.00015");
    assert_eq!((&prices[1]["number"], &prices[1]["inputPricePerThousand"]), (&json!(1), &json!("0.00")));
    assert_eq!(desk.audited("price_version.add").await, 1);
    let author = "SELECT COUNT(*) FROM price_version WHERE number = 2 AND author_id IS NOT NULL";
    assert_eq!(desk.server.number(author).await, 1);
}

// REQ-B-6: a new credit price is a new version of every model, in one transaction.
#[rstest]
#[tokio::test]
async fn a_credit_price_makes_a_version_of_every_model_or_of_none(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::open(engine).await;
    let count = i64::try_from(desk.models().await.len()).unwrap();
    // One model refuses its second version: nobody gets one.
    let (plant, mend) = match engine {
        Engine::Sqlite => (
            "CREATE TRIGGER planted BEFORE INSERT ON price_version WHEN NEW.number = 2 AND NEW.kind = 'TEXT' \
             BEGIN SELECT RAISE(ABORT, 'planted'); END",
            "DROP TRIGGER planted",
        ),
        Engine::Postgres => (
            "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''planted''; END'; \
             CREATE TRIGGER planted BEFORE INSERT ON price_version FOR EACH ROW \
             WHEN (NEW.number = 2 AND NEW.kind = 'TEXT') EXECUTE FUNCTION planted()",
            "DROP TRIGGER planted ON price_version",
        ),
    };
    desk.server.execute(plant).await;
    let query = "mutation { setCreditPrice(input: {creditPrice: \"0.02\"}) { modelsChanged } }";
    let answer = desk.server.call(Some(&desk.hero.token), query, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
    assert_eq!(desk.server.number("SELECT COUNT(*) FROM price_version").await, count);
    desk.server.execute(mend).await;
    let done = desk.act("setCreditPrice", "creditPrice modelsChanged", json!({"creditPrice": "0.02"})).await;
    assert_eq!((&done["creditPrice"], &done["modelsChanged"]), (&json!("0.02"), &json!(count)));
    assert_eq!(desk.server.number("SELECT COUNT(*) FROM price_version").await, 2 * count);
    assert!(desk.models().await.iter().all(|model| model["creditPrice"] == "0.02" && model["priceVersion"] == 2));
    let again = desk.act("setCreditPrice", "modelsChanged", json!({"creditPrice": "0.02"})).await;
    assert_eq!(again["modelsChanged"], 0);
    assert_eq!(desk.refused("setCreditPrice", json!({"creditPrice": "0.0000000001"})).await, "PRICE_TOO_FINE");
    assert_eq!(desk.audited("credit_price.set").await, 1);
    // A model entered later costs what a credit costs then.
    let made = desk.act("createAiModel", "model { creditPrice }", image_model("Later")).await;
    assert_eq!(made["model"]["creditPrice"], "0.02");
}

// REQ-A-32
#[rstest]
#[tokio::test]
async fn one_default_per_function_that_is_active_and_stays(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::open(engine).await;
    let made = desk.act("createAiModel", "model { id }", image_model("Draws")).await;
    let (other, shipped) = (made["model"]["id"].clone(), desk.model("Sandbox Image").await);
    let choose = |model: &Value, function: &str| json!({"modelId": model, "function": function});
    assert_eq!(desk.refused("setDefaultAiModel", choose(&other, "GENERATE_TEXT")).await, "MODEL_KIND_MISMATCH");
    assert_eq!(desk.refused("setDefaultAiModel", choose(&other, "UPSCALE_IMAGE")).await, "UNSUPPORTED_FUNCTION");
    let off = desk.model("GPT Image 1").await;
    assert_eq!(desk.refused("setDefaultAiModel", choose(&off["id"], "GENERATE_IMAGES")).await, "MODEL_INACTIVE");
    assert_eq!(desk.refused("setDefaultAiModel", choose(&other, "GENERATE_IMAGES")).await, "OK");
    assert_eq!(desk.model("Draws").await["defaultOf"], json!(["GENERATE_IMAGES"]));
    assert_eq!(desk.model("Sandbox Image").await["defaultOf"], json!(["UPSCALE_IMAGE"]));
    let rows = "SELECT COUNT(*) FROM ai_model_default WHERE ai_function = 'GENERATE_IMAGES'";
    assert_eq!(desk.server.number(rows).await, 1);
    // The next quote uses it: five credits an image.
    let user = desk.server.sign_up("painter").await;
    desk.server.give(&desk.hero, &user, 10).await;
    let input = json!({"prompt": "a fox", "count": 1, "idempotencyKey": "key-default"});
    let draw = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { model { name } } } }";
    let drawn = desk.server.payload(&user, draw, json!({"i": input})).await;
    assert_eq!(drawn["task"]["model"]["name"], "Draws");
    for (change, code) in [
        (json!({"isActive": false}), "MODEL_IS_DEFAULT"),
        (json!({"functions": []}), "MODEL_IS_DEFAULT"),
        (json!({"priority": 3}), "OK"),
    ] {
        let mut input = json!({"modelId": other, "expectedVersion": 1});
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(desk.refused("updateAiModel", input).await, code, "{change}");
    }
    // The database itself keeps a default from being deleted.
    let delete = "DELETE FROM ai_model WHERE name = 'Draws'";
    let connection = desk.server.db.migration_connection();
    assert!(sea_orm::ConnectionTrait::execute_unprepared(connection, delete).await.is_err());
    // Of choosing and switching off at once, exactly one is done.
    let shipped = shipped["id"].clone();
    desk.refused("setDefaultAiModel", choose(&shipped, "GENERATE_IMAGES")).await;
    let version = desk.model("Draws").await["version"].clone();
    let switch = json!({"modelId": other, "expectedVersion": version, "isActive": false});
    let (chosen, switched) = tokio::join!(
        desk.refused("setDefaultAiModel", choose(&other, "GENERATE_IMAGES")),
        desk.refused("updateAiModel", switch)
    );
    assert!((chosen == "OK") != (switched == "OK"), "{chosen} {switched}");
    let broken =
        "SELECT COUNT(*) FROM ai_model_default d JOIN ai_model m ON m.id = d.ai_model_id WHERE m.is_active = FALSE";
    assert_eq!(desk.server.number(broken).await, 0);
}

// REQ-A-31: an upgrade adds what is missing, and leaves what somebody edited.
#[rstest]
#[tokio::test]
async fn an_upgrade_adds_shipped_models_and_overwrites_no_edit(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    let desk = Desk { server, hero };
    let edited = desk.model("SDXL").await;
    let edit = json!({"modelId": edited["id"], "expectedVersion": 1, "name": "My SDXL", "promptLengthLimit": 77});
    assert_eq!(desk.refused("updateAiModel", edit).await, "OK");
    let all = desk.models().await;
    assert!(all.iter().all(|model| model["isActive"] == json!(model["name"].as_str().unwrap().starts_with("Sandbox"))));
    desk.server
        .execute(
            "DELETE FROM price_version WHERE ai_model_id IN (SELECT id FROM ai_model WHERE shipped = 'fal/fal-ai/ideogram/v3')",
        )
        .await;
    desk.server.execute("DELETE FROM ai_model WHERE shipped = 'fal/fal-ai/ideogram/v3'").await;
    desk.server
        .execute("UPDATE ai_model SET aspect_ratios = '{\"1:1\":[9,9]}' WHERE name IN ('My SDXL', 'Qwen-Image')")
        .await;
    let name = desk.hero.name.clone();
    desk.server.stop().await;
    let server = home.start().await;
    let hero = server.sign_in(&name).await;
    let desk = Desk { server, hero };
    let now = desk.models().await;
    assert_eq!(now.len(), all.len());
    let mine = desk.model("My SDXL").await;
    assert_eq!((&mine["promptLengthLimit"], &mine["aspectRatios"][0]["width"]), (&json!(77), &json!(9)));
    assert_ne!(desk.model("Qwen-Image").await["aspectRatios"][0]["width"], 9);
    assert_eq!(desk.model("Ideogram 3 (fal)").await["isActive"], false);
}

// An upgrade brings a model that was made for a function: it takes over where nobody has chosen, and nowhere else.
#[rstest]
#[tokio::test]
async fn an_added_model_takes_over_defaults_that_nobody_chose(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    let mut desk = Desk { server, hero };
    assert_eq!(desk.model("Sandbox Article").await["defaultOf"], json!(["GENERATE_CONTENT", "OPTIMIZE_CONTENT"]));
    // As a database is that was installed before there was such a model, and whose administrator chose once.
    let old = desk.model("Sandbox Text").await;
    let choice = json!({"modelId": old["id"], "function": "OPTIMIZE_CONTENT"});
    assert_eq!(desk.refused("setDefaultAiModel", choice).await, "OK");
    for sql in [
        "UPDATE ai_model_default SET ai_model_id = (SELECT id FROM ai_model WHERE name = 'Sandbox Text'), \
         updated_at = (SELECT created_at FROM ai_model WHERE name = 'Sandbox Text') WHERE ai_function = 'GENERATE_CONTENT'",
        "DELETE FROM price_version WHERE ai_model_id IN (SELECT id FROM ai_model WHERE name = 'Sandbox Article')",
        "DELETE FROM ai_model WHERE name = 'Sandbox Article'",
    ] {
        desk.server.execute(sql).await;
    }
    let name = desk.hero.name.clone();
    for _ in 0..2 {
        desk.server.stop().await;
        let server = home.start().await;
        let hero = server.sign_in(&name).await;
        desk = Desk { server, hero };
        assert_eq!(desk.model("Sandbox Article").await["defaultOf"], json!(["GENERATE_CONTENT"]));
    }
    // What an administrator takes back from it stays so.
    let choice = json!({"modelId": old["id"], "function": "GENERATE_CONTENT"});
    assert_eq!(desk.refused("setDefaultAiModel", choice).await, "OK");
    desk.server.stop().await;
    let server = home.start().await;
    let hero = server.sign_in(&name).await;
    let desk = Desk { server, hero };
    assert_eq!(desk.model("Sandbox Article").await["defaultOf"], json!([]));
}

#[tokio::test]
async fn a_user_sees_usable_models_and_no_settings() {
    let desk = Desk::open(Engine::Sqlite).await;
    let user = desk.server.sign_up("reader").await;
    let query = "{ aiModels { name settings qualitySettings { quality } prices { number } aspectRatios { ratio } } }";
    let seen = desk.server.payload(&user, query, json!({})).await;
    let names: Vec<_> = seen.as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Sandbox Article", "Sandbox Image", "Sandbox Text"]);
    let image = &seen[1];
    assert_eq!(
        (&image["settings"], &image["prices"], &image["qualitySettings"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(image["aspectRatios"].as_array().unwrap().len(), 13);
    let answer = desk.server.call(Some(&user.token), "{ aiModels(includeInactive: true) { name } }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

// REQ-A-31, pipeline 7.2: each lack is refused by its own code before any hold, naming those that can.
#[tokio::test]
async fn what_a_model_lacks_is_refused_naming_those_that_have_it() {
    let desk = Desk::open(Engine::Sqlite).await;
    let made = desk.act("createAiModel", "model { id }", image_model("Draws")).await;
    let user = desk.server.sign_up("painter").await;
    desk.server.give(&desk.hero, &user, 50).await;
    let query = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } \
                 userErrors { code path message modelMismatch { models length maximum } } } }";
    for (change, code, field, models) in [
        (json!({"aspectRatio": "4:5"}), "UNSUPPORTED_ASPECT_RATIO", "aspectRatio", json!(["Sandbox Image"])),
        (json!({"quality": "ULTRA"}), "UNSUPPORTED_QUALITY", "quality", json!(["Sandbox Image"])),
        (json!({"seed": 7}), "UNSUPPORTED_SEED", "seed", json!(["Sandbox Image"])),
        (json!({"prompt": "é".repeat(501)}), "PROMPT_TOO_LONG", "prompt", json!(["Sandbox Image"])),
        (json!({"prompt": "x".repeat(1001)}), "PROMPT_TOO_LONG", "prompt", json!([])),
    ] {
        let mut input = json!({"prompt": "a fox", "idempotencyKey": "key-lacks", "modelId": made["model"]["id"]});
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let payload = desk.server.payload(&user, query, json!({"i": input})).await;
        let error = &payload["userErrors"][0];
        assert_eq!((error["code"].as_str(), &error["path"]), (Some(code), &json!(["input", field])), "{payload}");
        assert_eq!(error["modelMismatch"]["models"], models, "{error}");
        if code == "PROMPT_TOO_LONG" {
            assert_eq!(error["modelMismatch"]["maximum"], 500);
        }
    }
    assert_eq!(desk.server.balance(&user).await, (50, 0));
    assert_eq!(desk.server.number("SELECT COUNT(*) FROM ai_task").await, 0);
}
