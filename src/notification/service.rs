//! Reading notifications and marking them read. The caller has made sure that the person is a member of the account.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::{Notification, store};
use crate::{
    clock::Clock,
    db::Db,
    error::{Error, Failure, Never},
    page::{Page, PageArgs},
};

/// The most ids that one command marks.
pub const MARK_MAX: usize = 100;

/// Notifications. Cloning is cheap.
#[derive(Clone)]
pub struct Notifications {
    db: Db,
    clock: Arc<dyn Clock>,
}

impl Notifications {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock }
    }

    /// An account's messages as `user` sees them, newest first.
    pub async fn list(
        &self,
        account: Uuid,
        user: Uuid,
        unread_only: bool,
        args: &PageArgs<Uuid>,
    ) -> Result<Page<Notification>, Error> {
        Ok(store::list_notifications(self.db.reader(), account, user, unread_only, args).await?)
    }

    /// Messages by id as `user` sees them; the caller compares the account.
    pub async fn load(&self, user: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Notification>, Error> {
        Ok(store::load_notifications(self.db.reader(), user, ids).await?)
    }

    /// How many of an account's messages `user` has not read.
    pub async fn unread_count(&self, account: Uuid, user: Uuid) -> Result<i64, Error> {
        Ok(store::count_unread(self.db.reader(), account, user).await?)
    }

    /// Marks up to [`MARK_MAX`] messages as read and answers those that are the account's, in the order asked for.
    /// Repeating is safe. Refuses: `BadUserInput` for too many.
    pub async fn mark_read(&self, account: Uuid, user: Uuid, ids: Vec<Uuid>) -> Result<Vec<Notification>, Error> {
        if ids.len() > MARK_MAX {
            return Err(Error::bad_input(format!("Give at most {MARK_MAX} ids."), &["input", "ids"]));
        }
        let now = self.clock.now();
        let found = self
            .db
            .write((account, user, ids.clone(), now), |tx, (account, user, ids, now)| {
                Box::pin(async move {
                    Ok::<_, Failure<Never>>(store::insert_reads(tx, *account, *user, ids, *now).await?)
                })
            })
            .await?;
        let mut marked = store::load_notifications(self.db.reader(), user, &found).await?;
        Ok(ids.iter().filter_map(|id| marked.remove(id)).collect())
    }

    /// Marks all of an account's messages as read and answers how many were unread. Repeating is safe.
    pub async fn mark_all_read(&self, account: Uuid, user: Uuid) -> Result<u64, Error> {
        let now = self.clock.now();
        let count = self
            .db
            .write((account, user, now), |tx, (account, user, now)| {
                Box::pin(async move {
                    Ok::<_, Failure<Never>>(store::insert_all_reads(tx, *account, *user, *now).await?)
                })
            })
            .await?;
        Ok(count)
    }
}
