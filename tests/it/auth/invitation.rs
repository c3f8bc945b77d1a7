//! Invitations into accounts: sent to an address, used once by whoever has it, never worth more than the inviter.

use inkledger::{
    auth::{
        MemberRight,
        model::{
            Account, CreateAccount, Email, Invitation, InviteError, InviteMember, IssuedSession, LinkInvalid,
            MemberRole,
        },
        token::OpaqueToken,
    },
    db::Engine,
    error::{Error, Failure},
    page::PageArgs,
    viewer::{PlatformRole, Viewer},
};
use rstest::rstest;
use secrecy::SecretString;

use super::house::{House, fault, home, refused, reveal, secret};

const DAY: i64 = 86_400_000_000;

fn address(name: &str) -> Email {
    Email::new(&format!("{name}@example.com")).unwrap()
}

async fn studio(house: &House, owner: &IssuedSession) -> Account {
    let right = house.viewer(owner).await.signed_in().unwrap();
    house.auth.create_account(right, CreateAccount::new("Studio").unwrap(), None).await.unwrap()
}

async fn owner_of(house: &House, session: &IssuedSession, account: &Account) -> MemberRight {
    let viewer = house.viewer(session).await;
    house.auth.require_member(&viewer, account.id, MemberRole::Owner).await.unwrap()
}

async fn invite(
    house: &House,
    right: MemberRight,
    name: &str,
    role: MemberRole,
) -> Result<Invitation, Failure<InviteError>> {
    house.auth.invite_member(right, InviteMember { email: address(name), role }, Some("request-1".to_owned())).await
}

/// Invites, and what stands in the letter.
async fn letter_to(house: &House, right: MemberRight, name: &str, role: MemberRole) -> SecretString {
    invite(house, right, name, role).await.unwrap();
    house.send_letters().await;
    house.mailbox.last_token()
}

async fn accept(house: &House, session: &IssuedSession, token: &SecretString) -> Result<Account, Failure<LinkInvalid>> {
    let right = house.viewer(session).await.signed_in().unwrap();
    house.auth.accept_invitation(right, OpaqueToken::parse(token), &home(), None).await
}

