//! A site with credits, and the commands of its pipeline.

use inkledger::{
    ai::provider::sandbox::{SandboxAnswer, Step},
    db::Engine,
};
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

/// What `made` reads of a task that has ended.
pub const MADE: &str = "id status phase percent itemsTotal itemsDelivered itemsFailed creditsUsed error { code message } \
    items { position state credits errorCode text } \
    products { id __typename ... on Cluster { name state keywordCount } ... on Idea { title state } \
    ... on Content { title slug state words version score html } \
    ... on ContentImage { kind position prompt altText state } }";

/// A site of somebody who has credits.
pub struct Stage {
    pub server: Server,
    pub owner: Person,
    pub site: Value,
}

impl Stage {
    pub async fn open(engine: Engine, credits: i64) -> Self {
        let server = Home::open(engine).await.start().await;
        let hero = server.hero().await;
        let owner = server.sign_up("owner").await;
        if credits > 0 {
            server.give(&hero, &owner, credits).await;
        }
        let mut stage = Self { server, owner, site: Value::Null };
        let input = json!({"accountId": stage.owner.account, "name": "Shop", "domain": "shop.example"});
        stage.site = stage.act("createSite", "site { id }", input).await["site"]["id"].clone();
        stage
    }

    /// The payload of a mutation.
    pub async fn act(&self, mutation: &str, fields: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!(
            "mutation($i: {kind}!) {{ {mutation}(input: $i) {{ {fields} userErrors {{ code message path }} }} }}"
        );
        self.server.payload(&self.owner, &query, json!({"i": input})).await
    }

    /// A field of `Query`.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        self.server.payload(&self.owner, query, variables).await
    }

    /// The ids of new keywords, in the order given.
    pub async fn keywords(&self, texts: &[&str]) -> Vec<Value> {
        let content = format!("keyword\n{}\n", texts.join("\n"));
        let input = json!({"siteId": self.site, "file": {"content": content}});
        let done = self.act("importKeywords", "added", input).await;
        assert_eq!(done, json!({"added": texts.len(), "userErrors": []}));
        let query = "query($s: ID!) { keywords(siteId: $s, first: 100) { nodes { id text } } }";
        let listed = self.ask(query, json!({"s": self.site})).await;
        let nodes = listed["nodes"].as_array().unwrap();
        let id = |text: &&str| nodes.iter().find(|node| node["text"] == **text).unwrap()["id"].clone();
        texts.iter().map(id).collect()
    }

    /// A command of an AI function; its payload.
    pub async fn command(&self, mutation: &str, field: &str, ids: &[Value], key: &str) -> Value {
        let input = json!({"siteId": self.site, field: ids, "idempotencyKey": key});
        self.act(mutation, "task { id itemsTotal }", input).await
    }

    /// A command that is accepted: its task once it has ended.
    pub async fn made(&self, mutation: &str, field: &str, ids: &[Value], key: &str) -> Value {
        let payload = self.command(mutation, field, ids, key).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        self.finished(payload["task"]["id"].as_str().unwrap()).await
    }

    /// A task once it has ended.
    pub async fn finished(&self, task: &str) -> Value {
        self.server.ended(&self.owner, task).await;
        let query = format!("query($id: ID!) {{ aiTask(id: $id) {{ {MADE} }} }}");
        self.ask(&query, json!({"id": task})).await
    }

    /// The messages of the account's notifications, the newest first.
    pub async fn told(&self) -> Vec<String> {
        let query = "{ notifications(first: 50) { nodes { message } } }";
        let listed = self.ask(query, json!({})).await;
        let nodes = listed["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The next answers of the provider, in order.
    pub fn answers(&self, texts: &[&str]) {
        let steps = texts
            .iter()
            .map(|text| Step::Answer(SandboxAnswer { text: Some((*text).to_owned()), ..SandboxAnswer::default() }));
        self.server.script.extend(steps);
    }

    /// The ids of new content tasks, written by hand.
    pub async fn content_tasks(&self, titles: &[&str], words: i64) -> Vec<Value> {
        let mut ids = Vec::new();
        for title in titles {
            let input = json!({"siteId": self.site, "title": title, "keywords": ["family tent"], "targetWords": words});
            let made = self.act("createContentTask", "contentTask { id }", input).await;
            assert_eq!(made["userErrors"], json!([]), "{made}");
            ids.push(made["contentTask"]["id"].clone());
        }
        ids
    }

    /// Articles that the sandbox wrote.
    pub async fn articles(&self, titles: &[&str], key: &str) -> Vec<Value> {
        let tasks = self.content_tasks(titles, 120).await;
        Self::products(&self.made("generateContent", "contentTaskIds", &tasks, key).await)
    }

    /// Images for places, once the task has ended.
    pub async fn drawn(&self, places: &[Value], key: &str) -> Value {
        let input = json!({"accountId": self.owner.account, "contentImageIds": places, "idempotencyKey": key});
        let payload = self.act("generateImages", "task { id }", input).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        self.finished(payload["task"]["id"].as_str().unwrap()).await
    }

    /// Some fields of an article.
    pub async fn content(&self, id: &Value, fields: &str) -> Value {
        self.ask(&format!("query($id: ID!) {{ content(id: $id) {{ {fields} }} }}"), json!({"id": id})).await
    }

    /// Ids of what a task made.
    pub fn products(task: &Value) -> Vec<Value> {
        task["products"].as_array().unwrap().iter().map(|product| product["id"].clone()).collect()
    }

    /// Whether every record agrees with every other.
    pub async fn check(&self) {
        self.server.check_ledger().await;
        self.server.check_records().await;
    }
}

/// The code of the only refusal, and where it points.
pub fn refusal(payload: &Value) -> (String, Value) {
    let errors = payload["userErrors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{payload}");
    (errors[0]["code"].as_str().unwrap().to_owned(), errors[0]["path"].clone())
}
