//! The database: reachable, new enough, up to date, with people in it, and with the same idea of the time.

use sea_orm::{ConnectionTrait, QueryResult};

use super::{Finding, Scene, blocking};
use crate::{
    clock::{Micros, SECOND},
    db::{Db, Engine, Location, migrate::schema_state},
    viewer::PlatformRole,
};

/// Clocks further apart than this make expiry and leases of several processes disagree.
const DRIFT_MAX: Micros = 2 * SECOND;

const SEE_SERVER: &str = "see that the server of INKLEDGER_DATABASE_URL runs and accepts this user and database";

/// An error and its causes on one line, without repeats.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    text
}

pub(super) fn unread(error: &dyn std::error::Error) -> Finding {
    Finding::fail(
        format!("the database could not be read: {}", chain(error)),
        "see the database's own log; `inkledger migrate` brings its schema up to date",
    )
}

async fn one(db: &Db, sql: &str) -> Result<Option<QueryResult>, Finding> {
    db.reader().query_one_raw(db.statement(sql, [])).await.map_err(|error| unread(&error))
}

async fn text(db: &Db, sql: &str) -> Result<String, Finding> {
    let row = one(db, sql).await?;
    row.map_or(Ok(String::new()), |row| row.try_get_by_index(0)).map_err(|error| unread(&error))
}

pub(super) async fn reach(scene: &Scene) -> Result<Finding, Finding> {
    let options = &scene.config.database.options;
    if let Location::File(path) = &options.location
        && !path.exists()
    {
        let text = format!("{} is not there yet; `inkledger serve` or `inkledger migrate` makes it", path.display());
        return Err(Finding::skipped(text));
    }
    let db = Db::open_to_read(options).await.map_err(|error| {
        let remedy = match options.location {
            Location::Server(_) => SEE_SERVER.to_owned(),
            Location::File(_) => {
                "see that this user may read the file and write its folder; restore a backup if it is damaged"
                    .to_owned()
            }
        };
        Finding::fail(chain(&error), remedy)
    })?;
    let finding = match db.engine() {
        Engine::Sqlite => look_at_sqlite(&db).await,
        Engine::Postgres => {
            let version = text(&db, "SELECT current_setting('server_version')").await?;
            Ok(Finding::ok(format!("PostgreSQL {version} (15 or newer is needed)")))
        }
    };
    // Nothing else sets it, so it is empty.
    let _ = scene.db.set(db);
    finding
}

async fn look_at_sqlite(db: &Db) -> Result<Finding, Finding> {
    let version = text(db, "SELECT sqlite_version()").await?;
    let mode = text(db, "PRAGMA journal_mode").await?;
    let keys = one(db, "PRAGMA foreign_keys").await?.map(|row| row.try_get_by_index::<i32>(0));
    if !mode.eq_ignore_ascii_case("wal") {
        return Ok(Finding::warn(
            format!("SQLite {version} in journal mode {mode}, in which readers and the writer wait for each other"),
            "run `inkledger migrate` once with the server stopped: it turns WAL on",
        ));
    }
    match keys {
        Some(Ok(1)) => Ok(Finding::ok(format!("SQLite {version} (3.51.3 or newer is needed), WAL, foreign keys on"))),
        _ => Ok(Finding::fail(
            format!("SQLite {version} was built without foreign keys"),
            "use the binary with the bundled SQLite",
        )),
    }
}

pub(super) async fn lock(scene: &Scene) -> Result<Finding, Finding> {
    let Location::File(path) = scene.config.database.options.location.clone() else {
        return Err(Finding::skipped("PostgreSQL needs none: many processes may use it"));
    };
    scene.db()?;
    match blocking(move || Db::is_in_use(&path)).await? {
        Ok(true) => Ok(Finding::ok("a server is running on this database; commands that write must wait for its end")),
        Ok(false) => Ok(Finding::ok("no server is running on this database")),
        Err(error) => Ok(Finding::fail(
            format!("the lock file beside the database cannot be used: {error}"),
            "let this user write the files in INKLEDGER_DATA_DIR",
        )),
    }
}

