//! Why the server does not start.

use std::{net::SocketAddr, path::PathBuf};

use crate::{
    ai::vault::VaultError,
    auth::keys::KeyError,
    db::{OpenError, migrate::MigrateError},
    error::{Error, Internal},
    ledger::proof::restore::RestoreError,
    storage::StorageError,
};

/// Why the server does not start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(
        "cannot use the data folder {path}: {source}. Check that it may be written, or name another with --data-dir"
    )]
    DataDir {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The schema.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database is not the one that was anchored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The key that provider keys are encrypted under.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The object store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The address.
    #[error("cannot listen on {address}: {source}. Another process may use it; name another with --listen")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A setting that only its user can judge.
    #[error("{0}")]
    Setting(String),
    /// Anything else.
    #[error("cannot start: {}", .0.chain())]
    Internal(Internal),
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        match error {
            Error::Internal(internal) => Self::Internal(internal),
            other => Self::Internal(Internal::new("starting", other)),
        }
    }
}

impl From<Internal> for StartError {
    fn from(internal: Internal) -> Self {
        Self::Internal(internal)
    }
}
