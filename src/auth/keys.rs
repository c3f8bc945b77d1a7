//! The installation's signing key: made at first start, kept in the data folder for its owner's eyes only. Everything
//! that is signed or derived from a secret comes from here.

use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result as JwtResult},
    signature::{Error as SignatureError, Signer, Verifier},
};
use lru::LruCache;
use ring::{
    hmac,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

use super::token::SignedClaims;
pub use crate::key_file::KeyError;
use crate::{
    clock::Micros,
    ids::Ids,
    key_file::{self, FormerKey},
};

/// The keys that sign access tokens and derive refresh tokens.
#[derive(Clone)]
pub struct KeyRing {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    former: Vec<Former>,
    seen: Seen,
    successor: hmac::Key,
    urls: [u8; 32],
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Reads the key in the file `path` (PKCS#8, as DER or PEM), and makes one first when there is no such file. Safe
    /// with several processes starting at once.
    pub fn open_or_create(path: &Path, ids: &dyn Ids) -> Result<Self, KeyError> {
        let der = key_file::open_or_create(path, ids)?;
        let mut keys = Self::from_pkcs8(&der).ok_or_else(|| KeyError::Unreadable(path.to_owned()))?;
        keys.former = key_file::former(path)?.iter().map(Former::new).collect();
        Ok(keys)
    }

    /// A key that lives in memory only, for tests.
    pub fn from_seed(seed: [u8; 32]) -> Option<Self> {
        Self::from_pkcs8(&key_file::pkcs8(seed))
    }

    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        install_crypto();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        let public = pair.public_key().as_ref();
        // A key for one purpose only, drawn from the secret without revealing it.
        let secret = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, der), b"inkledger refresh token successor");
        let urls = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, der), b"inkledger signed addresses");
        Some(Self {
            kid: key_file::name_of(public),
            encoding: EncodingKey::from_ed_der(der),
            decoding: DecodingKey::from_ed_der(public),
            former: Vec::new(),
            seen: Seen::default(),
            successor: hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()),
            urls: urls.as_ref().try_into().ok()?,
        })
    }

    /// The name of the signing key in token headers.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key that signs addresses of stored objects. Processes that share the signing key share it too.
    pub fn url_key(&self) -> &[u8; 32] {
        &self.urls
    }

    /// What signs.
    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    /// What verifies a token of the key `kid`, and until when that counts (microseconds; `None` is always).
    pub(super) fn decoding(&self, kid: &str) -> Option<(&DecodingKey, Option<Micros>)> {
        if kid == self.kid {
            return Some((&self.decoding, None));
        }
        let former = self.former.iter().find(|former| former.kid == kid)?;
        Some((&former.decoding, former.until))
    }

    /// Tokens whose signature was found right.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The public half, 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.decoding.try_get_as_bytes().unwrap_or_default()
    }

    /// The refresh token that follows `token`: always the same one, and unknowable without the key. So a client that
    /// lost an answer, or asked twice at once, is answered alike, and a family never has two branches.
    pub(super) fn successor(&self, token: &[u8; 32]) -> [u8; 32] {
        let tag = hmac::sign(&self.successor, token);
        let mut next = [0; 32];
        for (to, from) in next.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        next
    }
}

/// A key that was replaced: tokens that it signed are good for as long as they would have been.
#[derive(Clone)]
struct Former {
    kid: String,
    decoding: DecodingKey,
    until: Option<Micros>,
}

impl Former {
    fn new(key: &FormerKey) -> Self {
        let kid = key_file::name_of(&key.public);
        Self { kid, decoding: DecodingKey::from_ed_der(&key.public), until: key.until }
    }
}

/// Tokens that are remembered as rightly signed.
const SEEN_MAX: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// What rightly signed tokens say, by the SHA-256 of their text: a client sends the same one again and again, and looking at the
/// signature takes longer than all else about it. Only what the signature says is kept; whether the token is still good is judged
/// each time. It goes with its key.
#[derive(Clone)]
pub(super) struct Seen(Arc<Mutex<LruCache<Vec<u8>, SignedClaims>>>);

impl Default for Seen {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(SEEN_MAX))))
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, LruCache<Vec<u8>, SignedClaims>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the token with this hash says, if it was seen.
    pub(super) fn get(&self, hash: &[u8]) -> Option<SignedClaims> {
        self.lock().get(hash).copied()
    }

    /// Remembers a token that is rightly signed.
    pub(super) fn put(&self, hash: Vec<u8>, claims: SignedClaims) {
        self.lock().put(hash, claims);
    }
}

/// Installs what signs and verifies tokens, over ring. Calling it again does nothing.
pub fn install_crypto() {
    // The first call wins; all of them install the same provider.
    let _ = PROVIDER.install_default();
}

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes()).map_err(|_| ErrorKind::InvalidEddsaKey)?;
    Ok(Box::new(EdSigner(pair)))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    Ok(Box::new(EdVerifier(key.try_get_as_bytes()?.to_vec())))
}

struct EdSigner(Ed25519KeyPair);

impl Signer<Vec<u8>> for EdSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for EdSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct EdVerifier(Vec<u8>);

impl Verifier<Vec<u8>> for EdVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for EdVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;
    use crate::ids::SeededIds;

    const PEM_HEAD: &str = "-----BEGIN PRIVATE KEY-----";
    const PEM_TAIL: &str = "-----END PRIVATE KEY-----";
    const FILE: &str = "signing_key.pk8";

    fn open(folder: &Path, seed: u64) -> Result<KeyRing, KeyError> {
        KeyRing::open_or_create(&folder.join(FILE), &SeededIds::new(seed))
    }

    #[test]
    fn makes_a_key_once_for_its_owner_only_and_reads_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path(), 1).unwrap();
        let second = open(folder.path(), 2).unwrap();
        assert_eq!(first.kid(), second.kid());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_key_that_others_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), 1).unwrap();
        let path = folder.path().join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = open(folder.path(), 1).unwrap_err().to_string();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn refuses_a_file_that_holds_no_key() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), 1).unwrap();
        fs::write(folder.path().join(FILE), "not a key").unwrap();
        let error = open(folder.path(), 1).unwrap_err();
        assert!(matches!(error, KeyError::Unreadable(_)));
    }

    #[test]
    fn reads_the_same_key_as_pem() {
        let folder = tempfile::tempdir().unwrap();
        let made = open(folder.path(), 1).unwrap();
        let path = folder.path().join(FILE);
        let pem = format!("{PEM_HEAD}\n{}\n{PEM_TAIL}\n", STANDARD.encode(fs::read(&path).unwrap()));
        fs::write(&path, pem).unwrap();
        assert_eq!(open(folder.path(), 1).unwrap().kid(), made.kid());
    }

    #[test]
    fn several_processes_that_start_at_once_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let kids: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|seed| {
                    let path = folder.path();
                    scope.spawn(move || open(path, seed).unwrap().kid().to_owned())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(kids.windows(2).all(|pair| pair[0] == pair[1]), "{kids:?}");
    }

    #[test]
    fn derives_one_successor_of_a_token_and_another_with_another_key() {
        let (one, two) = (KeyRing::from_seed([1; 32]).unwrap(), KeyRing::from_seed([2; 32]).unwrap());
        assert_eq!(one.successor(&[7; 32]), one.successor(&[7; 32]));
        assert_ne!(one.successor(&[7; 32]), two.successor(&[7; 32]));
        assert_ne!(one.successor(&[7; 32]), one.successor(&[8; 32]));
    }
}
