//! What callers may spend (G57, G60): a bucket for each user and each address of those who are not signed in, per process. Exact,
//! in whole millionths of a point on the injected clock. Knows points and time; what an operation costs lies elsewhere.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::limits::KindLimits;
use crate::clock::{Clock, Micros, SECOND};

/// Who pays for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payer {
    /// A signed-in user, wherever they ask from.
    User(Uuid),
    /// Those at an address who are not signed in. An IPv6 network stands for all of its addresses.
    Address(IpAddr),
}

/// Millionths of a point. A refill of one point a second is one of these each microsecond.
type Fine = u64;

const FINE: Fine = 1_000_000;

/// The largest burst: no setting reaches it, and its millionths can be counted.
const BURST_MAX: u64 = 1_000_000_000_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Points when full.
    pub burst: u64,
    /// Points that come back in a second.
    pub refill: u64,
}

impl Rate {
    pub fn of(limits: &KindLimits) -> Self {
        Self { burst: limits.burst.min(BURST_MAX), refill: limits.refill.clamp(1, BURST_MAX) }
    }

    fn full(self) -> Fine {
        self.burst.saturating_mul(FINE)
    }
}

/// How a bucket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub rate: Rate,
    /// Whole points that are left.
    pub remaining: u64,
    /// When the bucket is full again; now, if it is.
    pub full_at: Micros,
}

/// What is missing from a full bucket. What is not there is full, so it can be forgotten.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    missing: Fine,
    refill: u64,
    at: Micros,
}

impl Bucket {
    /// Lets come back what time has brought. A clock that was set back brings nothing, and does not hold it up.
    fn refilled(mut self, now: Micros) -> Self {
        let passed = u64::try_from(now.saturating_sub(self.at)).unwrap_or(0);
        self.missing = self.missing.saturating_sub(passed.saturating_mul(self.refill));
        self.at = now;
        self
    }

    fn standing(self, rate: Rate) -> Standing {
        let wait = Micros::try_from(self.missing.div_ceil(rate.refill)).unwrap_or(Micros::MAX);
        let remaining = rate.full().saturating_sub(self.missing) / FINE;
        Standing { rate, remaining, full_at: self.at.saturating_add(wait) }
    }
}

/// Buckets of one sort of payer.
struct Side {
    buckets: HashMap<Payer, Bucket>,
    /// Shared by those who come when there is no room for another bucket.
    crowd: Bucket,
    /// Look for full buckets once there are so many.
    sweep_at: usize,
    swept: Micros,
}

/// Buckets that are kept before full ones are looked for.
const SWEEP_LEAST: usize = 1_024;

/// How often a side without room looks for full buckets: each look passes all of them.
const SWEEP_EVERY: Micros = SECOND;

impl Side {
    fn new() -> Self {
        Self { buckets: HashMap::new(), crowd: Bucket::default(), sweep_at: SWEEP_LEAST, swept: Micros::MIN }
    }

    /// Whether `payer` has a bucket of their own or may get one.
    fn has_room(&mut self, payer: &Payer, now: Micros, maximum: usize) -> bool {
        if self.buckets.contains_key(payer) || self.buckets.len() < self.sweep_at.min(maximum) {
            return true;
        }
        if now.saturating_sub(self.swept) >= SWEEP_EVERY || now < self.swept {
            self.swept = now;
            self.buckets.retain(|_, bucket| bucket.refilled(now).missing > 0);
            self.buckets.shrink_to(SWEEP_LEAST);
        }
        self.sweep_at = self.buckets.len().saturating_mul(2).max(SWEEP_LEAST);
        self.buckets.len() < maximum
    }
}

/// All buckets of a process. Those of users and of addresses do not take room from each other.
pub(super) struct Buckets {
    users: Mutex<Side>,
    addresses: Mutex<Side>,
    maximum: usize,
    clock: Arc<dyn Clock>,
}

impl Buckets {
    /// At most `maximum` buckets of users, and as many of addresses.
    pub fn new(maximum: usize, clock: Arc<dyn Clock>) -> Self {
        let (users, addresses) = (Mutex::new(Side::new()), Mutex::new(Side::new()));
        Self { users, addresses, maximum: maximum.max(1), clock }
    }

