//! The file of anchors: lines are only ever added, each durable before it counts. Everything here blocks.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
};

use super::anchor::Line;

/// The most bytes of one line; ours stay far below.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The most bytes that are read from the end.
const TAIL_BYTES_MAX: u64 = 16 * 1024 * 1024;

const BLOCK: u64 = 64 * 1024;

/// What adding lines came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// So many lines are new.
    Lines(usize),
    /// The file's last line is not the one that the first new line names: nothing was added.
    Apart,
}

/// The last whole lines, oldest first: at most `count`, and of at most 16 MiB. Empty when there is no such file. What a crash
/// left behind the last line break is no line.
pub fn tail(path: &Path, count: usize) -> io::Result<Vec<String>> {
    match File::open(path) {
        Ok(mut file) => tail_of(&mut file, count),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn tail_of(file: &mut File, count: usize) -> io::Result<Vec<String>> {
    let end = file.seek(SeekFrom::End(0))?;
    let (mut start, mut bytes) = (end, Vec::new());
    // One line break more than lines: the one before the first of them.
    while start > 0 && end - start < TAIL_BYTES_MAX && bytes.iter().filter(|byte| **byte == b'\n').count() <= count {
        let step = BLOCK.min(start);
        start -= step;
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        Read::by_ref(file).take(step).read_to_end(&mut block)?;
        block.append(&mut bytes);
        bytes = block;
    }
    let text = String::from_utf8_lossy(&bytes);
    let whole = text.rfind('\n').map_or("", |last| text.get(..last).unwrap_or_default());
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    // Where the reading began in the middle of the file, so did the first line.
    let excess =
        lines.len().saturating_sub(count).max(usize::from(start > 0 && !lines.is_empty() && lines.len() <= count));
    lines.drain(..excess);
    Ok(lines)
}

/// Calls `each` with the number of every whole line, from 1, and the line.
pub fn each_line(path: &Path, mut each: impl FnMut(usize, &str) -> io::Result<()>) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut number = 0;
    loop {
        let mut bytes = Vec::new();
        Read::by_ref(&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            return Ok(());
        }
        number += 1;
        each(number, &String::from_utf8_lossy(&bytes))?;
    }
}

/// Adds those of `lines`, which are in order, that the file lacks. Safe with several processes on one file. The file is made
/// for its owner only; what a crash left behind the last line break is cut off.
pub fn add(path: &Path, lines: &[Line]) -> io::Result<Added> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.lock()?;
    let last = tail_of(&mut file, 1)?.pop();
    let last = last.map(|text| Line::parse(&text)).transpose().map_err(io::Error::other)?;
    let (number, hash) = last.map_or((0, [0; 32]), |line| (line.anchor.number, line.anchor.hash()));
    let mut new = lines.iter().filter(|line| line.anchor.number > number).peekable();
    if new.peek().is_none_or(|first| first.anchor.number != number + 1 || first.anchor.prev_hash != hash) {
        return Ok(if new.peek().is_none() { Added::Lines(0) } else { Added::Apart });
    }
    let texts: Vec<String> = new.map(Line::to_text).collect();
    let end = end_of_lines(&mut file)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(texts.concat().as_bytes())?;
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| is_new && !folder.as_os_str().is_empty()) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(Added::Lines(texts.len()))
}

/// Where the last whole line ends.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + u64::try_from(at).unwrap_or(0) + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ledger::proof::{
        anchor::{Anchor, Head},
        key::LedgerKey,
    };

    fn chain(count: i64) -> Vec<Line> {
        let key = LedgerKey::from_seed([1; 32]).unwrap();
        let mut prev_hash = [0; 32];
        (1..=count)
            .map(|number| {
                let head = Head { account: Uuid::from_u128(1), sequence: number, hash: [7; 32] };
                let anchor = Anchor {
                    database: Uuid::nil(),
                    number,
                    base: number - 1,
                    epoch: 1,
                    at: number,
                    prev_hash,
                    count: 0,
                    root: [0; 32],
                };
                let line = Line::seal(anchor, vec![head], &key);
                prev_hash = line.anchor.hash();
                line
            })
            .collect()
    }

    #[test]
    fn adds_each_line_once_and_reads_the_last_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.jsonl");
        let lines = chain(300);
        assert_eq!(tail(&path, 2).unwrap(), Vec::<String>::new());
        assert_eq!(add(&path, &lines[..200]).unwrap(), Added::Lines(200));
        assert_eq!(add(&path, &lines[150..]).unwrap(), Added::Lines(100));
        assert_eq!(add(&path, &lines).unwrap(), Added::Lines(0));
        let texts: Vec<String> = lines.iter().map(|line| line.to_text().trim_end().to_owned()).collect();
        for count in [1, 2, 299, 300, 301] {
            assert_eq!(tail(&path, count).unwrap(), texts[300_usize.saturating_sub(count)..], "{count}");
        }
        let mut read = Vec::new();
        each_line(&path, |number, text| {
            read.push((number, text.to_owned()));
            Ok(())
        })
        .unwrap();
        assert_eq!(read, (1..).zip(texts).collect::<Vec<_>>());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_a_crash_cut_off_is_written_anew_and_a_gap_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.jsonl");
        let lines = chain(3);
        let half: String = lines[1].to_text().chars().take(40).collect();
        fs::write(&path, lines[0].to_text() + &half).unwrap();
        assert_eq!(tail(&path, 9).unwrap().len(), 1);
        assert_eq!(add(&path, &lines[2..]).unwrap(), Added::Apart);
        assert_eq!(add(&path, &lines).unwrap(), Added::Lines(2));
        assert_eq!(fs::read_to_string(&path).unwrap(), lines.iter().map(Line::to_text).collect::<String>());
    }
}
