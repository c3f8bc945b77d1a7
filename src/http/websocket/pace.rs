//! How fast a client may talk (G17): 20 messages a second, 20 at once.

use tokio::time::{Duration, Instant};

/// Messages a second, and at once.
const MESSAGES: u32 = 20;

/// A bucket that refills steadily; keeps one instant instead of a list.
pub(super) struct Pace {
    /// When the bucket will be full again.
    full_at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Counts one message at `now`; false when it is one too many.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + Duration::from_secs(1) / MESSAGES;
        let is_allowed = full_at - now <= Duration::from_secs(1);
        if is_allowed {
            self.full_at = full_at;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // G17
    #[test]
    fn allows_twenty_at_once_and_twenty_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!((0..30).filter(|_| pace.allows(start)).count(), 20);
        let mut allowed = 0;
        for ms in 1..=10_000 {
            allowed += usize::from(pace.allows(start + Duration::from_millis(ms)));
        }
        assert_eq!(allowed, 200);
    }
}