async fn role_of(house: &House, session: &IssuedSession, account: &Account) -> Option<MemberRole> {
    let found = house.auth.load_members(&[(account.id, session.user.id)]).await.unwrap();
    found.first().map(|member| member.role)
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_invitation_is_accepted_once_by_whoever_has_the_address(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let (ada, bob, mal) = (house.person("Ada").await, house.person("Bob").await, house.person("Mal").await);
    let account = studio(&house, &ada).await;
    let right = owner_of(&house, &ada, &account).await;
    let token = letter_to(&house, right, "bOb", MemberRole::Editor).await;
    let (subject, text) = house.mailbox.letters().pop().unwrap();
    assert_eq!(subject, "Join Studio");
    assert!(text.contains("Ada") && text.contains("EDITOR") && text.contains('7'), "{text}");
    let stored = house.test.texts("SELECT payload FROM job").await.join(" ");
    assert!(!stored.contains(&reveal(&token)) && !stored.to_lowercase().contains("bob"), "{stored}");
    assert_eq!(house.number("SELECT COUNT(*) FROM audit_entry WHERE after LIKE '%@%' OR before LIKE '%@%'").await, 0);

    assert_eq!(refused(accept(&house, &mal, &token).await), LinkInvalid, "another's address");
    assert_eq!(refused(accept(&house, &bob, &secret(&"A".repeat(43))).await), LinkInvalid);
    assert_eq!(accept(&house, &bob, &token).await.unwrap().id, account.id);
    assert_eq!(role_of(&house, &bob, &account).await, Some(MemberRole::Editor));
    assert_eq!(refused(accept(&house, &bob, &token).await), LinkInvalid, "good once");
    assert_eq!(house.number("SELECT COUNT(*) FROM account_invitation").await, 0);
    assert_eq!(house.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'member.join'").await, 1);
    assert_eq!(refused(invite(&house, right, "BOB", MemberRole::Viewer).await), InviteError::AlreadyMember);
}

// G66: of 50 parallel uses one wins, by two processes where there can be two.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_50_uses_of_an_invitation_at_once_one_wins(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let (ada, bob) = (house.person("Ada").await, house.person("Bob").await);
    let second = if engine == Engine::Postgres { house.second().await } else { house.auth.clone() };
    let account = studio(&house, &ada).await;
    let token = letter_to(&house, owner_of(&house, &ada, &account).await, "Bob", MemberRole::Viewer).await;
    let right = house.viewer(&bob).await.signed_in().unwrap();
    let uses = (0..50_usize).map(|number| {
        let auth = if number % 2 == 0 { house.auth.clone() } else { second.clone() };
        let (token, from) = (OpaqueToken::parse(&token), format!("203.0.113.{number}"));
        tokio::spawn(async move {
            auth.accept_invitation(right, token, &inkledger::auth::model::Origin::new(&from), None).await.is_ok()
        })
    });
    let uses: Vec<_> = uses.collect();
    let mut won = 0;
    for one in uses {
        won += usize::from(one.await.unwrap());
    }
    assert_eq!(won, 1);
    assert_eq!(role_of(&house, &bob, &account).await, Some(MemberRole::Viewer));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_invitation_ends_by_time_by_another_one_by_withdrawal_and_with_its_inviter(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let (ada, bob, eve) = (house.person("Ada").await, house.person("Bob").await, house.person("Eve").await);
    let account = studio(&house, &ada).await;
    let right = owner_of(&house, &ada, &account).await;
    let first = letter_to(&house, right, "Bob", MemberRole::Viewer).await;
    let second = letter_to(&house, right, "Bob", MemberRole::Owner).await;
    assert_eq!(house.number("SELECT COUNT(*) FROM account_invitation").await, 1, "a new one takes its place");
    assert_eq!(refused(accept(&house, &bob, &first).await), LinkInvalid);
    house.test.clock.advance(7 * DAY);
    let (ada, bob, eve) = (
        house.auth.refresh_session(ada.refresh_token).await.unwrap(),
        house.auth.refresh_session(bob.refresh_token).await.unwrap(),
        house.auth.refresh_session(eve.refresh_token).await.unwrap(),
    );
    assert_eq!(refused(accept(&house, &bob, &second).await), LinkInvalid, "seven days are over");
    assert_eq!(house.auth.forget_old_links().await.unwrap(), 1);

    let token = letter_to(&house, right, "Bob", MemberRole::Viewer).await;
    let page = house.auth.list_invitations(&house.viewer(&ada).await, account.id, &PageArgs::first(5)).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert!(house.auth.withdraw_invitation(right, page.items[0].id, None).await.unwrap());
    assert!(!house.auth.withdraw_invitation(right, page.items[0].id, None).await.unwrap());
    assert_eq!(refused(accept(&house, &bob, &token).await), LinkInvalid);

    // What Ada may no longer give, nobody gets from her.
    let token = letter_to(&house, right, "Eve", MemberRole::Owner).await;
    let bobs = letter_to(&house, right, "Bob", MemberRole::Owner).await;
    accept(&house, &bob, &bobs).await.unwrap();
    let bobs = owner_of(&house, &bob, &account).await;
    house.auth.change_member_role(bobs, ada.user.id, MemberRole::Editor, None).await.unwrap();
    assert_eq!(refused(accept(&house, &eve, &token).await), LinkInvalid);
    assert!(matches!(fault(invite(&house, right, "Eve", MemberRole::Viewer).await), Error::Forbidden { .. }));
    assert_eq!(role_of(&house, &eve, &account).await, None);
}

// G66: no enumeration, and nobody is flooded.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn inviting_does_the_same_for_an_address_that_nobody_has(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let ada = house.person("Ada").await;
    house.person("Bob").await;
    let account = studio(&house, &ada).await;
    let right = owner_of(&house, &ada, &account).await;
    for name in ["Bob", "nobody"] {
        let invited = invite(&house, right, name, MemberRole::Viewer).await.unwrap();
        assert_eq!(invited.email, format!("{name}@example.com"));
        house.send_letters().await;
    }
    let letters = house.mailbox.letters();
    assert_eq!(letters.len(), 2);
    let plain = |text: &str| text.split('#').next().unwrap().to_owned();
    assert_eq!(plain(&letters[0].1), plain(&letters[1].1), "even the letter says the same");
    for _ in 0..4 {
        invite(&house, right, "nobody", MemberRole::Viewer).await.unwrap();
    }
    assert!(matches!(fault(invite(&house, right, "nobody", MemberRole::Viewer).await), Error::RateLimited { .. }));

    // Others neither see nor send any.
    let mal = house.person_as("Mal", PlatformRole::User).await;
    let viewer = house.viewer(&mal).await;
    let seen = house.auth.list_invitations(&viewer, account.id, &PageArgs::first(5)).await;
    assert!(matches!(seen, Err(Error::NotFound)));
    let admin = house.person_as("Admin", PlatformRole::Admin).await;
    let viewer: Viewer = house.viewer(&admin).await;
    assert_eq!(house.auth.list_invitations(&viewer, account.id, &PageArgs::first(5)).await.unwrap().items.len(), 2);
}
