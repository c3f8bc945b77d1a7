//! Links by mail through the real door: the server, its workers and a mail server that speaks the real protocol.

use inkledger::{
    auth::mail::{FolderMailer, Letter, MailError, Mailer, Occasion, Post, SmtpMailer, SmtpOptions},
    config::{Mail, MailTransport},
    db::Engine,
    ids::{Ids as _, SeededIds},
};
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::support::{
    builders::{PASSWORD, Person, SESSION},
    server::{Home, Server},
    smtp_server::{Received, SmtpServer},
};

fn by_smtp(server: &SmtpServer) -> Mail {
    let transport = MailTransport::Smtp(server.url().into());
    Mail { transport, from: "Ink Studio <hello@ink.example.com>".to_owned(), link_url: None }
}

/// The text of a letter, with soft line breaks taken out.
fn readable(letter: &Received) -> String {
    letter.data.replace("=\n", "").replace("=3D", "=")
}

fn token(letter: &Received) -> String {
    let text = readable(letter);
    text.split('#').nth(1).expect("a link").chars().take(43).collect()
}

async fn act(server: &Server, name: &str, input: Value, fields: &str) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!("mutation($i: {kind}!) {{ {name}(input: $i) {{ {fields} userErrors {{ code path }} }} }}");
    let mut data = server.data(None, &query, json!({"i": input})).await;
    data[name].take()
}

