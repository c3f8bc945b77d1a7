//! The journal cannot be changed, and verification sees every change that is made all the same.

use inkledger::{
    db::Engine,
    ledger::{Ledger, model::Operation, verify::verify},
};
use rstest::rstest;

use super::support::{assert_clean, command, funded, grant, hold, open, report};
use crate::support::database::TestDb;

/// One account with every state a hold can have here.
async fn lived_in(test: &TestDb, ledger: &Ledger) -> uuid::Uuid {
    let account = funded(test, ledger, 100).await;
    ledger.submit(command(account, "second-grant", grant(50))).await.unwrap();
    let settled = ledger.submit(command(account, "first-hold", hold(test, 120))).await.unwrap().holds[0];
    ledger.submit(command(account, "second-hold", hold(test, 5))).await.unwrap();
    let settle = Operation::Settle { hold: settled, actual: 110 };
    ledger.submit(command(account, "the-settle", settle)).await.unwrap();
    account
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn refuses_to_change_or_delete_a_row_of_the_journal(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    lived_in(&test, &open(&test).await).await;
    let mut statements = vec![
        "UPDATE credit_transaction SET amount = amount + 1",
        "DELETE FROM credit_transaction",
        "UPDATE credit_entry SET amount = amount + 1",
        "DELETE FROM credit_entry",
    ];
    if engine == Engine::Postgres {
        statements.extend(["TRUNCATE credit_transaction CASCADE", "TRUNCATE credit_entry"]);
    }
    for sql in statements {
        let error = test.execute(sql).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    assert_clean(&test).await;
}

/// Lets journal rows be changed.
pub async fn unlock(test: &TestDb) {
    let statements = match test.db.engine() {
        Engine::Sqlite => vec![
            "DROP TRIGGER credit_transaction_no_update",
            "DROP TRIGGER credit_transaction_no_delete",
            "DROP TRIGGER credit_entry_no_update",
            "DROP TRIGGER credit_entry_no_delete",
        ],
        Engine::Postgres => {
            vec!["ALTER TABLE credit_transaction DISABLE TRIGGER ALL", "ALTER TABLE credit_entry DISABLE TRIGGER ALL"]
        }
    };
    for sql in statements {
        test.execute(sql).await.unwrap();
    }
}

/// A change behind the ledger's back, its reverse, and the rule that must see it.
const TAMPERINGS: [(&str, &str, &str); 16] = [
    (
        "UPDATE ledger_account SET issued = issued + 1, available = available + 1",
        "UPDATE ledger_account SET issued = issued - 1, available = available - 1",
        "I1",
    ),
    (
        "UPDATE ledger_account SET spent = spent + 1, held = held - 1",
        "UPDATE ledger_account SET spent = spent - 1, held = held + 1",
        "I2",
    ),
    (
        "UPDATE credit_grant SET held = held + 1, spent = spent - 1 WHERE spent > 0",
        "UPDATE credit_grant SET held = held - 1, spent = spent + 1 WHERE spent > 0",
        "I3",
    ),
    ("UPDATE credit_hold_lot SET amount = amount + 1", "UPDATE credit_hold_lot SET amount = amount - 1", "I4"),
    ("UPDATE ledger_account SET seq = seq + 1", "UPDATE ledger_account SET seq = seq - 1", "I5"),
    (
        "UPDATE credit_hold SET settled = settled - 1 WHERE state = 'settled'",
        "UPDATE credit_hold SET settled = settled + 1 WHERE state = 'settled'",
        "I7",
    ),
    (
        "UPDATE credit_hold SET opened_seq = 1 WHERE opened_seq = 3",
        "UPDATE credit_hold SET opened_seq = 3 WHERE opened_seq = 1",
        "I8",
    ),
    (
        "UPDATE credit_entry SET line = line + 100 WHERE seq = 5",
        "UPDATE credit_entry SET line = line - 100 WHERE seq = 5",
        "I10",
    ),
    (
        "UPDATE credit_transaction SET issued_after = issued_after + 1, available_after = available_after + 1 WHERE seq = 2",
        "UPDATE credit_transaction SET issued_after = issued_after - 1, available_after = available_after - 1 WHERE seq = 2",
        "I11",
    ),
    (
        "UPDATE credit_transaction SET amount = amount + 1 WHERE seq = 4",
        "UPDATE credit_transaction SET amount = amount - 1 WHERE seq = 4",
        "I12",
    ),
    (
        "UPDATE credit_transaction SET at = at + 1000 WHERE seq = 2",
        "UPDATE credit_transaction SET at = at - 1000 WHERE seq = 2",
        "I14",
    ),
    (
        "UPDATE credit_grant SET granted_seq = 3 WHERE granted_seq = 2",
        "UPDATE credit_grant SET granted_seq = 2 WHERE granted_seq = 3",
        "I17",
    ),
    (
        "UPDATE credit_grant SET expired = expired + 1, available = available - 1 WHERE available > 0",
        "UPDATE credit_grant SET expired = expired - 1, available = available + 1 WHERE expired > 0",
        "I18",
    ),
    (
        "UPDATE credit_transaction SET result = result || ' ' WHERE seq = 3",
        "UPDATE credit_transaction SET result = SUBSTR(result, 1, LENGTH(result) - 1) WHERE seq = 3",
        "HASH",
    ),
    (
        "UPDATE credit_transaction SET idem_key = 'u:another-key' WHERE seq = 2",
        "UPDATE credit_transaction SET idem_key = 'u:second-grant' WHERE seq = 2",
        "HASH",
    ),
    (
        "UPDATE credit_transaction SET actor_kind = 'user' WHERE seq = 2",
        "UPDATE credit_transaction SET actor_kind = 'admin' WHERE seq = 2",
        "HASH",
    ),
];

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn sees_every_change_made_behind_its_back(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let account = lived_in(&test, &open(&test).await).await;
    unlock(&test).await;
    assert_clean(&test).await;
    for (change, back, code) in TAMPERINGS {
        assert!(test.execute(change).await.unwrap() > 0, "{change}");
        let found = report(&test).await;
        assert!(found.violations.iter().any(|violation| violation.code == code), "{change}: {found:?}");
        let one = verify(&test.db, test.clock.as_ref(), Some(account)).await.unwrap();
        assert_eq!(one.violations_count, found.violations_count, "{change}");
        test.execute(back).await.unwrap();
        assert_clean(&test).await;
    }
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn verifies_one_account_alone_and_counts_what_it_read(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let (first, second) = (lived_in(&test, &ledger).await, lived_in(&test, &ledger).await);
    let one = verify(&test.db, test.clock.as_ref(), Some(second)).await.unwrap();
    assert_eq!((one.accounts, one.transactions, one.entries), (1, 5, 8));
    assert!(one.clean());
    let all = report(&test).await;
    assert_eq!((all.accounts, all.transactions, all.entries), (2, 10, 16));
    unlock(&test).await;
    // The head of one account's chain.
    test.execute("UPDATE credit_transaction SET result = '{}' WHERE seq = 5 AND issued_after = 150").await.unwrap();
    for account in [first, second] {
        let found = verify(&test.db, test.clock.as_ref(), Some(account)).await.unwrap();
        assert_eq!(found.violations_count, 1);
        assert_eq!((found.violations[0].account, found.violations[0].sequence), (Some(account), Some(5)));
    }
}
