//! Many sites of several members, each ready for a run.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    place::{Place, Sql},
    world::{create_site, field},
};
use crate::support::{
    api::{Api, Person},
    server::Server,
};

/// Calls of preparation that are under way at once.
const AT_ONCE: usize = 8;
/// Given to each member.
const CREDITS: i64 = 1_000_000;

/// A server, and sites in it. The server ends before its place does.
pub struct Fleet {
    pub server: Server,
    pub api: Api,
    pub sites: Vec<Site>,
    pub sql: Sql,
    _place: Place,
}

/// A site and whose it is.
#[derive(Clone)]
pub struct Site {
    pub owner: Arc<Person>,
    pub id: String,
}

/// A run of a site.
#[derive(Clone)]
pub struct Run {
    pub owner: Arc<Person>,
    pub id: String,
}

/// What a command is: its mutation, named after it, the run's id or the site's, and a key of its own.
pub async fn command(api: &Api, owner: &Person, mutation: &str, mut input: Value) -> Value {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!(
        "mutation($i: {kind}!) {{ {mutation}(input: $i) {{ run {{ id state }} userErrors {{ code message }} }} }}"
    );
    input["idempotencyKey"] = json!(format!("bench-{}", uuid::Uuid::now_v7()));
    field(api.ask(&owner.token, &query, json!({ "i": input })).await)["run"].take()
}

impl Fleet {
    /// `members` with `sites_each`, which `prepare` makes ready with the config that runs copy.
    pub async fn new<F, Fut>(
        binary: &str,
        url: Option<&str>,
        (members, sites_each): (usize, usize),
        config: &Value,
        prepare: F,
    ) -> Self
    where
        F: Fn(Api, Site) -> Fut,
        Fut: Future<Output = ()>,
    {
        let place = Place::new(url).await;
        let server = place.start(binary);
        let api = Api::new(&server.url);
        let hero = api.claim(&server.claim).await;
        let mut owners = Vec::new();
        for number in 0..members {
            let owner = Arc::new(api.sign_up(&format!("member-{number}")).await);
            let give = "mutation($to: ID!, $n: CreditsEntry!, $key: ID!) { addCredits(input: {target: {accountId: $to}, \
                        amount: $n, idempotencyKey: $key}) { balanceAfter userErrors { code } } }";
            let variables = json!({"to": owner.account, "n": CREDITS, "key": format!("fleet-{number:08}")});
            field(api.ask(&hero, give, variables).await);
            owners.extend((0..sites_each).map(|site| (owner.clone(), format!("site-{number}-{site}.example"))));
        }
        let making = stream::iter(owners).map(|(owner, domain)| {
            let (api, config, prepare) = (&api, config.clone(), &prepare);
            async move {
                let id = create_site(api, &owner, &domain).await;
                let query = "mutation($i: UpdateAutomationConfigInput!) { updateAutomationConfig(input: $i) { \
                             userErrors { code message } } }";
                let mut input = config;
                input["siteId"] = json!(id);
                input["expectedVersion"] = json!(0);
                field(api.ask(&owner.token, query, json!({ "i": input })).await);
                let site = Site { owner, id };
                prepare(api.clone(), site.clone()).await;
                site
            }
        });
        let sites = making.buffered(AT_ONCE).collect().await;
        let mut sql = place.sql().await;
        sql.settle().await;
        Self { server, api, sites, sql, _place: place }
    }

    /// Does something to every site.
    pub async fn each<F, Fut>(&self, act: F)
    where
        F: Fn(Api, Site) -> Fut,
        Fut: Future<Output = ()>,
    {
        let acting = stream::iter(self.sites.clone()).map(|site| act(self.api.clone(), site));
        acting.buffered(AT_ONCE).collect::<Vec<()>>().await;
    }

    /// Starts a run of every site.
    pub async fn start(&self) -> Vec<Run> {
        let starting = stream::iter(self.sites.clone()).map(|site| async move {
            let run = command(&self.api, &site.owner, "startAutomationRun", json!({"siteId": site.id})).await;
            Run { owner: site.owner, id: run["id"].as_str().unwrap().to_owned() }
        });
        starting.buffered(AT_ONCE).collect().await
    }

    /// How many runs satisfy the condition.
    pub async fn count(&mut self, condition: &str) -> i64 {
        self.sql.number(format!("SELECT COUNT(*) FROM automation_run WHERE {condition}")).await
    }

    /// Waits until every run satisfies the condition.
    pub async fn until_all(&mut self, condition: &str) {
        let began = tokio::time::Instant::now();
        while self.count(&format!("NOT ({condition})")).await > 0 {
            assert!(began.elapsed() < Duration::from_secs(300), "not every run came to {condition}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Fails unless what runs say they used, what is recorded as used by their tasks and what the ledger took are the same;
    /// answers it. Nothing else was done on these accounts.
    pub async fn check_credits(&mut self) -> i64 {
        let runs =
            self.sql.number("SELECT CAST(COALESCE(SUM(credits_used), 0) AS bigint) FROM automation_run".to_owned());
        let runs = runs.await;
        for (what, sql) in [
            (
                "the usage of tasks of runs",
                "SELECT CAST(COALESCE(SUM(u.credits), 0) AS bigint) FROM credit_usage u JOIN ai_task t ON t.id = u.ai_task_id WHERE t.run_id IS NOT NULL",
            ),
            (
                "the settlements",
                "SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM credit_transaction WHERE kind = 'settle'",
            ),
            ("what accounts spent", "SELECT CAST(COALESCE(SUM(spent), 0) AS bigint) FROM ledger_account"),
        ] {
            assert_eq!(self.sql.number(sql.to_owned()).await, runs, "{what}, and the credits of runs");
        }
        let held =
            self.sql.number("SELECT CAST(COALESCE(SUM(held), 0) AS bigint) FROM ledger_account".to_owned()).await;
        assert_eq!(held, 0, "credits are held though no run is left");
        let left = "SELECT CAST(SUM(issued) - SUM(available) AS bigint) FROM ledger_account".to_owned();
        assert_eq!(self.sql.number(left).await, runs, "what is gone of all credits that were issued");
        runs
    }
}
