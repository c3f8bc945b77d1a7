//! Members of an account through the API: who sees them, whose roles change, who goes, and that an OWNER stays.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::{Api, Person},
    members::{join, member_id, uuid},
    server::{Home, Server},
    ws_client::Ws,
};

const MEMBERS: &str = "query($a: ID!) { account(id: $a) { viewerRole members { totalCount \
                       nodes { id username email role user { username } } } } }";

struct Studio {
    server: Server,
    account: String,
    ada: Person,
    bob: Person,
    eve: Person,
}

impl Studio {
    /// Ada owns it; Bob is EDITOR, Eve VIEWER.
    async fn open(engine: Engine) -> Self {
        let server = Server::open(engine).await;
        let (ada, bob, eve) = (server.sign_up("Ada").await, server.sign_up("Bob").await, server.sign_up("Eve").await);
        let account = server.account(&ada, "Studio").await;
        join(&server, &account, &bob, "EDITOR").await;
        join(&server, &account, &eve, "VIEWER").await;
        Self { server, account, ada, bob, eve }
    }

    async fn seen_by(&self, person: &Person) -> Value {
        self.server.call(Some(&person.token), MEMBERS, json!({"a": self.account})).await
    }

    async fn owners(&self) -> i64 {
        let id = uuid(&self.account);
        let sql = match self.server.home.engine {
            Engine::Sqlite => format!("x'{}'", id.simple()),
            Engine::Postgres => format!("'{id}'"),
        };
        let sql = format!("SELECT COUNT(*) FROM account_member WHERE role = 'OWNER' AND account_id = {sql}");
        self.server.number(&sql).await
    }
}

// G52, G61
#[rstest]
#[tokio::test]
async fn members_see_each_other_and_strangers_find_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let studio = Studio::open(engine).await;
    let server = &studio.server;
    let to_owner = studio.seen_by(&studio.ada).await["data"]["account"].take();
    assert_eq!(to_owner["viewerRole"], "OWNER");
    assert_eq!(to_owner["members"]["totalCount"], 3);
    let names: Vec<_> =
        to_owner["members"]["nodes"].as_array().unwrap().iter().map(|one| one["email"].clone()).collect();
    assert_eq!(names, ["Eve@example.com", "Bob@example.com", "Ada@example.com"], "the latest first");
    assert_eq!(to_owner["members"]["nodes"][0]["user"], Value::Null);
    assert_eq!(to_owner["members"]["nodes"][2]["user"]["username"], "Ada");
    assert_eq!(to_owner["members"]["nodes"][1]["id"], member_id(&studio.account, &studio.bob));

    let to_editor = studio.seen_by(&studio.bob).await["data"]["account"].take();
    assert_eq!(to_editor["viewerRole"], "EDITOR");
    let told: Vec<_> =
        to_editor["members"]["nodes"].as_array().unwrap().iter().map(|one| one["email"].clone()).collect();
    assert_eq!(told, [Value::Null, json!("Bob@example.com"), Value::Null], "addresses are for owners");

    let page = "query($a: ID!, $c: String) { account(id: $a) { members(first: 1, after: $c) { nodes { username } \
                pageInfo { endCursor hasNextPage } } } }";
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    for _ in 0..3 {
        let found = server.data(Some(&studio.ada.token), page, json!({"a": studio.account, "c": cursor})).await;
        let members = &found["account"]["members"];
        seen.push(members["nodes"][0]["username"].as_str().unwrap().to_owned());
        cursor = members["pageInfo"]["endCursor"].clone();
        assert_eq!(members["pageInfo"]["hasNextPage"], seen.len() < 3);
    }
    assert_eq!(seen, ["Eve", "Bob", "Ada"]);

    let stranger = server.sign_up("Mal").await;
    let refused = studio.seen_by(&stranger).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND");
    let node = "query($id: ID!) { node(id: $id) { ... on AccountMember { username } } }";
    let id = member_id(&studio.account, &studio.bob);
    assert_eq!(server.data(Some(&stranger.token), node, json!({ "id": id })).await["node"], Value::Null);
    assert_eq!(server.data(Some(&studio.eve.token), node, json!({ "id": id })).await["node"]["username"], "Bob");
    let hero = server.hero().await;
    let to_hero = studio.seen_by(&hero).await["data"]["account"].take();
    assert_eq!((&to_hero["viewerRole"], &to_hero["members"]["totalCount"]), (&Value::Null, &json!(3)));
    assert_eq!(to_hero["members"]["nodes"][0]["user"]["username"], "Eve");
}

