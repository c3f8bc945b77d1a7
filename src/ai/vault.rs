//! Provider keys at rest: AES-256-GCM under a key file that all processes of an installation share. The file may hold
//! older keys behind the present one, so that it can be changed without entering every provider key anew.
//! It must never put a secret into an error, a log line or `Debug`.

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac,
};
use secrecy::{ExposeSecret, SecretString};

use super::model::Sealed;
use crate::{
    ids::{Ids, random},
    key_file,
};

const KEY_BYTES: usize = 32;

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It cannot be read or made.
    #[error("cannot use the key file {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error("the key file {path} may be read by others than its owner (mode {mode:o}). Run: chmod 600 {path}")]
    TooOpen {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It does not hold whole keys of 32 bytes.
    #[error(
        "the key file {0} does not hold keys of 32 bytes. Restore it from a backup; without it, enter the provider keys anew"
    )]
    Unreadable(PathBuf),
}

/// Why a stored secret could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is encrypted under a key that this process does not have.
    #[error("it is encrypted under the key {0}, which the key file of this process does not hold")]
    UnknownKey(String),
    /// It was changed, or belongs to another row.
    #[error("it does not decrypt: it was changed, or belongs to another provider")]
    Damaged,
}

struct Key {
    id: String,
    aead: LessSafeKey,
    // Tells credentials apart without saying what they are.
    mac: hmac::Key,
    quotes: hmac::Key,
}

/// Encrypts and decrypts. `Debug` names the key, and nothing of it.
pub struct Vault {
    keys: Vec<Key>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_struct("Vault").field("keys", &ids).finish()
    }
}

fn shortened(bytes: &[u8]) -> String {
    hex::encode(bytes.get(..8).unwrap_or(bytes))
}

impl Key {
    fn new(bytes: &[u8]) -> Option<Self> {
        let derived = |purpose: &str| {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(purpose.as_bytes());
            context.update(bytes);
            context.finish()
        };
        let mac = hmac::Key::new(hmac::HMAC_SHA256, derived("inkledger credential name").as_ref());
        let quotes = hmac::Key::new(hmac::HMAC_SHA256, derived("inkledger quotes").as_ref());
        let id = shortened(derived("inkledger key name").as_ref());
        Some(Self { id, aead: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?), mac, quotes })
    }
}

impl Vault {
    /// A vault of these keys; the first encrypts. `None` without one, or when one has other than 32 bytes.
    pub fn new(keys: &[[u8; KEY_BYTES]]) -> Option<Self> {
        let keys: Option<Vec<Key>> = keys.iter().map(|bytes| Key::new(bytes)).collect();
        keys.filter(|keys| !keys.is_empty()).map(|keys| Self { keys })
    }

    /// Reads the key file, and makes one that only its owner may read where there is none. Of several processes that
    /// start at once, one makes it and all read the same.
    pub fn open_or_create(path: &Path, ids: &dyn Ids) -> Result<Self, VaultError> {
        if !path.exists() {
            create(path, &random::<KEY_BYTES>(ids), ids)
                .map_err(|source| VaultError::File { path: path.to_owned(), source })?;
        }
        Self::open(path)
    }

    /// Reads the key file.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        let file = |source| VaultError::File { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(file)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(VaultError::TooOpen { path: path.to_owned(), mode });
        }
        let bytes = fs::read(path).map_err(file)?;
        let (keys, rest) = bytes.as_chunks::<KEY_BYTES>();
        let vault = if rest.is_empty() { Self::new(keys) } else { None };
        vault.ok_or_else(|| VaultError::Unreadable(path.to_owned()))
    }

    /// Puts a new key before those in the file, and answers the vault of the new file.
    pub fn rotate(path: &Path, ids: &dyn Ids) -> Result<Self, VaultError> {
        let file = |source| VaultError::File { path: path.to_owned(), source };
        Self::open_or_create(path, ids)?;
        let old = fs::read(path).map_err(file)?;
        let new = [random::<KEY_BYTES>(ids).as_slice(), &old].concat();
        key_file::replace(path, &new, ids).map_err(file)?;
        Self::open(path)
    }

    /// Takes all keys but the first out of the file. What is encrypted under them is lost then.
    pub fn forget_former(path: &Path, ids: &dyn Ids) -> Result<Self, VaultError> {
        let file = |source| VaultError::File { path: path.to_owned(), source };
        Self::open(path)?;
        let keys = fs::read(path).map_err(file)?;
        let first = keys.get(..KEY_BYTES).ok_or_else(|| VaultError::Unreadable(path.to_owned()))?;
        key_file::replace(path, first, ids).map_err(file)?;
        Self::open(path)
    }

    /// The names of the keys, the one that encrypts first.
    pub fn key_ids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.id.as_str()).collect()
    }

    fn current(&self) -> Option<&Key> {
        self.keys.first()
    }

    /// The name of the key that encrypts.
    pub fn key_id(&self) -> &str {
        self.current().map_or("", |key| key.id.as_str())
    }

    /// Encrypts `secret` for the row called `name`; it opens for no other. `None` only if the back end fails.
    pub fn seal(&self, name: &str, secret: &SecretString, ids: &dyn Ids) -> Option<Sealed> {
        let key = self.current()?;
        let nonce: [u8; NONCE_LEN] = random(ids);
        let mut bytes = secret.expose_secret().as_bytes().to_vec();
        key.aead.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name), &mut bytes).ok()?;
        Some(Sealed { key_id: key.id.clone(), nonce: nonce.to_vec(), ciphertext: bytes })
    }

    /// Decrypts what was sealed for the row called `name`.
    pub fn unseal(&self, name: &str, sealed: &Sealed) -> Result<SecretString, OpenError> {
        let key = self.keys.iter().find(|key| key.id == sealed.key_id);
        let key = key.ok_or_else(|| OpenError::UnknownKey(sealed.key_id.clone()))?;
        let nonce = Nonce::try_assume_unique_for_key(&sealed.nonce).map_err(|_| OpenError::Damaged)?;
        let mut bytes = sealed.ciphertext.clone();
        let plain = key.aead.open_in_place(nonce, Aad::from(name), &mut bytes).map_err(|_| OpenError::Damaged)?;
        let text = std::str::from_utf8(plain).map_err(|_| OpenError::Damaged)?;
        Ok(SecretString::from(text.to_owned()))
    }

    /// Signs the terms of a quote, for all processes that share the key file.
    pub fn sign_quote(&self, terms: &[u8]) -> Vec<u8> {
        self.current().map(|key| hmac::sign(&key.quotes, terms).as_ref().to_vec()).unwrap_or_default()
    }

    /// Whether `signature` is one of these terms, also under a key that was replaced since.
    pub fn has_signed_quote(&self, terms: &[u8], signature: &[u8]) -> bool {
        self.keys.iter().any(|key| hmac::verify(&key.quotes, terms, signature).is_ok())
    }

    /// A name for `parts` that tells nothing about them, equal in all processes that share the key file: 16 hex digits.
    pub fn name_of(&self, parts: &[&str]) -> String {
        let Some(key) = self.current() else { return String::new() };
        let mut context = hmac::Context::with_key(&key.mac);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        shortened(context.sign().as_ref())
    }
}

