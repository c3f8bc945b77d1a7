//! A ledger beside a running server, for what no client can do: other kinds of grants, and holds of every kind.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use inkledger::{
    bus::local::LocalBus,
    clock::{Clock, SystemClock},
    db::Db,
    graphql::node::decode_any,
    ids::{Ids, SystemIds},
    ledger::{
        Command, Ledger, LedgerOptions, Posting,
        model::{Actor, Credits, GrantSource, IdemKey, NewGrant, Operation, SourceRef},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{SECOND, item};
use crate::support::{builders::Person, server::Server};

/// One account's ledger, as another process has it.
pub struct Desk {
    pub ledger: Ledger,
    pub account: Uuid,
    pub ids: SystemIds,
    is_new: AtomicBool,
}

/// The UUID of an id of the API.
pub fn uuid_of(id: &str) -> Uuid {
    decode_any(&id.into()).unwrap().1
}

pub fn source(text: &str) -> SourceRef {
    SourceRef::new(text).unwrap()
}

impl Desk {
    pub async fn open(server: &Server, person: &Person) -> Self {
        Self { is_new: AtomicBool::new(false), ..Self::on(server.db.clone(), uuid_of(&person.account)).await }
    }

    /// An account that the first grant opens.
    pub async fn on(db: Db, account: Uuid) -> Self {
        let clock = Arc::new(SystemClock);
        let ids = Arc::new(SystemIds::new(clock.clone()));
        let bus = Arc::new(LocalBus::new("desk"));
        let ledger = Ledger::open(db, clock.clone(), ids, bus, LedgerOptions::default()).await.unwrap();
        Self { ledger, account, ids: SystemIds::new(clock), is_new: AtomicBool::new(true) }
    }

    pub fn now(&self) -> i64 {
        SystemClock.now()
    }

    pub async fn submit(&self, operation: Operation) -> Posting {
        let command = Command {
            account: self.account,
            key: IdemKey::client(&self.ids.uuid().to_string()).unwrap(),
            actor: Actor::System,
            operation,
            open_account: self.is_new.swap(false, Ordering::Relaxed),
            effects: Vec::new(),
            otherwise: Vec::new(),
        };
        self.ledger.submit(command).await.unwrap()
    }

    /// A new lot; `life` in seconds.
    pub async fn grant(&self, source: GrantSource, amount: i64, life: Option<i64>) -> Uuid {
        let expires_at = life.map(|seconds| self.now() + seconds * SECOND);
        let amount = Credits::new(amount).unwrap();
        self.submit(Operation::Grant(NewGrant { source, amount, expires_at, note: None })).await.grant.unwrap()
    }

    /// Holds of these amounts, taken by one transaction, for works that nobody else knows.
    pub async fn hold(&self, amounts: &[i64], run: Option<Uuid>) -> Vec<Uuid> {
        let expires_at = self.now() + 3600 * SECOND;
        let items = amounts.iter().map(|amount| {
            let mut item = item(self.ids.uuid(), self.ids.uuid(), *amount, expires_at);
            item.run_id = run;
            item
        });
        self.submit(Operation::Hold(items.collect())).await.holds
    }
}

/// What `selection` of a person's own account answers.
pub async fn ask(server: &Server, person: &Person, selection: &str) -> Value {
    let query = format!("query($a: ID!) {{ account(id: $a) {{ {selection} }} }}");
    server.data(Some(&person.token), &query, json!({"a": person.account})).await["account"].take()
}

/// All of `field` in pages of two, one way and back: the same both ways.
pub async fn all_in_pages(server: &Server, person: &Person, field: &str, filter: &str, nodes: &str) -> Vec<Value> {
    let page = async |ends: String| -> Value {
        let selection = format!(
            "{field}({ends}{filter}) {{ nodes {{ {nodes} }} \
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}"
        );
        ask(server, person, &selection).await[field].take()
    };
    let (mut forward, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut found = page(format!("first: 2, after: {after}")).await;
        forward.append(found["nodes"].as_array_mut().unwrap());
        after = found["pageInfo"]["endCursor"].take();
        if found["pageInfo"]["hasNextPage"] != true {
            break;
        }
    }
    let (mut back, mut before) = (Vec::new(), Value::Null);
    loop {
        let mut found = page(format!("last: 2, before: {before}")).await;
        back.extend(found["nodes"].as_array_mut().unwrap().drain(..).rev());
        before = found["pageInfo"]["startCursor"].take();
        if found["pageInfo"]["hasPreviousPage"] != true {
            break;
        }
    }
    back.reverse();
    assert_eq!(forward, back, "the same both ways");
    forward
}
