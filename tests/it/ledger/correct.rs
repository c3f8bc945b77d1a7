//! Refunds, revocations and adjustments at the writer, on both databases.

use inkledger::{
    db::Engine,
    ids::Ids,
    ledger::{
        Refusal,
        model::{Balance, Credits, Delta, GrantSource, Note, Operation, REFUND_LIFE_MIN, SourceRef, Untouched},
        store::{self, Scope},
    },
};
use rstest::rstest;
use uuid::Uuid;

use super::support::{SECOND, assert_clean, at_once, command, funded, grant, item, open, refusal};
use crate::support::database::{START, TestDb};

fn credits(amount: i64) -> Option<Credits> {
    Some(Credits::new(amount).unwrap())
}

fn refund(hold: Uuid, amount: Option<Credits>) -> Operation {
    Operation::Refund { hold, amount, note: None }
}

fn revoke(grant: Uuid, amount: Option<Credits>) -> Operation {
    Operation::Revoke { grant, amount, note: None }
}

fn adjust(by: i64) -> Operation {
    Operation::Adjust { delta: Delta::new(by).unwrap(), note: Note::new("counted by hand").unwrap() }
}

/// A grant that ends `after` the start.
fn ending(account: Uuid, name: &str, amount: i64, after: i64) -> Operation {
    let Operation::Grant(mut new) = grant(amount) else { unreachable!() };
    new.source = GrantSource::Promo(SourceRef::new(format!("{account}/{name}")).unwrap());
    new.expires_at = Some(START + after);
    Operation::Grant(new)
}

#[rstest]
#[tokio::test]
async fn refunded_credits_live_as_long_as_the_latest_that_paid_and_at_least_thirty_days(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(10 * SECOND, 90 * 86_400 * SECOND)] life: i64,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 0).await;
    // The first to burn ends first; the last one pays nothing.
    for (name, amount, after) in [("soon", 5, 5 * SECOND), ("later", 5, life), ("last", 50, life + SECOND)] {
        ledger.submit(command(account, &format!("grant-{name}"), ending(account, name, amount, after))).await.unwrap();
    }
    let id = test.ids.uuid();
    let hold = Operation::Hold(vec![item(id, test.ids.uuid(), 8, START + 3600 * SECOND)]);
    ledger.submit(command(account, "the-hold", hold)).await.unwrap();
    let settle = Operation::Settle { hold: id, actual: 8 };
    let settled = ledger.submit(command(account, "the-settle", settle)).await.unwrap();
    test.clock.advance(SECOND);
    let done = ledger.submit(command(account, "the-refund", refund(id, credits(3)))).await.unwrap();
    let lot = store::find_grant(test.db.reader(), Scope::Account(account), done.grant.unwrap()).await.unwrap().unwrap();
    assert_eq!(lot.refunds_seq, Some(settled.sequence));
    assert_eq!(lot.expires_at, (START + life).max(START + SECOND + REFUND_LIFE_MIN));
    assert_eq!((lot.priority, lot.balance.available), (40, 3));
    let row = store::find_transaction(test.db.reader(), Scope::Account(account), done.transaction_id).await.unwrap();
    assert_eq!(row.unwrap().refers, Some(settled.sequence));
    assert_clean(&test).await;
}