#[rstest]
#[tokio::test]
async fn only_owners_change_members_and_one_owner_always_stays(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let studio = Studio::open(engine).await;
    let Studio { server, account, ada, bob, eve } = &studio;
    let (stranger, hero) = (server.sign_up("Mal").await, server.hero().await);
    for (actor, code) in [(bob, "FORBIDDEN"), (eve, "FORBIDDEN"), (&stranger, "NOT_FOUND"), (&hero, "NOT_FOUND")] {
        assert_eq!(server.change_role(actor, account, eve, "OWNER").await, code, "{}", actor.name);
        assert_eq!(server.remove(actor, account, ada).await, code, "{}", actor.name);
    }
    assert_eq!(server.change_role(ada, account, &stranger, "VIEWER").await, "NOT_FOUND");
    assert_eq!(server.remove(ada, account, &stranger).await, "NOT_FOUND");
    assert_eq!(server.refusal(ada, "removeMember", json!({"memberId": ada.user})).await, "BAD_USER_INPUT");
    assert_eq!(server.change_role(ada, account, ada, "EDITOR").await, "LAST_OWNER");
    assert_eq!(server.remove(ada, account, ada).await, "LAST_OWNER");

    // Ownership passes on: Bob becomes OWNER, then Ada steps down and may no more.
    assert_eq!(server.change_role(ada, account, bob, "OWNER").await, "");
    assert_eq!(server.change_role(ada, account, bob, "OWNER").await, "", "the same role again changes nothing");
    assert_eq!(server.change_role(ada, account, ada, "VIEWER").await, "");
    assert_eq!(server.change_role(ada, account, eve, "EDITOR").await, "FORBIDDEN");
    assert_eq!(server.change_role(bob, account, bob, "VIEWER").await, "LAST_OWNER");
    assert_eq!(server.remove(ada, account, ada).await, "", "anybody may leave");
    assert_eq!(studio.seen_by(ada).await["errors"][0]["extensions"]["code"], "NOT_FOUND");
    let changes = "SELECT COUNT(*) FROM audit_entry WHERE action = 'member.change_role' AND request_id IS NOT NULL";
    assert_eq!(server.number(changes).await, 2);
    let left = "SELECT COUNT(*) FROM audit_entry WHERE action = 'member.remove' AND before LIKE '%VIEWER%'";
    assert_eq!(server.number(left).await, 1);
}

#[rstest]
#[tokio::test]
async fn a_personal_accounts_own_person_stays_its_owner(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let (ada, bob) = (server.sign_up("Ada").await, server.sign_up("Bob").await);
    join(&server, &ada.account, &bob, "OWNER").await;
    for actor in [&ada, &bob] {
        assert_eq!(server.change_role(actor, &ada.account, &ada, "EDITOR").await, "PERSONAL_OWNER");
        assert_eq!(server.remove(actor, &ada.account, &ada).await, "PERSONAL_OWNER");
    }
    assert_eq!(server.remove(&ada, &ada.account, &bob).await, "");
}

