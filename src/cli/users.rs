//! `inkledger users`.

use std::{io::Write, path::PathBuf, sync::Arc};

use sea_orm::ConnectionTrait as _;
use serde_json::json;
use uuid::Uuid;

use super::{CliError, Context, OK, place, table};
use crate::{
    app::{erasers, ledger_options},
    auth::{
        Auth, AuthParts, AuthSettings, erased,
        keys::KeyRing,
        mail::{ConsoleMailer, Post},
        model::{AssignRoleError, ListedUser, User, UserFilter, UserOrder},
        password::{HashCost, Passwords},
        store::user::{find_credentials, find_user, list_users},
    },
    bus::local::LocalBus,
    clock::{Clock, SystemClock, to_rfc3339},
    config::Config,
    db::{Db, Engine},
    error::{Error, Failure, Internal},
    graphql::node::{self, NodeKind},
    ids::{Ids, SystemIds, random},
    jobs::{Jobs, JobsConfig, Sweep as _},
    ledger::Ledger,
    page::PageArgs,
    site::erase::SiteErasureSweep,
    viewer::{Feature, Level, PlatformRole, Viewer},
};

/// People read at once; no more are in memory at a time.
const PAGE: u32 = 100;

/// `users list`: reads beside a running server.
pub(super) async fn list(context: &Context) -> Result<u8, CliError> {
    let db = place::open_to_read(&context.config()?).await?;
    // Not locked: a lock may not be held while the next page is awaited.
    let mut out = std::io::stdout();
    let mut table = table::Table::new(&["USERNAME", "E-MAIL", "ROLE", "CREATED", "ID"]);
    let (mut page, mut listed) = (PageArgs::first(PAGE), 0_usize);
    if context.json() {
        write!(out, "[")?;
    }
    loop {
        let found = list_users(db.reader(), &UserFilter::default(), UserOrder::Newest, &page).await?;
        if context.json() {
            for ListedUser { user, .. } in &found.items {
                let comma = if listed == 0 { "" } else { "," };
                write!(out, "{comma}\n  {}", as_json(user))?;
                listed += 1;
            }
        } else {
            listed += found.items.len();
            let rows: Vec<Vec<String>> = found.items.iter().map(|listed| as_row(&listed.user)).collect();
            table.print(&mut out, &rows)?;
        }
        page.after = found.items.last().map(|listed| listed.key);
        if !found.has_next || page.after.is_none() {
            break;
        }
    }
    if context.json() {
        writeln!(out, "{}]", if listed == 0 { "" } else { "\n" })?;
    } else if listed == 0 {
        writeln!(out, "There is nobody yet. Sign up through the API, or open the link that `inkledger serve` prints.")?;
    }
    Ok(OK)
}

fn as_json(user: &User) -> serde_json::Value {
    json!({
        "id": user.id, "username": user.username, "email": user.email, "role": user.role.as_str(),
        "created_at": to_rfc3339(user.created_at),
    })
}

fn as_row(user: &User) -> Vec<String> {
    vec![
        user.username.clone(),
        user.email.clone(),
        user.role.as_str().to_owned(),
        to_rfc3339(user.created_at),
        user.id.to_string(),
    ]
}

/// `users promote`: on SQLite with the server stopped, on PostgreSQL beside it.
pub(super) async fn promote(context: &Context) -> Result<u8, CliError> {
    let config = context.config()?;
    let text = |name: &str| context.matches.get_one::<String>(name).cloned().unwrap_or_default();
    let (who, role) = (text("who"), text("to"));
    let role = PlatformRole::parse(&role).ok_or_else(|| CliError::Usage(format!("there is no role `{role}`")))?;
    let db = place::open_to_write(&config).await?;
    let before = find_credentials(db.reader(), &who).await?.map(|found| found.user.role);
    let promoted = with_auth(&db, None, async |auth| Ok(auth.promote(&who, role).await)).await;
    db.close().await;
    let user = match promoted? {
        Ok(user) => user,
        Err(Failure::Refused(refusal)) => return Err(CliError::Refused(in_words(refusal, &who))),
        Err(Failure::Fault(error)) => return Err(error.into()),
    };
    let (mut out, name) = (std::io::stdout().lock(), format!("{} ({})", user.username, user.email));
    match before {
        Some(before) if before == role => writeln!(out, "{name} is {} already; nothing changed.", role.as_str())?,
        before => {
            let before = before.map(|before| format!(" (was {})", before.as_str())).unwrap_or_default();
            writeln!(out, "{name} is now {}{before}. It holds from their next request on.", role.as_str())?;
        }
    }
    Ok(OK)
}

