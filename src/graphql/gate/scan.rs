//! One pass over the bytes of a document before the parser sees them (G24): counts tokens and bracket nesting. The
//! parser recurses once per bracket and once more per token it keeps, so both are bounded here, without recursion and
//! without allocation. Must never accept as string or comment what the parser would read as brackets.

use super::limits::NESTING_CEILING;

/// What the pass counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Lexical tokens: names, numbers, strings, punctuators.
    pub tokens: usize,
    /// The deepest nesting of `(`, `[` and `{`.
    pub nesting: usize,
}

/// Why the pass stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanFault {
    /// Brackets nest deeper than permitted; the value is the level reached.
    Nesting(usize),
    /// More tokens than permitted; the value is the count reached.
    Tokens(usize),
    /// A string does not end; the value is the byte offset where it starts. The parser reads an unclosed block string
    /// as an empty string followed by code, so this must be refused here.
    OpenString(usize),
}

/// Counts tokens and nesting of `text` and stops at the first excess over `tokens` or `nesting`. A `nesting` above 128
/// counts as 128.
pub fn scan(text: &str, tokens: usize, nesting: usize) -> Result<Scan, ScanFault> {
    let bytes = text.as_bytes();
    let nesting = nesting.min(NESTING_CEILING);
    let mut counted = Scan::default();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            // A byte order mark is blank wherever it stands.
            0xEF if bytes.get(at + 1) == Some(&0xBB) && bytes.get(at + 2) == Some(&0xBF) => {
                at += 3;
                continue;
            }
            b'#' => {
                at = skip_while(bytes, at, |byte| byte != b'\n' && byte != b'\r');
                continue;
            }
            b'"' => skip_string(bytes, at).ok_or(ScanFault::OpenString(at))?,
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > nesting {
                    return Err(ScanFault::Nesting(depth));
                }
                counted.nesting = counted.nesting.max(depth);
                at + 1
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            b'.' if bytes.get(at + 1) == Some(&b'.') && bytes.get(at + 2) == Some(&b'.') => at + 3,
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                skip_while(bytes, at, |byte| byte == b'_' || byte.is_ascii_alphanumeric())
            }
            b'-' | b'0'..=b'9' => skip_while(bytes, at + 1, |byte| {
                byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')
            }),
            _ => at + 1,
        };
        counted.tokens += 1;
        if counted.tokens > tokens {
            return Err(ScanFault::Tokens(counted.tokens));
        }
        at = next;
    }
    Ok(counted)
}

fn skip_while(bytes: &[u8], from: usize, keep: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|&byte| !keep(byte)).unwrap_or(rest.len())
}

/// The offset after the string that starts at `from`, or none if it does not end where the grammar wants.
fn skip_string(bytes: &[u8], from: usize) -> Option<usize> {
    let starts = |at: usize, with: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(with));
    if starts(from, b"\"\"\"") {
        let mut at = from + 3;
        while at < bytes.len() {
            if starts(at, b"\\\"\"\"") {
                at += 4;
            } else if starts(at, b"\"\"\"") {
                return Some(at + 3);
            } else {
                at += 1;
            }
        }
        return None;
    }
    let mut at = from + 1;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' | b'\r' => return None,
            b'\\' => {
                if matches!(bytes.get(at + 1), None | Some(b'\n' | b'\r')) {
                    return None;
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
}
