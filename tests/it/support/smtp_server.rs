//! A mail server that speaks SMTP (RFC 5321) as far as letters need it, keeps what it is given, and refuses on demand.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A letter as it came in.
#[derive(Debug, Clone)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// The message, dots unstuffed.
    pub data: String,
}

#[derive(Default)]
struct State {
    letters: Vec<Received>,
    /// What the next recipients are answered instead of 250.
    refusals: Vec<&'static str>,
    signed_in: Vec<String>,
}

/// A mail server on a free port.
#[derive(Clone)]
pub struct SmtpServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl SmtpServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = Arc::clone(&server.state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    let _ = talk(stream, &state).await;
                });
            }
        });
        server
    }

    /// Its address, for somebody with a password.
    pub fn url(&self) -> String {
        format!("smtp://ink:pa%20ss@127.0.0.1:{}", self.port)
    }

    pub fn letters(&self) -> Vec<Received> {
        self.state.lock().unwrap().letters.clone()
    }

    /// Who signed in, as `\0user\0password`.
    pub fn signed_in(&self) -> Vec<String> {
        self.state.lock().unwrap().signed_in.clone()
    }

    /// Answers the next recipient so.
    pub fn refuse_once(&self, answer: &'static str) {
        self.state.lock().unwrap().refusals.push(answer);
    }

    /// The letter that comes as number `count`.
    pub async fn letter(&self, count: usize) -> Received {
        for _ in 0..400 {
            if let Some(letter) = self.letters().get(count - 1) {
                return letter.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("letter {count} did not come: {:?}", self.letters());
    }
}

async fn talk(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test ESMTP\r\n").await?;
    let mut letter = Received { from: String::new(), to: Vec::new(), data: String::new() };
    while let Some(line) = lines.next_line().await? {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let rest = line.split_once(':').map(|(_, rest)| rest.trim().to_owned()).unwrap_or_default();
        let answer = match word.as_str() {
            "EHLO" => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned(),
            "AUTH" => {
                let text = STANDARD.decode(line.split(' ').nth(2).unwrap_or_default()).unwrap_or_default();
                state.lock().unwrap().signed_in.push(String::from_utf8_lossy(&text).into_owned());
                "235 welcome".to_owned()
            }
            "MAIL" => {
                letter = Received { from: rest, to: Vec::new(), data: String::new() };
                "250 ok".to_owned()
            }
            "RCPT" => match state.lock().unwrap().refusals.pop() {
                Some(refusal) => refusal.to_owned(),
                None => {
                    letter.to.push(rest);
                    "250 ok".to_owned()
                }
            },
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    letter.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    letter.data.push('\n');
                }
                state.lock().unwrap().letters.push(letter.clone());
                "250 kept".to_owned()
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
