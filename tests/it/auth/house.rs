//! Identity put together for a test, with cheap hashes.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use inkledger::{
    auth::{
        Auth, AuthParts, AuthSettings,
        jobs::{LetterKind, SendLetter},
        keys::KeyRing,
        mail::{MailError, Mailer, Post, Written},
        model::{IssuedSession, Origin, SignIn, SignUp},
        password::{HashCost, Passwords},
    },
    bus::{Bus, local::LocalBus},
    db::{Db, Engine},
    error::{AuthReason, Error, Failure},
    ids::{Ids, SeededIds},
    jobs::{Claimed, Handler, Job, Jobs, JobsConfig, Lane, Lease, Outcome, Subject},
    ledger::{
        Command, IdemKey, Ledger, LedgerOptions, Posting, Refusal,
        model::{Actor, Credits, GrantSource, NewGrant, Operation},
    },
    viewer::{Feature, FeatureRight, Level, PlatformRole, SignedIn, Viewer},
};
use sea_orm::ConnectionTrait as _;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::database::TestDb;

pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const KEY: [u8; 32] = [7; 32];
pub const PASSWORD: &str = "Passw0rd";
pub const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };

/// Keeps letters instead of sending them; takes none while it is shut.
#[derive(Default)]
pub struct Mailbox {
    letters: Mutex<Vec<(String, String)>>,
    pub shut: Mutex<Option<bool>>,
}

impl Mailbox {
    /// Subject and text of every letter, oldest first.
    pub fn letters(&self) -> Vec<(String, String)> {
        self.letters.lock().unwrap().clone()
    }

    /// What follows the `#` in the last letter.
    pub fn last_token(&self) -> SecretString {
        let letters = self.letters();
        let text = &letters.last().expect("a letter").1;
        let token = text.split('#').nth(1).expect("a link").split_whitespace().next().unwrap();
        secret(token)
    }
}

impl Mailer for Mailbox {
    fn send<'a>(&'a self, letter: &'a Written) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            let fault = || Arc::new(std::io::Error::other("shut"));
            match *self.shut.lock().unwrap() {
                Some(true) => return Err(MailError::Refused(fault())),
                Some(false) => return Err(MailError::Later(fault())),
                None => {}
            }
            self.letters.lock().unwrap().push((letter.subject.clone(), letter.text.clone()));
            Ok(())
        })
    }

    fn reaches_people(&self) -> bool {
        true
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(async { Ok(()) })
    }
}

pub struct House {
    pub mailbox: Arc<Mailbox>,
    pub test: TestDb,
    pub auth: Auth,
    pub bus: Arc<LocalBus>,
    pub ledger: Ledger,
}

pub fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