// In one batch: each of them sees what those before it did.
#[rstest]
#[tokio::test]
async fn a_charge_and_its_refunds_go_into_one_batch(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 20).await;
    let id = test.ids.uuid();
    let hold = Operation::Hold(vec![item(id, test.ids.uuid(), 8, START + 3600 * SECOND)]);
    let commands = vec![
        command(account, "too-early", refund(id, None)),
        command(account, "the-hold", hold),
        command(account, "still-held", refund(id, None)),
        command(account, "the-settle", Operation::Settle { hold: id, actual: 6 }),
        command(account, "some-back", refund(id, credits(4))),
        command(account, "too-many", refund(id, credits(3))),
        command(account, "the-rest", refund(id, None)),
        command(account, "once-more", refund(id, None)),
    ];
    let mut answers = at_once(&ledger, commands).await;
    assert_eq!(refusal(answers.pop().unwrap()), Refusal::RefundExceeds { refundable: 0 });
    assert_eq!(answers.pop().unwrap().unwrap().amount, 2);
    assert_eq!(refusal(answers.pop().unwrap()), Refusal::RefundExceeds { refundable: 2 });
    assert_eq!(answers.pop().unwrap().unwrap().balance.available, 18);
    assert_eq!(answers.pop().unwrap().unwrap().balance.spent, 6);
    assert_eq!(refusal(answers.pop().unwrap()), Refusal::NotRefundable);
    answers.pop().unwrap().unwrap();
    assert_eq!(refusal(answers.pop().unwrap()), Refusal::HoldNotFound);
    let balance = ledger.account(account).await.unwrap().unwrap().balance;
    assert_eq!(balance, Balance { issued: 26, available: 20, spent: 6, ..Balance::default() });
    // And from the rows.
    let later = ledger.submit(command(account, "much-later", refund(id, None))).await;
    assert_eq!(refusal(later), Refusal::RefundExceeds { refundable: 0 });
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn what_was_delivered_for_nothing_cannot_be_refunded(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 20).await;
    let ids = [test.ids.uuid(), test.ids.uuid()];
    let items = ids.map(|id| item(id, test.ids.uuid(), 5, START + 3600 * SECOND)).to_vec();
    ledger.submit(command(account, "two-holds", Operation::Hold(items))).await.unwrap();
    ledger.submit(command(account, "for-nothing", Operation::Settle { hold: ids[0], actual: 0 })).await.unwrap();
    ledger.submit(command(account, "given-back", Operation::Release(vec![ids[1]]))).await.unwrap();
    for (at, id) in ids.into_iter().enumerate() {
        let answer = ledger.submit(command(account, &format!("refund-of-{at}"), refund(id, None))).await;
        assert_eq!(refusal(answer), Refusal::NotRefundable);
    }
    let stranger = funded(&test, &ledger, 20).await;
    let answer = ledger.submit(command(stranger, "not-its-own", refund(ids[0], None))).await;
    assert_eq!(refusal(answer), Refusal::HoldNotFound);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn only_available_credits_are_revoked_and_what_is_left_is_told(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 0).await;
    let lot = ledger.submit(command(account, "the-grant", grant(20))).await.unwrap().grant.unwrap();
    let ids = [test.ids.uuid(), test.ids.uuid()];
    let items = [(ids[0], 6), (ids[1], 5)].map(|(id, amount)| item(id, test.ids.uuid(), amount, START + 3600 * SECOND));
    ledger.submit(command(account, "two-holds", Operation::Hold(items.to_vec()))).await.unwrap();
    ledger.submit(command(account, "one-charged", Operation::Settle { hold: ids[0], actual: 6 })).await.unwrap();
    let commands = vec![
        command(account, "four-taken", revoke(lot, credits(4))),
        command(account, "all-taken", revoke(lot, None)),
        command(account, "none-left", revoke(lot, None)),
    ];
    let mut answers = at_once(&ledger, commands).await;
    assert_eq!(refusal(answers.pop().unwrap()), Refusal::NothingToRevoke { held: 5, spent: 6 });
    let all = answers.pop().unwrap().unwrap();
    assert_eq!((all.amount, all.balance.available, all.grant), (5, 0, Some(lot)));
    assert_eq!(all.untouched, Some(Untouched { held: 5, spent: 6 }));
    assert_eq!(answers.pop().unwrap().unwrap().amount, 4);
    let repeat = ledger.submit(command(account, "all-taken", revoke(lot, None))).await.unwrap();
    assert_eq!((repeat.result, repeat.untouched, repeat.replayed), (all.result, all.untouched, true));
    // What comes back from the hold can be taken then.
    ledger.submit(command(account, "one-released", Operation::Release(vec![ids[1]]))).await.unwrap();
    assert_eq!(ledger.submit(command(account, "five-taken", revoke(lot, None))).await.unwrap().amount, 5);
    let stranger = funded(&test, &ledger, 20).await;
    let foreign = ledger.submit(command(stranger, "not-its-own", revoke(lot, None))).await;
    assert_eq!(refusal(foreign), Refusal::GrantNotFound);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn an_adjustment_adds_a_lot_or_takes_in_the_order_of_burning(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10).await;
    let promo = ledger.submit(command(account, "the-promo", ending(account, "promo", 4, 60 * SECOND))).await.unwrap();
    let down = ledger.submit(command(account, "six-fewer", adjust(-6))).await.unwrap();
    assert_eq!((down.amount, down.balance.available, down.balance.revoked, down.grant), (6, 8, 6, None));
    let entries = store::list_entries(test.db.reader(), account, down.sequence).await.unwrap();
    let taken: Vec<_> = entries.iter().map(|entry| (Some(entry.grant) == promo.grant, entry.amount)).collect();
    assert_eq!(taken, [(true, 4), (false, 2)], "a promotion burns first");
    let up = ledger.submit(command(account, "three-more", adjust(3))).await.unwrap();
    assert_eq!((up.amount, up.balance.available, up.grant.is_some()), (3, 11, true));
    let short = refusal(ledger.submit(command(account, "too-many-fewer", adjust(-12))).await);
    assert_eq!(short, Refusal::InsufficientCredits { required: 12, available: 11, short: 1 });
    assert_eq!(test.number("SELECT COUNT(*) FROM credit_note WHERE body = 'counted by hand'").await, 2);
    assert_clean(&test).await;
}
