//! Sessions and their refresh tokens.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{places, query_twice, word};
use crate::{
    auth::{model::LiveSession, token::OpaqueToken},
    clock::Micros,
    db::{effect::Effect, engine_of, statement, to_power},
    page::{Page, PageArgs},
    viewer::PlatformRole,
};

/// Why a session ended, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// By its user.
    SignedOut,
    /// A refresh token was used twice.
    TokenReused,
    /// The user is gone.
    UserDeleted,
    /// The password was changed or set anew.
    PasswordChanged,
}

impl EndReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "SIGNED_OUT",
            Self::TokenReused => "TOKEN_REUSED",
            Self::UserDeleted => "USER_DELETED",
            Self::PasswordChanged => "PASSWORD_CHANGED",
        }
    }
}

/// Where a refresh token stands in its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// Usable.
    Current,
    /// The one just before the current.
    Previous,
    /// Older.
    Spent,
}

impl TokenState {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "current" => Some(Self::Current),
            "previous" => Some(Self::Previous),
            "spent" => Some(Self::Spent),
            _ => None,
        }
    }
}

/// A refresh token's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its id.
    pub id: Uuid,
    /// Its family.
    pub session_id: Uuid,
    /// 1, 2, 3 … along the family.
    pub number: i32,
    /// Where it stands.
    pub state: TokenState,
    /// When the next one took its place, microseconds.
    pub rotated_at: Option<Micros>,
    /// When it ends, microseconds.
    pub expires_at: Micros,
}

fn token_from(row: &QueryResult) -> Result<RefreshToken, DbErr> {
    let state: String = row.try_get("", "state")?;
    Ok(RefreshToken {
        id: row.try_get("", "id")?,
        session_id: row.try_get("", "session_id")?,
        number: row.try_get("", "number")?,
        state: word(TokenState::parse(&state), "a refresh token's state", &state)?,
        rotated_at: row.try_get("", "rotated_at")?,
        expires_at: row.try_get("", "expires_at")?,
    })
}

/// The row of a new session.
pub fn session_effect(id: Uuid, user_id: Uuid, now: Micros) -> Effect {
    Effect::Insert {
        table: SESSION,
        cells: vec![("id", id.into()), ("user_id", user_id.into()), ("created_at", now.into())],
        if_absent: false,
    }
}

const SESSION: &str = "session";

/// Gives the row of a new session what its client calls itself; other rows stay.
pub fn name_client(effect: &mut Effect, client: Option<&str>) {
    if let (Effect::Insert { table: SESSION, cells, .. }, Some(client)) = (effect, client) {
        cells.push(("client", client.into()));
    }
}

/// The row of a family's new current token.
pub fn token_effect(
    id: Uuid,
    session_id: Uuid,
    number: i32,
    token: &OpaqueToken,
    now: Micros,
    expires_at: Micros,
) -> Effect {
    Effect::Insert {
        table: "refresh_token",
        cells: vec![
            ("id", id.into()),
            ("session_id", session_id.into()),
            ("number", number.into()),
            ("token_hash", token.hash().into()),
            ("state", "current".into()),
            ("created_at", now.into()),
            ("expires_at", expires_at.into()),
        ],
        if_absent: false,
    }
}

/// A live session: whose it is, and what they may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The person.
    pub user_id: Uuid,
    /// Their role.
    pub role: PlatformRole,
    /// Rises with every change of what they may do.
    pub access_version: i64,
}

