//! One tenant whose every text is a canary, and everybody who may ask about it.

use std::{collections::BTreeMap, sync::Arc};

use inkledger::{
    app::Seams,
    automation::{Picked, Selection, StageWork, Step, Stepped, WorkFuture},
    config::Config,
    db::Engine,
};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use super::{
    pipeline::{self, Pipeline},
    prompt::{self, Prompt},
};
use crate::support::{
    builders::{PASSWORD, Person},
    members::member_id,
    server::{Home, Server},
    ws_client::Ws,
};

/// Found in no answer to anybody but the owner and those who look at people.
pub const CANARY: &str = "canary";

/// Who asks, in the order of the table's columns.
pub const CALLERS: [Caller; 5] = [Caller::Anonymous, Caller::Other, Caller::Owner, Caller::Admin, Caller::Hero];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    Anonymous,
    /// A USER of another tenant.
    Other,
    /// The USER whose things they are.
    Owner,
    Admin,
    Hero,
}

/// Runs that find nothing to do.
struct Idle;

impl StageWork for Idle {
    fn give_up<'a>(&'a self, _: &'a Step) -> WorkFuture<'a, Stepped> {
        Box::pin(async { Ok(Stepped::PutBack) })
    }

    fn select<'a>(&'a self, _: &'a Selection) -> WorkFuture<'a, Vec<Picked>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn step<'a>(&'a self, _: &'a Step) -> WorkFuture<'a, Stepped> {
        Box::pin(async { Ok(Stepped::PutBack) })
    }
}

