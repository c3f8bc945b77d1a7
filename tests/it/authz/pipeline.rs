//! What the content pipeline of the table is made of: a site of the owner's, and what is below it.

use inkledger::graphql::node::{NodeKind, encode};
use serde_json::{Value, json};

use super::world::CANARY;
use crate::support::{builders::Person, content, planning::add_ideas, server::Server};

/// One of each kind of thing.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub site: String,
    /// A site to switch off.
    pub spare: String,
    pub sector: String,
    pub keyword: String,
    pub cluster: String,
    /// One to be queued, one to be turned down, one to be changed.
    pub ideas: [String; 3],
    pub content_task: String,
    pub run: String,
    pub content: String,
    pub content_image: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// A cluster of a site of `owner`.
pub async fn cluster(server: &Server, owner: &Person, site: &str, name: &str) -> String {
    let query = "mutation($i: CreateClusterInput!) { createCluster(input: $i) { cluster { id } userErrors { code } } }";
    let input = json!({"siteId": site, "name": name});
    text(&server.payload(owner, query, json!({"i": input})).await["cluster"]["id"])
}

/// Waits until no run is at work.
pub async fn runs_ended(server: &Server) {
    let open = "SELECT COUNT(*) FROM job WHERE kind = 'automation.run' AND state IN ('ready', 'running')";
    let ended = async {
        while server.number(open).await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.unwrap();
}

/// Makes them for `owner`.
pub async fn make(server: &Server, owner: &Person) -> Pipeline {
    let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } userErrors { code } } }";
    let input = |domain| json!({"accountId": owner.account, "name": CANARY, "domain": domain});
    let site = text(&server.payload(owner, query, json!({"i": input("canary.example")})).await["site"]["id"]);
    let spare = text(&server.payload(owner, query, json!({"i": input("spare.example")})).await["site"]["id"]);
    let query = "mutation($i: CreateSectorInput!) { createSector(input: $i) { sector { id } userErrors { code } } }";
    let input = json!({"siteId": site, "name": CANARY});
    let sector = text(&server.payload(owner, query, json!({"i": input})).await["sector"]["id"]);
    let query = "mutation($i: ImportKeywordsInput!) { importKeywords(input: $i) { added userErrors { code } } }";
    let input = json!({"siteId": site, "file": {"content": format!("keyword\n{CANARY} cage\n")}});
    server.payload(owner, query, json!({"i": input})).await;
    let query = "query($s: ID!) { keywords(siteId: $s) { nodes { id } } }";
    let keyword = text(&server.payload(owner, query, json!({"s": site})).await["nodes"][0]["id"]);
    let cluster = cluster(server, owner, &site, CANARY).await;
    let query = "mutation($i: UpdateKeywordInput!) { updateKeyword(input: $i) { userErrors { code } } }";
    let input = json!({"keywordId": keyword, "clusterId": cluster});
    server.payload(owner, query, json!({"i": input})).await;
    let titles = ["first", "second", "third"].map(|no| format!("{CANARY} {no}"));
    add_ideas(server, &owner.account, &json!(cluster), &titles.each_ref().map(String::as_str)).await;
    let query = "query($s: ID!) { ideas(siteId: $s) { nodes { id } } }";
    let found = server.payload(owner, query, json!({"s": site})).await;
    let ideas = [0, 1, 2].map(|at| text(&found["nodes"][at]["id"]));
    let query = "mutation($i: CreateContentTaskInput!) { createContentTask(input: $i) { contentTask { id } } }";
    let input = json!({"siteId": site, "title": format!("{CANARY} task")});
    let content_task = text(&server.payload(owner, query, json!({"i": input})).await["contentTask"]["id"]);
    let query = "mutation($i: StartAutomationRunInput!) { startAutomationRun(input: $i) { run { id } } }";
    let input = json!({"siteId": site, "idempotencyKey": "first-run-key"});
    let run = text(&server.payload(owner, query, json!({"i": input})).await["run"]["id"]);
    runs_ended(server).await;
    let content = article(server, &site, "DRAFT").await;
    let place = content::place(&server.db, &json!(content), "FEATURED", 0, "PENDING").await;
    let content_image = encode(NodeKind::ContentImage, place).to_string();
    Pipeline { site, spare, sector, keyword, cluster, ideas, content_task, run, content, content_image }
}

