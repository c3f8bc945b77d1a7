//! What administrators set for providers: settings judged by the adapter, keys that go in and never come out.

use std::sync::Arc;

use inkledger::{
    ai::{
        provider::{
            Access, Call, ImageProvider, ImageRequest, ImageResult, ProviderFuture, SettingKind, SettingSpec,
            TextDeltas, TextProvider, TextRequest, TextResult,
            sandbox::{Sandbox, SandboxScript},
        },
        routing::Providers,
    },
    db::Engine,
};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    dump::dump,
    server::{Home, Server},
};

/// Never to be seen in an answer, a row, a file or a log line.
const KEY: &str = "sk-canary-kJ83hd72";
const CONFIGURED: &str = "sk-canary-configured";

/// An adapter that writes down as whom it was called, with which settings.
#[derive(Clone, Default)]
pub struct Recorder(pub Arc<std::sync::Mutex<Vec<Value>>>, Sandbox);

impl Recorder {
    fn note(&self, call: &Call, settings: &inkledger::ai::provider::Settings) {
        let Access { base_url, key } = &call.access;
        let key = key.as_ref().map(|key| key.expose_secret().to_owned());
        self.0.lock().unwrap().push(json!({"baseUrl": base_url, "key": key, "settings": settings}));
    }

    fn last(&self) -> Value {
        self.0.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

const TEXT: &[SettingSpec] = &[SettingSpec {
    name: "temperature",
    kind: SettingKind::Number { min: 0.0, max: 2.0 },
    help: "How much the wording varies",
}];

const IMAGE: &[SettingSpec] = &[
    SettingSpec { name: "steps", kind: SettingKind::Whole { min: 1, max: 50 }, help: "Steps" },
    // The shipped model asks for it: its price is that of this quality.
    SettingSpec { name: "quality", kind: SettingKind::Choice(&["medium"]), help: "Quality" },
    SettingSpec { name: "style", kind: SettingKind::Choice(&["vivid", "natural"]), help: "Style" },
];

impl TextProvider for Recorder {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn text_settings(&self) -> &'static [SettingSpec] {
        TEXT
    }

    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        self.note(call, &request.settings);
        self.1.generate_text(request, call, deltas)
    }
}

impl ImageProvider for Recorder {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn image_settings(&self) -> &'static [SettingSpec] {
        IMAGE
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        self.note(call, &request.settings);
        self.1.generate_image(request, call)
    }
}

struct Desk {
    server: Server,
    hero: Person,
    recorder: Recorder,
}

const PROVIDER: &str = "name isEnabled isSetUp problem baseUrl effectiveBaseUrl settings keySource keyFingerprint \
                        keySetAt version lastFault { code }";

impl Desk {
    async fn open(engine: Engine) -> (Arc<Home>, Self) {
        let home = Home::open(engine).await;
        let recorder = Recorder::default();
        let server = Self::server(&home, &recorder, None).await;
        let hero = server.hero().await;
        (home, Self { server, hero, recorder })
    }

    async fn server(home: &Arc<Home>, recorder: &Recorder, configured: Option<&'static str>) -> Server {
        let (recorder, script) = (recorder.clone(), SandboxScript::new());
        home.start_with(|_, seams| {
            let access = Access { base_url: None, key: configured.map(Into::into) };
            let providers = Providers::new().with(Sandbox::new(script)).with(recorder).with_access("openai", access);
            seams.providers = Some(providers);
        })
        .await
    }

    async fn update(&self, change: Value) -> Value {
        let version = self.provider().await["version"].clone();
        let mut input = json!({"provider": "openai", "expectedVersion": version});
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let query = format!(
            "mutation($i: UpdateProviderSettingsInput!) {{ updateProviderSettings(input: $i) {{ provider {{ {PROVIDER} }} \
             userErrors {{ code message path }} }} }}"
        );
        self.server.payload(&self.hero, &query, json!({"i": input})).await
    }

    async fn provider(&self) -> Value {
        let query = format!("{{ providerSettings {{ {PROVIDER} knownSettings {{ name kind expected }} }} }}");
        let all = self.server.payload(&self.hero, &query, json!({})).await;
        all.as_array().unwrap().iter().find(|one| one["name"] == "openai").unwrap().clone()
    }