/// Of `sessions` (at most 500) those that live. What every request and every look at live connections asks.
pub async fn load_standings(
    connection: &impl ConnectionTrait,
    sessions: &[Uuid],
) -> Result<HashMap<Uuid, Standing>, DbErr> {
    if sessions.is_empty() {
        return Ok(HashMap::new());
    }
    let sessions = to_power(sessions.to_vec());
    let sql = format!(
        "SELECT s.id, s.user_id, u.platform_role, u.access_version FROM session s JOIN app_user u ON u.id = s.user_id \
         WHERE s.id IN ({}) AND s.ended_at IS NULL AND u.deleted_at IS NULL",
        places(1, sessions.len())
    );
    let rows = query_twice(connection, &sql, sessions.into_iter().map(Into::into).collect()).await?;
    let standing = |row: &QueryResult| {
        let role: String = row.try_get("", "platform_role")?;
        let role = word(PlatformRole::parse(&role), "a platform role", &role)?;
        let (user_id, access_version) = (row.try_get("", "user_id")?, row.try_get("", "access_version")?);
        Ok((row.try_get("", "id")?, Standing { user_id, role, access_version }))
    };
    // A row that this build cannot read must not keep others out; its session counts as ended.
    let read = |row: &QueryResult| {
        standing(row).inspect_err(|error: &DbErr| tracing::error!(error = %error, "a session cannot be read")).ok()
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// Locks the live session that a refresh token belongs to, then reads the token, so that of several who use a family at
/// once each sees what the one before did. `None` when there is no such token, or its session ended.
pub async fn lock_family(
    tx: &impl ConnectionTrait,
    token: &OpaqueToken,
) -> Result<Option<(Uuid, RefreshToken)>, DbErr> {
    let hash = token.hash();
    let sql = "SELECT session_id FROM refresh_token WHERE token_hash = $1";
    let Some(row) = tx.query_one_raw(statement(tx, sql, [hash.clone().into()])).await? else { return Ok(None) };
    let session: Uuid = row.try_get("", "session_id")?;
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT user_id FROM session WHERE id = $1 AND ended_at IS NULL{lock}");
    let Some(row) = tx.query_one_raw(statement(tx, sql, [session.into()])).await? else { return Ok(None) };
    let user: Uuid = row.try_get("", "user_id")?;
    let sql = "SELECT id, session_id, number, state, rotated_at, expires_at FROM refresh_token WHERE token_hash = $1";
    let row = tx.query_one_raw(statement(tx, sql, [hash.into()])).await?;
    row.map(|row| Ok((user, token_from(&row)?))).transpose()
}

/// The current token of a family, by the hash of what its text should be.
pub async fn find_current(
    tx: &impl ConnectionTrait,
    session_id: Uuid,
    token: &OpaqueToken,
) -> Result<Option<RefreshToken>, DbErr> {
    let sql = "SELECT id, session_id, number, state, rotated_at, expires_at FROM refresh_token \
               WHERE session_id = $1 AND token_hash = $2 AND state = 'current'";
    let row = tx.query_one_raw(statement(tx, sql, [session_id.into(), token.hash().into()])).await?;
    row.as_ref().map(token_from).transpose()
}

/// Makes room for a new current token: the current one becomes the previous, the previous one is spent. Answers whether
/// there was a current one.
pub async fn rotate(tx: &impl ConnectionTrait, current: &RefreshToken, now: Micros) -> Result<bool, DbErr> {
    let sql = "UPDATE refresh_token SET state = 'spent' WHERE session_id = $1 AND state = 'previous'";
    tx.execute_raw(statement(tx, sql, [current.session_id.into()])).await?;
    let sql = "UPDATE refresh_token SET state = 'previous', rotated_at = $1 WHERE id = $2 AND state = 'current'";
    let done = tx.execute_raw(statement(tx, sql, [now.into(), current.id.into()])).await?;
    // The only write of a session's use: as often as its access tokens end, and never with a request.
    let sql = "UPDATE session SET last_used_at = $1 WHERE id = $2";
    tx.execute_raw(statement(tx, sql, [now.into(), current.session_id.into()])).await?;
    Ok(done.rows_affected() == 1)
}

/// The sessions of a person that go on, newest first: neither ended nor left unused until their refresh token ended.
pub async fn list_live(
    connection: &impl ConnectionTrait,
    user_id: Uuid,
    now: Micros,
    page: &PageArgs<Uuid>,
) -> Result<Page<LiveSession>, DbErr> {
    let mut values: Vec<Value> = vec![user_id.into(), now.into()];
    let from = "session s JOIN refresh_token t ON t.session_id = s.id AND t.state = 'current' AND t.expires_at > $2 \
                WHERE s.user_id = $1 AND s.ended_at IS NULL";
    let total = if page.with_total {
        let sql = format!("SELECT COUNT(*) AS total FROM {from}");
        let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
        row.map(|row| row.try_get("", "total")).transpose()?
    } else {
        None
    };
    let mut clause = String::new();
    for (key, comparison) in [(page.after, "<"), (page.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clause.push_str(&format!(" AND s.id {comparison} ${}", values.len()));
        }
    }
    values.push(page.fetch().into());
    let direction = if page.from_end { "ASC" } else { "DESC" };
    let sql = format!("SELECT {LIVE_COLUMNS} FROM {from}{clause} ORDER BY s.id {direction} LIMIT ${}", values.len());
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let sessions = rows.iter().map(live_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(sessions, page, total))
}

/// A session of the person that goes on.
pub async fn find_live(
    connection: &impl ConnectionTrait,
    user_id: Uuid,
    id: Uuid,
    now: Micros,
) -> Result<Option<LiveSession>, DbErr> {
    let sql = format!(
        "SELECT {LIVE_COLUMNS} FROM session s JOIN refresh_token t ON t.session_id = s.id AND t.state = 'current' \
         AND t.expires_at > $3 WHERE s.id = $1 AND s.user_id = $2 AND s.ended_at IS NULL"
    );
    let row = connection.query_one_raw(statement(connection, sql, [id.into(), user_id.into(), now.into()])).await?;
    row.as_ref().map(live_from).transpose()
}

const LIVE_COLUMNS: &str = "s.id, s.client, s.created_at, s.last_used_at, t.expires_at";

fn live_from(row: &QueryResult) -> Result<LiveSession, DbErr> {
    let created_at: Micros = row.try_get("", "created_at")?;
    let last_used_at: Option<Micros> = row.try_get("", "last_used_at")?;
    Ok(LiveSession {
        id: row.try_get("", "id")?,
        client: row.try_get("", "client")?,
        created_at,
        last_used_at: last_used_at.unwrap_or(created_at),
        expires_at: row.try_get("", "expires_at")?,
    })
}

/// Ends one session of a person. Answers whether it lived; another's session is left alone.
pub async fn end_own_session(
    tx: &impl ConnectionTrait,
    user_id: Uuid,
    id: Uuid,
    reason: EndReason,
    now: Micros,
) -> Result<bool, DbErr> {
    let sql = "UPDATE session SET ended_at = $1, end_reason = $2 WHERE id = $3 AND user_id = $4 AND ended_at IS NULL";
    let values = [now.into(), reason.as_str().into(), id.into(), user_id.into()];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1)
}

/// Whether a session of a person lives, held so until the transaction ends.
pub async fn lock_living(tx: &impl ConnectionTrait, id: Uuid, user_id: Uuid) -> Result<bool, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT 1 AS one FROM session WHERE id = $1 AND user_id = $2 AND ended_at IS NULL{lock}");
    Ok(tx.query_one_raw(statement(tx, sql, [id.into(), user_id.into()])).await?.is_some())
}

