//! Images and keys: files beside the database that a backup takes along when it is asked to.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use indicatif::ProgressBar;

use super::archive::{Draft, Manifest, Sink, Stored, below, cannot, private_folder, sync_folder};
use crate::{cli::CliError, config::Config, key_file::former_file};

const OBJECTS: &str = "objects";
const KEYS: &str = "keys";

/// The key files and their names in the archive; the public halves of keys that were replaced go with them.
fn key_files(config: &Config) -> [(&'static str, PathBuf); 5] {
    let (signing, ledger) = (&config.auth.signing_key_file, &config.proof.signing_key_file);
    [
        ("keys/signing_key.pk8", signing.clone()),
        ("keys/signing_key.pk8.former", former_file(signing)),
        ("keys/ledger_key.pk8", ledger.clone()),
        ("keys/ledger_key.pk8.former", former_file(ledger)),
        ("keys/secret_key", config.ai.secret_key_file.clone()),
    ]
}

/// Lets nobody but its owner read the file.
pub(super) fn keep_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let _ = path;
    Ok(())
}

fn take(draft: &mut Draft, name: &str, from: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut sink = Sink::create(draft.folder(), name)?;
    io::copy(&mut source, &mut sink)?;
    draft.add(sink.finish(None)?);
    Ok(())
}

/// Copies the key files that are there.
pub(super) fn take_keys(draft: &mut Draft, config: &Config) -> Result<(), CliError> {
    for (name, path) in key_files(config) {
        if path.exists() {
            take(draft, name, &path).map_err(|error| cannot("copy", &path, &error))?;
        }
    }
    Ok(())
}

/// Copies the images of the data folder. What is deleted meanwhile is left out.
pub(super) fn take_objects(draft: &mut Draft, data_dir: &Path, bar: &ProgressBar) -> Result<(), CliError> {
    let root = data_dir.join(OBJECTS);
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let here = root.join(&folder);
        let entries = match fs::read_dir(&here) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|error| cannot("read", &here, &error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| cannot("read", &here, &error))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let below = folder.join(&name);
            let kind = entry.file_type().map_err(|error| cannot("read", &here, &error))?;
            if kind.is_dir() {
                folders.push(below);
            } else if kind.is_file() && !name.contains('#') {
                // A name with `#` is one that is still being written.
                let to = format!("{OBJECTS}/{}", below.to_string_lossy());
                match take(draft, &to, &entry.path()) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    done => done.map_err(|error| cannot("copy", &entry.path(), &error))?,
                }
                bar.tick();
            }
        }
    }
    Ok(())
}

/// What was done with files beside the database.
#[derive(Default)]
pub(super) struct Put {
    /// Images that were put back.
    pub(super) objects: u64,
    /// Key files that were put back.
    pub(super) keys: u64,
    /// Key files that are there with other keys, and were left alone.
    pub(super) kept: Vec<PathBuf>,
}

/// Puts images and keys back where none are. Nothing is written over.
pub(super) fn put_back(folder: &Path, manifest: &Manifest, config: &Config) -> Result<Put, CliError> {
    let mut put = Put::default();
    for file in &manifest.files {
        let Some(from) = below(folder, &file.path) else { continue };
        let top = file.path.split('/').next();
        let target = match top {
            Some(OBJECTS) => config.data_dir.join(&file.path),
            Some(KEYS) => match key_files(config).into_iter().find(|(name, _)| *name == file.path) {
                Some((_, path)) => path,
                None => continue,
            },
            _ => continue,
        };
        let is_new = copy_new(&from, &target).map_err(|error| cannot("write", &target, &error))?;
        match (top, is_new) {
            (Some(OBJECTS), true) => put.objects += 1,
            (Some(KEYS), true) => put.keys += 1,
            (Some(KEYS), false) if !is_same(&target, file, &from) => put.kept.push(target),
            _ => {}
        }
    }
    Ok(put)
}

fn is_same(target: &Path, file: &Stored, from: &Path) -> bool {
    let length = target.metadata().is_ok_and(|found| found.len() == file.bytes);
    length && fs::read(target).ok() == fs::read(from).ok()
}

/// Copies to a neighbour and links it into place: nobody finds half a file, and none that is there is replaced.
pub(super) fn copy_new(from: &Path, target: &Path) -> io::Result<bool> {
    if target.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let parent = target.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    private_folder(parent)?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let beside = target.with_file_name(name);
    let written = copy_to(from, &beside);
    let linked = written.and_then(|()| match fs::hard_link(&beside, target) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    });
    let _ = fs::remove_file(&beside);
    if matches!(linked, Ok(true)) {
        sync_folder(parent)?;
    }
    linked
}

/// Copies into a new file for its owner only, and waits until it is on the disk.
pub(super) fn copy_to(from: &Path, to: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(to)?;
    io::copy(&mut File::open(from)?, &mut out)?;
    out.sync_all()
}