// G5, G59: a link by mail gives the same session as a password does.
#[rstest]
#[tokio::test]
async fn signs_in_and_sets_a_password_by_mail(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let smtp = SmtpServer::start().await;
    let home = Home::open(engine).await;
    let server = home.start_with(|config, _| {
        config.mail = by_smtp(&smtp);
        config.auth.verify_email = Some(false);
    });
    let server = server.await;
    let ada = server.sign_up("Ada").await;
    let asked = act(&server, "requestMagicLink", json!({"email": "ADA@example.com"}), "isAccepted").await;
    assert_eq!(asked, json!({"isAccepted": true, "userErrors": []}));
    let unknown = act(&server, "requestMagicLink", json!({"email": "nobody@example.com"}), "isAccepted").await;
    assert_eq!(asked, unknown);
    let invalid = act(&server, "requestMagicLink", json!({"email": "nobody"}), "isAccepted").await;
    let expected = json!([{"code": "EMAIL_INVALID", "path": ["input", "email"]}]);
    assert_eq!(invalid, json!({"isAccepted": false, "userErrors": expected}));

    let letter = smtp.letter(1).await;
    assert_eq!(
        (letter.from.as_str(), letter.to.as_slice()),
        ("<hello@ink.example.com>", &["<Ada@example.com>".to_owned()][..])
    );
    assert!(smtp.signed_in().contains(&"\0ink\0pa ss".to_owned()));
    let text = readable(&letter);
    assert!(text.contains(&format!("http://{}/link/sign-in#", server.address())), "{text}");
    assert!(text.contains("Ink Studio") && text.contains("text/plain") && text.contains("text/html"), "{text}");
    let link = json!({"token": token(&letter)});
    let signed_in = act(&server, "signInWithMagicLink", link.clone(), SESSION).await;
    let session = Person::of(&signed_in["session"]);
    assert_eq!(session.user, ada.user);
    let again = act(&server, "signInWithMagicLink", link, SESSION).await;
    assert_eq!(again["userErrors"], json!([{"code": "SIGN_IN_FAILED", "path": ["input", "token"]}]));
    let viewer = server.data(Some(&session.token), "{ viewer { isEmailVerified } }", json!({})).await;
    assert_eq!(viewer, json!({"viewer": {"isEmailVerified": true}}));

    act(&server, "requestPasswordReset", json!({"email": "ada@example.com"}), "isAccepted").await;
    let letter = smtp.letter(2).await;
    let weak =
        act(&server, "resetPassword", json!({"token": token(&letter), "password": "weak"}), "sessionsEnded").await;
    assert_eq!(weak["userErrors"], json!([{"code": "PASSWORD_TOO_WEAK", "path": ["input", "password"]}]));
    let input = json!({"token": token(&letter), "password": "An0ther-word"});
    let reset = act(&server, "resetPassword", input.clone(), "sessionsEnded").await;
    // The session of the sign-up ended when the link proved whose address it is.
    assert_eq!(reset, json!({"sessionsEnded": 1, "userErrors": []}));
    let used = act(&server, "resetPassword", input, "sessionsEnded").await;
    assert_eq!(used["userErrors"], json!([{"code": "LINK_INVALID", "path": ["input", "token"]}]));
    let gone = server.call(Some(&session.token), "{ myPermissions { feature } }", json!({})).await;
    assert_eq!(gone["errors"][0]["extensions"]["reason"], "SESSION_ENDED", "{gone}");
    let old = act(&server, "signIn", json!({"identity": "Ada", "password": PASSWORD}), SESSION).await;
    assert_eq!(old["userErrors"][0]["code"], "SIGN_IN_FAILED");
    let new = act(&server, "signIn", json!({"identity": "Ada", "password": "An0ther-word"}), SESSION).await;
    let ada = Person::of(&new["session"]);
    assert!(readable(&smtp.letter(3).await).contains("Your password was changed"));

    let change =
        "mutation($i: ChangePasswordInput!) { changePassword(input: $i) { sessionsEnded userErrors { code } } }";
    let input = json!({"currentPassword": PASSWORD, "newPassword": "Th1rd-word"});
    let wrong = server.payload(&ada, change, json!({"i": input})).await;
    assert_eq!(wrong, json!({"sessionsEnded": null, "userErrors": [{"code": "PASSWORD_WRONG"}]}));
    let input = json!({"currentPassword": "An0ther-word", "newPassword": "Th1rd-word"});
    let changed = server.payload(&ada, change, json!({"i": input})).await;
    assert_eq!(changed, json!({"sessionsEnded": 0, "userErrors": []}));
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn with_a_mail_server_people_prove_their_address(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let smtp = SmtpServer::start().await;
    let home = Home::open(engine).await;
    let server = home.start_with(|config, _| config.mail = by_smtp(&smtp)).await;
    let fields = format!("{SESSION} isVerificationSent");
    let who = |name: &str| json!({"username": name, "email": "ada@example.com", "password": PASSWORD});
    let sent = act(&server, "signUp", who("Ada"), &fields).await;
    assert_eq!(sent, json!({"session": null, "isVerificationSent": true, "userErrors": []}));
    let letter = smtp.letter(1).await;
    let input = |password: &str| json!({"token": token(&letter), "password": password});
    let wrong = act(&server, "verifyEmail", input("Wrong-passw0rd"), SESSION).await;
    assert_eq!(wrong["userErrors"], json!([{"code": "LINK_INVALID", "path": ["input"]}]));
    let verified = act(&server, "verifyEmail", input(PASSWORD), SESSION).await;
    let ada = Person::of(&verified["session"]);
    let viewer = server.data(Some(&ada.token), "{ viewer { username isEmailVerified } }", json!({})).await;
    assert_eq!(viewer, json!({"viewer": {"username": "Ada", "isEmailVerified": true}}));
    // The same answer for an address that has a user; who has it is told.
    let again = act(&server, "signUp", who("Eve"), &fields).await;
    assert_eq!(again, sent);
    let letter = smtp.letter(2).await;
    assert!(readable(&letter).contains("You already have a user") && !letter.data.contains('#'), "{}", letter.data);
    server.stop().await;
}

fn letter(to: &str) -> Letter {
    let occasion = Occasion::AddressTaken;
    let (id, product) = (SeededIds::new(5).uuid(), "Ink".to_owned());
    Letter { id, to: to.to_owned(), name: None, occasion, at: 1_767_225_600_000_000, product }
}

#[tokio::test]
async fn tells_a_mail_server_that_is_busy_from_one_that_refuses() {
    let smtp = SmtpServer::start().await;
    let mailer: Arc<dyn Mailer> = Arc::new(SmtpMailer::new(&SmtpOptions { url: smtp.url().into() }).unwrap());
    let post = Post::new(Arc::clone(&mailer), "hello@ink.example.com", "https://ink.example.com").unwrap();
    mailer.probe().await.unwrap();
    smtp.refuse_once("451 later");
    assert!(matches!(post.deliver(&letter("a@example.com")).await, Err(MailError::Later(_))));
    smtp.refuse_once("550 no such mailbox");
    assert!(matches!(post.deliver(&letter("a@example.com")).await, Err(MailError::Refused(_))));
    assert!(matches!(post.deliver(&letter("no address")).await, Err(MailError::Refused(_))));
    post.deliver(&letter("a@example.com")).await.unwrap();
    assert_eq!(smtp.letters().len(), 1);
    // The same letter again is the same message.
    post.deliver(&letter("a@example.com")).await.unwrap();
    let id = |letter: &Received| letter.data.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned);
    let letters = smtp.letters();
    assert!(id(&letters[0]).is_some() && id(&letters[0]) == id(&letters[1]));
    // A dead server is a matter of time; what it was is no part of the message.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = format!("smtp://ink:canary@127.0.0.1:{closed}");
    let dead = SmtpMailer::new(&SmtpOptions { url: url.into() }).unwrap();
    let error = dead.probe().await.unwrap_err();
    assert!(matches!(error, MailError::Later(_)) && !error.chain().contains("canary"), "{}", error.chain());
    assert!(SmtpMailer::new(&SmtpOptions { url: "smtp:/ /".to_owned().into() }).is_err());
}

#[tokio::test]
async fn a_folder_keeps_letters_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("mail");
    let post =
        Post::new(Arc::new(FolderMailer::new(place.clone())), "Ink <a@b.example>", "https://c.example/").unwrap();
    assert!(!post.reaches_people());
    post.deliver(&letter("a@example.com")).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(text.starts_with("Message-ID: <") && text.contains("To: a@example.com"), "{text}");
}
