//! One connection that speaks HTTP/1.1 and nothing more than a benchmark needs, so that little of the machine goes to it.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A kept connection to one server, for one caller.
pub struct Wire {
    stream: TcpStream,
    head: String,
    sent: Vec<u8>,
    read: Vec<u8>,
}

impl Wire {
    /// Connects to `url` as the owner of `token`.
    pub async fn open(url: &str, token: &str) -> Self {
        let host = url.trim_start_matches("http://");
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\n\
             content-length: "
        );
        Self { stream, head, sent: Vec::new(), read: Vec::new() }
    }

    /// Asks with a body of JSON; the answer's body.
    pub async fn ask(&mut self, body: &str) -> &str {
        self.sent.clear();
        self.sent.extend_from_slice(self.head.as_bytes());
        self.sent.extend_from_slice(body.len().to_string().as_bytes());
        self.sent.extend_from_slice(b"\r\n\r\n");
        self.sent.extend_from_slice(body.as_bytes());
        self.stream.write_all(&self.sent).await.unwrap();
        self.read.clear();
        let (mut body_at, mut end) = (0, usize::MAX);
        while self.read.len() < end {
            let count = self.stream.read_buf(&mut self.read).await.unwrap();
            assert!(count > 0, "the server hung up");
            if end == usize::MAX
                && let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n")
            {
                let head = std::str::from_utf8(&self.read[..at]).unwrap().to_ascii_lowercase();
                assert!(head.starts_with("http/1.1 200"), "{head}");
                let length = head.split("content-length:").nth(1).expect("answers that are sent whole");
                body_at = at + 4;
                end = body_at + length.lines().next().unwrap().trim().parse::<usize>().unwrap();
            }
        }
        std::str::from_utf8(&self.read[body_at..end]).unwrap()
    }
}
