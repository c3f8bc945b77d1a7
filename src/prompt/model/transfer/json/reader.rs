//! Reads a JSON text piece by piece.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

use super::Json;

/// Why a text is not the JSON wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub fault: JsonFault,
    /// Where, in bytes from the start.
    pub at: usize,
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonFault {
    /// The syntax; says what was expected.
    Syntax(&'static str),
    /// An object has the key twice.
    DuplicateKey(String),
    /// It nests too deep.
    TooDeep,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

/// Reads a JSON text piece by piece.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    depth_max: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `text`. Arrays and objects may nest `depth_max` deep.
    pub fn new(text: &'a str, depth_max: usize) -> Self {
        Self { text, at: 0, depth: 0, depth_max }
    }

    /// What comes next; nothing is consumed but blanks.
    pub fn kind(&mut self) -> Result<JsonKind, JsonError> {
        match self.peek() {
            Some(b'n') => Ok(JsonKind::Null),
            Some(b't' | b'f') => Ok(JsonKind::Bool),
            Some(b'-' | b'0'..=b'9') => Ok(JsonKind::Number),
            Some(b'"') => Ok(JsonKind::Text),
            Some(b'[') => Ok(JsonKind::List),
            Some(b'{') => Ok(JsonKind::Object),
            _ => Err(self.syntax("a value")),
        }
    }

    /// Reads an object. `member` is called with each key, and reads the value.
    pub fn object<E: From<JsonError>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut seen = HashSet::new();
        self.enter(b'{', "an object")?;
        if !self.take(b'}') {
            loop {
                self.peek();
                let at = self.at;
                let key = self.text()?;
                if !seen.insert(key.clone()) {
                    return Err(JsonError { fault: JsonFault::DuplicateKey(key.into_owned()), at }.into());
                }
                self.expect(b':', "a colon")?;
                member(self, key)?;
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b'}', "a comma or the end of the object")?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array. `element` is called before each element, and reads it.
    pub fn list<E: From<JsonError>>(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.enter(b'[', "an array")?;
        if !self.take(b']') {
            loop {
                element(self)?;
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b']', "a comma or the end of the array")?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads a string.
    pub fn text(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"', "a string")?;
        let mut out = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let end = rest.find(|letter| letter == '"' || letter == '\\' || letter < ' ');
            let Some(end) = end else {
                self.at = self.text.len();
                return Err(self.syntax("the end of the string"));
            };
            let plain = rest.get(..end).unwrap_or_default();
            if out.is_empty() {
                out = Cow::Borrowed(plain);
            } else {
                out.to_mut().push_str(plain);
            }
            self.at += end;
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let letter = self.escape()?;
                    out.to_mut().push(letter);
                }
                _ => return Err(self.syntax("no bare control character")),
            }
        }
    }

    /// Reads a number, and answers its spelling. Refuses numbers beyond a double.
    pub fn number(&mut self) -> Result<&'a str, JsonError> {
        self.peek();
        let start = self.at;
        self.eat(b"-");
        let zero = self.byte() == Some(b'0');
        let whole = self.digits();
        let mut legal = whole > 0 && (whole == 1 || !zero);
        if self.eat(b".") {
            legal &= self.digits() > 0;
        }
        if self.eat(b"eE") {
            self.eat(b"+-");
            legal &= self.digits() > 0;
        }
        let spelling = self.text.get(start..self.at).unwrap_or_default();
        let finite = spelling.parse::<f64>().is_ok_and(f64::is_finite);
        if legal && finite {
            return Ok(spelling);
        }
        self.at = start;
        Err(self.syntax(if legal { "a number within the range of a double" } else { "a number" }))
    }

    /// Reads `true` or `false`.
    pub fn bool(&mut self) -> Result<bool, JsonError> {
        let value = self.peek() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads `null`.
    pub fn null(&mut self) -> Result<(), JsonError> {
        self.peek();
        self.word("null")
    }

    /// Reads any value without keeping it, and answers how many bytes it takes in compact form.
    pub fn skip(&mut self) -> Result<usize, JsonError> {
        let mut size = 2;
        match self.kind()? {
            JsonKind::Null => self.null().map(|()| 4),
            JsonKind::Bool => self.bool().map(|value| if value { 4 } else { 5 }),
            JsonKind::Number => self.number().map(str::len),
            JsonKind::Text => self.text().map(|text| text_size(&text)),
            JsonKind::List => self
                .list(|reader| {
                    size += reader.skip()? + usize::from(size > 2);
                    Ok(())
                })
                .map(|()| size),
            JsonKind::Object => self
                .object(|reader, key| {
                    size += text_size(&key) + 1 + reader.skip()? + usize::from(size > 2);
                    Ok(())
                })
                .map(|()| size),
        }
    }

    /// Reads any value as a tree. Only for texts of known size.
    pub fn tree(&mut self) -> Result<Json, JsonError> {
        Ok(match self.kind()? {
            JsonKind::Null => self.null().map(|()| Json::Null)?,
            JsonKind::Bool => Json::Bool(self.bool()?),
            JsonKind::Number => Json::Number(self.number()?.to_owned()),
            JsonKind::Text => Json::Text(self.text()?.into_owned()),
            JsonKind::List => {
                let mut list = Vec::new();
                self.list(|reader| reader.tree().map(|value| list.push(value)))?;
                Json::List(list)
            }
            JsonKind::Object => {
                let mut members = BTreeMap::new();
                self.object(|reader, key| {
                    members.insert(key.into_owned(), reader.tree()?);
                    Ok::<_, JsonError>(())
                })?;
                Json::Object(members)
            }
        })
    }

    /// Makes sure that nothing follows.
    pub fn end(&mut self) -> Result<(), JsonError> {
        if self.peek().is_some() { Err(self.syntax("the end of the file")) } else { Ok(()) }
    }

    /// Where the reader stands, to come back to with [`Reader::back_to`].
    pub fn place(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Goes back to a place at the same depth.
    pub fn back_to(&mut self, place: usize) {
        self.at = place;
    }

    /// What was read since `place`.
    pub fn read_since(&self, place: usize) -> &'a str {
        self.text.get(place..self.at).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax(what)) }
    }

    fn enter(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        self.expect(byte, what)?;
        self.depth += 1;
        if self.depth > self.depth_max {
            return Err(JsonError { fault: JsonFault::TooDeep, at: self.at - 1 });
        }
        Ok(())
    }

    fn eat(&mut self, bytes: &[u8]) -> bool {
        let found = self.byte().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word) {
            return Err(self.syntax("null, true or false"));
        }
        self.at += word.len();
        Ok(())
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.at += 1;
        let byte = self.byte();
        self.at += usize::from(byte.is_some_and(|byte| byte.is_ascii()));
        let letter = match byte {
            Some(plain @ (b'"' | b'\\' | b'/')) => Some(char::from(plain)),
            Some(b'b') => Some('\u{8}'),
            Some(b'f') => Some('\u{c}'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'u') => self.unicode(),
            _ => None,
        };
        letter.ok_or_else(|| {
            self.at = start;
            self.syntax("a legal escape")
        })
    }

    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        let second = if self.rest().starts_with("\\u") {
            self.at += 2;
            self.hex()?
        } else {
            return None;
        };
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        let legal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| legal)
    }

    fn syntax(&self, expected: &'static str) -> JsonError {
        JsonError { fault: JsonFault::Syntax(expected), at: self.at }
    }
}

fn text_size(text: &str) -> usize {
    let extra = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..=31 => 5,
        _ => 0,
    });
    2 + text.len() + extra.sum::<usize>()
}
