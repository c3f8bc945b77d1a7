//! The file of signed heads: lines are only ever added, each durable before it counts. Everything here blocks.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use super::chain::Line;

/// The most bytes of a line; ours have about 400.
const LINE_BYTES_MAX: u64 = 4_096;

/// How many lines of the end are read at most by [`last_lines`].
pub(super) const TAIL: u64 = 50;

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Calls `each` with the number of every whole line, from 1, and the line. A file that is not there has none. What a crash left
/// behind the last line break is none.
pub(super) fn each_line(path: &Path, mut each: impl FnMut(usize, &str)) -> io::Result<()> {
    let Some(file) = open(path)? else { return Ok(()) };
    let mut reader = BufReader::new(file);
    for number in 1.. {
        let mut bytes = Vec::new();
        reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            break;
        }
        let is_whole = bytes.pop() == Some(b'\n');
        if is_whole || bytes.len() + 1 >= usize::try_from(LINE_BYTES_MAX).unwrap_or(usize::MAX) {
            each(number, &String::from_utf8_lossy(&bytes));
        }
    }
    Ok(())
}

/// The last whole lines, oldest first, at most about 50. Empty when there is no such file.
pub(super) fn last_lines(path: &Path) -> io::Result<Vec<String>> {
    let Some(mut file) = open(path)? else { return Ok(Vec::new()) };
    tail_of(&mut file)
}

fn tail_of(file: &mut File) -> io::Result<Vec<String>> {
    let end = file.seek(SeekFrom::End(0))?;
    let start = end.saturating_sub(TAIL * 512);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = text.rfind('\n').and_then(|last| text.get(..last)).unwrap_or_default();
    // Where the reading began in the middle of the file, so did the first line.
    Ok(whole.lines().skip(usize::from(start > 0)).map(str::to_owned).collect())
}

/// Adds `line`, unless the file's last one says the same of the chain. Safe with several processes on one file. The file is made
/// for its owner only; what a crash left behind the last line break is cut off. Answers whether it was added.
pub(super) fn add(path: &Path, line: &Line) -> io::Result<bool> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.lock()?;
    let last = tail_of(&mut file)?.pop().and_then(|text| Line::parse(&text));
    let says = |line: &Line| (line.head.database, line.head.epoch, line.head.number, line.head.hash);
    if last.is_some_and(|last| says(&last) == says(line)) {
        return Ok(false);
    }
    let end = end_of_lines(&mut file)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(line.to_text().as_bytes())?;
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| is_new && !folder.as_os_str().is_empty()) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(true)
}

/// Where the last whole line ends.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    let start = end.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => Ok(start + u64::try_from(at).unwrap_or(0) + 1),
        None if start == 0 => Ok(0),
        // No line of ours is so long: nothing of what somebody put there is cut.
        None => Err(io::Error::other("the file does not end with a line of ours")),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::audit::chain::Head;

    fn line(number: i64) -> Line {
        let head = Head { database: Uuid::from_u128(1), epoch: 1, number, hash: [7; 32], at: number };
        Line { head, key: "k".to_owned(), signature: [1; 64] }
    }

    #[test]
    fn adds_each_line_once_and_cuts_off_what_a_crash_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        assert_eq!(last_lines(&path).unwrap(), Vec::<String>::new());
        for number in 1..=120 {
            assert!(add(&path, &line(number)).unwrap());
            assert!(!add(&path, &line(number)).unwrap());
        }
        let half: String = line(121).to_text().chars().take(90).collect();
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(half.as_bytes()).unwrap();
        assert!(last_lines(&path).unwrap().last().is_some_and(|text| Line::parse(text) == Some(line(120))));
        assert!(add(&path, &line(121)).unwrap());
        let mut numbers = Vec::new();
        each_line(&path, |at, text| numbers.push((at, Line::parse(text).unwrap().head.number))).unwrap();
        assert_eq!(
            numbers,
            (1..=121).map(|number: i64| (usize::try_from(number).unwrap(), number)).collect::<Vec<_>>()
        );
        let last = last_lines(&path).unwrap();
        assert!(last.len() > 40 && last.iter().all(|text| Line::parse(text).is_some()), "{}", last.len());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