/// Takes out what the sessions of a person, ended ones too, keep of their devices.
pub async fn erase_clients_of(tx: &impl ConnectionTrait, user_id: Uuid) -> Result<(), DbErr> {
    let sql = "UPDATE session SET client = NULL, last_used_at = NULL WHERE user_id = $1";
    tx.execute_raw(statement(tx, sql, [user_id.into()])).await?;
    Ok(())
}

/// Ends one session. Answers whether it lived.
pub async fn end_session(tx: &impl ConnectionTrait, id: Uuid, reason: EndReason, now: Micros) -> Result<bool, DbErr> {
    let sql = "UPDATE session SET ended_at = $1, end_reason = $2 WHERE id = $3 AND ended_at IS NULL";
    let done = tx.execute_raw(statement(tx, sql, [now.into(), reason.as_str().into(), id.into()])).await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of a person but `spared`, and the keys of servers only `with_keys`. Answers how many lived.
pub async fn end_sessions_of(
    tx: &impl ConnectionTrait,
    user_id: Uuid,
    spared: Option<Uuid>,
    with_keys: bool,
    reason: EndReason,
    now: Micros,
) -> Result<u64, DbErr> {
    let keys = if with_keys { "" } else { " AND NOT EXISTS (SELECT 1 FROM api_key k WHERE k.session_id = session.id)" };
    let sql = format!(
        "UPDATE session SET ended_at = $1, end_reason = $2 WHERE user_id = $3 AND ended_at IS NULL AND id <> $4{keys}"
    );
    let values = [now.into(), reason.as_str().into(), user_id.into(), spared.unwrap_or_default().into()];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected())
}