pub fn reveal(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

pub fn home() -> Origin {
    Origin::new("198.51.100.1")
}

impl House {
    pub async fn open(engine: Engine) -> Self {
        Self::open_with(engine, AuthSettings::default(), CHEAP).await
    }

    pub async fn open_with(engine: Engine, settings: AuthSettings, cost: HashCost) -> Self {
        let test = TestDb::open(engine).await;
        let bus = Arc::new(LocalBus::new("one"));
        let (ids, mailbox) = (test.ids.clone(), Arc::new(Mailbox::default()));
        let (auth, ledger) =
            Self::auth(&test, test.db.clone(), bus.clone(), ids, settings, cost, mailbox.clone()).await;
        Self { mailbox, test, auth, bus, ledger }
    }

    async fn auth(
        test: &TestDb,
        db: Db,
        bus: Arc<dyn Bus>,
        ids: Arc<dyn Ids>,
        settings: AuthSettings,
        cost: HashCost,
        mailbox: Arc<Mailbox>,
    ) -> (Auth, Ledger) {
        let ledger = Ledger::open(db.clone(), test.clock.clone(), ids.clone(), bus.clone(), LedgerOptions::default());
        let ledger = ledger.await.unwrap();
        let mailbox: Arc<dyn Mailer> = mailbox;
        let auth = Auth::new(AuthParts {
            db: db.clone(),
            clock: test.clock.clone(),
            ids: ids.clone(),
            bus: bus.clone(),
            ledger: ledger.clone(),
            keys: KeyRing::from_seed(KEY).unwrap(),
            passwords: Arc::new(Passwords::new(cost, ids.clone()).unwrap()),
            jobs: Jobs::new(db.clone(), test.clock.clone(), ids, bus.clone(), JobsConfig::default()),
            post: Post::new(mailbox, "Inkledger <no-reply@ink.example.com>", "https://ink.example.com/link").unwrap(),
            erasers: vec![Arc::new(inkledger::image::ImageEraser), Arc::new(inkledger::ai::AiEraser)],
            settings,
        });
        (auth, ledger)
    }

    /// The same identity with other settings, as after a restart.
    pub async fn restarted(&self, settings: AuthSettings, cost: HashCost) -> Auth {
        let ids = Arc::new(SeededIds::new(99));
        let mailbox = self.mailbox.clone();
        Self::auth(&self.test, self.test.db.clone(), self.bus.clone(), ids, settings, cost, mailbox).await.0
    }

    /// Another process on the same PostgreSQL database, with the same key.
    pub async fn second(&self) -> Auth {
        let (ids, bus) = (Arc::new(SeededIds::new(2)), Arc::new(LocalBus::new("two")));
        let mailbox = self.mailbox.clone();
        Self::auth(&self.test, self.test.second().await, bus, ids, AuthSettings::default(), CHEAP, mailbox).await.0
    }

    pub async fn person(&self, name: &str) -> IssuedSession {
        self.auth.sign_up(newcomer(name), &home()).await.unwrap()
    }

    pub async fn person_as(&self, name: &str, role: PlatformRole) -> IssuedSession {
        self.person(name).await;
        self.auth.promote(name, role).await.unwrap();
        self.sign_in(name).await
    }

    pub async fn sign_in(&self, name: &str) -> IssuedSession {
        self.auth.sign_in(credentials(name, PASSWORD), &home()).await.unwrap()
    }

    pub async fn viewer(&self, session: &IssuedSession) -> Viewer {
        self.auth.authenticate(Some(session.access_token.expose_secret())).await.unwrap()
    }

    pub async fn reason(&self, session: &IssuedSession) -> AuthReason {
        match self.viewer(session).await {
            Viewer::Anonymous(reason) => reason,
            other => panic!("still {other:?}"),
        }
    }

    pub async fn right(&self, session: &IssuedSession, feature: Feature, level: Level) -> FeatureRight {
        self.viewer(session).await.may(feature, level).unwrap()
    }

    /// Grants credits as an administrator does.
    pub async fn give(&self, account: Uuid, credits: i64) -> Result<Posting, Failure<Refusal>> {
        let amount = Credits::new(credits).unwrap();
        let grant = NewGrant { source: GrantSource::Admin, amount, expires_at: None, note: None };
        let command = Command {
            account,
            key: IdemKey::server("test", account),
            actor: Actor::System,
            operation: Operation::Grant(grant),
            open_account: false,
            effects: Vec::new(),
            otherwise: Vec::new(),
        };
        self.ledger.submit(command).await
    }

    /// Sends every letter that waits, as the workers do.
    pub async fn send_letters(&self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (kind, subject, job) in self.letters_waiting().await {
            let handler = LetterKind::ALL
                .into_iter()
                .map(|kind| SendLetter(self.auth.clone(), kind))
                .find(|handler| handler.kind() == kind)
                .expect("a handler");
            let lease = Lease { job_id: job, fence: 1, account_id: Uuid::nil(), lane: Lane::Interactive };
            let subject = Subject { kind: "app_user".to_owned(), id: subject };
            let job = Job { lease, kind, subject, payload: "{}".to_owned(), attempts: 0, attempts_max: 8, crashes: 0 };
            let claimed = Claimed { job, cancel: CancellationToken::new() };
            outcomes.push(handler.run(&claimed).await);
        }
        outcomes
    }

    /// Takes the waiting jobs out of the queue: kind, subject and id.
    async fn letters_waiting(&self) -> Vec<(String, Uuid, Uuid)> {
        let sql = "SELECT kind, subject_id, id FROM job WHERE kind LIKE 'mail.%' AND state = 'ready' ORDER BY id";
        let rows = self.test.db.reader().query_all_raw(self.test.db.statement(sql, [])).await.unwrap();
        let done = "UPDATE job SET state = 'done', finished_at = 1 WHERE kind LIKE 'mail.%' AND state = 'ready'";
        self.test.execute(done).await.unwrap();
        let get = |row: &sea_orm::QueryResult| {
            (row.try_get("", "kind").unwrap(), row.try_get("", "subject_id").unwrap(), row.try_get("", "id").unwrap())
        };
        rows.iter().map(get).collect()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        self.test.number(sql).await
    }
}

pub fn newcomer(name: &str) -> SignUp {
    SignUp::new(name, &format!("{name}@example.com"), secret(PASSWORD)).unwrap()
}

pub fn credentials(identity: &str, password: &str) -> SignIn {
    SignIn { identity: identity.to_owned(), password: secret(password) }
}

pub fn refused<T: std::fmt::Debug, R: std::fmt::Debug>(result: Result<T, Failure<R>>) -> R {
    match result {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub fn fault<T: std::fmt::Debug, R: std::fmt::Debug>(result: Result<T, Failure<R>>) -> Error {
    match result {
        Err(Failure::Fault(error)) => error,
        other => panic!("no fault: {other:?}"),
    }
}

pub fn anybody() -> SignedIn {
    SignedIn {
        user_id: Uuid::nil(),
        session_id: Uuid::nil(),
        role: PlatformRole::User,
        access_version: 0,
        token_expires_at: i64::MAX,
    }
}