pub struct World {
    pub server: Server,
    people: BTreeMap<Caller, Person>,
    pub owner: Person,
    pub prompt: Prompt,
    pub pipeline: Pipeline,
    pub optimisation: String,
    pub transaction: String,
    pub grant: String,
    pub hold: String,
    pub task: String,
    pub image: String,
    pub notification: String,
    pub model: String,
    /// The hero's own, which nobody else finds.
    pub upload: String,
    /// The owner's own, which nobody else finds.
    pub api_key: String,
    /// Another one, which the owner ends.
    pub spare_key: String,
    pub session: String,
    pub member: String,
    pub invitation: String,
    spare: u32,
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

impl World {
    pub async fn open(engine: Engine) -> Self {
        // Introspection is open, as in development, so that what each role sees of it can be compared.
        let change = |config: &mut Config, seams: &mut Seams| {
            config.http.introspection = true;
            seams.stage_work = Some(Arc::new(Idle));
        };
        let server = Home::open(engine).await.start_with(change).await;
        let hero = server.hero().await;
        let owner = server.sign_up("canary-owner").await;
        let other = server.sign_up("other").await;
        let admin = server.admin(&hero, "helper").await;
        for person in [&owner, &other] {
            server.give(&hero, person, 50).await;
        }
        let draw = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } } }";
        let input = json!({"prompt": "a canary in a mine", "idempotencyKey": "canary-key"});
        let task = id(&server.payload(&owner, draw, json!({"i": input})).await["task"]);
        let ended = server.ended(&owner, &task).await;
        let query = "query($a: ID!) { account(id: $a) { creditTransactions { nodes { id } } \
                     creditGrants { nodes { id } } creditHolds { nodes { id } } } notifications { nodes { id } } aiModels { id kind } }";
        let found = server.data(Some(&owner.token), query, json!({"a": owner.account})).await;
        let prompt = prompt::make(&server, &hero, CANARY, true).await;
        let optimisation = prompt::optimisation(&server, &hero, &format!("{CANARY} in a cage")).await;
        let input = json!({"accountId": owner.account, "email": "canary-guest@example.com", "role": "VIEWER"});
        let made = server.mutate(&owner, "inviteMember", "invitation { id }", input).await;
        let invitation = id(&made["data"]["inviteMember"]["invitation"]);
        let query = "{ viewer { sessions { nodes { id } } } }";
        let sessions = server.data(Some(&owner.token), query, json!({})).await["viewer"]["sessions"]["nodes"].take();
        let query = "mutation($i: CreateUploadInput!) { createUpload(input: $i) { upload { id } } }";
        let made = server.payload(&hero, query, json!({"i": {"purpose": "PROMPT_IMPORT"}})).await;
        let query = "mutation { createApiKey(input: {name: \"canary\", scopes: [READ]}) { apiKey { id } } }";
        let api_key = id(&server.payload(&owner, query, json!({})).await["apiKey"]);
        let spare_key = id(&server.payload(&owner, query, json!({})).await["apiKey"]);
        let pipeline = pipeline::make(&server, &owner).await;
        Self {
            transaction: id(&found["account"]["creditTransactions"]["nodes"][0]),
            grant: id(&found["account"]["creditGrants"]["nodes"][0]),
            hold: id(&found["account"]["creditHolds"]["nodes"][0]),
            image: id(&ended["items"][0]["image"]),
            notification: id(&found["notifications"]["nodes"][0]),
            model: found["aiModels"].as_array().unwrap().iter().find(|model| model["kind"] == "IMAGE").map(id).unwrap(),
            people: [
                (Caller::Other, other),
                (Caller::Owner, owner.clone()),
                (Caller::Admin, admin),
                (Caller::Hero, hero),
            ]
            .into(),
            upload: id(&made["upload"]),
            api_key,
            spare_key,
            session: id(&sessions[0]),
            invitation,
            member: member_id(&owner.account, &owner),
            prompt,
            pipeline,
            optimisation,
            server,
            owner,
            task,
            spare: 0,
        }
    }

    /// The ids of the owner's things, one of each kind of node.
    pub fn nodes(&self) -> Vec<(&'static str, &str)> {
        let mut nodes: Vec<(&'static str, &str)> = vec![
            ("User", &self.owner.user),
            ("Account", &self.owner.account),
            ("CreditTransaction", &self.transaction),
            ("CreditGrant", &self.grant),
            ("CreditHold", &self.hold),
            ("AiModel", &self.model),
            ("AiTask", &self.task),
            ("Image", &self.image),
            ("Notification", &self.notification),
            ("SystemPrompt", &self.prompt.prompt),
            ("SystemPromptVersion", &self.prompt.first),
            ("PromptSplit", &self.prompt.split),
            ("PromptOptimisation", &self.optimisation),
            ("Upload", &self.upload),
            ("ApiKey", &self.api_key),
            ("UserSession", &self.session),
            ("AccountMember", &self.member),
            ("AccountInvitation", &self.invitation),
        ];
        nodes.extend(self.pipeline.nodes());
        nodes
    }

    /// Who may do everything, in the session that holds now.
    pub fn hero(&self) -> Person {
        self.people[&Caller::Hero].clone()
    }

    pub fn token(&self, caller: Caller) -> Option<&str> {
        self.people.get(&caller).map(|person| person.token.as_str())
    }

    /// Signs a caller in again, whose session a field has ended.
    pub async fn return_of(&mut self, caller: Caller) {
        if let Some(person) = self.people.get(&caller) {
            let person = self.server.sign_in(&person.name).await;
            if caller == Caller::Owner {
                let query = "{ viewer { sessions(first: 1) { nodes { id } } } }";
                let found = self.server.data(Some(&person.token), query, json!({})).await;
                self.session = id(&found["viewer"]["sessions"]["nodes"][0]);
            }
            self.people.insert(caller, person);
        }
    }

    /// A name nobody has yet.
    pub fn fresh(&mut self) -> String {
        self.spare += 1;
        format!("spare-{}", self.spare)
    }

    /// A further image of the owner's.
    pub async fn spare_image(&mut self) -> String {
        let key = format!("{}-image", self.fresh());
        self.server.give(&self.hero(), &self.owner, i64::from(100 + self.spare)).await;
        let task = self.server.drawing(&self.owner, 1, &key).await;
        id(&self.server.ended(&self.owner, &task).await["items"][0]["image"])
    }

    /// A further cluster of the owner's.
    pub async fn spare_cluster(&mut self) -> String {
        let name = self.fresh();
        pipeline::cluster(&self.server, &self.owner, &self.pipeline.site, &name).await
    }

    /// The number of rows in every table, but for the one that counts failed sign-ins.
    pub async fn rows(&self) -> BTreeMap<String, i64> {
        let db = &self.server.db;
        let sql = match db.engine() {
            Engine::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            Engine::Postgres => "SELECT CAST(tablename AS text) AS name FROM pg_tables WHERE schemaname = 'public'",
        };
        let mut rows = BTreeMap::new();
        for row in db.reader().query_all_raw(db.statement(sql, [])).await.unwrap() {
            let table: String = row.try_get("", "name").unwrap();
            // Who was here is written by the way.
            if !["sign_in_failure", "user_activity", "activity_tracking"].contains(&table.as_str()) {
                let count = self.server.number(&format!("SELECT COUNT(*) FROM {table}")).await;
                rows.insert(table, count);
            }
        }
        rows
    }

    /// What a caller is answered: the whole text.
    pub async fn ask(&self, caller: Caller, query: &str, variables: Value) -> Value {
        self.server.call(self.token(caller), query, variables).await
    }

    /// The first message of a subscription.
    pub async fn listen(&self, caller: Caller, query: &str) -> Value {
        let mut ws = Ws::ready(self.server.address(), self.token(caller)).await;
        ws.subscribe("one", query).await;
        let message = ws.receive().await;
        let payload = message["payload"].clone();
        // A refused subscription answers a list of errors.
        if payload.is_array() { json!({"errors": payload}) } else { payload }
    }

    /// The document that asks for a root field about the owner's things, and its variables.
    /// Panics for a field that has none: give it one, and a line in the table.
    pub fn document(&mut self, root: &str, field: &str) -> (String, Value) {
        match root {
            "Query" => (self.query(field), json!({})),
            "Mutation" => self.mutation(field),
            _ => (self.subscription(field), json!({})),
        }
    }

    fn query(&self, field: &str) -> String {
        let (owner, account, task) = (&self.owner.user, &self.owner.account, &self.task);
        let user =
            "id username email role sessions { totalCount } accounts { nodes { id name balance { available } } }";
        let of_account = "id name balance { available held } creditTransactions { nodes { id amount } totalCount }";
        let of_task = "id prompt status creditsUsed items { image { id url prompt } text }";
        match field {
            "account" => format!(
                "{{ account(id: \"{account}\") {{ {of_account} viewerRole members {{ nodes {{ username email }} }} invitations {{ nodes {{ email }} }} creditGrants {{ nodes {{ id }} }} \
                 creditHolds {{ nodes {{ id task {{ prompt }} }} }} lowBalanceThresholds {{ level }} \
                 balanceAt(at: \"2026-01-01T00:00:00.000000Z\") {{ available }} }} }}"
            ),
            "accounts" => format!("{{ accounts {{ nodes {{ {of_account} }} totalCount }} }}"),
            "adminCharts" => "{ adminCharts { days { creditsSpent newUsers } byModel { model { name } } } }".to_owned(),
            "adminPerformance" => "{ adminPerformance { fields { name count } } }".to_owned(),
            "adminStats" => "{ adminStats { users creditsSpent } }".to_owned(),
            "aiModels" => "{ aiModels { id name } }".to_owned(),
            "aiTask" => format!("{{ aiTask(id: \"{task}\") {{ {of_task} }} }}"),
            "aiTasks" => format!("{{ aiTasks(accountId: \"{account}\") {{ nodes {{ {of_task} }} totalCount }} }}"),
            "creditReceipt" => format!(
                "{{ creditReceipt(transactionId: \"{}\") {{ bytes document anchor {{ number links }} }} }}",
                self.transaction
            ),
            "creditTrace" => format!(
                "{{ creditTrace(of: {{taskId: \"{task}\"}}) {{ task {{ prompt }} steps {{ nodes {{ hold {{ id }} }} }} }} }}"
            ),
            "diagnoseCredits" => {
                format!("{{ diagnoseCredits(accountId: \"{account}\") {{ isConsistent violations {{ rule }} }} }}")
            }
            "ledgerHealth" => "{ ledgerHealth { epoch frozenAccounts { id } lastCheck { violations } } }".to_owned(),
            "creditTransactions" => {
                format!("{{ creditTransactions(accountId: \"{account}\") {{ nodes {{ id amount }} totalCount }} }}")
            }
            "previewPrompt" => format!(
                "{{ previewPrompt(input: {{ accountId: \"{account}\", event: {{ eventType: \"BBQ\" }} }}) \
                 {{ text userErrors {{ code }} }} }}"
            ),
            "quoteAiTask" => format!(
                "{{ quoteAiTask(input: {{ accountId: \"{account}\", function: GENERATE_TEXT, prompt: \"more\" }}) \
                 {{ credits userErrors {{ code }} }} }}"
            ),
            "diffSystemPrompts" => {
                let version = &self.prompt.first;
                format!(
                    "{{ diffSystemPrompts(input: {{versions: {{leftVersionId: \"{version}\", rightVersionId: \"{version}\"}}}}) \
                     {{ versions {{ left {{ content }} lines {{ text }} }} userErrors {{ code }} }} }}"
                )
            }
            "auditLog" => "{ auditLog { nodes { action actorReference before after } totalCount } }".to_owned(),
            "flags" => "{ flags { name isOn } }".to_owned(),
            "environmentAudit" => "{ environmentAudit { __typename } }".to_owned(),
            "eventForm" => "{ eventForm(type: \"WEDDING\") { form { name } userErrors { code } } }".to_owned(),
            "exportSystemPrompts" => "{ exportSystemPrompts { fileName content } }".to_owned(),
            "images" => format!("{{ images(accountId: \"{account}\") {{ nodes {{ id url prompt }} totalCount }} }}"),
            "myPermissions" => "{ myPermissions { feature level } }".to_owned(),
            "node" => format!("{{ node(id: \"{account}\") {{ ... on Account {{ {of_account} }} }} }}"),
            "nodes" => format!("{{ nodes(ids: [\"{owner}\"]) {{ ... on User {{ {user} }} }} }}"),
            "notifications" => {
                format!("{{ notifications(accountId: \"{account}\") {{ nodes {{ id message }} totalCount }} }}")
            }
            "promptStatistics" => "{ promptStatistics { count prompts { nodes { key } totalCount } } }".to_owned(),
            "providerSettings" => "{ providerSettings { name settings } }".to_owned(),
            "recordsAudit" => "{ recordsAudit { __typename } }".to_owned(),
            "rateLimit" => "{ rateLimit { remaining } }".to_owned(),
            "serverInfo" => "{ serverInfo { version } }".to_owned(),
            "systemPrompt" => {
                format!(
                    "{{ systemPrompt(by: {{id: \"{}\"}}) {{ id content versions {{ nodes {{ content }} }} }} }}",
                    self.prompt.prompt
                )
            }
            "systemPrompts" => "{ systemPrompts { nodes { id content } totalCount } }".to_owned(),
            "user" => format!("{{ user(id: \"{owner}\") {{ {user} }} }}"),
            "users" => format!("{{ users {{ nodes {{ {user} }} totalCount }} }}"),
            "viewer" => "{ viewer { id username } }".to_owned(),
            other => self
                .pipeline
                .query(other, account)
                .unwrap_or_else(|| panic!("give Query.{other} a document here, and a line in matrix.txt")),
        }
    }

    fn subscription(&self, field: &str) -> String {
        let (account, task) = (&self.owner.account, &self.task);
        match field {
            "aiTaskProgress" => {
                format!("subscription {{ aiTaskProgress(taskId: \"{task}\") {{ kind task {{ prompt }} }} }}")
            }
            "creditBalance" => {
                format!("subscription {{ creditBalance(accountId: \"{account}\") {{ kind balance {{ available }} }} }}")
            }
            "automationProgress" => format!(
                "subscription {{ automationProgress(runId: \"{}\") {{ kind run {{ site {{ name }} }} }} }}",
                self.pipeline.run
            ),
            other => panic!("give Subscription.{other} a document here, and a line in matrix.txt"),
        }
    }

    fn mutation(&mut self, field: &str) -> (String, Value) {
        let fresh = self.fresh();
        let (user, account) = (self.owner.user.clone(), self.owner.account.clone());
        let newcomer = json!({"username": fresh, "email": format!("{fresh}@example.com"), "password": PASSWORD});
        let input = match field {
            "activateSystemPromptVersion" => json!({"versionId": self.prompt.first, "expectedVersion": 2}),
            "addCredits" => {
                json!({"target": {"accountId": account}, "amount": 1, "idempotencyKey": format!("{fresh}-key")})
            }
            "addPriceVersion" => {
                // Another price each time; the same again would change nothing.
                let credits = self.spare % 5 + 1;
                json!({"modelId": self.model, "price": {"image": {"creditsPerImage": credits}}})
            }
            "changeMemberRole" => json!({"memberId": member_id(&account, &self.owner), "role": "OWNER"}),
            "closeViewer" => json!({"password": "Wrong-passw0rd"}),
            "acceptInvitation" => json!({"token": "A".repeat(43)}),
            "inviteMember" => {
                json!({"accountId": account, "email": format!("{fresh}@example.com"), "role": "VIEWER"})
            }
            "createAccount" => json!({"name": fresh}),
            "removeMember" => json!({"memberId": member_id(&account, &self.owner)}),
            "suspendAccount" | "reactivateAccount" => json!({"accountId": account, "reason": "a test"}),
            "updateViewer" => json!({}),
            "assignRole" => json!({"userId": user, "role": "USER"}),
            "cancelAiTask" => json!({"taskId": self.task}),
            "claimHero" => {
                let mut input = newcomer;
                input["token"] = json!("A".repeat(43));
                input
            }
            "createApiKey" => json!({"name": fresh, "scopes": ["READ"]}),
            "revokeApiKey" => json!({"apiKeyId": self.spare_key}),
            "createSystemPrompt" => {
                json!({"category": "STYLE_PRESET", "key": fresh, "name": fresh, "content": "a heron in ink"})
            }
            "disableSystemPrompt" | "enableSystemPrompt" | "resetSystemPrompt" => {
                json!({"promptId": self.prompt.prompt, "expectedVersion": 2})
            }
            "endPromptSplit" => json!({"splitId": self.prompt.split}),
            "startPromptSplit" => json!({
                "promptId": self.prompt.prompt, "expectedVersion": 2, "newVersionId": self.prompt.first,
                "creditBudget": 10,
            }),
            "updateSystemPrompt" => {
                json!({"promptId": self.prompt.prompt, "expectedVersion": 2, "content": "a heron in pencil"})
            }
            "createAiModel" => json!({
                "name": fresh, "provider": "sandbox", "providerModel": fresh, "kind": "TEXT", "functions": [],
                "promptLengthLimit": 1, "outputTokenLimit": 1,
                "price": {"text": {"inputPrice": "0", "outputPrice": "0", "unit": "PER_MILLION", "tokensPerCredit": 1}}
            }),
            "createUpload" => json!({"purpose": "KEYWORD_IMPORT"}),
            "deleteImage" => json!({"imageId": self.image}),
            "deleteUser" => json!({"userId": user}),
            "generateImages" | "generateText" => {
                json!({"accountId": account, "prompt": "more", "idempotencyKey": format!("{fresh}-key")})
            }
            "upscaleImage" => {
                json!({"accountId": account, "imageId": self.image, "idempotencyKey": format!("{fresh}-key")})
            }
            "importSystemPrompts" => json!({"file": {"content": "[]"}}),
            "optimisePrompts" => json!({}),
            "undoOptimisation" => json!({"optimisationId": self.optimisation}),
            "markNotificationsRead" => json!({"accountId": account, "ids": [self.notification]}),
            "moderateImage" => json!({"imageId": self.image, "isHidden": false}),
            "refundCredits" => {
                json!({"transactionId": self.transaction, "amount": 1, "idempotencyKey": format!("{fresh}-key")})
            }
            "revokeCredits" => {
                json!({"grantId": self.grant, "amount": 1, "idempotencyKey": format!("{fresh}-key")})
            }
            "setCreditCap" => json!({"accountId": account, "period": "MONTH", "limit": self.spare + 1_000_000}),
            "setLowBalanceThresholds" => json!({"accountId": account, "levels": [self.spare + 1]}),
            "refreshSession" => json!({"refreshToken": "A".repeat(43)}),
            "setCreditPrice" => json!({"creditPrice": format!("0.01{}", self.spare)}),
            "setDefaultAiModel" => json!({"function": "GENERATE_IMAGES", "modelId": self.model}),
            "setImageVisibility" => json!({"imageId": self.image, "visibility": "PRIVATE"}),
            "requestMagicLink" | "requestPasswordReset" => json!({"email": format!("{fresh}@example.com")}),
            "signInWithMagicLink" => json!({"token": fresh}),
            "resetPassword" | "verifyEmail" => json!({"token": fresh, "password": "Right-passw0rd"}),
            "changePassword" => json!({"currentPassword": "Wrong-passw0rd", "newPassword": "Right-passw0rd"}),
            "signIn" => json!({"identity": fresh, "password": "Wrong-passw0rd"}),
            "signOut" | "signOutEverywhere" => json!({}),
            "signUp" => newcomer,
            "updateAccount" => {
                json!({"accountId": account, "expectedVersion": 1, "name": format!("{CANARY} {fresh}")})
            }
            "updateAiModel" => json!({"modelId": self.model, "expectedVersion": 1, "priority": 7}),
            "setFlag" => json!({"name": "PERFORMANCE_MONITORING", "isOn": true, "reason": "matrix"}),
            "clearFlag" => json!({"name": "ANIMATIONS", "reason": "matrix"}),
            "updateProviderSettings" => json!({"provider": "sandbox", "expectedVersion": 0, "isEnabled": true}),
            other => self
                .pipeline
                .input(other, &account, &fresh)
                .unwrap_or_else(|| panic!("give Mutation.{other} an input here, and a line in matrix.txt")),
        };
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        (
            format!("mutation($i: {kind}!) {{ {field}(input: $i) {{ userErrors {{ code message }} }} }}"),
            json!({"i": input}),
        )
    }
}