    async fn active(&self) -> Vec<String> {
        let all = self.server.payload(&self.hero, "{ aiModels { name } }", json!({})).await;
        all.as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap().to_owned()).collect()
    }
}

// REQ-A-32, T22
#[rstest]
#[tokio::test]
async fn a_key_goes_in_encrypted_and_never_comes_out(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (home, desk) = Desk::open(engine).await;
    assert_eq!(desk.active().await, ["Sandbox Article", "Sandbox Image", "Sandbox Text"]);
    let before = desk.provider().await;
    assert_eq!(
        (&before["isSetUp"], &before["keySource"], &before["version"]),
        (&json!(false), &json!("NONE"), &json!(0))
    );
    assert_eq!(before["problem"], "it has no key");
    let done = desk.update(json!({"key": KEY})).await;
    assert_eq!(done["userErrors"], json!([]), "{done}");
    let provider = &done["provider"];
    assert_eq!((&provider["isSetUp"], &provider["keySource"]), (&json!(true), &json!("STORED")));
    assert_eq!(provider["keyFingerprint"].as_str().unwrap().len(), 16);
    assert!(provider["keySetAt"].is_string());
    // The shipped models of it are switched on with it.
    assert_eq!(desk.active().await, ["GPT Image 1", "GPT-4o mini", "Sandbox Article", "Sandbox Image", "Sandbox Text"]);
    let hidden = [KEY.to_owned(), hex::encode(KEY), hex::encode_upper(KEY)];
    let mut seen = dump(&desk.server).await;
    seen.push_str(&desk.provider().await.to_string());
    seen.push_str(&done.to_string());
    for text in &hidden {
        assert!(!seen.contains(text.as_str()));
    }
    assert!(seen.contains("provider.update"));
    // Nor does it stand in any file of the installation.
    for entry in std::fs::read_dir(home.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "{}", path.display());
        }
    }
    let cleared = desk.update(json!({"key": null})).await;
    assert_eq!(
        (&cleared["provider"]["isSetUp"], &cleared["provider"]["keyFingerprint"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(desk.active().await, ["Sandbox Article", "Sandbox Image", "Sandbox Text"]);
}

// REQ-A-32: settings are judged by the adapter, unknown ones refused.
#[tokio::test]
async fn settings_and_addresses_are_judged_before_they_are_stored() {
    let (_home, desk) = Desk::open(Engine::Sqlite).await;
    for (change, code) in [
        (json!({"settings": {"steps": 0}}), "SETTING_INVALID"),
        (json!({"settings": {"style": "loud"}}), "SETTING_INVALID"),
        (json!({"settings": {"stpes": 5}}), "SETTING_UNKNOWN"),
        (json!({"settings": []}), "SETTING_INVALID"),
        (json!({"baseUrl": "ftp://example.com"}), "BASE_URL_INVALID"),
        (json!({"baseUrl": "https://user:word@example.com"}), "BASE_URL_INVALID"),
        (json!({"baseUrl": "https://example.com?x=1"}), "BASE_URL_INVALID"),
        (json!({"key": ""}), "KEY_INVALID"),
        (json!({"key": "two words"}), "KEY_INVALID"),
        (json!({"provider": "nobody"}), "PROVIDER_UNKNOWN"),
        (json!({"provider": "sandbox", "key": KEY}), "NOT_FOR_SANDBOX"),
        (json!({"expectedVersion": 3}), "VERSION_CONFLICT"),
    ] {
        let refused = desk.update(change.clone()).await;
        assert_eq!(refused["userErrors"][0]["code"], code, "{change} {refused}");
        assert!(!refused.to_string().contains(KEY));
    }
    assert_eq!(desk.server.number("SELECT COUNT(*) FROM ai_provider").await, 0);
    let known = desk.provider().await["knownSettings"].clone();
    assert_eq!(known[0], json!({"name": "temperature", "kind": "TEXT", "expected": "a number from 0 to 2"}));
    let done =
        desk.update(json!({"settings": {"steps": 9, "temperature": 1}, "baseUrl": "http://localhost:1/v1/"})).await;
    assert_eq!(done["provider"]["settings"], json!({"steps": 9, "temperature": 1}));
    assert_eq!(done["provider"]["baseUrl"], "http://localhost:1/v1");
    let audit = dump(&desk.server).await;
    assert!(audit.contains("provider.update") && audit.contains("temperature"));
}

// REQ-A-32: every setting is found on the wire, and stored with the attempt; a stored key takes the configured one's place.
#[tokio::test]
async fn what_is_set_reaches_the_wire_and_is_recorded_with_the_attempt() {
    let home = Home::open(Engine::Sqlite).await;
    let recorder = Recorder::default();
    let server = Desk::server(&home, &recorder, Some(CONFIGURED)).await;
    let hero = server.hero().await;
    let desk = Desk { server, hero, recorder };
    let models = desk.server.payload(&desk.hero, "{ aiModels { id name version } }", json!({})).await;
    let model = models.as_array().unwrap().iter().find(|one| one["name"] == "GPT Image 1").unwrap().clone();
    desk.server.give(&desk.hero, &desk.hero, 100).await;
    let draw = async |key: &str| {
        let query =
            "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code } } }";
        let input = json!({"prompt": "a fox", "modelId": model["id"], "idempotencyKey": key});
        let answer = desk.server.payload(&desk.hero, query, json!({"i": input})).await;
        assert_eq!(answer["userErrors"], json!([]), "{answer}");
        let task = desk.server.ended(&desk.hero, answer["task"]["id"].as_str().unwrap()).await;
        assert_eq!(task["status"], "SUCCESS", "{task}");
    };
    draw("wire-call-1").await;
    assert_eq!(desk.recorder.last(), json!({"baseUrl": null, "key": CONFIGURED, "settings": {"quality": "medium"}}));
    let change = json!({"key": KEY, "baseUrl": "http://localhost:1/v1", "settings": {"steps": 9, "temperature": 1}});
    assert_eq!(desk.update(change).await["userErrors"], json!([]));
    let query = "mutation($i: UpdateAiModelInput!) { updateAiModel(input: $i) { userErrors { code message } } }";
    let edit = json!({"modelId": model["id"], "expectedVersion": model["version"], "settings": {"style": "vivid"}});
    assert_eq!(desk.server.payload(&desk.hero, query, json!({"i": edit})).await["userErrors"], json!([]));
    draw("wire-call-2").await;
    let settings = json!({"quality": "medium", "steps": 9, "style": "vivid"});
    let expected = json!({"baseUrl": "http://localhost:1/v1", "key": KEY, "settings": settings});
    assert_eq!(desk.recorder.last(), expected, "those of the provider that concern images, and the model's");
    let rows = desk.server.db.statement("SELECT settings, credential_id FROM ai_attempt ORDER BY id", []);
    let rows = desk.server.db.reader().query_all_raw(rows).await.unwrap();
    let stored: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row.try_get("", "settings").unwrap(), row.try_get("", "credential_id").unwrap()))
        .collect();
    assert_eq!(stored[1].0, settings.to_string());
    assert_ne!(stored[0].1, stored[1].1, "another key is another credential");
}

