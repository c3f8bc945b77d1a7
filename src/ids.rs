//! The only source of identifiers and of randomness.

use std::sync::{Arc, Mutex, PoisonError};

use rand::{RngCore, SeedableRng, rngs::StdRng};
use ring::rand::{SecureRandom, SystemRandom};
use uuid::{Builder, Uuid};

use crate::clock::Clock;

/// A source of identifiers and random bytes.
pub trait Ids: Send + Sync {
    /// A new UUID v7. Within one process each is greater than the one before.
    fn uuid(&self) -> Uuid;
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes.
pub fn random<const N: usize>(ids: &dyn Ids) -> [u8; N] {
    let mut bytes = [0; N];
    ids.fill(&mut bytes);
    bytes
}

/// Counts within one millisecond, so that identifiers made by one process are ordered as they were made.
struct Sequence {
    millis: u64,
    counter: u16,
}

impl Sequence {
    fn next(&mut self, now_millis: u64, tail: [u8; 8]) -> Uuid {
        if now_millis > self.millis {
            self.millis = now_millis;
            self.counter = 0;
        } else if self.counter == 0x0fff {
            self.millis += 1;
            self.counter = 0;
        } else {
            self.counter += 1;
        }
        let [high, low] = self.counter.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = tail;
        Builder::from_unix_timestamp_millis(self.millis, &[high, low, a, b, c, d, e, f, g, h]).into_uuid()
    }
}

/// Identifiers from the machine's entropy and a clock.
pub struct SystemIds {
    clock: Arc<dyn Clock>,
    random: SystemRandom,
    sequence: Mutex<Sequence>,
}

impl SystemIds {
    /// Takes the millisecond part of identifiers from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, random: SystemRandom::new(), sequence: Mutex::new(Sequence { millis: 0, counter: 0 }) }
    }
}

impl Ids for SystemIds {
    fn uuid(&self) -> Uuid {
        let tail = random(self);
        let millis = u64::try_from(self.clock.now() / 1000).unwrap_or(0);
        self.sequence.lock().unwrap_or_else(PoisonError::into_inner).next(millis, tail)
    }

    #[expect(clippy::panic, reason = "without entropy no token may be made, and the process cannot go on")]
    fn fill(&self, bytes: &mut [u8]) {
        if self.random.fill(bytes).is_err() {
            panic!("the operating system gives no random bytes");
        }
    }
}

/// Repeatable identifiers for tests.
pub struct SeededIds(Mutex<(StdRng, Sequence)>);

impl SeededIds {
    /// Equal seeds give equal identifiers.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new((StdRng::seed_from_u64(seed), Sequence { millis: 1_700_000_000_000, counter: 0 })))
    }
}

impl Ids for SeededIds {
    fn uuid(&self) -> Uuid {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tail = [0; 8];
        guard.0.fill_bytes(&mut tail);
        guard.1.next(0, tail)
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.fill_bytes(bytes);
    }
}
