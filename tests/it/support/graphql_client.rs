//! GraphQL over HTTP as clients send it: POST, GET, events, multipart; and raw bytes for what no client would send.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

use std::{net::SocketAddr, time::Duration};

use futures_util::{Stream, StreamExt as _};
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    /// The answer, without what it cost.
    pub fn json(&self) -> Value {
        super::cost::without_cost(self.whole())
    }

    /// The answer with everything.
    pub fn whole(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {:?}", self.text))
    }

    /// `extensions.code` of the first error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub base: String,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        // Two tests may race to install the same provider; the second finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { http, base: format!("http://{address}") }
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    /// A POST of JSON without `Accept`, as yet unsent.
    pub fn post(&self, body: impl Into<String>) -> RequestBuilder {
        self.request("POST", "/graphql").header("content-type", "application/json").body(body.into())
    }

    pub fn query(&self, query: &str) -> RequestBuilder {
        self.post(json!({"query": query}).to_string())
    }

    /// A GET with these parameters.
    pub fn get(&self, pairs: &[(&str, &str)]) -> RequestBuilder {
        let query = reqwest::Url::parse_with_params("http://x/", pairs).unwrap();
        self.request("GET", &format!("/graphql?{}", query.query().unwrap_or_default()))
    }

    /// A POST that wants `accept`, whose body is then read piece by piece.
    pub async fn stream(&self, query: &str, accept: &str, token: Option<&str>) -> Pieces {
        let mut request = self.query(query).header("accept", accept);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Pieces { status, headers, chunks: Box::pin(response.bytes_stream()), text: String::new() }
    }
}

/// Sends and reads all.
pub async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, text: response.text().await.unwrap() }
}

/// An answer that arrives in pieces.
pub struct Pieces {
    pub status: u16,
    pub headers: HeaderMap,
    chunks: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    pub text: String,
}

impl Pieces {
    /// Reads until `text` holds `mark`.
    pub async fn until(&mut self, mark: &str) -> &str {
        while !self.text.contains(mark) {
            let chunk = timeout(Duration::from_secs(10), self.chunks.next()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("no {mark:?} in {:?}", self.text));
            let chunk = chunk.unwrap_or_else(|| panic!("ended without {mark:?}: {:?}", self.text)).unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        &self.text
    }

    /// Reads to the end.
    pub async fn end(mut self) -> String {
        let rest = async {
            while let Some(Ok(chunk)) = self.chunks.next().await {
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        timeout(Duration::from_secs(15), rest).await.unwrap_or_else(|_| panic!("no end: {:?}", self.text));
        self.text
    }
}

/// Sends these bytes on a connection of their own and reads until the server closes or half a second is quiet.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may answer and close before it has taken everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(Ok(count)) = timeout(Duration::from_millis(500), stream.read(&mut buffer)).await {
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
