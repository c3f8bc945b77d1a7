//! A server that speaks the OpenAI protocol over a real port, follows a script, and keeps what it received and what
//! it would have billed. It shares no code with the adapter it tests.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
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
    /// Writes `text` word by word: as a stream if asked for one, else whole.
    Chat { text: String, usage: Option<(i64, i64)>, finish: Option<&'static str> },
    /// An image in base64.
    Image { bytes: Vec<u8>, usage: Option<Value> },
    /// An image behind this URL.
    ImageAt(String),
    /// Any answer at all, billing nothing.
    Raw { status: u16, headers: Vec<(&'static str, String)>, body: Vec<Piece> },
    /// Never answers.
    Silence,
}

impl Reply {
    pub fn chat(text: &str) -> Self {
        Self::Chat { text: text.to_owned(), usage: Some((12, 34)), finish: Some("stop") }
    }

    /// An answer of one piece with status 200.
    pub fn ok(content_type: &str, body: impl Into<String>) -> Self {
        Self::pieces(content_type, vec![Piece::text(body)])
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

    /// An error in the usual envelope.
    pub fn error(status: u16, code: &str) -> Self {
        Self::status(status, &json!({ "error": { "message": "words of the provider", "type": "error", "code": code } }))
    }

    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Raw { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// A request as it came over the wire.
#[derive(Clone)]
pub struct Received {
    pub method: Method,
    pub path: String,
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
pub struct FakeOpenAi {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    server: JoinHandle<()>,
}

impl FakeOpenAi {
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
        format!("http://{}/v1", self.address)
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

impl Drop for FakeOpenAi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(books): State<Arc<Mutex<Books>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let received = Received { method: parts.method, path: path.clone(), headers: parts.headers, body };
    let reply = {
        let mut books = books.lock().unwrap();
        let reply = match books.files.get(&path) {
            Some(file) => file.clone(),
            None => books.script.pop_front().unwrap_or_else(|| Reply::error(500, "the script is over")),
        };
        if let Some(billed) = bill(&reply, &received) {
            books.billed.push(billed);
        }
        books.received.push(received.clone());
        reply
    };
    respond(reply, &received).await
}

fn bill(reply: &Reply, received: &Received) -> Option<Billed> {
    let (tokens, images) = match reply {
        Reply::Chat { usage, .. } => (usage.unwrap_or_default(), 0),
        Reply::Image { .. } | Reply::ImageAt(_) => ((0, 0), 1),
        Reply::Raw { .. } | Reply::Silence => return None,
    };
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    Some(Billed {
        request_key: received.header("idempotency-key").unwrap_or_default().to_owned(),
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        tokens,
        images,
    })
}

async fn respond(reply: Reply, received: &Received) -> Response {
    match reply {
        Reply::Chat { text, usage, finish } => {
            let asked: Value = serde_json::from_slice(&received.body).unwrap();
            if asked["stream"] == json!(true) {
                raw(
                    200,
                    vec![("content-type", "text/event-stream; charset=utf-8".into())],
                    chunks(&text, usage, finish),
                )
            } else {
                whole(&text, usage, finish)
            }
        }
        Reply::Image { bytes, usage } => {
            let answer = json!({ "created": 1, "data": [{ "b64_json": BASE64.encode(bytes) }], "usage": usage });
            axum::Json(answer).into_response()
        }
        Reply::ImageAt(url) => axum::Json(json!({ "created": 1, "data": [{ "url": url }] })).into_response(),
        Reply::Raw { status, headers, body } => raw(status, headers, body),
        Reply::Silence => std::future::pending().await,
    }
}

fn tokens(usage: Option<(i64, i64)>) -> Value {
    usage.map_or(Value::Null, |(input, output)| {
        json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output })
    })
}

fn whole(text: &str, usage: Option<(i64, i64)>, finish: Option<&str>) -> Response {
    let message = json!({ "role": "assistant", "content": text, "refusal": null });
    let choices = json!([{ "index": 0, "message": message, "finish_reason": finish, "logprobs": null }]);
    let body = json!({ "id": "chatcmpl-7", "object": "chat.completion", "choices": choices, "usage": tokens(usage) });
    ([("x-request-id", "req_fake_7")], axum::Json(body)).into_response()
}

/// The chunks of a stream: a role, the text word by word, the finish reason, the usage, the end mark.
pub fn chunks(text: &str, usage: Option<(i64, i64)>, finish: Option<&str>) -> Vec<Piece> {
    let mut pieces = vec![Piece::text(": welcome\n\n"), delta(&json!({ "role": "assistant", "content": "" }), None)];
    pieces.extend(text.split_inclusive(' ').map(|word| delta(&json!({ "content": word }), None)));
    if finish.is_some() {
        pieces.push(delta(&json!({}), finish));
    }
    if usage.is_some() {
        pieces.push(Piece::event(&json!({ "id": "chatcmpl-7", "choices": [], "usage": tokens(usage) })));
    }
    pieces.push(Piece::text("data: [DONE]\n\n"));
    pieces
}

/// One chunk of a stream.
pub fn delta(delta: &Value, finish: Option<&str>) -> Piece {
    let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish, "logprobs": null }]);
    Piece::event(&json!({ "id": "chatcmpl-7", "object": "chat.completion.chunk", "choices": choices, "usage": null }))
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
