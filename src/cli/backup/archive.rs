//! The folder of a backup: files with their sums, and a manifest that is written last. It has its name only when it is whole.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Component, Path, PathBuf},
};

use ring::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cli::CliError;

/// The form of the folder. Another form gets another number.
pub(super) const FORMAT: &str = "inkledger/backup/1";

const MANIFEST: &str = "manifest.json";

/// No manifest of ours is larger: one line for each file.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// What a folder holds, and of which moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// [`FORMAT`].
    pub(super) format: String,
    /// The version of the binary that wrote it.
    pub(super) version: String,
    /// `sqlite` or `postgresql`.
    pub(super) engine: String,
    /// The migrations of its schema, oldest first.
    pub(super) migrations: Vec<String>,
    /// The database's id.
    pub(super) database: Uuid,
    /// The epoch it was in.
    pub(super) epoch: i64,
    /// How far the ledger was.
    pub(super) high_water: HighWater,
    /// When the command began: every credit transaction that was acknowledged before is in it.
    pub(super) began_at: String,
    /// No later than this is anything in it.
    pub(super) at: String,
    /// Whether the images of the data folder are in it.
    pub(super) objects: bool,
    /// Whether the key files are in it.
    pub(super) keys: bool,
    /// Every file but this one.
    pub(super) files: Vec<Stored>,
}

/// How far the ledger of a copy is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HighWater {
    /// Credit transactions of all accounts.
    pub(super) transactions: i64,
    /// The time of the latest one.
    pub(super) at: Option<String>,
    /// The number of the last anchor; 0 before the first.
    pub(super) anchor: i64,
}

/// One file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    /// Below the folder, with `/`.
    pub(super) path: String,
    /// Its length.
    pub(super) bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub(super) sha256: String,
    /// Rows of a table; `None` for other files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<u64>,
}

impl Manifest {
    /// Of all files together.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Reads the manifest of `folder`, and refuses what is no backup of this form.
    pub(super) fn read(folder: &Path) -> Result<Self, CliError> {
        let path = folder.join(MANIFEST);
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| file.take(MANIFEST_BYTES_MAX).read_to_string(&mut text));
        read.map_err(|error| {
            CliError::Usage(format!(
                "{} is no backup: {MANIFEST} cannot be read ({error}). A folder that ends in .part was never finished; \
                 name one that `inkledger backup` made",
                folder.display()
            ))
        })?;
        let format: Option<String> = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| Some(value.get("format")?.as_str()?.to_owned()));
        if let Some(format) = format.filter(|format| format != FORMAT) {
            let message = "which this version does not know. Restore with the version that wrote it, or a newer one";
            return Err(CliError::Refused(format!("the backup has the form `{format}`, {message}")));
        }
        serde_json::from_str(&text).map_err(|error| damaged(folder, MANIFEST, &error.to_string()))
    }

    /// Reads every file and compares it with its sum; `each` hears of it first.
    pub(super) fn check(&self, folder: &Path, mut each: impl FnMut(&Stored)) -> Result<(), CliError> {
        for file in &self.files {
            each(file);
            let path =
                below(folder, &file.path).ok_or_else(|| damaged(folder, &file.path, "its name leaves the folder"))?;
            let (bytes, sha256) = sum(&path).map_err(|error| damaged(folder, &file.path, &error.to_string()))?;
            if bytes != file.bytes {
                let message = format!("it has {bytes} bytes instead of {}", file.bytes);
                return Err(damaged(folder, &file.path, &message));
            }
            if sha256 != file.sha256 {
                return Err(damaged(folder, &file.path, "its SHA-256 is another"));
            }
        }
        Ok(())
    }
}

fn damaged(folder: &Path, name: &str, why: &str) -> CliError {
    CliError::Refused(format!(
        "the backup {} is damaged at {name}: {why}. Nothing was restored; take another copy of it, or an older backup",
        folder.display()
    ))
}

/// The place of `name` below `folder`; `None` when it would be elsewhere.
pub(super) fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let is_plain = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    is_plain.then(|| folder.join(path))
}

/// What is said when a file or folder cannot be used.
pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> CliError {
    CliError::Refused(format!("cannot {what} {}: {error}. Check the folder and its disk", path.display()))
}

fn sum(path: &Path) -> io::Result<(u64, String)> {
    let mut sums = Sums::default();
    io::copy(&mut BufReader::new(File::open(path)?), &mut sums)?;
    Ok(sums.finish())
}

/// Counts and hashes what is written to it.
struct Sums {
    context: digest::Context,
    bytes: u64,
}

impl Default for Sums {
    fn default() -> Self {
        Self { context: digest::Context::new(&digest::SHA256), bytes: 0 }
    }
}

impl Sums {
    fn finish(self) -> (u64, String) {
        (self.bytes, hex::encode(self.context.finish()))
    }
}

impl Write for Sums {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.context.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is being written, for its owner only.
pub(super) struct Sink {
    out: BufWriter<File>,
    sums: Sums,
    name: String,
}

impl Sink {
    /// Makes the file `name` below `folder`, and the folders on the way.
    pub(super) fn create(folder: &Path, name: &str) -> io::Result<Self> {
        let path = below(folder, name).ok_or_else(|| io::Error::other("its name leaves the folder"))?;
        if let Some(parent) = path.parent() {
            private_folder(parent)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { out: BufWriter::new(options.open(path)?), sums: Sums::default(), name: name.to_owned() })
    }

