//! GraphQL over HTTP, as clients speak it.

use serde_json::{Value, json};

/// A client of one server. Cloning is cheap.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    url: String,
}

/// Somebody who signed up.
pub struct Person {
    pub token: String,
    pub account: String,
}

impl Api {
    /// A client of the server at `url`.
    pub fn new(url: &str) -> Self {
        let client = reqwest::Client::builder().pool_max_idle_per_host(64).build().unwrap();
        Self { client, url: url.to_owned() }
    }

    /// The whole answer; without a token, of somebody unknown.
    pub async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let mut request = self.client.post(format!("{}/graphql", self.url)).header("content-type", "application/json");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let text = request.body(body).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }

    /// Claims the HERO: the access token.
    pub async fn claim(&self, token: &str) -> String {
        let query = "mutation($t: String!) { claimHero(input: {token: $t, username: \"hero\", email: \"h@example.com\", \
                     password: \"Correct-horse-9\"}) { session { accessToken } userErrors { code } } }";
        let answer = self.ask("", query, json!({ "t": token })).await;
        answer["data"]["claimHero"]["session"]["accessToken"].as_str().expect("a HERO").to_owned()
    }

    /// Signs somebody up; `name` is nobody else's.
    pub async fn sign_up(&self, name: &str) -> Person {
        let query = "mutation($n: String!, $e: String!) { signUp(input: {username: $n, email: $e, password: \
                     \"Correct-horse-9\"}) { session { accessToken user { personalAccount { id } } } } }";
        let answer = self.ask("", query, json!({ "n": name, "e": format!("{name}@example.com") })).await;
        let session = &answer["data"]["signUp"]["session"];
        Person {
            token: session["accessToken"].as_str().unwrap().to_owned(),
            account: session["user"]["personalAccount"]["id"].as_str().unwrap().to_owned(),
        }
    }
}
