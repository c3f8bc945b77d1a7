//! A site whose clock stands still, and what members do to its content.

use std::sync::Arc;

use inkledger::{clock::FixedClock, content::Contents, db::Engine, ids::SystemIds};
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    content,
    server::{Home, Server},
};

pub const CONTENT: &str = "id version state title slug html excerpt words keywords tags flags reviewNote approvedSource \
    approvedAt approvedBy { id } approvalBlockedBy scheduleBlockedBy slot { at source } \
    failedImages { kind position } revisions { totalCount nodes { version cause title html author { id } } }";

pub struct Stage {
    pub server: Server,
    pub owner: Person,
    pub site: Value,
    pub contents: Contents,
}

/// `2026-03-28 08:00` in microseconds.
pub fn instant(text: &str) -> i64 {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_micros()
}

/// The code and the path of a refusal.
pub fn refusal(payload: &Value) -> (&str, Value) {
    let error = &payload["userErrors"][0];
    (error["code"].as_str().unwrap_or_else(|| panic!("{payload}")), error["path"].clone())
}

impl Stage {
    /// A site in Berlin on a Monday in January, noon there.
    pub async fn open(engine: Engine) -> Self {
        let clock = Arc::new(FixedClock::new(instant("2026-01-05 11:00")));
        let still = clock.clone();
        let server = Home::open(engine).await.start_with(move |_, seams| seams.clock = still).await;
        let owner = server.sign_up("owner").await;
        let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } userErrors { code } } }";
        let zone = "Europe/Berlin";
        let input = json!({"accountId": owner.account, "name": "Shop", "domain": "shop.example", "timeZone": zone});
        let site = server.payload(&owner, query, json!({"i": input})).await["site"]["id"].clone();
        let contents = Contents::new(server.db.clone(), clock.clone(), Arc::new(SystemIds::new(clock.clone())));
        Self { server, owner, site, contents }
    }

    /// Changes the site, whatever its version.
    pub async fn set(&self, more: Value) -> Value {
        let version = self.server.number("SELECT version FROM site").await;
        let mut input = json!({"siteId": self.site, "expectedVersion": version});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let query = "mutation($i: UpdateSiteInput!) { updateSite(input: $i) { site { timeZone } userErrors { code message path } } }";
        self.server.payload(&self.owner, query, json!({"i": input})).await
    }

    pub async fn content(&self, state: &str, more: &[(&str, &str)]) -> Value {
        content::content(&self.server.db, &self.site, state, more).await
    }

    /// Content that is scheduled by hand at this instant.
    pub async fn scheduled(&self, slot: &str) -> Value {
        let at = instant(slot).to_string();
        self.content("SCHEDULED", &[("slot_at", &at), ("slot_source", "'MANUAL'")]).await
    }

    pub fn document(mutation: &str) -> String {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        format!(
            "mutation($i: {kind}!) {{ {mutation}(input: $i) {{ content {{ {CONTENT} }} userErrors \
             {{ code message path versionConflict {{ expected current }} illegalTransition {{ from to }} }} }} }}"
        )
    }

    /// A member's act on content at this version.
    pub async fn act(&self, mutation: &str, content: &Value, version: i64, more: Value) -> Value {
        let mut input = json!({"contentId": content, "expectedVersion": version});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.payload(&self.owner, &Self::document(mutation), json!({"i": input})).await
    }

    /// The content after an act at its first version, which must succeed.
    pub async fn done(&self, mutation: &str, content: &Value, more: Value) -> Value {
        let mut payload = self.act(mutation, content, 1, more).await;
        assert_eq!(payload["userErrors"], json!([]), "{mutation}: {payload}");
        payload["content"].take()
    }

    pub async fn read(&self, content: &Value) -> Value {
        let query = format!("query($id: ID!) {{ content(id: $id) {{ {CONTENT} }} }}");
        self.server.payload(&self.owner, &query, json!({"id": content})).await
    }

    /// The actions that the audit trail has of content, in order.
    pub async fn trail(&self, action: &str) -> i64 {
        self.server.number(&format!("SELECT COUNT(*) FROM audit_entry WHERE action = 'content.{action}'")).await
    }
}
