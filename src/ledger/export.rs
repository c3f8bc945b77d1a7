//! One account's ledger as rows for files: everything of one kind in a period, oldest first, as it was at one moment. It reads
//! in pages inside one snapshot, so that memory is bounded and the rows agree, and is safe beside a running server. What an
//! administrator wrote in a note is erasable, so it is in none of them.

use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use crate::{
    clock::{Micros, NEVER},
    db::Db,
    error::{Error, Failure, Never},
};

use super::{
    model::Transaction,
    store::{
        self, Grant, GrantFilter, HoldFilter, HoldStage, JournalEntry, Order, OwnedHold, Slice, TransactionFilter,
    },
};

/// Rows read at once.
const PAGE: u64 = 1000;

crate::words::words! {
    /// What is exported.
    Subject {
        /// The journal.
        Transactions "transactions",
        /// The moves between buckets.
        Entries "entries",
        /// Lots.
        Grants "grants",
        /// Reservations.
        Holds "holds",
    }
}

/// What of which account.
#[derive(Debug, Clone, Copy)]
pub struct ExportRequest {
    /// Whose.
    pub account: Uuid,
    /// What.
    pub subject: Subject,
    /// Only what transactions at this instant or later made, microseconds.
    pub from: Option<Micros>,
    /// Only what transactions before this instant made, microseconds.
    pub until: Option<Micros>,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// An id.
    Id(Uuid),
    /// A number.
    Number(i64),
    /// A word of ours.
    Word(&'static str),
    /// A hash, in hexadecimal digits.
    Hash(String),
    /// A text from outside.
    Text(String),
    /// An instant, microseconds.
    Time(Micros),
    /// Nothing.
    Empty,
}

/// Which transactions an export is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// They come after this one.
    pub above: i64,
    /// The last of them; no greater than `above` when there is none.
    pub upto: i64,
    /// The account's last transaction when it was read.
    pub sequence: i64,
}

/// Some rows, in order.
#[derive(Debug)]
pub struct ExportPage {
    /// The rows, each with a cell for every column; none in the first page.
    pub rows: Vec<Vec<Cell>>,
    /// What the export is about.
    pub extent: Extent,
    /// The transaction up to which everything has been read.
    pub reached: i64,
}

impl Subject {
    /// The names of the columns. They are a contract: new ones are added at the end.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Transactions => &[
                "account_id",
                "sequence",
                "id",
                "kind",
                "amount",
                "refers_to_sequence",
                "actor_kind",
                "actor_id",
                "created_at",
                "issued_after",
                "available_after",
                "held_after",
                "spent_after",
                "expired_after",
                "revoked_after",
                "epoch",
                "hash",
            ],
            Self::Entries => &[
                "account_id",
                "sequence",
                "line",
                "kind",
                "created_at",
                "grant_id",
                "hold_id",
                "from_bucket",
                "to_bucket",
                "amount",
            ],
            Self::Grants => &[
                "account_id",
                "id",
                "kind",
                "source_reference",
                "priority",
                "amount",
                "available",
                "held",
                "spent",
                "expired",
                "revoked",
                "expires_at",
                "sequence",
                "refunds_sequence",
                "created_at",
            ],
            Self::Holds => &[
                "account_id",
                "id",
                "state",
                "work_kind",
                "work_id",
                "run_id",
                "user_id",
                "amount",
                "settled",
                "shortfall",
                "refunded",
                "expires_at",
                "opened_sequence",
                "closed_sequence",
                "price_version_id",
                "prompt_version_id",
                "created_at",
            ],
        }
    }
}

/// Sends what `request` asks for in pages, the first of which has no rows; `false` when the account has no ledger. It ends early
/// and without an error when nobody receives any more.
pub async fn export(db: &Db, request: ExportRequest, pages: Sender<ExportPage>) -> Result<bool, Error> {
    let found = db.snapshot((request, pages), |tx, (request, pages)| {
        Box::pin(async move { send_all(tx, *request, pages).await.map_err(Failure::<Never>::Fault) })
    });
    Ok(found.await?)
}

async fn send_all(
    tx: &sea_orm::DatabaseTransaction,
    request: ExportRequest,
    pages: &Sender<ExportPage>,
) -> Result<bool, Error> {
    let account = request.account;
    let Some((_, sequence)) = store::list_sequences(tx, &[account]).await?.into_iter().next() else {
        return Ok(false);
    };
    let above = match request.from {
        Some(from) => store::sequence_not_after(tx, account, from.saturating_sub(1)).await?,
        None => 0,
    };
    let upto = match request.until {
        Some(until) => store::sequence_not_after(tx, account, until.saturating_sub(1)).await?,
        None => sequence,
    };
    let extent = Extent { above, upto, sequence };
    let mut page = ExportPage { rows: Vec::new(), extent, reached: above };
    let mut place = Place { sequence: above, line: i32::MAX, id: Uuid::max() };
    loop {
        let read = page.rows.len();
        if pages.send(page).await.is_err() || (place.sequence > above && read < usize::try_from(PAGE).unwrap_or(0)) {
            return Ok(true);
        }
        let rows = place.next(tx, request, upto).await?;
        if rows.is_empty() {
            return Ok(true);
        }
        page = ExportPage { rows, extent, reached: place.sequence };
    }
}

