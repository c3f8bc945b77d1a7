//! One subscription over a WebSocket of its own.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

/// A socket with one subscription on it.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Thousands of them must leave room for the server.
const BUFFER_BYTES: usize = 1024;

/// Opens one, subscribes, and waits for nothing: what came before and what is new follow.
pub async fn open(url: &str, token: &str, query: &str, variables: Value) -> Socket {
    let mut request = format!("{}/graphql", url.replacen("http", "ws", 1)).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(0);
    let (mut socket, _) = tokio_tungstenite::connect_async_with_config(request, Some(config), true).await.unwrap();
    let init = json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } });
    socket.send(Message::text(init.to_string())).await.unwrap();
    socket.next().await.unwrap().unwrap();
    let start = json!({ "id": "1", "type": "subscribe", "payload": { "query": query, "variables": variables } });
    socket.send(Message::text(start.to_string())).await.unwrap();
    socket
}

/// Opens one and waits for its first event, the snapshot.
pub async fn subscribe(url: &str, token: &str, query: &str, variables: Value) -> Socket {
    let mut socket = open(url, token, query, variables).await;
    socket.next().await.unwrap().unwrap();
    socket
}
