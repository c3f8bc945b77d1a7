//! The writer on real databases: against the model (T2, T3), and one by one.

use futures_util::future::join_all;
use inkledger::{
    clock::Clock,
    db::Engine,
    error::Failure,
    ids::Ids,
    ledger::{
        Command, Ledger, Refusal,
        model::{Actor, GrantSource, IdemKey, Note, Operation, SourceRef},
        store::{self, Order, Scope, Slice, TransactionFilter},
    },
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rstest::rstest;
use uuid::Uuid;

use super::{
    cap::limit_to,
    model::{Expected, Naive},
    support::{ENGINES, SECOND, Step, Teller, assert_clean, command, funded, grant, hold, item, open, refusal, step},
};
use crate::support::database::{START, TestDb};

/// Tells random stories, up to `at_once` commands of which are sent before the first is answered; time passes between those.
pub async fn tell_stories(mut runner: TestRunner, engine: Engine, stories: usize, at_once: usize) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let strategy = proptest::collection::vec(step(), 40);
    for _ in 0..stories {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        test.clock.set(START);
        let account = funded(&test, &ledger, 0).await;
        let (mut naive, mut teller) = (Naive::opened(START), Teller::new(account, START));
        let mut waiting = Vec::new();
        for step in &steps {
            let Some(told) = teller.tell(step) else {
                carry_out_like(&mut naive, &test, &ledger, account, std::mem::take(&mut waiting)).await;
                teller.lots = naive.lots();
                test.clock.set(teller.now);
                if let Step::Cap { user, is_daily, limit } = step {
                    let user = user.map(|user| teller.user(user));
                    naive.limit(user, *is_daily, *limit, teller.now);
                    limit_to(&ledger, (test.ids.as_ref(), test.clock.now()), (account, user), *is_daily, *limit).await;
                }
                continue;
            };
            waiting.push(told);
            if waiting.len() == at_once {
                carry_out_like(&mut naive, &test, &ledger, account, std::mem::take(&mut waiting)).await;
                teller.lots = naive.lots();
            }
        }
        carry_out_like(&mut naive, &test, &ledger, account, waiting).await;
        let mut moves = Vec::new();
        for sequence in 1..=i64::try_from(naive.kinds.len()).unwrap() {
            for entry in store::list_entries(test.db.reader(), account, sequence).await.unwrap() {
                let (from, to) = (entry.way.from(), entry.way.to());
                moves.push(super::model::Moved {
                    sequence,
                    grant: entry.grant,
                    hold: entry.hold,
                    from,
                    to,
                    amount: entry.amount,
                });
            }
        }
        assert_eq!(moves, naive.moves, "{steps:?}");
    }
    assert_clean(&test).await;
}

/// Sends commands at once, of which each must be answered as the model answers it after those before it.
async fn carry_out_like(
    naive: &mut Naive,
    test: &TestDb,
    ledger: &Ledger,
    account: Uuid,
    commands: Vec<(IdemKey, Actor, Operation)>,
) {
    let sent = commands.iter().cloned().map(|(key, actor, operation)| {
        ledger.submit(Command { key, actor, ..command(account, "replaced", operation) })
    });
    let answers = join_all(sent).await;
    let now = Clock::now(test.clock.as_ref());
    for ((key, actor, operation), answer) in commands.iter().zip(answers) {
        let (real, lot) = match answer {
            Ok(done) => {
                let answer = Expected {
                    sequence: done.sequence,
                    amount: done.amount,
                    balance: done.balance,
                    shortfall: done.shortfall,
                    untouched: done.untouched.map(|left| (left.held, left.spent)),
                    replayed: done.replayed,
                };
                (Ok(answer), done.grant.unwrap_or_default())
            }
            Err(Failure::Refused(refusal)) => (Err(refusal), Uuid::nil()),
            Err(Failure::Fault(error)) => panic!("{error:?} at {operation:?} of {commands:?}"),
        };
        let want = naive.carry_out(key.as_str(), *actor, operation, now, lot);
        assert_eq!(real, want, "{operation:?} of {commands:?}");
    }
}