/// An article of a site, in a state that a mutation asks for.
pub async fn article(server: &Server, site: &str, state: &str) -> String {
    let mut more = vec![("title", format!("'{CANARY}'"))];
    if state == "SCHEDULED" {
        let number = server.number("SELECT COUNT(*) FROM content").await;
        more.extend([("slot_at", format!("40000000000000{number:02}")), ("slot_source", "'AUTO'".to_owned())]);
    }
    let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
    text(&content::content(&server.db, &json!(site), state, &more).await)
}

/// The state in which a mutation of content takes it; `None` for every other mutation.
pub fn content_state(field: &str) -> Option<&'static str> {
    Some(match field {
        "updateContent" | "submitContent" => "DRAFT",
        "approveContent" | "requestContentChanges" => "REVIEW",
        "withdrawApproval" | "scheduleContent" | "archiveContent" => "APPROVED",
        "unscheduleContent" => "SCHEDULED",
        "restoreContent" => "ARCHIVED",
        _ => return None,
    })
}

/// An instant to come that no other name gives.
fn later(fresh: &str) -> String {
    let number: String = fresh.chars().filter(char::is_ascii_digit).collect();
    format!("2090-01-01T00:00:00.{number:0>6}Z")
}

impl Pipeline {
    /// The ids, by kind of node.
    pub fn nodes(&self) -> Vec<(&'static str, &str)> {
        let (site, sector, keyword, cluster) = (&*self.site, &*self.sector, &*self.keyword, &*self.cluster);
        let (idea, task) = (&*self.ideas[0], &*self.content_task);
        let (content, image) = (&*self.content, &*self.content_image);
        vec![
            ("Site", site),
            ("Sector", sector),
            ("Keyword", keyword),
            ("Cluster", cluster),
            ("Idea", idea),
            ("ContentTask", task),
            ("AutomationRun", &*self.run),
            ("Content", content),
            ("ContentImage", image),
        ]
    }

    /// The document of a root field of `Query`; `None` when it is about something else.
    pub fn query(&self, field: &str, account: &str) -> Option<String> {
        let site = "id name domain audience sectors { nodes { id name } totalCount }";
        Some(match field {
            "site" => format!("{{ site(id: \"{}\") {{ {site} }} }}", self.site),
            "sites" => format!("{{ sites(accountId: \"{account}\") {{ nodes {{ {site} }} totalCount }} }}"),
            "schedulePreview" => {
                format!(
                    "{{ schedulePreview(input: {{ siteId: \"{}\" }}) {{ slots {{ at }} userErrors {{ code }} }} }}",
                    self.site
                )
            }
            "workflowStats" => format!(
                "{{ workflowStats(siteId: \"{}\", period: ALL) {{ site {{ name }} bySector {{ sector {{ name }} \
                 planner {{ keywords }} }} }} }}",
                self.site
            ),
            "content" => {
                format!(
                    "{{ content(id: \"{}\") {{ id title html images {{ prompt }} revisions {{ nodes {{ title }} }} }} }}",
                    self.content
                )
            }
            "contents" => {
                format!(
                    "{{ contents(siteId: \"{}\") {{ nodes {{ id title site {{ name }} }} totalCount }} }}",
                    self.site
                )
            }
            "contentCalendar" => format!(
                "{{ contentCalendar(siteId: \"{}\", from: \"2026-01-01\", to: \"2026-02-01\") {{ counts {{ total tray }} tray {{ title }} }} }}",
                self.site
            ),
            "keywords" => {
                format!(
                    "{{ keywords(siteId: \"{}\") {{ nodes {{ id text cluster {{ name }} }} totalCount }} }}",
                    self.site
                )
            }
            "automationRun" => {
                format!("{{ automationRun(id: \"{}\") {{ id site {{ name }} stages {{ stage }} }} }}", self.run)
            }
            "automationRuns" => {
                format!(
                    "{{ automationRuns(siteId: \"{}\") {{ nodes {{ id site {{ name }} }} totalCount }} }}",
                    self.site
                )
            }
            "estimateAutomationRun" => format!(
                "{{ estimateAutomationRun(input: {{ siteId: \"{}\" }}) {{ available userErrors {{ code }} }} }}",
                self.site
            ),
            "clusters" => format!(
                "{{ clusters(siteId: \"{}\") {{ nodes {{ id name keywordCount keywords {{ nodes {{ text }} }} }} totalCount }} }}",
                self.site
            ),
            "ideas" => format!(
                "{{ ideas(siteId: \"{}\") {{ nodes {{ id title cluster {{ name }} }} totalCount }} }}",
                self.site
            ),
            "contentTasks" => {
                format!(
                    "{{ contentTasks(siteId: \"{}\") {{ nodes {{ id title idea {{ title }} }} totalCount }} }}",
                    self.site
                )
            }
            _ => return None,
        })
    }