fn in_words(refusal: AssignRoleError, who: &str) -> String {
    match refusal {
        AssignRoleError::UserNotFound => {
            format!("there is no user `{who}`. `inkledger users list` shows who there is")
        }
        AssignRoleError::LastHero => format!(
            "`{who}` is the last HERO, and somebody must run the installation. Make another one first: \
             inkledger users promote WHO --to HERO"
        ),
        AssignRoleError::OwnUser => refusal.to_string(),
    }
}

/// Deletes whom the list in the data folder has as deleted and the database does not: a backup was put back. Answers whom, and who
/// was left because nobody would be HERO.
pub(super) async fn erase_again(db: &Db, config: &Config) -> Result<(Vec<Uuid>, Vec<Uuid>), CliError> {
    let file = erased::file_in(&config.data_dir);
    let back = erased::returned(db, &file).await?;
    if back.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let work = async |auth: &Auth| {
        let (mut erased, mut left) = (Vec::new(), Vec::new());
        for id in back {
            let right = Viewer::System.may(Feature::UsersDelete, Level::Hero)?;
            match auth.delete_user(right, id, None).await {
                Ok(_) => erased.push(id),
                Err(Failure::Refused(_)) => left.push(id),
                Err(Failure::Fault(error)) => return Err(error.into()),
            }
        }
        Ok((erased, left))
    };
    let (erased, left) = with_auth(db, Some(file), work).await?;
    if !erased.is_empty() {
        // What hangs on their sites goes at once, not portion by portion while a server runs.
        SiteErasureSweep(db.clone()).sweep().await?;
        rewrite(db).await?;
    }
    Ok((erased, left))
}

/// Freed pages of a SQLite file, and its `-wal` file, still have what was deleted. Nobody else has the file open, so it is
/// written anew without them; `false` on PostgreSQL, which does that by itself.
pub(super) async fn rewrite(db: &Db) -> Result<bool, CliError> {
    if db.engine() == Engine::Postgres {
        return Ok(false);
    }
    let connection = db.migration_connection();
    connection.execute_unprepared("VACUUM").await?;
    connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    Ok(true)
}

/// Lets `work` have identity, and ends what it needs.
pub(super) async fn with_auth<T>(
    db: &Db,
    erased_file: Option<PathBuf>,
    work: impl AsyncFnOnce(&Auth) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let (auth, ledger) = identity(db, erased_file).await?;
    let done = work(&auth).await;
    ledger.close().await;
    done
}

/// Identity for an operator on the host: it signs nothing, so its key is drawn for the moment, and servers elsewhere
/// see the change by their own look at the sessions.
async fn identity(db: &Db, erased_file: Option<PathBuf>) -> Result<(Auth, Ledger), Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::new(Arc::clone(&clock)));
    let bus = Arc::new(LocalBus::new("command line"));
    let ledger = Ledger::open(db.clone(), clock.clone(), ids.clone(), bus.clone(), ledger_options()).await?;
    let keys =
        KeyRing::from_seed(random(ids.as_ref())).ok_or_else(|| Internal::new("drawing a key", "the key is refused"))?;
    let passwords = Arc::new(Passwords::new(HashCost::default(), ids.clone())?);
    let settings = AuthSettings { erased_file, ..AuthSettings::default() };
    let erasers = erasers();
    let (db, ledger) = (db.clone(), ledger.clone());
    let jobs = Jobs::new(db.clone(), clock.clone(), ids.clone(), bus.clone(), JobsConfig::default());
    // A command of the host writes to nobody itself; a letter that it causes is a server's to send.
    let post = Post::new(Arc::new(ConsoleMailer), "no-reply@localhost", "http://localhost")?;
    let ledger_of = ledger.clone();
    let parts = AuthParts { db, clock, ids, bus, ledger, keys, passwords, jobs, post, erasers, settings };
    Ok((Auth::new(parts), ledger_of))
}

/// Whoever has this username, e-mail address or id, and is not deleted.
pub(super) async fn find_person(db: &Db, who: &str) -> Result<Option<User>, CliError> {
    let id = who.parse().ok().or_else(|| node::decode(NodeKind::User, &who.to_owned().into(), &[]).ok());
    match id {
        Some(id) => Ok(find_user(db.reader(), id).await?),
        None => Ok(find_credentials(db.reader(), who).await?.map(|found| found.user)),
    }
}