/// Writes a whole file beside `path` and gives it the name, unless it is taken meanwhile: nobody ever reads half a key.
fn create(path: &Path, bytes: &[u8], ids: &dyn Ids) -> io::Result<()> {
    let beside = path.with_extension(format!("new-{}", ids.uuid().simple()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| match fs::hard_link(&beside, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    fs::remove_file(&beside)?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeededIds;

    fn secret() -> SecretString {
        SecretString::from("sk-canary-5d41")
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let ids = SeededIds::new(1);
        let vault = Vault::new(&[[7; 32]]).unwrap();
        let sealed = vault.seal("openai", &secret(), &ids).unwrap();
        assert_eq!(vault.unseal("openai", &sealed).unwrap().expose_secret(), "sk-canary-5d41");
        // T22: a ciphertext moved to another row does not open there.
        assert_eq!(vault.unseal("fal", &sealed).unwrap_err(), OpenError::Damaged);
        for at in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[at] ^= 1;
            assert_eq!(vault.unseal("openai", &changed).unwrap_err(), OpenError::Damaged);
        }
        let cut = Sealed { nonce: vec![1], ..sealed.clone() };
        assert_eq!(vault.unseal("openai", &cut).unwrap_err(), OpenError::Damaged);
        let other = Vault::new(&[[8; 32]]).unwrap();
        assert_eq!(other.unseal("openai", &sealed).unwrap_err(), OpenError::UnknownKey(sealed.key_id.clone()));
        let again = vault.seal("openai", &secret(), &ids).unwrap();
        assert_ne!((again.nonce, again.ciphertext), (sealed.nonce, sealed.ciphertext));
    }

    #[test]
    fn an_older_key_still_opens_while_the_first_one_seals() {
        let ids = SeededIds::new(1);
        let old = Vault::new(&[[7; 32]]).unwrap();
        let sealed = old.seal("openai", &secret(), &ids).unwrap();
        let rotated = Vault::new(&[[8; 32], [7; 32]]).unwrap();
        assert!(rotated.unseal("openai", &sealed).is_ok());
        assert_ne!(rotated.seal("openai", &secret(), &ids).unwrap().key_id, sealed.key_id);
    }

    #[test]
    fn names_tell_credentials_apart_and_are_the_same_everywhere() {
        let (one, two) = (Vault::new(&[[7; 32]]).unwrap(), Vault::new(&[[7; 32]]).unwrap());
        assert_eq!(one.name_of(&["openai", "k"]), two.name_of(&["openai", "k"]));
        assert_ne!(one.name_of(&["openai", "k"]), one.name_of(&["openaik", ""]));
        assert_ne!(one.name_of(&["openai", "k"]), Vault::new(&[[8; 32]]).unwrap().name_of(&["openai", "k"]));
        assert_eq!(one.name_of(&["x"]).len(), 16);
        assert!(!format!("{one:?}").contains("07"));
    }

    #[test]
    fn the_file_is_made_once_for_its_owner_and_refused_when_others_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret_key");
        let made = Vault::open_or_create(&path, &SeededIds::new(1)).unwrap();
        let again = Vault::open_or_create(&path, &SeededIds::new(2)).unwrap();
        assert_eq!(made.key_id(), again.key_id());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, [1; 33]).unwrap();
        assert!(matches!(Vault::open(&path), Err(VaultError::Unreadable(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Vault::open(&path), Err(VaultError::TooOpen { mode: 0o640, .. })));
    }
}