    /// The input of a mutation; `None` when it is about something else. `fresh` is a name that nobody has yet.
    pub fn input(&self, field: &str, account: &str, fresh: &str) -> Option<Value> {
        Some(match field {
            "createSite" => json!({"accountId": account, "name": fresh, "domain": format!("{fresh}.example")}),
            "updateSite" => json!({"siteId": self.site, "expectedVersion": 1, "name": CANARY}),
            "deactivateSite" => json!({"siteId": self.spare}),
            "createSector" => json!({"siteId": self.site, "name": fresh}),
            "importKeywords" => json!({"siteId": self.site, "file": {"content": format!("keyword\n{fresh}\n")}}),
            "updateKeyword" => json!({"keywordId": self.keyword, "volume": fresh.len()}),
            "archiveKeywords" | "restoreKeywords" => json!({"siteId": self.site, "keywordIds": [self.keyword]}),
            "clusterKeywords" => {
                json!({"siteId": self.site, "keywordIds": [self.keyword], "method": "LEXICAL"})
            }
            "generateIdeas" => {
                json!({"siteId": self.site, "clusterIds": [self.cluster], "idempotencyKey": format!("ideas-{fresh}")})
            }
            "generateContent" => json!({
                "siteId": self.site, "contentTaskIds": [self.content_task], "idempotencyKey": format!("write-{fresh}")
            }),
            "generateImagePrompts" | "optimizeContent" => json!({
                "siteId": self.site, "contentIds": [self.content], "idempotencyKey": format!("{field}-{fresh}")
            }),
            "createCluster" => json!({"siteId": self.site, "name": fresh}),
            "updateCluster" => json!({"clusterId": self.cluster, "name": format!("{CANARY} {fresh}")}),
            "finalizeCluster" | "deleteCluster" => json!({"clusterId": self.cluster}),
            "queueIdeas" => json!({"siteId": self.site, "ideaIds": [self.ideas[0]]}),
            "rejectIdea" => json!({"ideaId": self.ideas[1]}),
            "updateIdea" => json!({"ideaId": self.ideas[2], "title": format!("{CANARY} {fresh}")}),
            "createContentTask" => json!({"siteId": self.site, "title": format!("About {fresh}")}),
            "retryContentTask" => json!({"contentTaskId": self.content_task}),
            "startAutomationRun" => json!({"siteId": self.site, "idempotencyKey": format!("{fresh}-key")}),
            "forkAutomationRun" => {
                json!({"runId": self.run, "fromStage": "IDEAS", "idempotencyKey": format!("{fresh}-key")})
            }
            "pauseAutomationRun" | "resumeAutomationRun" | "cancelAutomationRun" => {
                json!({"runId": self.run, "idempotencyKey": format!("{fresh}-key")})
            }
            "raiseAutomationRunCap" => {
                json!({"runId": self.run, "creditCap": 9, "idempotencyKey": format!("{fresh}-key")})
            }
            "updateAutomationConfig" => json!({"siteId": self.site, "expectedVersion": 0, "creditCap": 90}),
            "updateContent" => {
                json!({"contentId": self.content, "expectedVersion": 1, "excerpt": format!("{CANARY} {fresh}")})
            }
            "requestContentChanges" => json!({"contentId": self.content, "expectedVersion": 1, "note": CANARY}),
            "scheduleContent" => json!({"contentId": self.content, "expectedVersion": 1, "at": later(fresh)}),
            "scheduleContents" => {
                json!({"items": [{"contentId": self.content, "expectedVersion": 1, "at": later(fresh)}]})
            }
            field if content_state(field).is_some() => json!({"contentId": self.content, "expectedVersion": 1}),
            "updateSector" => json!({"sectorId": self.sector, "isActive": true}),
            _ => return None,
        })
    }
}
