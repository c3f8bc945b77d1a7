//! The bus over PostgreSQL's LISTEN and NOTIFY, for small fleets: sent after the commit, as a hint.

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Bus, Hint, local::CAPACITY};
use crate::error::Internal;

const CHANNEL: &str = "inkledger_hint";

/// PostgreSQL refuses a payload of 8,000 bytes or more.
const PAYLOAD_MAX: usize = 7_900;

/// Hints through the database server.
pub struct PostgresBus {
    sender: broadcast::Sender<Hint>,
    outgoing: mpsc::Sender<Hint>,
    origin: String,
    ending: CancellationToken,
}

impl PostgresBus {
    /// Connects to `url` with two connections of its own: one listens, one notifies.
    pub async fn connect(url: &SecretString, origin: impl Into<String>) -> Result<Self, Internal> {
        let failed = |error: sqlx::Error| Internal::new("connecting the bus to PostgreSQL", error);
        let pool = PgPoolOptions::new().max_connections(2).connect(url.expose_secret()).await.map_err(failed)?;
        let mut listener = PgListener::connect_with(&pool).await.map_err(failed)?;
        listener.listen(CHANNEL).await.map_err(failed)?;
        let (sender, (outgoing, mut queue)) = (broadcast::Sender::new(CAPACITY), mpsc::channel::<Hint>(CAPACITY));
        let ending = CancellationToken::new();
        let (hints, ended) = (sender.clone(), ending.clone());
        tokio::spawn(async move {
            while let Some(received) = ended.run_until_cancelled(listener.recv()).await {
                match received {
                    Ok(notification) => {
                        if let Ok(hint) = serde_json::from_str::<Hint>(notification.payload()) {
                            let _ = hints.send(hint);
                        }
                    }
                    // The listener reconnects by itself at the next call.
                    Err(error) => {
                        tracing::warn!(error = %error, "the bus lost its connection; hints are delayed");
                        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    }
                }
            }
        });
        let ended = ending.clone();
        tokio::spawn(async move {
            while let Some(Some(mut hint)) = ended.run_until_cancelled(queue.recv()).await {
                let Some(payload) = payload(&mut hint) else { continue };
                let sent = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(&pool).await;
                if let Err(error) = sent {
                    tracing::debug!(error = %error, "a hint was not sent");
                }
            }
        });
        Ok(Self { sender, outgoing, origin: origin.into(), ending })
    }
}

/// The hint as text; without its body when that is too long, so that readers look at the database instead.
fn payload(hint: &mut Hint) -> Option<String> {
    let text = serde_json::to_string(hint).ok()?;
    if text.len() <= PAYLOAD_MAX {
        return Some(text);
    }
    hint.body.clear();
    serde_json::to_string(hint).ok()
}

impl Bus for PostgresBus {
    fn publish(&self, hint: Hint) {
        let _ = self.outgoing.try_send(hint);
    }

    fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.sender.subscribe()
    }

    fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for PostgresBus {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}
