//! Cutting a stream into lines, each capped, and lines as events of their own (newline-delimited JSON).

/// The longest line accepted, in bytes. One line holds one JSON chunk; whole answers rarely reach a tenth of this.
pub(super) const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FramingFault {
    /// A line is longer than we accept.
    LineTooLong,
    /// A line is not UTF-8.
    NotUtf8,
}

/// Turns bytes into events, whatever their pieces.
pub(crate) trait Framing: Default + Send {
    /// Takes the next piece and returns every event completed by it, in order.
    ///
    /// # Errors
    /// [`FramingFault`].
    fn feed(&mut self, piece: &[u8]) -> Result<Vec<String>, FramingFault>;

    /// What the proper end of the stream completes.
    ///
    /// # Errors
    /// [`FramingFault`].
    fn finish(&mut self) -> Result<Option<String>, FramingFault>;
}

/// Collects bytes into lines. Linear in the bytes fed.
#[derive(Default)]
pub(super) struct LineCutter {
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
}

impl LineCutter {
    /// Takes the next piece and returns every line ended by it; LF, CR and both together end one. A byte order mark
    /// before the first line is dropped.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<Vec<String>, FramingFault> {
        let mut lines = Vec::new();
        for byte in piece {
            let was_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if was_cr => {}
                b'\n' | b'\r' => lines.push(self.end_line()?),
                _ if self.line.len() >= LINE_BYTES_MAX => return Err(FramingFault::LineTooLong),
                _ => self.line.push(*byte),
            }
        }
        Ok(lines)
    }

    /// Ends the line begun, which may be empty.
    pub(super) fn end_line(&mut self) -> Result<String, FramingFault> {
        let bytes = std::mem::take(&mut self.line);
        let mut line = String::from_utf8(bytes).map_err(|_| FramingFault::NotUtf8)?;
        if !std::mem::replace(&mut self.begun, true) && line.starts_with('\u{feff}') {
            line.remove(0);
        }
        Ok(line)
    }
}

/// Every line that is not blank is an event; so is a last one that its stream never ended.
#[derive(Default)]
pub(crate) struct Lines(LineCutter);

impl Framing for Lines {
    fn feed(&mut self, piece: &[u8]) -> Result<Vec<String>, FramingFault> {
        let mut lines = self.0.feed(piece)?;
        lines.retain(|line| !line.trim().is_empty());
        Ok(lines)
    }

    fn finish(&mut self) -> Result<Option<String>, FramingFault> {
        let line = self.0.end_line()?;
        Ok(Some(line).filter(|line| !line.trim().is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_same_lines_however_the_bytes_are_cut() {
        let stream = "\u{feff}{\"a\":\"é\"}\r\n\n \n{\"b\":2}\n{\"cut\":";
        for at in 0..=stream.len() {
            let (left, right) = stream.as_bytes().split_at(at);
            let mut lines = Lines::default();
            let mut all = lines.feed(left).unwrap();
            all.extend(lines.feed(right).unwrap());
            assert_eq!(all, ["{\"a\":\"é\"}", "{\"b\":2}"], "cut at {at}");
            assert_eq!(lines.finish().unwrap().as_deref(), Some("{\"cut\":"));
        }
        assert_eq!(Lines::default().finish(), Ok(None));
    }

    #[test]
    fn refuses_bytes_that_are_no_text_and_endless_lines() {
        assert_eq!(Lines::default().feed(b"\xff\xfe\n"), Err(FramingFault::NotUtf8));
        assert_eq!(Lines::default().feed(&vec![b'a'; LINE_BYTES_MAX + 1]), Err(FramingFault::LineTooLong));
    }
}
