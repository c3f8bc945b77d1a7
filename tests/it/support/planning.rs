//! A site of somebody's with keywords, clusters and ideas, and the makers that turn answers into more of them.

use std::sync::Arc;

use async_graphql::ID;
use inkledger::{
    ai::maker::{Ask, Brief, Made, MakeError, Maker, Making, Output, Target, TargetRefusal, Targets},
    audit::{Actor, Trace},
    auth::{MemberRight, model::MemberRole},
    automation::model::Stage,
    clock::{Clock, SystemClock},
    db::{Db, Engine, effect::Effect},
    error::Failure,
    graphql::node::decode_any,
    idea::IdeaMaker,
    ids::SystemIds,
    jobs::{Lost, write_in},
    keyword::ClusterMaker,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    builders::Person,
    server::{Home, Server},
};

/// The UUID of a global id.
pub fn uuid(id: &Value) -> Uuid {
    decode_any(&ID(id.as_str().unwrap_or_else(|| panic!("no id: {id}")).to_owned())).unwrap().1
}

pub fn ids() -> Arc<SystemIds> {
    Arc::new(SystemIds::new(Arc::new(SystemClock)))
}

/// The system acting on what belongs to an account.
pub fn trace(account: Uuid) -> Trace {
    Trace { account_id: account, actor: Actor::System, request_id: None, at: SystemClock.now() }
}

/// Writes effects as work that moves no credits does.
pub async fn write(db: &Db, effects: Vec<Effect>) -> Result<(), Failure<Lost>> {
    db.write(effects, |tx, effects| Box::pin(async move { write_in(tx, effects, SystemClock.now()).await })).await
}

/// The code of a refusal's first error.
pub fn code(payload: &Value) -> &str {
    payload["userErrors"][0]["code"].as_str().unwrap_or_else(|| panic!("{payload}"))
}

/// What `maker` makes of a text, as things are now.
pub async fn made(maker: &dyn Maker, target: &Target, account: Uuid, text: &str) -> Result<Made, Failure<MakeError>> {
    let trace = trace(account);
    let output = Output::Text(text);
    let making = Making { ai_task_id: Uuid::nil(), is_manual: true, target, output, is_sandbox: true, trace: &trace };
    maker.make(making).await
}

/// The code of an answer that cannot be used.
pub fn unusable(made: Result<Made, Failure<MakeError>>) -> &'static str {
    match made {
        Err(Failure::Refused(MakeError::Answer(error))) => error.code(),
        Err(Failure::Refused(MakeError::Gone(code))) => code,
        other => panic!("{other:?}"),
    }
}

/// Ideas with these titles for a cluster, by an answer of a model.
pub async fn add_ideas(server: &Server, account: &str, cluster: &Value, titles: &[&str]) {
    let maker = IdeaMaker::new(server.db.clone(), ids());
    let target = Target { id: Some(uuid(cluster)), site: None, facts: json!({"wanted": titles.len()}) };
    let ideas: Vec<Value> = titles.iter().map(|title| json!({"title": title, "outline": ["Where", "How"]})).collect();
    let account = uuid(&json!(account));
    let made = made(&maker, &target, account, &json!({"ideas": ideas}).to_string()).await.unwrap();
    write(&server.db, made.effects).await.unwrap();
}

pub struct Desk {
    pub server: Server,
    pub owner: Person,
    pub account: Uuid,
    pub site: Value,
    pub sector: Value,
}

impl Desk {
    pub async fn open(engine: Engine) -> Self {
        let server = Home::open(engine).await.start().await;
        let owner = server.sign_up("owner").await;
        let account = uuid(&json!(owner.account));
        let mut desk = Self { server, owner, account, site: Value::Null, sector: Value::Null };
        let input = json!({"accountId": desk.owner.account, "name": "Shop", "domain": "shop.example",
                           "audience": "People who camp"});
        desk.site = desk.act("createSite", "site { id }", input).await["site"]["id"].clone();
        let input = json!({"siteId": desk.site, "name": "Tents"});
        desk.sector = desk.act("createSector", "sector { id }", input).await["sector"]["id"].clone();
        desk
    }

    /// The payload of a mutation of the owner's.
    pub async fn act(&self, mutation: &str, fields: &str, input: Value) -> Value {
        self.act_as(&self.owner, mutation, fields, input).await
    }

    pub async fn act_as(&self, person: &Person, mutation: &str, fields: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!(
            "mutation($i: {kind}!) {{ {mutation}(input: $i) {{ {fields} userErrors {{ code message path }} }} }}"
        );
        self.server.payload(person, &query, json!({"i": input})).await
    }

    /// A site of somebody else.
    pub async fn other(&self) -> (Person, Value) {
        let other = self.server.sign_up("other").await;
        let input = json!({"accountId": other.account, "name": "Other", "domain": "other.example"});
        let site = self.act_as(&other, "createSite", "site { id }", input).await["site"]["id"].clone();
        (other, site)
    }

