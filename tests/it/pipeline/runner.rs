//! A site whose runs go through every stage, at a provider that follows a script.

use std::{collections::HashMap, ops::Deref};

use inkledger::{
    ai::routing::Providers,
    app::Seams,
    config::Config,
    db::{Db, Engine},
    doctor::{records::audit_records, work::audit_work},
};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use super::provider::Provider;
use crate::{
    automation::stage::{Script, Stage},
    support::{builders::Person, content, server::Home},
};

/// The stages in order.
pub const STAGES: [&str; 7] = ["CLUSTER", "IDEAS", "CONTENT_TASKS", "CONTENT", "IMAGE_PROMPTS", "IMAGES", "REVIEW"];

/// An owner with credits and a site, and the server that both are on.
pub struct Runner {
    pub stage: Stage,
    pub hero: Person,
    pub provider: Provider,
    given: i64,
}

impl Deref for Runner {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Runner {
    /// With the two priced models of the fixture.
    pub async fn priced(engine: Engine, credits: i64) -> Self {
        Self::priced_with(engine, credits, |_, _| {}).await
    }

    /// The same on a server that is changed.
    pub async fn priced_with(engine: Engine, credits: i64, change: impl FnOnce(&mut Config, &mut Seams)) -> Self {
        let runner = Self::with(engine, credits, change).await;
        price_models(&runner).await;
        runner
    }

    async fn with(engine: Engine, credits: i64, change: impl FnOnce(&mut Config, &mut Seams)) -> Self {
        let provider = Provider::new();
        let seam = provider.clone();
        let home = Home::open(engine).await;
        let server = home.start_with(|config, seams| {
            seams.providers = Some(Providers::new().with(seam));
            change(config, seams);
        });
        let server = server.await;
        let hero = server.hero().await;
        let stage = Stage::on(server, Script::new()).await;
        let mut runner = Self { stage, hero, provider, given: 0 };
        if credits > 0 {
            runner.give(credits).await;
        }
        runner
    }

    /// Gives the owner more credits.
    pub async fn give(&mut self, credits: i64) {
        self.given += credits;
        self.server.give(&self.hero, &self.owner, credits).await;
    }

    /// A field of `Query`, read by the owner.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        self.server.payload(&self.owner, query, variables).await
    }

    /// New keywords of the site, in a sector or in none.
    pub async fn import(&self, texts: &[String], sector: Value) {
        let content = format!("keyword\n{}\n", texts.join("\n"));
        let input = json!({"siteId": self.site, "sectorId": sector, "file": {"content": content}});
        let done = self.act("importKeywords", "added", input).await;
        assert_eq!(done["added"], texts.len(), "{done}");
    }

    /// New content tasks with these titles, to be written in few words.
    pub async fn content_tasks(&self, titles: &[&str]) {
        for title in titles {
            let input = json!({"siteId": self.site, "title": title, "keywords": ["family tent"], "targetWords": 60});
            let made = self.act("createContentTask", "contentTask { id }", input).await;
            assert_eq!(made["userErrors"], json!([]), "{made}");
        }
    }

    /// An article with `count` places for images; the article.
    pub async fn article(&self, count: i32) -> Value {
        let article = content::content(&self.server.db, &json!(self.site), "DRAFT", &[("prompts_made_at", "1")]).await;
        for position in 0..count {
            content::place(&self.server.db, &article, "IN_ARTICLE", position, "PENDING").await;
        }
        article
    }

    /// Switches off every stage but these; and `more` of the config.
    pub async fn only(&self, stages: &[&str], more: Value) {
        let setting = |name: &&str| json!({"stage": name, "isEnabled": stages.contains(name)});
        let mut edit = json!({"stages": STAGES.iter().map(setting).collect::<Vec<_>>()});
        edit.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.configure(edit).await;
    }

    /// The AI tasks of a run, in the order of its stages, with what `fields` say of them.
    pub async fn ai_tasks(&self, run: &str, fields: &str) -> Vec<Value> {
        let query = format!("query($id: ID!) {{ automationRun(id: $id) {{ stages {{ aiTask {{ {fields} }} }} }} }}");
        let found = self.ask(&query, json!({"id": run})).await;
        let stages = found["stages"].as_array().unwrap();
        stages.iter().map(|stage| stage["aiTask"].clone()).filter(|task| !task.is_null()).collect()
    }