    /// Takes `cost` points from the bucket of `payer`, or answers the milliseconds until it holds them.
    pub fn charge(self: &Arc<Self>, payer: Payer, rate: Rate, cost: u64) -> Result<Charge, u64> {
        let now = self.clock.now();
        let mut own = true;
        if cost > 0 {
            let wanted = cost.saturating_mul(FINE);
            let mut side = self.side(&payer);
            own = side.has_room(&payer, now, self.maximum);
            let kept = if own { side.buckets.get(&payer).copied() } else { Some(side.crowd) };
            let mut bucket = kept.unwrap_or_default().refilled(now);
            let left = rate.full().saturating_sub(bucket.missing);
            let lacking = wanted.saturating_sub(left);
            if lacking == 0 {
                bucket.missing = bucket.missing.saturating_add(wanted);
                bucket.refill = rate.refill;
            }
            if own {
                side.buckets.insert(payer, bucket);
            } else {
                side.crowd = bucket;
            }
            if lacking > 0 {
                return Err(lacking.div_ceil(rate.refill).div_ceil(1_000).max(1));
            }
        }
        Ok(Charge { buckets: Arc::clone(self), payer, own, rate, cost, returns: true })
    }

    /// Puts `points` back and tells how the bucket stands then.
    fn give_back(&self, payer: Payer, own: bool, rate: Rate, points: u64) -> Standing {
        let now = self.clock.now();
        let mut side = self.side(&payer);
        let kept = if own { side.buckets.get(&payer).copied() } else { Some(side.crowd) };
        let Some(bucket) = kept else {
            return Bucket { at: now, ..Bucket::default() }.standing(rate);
        };
        let mut bucket = bucket.refilled(now);
        bucket.missing = bucket.missing.saturating_sub(points.saturating_mul(FINE));
        match (own, bucket.missing) {
            (false, _) => side.crowd = bucket,
            (true, 0) => {
                side.buckets.remove(&payer);
            }
            (true, _) => {
                side.buckets.insert(payer, bucket);
            }
        }
        bucket.standing(rate)
    }

    /// Buckets that are kept: of users, and of addresses.
    pub fn kept(&self) -> (usize, usize) {
        let count = |side: &Mutex<Side>| side.lock().unwrap_or_else(PoisonError::into_inner).buckets.len();
        (count(&self.users), count(&self.addresses))
    }

    fn side(&self, payer: &Payer) -> std::sync::MutexGuard<'_, Side> {
        let side = match payer {
            Payer::User(_) => &self.users,
            Payer::Address(_) => &self.addresses,
        };
        side.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Points taken for an operation. Dropped before the operation runs, all of them go back.
pub(super) struct Charge {
    buckets: Arc<Buckets>,
    payer: Payer,
    own: bool,
    rate: Rate,
    cost: u64,
    returns: bool,
}

impl Charge {
    /// From here on the operation runs, and is paid for also when nobody waits for its answer any more.
    pub fn spend(&mut self) {
        self.returns = false;
    }

