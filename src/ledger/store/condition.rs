//! Conditions on one account's rows, gathered with their values in the order of their places.

use sea_orm::Value;
use uuid::Uuid;

use crate::db::places;

use super::{Order, Slice};

/// Conditions that must all hold.
pub(super) struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Only this account's rows.
    pub(super) fn of(account: Uuid) -> Self {
        Self { text: "account_id = $1".to_owned(), values: vec![account.into()] }
    }

    /// Adds a clause that has no value.
    pub(super) fn and(&mut self, clause: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(clause);
    }

    /// Adds `left` with the next value at its end, such as `seq > `; nothing without a value.
    pub(super) fn compare(&mut self, left: &str, value: Option<impl Into<Value>>) {
        let Some(value) = value else { return };
        let place = self.place(value.into());
        self.and(&format!("{left} {place}"));
    }

    /// Adds that `column` is one of `words`; nothing for an empty list, which stands for all.
    pub(super) fn one_of(&mut self, column: &str, words: &[&'static str]) {
        if words.is_empty() {
            return;
        }
        self.and(&format!("{column} IN ({})", places(self.values.len() + 1, words.len())));
        self.values.extend(words.iter().map(|word| Value::from(*word)));
    }

    /// Adds the ends of a slice by `column`.
    pub(super) fn within(&mut self, column: &str, slice: &Slice) {
        self.compare(&format!("{column} >"), slice.above);
        self.compare(&format!("{column} <"), slice.below);
    }

    /// Takes the next value and answers its place.
    pub(super) fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// The clauses, and their values.
    pub(super) fn into_parts(self) -> (String, Vec<Value>) {
        (self.text, self.values)
    }
}

/// The direction in a statement.
pub(super) fn direction(order: Order) -> &'static str {
    match order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    }
}

/// A limit as the databases take it.
pub(super) fn limit(slice_limit: u64) -> Value {
    i64::try_from(slice_limit).unwrap_or(i64::MAX).into()
}
