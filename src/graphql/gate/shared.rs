//! One plan for all who watch the same: thousands subscribe with one document, and each would keep a copy of its plan for as long as
//! it stays.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::plan::PlanSet;

/// Different plans that are looked through; with one more, the oldest is no longer shared with newcomers.
const PLANS_MAX: usize = 64;

/// The plans in use.
#[derive(Default)]
pub(super) struct SharedPlans(Mutex<Vec<Weak<PlanSet>>>);

impl SharedPlans {
    /// The plan in use that equals `plan`, or `plan` itself.
    pub fn share(&self, plan: PlanSet) -> Arc<PlanSet> {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = plans.iter().filter_map(Weak::upgrade).find(|known| **known == plan) {
            return known;
        }
        plans.retain(|known| known.strong_count() > 0);
        let plan = Arc::new(plan);
        if plans.len() == PLANS_MAX {
            plans.remove(0);
        }
        plans.push(Arc::downgrade(&plan));
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(is_abstract: bool) -> PlanSet {
        PlanSet { is_abstract, fields: Vec::new() }
    }

    #[test]
    fn equal_plans_are_one_and_those_that_nobody_uses_are_forgotten() {
        let plans = SharedPlans::default();
        let first = plans.share(plan(false));
        assert!(Arc::ptr_eq(&first, &plans.share(plan(false))));
        let other = plans.share(plan(true));
        assert!(!Arc::ptr_eq(&first, &other));
        drop((first, other));
        let _again = plans.share(plan(true));
        assert_eq!(plans.0.lock().unwrap().len(), 1);
    }
}
