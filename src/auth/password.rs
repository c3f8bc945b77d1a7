//! Argon2id, off the async threads and never more at once than memory allows. It must never know people.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
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
/// How long one may wait for a turn: well below a request's deadline, so that it is sent away with nothing done instead
/// of being told TIMEOUT while its work goes on.
const TURN_WAIT: std::time::Duration = std::time::Duration::from_secs(5);
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
    memory: Arc<Memory>,
    waiting: AtomicUsize,
    ids: Arc<dyn Ids>,
    // Compared with when there is nobody to compare with, so that an unknown name takes as long as a known one.
    dummy: Arc<str>,
}

fn fault(context: &'static str) -> impl Fn(argon2::password_hash::Error) -> Internal {
    move |error| Internal::new(context, error.to_string())
}

/// The memory of hashes that have ended, for the next ones. Given back to the allocator each time it would be lost:
/// glibc does not find aligned blocks of this size again, and a few hundred hashes take more than a GiB for good.
#[derive(Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    fn with<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        let result = work(&mut memory);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        result
    }

    /// The output of `algorithm` for `password`, as long as the parameters or else `length` say.
    fn output(
        &self,
        (algorithm, version, params): (Algorithm, Version, Params),
        password: &SecretString,
        salt: &Salt,
        length: usize,
    ) -> Result<Output, argon2::password_hash::Error> {
        let blocks = params.block_count();
        let hasher = Argon2::new(algorithm, version, params);
        let mut buffer = [0; Output::MAX_LENGTH];
        let out = buffer.get_mut(..length).ok_or(argon2::password_hash::Error::OutputSize)?;
        let password = password.expose_secret().as_bytes();
        self.with(blocks, |memory| hasher.hash_password_into_with_memory(password, salt, out, memory))?;
        Ok(Output::new(out)?)
    }

    fn hash(&self, params: Params, password: &SecretString, salt: [u8; 16]) -> Result<String, Internal> {
        let of = |salt: [u8; 16]| -> Result<String, argon2::password_hash::Error> {
            let salt = Salt::new(&salt)?;
            let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
            let how = (Algorithm::Argon2id, Version::V0x13, params.clone());
            let hash = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&params)?,
                salt: Some(salt),
                hash: Some(self.output(how, password, &salt, length)?),
            };
            Ok(hash.to_string())
        };
        of(salt).map_err(fault("hashing a password"))
    }

    /// Whether `stored` is a hash of `password`, compared in constant time. One that cannot be judged is not.
    fn verify(&self, stored: &PasswordHash, password: &SecretString) -> bool {
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return false };
        let Ok(algorithm) = Algorithm::try_from(stored.algorithm.as_str()) else { return false };
        let Ok(params) = Params::try_from(stored) else { return false };
        let Ok(version) = stored.version.map_or(Ok(Version::V0x13), Version::try_from) else { return false };
        self.output((algorithm, version, params), password, salt, expected.len()).is_ok_and(|found| found == *expected)
    }
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
        let memory = Arc::<Memory>::default();
        let dummy = memory.hash(params.clone(), &hex::encode(secret).into(), random(ids.as_ref()))?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            params,
            permits: Arc::new(Semaphore::new(cores * 2)),
            memory,
            waiting: AtomicUsize::new(0),
            ids,
            dummy: dummy.into(),
        })
    }

    /// The text to store, in PHC form. Refuses: `RateLimited` when too many wait.
    pub async fn hash(&self, password: &Password) -> Result<String, Error> {
        let (params, secret, salt) = (self.params.clone(), password.secret().clone(), random(self.ids.as_ref()));
        let memory = Arc::clone(&self.memory);
        self.off_thread(move || memory.hash(params, &secret, salt)).await
    }

    /// Compares `candidate` with `stored`. Without one, or with one that cannot be read, it does the same work and
    /// answers `Wrong`. Refuses: `RateLimited` when too many wait.
    pub async fn verify(&self, stored: Option<&str>, candidate: &SecretString) -> Result<Verdict, Error> {
        let fits = candidate.expose_secret().len() <= CANDIDATE_BYTES_MAX;
        let candidate = if fits { candidate.clone() } else { SecretString::default() };
        let known = fits.then_some(stored).flatten().map(str::to_owned);
        let (params, dummy, salt) = (self.params.clone(), Arc::clone(&self.dummy), random(self.ids.as_ref()));
        let memory = Arc::clone(&self.memory);
        self.off_thread(move || {
            let parsed = known.as_deref().and_then(|text| PasswordHash::new(text).ok());
            let fallback =
                PasswordHash::new(&dummy).map_err(|error| Internal::new("reading a hash", error.to_string()))?;
            let hash_of = parsed.as_ref().unwrap_or(&fallback);
            let equal = memory.verify(hash_of, &candidate);
            match &parsed {
                Some(stored) if equal && is_weaker(stored, &params) => {
                    Ok(Verdict::RightButWeak(memory.hash(params, &candidate, salt)?))
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
        let permit = tokio::time::timeout(TURN_WAIT, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| Error::RateLimited { retry_after_ms: 2_000 })?
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
    async fn takes_memory_for_as_many_hashes_as_run_at_once_and_no_more() {
        let passwords = passwords(64);
        for _ in 0..20 {
            assert_eq!(passwords.verify(None, &secret("Passw0rd")).await.unwrap(), Verdict::Wrong);
        }
        assert_eq!(passwords.memory.0.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn makes_and_reads_the_same_hashes_as_the_library() {
        use argon2::password_hash::PasswordHasher;
        let params = Params::new(64, 1, 1, None).unwrap();
        let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let stored = library.hash_password_with_salt(b"Passw0rd", &[7; 16]).unwrap().to_string();
        let passwords = passwords(64);
        assert_eq!(passwords.verify(Some(&stored), &secret("Passw0rd")).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.memory.hash(passwords.params.clone(), &secret("Passw0rd"), [7; 16]).unwrap(), stored);
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