#[rstest]
#[case(Engine::Sqlite, 50)]
#[case(Engine::Postgres, 13)]
#[tokio::test]
async fn writes_random_commands_like_the_naive_model(
    #[case] engine: Engine,
    #[case] stories: usize,
    #[values(1, 4, 40)] at_once: usize,
) {
    let runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    tell_stories(runner, engine, stories, at_once).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn answers_a_repeat_byte_for_byte_and_refuses_a_changed_request(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 0).await;
    let first = ledger.submit(command(account, "the-only-key", grant(100))).await.unwrap();
    assert!(!first.replayed);
    test.clock.advance(SECOND);
    let again = ledger.submit(command(account, "the-only-key", grant(100))).await.unwrap();
    assert!(again.replayed);
    assert_eq!((&first.result, first.sequence, first.balance), (&again.result, again.sequence, again.balance));
    let changed = ledger.submit(command(account, "the-only-key", grant(101))).await;
    assert_eq!(refusal(changed), Refusal::IdempotencyKeyReused);
    let stranger =
        Command { actor: inkledger::ledger::model::Actor::System, ..command(account, "the-only-key", grant(100)) };
    assert_eq!(refusal(ledger.submit(stranger).await), Refusal::IdempotencyKeyReused);
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn judges_a_repeated_mutation_by_the_clients_input(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10).await;
    let sent = |input: &str| {
        let key = IdemKey::client("generate-images-1").unwrap().for_input(input.as_bytes());
        // Every try makes new rows, so the operation itself differs.
        Command { key, ..command(account, "replaced", hold(&test, 3)) }
    };
    let first = ledger.submit(sent("count=3")).await.unwrap();
    let again = ledger.submit(sent("count=3")).await.unwrap();
    assert_eq!((first.result, first.holds), (again.result, again.holds));
    assert_eq!(refusal(ledger.submit(sent("count=4")).await), Refusal::IdempotencyKeyReused);
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn keeps_the_write_off_of_due_lots_when_the_command_is_refused(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 0).await;
    let Operation::Grant(mut new) = grant(50) else { unreachable!() };
    new.expires_at = Some(START + SECOND);
    ledger.submit(command(account, "short-lived", Operation::Grant(new))).await.unwrap();
    test.clock.advance(SECOND);
    let refused = refusal(ledger.submit(command(account, "too-late", hold(&test, 1))).await);
    assert_eq!(refused, Refusal::InsufficientCredits { required: 1, available: 0, short: 1 });
    let found = ledger.account(account).await.unwrap().unwrap();
    assert_eq!((found.sequence, found.balance.expired), (2, 50));
    // The clock goes back; expiry is never undone.
    test.clock.set(START);
    let refused = refusal(ledger.submit(command(account, "back-in-time", hold(&test, 1))).await);
    assert_eq!(refused.code(), "INSUFFICIENT_CREDITS");
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn opens_an_account_once_with_its_sign_up_grant(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let (account, user) = (test.ids.uuid(), test.ids.uuid());
    let sent = |step| {
        let Operation::Grant(mut new) = grant(25) else { unreachable!() };
        new.source = GrantSource::Signup(user);
        let key = IdemKey::server(step, user);
        Command { key, open_account: true, ..command(account, "replaced", Operation::Grant(new)) }
    };
    assert_eq!(ledger.submit(sent("signup")).await.unwrap().balance.available, 25);
    assert!(ledger.submit(sent("signup")).await.unwrap().replayed);
    let again = refusal(ledger.submit(sent("signup-again")).await);
    assert_eq!(again, Refusal::EffectConflict { constraint: "ledger_account_pkey".to_owned() });
    let nobody = command(test.ids.uuid(), "no-such-account", grant(1));
    assert_eq!(refusal(ledger.submit(nobody).await), Refusal::AccountNotFound);
    let closed = Command { open_account: false, ..sent("signup-third") };
    assert_eq!(refusal(ledger.submit(closed).await), Refusal::GrantSourceUsed { sequence: Some(1) });
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn takes_one_payment_for_one_lot_over_all_accounts(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let paid = |account, key: &str| {
        let Operation::Grant(mut new) = grant(500) else { unreachable!() };
        new.source = GrantSource::Purchase(SourceRef::new("pay_123").unwrap());
        command(account, key, Operation::Grant(new))
    };
    let (mine, other) = (funded(&test, &ledger, 0).await, funded(&test, &ledger, 0).await);
    ledger.submit(paid(mine, "webhook-one")).await.unwrap();
    let own = refusal(ledger.submit(paid(mine, "webhook-two")).await);
    assert_eq!(own, Refusal::GrantSourceUsed { sequence: Some(1) });
    let foreign = refusal(ledger.submit(paid(other, "webhook-three")).await);
    assert_eq!(foreign, Refusal::GrantSourceUsed { sequence: None });
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn finds_no_hold_of_another_account(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let (mine, other) = (funded(&test, &ledger, 10).await, funded(&test, &ledger, 10).await);
    let held = ledger.submit(command(mine, "my-own-hold", hold(&test, 4))).await.unwrap();
    let id = held.holds[0];
    for (key, operation) in [
        ("settle-it", Operation::Settle { hold: id, actual: 1 }),
        ("release-it", Operation::Release(vec![id])),
        ("expire-it", Operation::ExpireHold(id)),
    ] {
        assert_eq!(refusal(ledger.submit(command(other, key, operation)).await), Refusal::HoldNotFound);
    }
    assert!(store::find_hold(test.db.reader(), Scope::Account(other), id).await.unwrap().is_none());
    assert!(store::find_hold(test.db.reader(), Scope::Account(mine), id).await.unwrap().is_some());
    let transaction = held.transaction_id;
    assert!(ledger.transaction(Scope::Account(other), transaction).await.unwrap().is_none());
    assert!(ledger.transaction(Scope::Everyone, transaction).await.unwrap().is_some());
}

/// A request to a provider for `hold`, without the task it would belong to.
async fn begin_request(test: &TestDb, hold: uuid::Uuid) {
    let (off, on, id) = match test.db.engine() {
        Engine::Sqlite => ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON", format!("x'{}'", hold.simple())),
        Engine::Postgres => {
            ("SET session_replication_role = replica", "SET session_replication_role = DEFAULT", format!("'{hold}'"))
        }
    };
    let hash = match test.db.engine() {
        Engine::Sqlite => "zeroblob(32)",
        Engine::Postgres => "decode(repeat('00', 32), 'hex')",
    };
    let sql = format!(
        "{off}; INSERT INTO ai_attempt (id, account_id, ai_task_id, item_id, attempt_no, fence, hold_id, ai_model_id, \
         state, request_hash, created_at, sent_at, deadline_at) VALUES ({id}, {id}, {id}, {id}, 1, 1, {id}, {id}, 'sent', \
         {hash}, 1, 1, 2); {on}"
    );
    test.execute(&sql).await.unwrap();
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn expires_a_due_hold_unless_a_request_is_under_way(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10).await;
    let id = test.ids.uuid();
    let held = Operation::Hold(vec![item(id, test.ids.uuid(), 4, START + SECOND)]);
    ledger.submit(command(account, "the-only-hold", held)).await.unwrap();
    let early = refusal(ledger.submit(command(account, "expire-early", Operation::ExpireHold(id))).await);
    assert_eq!(early, Refusal::HoldNotDue { expires_at: START + SECOND });
    test.clock.advance(SECOND);
    begin_request(&test, id).await;
    for state in ["sent", "unknown"] {
        test.execute(&format!("UPDATE ai_attempt SET state = '{state}'")).await.unwrap();
        let used = refusal(ledger.submit(command(account, "expire-in-use", Operation::ExpireHold(id))).await);
        assert_eq!(used, Refusal::HoldInUse);
    }
    test.execute("UPDATE ai_attempt SET state = 'abandoned'").await.unwrap();
    let done = ledger.submit(command(account, "expire-in-time", Operation::ExpireHold(id))).await.unwrap();
    assert_eq!((done.amount, done.balance.available), (4, 10));
    let twice = refusal(ledger.submit(command(account, "expire-twice", Operation::ExpireHold(id))).await);
    assert_eq!(twice, Refusal::HoldClosed { state: "expired", sequence: 3 });
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn writes_off_more_due_lots_than_one_operation_may_touch(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 1000).await;
    for count in 0..510 {
        let Operation::Grant(mut new) = grant(1) else { unreachable!() };
        new.expires_at = Some(START + SECOND);
        ledger.submit(command(account, &format!("short-lived-{count}"), Operation::Grant(new))).await.unwrap();
    }
    test.clock.advance(SECOND);
    let done = ledger.submit(command(account, "the-only-hold", hold(&test, 1000))).await.unwrap();
    // One write-off of 500 lots, one of 10, then the hold.
    assert_eq!((done.sequence, done.balance.expired, done.balance.held), (514, 510, 1000));
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn keeps_a_note_beside_the_journal_and_only_its_hash_inside(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 0).await;
    let Operation::Grant(mut new) = grant(5) else { unreachable!() };
    new.note = Note::new("sorry for the trouble");
    let done = ledger.submit(command(account, "with-a-note", Operation::Grant(new))).await.unwrap();
    let row = ledger.transaction(Scope::Account(account), done.transaction_id).await.unwrap().unwrap();
    assert!(row.note_hash.is_some());
    assert_eq!(test.execute("DELETE FROM credit_note").await.unwrap(), 1);
    assert_clean(&test).await;
}

#[tokio::test]
async fn pages_and_filters_transactions_by_sequence_kind_actor_and_time() {
    for engine in ENGINES {
        let test = TestDb::open(engine).await;
        let ledger = open(&test).await;
        let account = funded(&test, &ledger, 100).await;
        for count in 0..9 {
            test.clock.advance(SECOND);
            let held = ledger.submit(command(account, &format!("hold-number-{count}"), hold(&test, 2))).await.unwrap();
            let release = Operation::Release(held.holds);
            ledger.submit(command(account, &format!("release-number-{count}"), release)).await.unwrap();
        }
        let slice = |above, below, order| Slice { above, below, order, limit: 4 };
        let all = TransactionFilter::default();
        let numbers = async |filter: &TransactionFilter, slice| {
            let found = ledger.transactions(account, filter, slice).await.unwrap();
            found.iter().map(|row| row.sequence).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&all, slice(None, None, Order::NewestFirst)).await, [19, 18, 17, 16]);
        assert_eq!(numbers(&all, slice(None, Some(16), Order::NewestFirst)).await, [15, 14, 13, 12]);
        assert_eq!(numbers(&all, slice(Some(2), Some(5), Order::OldestFirst)).await, [3, 4]);
        let kinds = vec![inkledger::ledger::model::Kind::Release];
        let releases = TransactionFilter { kinds, ..TransactionFilter::default() };
        assert_eq!(numbers(&releases, slice(None, None, Order::OldestFirst)).await, [3, 5, 7, 9]);
        assert_eq!(ledger.count_transactions(account, &releases).await.unwrap(), 9);
        let times = TransactionFilter {
            from: Some(START + 2 * SECOND),
            until: Some(START + 3 * SECOND),
            ..TransactionFilter::default()
        };
        assert_eq!(numbers(&times, slice(None, None, Order::OldestFirst)).await, [4, 5]);
        let stranger = TransactionFilter { actor: Some(test.ids.uuid()), ..TransactionFilter::default() };
        assert_eq!(ledger.count_transactions(account, &stranger).await.unwrap(), 0);
    }
}
