//! Which model an item is tried on next, and after which wait: pure rules over what was tried before.

use std::time::Duration;

use uuid::Uuid;

macro_rules! fault_classes {
    ($($(#[$doc:meta])* $variant:ident $word:literal,)*) => {
        /// What may follow a request that brought nothing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultClass { $($(#[$doc])* $variant,)* }

        impl FaultClass {
            /// Every class.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in tables.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads the word. `None` when there is no such class.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

fault_classes! {
    /// The same request may succeed after a wait.
    Retryable "retryable",
    /// The provider asks for less.
    Throttled "throttled",
    /// This model cannot; another one may.
    NextModel "next_model",
    /// The operator's to mend; another model may.
    OperatorFault "operator_fault",
    /// The answer is not usable: one repair, then the item fails.
    Malformed "malformed",
    /// The request itself is at fault, whatever the model.
    Final "final",
    /// Nobody knows what became of it.
    Unclear "unclear",
    /// Withdrawn by us.
    Cancelled "cancelled",
}

/// How often an item may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryRules {
    /// Requests to one model.
    pub per_model: usize,
    /// Requests in all.
    pub per_item: usize,
    /// Requests whose outcome stays unclear: each may have cost us the work.
    pub unclear: usize,
    /// Answers that are not usable: the first one and its repairs.
    pub malformed: usize,
}

/// A request that was sent for an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// To which model.
    pub model: Uuid,
    /// What may follow; `None` while that is not known, or when it succeeded.
    pub class: Option<FaultClass>,
}

impl TryRules {
    /// The places in `chain` of the models that may still be called for an item, in order.
    pub fn open(&self, chain: &[Uuid], tried: &[Tried]) -> Vec<usize> {
        let count = |class: FaultClass| tried.iter().filter(|one| one.class == Some(class)).count();
        let is_over = tried.len() >= self.per_item
            || count(FaultClass::Final) > 0
            || count(FaultClass::Unclear) >= self.unclear
            || count(FaultClass::Malformed) >= self.malformed;
        if is_over {
            return Vec::new();
        }
        let is_open = |model: &Uuid| {
            let mine = || tried.iter().filter(|one| one.model == *model);
            mine().count() < self.per_model
                && !mine().any(|one| matches!(one.class, Some(FaultClass::NextModel | FaultClass::OperatorFault)))
        };
        chain.iter().enumerate().filter(|(_, model)| is_open(model)).map(|(at, _)| at).collect()
    }
}

/// How long to wait between two requests to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitRules {
    /// After the first one; each further wait is twice as long.
    pub base: Duration,
    /// The longest wait of ours.
    pub max: Duration,
    /// The longest that a provider may ask for.
    pub asked_max: Duration,
}

impl WaitRules {
    /// The wait after request number `tried` to a model, `None` where the next request may leave at once. `share` is
    /// random, above 0 and at most 1: full jitter, but a throttled caller waits at least half, because a wait near
    /// nothing would burn its tries in seconds.
    pub fn after(&self, class: FaultClass, tried: usize, asked: Option<Duration>, share: f64) -> Option<Duration> {
        let power = u32::try_from(tried.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
        let step = self.base.saturating_mul(2_u32.saturating_pow(power)).min(self.max);
        let share = share.clamp(0.0, 1.0);
        let own = match class {
            FaultClass::Retryable => step.mul_f64(share),
            FaultClass::Throttled => step.mul_f64(0.5 + share / 2.0),
            _ => return None,
        };
        Some(own.max(asked.unwrap_or_default().min(self.asked_max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: TryRules = TryRules { per_model: 3, per_item: 6, unclear: 3, malformed: 2 };

    fn ids() -> [Uuid; 3] {
        [1, 2, 3].map(Uuid::from_u128)
    }

    fn tried(all: &[(u128, FaultClass)]) -> Vec<Tried> {
        all.iter().map(|(model, class)| Tried { model: Uuid::from_u128(*model), class: Some(*class) }).collect()
    }

    fn open(all: &[(u128, FaultClass)]) -> Vec<usize> {
        RULES.open(&ids(), &tried(all))
    }

    const NONE: [usize; 0] = [];

    // REQ-A-34: three of a model, six in all.
    #[test]
    fn a_retryable_fault_uses_up_three_tries_of_a_model_and_six_of_the_item() {
        use FaultClass::{Retryable, Throttled};
        assert_eq!(open(&[]), [0, 1, 2]);
        assert_eq!(open(&[(1, Retryable), (1, Throttled)]), [0, 1, 2]);
        assert_eq!(open(&[(1, Retryable); 3]), [1, 2]);
        assert_eq!(open(&[(1, Retryable), (1, Retryable), (1, Retryable), (2, Retryable), (2, Retryable)]), [1, 2]);
        let six = [(1, Retryable), (1, Retryable), (1, Retryable), (2, Retryable), (2, Retryable), (2, Retryable)];
        assert_eq!(open(&six), NONE);
    }

    #[test]
    fn a_model_that_cannot_or_may_not_is_left_at_once() {
        assert_eq!(open(&[(1, FaultClass::NextModel)]), [1, 2]);
        assert_eq!(open(&[(1, FaultClass::OperatorFault), (2, FaultClass::NextModel)]), [2]);
        assert_eq!(open(&[(1, FaultClass::NextModel), (2, FaultClass::NextModel), (3, FaultClass::NextModel)]), NONE);
    }

    #[test]
    fn a_final_fault_a_second_unusable_answer_and_a_third_lost_one_end_the_item() {
        assert_eq!(open(&[(1, FaultClass::Final)]), NONE);
        assert_eq!(open(&[(1, FaultClass::Malformed)]), [0, 1, 2]);
        assert_eq!(open(&[(1, FaultClass::Malformed), (1, FaultClass::Malformed)]), NONE);
        assert_eq!(open(&[(1, FaultClass::Unclear), (1, FaultClass::Unclear)]), [0, 1, 2]);
        assert_eq!(open(&[(1, FaultClass::Unclear), (2, FaultClass::Unclear), (2, FaultClass::Unclear)]), NONE);
    }

    #[test]
    fn waits_double_up_to_their_limit_and_honour_what_the_provider_asks() {
        let seconds = Duration::from_secs;
        let rules = WaitRules { base: seconds(1), max: seconds(30), asked_max: seconds(300) };
        let transient = |tried, asked| rules.after(FaultClass::Retryable, tried, asked, 1.0);
        assert_eq!([1, 2, 3, 9].map(|tried| transient(tried, None)), [1, 2, 4, 30].map(|wait| Some(seconds(wait))));
        assert_eq!(transient(1, Some(seconds(17))), Some(seconds(17)));
        assert_eq!(transient(1, Some(seconds(4000))), Some(seconds(300)));
        assert_eq!(rules.after(FaultClass::Throttled, 1, None, 0.0), Some(Duration::from_millis(500)));
        for class in FaultClass::ALL {
            let waits = matches!(class, FaultClass::Retryable | FaultClass::Throttled);
            assert_eq!(rules.after(*class, 1, None, 1.0).is_some(), waits, "{class:?}");
            assert_eq!(FaultClass::parse(class.as_str()), Some(*class));
        }
    }
}