pub(super) async fn schema(scene: &Scene) -> Result<Finding, Finding> {
    let state = schema_state(scene.db()?).await.map_err(|error| unread(&error))?;
    if let Some(name) = state.newer.first() {
        return Ok(Finding::fail(
            format!("the database is newer than this binary: it has {name}"),
            "install the newer version of inkledger; this one must not write here",
        ));
    }
    if !state.pending.is_empty() {
        return Ok(Finding::warn(
            format!("{} of {} migrations are missing", state.pending.len(), state.pending.len() + state.applied.len()),
            "inkledger migrate (`inkledger serve` does it too, at its start)",
        ));
    }
    let _ = scene.has_schema.set(());
    Ok(Finding::ok(format!("up to date, {} migrations", state.applied.len())))
}

pub(super) async fn clock(scene: &Scene) -> Result<Finding, Finding> {
    let db = scene.db()?;
    if db.engine() == Engine::Postgres {
        let before = scene.clock.now();
        let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)";
        let theirs =
            one(db, sql).await?.map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(|error| unread(&error))?;
        return Ok(compare(before, theirs, scene.clock.now()));
    }
    // The file has no clock of its own: what was last written to it must not be in the future.
    let db = scene.tables()?;
    let sql = "SELECT COALESCE(MAX(ledger_now), 0) FROM ledger_account";
    let last: Micros =
        one(db, sql).await?.map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(|error| unread(&error))?;
    let ahead = last - scene.clock.now();
    if ahead > DRIFT_MAX {
        return Ok(Finding::warn(
            format!(
                "the ledger was last written {} s in the future: this machine's clock was set back",
                ahead / SECOND
            ),
            "set the clock, best by NTP; until then the ledger's time stands still",
        ));
    }
    Ok(Finding::ok("the ledger was last written in the past, as it should be"))
}

/// Compares a time read between `before` and `after` with both.
fn compare(before: Micros, theirs: Micros, after: Micros) -> Finding {
    let drift = if theirs < before { theirs - before } else { (theirs - after).max(0) };
    let text = format!("the database's clock is within {} ms of this machine's", drift.abs() / 1000 + 1);
    if drift.abs() <= DRIFT_MAX {
        return Finding::ok(text);
    }
    let side = if drift < 0 { "behind" } else { "ahead of" };
    Finding::warn(
        format!("the database's clock is {} s {side} this machine's", drift.abs() / SECOND),
        "set both clocks by NTP: leases and expiry follow the machine's, reports the database's",
    )
}

pub(super) async fn users(scene: &Scene) -> Result<Finding, Finding> {
    let db = scene.tables()?;
    let sql = "SELECT platform_role AS role, COUNT(*) AS total FROM app_user WHERE deleted_at IS NULL \
               GROUP BY platform_role";
    let rows = db.reader().query_all_raw(db.statement(sql, [])).await.map_err(|error| unread(&error))?;
    let mut counted = Vec::new();
    for row in rows {
        let role: String = row.try_get("", "role").map_err(|error| unread(&error))?;
        counted.push((role, row.try_get::<i64>("", "total").map_err(|error| unread(&error))?));
    }
    let of = |role: PlatformRole| counted.iter().find(|(name, _)| name == role.as_str()).map_or(0, |(_, total)| *total);
    let parts = PlatformRole::ALL.map(|role| format!("{} {}", of(role), role.as_str())).join(", ");
    if of(PlatformRole::Hero) == 0 {
        return Ok(Finding::warn(
            format!("{parts}: nobody can run this installation"),
            "open the link that `inkledger serve` prints at its start, or sign up and run: \
             inkledger users promote WHO --to HERO",
        ));
    }
    Ok(Finding::ok(parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn clocks_that_drift_are_told_apart_from_slow_answers() {
        let status = |before, theirs, after| compare(before * SECOND, theirs * SECOND, after * SECOND).status;
        assert_eq!(status(100, 103, 104), Status::Ok);
        assert_eq!(status(100, 98, 100), Status::Ok);
        assert_eq!(status(100, 90, 100), Status::Warn);
        assert_eq!(status(100, 120, 101), Status::Warn);
    }
}
