//! The bus over NATS core: hints only, so nothing is stored and nothing is acknowledged.

use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{broadcast, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Bus, Hint, local::CAPACITY};
use crate::error::Internal;

const SUBJECT: &str = "inkledger.hint";

/// Messages that may wait for this process's subscription; more than that is a gap, which readers mend from the database.
const PENDING: usize = 256;

/// Hints through a NATS server.
pub struct NatsBus {
    sender: broadcast::Sender<Hint>,
    outgoing: mpsc::Sender<Hint>,
    origin: String,
    ending: CancellationToken,
    tasks: TaskTracker,
}

impl NatsBus {
    /// Connects to `url` and listens. The client reconnects by itself; while it cannot, hints are lost, which costs
    /// delay only.
    pub async fn connect(url: &SecretString, origin: impl Into<String>) -> Result<Self, Internal> {
        let client = async_nats::ConnectOptions::new()
            .name("inkledger")
            .subscription_capacity(PENDING)
            .connection_timeout(std::time::Duration::from_secs(5))
            .connect(url.expose_secret())
            .await
            .map_err(|error| Internal::new("connecting to NATS", error))?;
        let mut incoming =
            client.subscribe(SUBJECT).await.map_err(|error| Internal::new("subscribing at NATS", error))?;
        round_trip(&client).await?;
        let (sender, (outgoing, mut queue)) = (broadcast::Sender::new(CAPACITY), mpsc::channel::<Hint>(CAPACITY));
        let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (hints, ended) = (sender.clone(), ending.clone());
        tasks.spawn(async move {
            while let Some(Some(message)) = ended.run_until_cancelled(incoming.next()).await {
                if let Ok(hint) = serde_json::from_slice::<Hint>(&message.payload) {
                    let _ = hints.send(hint);
                }
            }
        });
        let ended = ending.clone();
        tasks.spawn(async move {
            while let Some(Some(hint)) = ended.run_until_cancelled(queue.recv()).await {
                let Ok(payload) = serde_json::to_vec(&hint) else { continue };
                if let Err(error) = client.publish(SUBJECT, payload.into()).await {
                    tracing::debug!(error = %error, "a hint was not sent");
                }
            }
        });
        Ok(Self { sender, outgoing, origin: origin.into(), ending, tasks })
    }
}

/// Waits until the server has read all that was sent so far: it reads a connection in order, and a flush alone does not
/// wait for it. Hints sent after this reach the subscription.
async fn round_trip(client: &async_nats::Client) -> Result<(), Internal> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Internal::new("subscribing at NATS", error);
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.map_err(|error| failed(error.into()))?;
    client.publish(inbox, Vec::new().into()).await.map_err(|error| failed(error.into()))?;
    let patience = std::time::Duration::from_secs(5);
    tokio::time::timeout(patience, echo.next()).await.map_err(|error| failed(error.into()))?;
    Ok(())
}

impl Bus for NatsBus {
    fn publish(&self, hint: Hint) {
        // A full queue loses the hint: sending never blocks.
        let _ = self.outgoing.try_send(hint);
    }

    fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.sender.subscribe()
    }

    fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        self.ending.cancel();
        self.tasks.close();
    }
}