// A key goes to the server it was given for: whoever moves the address must bring the key for the new one.
#[rstest]
#[tokio::test]
async fn no_key_follows_an_address_to_another_server(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let home = Home::open(engine).await;
    let recorder = Recorder::default();
    let server = Desk::server(&home, &recorder, Some(CONFIGURED)).await;
    let hero = server.hero().await;
    let desk = Desk { server, hero, recorder };
    let code = async |change: Value| {
        let answer = desk.update(change).await;
        answer["userErrors"][0]["code"].as_str().unwrap_or("OK").to_owned()
    };
    // The configuration's key stays where the configuration sends it.
    let refused = desk.update(json!({"baseUrl": "https://elsewhere.example/v1"})).await;
    let error = &refused["userErrors"][0];
    assert_eq!(
        (&error["code"], &error["path"]),
        (&json!("PROVIDER_KEY_REQUIRED"), &json!(["input", "key"])),
        "{error}"
    );
    assert!(error["message"].as_str().unwrap().contains("Give `key` with it"), "{error}");
    assert_eq!(desk.server.number("SELECT COUNT(*) FROM ai_provider").await, 0);
    // With null there is none there, and nothing is sent.
    let moved = desk.update(json!({"baseUrl": "https://elsewhere.example/v1", "key": null})).await;
    assert_eq!((&moved["provider"]["isSetUp"], &moved["provider"]["keySource"]), (&json!(false), &json!("NONE")));
    assert!(moved["provider"]["problem"].as_str().unwrap().contains("no key for its address"), "{moved}");
    assert_eq!(code(json!({"baseUrl": null})).await, "OK", "home again, where its key is");
    assert_eq!(desk.provider().await["keySource"], "CONFIGURATION");
    // A stored key moves with its own address only.
    assert_eq!(code(json!({"baseUrl": "https://one.example/v1", "key": KEY})).await, "OK");
    assert_eq!(code(json!({"baseUrl": "https://one.example/v2"})).await, "OK", "the same server");
    for other in ["https://two.example/v2", "http://one.example/v2", "https://one.example:8443/v2"] {
        assert_eq!(code(json!({"baseUrl": other})).await, "PROVIDER_KEY_REQUIRED", "{other}");
    }
    assert_eq!(code(json!({"baseUrl": null})).await, "PROVIDER_KEY_REQUIRED");
    assert_eq!(code(json!({"baseUrl": "https://two.example/v2", "key": KEY})).await, "OK");
    for forbidden in ["http://169.254.169.254/latest", "http://[fe80::1]/v1", "http://2852039166"] {
        assert_eq!(code(json!({"baseUrl": forbidden, "key": KEY})).await, "BASE_URL_INVALID", "{forbidden}");
    }
    let now = desk.provider().await;
    assert_eq!((&now["baseUrl"], &now["keySource"]), (&json!("https://two.example/v2"), &json!("STORED")));
}

