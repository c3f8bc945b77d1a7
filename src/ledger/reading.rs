//! What the ledger tells of grants, holds and past balances. Reads alone; the caller has made sure that the viewer may see
//! the account, or compares it afterwards.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    clock::Micros,
    error::Error,
    page::{Page, PageArgs},
};

use super::{
    Ledger,
    model::{Balance, Part, Transaction},
    store::{self, Draw, Grant, GrantFilter, HoldEnds, HoldFilter, HoldPlace, MovesOf, OwnedHold, PlacedEntry, Slice},
};

/// An account's credits at a moment that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastBalance {
    /// The six sums.
    pub balance: Balance,
    /// The last transaction not after the moment; 0 before the first.
    pub sequence: i64,
    /// When that was, microseconds; the moment itself before the first.
    pub as_of: Micros,
}

impl Ledger {
    /// One page of an account's lots that match `filter`, newest first.
    pub async fn grants_page(
        &self,
        account: Uuid,
        filter: &GrantFilter,
        args: &PageArgs<i64>,
    ) -> Result<Page<Grant>, Error> {
        let rows = store::list_grants(self.db().reader(), account, filter, Slice::of_page(args)).await?;
        let total = match args.with_total {
            true => Some(store::count_grants(self.db().reader(), account, filter).await?),
            false => None,
        };
        Ok(Page::from_rows(rows, args, total))
    }

    /// One page of an account's holds that match `filter`, newest first, without their lots.
    pub async fn holds_page(
        &self,
        account: Uuid,
        filter: &HoldFilter,
        args: &PageArgs<HoldPlace>,
    ) -> Result<Page<OwnedHold>, Error> {
        let rows = store::list_holds(self.db().reader(), account, filter, Slice::of_page(args)).await?;
        let total = match args.with_total {
            true => Some(store::count_holds(self.db().reader(), account, filter).await?),
            false => None,
        };
        Ok(Page::from_rows(rows, args, total))
    }

    /// Many lots by id, for a loader. The caller authorises.
    pub async fn load_grants(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Grant>, Error> {
        Ok(store::load_by_grant(self.db().reader(), ids).await?)
    }

    /// Many holds by id, without their lots, for a loader. The caller authorises.
    pub async fn load_holds(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, OwnedHold>, Error> {
        Ok(store::load_by_hold(self.db().reader(), ids).await?)
    }

    /// What many holds drew from which lots, in burn order, for a loader. The caller authorises.
    pub async fn load_hold_parts(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Part>>, Error> {
        Ok(store::load_parts_by_hold(self.db().reader(), ids).await?)
    }

    /// Many transactions by account and number, for a loader. The caller authorises.
    pub async fn load_by_sequence(&self, wanted: &[(Uuid, i64)]) -> Result<HashMap<(Uuid, i64), Transaction>, Error> {
        Ok(store::load_by_sequence(self.db().reader(), wanted).await?)
    }

    /// An account's credits after its last transaction not after `at`, microseconds. Zeros before the first one; the present
    /// balance for a moment to come. The time of transactions never falls, so they are bisected, without an index on time.
    /// `None` when the account has no ledger.
    pub async fn balance_at(&self, account: Uuid, at: Micros) -> Result<Option<PastBalance>, Error> {
        let connection = self.db().reader();
        if store::list_sequences(connection, &[account]).await?.is_empty() {
            return Ok(None);
        }
        let sequence = store::sequence_not_after(connection, account, at).await?;
        // Rows of the journal never change, so the statements need no snapshot to agree.
        let found = store::load_by_sequence(connection, &[(account, sequence)]).await?.remove(&(account, sequence));
        Ok(Some(match found {
            Some(last) => PastBalance { balance: last.balance, sequence, as_of: last.at },
            None => PastBalance { balance: Balance::default(), sequence: 0, as_of: at },
        }))
    }

    /// What each of one account's holds had of which lots.
    pub async fn draws_of(&self, account: Uuid, holds: &[HoldEnds]) -> Result<HashMap<Uuid, Vec<Draw>>, Error> {
        Ok(store::load_draws(self.db().reader(), account, holds).await?)
    }

    /// The lots that gave charges of one account back, by the settle transaction, at most `most` in all.
    pub async fn refunds_of(
        &self,
        account: Uuid,
        settles: &[i64],
        most: u64,
    ) -> Result<HashMap<i64, Vec<Grant>>, Error> {
        Ok(store::load_refunds(self.db().reader(), account, settles, most).await?)
    }

    /// The holds of one transaction, at most 100.
    pub async fn holds_of_transaction(&self, account: Uuid, sequence: i64) -> Result<Vec<Uuid>, Error> {
        Ok(store::list_holds_of_transaction(self.db().reader(), account, sequence).await?)
    }

    /// One page of the holds that drew on a lot, from the last one to do so, each with the transaction by which it first did.
    pub async fn holds_of_grant(&self, grant: Uuid, args: &PageArgs<HoldPlace>) -> Result<Vec<HoldPlace>, Error> {
        Ok(store::list_holds_of_grant(self.db().reader(), grant, Slice::of_page(args)).await?)
    }

    /// How many holds drew on a lot.
    pub async fn count_holds_of_grant(&self, grant: Uuid) -> Result<i64, Error> {
        Ok(store::count_holds_of_grant(self.db().reader(), grant).await?)
    }

    /// One page of the entries of a lot or a transaction, newest first.
    pub async fn moves_page(&self, of: MovesOf, args: &PageArgs<i64>) -> Result<Page<PlacedEntry>, Error> {
        let rows = store::list_moves(self.db().reader(), of, Slice::of_page(args)).await?;
        let total = match args.with_total {
            true => Some(store::count_moves(self.db().reader(), of).await?),
            false => None,
        };
        Ok(Page::from_rows(rows, args, total))
    }
}