    /// Ends it at what it has really cost, which is never more than was taken. Tells how the bucket stands.
    pub fn settle(mut self, actual: u64) -> Standing {
        self.returns = false;
        self.buckets.give_back(self.payer, self.own, self.rate, self.cost.saturating_sub(actual))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.returns && self.cost > 0 {
            self.buckets.give_back(self.payer, self.own, self.rate, self.cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::FixedClock;

    const RATE: Rate = Rate { burst: 1_000, refill: 20 };

    fn buckets(maximum: usize) -> (Arc<Buckets>, Arc<FixedClock>) {
        let clock = Arc::new(FixedClock::new(1_000 * SECOND));
        (Arc::new(Buckets::new(maximum, clock.clone())), clock)
    }

    fn address(number: u32) -> Payer {
        Payer::Address(std::net::Ipv4Addr::from(number).into())
    }

    fn spend(buckets: &Arc<Buckets>, payer: Payer, cost: u64) -> Result<Standing, u64> {
        buckets.charge(payer, RATE, cost).map(|charge| charge.settle(cost))
    }

    // G57
    #[test]
    fn a_bucket_holds_its_burst_and_comes_back_by_the_second() {
        let (buckets, clock) = buckets(10);
        assert_eq!(spend(&buckets, address(1), 990).unwrap().remaining, 10);
        assert_eq!(spend(&buckets, address(1), 11).unwrap_err(), 50);
        assert_eq!(spend(&buckets, address(1), 10).unwrap().remaining, 0);
        assert_eq!(spend(&buckets, address(1), 1_000).unwrap_err(), 50_000);
        // Nobody else's.
        assert!(spend(&buckets, address(2), 1_000).is_ok());
        clock.advance(49_999);
        assert_eq!(spend(&buckets, address(1), 1).unwrap_err(), 1);
        clock.advance(1);
        let standing = spend(&buckets, address(1), 1).unwrap();
        assert_eq!((standing.remaining, standing.full_at), (0, clock.now() + 50 * SECOND));
        clock.advance(50 * SECOND);
        assert!(spend(&buckets, address(1), 1_000).is_ok());
    }

    // G57: what was not resolved is given back.
    #[test]
    fn what_was_not_used_goes_back_and_a_full_bucket_is_forgotten() {
        let (buckets, _) = buckets(10);
        let charge = buckets.charge(address(1), RATE, 1_000).unwrap();
        assert!(buckets.charge(address(1), RATE, 1).is_err());
        assert_eq!(charge.settle(400).remaining, 600);
        // One that never ran.
        drop(buckets.charge(address(1), RATE, 600).unwrap());
        assert_eq!(buckets.charge(address(1), RATE, 0).unwrap().settle(0).remaining, 600);
        // One that nobody waited for.
        buckets.charge(address(1), RATE, 100).unwrap().spend();
        assert_eq!(buckets.charge(address(1), RATE, 0).unwrap().settle(0).remaining, 500);
        drop(buckets.charge(address(2), RATE, 5).unwrap());
        assert_eq!(buckets.kept(), (0, 1));
    }

    // G60: addresses without number take no memory without number.
    #[test]
    fn a_flood_of_addresses_is_bounded_and_does_not_touch_users() {
        let (buckets, clock) = buckets(2_000);
        let user = Payer::User(Uuid::from_u128(7));
        assert!(spend(&buckets, user, 10).is_ok());
        let served = (0..50_000).filter(|number| spend(&buckets, address(*number), 1).is_ok()).count();
        assert_eq!(buckets.kept(), (1, 2_000));
        // Those without a bucket of their own share one.
        assert_eq!(served, 3_000);
        assert!(spend(&buckets, user, 990).is_ok());
        clock.advance(SECOND);
        assert!(spend(&buckets, address(60_000), 1).is_ok());
        assert_eq!(buckets.kept(), (1, 1));
    }

    // G60
    #[test]
    fn buckets_that_are_full_again_are_forgotten_as_others_come() {
        let (buckets, clock) = buckets(1_000_000);
        for number in 0..100_000 {
            spend(&buckets, address(number), 1).unwrap();
            clock.advance(1_000);
        }
        assert!(buckets.kept().1 <= 2 * SWEEP_LEAST, "{:?}", buckets.kept());
    }

    #[test]
    fn a_clock_that_is_set_back_neither_fills_nor_holds_up() {
        let (buckets, clock) = buckets(10);
        spend(&buckets, address(1), 1_000).unwrap();
        clock.advance(-3_600 * SECOND);
        assert!(spend(&buckets, address(1), 1).is_err());
        clock.advance(SECOND);
        assert_eq!(spend(&buckets, address(1), 20).unwrap().remaining, 0);
    }

    proptest! {
        // G57: whatever is asked for, no more is used than the burst and what came back meanwhile.
        #[test]
        fn nobody_gets_more_than_burst_and_refill(steps in prop::collection::vec((0_u64..400, 0_u64..400, 0_i64..3_000_000), 1..60)) {
            let (buckets, clock) = buckets(10);
            let begin = clock.now();
            let mut used = 0;
            for (cost, actual, wait) in steps {
                if let Ok(charge) = buckets.charge(address(1), RATE, cost) {
                    let actual = actual.min(cost);
                    let standing = charge.settle(actual);
                    used += actual;
                    prop_assert!(standing.remaining <= RATE.burst);
                }
                let most = RATE.burst + u64::try_from(clock.now() - begin).unwrap() * RATE.refill / FINE;
                prop_assert!(used <= most);
                clock.advance(wait);
            }
        }
    }
}