/// After which row the next page begins.
struct Place {
    sequence: i64,
    line: i32,
    id: Uuid,
}

impl Place {
    /// The rows that follow, at most a page of them.
    async fn next(
        &mut self,
        tx: &sea_orm::DatabaseTransaction,
        request: ExportRequest,
        upto: i64,
    ) -> Result<Vec<Vec<Cell>>, Error> {
        let account = request.account;
        let below = upto.saturating_add(1);
        let slice = Slice { above: Some(self.sequence), below: Some(below), order: Order::OldestFirst, limit: PAGE };
        Ok(match request.subject {
            Subject::Transactions => {
                let found = store::list_transactions(tx, account, &TransactionFilter::default(), slice).await?;
                self.sequence = found.last().map_or(upto, |last| last.sequence);
                found.iter().map(transaction).collect()
            }
            Subject::Entries => {
                let found = store::list_journal_entries(tx, account, (self.sequence, self.line), upto, PAGE).await?;
                let last = found.last().map_or((upto, i32::MAX), |last| (last.sequence, last.line));
                (self.sequence, self.line) = last;
                found.iter().map(|found| entry(account, found)).collect()
            }
            Subject::Grants => {
                let found = store::list_grants(tx, account, &GrantFilter::default(), slice).await?;
                self.sequence = found.last().map_or(upto, |last| last.lot.granted_seq);
                found.iter().map(grant).collect()
            }
            Subject::Holds => {
                let slice = Slice {
                    above: Some((self.sequence, self.id)),
                    below: Some((below, Uuid::nil())),
                    order: Order::OldestFirst,
                    limit: PAGE,
                };
                let found = store::list_holds(tx, account, &HoldFilter::default(), slice).await?;
                (self.sequence, self.id) = found.last().map_or((upto, Uuid::max()), OwnedHold::place);
                found.iter().map(hold).collect()
            }
        })
    }
}

fn id(id: Option<Uuid>) -> Cell {
    id.map_or(Cell::Empty, Cell::Id)
}

fn number(number: Option<i64>) -> Cell {
    number.map_or(Cell::Empty, Cell::Number)
}

fn transaction(row: &Transaction) -> Vec<Cell> {
    let mut cells = vec![
        Cell::Id(row.account_id),
        Cell::Number(row.sequence),
        Cell::Id(row.id),
        Cell::Word(row.kind.as_str()),
        Cell::Number(row.amount),
        number(row.refers),
        Cell::Word(row.actor.kind()),
        id(row.actor.id()),
        Cell::Time(row.at),
    ];
    cells.extend(row.balance.six().map(Cell::Number));
    cells.extend([Cell::Number(row.epoch), Cell::Hash(hex::encode(row.hash))]);
    cells
}

fn entry(account: Uuid, row: &JournalEntry) -> Vec<Cell> {
    vec![
        Cell::Id(account),
        Cell::Number(row.sequence),
        Cell::Number(row.line.into()),
        Cell::Word(row.kind.as_str()),
        Cell::Time(row.at),
        Cell::Id(row.entry.grant),
        id(row.entry.hold),
        Cell::Word(row.entry.way.from().as_str()),
        Cell::Word(row.entry.way.to().as_str()),
        Cell::Number(row.entry.amount),
    ]
}

fn grant(row: &Grant) -> Vec<Cell> {
    let lot = &row.lot;
    let mut cells = vec![
        Cell::Id(row.account_id),
        Cell::Id(lot.id),
        Cell::Word(lot.kind.as_str()),
        Cell::Text(lot.source_ref.clone()),
        Cell::Number(lot.priority.into()),
    ];
    cells.extend(lot.balance.six().map(Cell::Number));
    cells.extend([
        if lot.expires_at < NEVER { Cell::Time(lot.expires_at) } else { Cell::Empty },
        Cell::Number(lot.granted_seq),
        number(row.lot.refunds_seq),
        Cell::Time(lot.created_at),
    ]);
    cells
}

fn hold(row: &OwnedHold) -> Vec<Cell> {
    let (hold, item) = (&row.hold, &row.hold.item);
    let [settled, shortfall, refunded] = hold_sums(row);
    vec![
        Cell::Id(row.account_id),
        Cell::Id(hold.id()),
        Cell::Word(HoldStage::from(hold.state).as_str()),
        Cell::Word(item.work_kind.as_str()),
        Cell::Id(item.work_id),
        id(item.run_id),
        id(item.user_id),
        Cell::Number(item.amount.get()),
        Cell::Number(settled),
        Cell::Number(shortfall),
        Cell::Number(refunded),
        Cell::Time(item.expires_at),
        Cell::Number(hold.opened_seq),
        number(hold.state.closed_seq()),
        Cell::Id(item.price_version_id),
        id(item.prompt_version_id),
        Cell::Time(hold.created_at),
    ]
}

/// Charged, written off and given back; zeros unless it is settled.
fn hold_sums(row: &OwnedHold) -> [i64; 3] {
    match row.hold.state {
        super::model::HoldState::Settled { settled, shortfall, refunded, .. } => [settled, shortfall, refunded],
        _ => [0; 3],
    }
}
