//! The list of deleted people, in a file outside the database: a backup from before still has them, and whoever puts it back deletes
//! them again by this list. It holds ids and times and nothing else of them.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store;
use crate::{
    clock::{Micros, to_rfc3339},
    db::Db,
    error::{Error, Internal},
};

const FORMAT: &str = "inkledger/erased/1";

/// No line of ours is longer.
const LINE_BYTES_MAX: u64 = 4_096;

/// People looked up in one statement.
const AT_ONCE: usize = 500;

#[derive(Serialize, Deserialize)]
struct Written {
    format: String,
    user: Uuid,
    at: String,
}

/// Where the list of a data folder is.
pub fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("erased.jsonl")
}

/// Adds those whom the database knows as deleted and the list in `file` lacks. Answers how many that were. Repeating is safe, in
/// several processes at once too.
pub async fn catch_up(db: &Db, file: &Path) -> Result<usize, Error> {
    let deleted = store::user::list_deleted(db.reader()).await?;
    Ok(add(file, deleted).await?)
}

/// People on the list in `file` whom the database has as if they had never been deleted, oldest first.
pub async fn returned(db: &Db, file: &Path) -> Result<Vec<Uuid>, Error> {
    let own = file.to_owned();
    let listed = blocking(move || match File::open(own) {
        Ok(file) => Ok(read(&mut BufReader::new(file))?.0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    });
    let mut listed = listed.await?;
    listed.sort_unstable();
    listed.dedup();
    let mut returned = Vec::new();
    for part in listed.chunks(AT_ONCE) {
        returned.extend(store::user::load_users(db.reader(), part).await?.into_iter().map(|user| user.id));
    }
    returned.sort_unstable();
    Ok(returned)
}

/// Adds people to the list in `file`, those that it lacks.
pub(super) async fn add(file: &Path, people: Vec<(Uuid, Micros)>) -> Result<usize, Internal> {
    let own = file.to_owned();
    if people.is_empty() {
        return Ok(0);
    }
    blocking(move || append(&own, &people)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Internal> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| Internal::new("keeping the list of deleted people", error))
}

/// The ids of whole lines, and where the last whole line ends. A line that is not ours is an error: whoever restores must not
/// overlook somebody.
fn read(file: &mut impl io::BufRead) -> io::Result<(Vec<Uuid>, u64)> {
    let (mut found, mut end) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        let read = file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok((found, end));
        }
        let written: Written = serde_json::from_slice(&line).map_err(io::Error::other)?;
        if written.format != FORMAT {
            return Err(io::Error::other("a line has another form"));
        }
        found.push(written.user);
        end += u64::try_from(read).unwrap_or(0);
    }
}

/// The file is made for its owner only; what a crash left behind the last line break is cut off.
fn append(path: &Path, people: &[(Uuid, Micros)]) -> io::Result<usize> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.lock()?;
    let (known, end) = read(&mut BufReader::new(&file))?;
    let known: HashSet<Uuid> = known.into_iter().collect();
    let mut text = String::new();
    let mut added = 0;
    for (user, at) in people.iter().filter(|(user, _)| !known.contains(user)) {
        let line = Written { format: FORMAT.to_owned(), user: *user, at: to_rfc3339(*at) };
        text.push_str(&serde_json::to_string(&line)?);
        text.push('\n');
        added += 1;
    }
    if added > 0 {
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_is_listed_once_and_a_torn_line_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = file_in(folder.path());
        let (ann, bob) = ((Uuid::from_u128(1), 5), (Uuid::from_u128(2), 6));
        assert_eq!(append(&path, &[ann]).unwrap(), 1);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{}", &whole[..20])).unwrap();
        assert_eq!(append(&path, &[ann, bob]).unwrap(), 1);
        assert_eq!(append(&path, &[bob, ann]).unwrap(), 0);
        let mut file = BufReader::new(File::open(&path).unwrap());
        assert_eq!(read(&mut file).unwrap().0, [ann.0, bob.0]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "{}\n").unwrap();
        assert!(append(&path, &[ann]).is_err(), "what cannot be read is nobody's leave to forget");
    }
}
