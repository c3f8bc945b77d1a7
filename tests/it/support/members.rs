//! Accounts with several members.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is how a failure is told")]

use async_graphql::ID;
use inkledger::{db::Db, graphql::node};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    builders::{Api, Person},
    server::{Server, number},
};

/// What a global id stands for.
pub fn uuid(id: &str) -> Uuid {
    node::decode_any(&ID(id.to_owned())).unwrap().1
}

/// The id of a person's place in an account.
pub fn member_id(account: &str, person: &Person) -> String {
    node::encode_member(uuid(account), uuid(&person.user)).to_string()
}

/// Puts a person into an account, behind the server's back.
pub async fn join(server: &Server, account: &str, person: &Person, role: &str) {
    join_in(&server.db, account, person, role).await;
}

/// The same, in a database.
pub async fn join_in(db: &Db, account: &str, person: &Person, role: &str) {
    let at = number(db, "SELECT COALESCE(MAX(created_at), 0) + 1 FROM account_member").await;
    let sql = "INSERT INTO account_member (account_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)";
    let values = [uuid(account).into(), uuid(&person.user).into(), role.into(), at.into()];
    db.migration_connection().execute_raw(db.statement(sql, values)).await.unwrap();
}

impl Api {
    /// A mutation's whole answer.
    pub async fn mutate(&self, person: &Person, field: &str, selection: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", &field[..1].to_uppercase(), &field[1..]);
        let query = format!(
            "mutation($i: {kind}!) {{ {field}(input: $i) {{ {selection} userErrors {{ code message path }} }} }}"
        );
        self.call(Some(&person.token), &query, json!({ "i": input })).await
    }

    /// The code of a mutation's refusal or fault; empty when it was done.
    pub async fn refusal(&self, person: &Person, field: &str, input: Value) -> String {
        let answer = self.mutate(person, field, "__typename", input).await;
        let code = match &answer["errors"][0] {
            Value::Null => &answer["data"][field]["userErrors"][0]["code"],
            error => &error["extensions"]["code"],
        };
        code.as_str().unwrap_or_default().to_owned()
    }

    /// A new account of a person's: its id.
    pub async fn account(&self, owner: &Person, name: &str) -> String {
        let answer = self.mutate(owner, "createAccount", "account { id }", json!({ "name": name })).await;
        answer["data"]["createAccount"]["account"]["id"].as_str().unwrap().to_owned()
    }

    /// The refusal of another role for a member.
    pub async fn change_role(&self, actor: &Person, account: &str, person: &Person, role: &str) -> String {
        let input = json!({"memberId": member_id(account, person), "role": role});
        self.refusal(actor, "changeMemberRole", input).await
    }

    /// The refusal of a member's going.
    pub async fn remove(&self, actor: &Person, account: &str, person: &Person) -> String {
        self.refusal(actor, "removeMember", json!({"memberId": member_id(account, person)})).await
    }
}