    /// Adds keywords and answers their ids in the same order.
    pub async fn keywords(&self, texts: &[&str], sector: Value) -> Vec<Value> {
        let input = json!({"siteId": self.site, "sectorId": sector,
                           "file": {"content": format!("keyword\n{}\n", texts.join("\n"))}});
        assert_eq!(self.act("importKeywords", "added", input).await["userErrors"], json!([]));
        let query = "query($s: ID!, $f: KeywordFilter, $after: String) { keywords(siteId: $s, filter: $f, first: 100, \
                     after: $after) { nodes { id text } pageInfo { endCursor hasNextPage } } }";
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({"s": self.site, "f": {"sectorId": sector}, "after": after});
            let page = self.server.payload(&self.owner, query, variables).await;
            found.extend(page["nodes"].as_array().unwrap().clone());
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        let id = |text: &&str| found.iter().find(|node| node["text"] == *text).unwrap()["id"].clone();
        texts.iter().map(id).collect()
    }

    /// A cluster of the site, outside sectors, with these keywords.
    pub async fn cluster(&self, name: &str, keywords: &[&str]) -> Value {
        let input = json!({"siteId": self.site, "name": name});
        let cluster = self.act("createCluster", "cluster { id }", input).await["cluster"]["id"].clone();
        if !keywords.is_empty() {
            for keyword in self.keywords(keywords, Value::Null).await {
                let input = json!({"keywordId": keyword, "clusterId": cluster});
                let done = self.act("updateKeyword", "keyword { state }", input).await;
                assert_eq!(done["keyword"]["state"], "CLUSTERED", "{done}");
            }
        }
        cluster
    }

    /// Ideas with these titles for a cluster; their ids in the same order.
    pub async fn ideas(&self, cluster: &Value, titles: &[&str]) -> Vec<Value> {
        add_ideas(&self.server, &self.owner.account, cluster, titles).await;
        let found = self.list("ideas", "IdeaFilter", "id title", json!({"clusterId": cluster})).await;
        let id = |title: &&str| found.iter().find(|node| node["title"] == *title).unwrap()["id"].clone();
        titles.iter().map(id).collect()
    }

    /// The nodes of a list of the site, newest first.
    pub async fn list(&self, field: &str, filter_type: &str, fields: &str, filter: Value) -> Vec<Value> {
        let query = format!(
            "query($s: ID!, $f: {filter_type}) {{ {field}(siteId: $s, filter: $f, first: 100) \
             {{ nodes {{ {fields} }} totalCount }} }}"
        );
        let page = self.server.payload(&self.owner, &query, json!({"s": self.site, "f": filter})).await;
        let nodes = page["nodes"].as_array().unwrap().clone();
        assert_eq!(page["totalCount"], nodes.len());
        nodes
    }

    /// What of the site a run would take up in a stage, in that order.
    pub async fn waiting(&self, stage: Stage, limit: i32) -> Vec<Uuid> {
        let waiting = self.server.automation.list_waiting(uuid(&self.site), stage, limit).await.unwrap();
        waiting.into_iter().map(|(id, _)| id).collect()
    }

    /// The fields of an object.
    pub async fn node(&self, kind: &str, fields: &str, id: &Value) -> Value {
        let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {fields} }} }} }}");
        self.server.payload(&self.owner, &query, json!({"id": id})).await
    }

    /// The owner's right, as a service asks for it.
    pub async fn right(&self) -> MemberRight {
        let viewer = self.server.auth.authenticate(Some(&self.owner.token)).await.unwrap();
        self.server.auth.require_member(&viewer, self.account, MemberRole::Editor).await.unwrap()
    }

    pub fn cluster_maker(&self) -> ClusterMaker {
        ClusterMaker::new(self.server.db.clone(), ids())
    }

    pub fn idea_maker(&self) -> IdeaMaker {
        IdeaMaker::new(self.server.db.clone(), ids())
    }

    pub async fn briefs(
        &self,
        maker: &dyn Maker,
        of: &[Value],
        wanted: Option<i32>,
    ) -> Result<Vec<Brief>, TargetRefusal> {
        let targets = Targets { ids: of.iter().map(uuid).collect(), wanted, ..Targets::default() };
        match maker.briefs(Ask { account: self.account, targets: &targets, image_prompt_chars: 1_000 }).await {
            Ok(briefs) => Ok(briefs),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::Fault(error)) => panic!("{error:?}"),
        }
    }

    pub async fn made(&self, maker: &dyn Maker, target: &Target, text: &str) -> Result<Made, Failure<MakeError>> {
        made(maker, target, self.account, text).await
    }

    pub async fn write(&self, made: Made) -> Result<(), Failure<Lost>> {
        write(&self.server.db, made.effects).await
    }

    pub async fn audited(&self, action: &str) -> i64 {
        self.server.number(&format!("SELECT COUNT(*) FROM audit_entry WHERE action = '{action}'")).await
    }
}
