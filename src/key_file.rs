//! Files that hold one Ed25519 signing key: made at first start, for their owner's eyes only.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{digest, signature::Ed25519KeyPair};

use crate::ids::{Ids, random};

/// What stands before the 32 secret bytes of an Ed25519 key in PKCS#8, version 1.
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const PEM_HEAD: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_TAIL: &str = "-----END PRIVATE KEY-----";

/// Why there is no signing key. Each message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others may read it.
    #[error("{path} may be read by others (mode {mode:03o}). Run: chmod 600 {path}")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not an Ed25519 key.
    #[error(
        "{0} does not hold an Ed25519 key in PKCS#8. Restore it; docs/operations.md says what removing it would cost"
    )]
    Unreadable(PathBuf),
    /// The file or folder cannot be used.
    #[error("cannot use {path}. Check that the folder exists and may be written")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads the key in the file `path` (PKCS#8, as DER or PEM), and makes one first when there is no such file. Safe with
/// several processes starting at once. Answers DER.
pub fn open_or_create(path: &Path, ids: &dyn Ids) -> Result<Vec<u8>, KeyError> {
    if let Some(der) = open(path)? {
        return Ok(der);
    }
    create(path, &pkcs8(random(ids)), &hex::encode(random::<8>(ids)))
        .map_err(|source| KeyError::File { path: path.to_owned(), source })?;
    // Another process may have been first; its key is the one that counts.
    open(path)?.ok_or_else(|| KeyError::Unreadable(path.to_owned()))
}

/// Reads the key in the file `path`; `None` when there is no such file.
pub fn open(path: &Path) -> Result<Option<Vec<u8>>, KeyError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    from_bytes(bytes).map(Some).ok_or_else(|| KeyError::Unreadable(path.to_owned()))
}

/// A key of these 32 secret bytes, as DER.
pub fn pkcs8(seed: [u8; 32]) -> Vec<u8> {
    [PKCS8_HEAD.as_slice(), &seed].concat()
}

/// The name of a key: the first 16 letters of the SHA-256 of its public half in base64url.
pub fn name_of(public: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, public)).chars().take(16).collect()
}

fn from_bytes(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let der = match std::str::from_utf8(&bytes).ok().filter(|text| text.contains(PEM_HEAD)) {
        None => bytes,
        Some(pem) => {
            let body = pem.trim().strip_prefix(PEM_HEAD)?.strip_suffix(PEM_TAIL)?;
            STANDARD.decode(body.split_whitespace().collect::<String>()).ok()?
        }
    };
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()?;
    Some(der)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, KeyError> {
    let file = |source| KeyError::File { path: path.to_owned(), source };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file(error)),
    };
    refuse_open(path, &metadata)?;
    fs::read(path).map(Some).map_err(file)
}

#[cfg(unix)]
fn refuse_open(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::TooOpen { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_open(_: &Path, _: &fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

/// Writes beside the file and links it into place, so that no process ever reads half a key or loses another's.
fn create(path: &Path, key: &[u8], suffix: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("{suffix}.part"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(key)?;
        file.sync_all()
    });
    let linked = written.and_then(|()| match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&beside);
    linked.and(removed)
}