// G19, G56
#[rstest]
#[tokio::test]
async fn who_is_removed_or_demoted_is_closed_and_finds_nothing_more(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let studio = Studio::open(engine).await;
    let Studio { server, account, ada, bob, eve } = &studio;
    let balance = format!("subscription {{ creditBalance(accountId: \"{account}\") {{ kind }} }}");
    let open = async |person: &Person| {
        let mut ws = Ws::ready(server.address(), Some(&person.token)).await;
        ws.subscribe("one", &balance).await;
        ws.expect("next", "one").await;
        ws
    };
    let (mut owner, mut editor, mut looker) = (open(ada).await, open(bob).await, open(eve).await);
    let cap = json!({"accountId": account, "memberId": member_id(account, bob), "period": "MONTH", "limit": 500});
    assert_eq!(server.refusal(ada, "setCreditCap", cap.clone()).await, "");
    let caps = "query($a: ID!) { account(id: $a) { creditCaps { limit accountMember { username } } } }";
    let found = server.data(Some(&ada.token), caps, json!({ "a": account })).await;
    assert_eq!(found["account"]["creditCaps"], json!([{"limit": 500, "accountMember": {"username": "Bob"}}]));

    assert_eq!(server.remove(ada, account, bob).await, "");
    assert_eq!(editor.closed().await, (4403, "RIGHTS_CHANGED".to_owned()));
    assert_eq!(studio.seen_by(bob).await["errors"][0]["extensions"]["code"], "NOT_FOUND");
    let found = server.data(Some(&ada.token), caps, json!({ "a": account })).await;
    assert_eq!(found["account"]["creditCaps"], json!([]), "a cap ends with the membership");
    assert_eq!(server.refusal(ada, "setCreditCap", cap).await, "NOT_FOUND");

    assert_eq!(server.change_role(ada, account, eve, "EDITOR").await, "");
    assert_eq!(looker.closed().await, (4403, "RIGHTS_CHANGED".to_owned()));
    assert_eq!(studio.seen_by(eve).await["data"]["account"]["viewerRole"], "EDITOR");
    owner.complete("one").await;
    owner.subscribe("two", &balance).await;
    owner.expect("next", "two").await;
    server.check_ledger().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_changes_at_once_leave_an_owner(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    // On PostgreSQL a second server on the same database takes half of them.
    let second = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(home.start().await),
    };
    let mut people = Vec::new();
    for name in ["Ada", "Bob", "Cyd", "Dan", "Eve"] {
        people.push(server.sign_up(name).await);
    }
    let account = server.account(&people[0], "Studio").await;
    for person in &people[1..] {
        join(&server, &account, person, "OWNER").await;
    }
    let tries = (0..50_usize).map(|number| {
        let api: Api = match (&second, number % 2) {
            (Some(second), 1) => second.api.clone(),
            _ => server.api.clone(),
        };
        let (actor, target) = (people[number % 5].clone(), people[(number * 3 + number / 5) % 5].clone());
        let account = account.clone();
        tokio::spawn(async move {
            match number % 3 {
                0 => api.remove(&actor, &account, &target).await,
                1 => api.change_role(&actor, &account, &target, "EDITOR").await,
                _ => api.change_role(&actor, &account, &target, "VIEWER").await,
            }
        })
    });
    let tries: Vec<_> = tries.collect();
    let mut codes = std::collections::BTreeMap::<String, usize>::new();
    for one in tries {
        *codes.entry(one.await.unwrap()).or_default() += 1;
    }
    let known = ["", "LAST_OWNER", "FORBIDDEN", "NOT_FOUND"];
    assert!(codes.keys().all(|code| known.contains(&code.as_str())), "{codes:?}");
    assert!(codes.contains_key(""), "{codes:?}");
    let studio = Studio { account, ada: people[0].clone(), bob: people[1].clone(), eve: people[4].clone(), server };
    assert!(studio.owners().await >= 1, "{codes:?}");
}

/// The whole of the promise, at its narrowest: two OWNERs who each step down at once.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_owners_who_step_down_at_once_one_stays(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    // Another process where the engine takes one.
    let other = if engine == Engine::Postgres { Some(home.start().await) } else { None };
    let second = other.as_ref().map_or(&server.api, |other| &other.api);
    let (ada, bob) = (server.sign_up("Ada").await, server.sign_up("Bob").await);
    for round in 0..8 {
        let account = server.account(&ada, &format!("Studio {round}")).await;
        join(&server, &account, &bob, "OWNER").await;
        let (one, two) = tokio::join!(
            server.change_role(&ada, &account, &ada, "EDITOR"),
            second.change_role(&bob, &account, &bob, "EDITOR")
        );
        let mut codes = [one.as_str(), two.as_str()];
        codes.sort_unstable();
        assert_eq!(codes, ["", "LAST_OWNER"]);
    }
}
