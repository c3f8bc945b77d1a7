//! The circumstances of one provider call: its time limits and the way to withdraw it.

use std::future::Future;
use std::time::Duration;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{FailureCode, ProviderFailure};

/// Time limits of one call, each failing with a code of its own. The limit for connecting belongs to the adapter's
/// connection pool, which all calls share, and is set where the adapter is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the start of the call to the first byte of an answer's body.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub chunk: Duration,
    /// For the whole call.
    pub total: Duration,
}

impl Timeouts {
    /// An article: 60 s to the first byte, 30 s between pieces, 180 s in all.
    #[must_use]
    pub const fn text() -> Self {
        Self { first_byte: Duration::from_secs(60), chunk: Duration::from_secs(30), total: Duration::from_secs(180) }
    }

    /// One image: 60 s to the first byte, 30 s between pieces, 60 s in all.
    #[must_use]
    pub const fn image() -> Self {
        Self { total: Duration::from_secs(60), ..Self::text() }
    }
}

/// Where a provider is and the key to it, as they stand when a call begins. `Debug` hides the key.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Where the API's paths hang; `None` is the adapter's own.
    pub base_url: Option<String>,
    /// The secret; `None` where a provider needs none, or is not set up.
    pub key: Option<SecretString>,
}

/// Limits and cancellation of one call. Dropping the call's future withdraws it too, but then nobody learns what was
/// used, so cancel through the token.
#[derive(Debug, Clone)]
pub struct Call {
    /// Time limits.
    pub timeouts: Timeouts,
    /// Where to, and as whom.
    pub access: Access,
    /// Cancelling ends the call at once with `CANCELLED` and whatever usage was reported so far.
    pub cancel: CancellationToken,
}

impl Call {
    /// A call with these limits that nobody has cancelled yet.
    #[must_use]
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, access: Access::default(), cancel: CancellationToken::new() }
    }

    /// The same call with this access.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Fails with `CANCELLED`, unsent, if the call was withdrawn before it began.
    ///
    /// # Errors
    /// `CANCELLED`.
    pub(super) fn check_not_cancelled(&self) -> Result<(), ProviderFailure> {
        if self.cancel.is_cancelled() {
            return Err(ProviderFailure::unsent(FailureCode::Cancelled, "cancelled before it was sent"));
        }
        Ok(())
    }

    /// Runs `work` until it ends, the whole time is over, or the call is cancelled.
    ///
    /// # Errors
    /// `TIMEOUT_TOTAL`, `CANCELLED`, or what `work` fails with.
    pub(super) async fn guard<T>(
        &self,
        work: impl Future<Output = Result<T, ProviderFailure>> + Send,
    ) -> Result<T, ProviderFailure> {
        tokio::select! {
            // A finished answer wins over a cancellation in the same instant: it is paid for already.
            biased;
            outcome = work => outcome,
            () = self.cancel.cancelled() => Err(ProviderFailure::new(FailureCode::Cancelled, "cancelled while it ran")),
            () = tokio::time::sleep(self.timeouts.total) => {
                Err(ProviderFailure::new(FailureCode::TimeoutTotal, "the whole call took too long"))
            }
        }
    }
}
