//! What the ledger knows of a member who leaves an account.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    Ledger,
    model::{CapPeriod, CapScope, UNCAPPED},
    store,
};
use crate::error::Error;

impl Ledger {
    /// Locks the ledgers of accounts, in the order of their ids, for a change of identity that takes them and their
    /// accounts' rows: the ledger's row comes first everywhere.
    pub async fn lock_in(&self, tx: &DatabaseTransaction, accounts: &[Uuid]) -> Result<(), Error> {
        if !accounts.is_empty() {
            store::lock_accounts(tx, accounts).await?;
        }
        Ok(())
    }

    /// Ends the caps of a member who leaves, under the lock of [`Self::lock_in`]. What they hold and spent stays counted.
    /// Answers each cap that there was, with its period's word.
    pub async fn end_caps_in(
        &self,
        tx: &DatabaseTransaction,
        account: Uuid,
        member: Uuid,
    ) -> Result<Vec<(&'static str, i64)>, Error> {
        let mut ended = Vec::new();
        for period in [CapPeriod::Day, CapPeriod::Month, CapPeriod::Always] {
            let found = store::find_cap(tx, account, (CapScope::Member, member, period)).await?;
            if let Some(cap) = found.filter(|cap| cap.limit != UNCAPPED) {
                store::update_limit(tx, cap.id, UNCAPPED).await?;
                ended.push((period.as_str(), cap.limit));
            }
        }
        Ok(ended)
    }
}
