//! What a lane tells of itself: how full it is, and how its last batches went.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Batches whose figures are kept.
const BATCHES: usize = 512;

/// The figures of one lane of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneHealth {
    /// Commands that have not begun.
    pub queued: usize,
    /// How long the oldest of them waits. `None` when none does.
    pub oldest_wait: Option<Duration>,
    /// Of the last 512 batches: commands in one, half of the batches at most and 99 in 100. `None` before the first.
    pub batch_size: Option<(u64, u64)>,
    /// Likewise how long their transaction took, with its commit.
    pub commit_time: Option<(Duration, Duration)>,
    /// Commands refused as busy since the process began.
    pub busy: u64,
    /// Batches that were carried out in parts since the process began, because one of their commands kept the others from it.
    pub fallbacks: u64,
    /// Batches whose connection broke, so that their keys were looked up, since the process began.
    pub unknown_commits: u64,
}

/// A lane's figures as they grow.
#[derive(Default)]
pub(super) struct Gauge {
    figures: Mutex<Figures>,
    pub(super) busy: AtomicU64,
    pub(super) fallbacks: AtomicU64,
    pub(super) unknown_commits: AtomicU64,
}

#[derive(Default)]
struct Figures {
    waiting: BTreeMap<u64, Instant>,
    next: u64,
    batches: VecDeque<(u64, Duration)>,
}

/// A command that waits. It does no more when this is dropped.
pub(super) struct Place {
    gauge: Arc<Gauge>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gauge.lock().waiting.remove(&self.number);
    }
}

impl Gauge {
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait(self: &Arc<Self>) -> Place {
        let mut figures = self.lock();
        let number = figures.next;
        figures.next += 1;
        figures.waiting.insert(number, Instant::now());
        Place { gauge: Arc::clone(self), number }
    }

    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, commands: usize, took: Duration) {
        let mut figures = self.lock();
        if figures.batches.len() == BATCHES {
            figures.batches.pop_front();
        }
        figures.batches.push_back((u64::try_from(commands).unwrap_or(u64::MAX), took));
    }

    pub(super) fn read(&self) -> LaneHealth {
        let figures = self.lock();
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LaneHealth {
            queued: figures.waiting.len(),
            oldest_wait: figures.waiting.values().next().map(Instant::elapsed),
            batch_size: quantiles(figures.batches.iter().map(|(size, _)| *size).collect()),
            commit_time: quantiles(figures.batches.iter().map(|(_, took)| *took).collect()),
            busy: of(&self.busy),
            fallbacks: of(&self.fallbacks),
            unknown_commits: of(&self.unknown_commits),
        }
    }
}

/// The least values that half and 99 in 100 of `values` do not exceed.
fn quantiles<T: Ord + Copy>(mut values: Vec<T>) -> Option<(T, T)> {
    values.sort_unstable();
    let at = |percent: usize| values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    at(50).zip(at(99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_there() {
        assert_eq!(quantiles::<u64>(Vec::new()), None);
        assert_eq!(quantiles(vec![7]), Some((7, 7)));
        assert_eq!(quantiles((1..=100).rev().collect()), Some((50, 99)));
        assert_eq!(quantiles((1..=200).collect()), Some((100, 198)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_that_waits_is_told() {
        let gauge = Arc::<Gauge>::default();
        let first = gauge.wait();
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = gauge.wait();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!((gauge.read().queued, gauge.read().oldest_wait), (2, Some(Duration::from_secs(5))));
        drop(first);
        assert_eq!((gauge.read().queued, gauge.read().oldest_wait), (1, Some(Duration::from_secs(3))));
        drop(second);
        assert_eq!(gauge.read().oldest_wait, None);
    }
}
