//! Server-sent events, as far as text protocols need them: the `data` of each event.
//!
//! Our own reader rather than eventsource-stream 0.2.3, which panics on a stream that begins with a byte order mark
//! and rescans its whole buffer for every piece received, so a long line costs quadratic time.

use super::lines::{Framing, FramingFault, LINE_BYTES_MAX, LineCutter};

/// Collects bytes into events. Linear in the bytes fed, whatever their pieces. An event that its stream never closed
/// with an empty line is never returned.
#[derive(Default)]
pub(crate) struct SseReader {
    lines: LineCutter,
    data: Option<String>,
}

impl Framing for SseReader {
    fn feed(&mut self, piece: &[u8]) -> Result<Vec<String>, FramingFault> {
        let mut events = Vec::new();
        for line in self.lines.feed(piece)? {
            events.extend(self.line(&line)?);
        }
        Ok(events)
    }

    fn finish(&mut self) -> Result<Option<String>, FramingFault> {
        Ok(None)
    }
}

impl SseReader {
    fn line(&mut self, line: &str) -> Result<Option<String>, FramingFault> {
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) if data.len() + value.len() >= LINE_BYTES_MAX => return Err(FramingFault::LineTooLong),
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

    fn read(pieces: &[&[u8]]) -> Result<Vec<String>, FramingFault> {
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
        assert_eq!(read(&[b"data: \xff\xfe\n\n"]), Err(FramingFault::NotUtf8));
        let long = vec![b'a'; LINE_BYTES_MAX + 1];
        assert_eq!(read(&[&long]), Err(FramingFault::LineTooLong));
    }
}
