//! Server-sent events, as far as this protocol needs them: the `data` of each event.
//!
//! Our own reader rather than eventsource-stream 0.2.3, which panics on a stream that begins with a byte order mark
//! and rescans its whole buffer for every piece received, so a long line costs quadratic time.

/// The longest line accepted, in bytes. One line holds one JSON chunk; whole answers rarely reach a tenth of this.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SseFault {
    /// A line is longer than we accept.
    LineTooLong,
    /// A line is not UTF-8.
    NotUtf8,
}

/// Collects bytes into events. Linear in the bytes fed, whatever their pieces.
#[derive(Default)]
pub(super) struct SseReader {
    line: Vec<u8>,
    data: Option<String>,
    after_cr: bool,
    begun: bool,
}

impl SseReader {
    /// Takes the next piece and returns the data of every event completed by it, in order. An event that its stream
    /// never closed with an empty line is never returned.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<Vec<String>, SseFault> {
        let mut events = Vec::new();
        for byte in piece {
            let was_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if was_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()?),
                _ if self.line.len() >= LINE_BYTES_MAX => return Err(SseFault::LineTooLong),
                _ => self.line.push(*byte),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<String>, SseFault> {
        let bytes = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&bytes).map_err(|_| SseFault::NotUtf8)?;
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) if data.len() + value.len() >= LINE_BYTES_MAX => return Err(SseFault::LineTooLong),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<String>, SseFault> {
        let mut reader = SseReader::default();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(reader.feed(piece)?);
        }
        Ok(all)
    }

    const STREAM: &str =
        "\u{feff}: hello\r\ndata: {\"a\":\"é\"}\r\n\r\nevent: x\ndata:two\ndata: lines\n\nid: 7\rdata\r\rdata: cut";

    #[test]
    fn reads_the_same_events_however_the_bytes_are_cut() {
        let whole = read(&[STREAM.as_bytes()]);
        assert_eq!(whole, Ok(vec!["{\"a\":\"é\"}".to_owned(), "two\nlines".to_owned(), String::new()]));
        for at in 0..=STREAM.len() {
            let (left, right) = STREAM.as_bytes().split_at(at);
            assert_eq!(read(&[left, right]), whole, "cut at {at}");
        }
        let single: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
        assert_eq!(read(&single), whole);
    }

    #[test]
    fn refuses_bytes_that_are_no_text_and_endless_lines() {
        assert_eq!(read(&[b"data: \xff\xfe\n\n"]), Err(SseFault::NotUtf8));
        let long = vec![b'a'; LINE_BYTES_MAX + 1];
        assert_eq!(read(&[&long]), Err(SseFault::LineTooLong));
    }
}
