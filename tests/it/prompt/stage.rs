//! A server without the shipped catalogue, an administrator, and what both do with prompts.

use std::sync::Arc;

use inkledger::{
    db::Engine,
    ids::SystemIds,
    prompt::{Prompts, PromptsParts},
};
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

/// What is read of a prompt.
pub const PROMPT: &str =
    "id category key name description content metadata isEnabled version activeVersion { id number }";

/// A server and an administrator.
pub struct Stage {
    pub server: Server,
    pub hero: Person,
    pub admin: Person,
}

impl Stage {
    pub async fn open(engine: Engine) -> Self {
        Self::open_with(engine, false).await
    }

    /// With the shipped catalogue, or without.
    pub async fn open_with(engine: Engine, catalogue: bool) -> Self {
        let server = Home::open(engine).await.start_with(|config, _| config.install_catalogue = catalogue).await;
        let hero = server.hero().await;
        let admin = server.admin(&hero, "writer").await;
        Self { server, hero, admin }
    }

    /// The registry as another part of this process, or another process, has it: with nothing remembered.
    pub fn registry(&self) -> Prompts {
        let clock = Arc::new(inkledger::clock::SystemClock);
        let ids = Arc::new(SystemIds::new(clock.clone()));
        Prompts::new(PromptsParts { db: self.server.db.clone(), clock, ids })
    }

    /// The payload of a mutation whose payload holds a prompt.
    pub async fn act(&self, field: &str, input: Value) -> Value {
        self.server.payload(&self.admin, &document(field), json!({"i": input})).await
    }

    /// As [`Self::act`], and it was not refused: the prompt.
    pub async fn done(&self, field: &str, input: Value) -> Value {
        let mut payload = self.act(field, input).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        payload["prompt"].take()
    }

    pub async fn create(&self, category: &str, key: &str, content: &str) -> Value {
        let input = json!({"category": category, "key": key, "name": key, "content": content});
        self.done("createSystemPrompt", input).await
    }

    /// Changes the text, coming from the version that `prompt` shows.
    pub async fn rewrite(&self, prompt: &Value, content: &str) -> Value {
        let input = json!({"promptId": prompt["id"], "expectedVersion": prompt["version"], "content": content});
        self.done("updateSystemPrompt", input).await
    }

    /// Reads `fields` of a prompt.
    pub async fn read(&self, prompt: &Value, fields: &str) -> Value {
        let query = format!("query($b: SystemPromptByInput!) {{ systemPrompt(by: $b) {{ {fields} }} }}");
        self.server.payload(&self.admin, &query, json!({"b": {"id": prompt["id"]}})).await
    }

    /// The database's own id of what the API calls `id`, as it is written in SQL.
    pub fn sql_id(&self, id: &Value) -> String {
        let id = async_graphql::ID(id.as_str().unwrap().to_owned());
        let (_, uuid) = inkledger::graphql::node::decode_any(&id).unwrap();
        match self.server.db.engine() {
            Engine::Sqlite => format!("x'{}'", uuid.simple()),
            Engine::Postgres => format!("'{uuid}'"),
        }
    }

    pub async fn count_audits(&self, action: &str) -> i64 {
        self.server.number(&format!("SELECT COUNT(*) FROM audit_entry WHERE action = '{action}'")).await
    }
}

/// The document of a mutation whose payload holds a prompt.
pub fn document(field: &str) -> String {
    let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    format!(
        "mutation($i: {kind}!) {{ {field}(input: $i) {{ prompt {{ {PROMPT} }} unchanged userErrors \
         {{ code message path versionConflict {{ expected current }} keyExists {{ isEnabled }} }} }} }}"
    )
}

/// The id that the API's id stands for.
pub fn uuid(id: &Value) -> uuid::Uuid {
    inkledger::graphql::node::decode_any(&async_graphql::ID(id.as_str().unwrap().to_owned())).unwrap().1
}
