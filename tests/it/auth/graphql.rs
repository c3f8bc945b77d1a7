//! Identity through its GraphQL fields.

use async_graphql::{EmptySubscription, Request, Schema, Variables, dataloader::DataLoader};
use inkledger::{
    auth::graphql::{AuthMutation, AuthQuery},
    db::Engine,
    error::AuthReason,
    graphql::context::RequestContext,
    ledger::graphql::LedgerLoader,
    viewer::{PlatformRole, Viewer},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::house::{House, PASSWORD, secret};

struct Door {
    house: House,
    schema: Schema<AuthQuery, AuthMutation, EmptySubscription>,
}

const SESSION: &str = "session { accessToken accessTokenExpiresAt refreshToken user { id username role } } \
                       userErrors { code message path }";

impl Door {
    async fn open(engine: Engine) -> Self {
        let house = House::open(engine).await;
        let schema = Schema::build(AuthQuery, AuthMutation, EmptySubscription)
            .data(house.auth.clone())
            .data(house.ledger.clone())
            .data(DataLoader::new(house.auth.clone(), tokio::spawn))
            .data(DataLoader::new(LedgerLoader(house.ledger.clone()), tokio::spawn))
            .finish();
        Self { house, schema }
    }

    async fn ask(&self, token: Option<&str>, document: &str, variables: Value) -> Value {
        let viewer = self.house.auth.authenticate(token).await.unwrap();
        let context = RequestContext { viewer, request_id: "request-1".into(), address: [198, 51, 100, 7].into() };
        let request = Request::new(document).variables(Variables::from_json(variables)).data(context);
        serde_json::to_value(self.schema.execute(request).await).unwrap()
    }

    /// One mutation with its input; answers its payload, or the whole answer when there is none.
    async fn mutate(&self, token: Option<&str>, field: &str, selection: &str, input: Value) -> Value {
        let title = format!("{}{}", field[..1].to_uppercase(), &field[1..]);
        let document = format!("mutation($input: {title}Input!) {{ {field}(input: $input) {{ {selection} }} }}");
        let answer = self.ask(token, &document, json!({ "input": input })).await;
        match answer["data"].get(field) {
            Some(payload) if !payload.is_null() => payload.clone(),
            _ => answer,
        }
    }

    async fn sign_up(&self, name: &str) -> Value {
        let input = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        self.mutate(None, "signUp", SESSION, input).await
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_person_signs_up_goes_on_and_signs_out(#[case] engine: Engine) {
    let door = Door::open(engine).await;
    let session = door.sign_up("Ada").await;
    assert_eq!(session["userErrors"], json!([]));
    assert_eq!(text(&session, "/session/user/role"), "USER");
    assert_eq!(text(&session, "/session/accessTokenExpiresAt"), "2026-01-01T00:10:00.000000Z");
    let token = text(&session, "/session/accessToken");
    let viewer = "{ viewer { username email personalAccount { name isPersonal state balance { available } } \
                  accounts { totalCount nodes { id } } } }";
    let answer = door.ask(Some(token), viewer, Value::Null).await;
    assert_eq!(text(&answer, "/data/viewer/email"), "Ada@example.com");
    let account = answer.pointer("/data/viewer/personalAccount").unwrap();
    let expected = json!({"name": "Ada", "isPersonal": true, "state": "ACTIVE", "balance": {"available": 25}});
    assert_eq!(account, &expected);
    assert_eq!(answer.pointer("/data/viewer/accounts/totalCount"), Some(&json!(1)));

    let refreshed = json!({"refreshToken": text(&session, "/session/refreshToken")});
    let refreshed = door.mutate(None, "refreshSession", SESSION, refreshed).await;
    assert_eq!(text(&refreshed, "/session/user/username"), "Ada");
    let out = door.mutate(Some(token), "signOut", "sessionsEnded userErrors { code }", json!({})).await;
    assert_eq!(out, json!({"sessionsEnded": 1, "userErrors": []}));
    assert_eq!(door.ask(Some(token), "{ viewer { id } }", Value::Null).await["data"]["viewer"], Value::Null);
    let again = door.mutate(Some(token), "signOut", "sessionsEnded", json!({})).await;
    assert_eq!(text(&again, "/errors/0/extensions/code"), "UNAUTHENTICATED");
    assert_eq!(text(&again, "/errors/0/extensions/reason"), "SESSION_ENDED");
    let input = json!({"refreshToken": text(&refreshed, "/session/refreshToken")});
    let over = door.mutate(None, "refreshSession", SESSION, input).await;
    assert_eq!(text(&over, "/userErrors/0/code"), "REFRESH_TOKEN_INVALID");
    assert_eq!(over["userErrors"][0]["path"], json!(["input", "refreshToken"]));
}

#[tokio::test]
async fn tells_each_fault_of_a_sign_up_with_its_field() {
    let door = Door::open(Engine::Sqlite).await;
    let input = json!({"username": "a", "email": "b", "password": "c"});
    let refused = door.mutate(None, "signUp", SESSION, input).await;
    let codes: Vec<(&str, &str)> = refused["userErrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (text(error, "/code"), text(error, "/path/1")))
        .collect();
    assert_eq!(
        codes,
        [("USERNAME_INVALID", "username"), ("EMAIL_INVALID", "email"), ("PASSWORD_TOO_WEAK", "password")]
    );
    door.sign_up("Ada").await;
    let taken = door.sign_up("aDa").await;
    assert_eq!(text(&taken, "/userErrors/0/code"), "USERNAME_TAKEN");
    assert_eq!(text(&taken, "/userErrors/1/code"), "EMAIL_TAKEN");
}

// G59
#[tokio::test]
async fn wrong_credentials_get_one_answer_and_then_a_pause() {
    let door = Door::open(Engine::Sqlite).await;
    door.sign_up("Ada").await;
    let sign_in = async |identity: &str, password: &str| {
        let input = json!({"identity": identity, "password": password});
        door.mutate(None, "signIn", SESSION, input).await
    };
    let (known, unknown) = (sign_in("Ada", "Wrong0ne").await, sign_in("nobody", "Wrong0ne").await);
    assert_eq!(known, unknown);
    assert_eq!(text(&known, "/userErrors/0/code"), "SIGN_IN_FAILED");
    for _ in 0..4 {
        sign_in("Ada", "Wrong0ne").await;
    }
    let limited = sign_in("Ada", PASSWORD).await;
    assert_eq!(text(&limited, "/errors/0/extensions/code"), "RATE_LIMITED");
    assert_eq!(limited["errors"][0]["extensions"]["retryAfterMs"], json!(900_000));
}

// G51, G52
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_first_hero_claims_the_server_and_assigns_roles(#[case] engine: Engine) {
    let door = Door::open(engine).await;
    let link = door.house.auth.offer_hero_claim("http://localhost").await.unwrap().unwrap();
    let claim = json!({
        "token": link.split_once('#').unwrap().1, "username": "Hero", "email": "hero@example.com", "password": PASSWORD,
    });
    let hero = door.mutate(None, "claimHero", SESSION, claim.clone()).await;
    assert_eq!(text(&hero, "/session/user/role"), "HERO");
    let again = door.mutate(None, "claimHero", SESSION, claim).await;
    assert_eq!(text(&again, "/userErrors/0/code"), "CLAIM_INVALID");
    let (hero_id, hero) = (text(&hero, "/session/user/id"), text(&hero, "/session/accessToken"));
    let ada = door.sign_up("Ada").await;
    let (ada_id, ada) = (text(&ada, "/session/user/id"), text(&ada, "/session/accessToken"));

    let assign = "user { role } userErrors { code }";
    let own = json!({"userId": hero_id, "role": "USER"});
    let own = door.mutate(Some(hero), "assignRole", assign, own).await;
    assert_eq!(text(&own, "/userErrors/0/code"), "OWN_USER");
    let up = json!({"userId": ada_id, "role": "ADMIN"});
    let denied = door.mutate(Some(ada), "assignRole", assign, up.clone()).await;
    assert_eq!(text(&denied, "/errors/0/extensions/code"), "FORBIDDEN");
    assert_eq!(text(&denied, "/errors/0/extensions/feature"), "roles:assign");
    let done = door.mutate(Some(hero), "assignRole", assign, up).await;
    assert_eq!(done, json!({"user": {"role": "ADMIN"}, "userErrors": []}));
    let people = "{ users(first: 1) { totalCount nodes { username } pageInfo { hasNextPage endCursor } } }";
    let people = door.ask(Some(ada), people, Value::Null).await;
    assert_eq!(people["data"]["users"]["totalCount"], json!(2));
    assert_eq!(text(&people, "/data/users/nodes/0/username"), "Ada");
    let cursor = text(&people, "/data/users/pageInfo/endCursor");
    let next = "query($after: String) { users(after: $after) { nodes { username personalAccount { name } } } }";
    let next = door.ask(Some(ada), next, json!({ "after": cursor })).await;
    assert_eq!(next["data"]["users"]["nodes"], json!([{"username": "Hero", "personalAccount": {"name": "Hero"}}]));

    let delete = "user { username } userErrors { code }";
    let gone = door.mutate(Some(hero), "deleteUser", delete, json!({ "userId": ada_id })).await;
    assert_eq!(gone, json!({"user": {"username": "Ada"}, "userErrors": []}));
    let unknown = door.ask(Some(hero), "query($id: ID!) { user(id: $id) { id } }", json!({ "id": ada_id })).await;
    assert_eq!(text(&unknown, "/errors/0/extensions/code"), "NOT_FOUND");
}

// G52
#[tokio::test]
async fn another_tenants_account_reads_as_not_found() {
    let door = Door::open(Engine::Sqlite).await;
    let ada = door.house.person("Ada").await;
    let bob = door.house.person("Bob").await;
    let admin = door.house.person_as("Admin", PlatformRole::Admin).await;
    let account = door.house.auth.personal_account_of(ada.user.id).await.unwrap().unwrap().id;
    let kind = inkledger::graphql::node::NodeKind::Account;
    let id = |uuid| inkledger::graphql::node::encode(kind, uuid).to_string();
    let look = async |session: &inkledger::auth::model::IssuedSession, uuid| {
        let token = super::house::reveal(&session.access_token);
        let document = "query($id: ID!) { account(id: $id) { name } }";
        door.ask(Some(&token), document, json!({ "id": id(uuid) })).await
    };
    assert_eq!(text(&look(&ada, account).await, "/data/account/name"), "Ada");
    assert_eq!(text(&look(&admin, account).await, "/data/account/name"), "Ada");
    let missing = look(&bob, uuid::Uuid::from_u128(4)).await;
    assert_eq!(look(&bob, account).await, missing);
    assert_eq!(text(&missing, "/errors/0/extensions/code"), "NOT_FOUND");
    let wrong = door.ask(None, "query { account(id: \"x\") { name } }", Value::Null).await;
    assert_eq!(text(&wrong, "/errors/0/extensions/code"), "UNAUTHENTICATED");
    assert_eq!(door.house.auth.authenticate(None).await.unwrap(), Viewer::Anonymous(AuthReason::Missing));
    assert!(!format!("{:?}", secret("hidden")).contains("hidden"));
}
