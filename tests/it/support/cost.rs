//! What keeps cost and rate out of tests of other things.

use inkledger::graphql::gate::{KindLimits, Limits};

/// Limits under which no test runs out of points that does not ask for it.
pub fn unmetered(limits: Limits) -> Limits {
    let column = |column: KindLimits| KindLimits { burst: POINTS, refill: POINTS, ..column };
    let Limits { anonymous, user, admin, .. } = limits.clone();
    Limits { anonymous: column(anonymous), user: column(user), admin: column(admin), ..limits }
}

/// Points that no test spends.
pub const POINTS: u64 = 1_000_000_000;

/// The answer without `extensions.cost`, which tests of other things do not compare.
pub fn without_cost(mut answer: serde_json::Value) -> serde_json::Value {
    if let Some(object) = answer.as_object_mut() {
        let is_empty = object
            .get_mut("extensions")
            .and_then(serde_json::Value::as_object_mut)
            .is_some_and(|extensions| extensions.remove("cost").is_some() && extensions.is_empty());
        if is_empty {
            object.remove("extensions");
        }
    }
    answer
}
