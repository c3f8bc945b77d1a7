//! Argon2id, off the async threads and never more at once than memory allows. It must never know people.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Params, PasswordVerifier, Version,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::model::Password;
use crate::{
    error::{Error, Internal},
    ids::{Ids, random},
};

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

/// How many may wait for a turn before the next one is sent away: at about 20 ms a hash and four at a time, two seconds.
const WAITING_MAX: usize = 256;
/// A password longer than any we take is not worth hashing in full; 128 characters of at most four bytes.
const CANDIDATE_BYTES_MAX: usize = 512;

/// What came of comparing a password with a stored hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password, or nobody's.
    Wrong,
    /// The password.
    Right,
    /// The password, and its hash is weaker than new ones are: store this instead.
    RightButWeak(String),
}

/// Hashes and compares passwords.
pub struct Passwords {
    params: Params,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    ids: Arc<dyn Ids>,
    // Compared with when there is nobody to compare with, so that an unknown name takes as long as a known one.
    dummy: Arc<str>,
}

fn fault(context: &'static str) -> impl Fn(argon2::password_hash::Error) -> Internal {
    move |error| Internal::new(context, error.to_string())
}

fn hash(params: Params, password: &SecretString, salt: [u8; 16]) -> Result<String, Internal> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(fault("hashing a password"))
}

/// Whether `stored` cost less than `params` ask for.
fn is_weaker(stored: &PasswordHash, params: &Params) -> bool {
    let Ok(old) = Params::try_from(stored) else { return true };
    stored.algorithm != Algorithm::Argon2id.ident()
        || old.m_cost() < params.m_cost()
        || old.t_cost() < params.t_cost()
        || old.p_cost() < params.p_cost()
}

impl Passwords {
    /// Two hashes at once per core. Fails when `cost` is outside Argon2's limits.
    pub fn new(cost: HashCost, ids: Arc<dyn Ids>) -> Result<Self, Internal> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
            .map_err(|error| Internal::new("reading the cost of a password hash", error.to_string()))?;
        let secret: [u8; 32] = random(ids.as_ref());
        let dummy = hash(params.clone(), &hex::encode(secret).into(), random(ids.as_ref()))?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            params,
            permits: Arc::new(Semaphore::new(cores * 2)),
            waiting: AtomicUsize::new(0),
            ids,
            dummy: dummy.into(),
        })
    }

    /// The text to store, in PHC form. Refuses: `RateLimited` when too many wait.
    pub async fn hash(&self, password: &Password) -> Result<String, Error> {
        let (params, secret, salt) = (self.params.clone(), password.secret().clone(), random(self.ids.as_ref()));
        self.off_thread(move || hash(params, &secret, salt)).await
    }

    /// Compares `candidate` with `stored`. Without one, or with one that cannot be read, it does the same work and
    /// answers `Wrong`. Refuses: `RateLimited` when too many wait.
    pub async fn verify(&self, stored: Option<&str>, candidate: &SecretString) -> Result<Verdict, Error> {
        let fits = candidate.expose_secret().len() <= CANDIDATE_BYTES_MAX;
        let candidate = if fits { candidate.clone() } else { SecretString::default() };
        let known = fits.then_some(stored).flatten().map(str::to_owned);
        let (params, dummy, salt) = (self.params.clone(), Arc::clone(&self.dummy), random(self.ids.as_ref()));
        self.off_thread(move || {
            let parsed = known.as_deref().and_then(|text| PasswordHash::new(text).ok());
            let fallback =
                PasswordHash::new(&dummy).map_err(|error| Internal::new("reading a hash", error.to_string()))?;
            let hash_of = parsed.as_ref().unwrap_or(&fallback);
            let equal = Argon2::default().verify_password(candidate.expose_secret().as_bytes(), hash_of).is_ok();
            match &parsed {
                Some(stored) if equal && is_weaker(stored, &params) => {
                    Ok(Verdict::RightButWeak(hash(params, &candidate, salt)?))
                }
                Some(_) if equal => Ok(Verdict::Right),
                _ => Ok(Verdict::Wrong),
            }
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Internal> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Place::take(&self.waiting)?;
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|closed| Internal::new("waiting for a turn to hash", closed))?;
        drop(place);
        // The permit goes along: a request that is dropped does not stop the work, so it must not free the memory's place.
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        })
        .await
        .map_err(|joined| Internal::new("a hashing thread ended early", joined))?
        .map_err(Error::from)
    }
}

/// A place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Error> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX {
            Ok(place)
        } else {
            Err(Error::RateLimited { retry_after_ms: 2_000 })
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeededIds;

    fn passwords(memory_kib: u32) -> Passwords {
        Passwords::new(HashCost { memory_kib, passes: 1, lanes: 1 }, Arc::new(SeededIds::new(1))).unwrap()
    }

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[tokio::test]
    async fn knows_its_own_hash_and_no_other_password() {
        let passwords = passwords(64);
        let stored = passwords.hash(&Password::new(secret("Passw0rd")).unwrap()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert_eq!(passwords.verify(Some(&stored), &secret("Passw0rd")).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.verify(Some(&stored), &secret("passw0rd")).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify(Some("garbage"), &secret("Passw0rd")).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify(None, &secret("Passw0rd")).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify(Some(&stored), &secret(&"x".repeat(600))).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn offers_a_stronger_hash_when_the_cost_has_risen_and_never_a_weaker_one() {
        let stored = passwords(64).hash(&Password::new(secret("Passw0rd")).unwrap()).await.unwrap();
        let raised = passwords(128);
        let Verdict::RightButWeak(stronger) = raised.verify(Some(&stored), &secret("Passw0rd")).await.unwrap() else {
            panic!("no stronger hash was offered");
        };
        assert!(stronger.contains("m=128"));
        assert_eq!(raised.verify(Some(&stronger), &secret("Passw0rd")).await.unwrap(), Verdict::Right);
        assert_eq!(passwords(64).verify(Some(&stronger), &secret("Passw0rd")).await.unwrap(), Verdict::Right);
    }

    #[tokio::test]
    async fn sends_callers_away_when_too_many_wait() {
        let passwords = passwords(64);
        passwords.waiting.store(WAITING_MAX, Ordering::Relaxed);
        let sent_away = passwords.verify(None, &secret("Passw0rd")).await;
        assert!(matches!(sent_away, Err(Error::RateLimited { .. })));
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), WAITING_MAX);
    }
}
