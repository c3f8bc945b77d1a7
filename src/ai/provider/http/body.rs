//! Reading an answer's body under its limits: bytes, time to the first piece, time between pieces.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::time::Sleep;

use crate::ai::provider::{FailureCode, ProviderFailure};

/// The deadline for the first byte: started before the request is sent, kept until a piece of the body is here.
pub(crate) type FirstByte = Pin<Box<Sleep>>;

/// Starts the wait for the first byte.
pub(crate) fn first_byte(limit: Duration) -> FirstByte {
    Box::pin(tokio::time::sleep(limit))
}

/// Waits for `work` until the deadline.
///
/// # Errors
/// `TIMEOUT_FIRST_BYTE`.
pub(crate) async fn until<T>(deadline: &mut FirstByte, work: impl Future<Output = T>) -> Result<T, ProviderFailure> {
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = deadline => Err(ProviderFailure::new(FailureCode::TimeoutFirstByte, "no first byte in time")),
    }
}

/// A body being read.
pub(crate) struct Body {
    response: Response,
    first: Option<FirstByte>,
    chunk: Duration,
    left: usize,
    too_large: FailureCode,
}

impl Body {
    /// `cap` is the most bytes accepted in all; beyond it reading fails with `too_large`.
    pub(crate) fn new(
        response: Response,
        first: FirstByte,
        chunk: Duration,
        cap: usize,
        too_large: FailureCode,
    ) -> Self {
        Self { response, first: Some(first), chunk, left: cap, too_large }
    }

    /// The next piece, `None` at the proper end.
    ///
    /// # Errors
    /// `TIMEOUT_FIRST_BYTE`, `TIMEOUT_CHUNK`, `NETWORK_ERROR` when the connection breaks, or the code for too many bytes.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ProviderFailure> {
        let received = match self.first.take() {
            Some(mut deadline) => until(&mut deadline, self.response.chunk()).await?,
            None => tokio::time::timeout(self.chunk, self.response.chunk())
                .await
                .map_err(|_| ProviderFailure::new(FailureCode::TimeoutChunk, "the answer stalled"))?,
        };
        let piece = received
            .map_err(|_| ProviderFailure::new(FailureCode::NetworkError, "the connection broke inside the answer"))?;
        if let Some(piece) = &piece {
            self.left = self
                .left
                .checked_sub(piece.len())
                .ok_or_else(|| ProviderFailure::new(self.too_large, "the answer is larger than accepted"))?;
        }
        Ok(piece)
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub(crate) async fn collect(mut self) -> Result<Bytes, ProviderFailure> {
        let announced = self.response.content_length().unwrap_or(0);
        if announced > u64::try_from(self.left).unwrap_or(u64::MAX) {
            return Err(ProviderFailure::new(self.too_large, "the answer announces more bytes than accepted"));
        }
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}
