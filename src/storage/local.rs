//! Objects as files. Each is written beside its place, flushed, renamed, and its folder flushed, so a crash leaves
//! the old object or the new one. `LocalFileSystem` refuses attributes, which is why content types are elsewhere.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use object_store::local::LocalFileSystem;

use super::StorageError;
use crate::clock::Micros;

/// Opens `<data folder>/objects`, readable by nobody but its owner, and answers where it is.
pub(super) fn open(data_folder: &Path) -> Result<(LocalFileSystem, PathBuf), StorageError> {
    let folder = data_folder.join("objects");
    create_private(&folder).map_err(StorageError::Folder)?;
    let store = LocalFileSystem::new_with_prefix(&folder).map_err(StorageError::Unavailable)?;
    Ok((store.with_fsync(true).with_automatic_cleanup(true), folder))
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Removes what writes left that a crash cut off, if it was last changed before `before`, and answers how many files that
/// was. The library never lists them. Blocks.
pub(super) fn remove_staged(folder: &Path, before: Micros) -> io::Result<u64> {
    let before = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(before).unwrap_or(0));
    let mut removed = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            // Gone with its last object meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if is_staged(&entry.file_name()) && entry.metadata()?.modified()? < before {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// A write goes to `<name>#<number>` until it is whole.
fn is_staged(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.rsplit_once('#'));
    parts.is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_old_remains_of_writes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("images/account/image");
        fs::create_dir_all(&below).unwrap();
        let day = |day: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400);
        for (name, at) in
            [("original.png", 1), ("original.png#1", 1), ("w320.png#27", 1), ("w640.png#2", 3), ("a#b", 1)]
        {
            fs::File::create(below.join(name)).unwrap().set_modified(day(at)).unwrap();
        }
        assert_eq!(remove_staged(folder.path(), 2 * 86_400_000_000).unwrap(), 2);
        let mut left: Vec<_> = fs::read_dir(below).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["a#b", "original.png", "w640.png#2"]);
        assert_eq!(remove_staged(&folder.path().join("missing"), 1).unwrap(), 0);
    }
}
