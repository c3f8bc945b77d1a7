//! People and what they commonly do, through the API alone.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use super::{
    graphql_client::{Client, send},
    ws_client::Ws,
};

/// Everybody's password.
pub const PASSWORD: &str = "Passw0rd-of-tests";

pub const SESSION: &str = "session { accessToken user { id username personalAccount { id } } }";

/// What `drawn` and `ended` read of a task.
pub const TASK: &str = "id status phase percent itemsTotal itemsDelivered itemsFailed creditsUsed error { code message } \
                        items { position state credits errorCode image { id url contentType width height } }";

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: String,
    pub token: String,
    pub user: String,
    pub account: String,
}

impl Person {
    pub fn of(session: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            name: text(&session["user"]["username"]),
            token: text(&session["accessToken"]),
            user: text(&session["user"]["id"]),
            account: text(&session["user"]["personalAccount"]["id"]),
        }
    }
}

/// A client of one server that speaks in acts.
#[derive(Clone)]
pub struct Api {
    pub client: Client,
    pub address: SocketAddr,
}

impl Api {
    pub fn new(address: SocketAddr) -> Self {
        Self { client: Client::new(address), address }
    }

    /// The whole answer, whatever it is.
    pub async fn call(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        send(self.request(token, query, variables)).await.json()
    }

    /// A request, as yet unsent.
    pub fn request(&self, token: Option<&str>, query: &str, variables: Value) -> reqwest::RequestBuilder {
        let request = self.client.post(json!({"query": query, "variables": variables}).to_string());
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The data of an answer without errors.
    pub async fn data(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let mut answer = self.call(token, query, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].take()
    }

    /// The payload of the only root field of an answer without errors.
    pub async fn payload(&self, person: &Person, query: &str, variables: Value) -> Value {
        let data = self.data(Some(&person.token), query, variables).await;
        data.as_object().unwrap().values().next().unwrap().clone()
    }

    pub async fn sign_up(&self, name: &str) -> Person {
        let query = format!("mutation($i: SignUpInput!) {{ signUp(input: $i) {{ {SESSION} userErrors {{ code }} }} }}");
        let input = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        let data = self.data(None, &query, json!({"i": input})).await;
        assert_eq!(data["signUp"]["userErrors"], json!([]));
        Person::of(&data["signUp"]["session"])
    }

    pub async fn sign_in(&self, name: &str) -> Person {
        let query = format!("mutation($i: SignInInput!) {{ signIn(input: $i) {{ {SESSION} userErrors {{ code }} }} }}");
        let data = self.data(None, &query, json!({"i": {"identity": name, "password": PASSWORD}})).await;
        assert_eq!(data["signIn"]["userErrors"], json!([]));
        Person::of(&data["signIn"]["session"])
    }

    /// Becomes the first HERO by the token of the link.
    pub async fn claim(&self, token: &str, name: &str) -> Person {
        let query =
            format!("mutation($i: ClaimHeroInput!) {{ claimHero(input: $i) {{ {SESSION} userErrors {{ code }} }} }}");
        let email = format!("{name}@example.com");
        let input = json!({"token": token, "username": name, "email": email, "password": PASSWORD});
        let data = self.data(None, &query, json!({"i": input})).await;
        assert_eq!(data["claimHero"]["userErrors"], json!([]));
        Person::of(&data["claimHero"]["session"])
    }

    pub async fn assign_role(&self, hero: &Person, person: &Person, role: &str) {
        let query = "mutation($i: AssignRoleInput!) { assignRole(input: $i) { user { role } userErrors { code } } }";
        let payload = self.payload(hero, query, json!({"i": {"userId": person.user, "role": role}})).await;
        assert_eq!(payload, json!({"user": {"role": role}, "userErrors": []}));
    }

    /// A new ADMIN, signed in as one.
    pub async fn admin(&self, hero: &Person, name: &str) -> Person {
        let person = self.sign_up(name).await;
        self.assign_role(hero, &person, "ADMIN").await;
        self.sign_in(name).await
    }

    /// Gives credits to a person's own account.
    pub async fn give(&self, hero: &Person, person: &Person, amount: i64) {
        let query = "mutation($i: AddCreditsInput!) { addCredits(input: $i) { added userErrors { code message } } }";
        let key = format!("give-{}-{amount}", person.name);
        let input = json!({"target": {"userId": person.user}, "amount": amount, "idempotencyKey": key});
        let payload = self.payload(hero, query, json!({"i": input})).await;
        assert_eq!(payload, json!({"added": amount, "userErrors": []}));
    }

    /// The payload of `generateImages`.
    pub async fn draw(&self, person: &Person, count: i64, key: &str) -> Value {
        self.payload(person, &draw_query(), draw_variables(count, key)).await
    }

    /// A task that was accepted: its id.
    pub async fn drawing(&self, person: &Person, count: i64, key: &str) -> String {
        let payload = self.draw(person, count, key).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        payload["task"]["id"].as_str().unwrap().to_owned()
    }

    /// Waits for the task's end by its stream, and reads it then.
    pub async fn ended(&self, person: &Person, task: &str) -> Value {
        let mut ws = Ws::ready(self.address, Some(&person.token)).await;
        let query = format!("subscription {{ aiTaskProgress(taskId: \"{task}\") {{ kind task {{ status }} }} }}");
        ws.subscribe("end", &query).await;
        let watching = async {
            loop {
                let event = ws.expect("next", "end").await["data"]["aiTaskProgress"].take();
                let over =
                    ["SUCCESS", "PARTIAL", "ERROR", "CANCELLED"].iter().any(|end| event["task"]["status"] == *end);
                if event["kind"] == "FINISHED" || over {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), watching).await.expect("the task did not end");
        self.task(person, task).await
    }

    pub async fn task(&self, person: &Person, task: &str) -> Value {
        let query = format!("query($id: ID!) {{ aiTask(id: $id) {{ {TASK} }} }}");
        self.payload(person, &query, json!({"id": task})).await
    }

    /// Available, held.
    pub async fn balance(&self, person: &Person) -> (i64, i64) {
        let query = "query($id: ID!) { account(id: $id) { balance { available held } } }";
        let account = self.payload(person, query, json!({"id": person.account})).await;
        let of = |name: &str| account["balance"][name].as_i64().unwrap();
        (of("available"), of("held"))
    }
}

/// The document of `draw`.
pub fn draw_query() -> String {
    format!(
        "mutation($i: GenerateImagesInput!) {{ generateImages(input: $i) {{ task {{ {TASK} }} \
         userErrors {{ code message path insufficientCredits {{ required available short }} }} }} }}"
    )
}

/// The variables of `draw`.
pub fn draw_variables(count: i64, key: &str) -> Value {
    json!({"i": {"prompt": "a lighthouse at dusk", "count": count, "idempotencyKey": key, "seed": 7}})
}

/// The next event of a subscription's only field.
pub async fn next_event(ws: &mut Ws, id: &str) -> Value {
    let payload = ws.expect("next", id).await;
    assert!(payload.get("errors").is_none(), "{payload}");
    payload["data"].as_object().unwrap().values().next().unwrap().clone()
}
