//! Reads for traces, each with a number of statements that does not depend on the length of a page. The caller has made sure
//! that the viewer may see the account.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    model::{LotShare, Origin, Shares, Step},
    store,
};
use crate::{
    db::Db,
    error::Error,
    ledger::{
        Ledger, OwnedHold,
        model::HoldState,
        store::{HoldEnds, HoldPlace, Slice},
    },
    page::{Page, PageArgs},
};

/// Steps that a trace adds up, and the most of one content or transaction.
const STEPS_MAX: u32 = 500;

/// Refunds that one page of steps shows.
const REFUNDS_MAX: u64 = 500;

/// Traces of credits. Cloning is cheap.
#[derive(Clone)]
pub struct Trace {
    db: Db,
    ledger: Ledger,
}

fn ends(hold: &OwnedHold) -> HoldEnds {
    (hold.hold.id(), hold.hold.opened_seq, hold.hold.state.closed_seq())
}

/// A page of a list that is whole: newest first.
fn page_of(mut all: Vec<HoldPlace>, args: &PageArgs<HoldPlace>) -> Vec<HoldPlace> {
    all.sort_unstable_by(|one, other| other.cmp(one));
    all.retain(|place| {
        args.after.is_none_or(|after| *place < after) && args.before.is_none_or(|before| *place > before)
    });
    if args.from_end {
        all.reverse();
    }
    all.truncate(usize::try_from(args.fetch()).unwrap_or(usize::MAX));
    all
}

/// Some of the holds between lots and work.
struct Path {
    /// In the direction of travel, and one more than asked for.
    places: Vec<HoldPlace>,
    /// Whether there are no holds but those that a page can reach.
    is_all: bool,
    /// How many can be reached, when asked for.
    total: Option<i64>,
}

impl Trace {
    /// Traces in `db`.
    pub fn new(db: Db, ledger: Ledger) -> Self {
        Self { db, ledger }
    }

    /// The AI tasks of many items, for a loader. The caller authorises.
    pub async fn load_tasks_of_items(&self, items: &[Uuid]) -> Result<HashMap<Uuid, Uuid>, Error> {
        Ok(store::load_task_by_item(self.db.reader(), items).await?)
    }

    /// The holds on the path.
    async fn path(&self, account: Uuid, origin: Origin, args: &PageArgs<HoldPlace>) -> Result<Path, Error> {
        let listed = |holds: Vec<HoldPlace>, is_all| {
            let total = args.with_total.then(|| i64::try_from(holds.len()).unwrap_or(i64::MAX));
            Path { places: page_of(holds, args), is_all, total }
        };
        Ok(match origin {
            Origin::Content(content) => {
                let most = usize::try_from(STEPS_MAX).unwrap_or(usize::MAX);
                let (holds, is_all) = store::list_holds_of_content(self.db.reader(), content, most).await?;
                listed(holds.into_iter().map(|hold| (0, hold)).collect(), is_all)
            }
            Origin::Transaction(sequence) => {
                let holds = self.ledger.holds_of_transaction(account, sequence).await?;
                listed(holds.into_iter().map(|hold| (sequence, hold)).collect(), true)
            }
            Origin::Task(task) => {
                let connection = self.db.reader();
                let places = store::list_holds_of_task(connection, task, Slice::of_page(args)).await?;
                let total = match args.with_total {
                    true => Some(store::count_holds_of_task(connection, task).await?),
                    false => None,
                };
                Path { places, is_all: true, total }
            }
            Origin::Grant(grant) => {
                let places = self.ledger.holds_of_grant(grant, args).await?;
                let total = match args.with_total {
                    true => Some(self.ledger.count_holds_of_grant(grant).await?),
                    false => None,
                };
                Path { places, is_all: true, total }
            }
        })
    }

    /// One page of the steps between lots and work, the latest first. A content has at most 500, its latest.
    pub async fn steps_page(
        &self,
        account: Uuid,
        origin: Origin,
        args: &PageArgs<HoldPlace>,
    ) -> Result<Page<Step>, Error> {
        let path = self.path(account, origin, args).await?;
        let page = Page::from_rows(path.places, args, path.total);
        let ids: Vec<Uuid> = page.items.iter().map(|(_, hold)| *hold).collect();
        let mut holds = self.ledger.load_holds(&ids).await?;
        holds.retain(|_, hold| hold.account_id == account);
        let all: Vec<HoldEnds> = holds.values().map(ends).collect();
        let mut draws = self.ledger.draws_of(account, &all).await?;
        let charges = |hold: &OwnedHold| match hold.hold.state {
            HoldState::Settled { sequence, .. } => Some(sequence),
            _ => None,
        };
        let settles: Vec<i64> = holds.values().filter_map(charges).collect();
        let mut usage = store::load_usage(self.db.reader(), account, &settles).await?;
        let mut refunds = self.ledger.refunds_of(account, &settles, REFUNDS_MAX).await?;
        let items = page.items.iter().filter_map(|place| {
            let hold = holds.remove(&place.1)?;
            let settle = charges(&hold);
            Some(Step {
                place: *place,
                draws: draws.remove(&place.1).unwrap_or_default(),
                usage: settle.and_then(|settle| usage.remove(&settle)),
                refunds: settle.and_then(|settle| refunds.remove(&settle)).unwrap_or_default(),
                hold,
            })
        });
        let items = items.collect();
        Ok(Page { items, has_next: page.has_next, has_previous: page.has_previous, total: page.total })
    }

    /// What lots gave to the latest 500 steps of a trace.
    pub async fn shares(&self, account: Uuid, origin: Origin) -> Result<Shares, Error> {
        let Path { mut places, is_all, .. } = self.path(account, origin, &PageArgs::first(STEPS_MAX)).await?;
        let most = usize::try_from(STEPS_MAX).unwrap_or(usize::MAX);
        let is_complete = is_all && places.len() <= most;
        places.truncate(most);
        let ids: Vec<Uuid> = places.iter().map(|(_, hold)| *hold).collect();
        let holds = self.ledger.load_holds(&ids).await?;
        let all: Vec<HoldEnds> = holds.values().filter(|hold| hold.account_id == account).map(ends).collect();
        let mut sums: HashMap<Uuid, LotShare> = HashMap::new();
        for draw in self.ledger.draws_of(account, &all).await?.into_values().flatten() {
            let share = sums.entry(draw.grant).or_insert(LotShare { grant: draw.grant, reserved: 0, charged: 0 });
            share.reserved = share.reserved.saturating_add(draw.reserved);
            share.charged = share.charged.saturating_add(draw.charged);
        }
        let mut lots: Vec<LotShare> = sums.into_values().collect();
        lots.sort_unstable_by_key(|lot| (std::cmp::Reverse(lot.charged), lot.grant));
        Ok(Shares { lots, is_complete })
    }
}
