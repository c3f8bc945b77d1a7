//! `inkledger users erase`: deletes a person as the API does, and proves it by looking for them in every column of the database,
//! before and after.

mod search;

use std::io::Write as _;

use clap::{Arg, ArgAction, Command};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use uuid::Uuid;

use self::search::{Found, search};
use super::{
    CliError, Context, FAILED, OK, json_flag, place, table,
    users::{find_person, rewrite, with_auth},
};
use crate::{
    auth::{
        erased,
        model::{DeleteUserError, User},
    },
    config::Config,
    db::Db,
    error::Failure,
    jobs::Sweep as _,
    site::erase::SiteErasureSweep,
    viewer::{Feature, Level, Viewer},
};

/// `users erase`.
pub(super) fn command() -> Command {
    Command::new("erase")
        .about("Delete a person and prove it: exit 0 nothing of them is left, 1 refused, or something names them still")
        .arg(json_flag())
        .arg(Arg::new("who").required(true).help("Username, e-mail address or id"))
        .arg(Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("Do it: nothing brings the person back"))
}

/// What was done.
struct Done {
    user: Uuid,
    before: Vec<Found>,
    after: Vec<Found>,
    stays: Vec<(&'static str, i64)>,
    objects: i64,
    is_rewritten: bool,
}

/// What stays of a person: rows that name them by an opaque id, or their account.
const STAYS: [(&str, &str); 4] = [
    (
        "credit transactions",
        "SELECT COUNT(*) AS number FROM credit_transaction t JOIN account a ON a.id = t.account_id WHERE a.personal_user_id = $1",
    ),
    ("audit rows by or about them", "SELECT COUNT(*) AS number FROM audit_entry WHERE actor_id = $1 OR target_id = $1"),
    ("the row of the person, without a name", "SELECT COUNT(*) AS number FROM app_user WHERE id = $1"),
    ("the row of the account, closed", "SELECT COUNT(*) AS number FROM account WHERE personal_user_id = $1"),
];

/// `users erase`: 0 nothing names the person any more, 1 refused or something does, 2 cannot open or wrong use.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let who = context.matches.get_one::<String>("who").cloned().unwrap_or_default();
    if !context.matches.get_flag("yes") {
        let message = format!(
            "erasing `{who}` deletes their account, their sites and all they made. Nothing brings it back: add --yes"
        );
        return Err(CliError::Usage(message));
    }
    let config = context.config()?;
    let db = place::open_to_write(&config).await?;
    let done = erase(&db, &config, &who).await;
    db.close().await;
    let done = done?;
    let is_clean = done.after.is_empty();
    print(context, &config, &done)?;
    Ok(if is_clean { OK } else { FAILED })
}

async fn erase(db: &Db, config: &Config, who: &str) -> Result<Done, CliError> {
    let person = find_person(db, who).await?;
    let person = person.ok_or_else(|| {
        CliError::Refused(format!("there is no user `{who}`. `inkledger users list` shows who there is"))
    })?;
    let User { id, username, email, .. } = person;
    let before = search(db, &username, &email).await?;
    let file = erased::file_in(&config.data_dir);
    let right = Viewer::System.may(Feature::UsersDelete, Level::Hero)?;
    let deleted = with_auth(db, Some(file), async |auth| Ok(auth.delete_user(right, id, None).await)).await?;
    match deleted {
        Ok(_) | Err(Failure::Refused(DeleteUserError::UserNotFound)) => {}
        Err(Failure::Refused(DeleteUserError::LastHero)) => {
            return Err(CliError::Refused(format!(
                "`{who}` is the last HERO, and somebody must run the installation. Make another one first: inkledger users \
                 promote WHO --to HERO"
            )));
        }
        Err(Failure::Refused(refusal)) => return Err(CliError::Refused(refusal.to_string())),
        Err(Failure::Fault(error)) => return Err(error.into()),
    }
    // What a server would take out portion by portion goes at once.
    SiteErasureSweep(db.clone()).sweep().await?;
    let is_rewritten = rewrite(db).await?;
    let after = search(db, &username, &email).await?;
    let mut stays = Vec::new();
    for (what, sql) in STAYS {
        stays.push((what, number(db, sql, Some(id)).await?));
    }
    let objects = number(db, "SELECT COUNT(*) AS number FROM object_purge", None).await?;
    Ok(Done { user: id, before, after, stays, objects, is_rewritten })
}

async fn number(db: &Db, sql: &str, id: Option<Uuid>) -> Result<i64, CliError> {
    let row = db.reader().query_one_raw(db.statement(sql, id.map(Into::into))).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get("", "number"))?)
}

fn as_json(found: &[Found]) -> Value {
    found.iter().map(|found| json!({"table": found.table, "column": found.column, "rows": found.rows})).collect()
}

fn print(context: &Context, config: &Config, done: &Done) -> std::io::Result<()> {
    let Done { user, before, after, stays, objects, is_rewritten } = done;
    let (mut out, list) = (std::io::stdout().lock(), erased::file_in(&config.data_dir));
    if context.json() {
        let stays: serde_json::Map<String, Value> =
            stays.iter().map(|(what, number)| ((*what).to_owned(), json!(number))).collect();
        let told = json!({
            "user": user, "clean": after.is_empty(), "before": as_json(before), "after": as_json(after), "stays": stays,
            "objects_to_remove": objects, "file_rewritten": is_rewritten, "listed_in": list.display().to_string(),
        });
        return writeln!(out, "{told:#}");
    }
    let rows_after = |found: &Found| {
        after
            .iter()
            .find(|other| (&other.table, &other.column) == (&found.table, &found.column))
            .map_or(0, |other| other.rows)
    };
    let mut rows: Vec<Vec<String>> = before
        .iter()
        .map(|found| {
            vec![found.table.clone(), found.column.clone(), found.rows.to_string(), rows_after(found).to_string()]
        })
        .collect();
    let is_new =
        |found: &&Found| !before.iter().any(|other| (&other.table, &other.column) == (&found.table, &found.column));
    rows.extend(
        after
            .iter()
            .filter(is_new)
            .map(|found| vec![found.table.clone(), found.column.clone(), "0".to_owned(), found.rows.to_string()]),
    );
    table::print(&mut out, &["TABLE", "COLUMN", "NAMED THEM", "NAMES THEM NOW"], &rows)?;
    let stays: Vec<Vec<String>> =
        stays.iter().map(|(what, count)| vec![(*what).to_owned(), count.to_string()]).collect();
    table::print(&mut out, &["WHAT STAYS, BY OPAQUE IDS", "ROWS"], &stays)?;
    if *objects > 0 {
        writeln!(
            out,
            "The bytes of {} are removed as soon as a server with jobs runs.",
            place::count(usize::try_from(*objects).unwrap_or(0), "object")
        )?;
    }
    writeln!(out, "{user} is on the list {}, which keeps restored backups from bringing them back.", list.display())?;
    if !is_rewritten {
        writeln!(
            out,
            "PostgreSQL frees what was deleted when it vacuums; older backups and its archived log still have it."
        )?;
    }
    match after.is_empty() {
        true => writeln!(out, "Every text and every byte column searched: nothing names the person. Verdict: ERASED."),
        false => writeln!(
            out,
            "Rows of others still have the name or the address. Verdict: NOT CLEAN. Look at them; the person is deleted."
        ),
    }
}
