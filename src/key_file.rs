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
use ring::{
    digest,
    signature::{Ed25519KeyPair, KeyPair as _},
};

use crate::{
    clock::{Micros, from_rfc3339, to_rfc3339},
    ids::{Ids, random},
};

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

/// The public half of a key that was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormerKey {
    /// The 32 bytes.
    pub public: [u8; 32],
    /// From then on it verifies nothing; `None` is never.
    pub until: Option<Micros>,
}

/// What a rotation did: the names of both keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The key until now; `None` when there was none.
    pub from: Option<String>,
    /// The key from now on.
    pub to: String,
}

/// Where the public halves of replaced keys are: beside the key, one a line, 43 letters and the end of its time if it has one.
pub fn former_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".former");
    name.into()
}

/// The replaced keys of the key in the file `path`, the latest first.
pub fn former(path: &Path) -> Result<Vec<FormerKey>, KeyError> {
    let path = former_file(path);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(KeyError::File { path, source }),
    };
    let keys = text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let (public, until) =
            line.trim().split_once(' ').map_or((line.trim(), None), |(key, until)| (key, Some(until)));
        let public = <[u8; 32]>::try_from(URL_SAFE_NO_PAD.decode(public).ok()?.as_slice()).ok()?;
        let until = until.map(|text| from_rfc3339(text.trim()).ok_or(())).transpose().ok()?;
        Some(FormerKey { public, until })
    });
    keys.collect::<Option<_>>().ok_or(KeyError::Unreadable(path))
}

/// Puts a new key into the file `path`. Of the old one the public half is kept, to verify until `keep` says; `None` forgets it.
/// A crash in between leaves the old key or the new one, and never an old one that nobody verifies with.
pub fn rotate(path: &Path, keep: Option<Option<Micros>>, ids: &dyn Ids) -> Result<Rotated, KeyError> {
    let file = |source| KeyError::File { path: path.to_owned(), source };
    let public_of = |der: &[u8]| {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        <[u8; 32]>::try_from(pair.public_key().as_ref()).ok()
    };
    let unreadable = || KeyError::Unreadable(path.to_owned());
    let old = open(path)?.map(|der| public_of(&der).ok_or_else(unreadable)).transpose()?;
    if let Some((public, until)) = old.zip(keep) {
        let mut keys = former(path)?;
        keys.retain(|key| key.public != public);
        keys.insert(0, FormerKey { public, until });
        let lines = keys.iter().map(|FormerKey { public, until }| {
            let until = until.map(|at| format!(" {}", to_rfc3339(at))).unwrap_or_default();
            format!("{}{until}\n", URL_SAFE_NO_PAD.encode(public))
        });
        replace(&former_file(path), lines.collect::<String>().as_bytes(), ids).map_err(file)?;
    }
    let new = pkcs8(random(ids));
    let public = public_of(&new).ok_or_else(unreadable)?;
    replace(path, &new, ids).map_err(file)?;
    Ok(Rotated { from: old.map(|public| name_of(&public)), to: name_of(&public) })
}

/// Writes beside the file and gives it the name, whatever had it: whoever reads finds the old bytes or the new ones, whole.
pub fn replace(path: &Path, bytes: &[u8], ids: &dyn Ids) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.part", hex::encode(random::<8>(ids))));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    renamed?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeededIds;

    #[test]
    fn a_replaced_key_is_kept_by_its_public_half_unless_it_is_to_be_forgotten() {
        let (folder, ids) = (tempfile::tempdir().unwrap(), SeededIds::new(1));
        let path = folder.path().join("key.pk8");
        let first = rotate(&path, Some(None), &ids).unwrap();
        assert_eq!((first.from, former(&path).unwrap()), (None, Vec::new()), "there was none");
        let second = rotate(&path, Some(Some(1_700_000_000_000_000)), &ids).unwrap();
        assert_eq!(second.from.as_ref(), Some(&first.to));
        let third = rotate(&path, Some(None), &ids).unwrap();
        let kept = former(&path).unwrap();
        let names: Vec<_> = kept.iter().map(|key| (name_of(&key.public), key.until)).collect();
        assert_eq!(names, [(second.to, None), (first.to, Some(1_700_000_000_000_000))]);
        let fourth = rotate(&path, None, &ids).unwrap();
        assert_eq!((fourth.from, former(&path).unwrap()), (Some(third.to), kept));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside");
        fs::write(former_file(&path), "nonsense\n").unwrap();
        assert!(matches!(former(&path), Err(KeyError::Unreadable(_))));
    }
}