    /// Its bytes are on the disk, then.
    pub(super) fn finish(mut self, rows: Option<u64>) -> io::Result<Stored> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let (bytes, sha256) = self.sums.finish();
        Ok(Stored { path: self.name, bytes, sha256, rows })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.sums.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A folder for its owner only, with those above it.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A backup on its way: a neighbour that ends in `.part`, and takes its name at the end. Dropped before, it is removed; one that was
/// killed leaves it behind.
pub(super) struct Draft {
    part: PathBuf,
    path: PathBuf,
    files: Vec<Stored>,
    is_kept: bool,
}

impl Draft {
    /// Refuses a place where something is.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let Some(name) = path.file_name() else {
            return Err(CliError::Usage(format!("--output is `{}`, but must name a folder", path.display())));
        };
        if path.symlink_metadata().is_ok() {
            let message = "is there already, and nothing is written over. Name another folder with --output";
            return Err(CliError::Usage(format!("{} {message}", path.display())));
        }
        let part = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        if let Some(parent) = part.parent() {
            private_folder(parent).map_err(|error| cannot("make", parent, &error))?;
        }
        if part.exists() {
            // Of a process with this number that was killed once.
            fs::remove_dir_all(&part).map_err(|error| cannot("remove", &part, &error))?;
        }
        private_folder(&part).map_err(|error| cannot("make", &part, &error))?;
        Ok(Self { part, path: path.to_owned(), files: Vec::new(), is_kept: false })
    }

    /// Where files are written until the end.
    pub(super) fn folder(&self) -> &Path {
        &self.part
    }

    /// Where a file is to be written that somebody else writes.
    pub(super) fn place(&self, name: &str) -> Result<PathBuf, CliError> {
        below(&self.part, name).ok_or_else(|| CliError::Usage(format!("`{name}` is no name of a file")))
    }

    /// Takes a file into account.
    pub(super) fn add(&mut self, file: Stored) {
        self.files.push(file);
    }

    /// Takes a file into account that somebody else wrote.
    pub(super) fn adopt(&mut self, name: &str) -> Result<(), CliError> {
        let path = self.place(name)?;
        let done = File::open(&path).and_then(|file| file.sync_all()).and_then(|()| sum(&path));
        let (bytes, sha256) = done.map_err(|error| cannot("write", &path, &error))?;
        self.add(Stored { path: name.to_owned(), bytes, sha256, rows: None });
        Ok(())
    }

    /// What is in it so far.
    pub(super) fn files(&self) -> Vec<Stored> {
        self.files.clone()
    }

    /// Writes the manifest and gives the folder its name.
    pub(super) fn finish(mut self, manifest: &Manifest) -> Result<(), CliError> {
        let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::other)?;
        let written = Sink::create(&self.part, MANIFEST).and_then(|mut sink| {
            sink.write_all(&text)?;
            sink.write_all(b"\n")?;
            sink.finish(None)
        });
        let named = written.and_then(|_| {
            sync_folder(&self.part)?;
            if self.path.symlink_metadata().is_ok() {
                return Err(io::Error::from(io::ErrorKind::AlreadyExists));
            }
            fs::rename(&self.part, &self.path)?;
            self.path.parent().map_or(Ok(()), sync_folder)
        });
        named.map_err(|error| cannot("write", &self.path, &error))?;
        self.is_kept = true;
        Ok(())
    }
}

/// Names are on the disk only when their folder is.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: Vec<Stored>) -> Manifest {
        Manifest {
            format: FORMAT.to_owned(),
            version: "1".to_owned(),
            engine: "sqlite".to_owned(),
            migrations: Vec::new(),
            database: Uuid::nil(),
            epoch: 1,
            high_water: HighWater { transactions: 0, at: None, anchor: 0 },
            began_at: String::new(),
            at: String::new(),
            objects: false,
            keys: false,
            files,
        }
    }

    fn written(path: &Path) -> Manifest {
        let mut draft = Draft::open(path).unwrap();
        let mut sink = Sink::create(draft.folder(), "tables/one.jsonl").unwrap();
        sink.write_all(b"{\"a\":1}\n").unwrap();
        draft.add(sink.finish(Some(1)).unwrap());
        let whole = manifest(draft.files());
        draft.finish(&whole).unwrap();
        whole
    }

    #[test]
    fn a_folder_has_its_name_only_when_it_is_whole_and_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        drop(Draft::open(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a draft that is given up leaves nothing");
        written(&path);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(matches!(Draft::open(&path), Err(CliError::Usage(_))));
    }

    #[test]
    fn every_changed_byte_and_every_missing_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        written(&path);
        let check = || Manifest::read(&path).and_then(|manifest| manifest.check(&path, |_| {}));
        check().unwrap();
        let file = path.join("tables/one.jsonl");
        for changed in ["{\"a\":2}\n", "{\"a\":1}", ""] {
            fs::write(&file, changed).unwrap();
            assert!(check().unwrap_err().to_string().contains("damaged at tables/one.jsonl"), "{changed}");
        }
        fs::remove_file(&file).unwrap();
        assert!(check().unwrap_err().to_string().contains("damaged at tables/one.jsonl"));
    }

    #[test]
    fn no_name_leaves_the_folder_and_another_form_is_refused() {
        for name in ["../x", "/etc/passwd", "a/../../b", "", "."] {
            assert_eq!(below(Path::new("/backup"), name), None, "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        written(&path);
        let manifest = fs::read_to_string(path.join(MANIFEST)).unwrap();
        fs::write(path.join(MANIFEST), manifest.replace("backup/1", "backup/9")).unwrap();
        assert!(Manifest::read(&path).unwrap_err().to_string().contains("inkledger/backup/9"));
        fs::write(path.join(MANIFEST), "{").unwrap();
        assert!(Manifest::read(&path).unwrap_err().to_string().contains("damaged at manifest.json"));
    }
}
