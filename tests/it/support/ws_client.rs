//! A client of `graphql-transport-ws` that asserts what it gets, close codes included.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, http::StatusCode},
};

/// How long a test waits for what should come.
const PATIENCE: Duration = Duration::from_secs(30);

/// One socket.
pub struct Ws {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Ws {
    /// Upgrades with `headers`. The error is the HTTP status that refused.
    pub async fn connect_with(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, StatusCode> {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        for (name, value) in headers {
            let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(response)) => Err(response.status()),
            Err(other) => panic!("{other}"),
        }
    }

    /// Upgrades as a program does: the right protocol, no `Origin`.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap()
    }

    /// Connects and is acknowledged.
    pub async fn ready(address: SocketAddr, token: Option<&str>) -> Self {
        let mut ws = Self::connect(address).await;
        ws.init(token).await;
        assert_eq!(ws.receive().await, json!({"type": "connection_ack"}));
        ws
    }

    pub async fn init(&mut self, token: Option<&str>) {
        let payload = token.map(|token| json!({"authorization": format!("Bearer {token}")}));
        self.send(json!({"type": "connection_init", "payload": payload})).await;
    }

    pub async fn send(&mut self, message: Value) {
        self.send_text(message.to_string()).await;
    }

    /// Sends any text; a server that has closed already is no failure of the test.
    pub async fn send_text(&mut self, text: String) {
        let _ = self.socket.send(Message::text(text)).await;
    }

    pub async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({"type": "subscribe", "id": id, "payload": {"query": query}})).await;
    }

    pub async fn complete(&mut self, id: &str) {
        self.send(json!({"type": "complete", "id": id})).await;
    }

    /// The next message of the protocol. Fails when the socket closes first.
    pub async fn receive(&mut self) -> Value {
        match self.next(PATIENCE).await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no message but {other:?}"),
        }
    }

    /// The next message, which must be of `kind` and about `id`; its payload, without what it cost.
    pub async fn expect(&mut self, kind: &str, id: &str) -> Value {
        let mut message = self.receive().await;
        assert_eq!((&message["type"], &message["id"]), (&json!(kind), &json!(id)), "{message}");
        super::cost::without_cost(message["payload"].take())
    }

    /// The close frame. Messages before it are skipped.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next(PATIENCE).await {
                Some(Message::Text(_)) => {}
                Some(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.to_string()),
                other => panic!("no close frame but {other:?}"),
            }
        }
    }

    /// Asserts that nothing of the protocol comes for this long.
    pub async fn is_silent_for(&mut self, wait: Duration) {
        let came = self.next(wait).await;
        assert!(came.is_none(), "{came:?}");
    }

    /// The next frame that is no control frame of a living socket. `None` after `wait`, and when the socket broke.
    async fn next(&mut self, wait: Duration) -> Option<Message> {
        let read = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(message)) => return Some(message),
                    Some(Err(_)) | None => return None,
                }
            }
        };
        timeout(wait, read).await.unwrap_or(None)
    }
}
