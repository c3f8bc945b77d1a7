//! The key that signs anchors, receipts and heads of the audit trail, and the public halves that check them. It signs nothing else: tokens have a
//! key of their own, which may be thrown away, while proofs outlive it.

use std::{fmt, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::{
    ids::Ids,
    key_file::{self, KeyError},
};

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// The present signing key. Cloning is cheap.
#[derive(Clone)]
pub struct LedgerKey {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerKey").field("name", &self.public.name).finish_non_exhaustive()
    }
}

impl LedgerKey {
    /// Reads the key in the file `path`, and makes one first when there is no such file.
    pub fn open_or_create(path: &Path, ids: &dyn Ids) -> Result<Self, KeyError> {
        Self::of(&key_file::open_or_create(path, ids)?).ok_or_else(|| KeyError::Unreadable(path.to_owned()))
    }

    /// Reads the key in the file `path`; `None` when there is no such file.
    pub fn open(path: &Path) -> Result<Option<Self>, KeyError> {
        let Some(der) = key_file::open(path)? else { return Ok(None) };
        Self::of(&der).map(Some).ok_or_else(|| KeyError::Unreadable(path.to_owned()))
    }

    /// The public halves of the keys that the one in the file `path` replaced, the latest first.
    pub fn former(path: &Path) -> Result<Vec<PublicKey>, KeyError> {
        Ok(key_file::former(path)?.into_iter().map(|key| PublicKey::new(key.public)).collect())
    }

    /// A key that lives in memory only, for tests.
    pub fn from_seed(seed: [u8; 32]) -> Option<Self> {
        Self::of(&key_file::pkcs8(seed))
    }

    fn of(der: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        let public = PublicKey::new(<[u8; 32]>::try_from(pair.public_key().as_ref()).ok()?);
        Some(Self { pair: Arc::new(pair), public })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`; the same message has always the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        // An Ed25519 signature is 64 bytes long, so the fallback is never taken.
        Signature::try_from(self.pair.sign(message).as_ref()).unwrap_or([0; 64])
    }
}

/// What checks signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Drawn from the key itself: 16 letters.
    pub name: String,
    bytes: [u8; 32],
}

impl PublicKey {
    /// Names `bytes`.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { name: key_file::name_of(&bytes), bytes }
    }

    /// Reads 43 letters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?))
    }
}

/// One key of a set, in the form of RFC 8037.
#[derive(Serialize, Deserialize)]
struct WebKey {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    #[serde(rename = "use", default)]
    purpose: String,
    #[serde(default)]
    alg: String,
}

#[derive(Serialize, Deserialize)]
struct WebKeys {
    keys: Vec<WebKey>,
}

/// The public keys of an installation, the present one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

impl PublicKeys {
    /// The present key and those that signed before it.
    pub fn new(present: PublicKey, former: Vec<PublicKey>) -> Self {
        let mut keys = vec![present];
        for key in former {
            // One may be in the settings and in the file.
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Self(keys)
    }

    /// Reads the document that [`PublicKeys::to_json`] writes; keys of other kinds are left out. `None` when there is
    /// none of ours in it.
    pub fn parse(text: &str) -> Option<Self> {
        let set: WebKeys = serde_json::from_str(text).ok()?;
        let ours = set.keys.iter().filter(|key| key.kty == "OKP" && key.crv == "Ed25519");
        let keys: Vec<PublicKey> = ours.filter_map(|key| PublicKey::parse(&key.x)).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The set as JSON Web Keys.
    pub fn to_json(&self) -> String {
        let keys = self.0.iter().map(|key| WebKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: key.name.clone(),
            x: URL_SAFE_NO_PAD.encode(key.bytes),
            purpose: "sig".to_owned(),
            alg: "EdDSA".to_owned(),
        });
        // Texts alone, which JSON can always hold.
        serde_json::to_string_pretty(&WebKeys { keys: keys.collect() }).unwrap_or_default() + "\n"
    }

    /// Whether the key `name` is known.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|key| key.name == name)
    }

    /// Whether the key `name` is known, and signed `message`.
    pub fn check(&self, name: &str, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let key = self.0.iter().find(|key| key.name == name);
        let key = key.ok_or_else(|| BadSignature::UnknownKey(name.to_owned()))?;
        let judged = UnparsedPublicKey::new(&ED25519, key.bytes).verify(message, signature);
        judged.map_err(|_| BadSignature::Wrong(name.to_owned()))
    }
}

/// Why a signature proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// None of the keys has this name.
    #[error("it is signed with the key `{0}`, which is not among the public keys")]
    UnknownKey(String),
    /// The key did not sign this.
    #[error("the signature is not that of the key `{0}` over this content")]
    Wrong(String),
}
