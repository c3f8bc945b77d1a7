//! Objects as files. Each is written beside its place, flushed, renamed, and its folder flushed, so a crash leaves
//! the old object or the new one. `LocalFileSystem` refuses attributes, which is why content types are elsewhere.

use std::path::Path;

use object_store::local::LocalFileSystem;

use super::StorageError;

/// Opens `<data folder>/objects`, readable by nobody but its owner.
pub(super) fn open(data_folder: &Path) -> Result<LocalFileSystem, StorageError> {
    let folder = data_folder.join("objects");
    create_private(&folder).map_err(StorageError::Folder)?;
    let store = LocalFileSystem::new_with_prefix(&folder).map_err(StorageError::Unavailable)?;
    Ok(store.with_fsync(true))
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
