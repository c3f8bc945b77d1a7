//! A database that has no room is an outage that ends when the operator makes some, and no fault of ours.

use sea_orm::DbErr;

use super::constraint::code_of;
use crate::error::Error;

/// SQLite: full. PostgreSQL: disk full.
const FULL: [&str; 2] = ["13", "53100"];

/// Whether the disk under the database is full.
pub fn is_full(error: &DbErr) -> bool {
    code_of(error).is_some_and(|code| FULL.contains(&code.as_str()))
}

/// The same error, unless its cause is that the disk under the database is full: that is one to try again.
pub fn outage_of(error: Error) -> Error {
    let Error::Internal(internal) = &error else { return error };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(internal.source.as_ref());
    while let Some(this) = cause {
        if this.downcast_ref::<DbErr>().is_some_and(is_full) {
            tracing::error!(cause = %internal.chain(), "the disk under the database is full");
            return Error::DependencyUnavailable { which: "database" };
        }
        cause = this.source();
    }
    error
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectOptions, ConnectionTrait, Database};

    use super::*;
    use crate::error::Internal;

    async fn full() -> DbErr {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1);
        let db = Database::connect(options).await.unwrap();
        db.execute_unprepared("PRAGMA max_page_count = 3; CREATE TABLE t (a TEXT)").await.unwrap();
        loop {
            if let Err(error) = db.execute_unprepared("INSERT INTO t VALUES (hex(zeroblob(4000)))").await {
                return error;
            }
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_an_outage_however_deep_it_lies() {
        #[derive(Debug, thiserror::Error)]
        #[error("writing a batch failed")]
        struct Around(#[source] DbErr);
        let full = full().await;
        assert_eq!(code_of(&full).as_deref(), Some("13"), "{full}");
        let outage = outage_of(Internal::new("writing", full).into());
        assert!(matches!(outage, Error::DependencyUnavailable { which: "database" }), "{outage:?}");
        let outage = outage_of(Internal::new("writing", Around(self::full().await)).into());
        assert_eq!(outage.code(), "DEPENDENCY_UNAVAILABLE");
        let other = outage_of(Internal::new("writing", DbErr::RecordNotInserted).into());
        assert_eq!(other.code(), "INTERNAL");
    }
}