    /// The messages of the account's notifications of AI tasks, oldest first.
    pub async fn task_messages(&self) -> Vec<String> {
        texts(&self.server.db, "SELECT message FROM notification WHERE subject_kind = 'ai_task' ORDER BY id").await
    }

    /// How many of the site's `table` are in each state.
    pub async fn states(&self, table: &str) -> HashMap<String, usize> {
        let found = texts(&self.server.db, &format!("SELECT state FROM {table}")).await;
        let mut states = HashMap::new();
        for state in found {
            *states.entry(state).or_default() += 1;
        }
        states
    }

    /// Fails unless the rules of credits, records and work hold, and credits are nowhere but where the books say.
    pub async fn check_all(&self) {
        self.check().await;
        self.server.check_ledger().await;
        self.server.check_records().await;
        let report = audit_work(&self.server.db).await.unwrap();
        assert!(report.passes(false), "{}", report.lines().join("\n"));
        let (available, held) = self.server.balance(&self.owner).await;
        let used =
            self.server.number("SELECT CAST(COALESCE(SUM(credits_used), 0) AS bigint) FROM automation_run").await;
        assert_eq!((available, held), (self.given - used, 0), "{used} used");
    }

    /// The same, and that no verification query is without data.
    pub async fn check_with_data(&self) {
        self.check_all().await;
        let report = audit_records(&self.server.db).await.unwrap();
        assert!(report.passes(true), "{}", report.lines().join("\n"));
    }
}

/// The first column of a query's rows, texts all.
pub async fn texts(db: &Db, sql: &str) -> Vec<String> {
    let rows = db.reader().query_all_raw(db.statement(sql, [])).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Two priced models of the provider serve every function, and no others are active.
async fn price_models(runner: &Runner) {
    let act = async |name: &str, fields: &str, input: Value| {
        let done = runner.by(&runner.hero, name, fields, input).await;
        assert_eq!(done["userErrors"], json!([]), "{name}: {done}");
        done
    };
    let texts = [
        "CLUSTER_KEYWORDS",
        "GENERATE_IDEAS",
        "GENERATE_CONTENT",
        "GENERATE_IMAGE_PROMPTS",
        "OPTIMIZE_CONTENT",
        "GENERATE_TEXT",
    ];
    let images = ["GENERATE_IMAGES", "UPSCALE_IMAGE"];
    let text_price = json!({"inputPrice": "0.00015", "outputPrice": "0.0006", "unit": "PER_THOUSAND",
                            "tokensPerCredit": 1000});
    let shape = |ratio: &str, width: i32, height: i32| json!({"ratio": ratio, "width": width, "height": height});
    let models = [
        (
            &texts[..],
            json!({
                "name": "Writes", "kind": "TEXT", "outputTokenLimit": 4200, "promptLengthLimit": 100_000,
                "price": {"text": text_price}
            }),
        ),
        (
            &images[..],
            json!({
                "name": "Draws", "kind": "IMAGE", "promptLengthLimit": 3000, "upscaleFactors": [2],
                "aspectRatios": [shape("1:1", 64, 64), shape("16:9", 128, 72)],
                "qualities": [{"quality": "STANDARD"}],
                "price": {"image": {"costPerImage": "0.04", "creditsPerImage": 5}}
            }),
        ),
    ];
    for (functions, mut input) in models {
        let more = json!({"provider": "sandbox", "providerModel": input["name"], "functions": functions,
                          "isActive": true});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = act("createAiModel", "model { id }", input).await;
        for function in functions {
            let input = json!({"function": function, "modelId": made["model"]["id"]});
            act("setDefaultAiModel", "model { id }", input).await;
        }
    }
    let query = "{ aiModels(includeInactive: true) { id name version isActive } }";
    let all = runner.server.payload(&runner.hero, query, json!({})).await;
    let others = all.as_array().unwrap().iter().filter(|one| one["name"] != "Writes" && one["name"] != "Draws");
    for other in others.filter(|one| one["isActive"] == true) {
        let input = json!({"modelId": other["id"], "expectedVersion": other["version"], "isActive": false});
        act("updateAiModel", "model { id }", input).await;
    }
}
