//! One pass over the bytes of a document before the parser sees them (G24): counts tokens and bracket nesting. The
//! parser recurses once per bracket and once more per token it keeps, so both are bounded here, without recursion and
//! without allocation. Must never accept as string or comment what the parser would read as brackets.

use std::collections::HashSet;

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

/// One lexical token.
#[derive(Clone, Copy, Debug)]
struct Token {
    /// Its first byte.
    first: u8,
    /// Where it starts.
    start: usize,
    /// Where it ends: the offset after its last byte.
    end: usize,
}

impl Token {
    fn is_name(self) -> bool {
        self.first == b'_' || self.first.is_ascii_alphabetic()
    }
}

/// The token at or after `at`, past blanks and comments; none at the end.
fn next_token(bytes: &[u8], mut at: usize) -> Result<Option<Token>, ScanFault> {
    while let Some(&first) = bytes.get(at) {
        let end = match first {
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
            b'.' if bytes.get(at + 1) == Some(&b'.') && bytes.get(at + 2) == Some(&b'.') => at + 3,
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                skip_while(bytes, at, |byte| byte == b'_' || byte.is_ascii_alphanumeric())
            }
            b'-' | b'0'..=b'9' => skip_while(bytes, at + 1, |byte| {
                byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')
            }),
            _ => at + 1,
        };
        return Ok(Some(Token { first, start: at, end }));
    }
    Ok(None)
}

/// Counts tokens and nesting of `text` and stops at the first excess over `tokens` or `nesting`. A `nesting` above 128
/// counts as 128.
pub fn scan(text: &str, tokens: usize, nesting: usize) -> Result<Scan, ScanFault> {
    let bytes = text.as_bytes();
    let nesting = nesting.min(NESTING_CEILING);
    let mut counted = Scan::default();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(token) = next_token(bytes, at)? {
        match token.first {
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > nesting {
                    return Err(ScanFault::Nesting(depth));
                }
                counted.nesting = counted.nesting.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        counted.tokens += 1;
        if counted.tokens > tokens {
            return Err(ScanFault::Tokens(counted.tokens));
        }
        at = token.end;
    }
    Ok(counted)
}

/// The first name that stands twice in one input object of a text that [`scan`] admitted, with the byte offset of the
/// second one. The parser keeps the last value and forgets that there were two (GraphQL, Input Object Field Uniqueness).
pub fn doubled_field(text: &str) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    // The names seen in each open bracket: none for a selection, whose braces stand in no parentheses.
    let mut open: Vec<Option<HashSet<&str>>> = Vec::new();
    let mut parentheses = 0_usize;
    let mut name: Option<Token> = None;
    let mut at = 0;
    while let Ok(Some(token)) = next_token(bytes, at) {
        let before = name.take();
        match token.first {
            b'(' => {
                parentheses += 1;
                open.push(None);
            }
            b'[' => open.push(None),
            b'{' => open.push((parentheses > 0).then(HashSet::new)),
            b')' | b']' | b'}' => {
                parentheses -= usize::from(token.first == b')' && parentheses > 0);
                open.pop();
            }
            b':' => {
                if let (Some(Some(names)), Some(field)) = (open.last_mut(), before)
                    && let Some(word) = text.get(field.start..field.end)
                    && !names.insert(word)
                {
                    return Some((word, field.start));
                }
            }
            _ if token.is_name() => name = Some(token),
            _ => {}
        }
        at = token.end;
    }
    None
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

#[cfg(test)]
mod tests {
    use super::doubled_field;

    #[test]
    fn finds_a_field_that_stands_twice_in_one_input_object() {
        for (text, name) in [
            ("{ f(a: {x: 1, x: 2}) }", "x"),
            ("{ f(a: {x: {y: 1}, z: 2, x: 3}) }", "x"),
            ("{ f(a: [{x: 1}, {x: 1 # y: 2\n, y: \"} x:\", x : 2}]) }", "x"),
            ("query($v: T = {k: A, k: B}) { f @d(a: {n: 1}) }", "k"),
            ("{ a: f(i: {p: {q: 1, q: 2}}) }", "q"),
        ] {
            assert_eq!(doubled_field(text).map(|(found, _)| found), Some(name), "{text}");
        }
        for text in [
            "{ a: f a: f { b: c b: c } }",
            "{ f(a: {x: 1}, b: {x: 1}) g(a: {x: {x: {x: 1}}}) }",
            "{ f(a: [{x: 1}, {x: 2}]) }",
            "{ f(a: {x: y, z: y}, c: \"{x: 1, x: 2}\") } # {x: 1, x: 2}",
            "query($x: Int, $y: Int) { f(x: $x, y: $y) { x: a } }",
        ] {
            assert_eq!(doubled_field(text), None, "{text}");
        }
    }
}
