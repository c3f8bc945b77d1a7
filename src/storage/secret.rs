//! A secret of 32 bytes in a file that only its owner can read, made when it is missing.

use std::{
    fs::OpenOptions,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Reads the secret in `path`; when there is none, stores `fresh` and answers it. Safe with several processes starting
/// at once: the first one's counts.
pub fn read_or_create(path: &Path, fresh: [u8; 32]) -> io::Result<[u8; 32]> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(&fresh)?;
            file.sync_all()?;
            Ok(fresh)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut bytes = [0; 32];
            OpenOptions::new().read(true).open(path)?.read_exact(&mut bytes)?;
            Ok(bytes)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_secret_and_hides_it_from_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(read_or_create(&path, [1; 32]).unwrap(), [1; 32]);
        assert_eq!(read_or_create(&path, [2; 32]).unwrap(), [1; 32]);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
