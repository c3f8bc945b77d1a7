//! A provider over a real port: a server that follows a script, and keeps what it received and what it would have
//! billed. It shares no code with the adapters it tests.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A piece of a body.
#[derive(Clone)]
pub enum Piece {
    Bytes(Vec<u8>),
    Pause(Duration),
    /// Breaks the connection inside the body.
    Break,
}

impl Piece {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes())
    }

    /// One event of a stream.
    pub fn event(data: &Value) -> Self {
        Self::text(format!("data: {data}\n\n"))
    }
}

/// What the server does with one request.
#[derive(Clone)]
pub enum Reply {
    /// Any answer at all.
    Raw { status: u16, headers: Vec<(&'static str, String)>, body: Vec<Piece> },
    /// Never answers.
    Silence,
    /// As this says of the request.
    By(Arc<dyn Fn(&Received) -> Reply + Send + Sync>),
    /// The same, put on the bill.
    Billed { tokens: (i64, i64), images: u32, reply: Box<Reply> },
}

impl Reply {
    /// An answer of one piece with status 200.
    pub fn ok(content_type: &str, body: impl Into<String>) -> Self {
        Self::pieces(content_type, vec![Piece::text(body)])
    }

    /// JSON with status 200.
    pub fn json(body: &Value) -> Self {
        Self::ok("application/json", body.to_string())
    }

    pub fn pieces(content_type: &str, body: Vec<Piece>) -> Self {
        Self::Raw { status: 200, headers: vec![("content-type", content_type.to_owned())], body }
    }

    pub fn stream(body: Vec<Piece>) -> Self {
        Self::pieces("text/event-stream", body)
    }

    pub fn status(status: u16, body: &Value) -> Self {
        Self::Raw {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: vec![Piece::text(body.to_string())],
        }
    }

    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        match &mut self {
            Self::Raw { headers, .. } => headers.push((name, value.into())),
            Self::Billed { reply, .. } => **reply = reply.as_ref().clone().with_header(name, value),
            Self::Silence | Self::By(_) => {}
        }
        self
    }

    pub fn billed(self, tokens: (i64, i64), images: u32) -> Self {
        Self::Billed { tokens, images, reply: Box::new(self) }
    }
}

/// A request as it came over the wire.
#[derive(Clone)]
pub struct Received {
    pub method: Method,
    pub path: String,
    /// Empty without one.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// One line of the server's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    pub request_key: String,
    pub model: String,
    pub tokens: (i64, i64),
    pub images: u32,
}

#[derive(Default)]
struct Books {
    script: VecDeque<Reply>,
    files: HashMap<String, Reply>,
    received: Vec<Received>,
    billed: Vec<Billed>,
}

/// The running server; dropped, it stops.
pub struct FakeProvider {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    server: JoinHandle<()>,
}

impl FakeProvider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let books = Arc::new(Mutex::new(Books::default()));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&books));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, books, server }
    }

    pub async fn with(script: impl IntoIterator<Item = Reply>) -> Self {
        let fake = Self::start().await;
        fake.books.lock().unwrap().script.extend(script);
        fake
    }

    /// The base URL for an adapter.
    pub fn base_url(&self) -> String {
        self.url("/v1")
    }

    /// The URL of a file on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Appends to the script; an empty script answers 500.
    pub fn push(&self, reply: Reply) {
        self.books.lock().unwrap().script.push_back(reply);
    }

    /// Serves `reply` at `path`, outside the script.
    pub fn serve(&self, path: &str, reply: Reply) {
        self.books.lock().unwrap().files.insert(path.to_owned(), reply);
    }

    pub fn received(&self) -> Vec<Received> {
        self.books.lock().unwrap().received.clone()
    }

    pub fn billed(&self) -> Vec<Billed> {
        self.books.lock().unwrap().billed.clone()
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(books): State<Arc<Mutex<Books>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 32 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let received = Received { method: parts.method, path: path.clone(), query, headers: parts.headers, body };
    let reply = {
        let mut books = books.lock().unwrap();
        let reply = match books.files.get(&path) {
            Some(file) => file.clone(),
            None => books.script.pop_front().unwrap_or_else(|| Reply::status(500, &json!("the script is over"))),
        };
        if let Reply::Billed { tokens, images, .. } = &reply {
            books.billed.push(Billed {
                request_key: received.header("idempotency-key").unwrap_or_default().to_owned(),
                model: received.json()["model"].as_str().unwrap_or_default().to_owned(),
                tokens: *tokens,
                images: *images,
            });
        }
        books.received.push(received.clone());
        reply
    };
    respond(reply, &received).await
}

async fn respond(reply: Reply, received: &Received) -> Response {
    match reply {
        Reply::Raw { status, headers, body } => raw(status, headers, body),
        Reply::Silence => std::future::pending().await,
        Reply::By(decide) => Box::pin(respond(decide(received), received)).await,
        Reply::Billed { reply, .. } => Box::pin(respond(*reply, received)).await,
    }
}

fn raw(status: u16, headers: Vec<(&'static str, String)>, body: Vec<Piece>) -> Response {
    let pieces = stream::unfold(VecDeque::from(body), |mut left| async move {
        loop {
            match left.pop_front()? {
                Piece::Bytes(bytes) => return Some((Ok(Bytes::from(bytes)), left)),
                Piece::Pause(time) => tokio::time::sleep(time).await,
                Piece::Break => return Some((Err(std::io::Error::other("broken by the script")), left)),
            }
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// A peer below HTTP.
#[derive(Clone, Copy)]
pub enum Peer {
    /// Accepts and never says a byte.
    Mute,
    /// Reads the request, then closes.
    Closes,
    /// Reads the request, then resets the connection.
    Resets,
    /// Reads the request, sends this, then closes.
    Says(&'static str),
}

/// Listens on a free port and treats every connection as `peer` does, until the test ends.
pub async fn listen(peer: Peer) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            if !matches!(peer, Peer::Mute) {
                let mut buffer = [0; 4096];
                let _ = socket.read(&mut buffer).await;
            }
            match peer {
                Peer::Mute => kept.push(socket),
                Peer::Closes => {}
                Peer::Resets => socket.set_zero_linger().unwrap(),
                Peer::Says(bytes) => socket.write_all(bytes.as_bytes()).await.unwrap(),
            }
        }
    });
    address
}