// What an earlier version stored, an address without a key of its own, is not sent the configuration's key.
#[tokio::test]
async fn the_configured_key_is_not_sent_to_a_stored_address() {
    let home = Home::open(Engine::Sqlite).await;
    let recorder = Recorder::default();
    let server = Desk::server(&home, &recorder, Some(CONFIGURED)).await;
    let hero = server.hero().await;
    let desk = Desk { server, hero, recorder };
    assert_eq!(desk.update(json!({"isEnabled": true})).await["userErrors"], json!([]));
    desk.server.execute("UPDATE ai_provider SET base_url = 'https://elsewhere.example/v1' WHERE name = 'openai'").await;
    let provider = desk.provider().await;
    assert_eq!((&provider["isSetUp"], &provider["keySource"]), (&json!(false), &json!("NONE")), "{provider}");
    desk.server.give(&desk.hero, &desk.hero, 100).await;
    let models = desk.server.payload(&desk.hero, "{ aiModels(includeInactive: true) { id name } }", json!({})).await;
    let model = models.as_array().unwrap().iter().find(|one| one["name"] == "GPT Image 1").unwrap()["id"].clone();
    let query = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code } } }";
    let input = json!({"prompt": "a fox", "modelId": model, "idempotencyKey": "no-key-there"});
    desk.server.payload(&desk.hero, query, json!({"i": input})).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(desk.recorder.last(), Value::Null, "nothing was sent");
}

// What becomes a header is judged when it is entered, not when every call fails.
#[tokio::test]
async fn a_setting_that_cannot_be_sent_is_refused_when_it_is_entered() {
    let home = Home::open(Engine::Sqlite).await;
    let server = home
        .start_with(|_, seams| {
            crate::support::install_crypto();
            let http = inkledger::ai::provider::http::Http::new(&Default::default()).unwrap();
            let openai = inkledger::ai::provider::openai::OpenAi::new(http);
            seams.providers = Some(Providers::new().with(Sandbox::new(SandboxScript::new())).with(openai));
        })
        .await;
    let hero = server.hero().await;
    let desk = Desk { server, hero, recorder: Recorder::default() };
    for organization in ["a b\r\nc", "a b", "caf\u{e9}", "", "a\u{7f}"] {
        let refused = desk.update(json!({"settings": {"organization": organization}})).await;
        let error = &refused["userErrors"][0];
        assert_eq!(error["code"], "SETTING_INVALID", "{organization:?} {refused}");
        assert!(error["message"].as_str().unwrap().contains("visible ASCII"), "{error}");
    }
    let done = desk.update(json!({"settings": {"organization": "org-7"}})).await;
    assert_eq!(done["userErrors"], json!([]), "{done}");
}
