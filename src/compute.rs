//! Work that only computes: off the async threads and a few at a time, so that requests always find a processor. It must
//! never know what is computed.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::error::{Error, Internal};

/// Long computations of one feature that run at once; others wait.
const COMPUTING_MAX: usize = 2;

/// Where a feature computes. Clones share the places.
#[derive(Debug, Clone)]
pub struct Computing(Arc<Semaphore>);

impl Default for Computing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(COMPUTING_MAX)))
    }
}

impl Computing {
    /// Runs `work`; `what` stands in the error when it panics. Who no longer waits for the answer leaves the queue; what has
    /// begun goes on to its end.
    pub async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|closed| Internal::new(what, closed))?;
        let running = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        Ok(running.await.map_err(|ended| Internal::new(what, ended))?)
    }
}
