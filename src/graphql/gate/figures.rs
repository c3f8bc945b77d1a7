//! What an operation was charged and what its payer has left, as the client sees it (G58): in `extensions.cost` of each
//! answer, and in the root field `rateLimit`, whose values the Gate puts in at the end, since only then they are known.

use async_graphql::{Name, Value, indexmap::IndexMap};

use super::bucket::Standing;
use super::plan::PlanSet;
use crate::clock::{Micros, to_rfc3339};

/// The root field that tells the figures. Asking for them costs nothing, so that also an empty bucket can be read.
pub(super) const FIELD: &str = "rateLimit";

/// The figures of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostFigures {
    /// Points that were taken before it ran.
    pub requested: u64,
    /// Points that it has cost: what was not resolved was given back.
    pub actual: u64,
    /// Points of a full bucket.
    pub limit: u64,
    /// Points that are left.
    pub remaining: u64,
    /// Points that come back in a second.
    pub restore_per_second: u64,
    /// When the bucket is full again, if nothing else is charged.
    pub reset_at: Micros,
}

impl CostFigures {
    pub(super) fn new(requested: u64, actual: u64, standing: Standing) -> Self {
        Self {
            requested,
            actual,
            limit: standing.rate.burst,
            remaining: standing.remaining,
            restore_per_second: standing.rate.refill,
            reset_at: standing.full_at,
        }
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "requested" => self.requested.into(),
            "actual" => self.actual.into(),
            "limit" => self.limit.into(),
            "remaining" => self.remaining.into(),
            "restorePerSecond" => self.restore_per_second.into(),
            "resetAt" => Value::String(to_rfc3339(self.reset_at)),
            _ => return None,
        })
    }

    /// The value of `extensions.cost`.
    pub(super) fn value(&self) -> Value {
        let names = ["requested", "actual", "limit", "remaining", "restorePerSecond", "resetAt"];
        let fields = names.into_iter().filter_map(|name| Some((Name::new(name), self.field(name)?)));
        Value::Object(fields.collect::<IndexMap<_, _>>())
    }

    /// Puts the figures into the answers to `rateLimit` at the root of `data`.
    pub(super) fn fill(&self, root: &PlanSet, data: &mut Value) {
        let Value::Object(keys) = data else { return };
        for field in root.fields.iter().filter(|field| field.name == FIELD) {
            let (Some(children), Some(Value::Object(answered))) = (&field.children, keys.get_mut(&field.key)) else {
                continue;
            };
            for child in &children.fields {
                if let (Some(into), Some(value)) = (answered.get_mut(&child.key), self.field(&child.name)) {
                    *into = value;
                }
            }
        }
    }
}
