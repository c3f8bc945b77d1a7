//! Numbered events of a subject. The number is counted on the subject's row under its lock, so numbers have no gap and
//! commit in order.

mod cursor;
mod follow;

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use uuid::Uuid;

use crate::{
    bus::{Bus, Hint},
    clock::Micros,
    db::{
        effect::{Cell, Effect, Known, Set, TextPart},
        statement,
    },
};

pub use follow::{Event, Followed, Opening, Standing};

/// The topic of hints that a subject has a new event; the key is the subject's id.
pub const TOPIC: &str = "event";

/// The kind of a subject's last event.
pub const FINISHED: &str = "FINISHED";

/// How far behind a reader may be before it gets a snapshot instead of events.
const REPLAY_MAX: i64 = 10_000;

/// A subject that counts its events: its table has `id` and `event_seq`, and its table's name is the subject's kind.
#[derive(Debug, Clone, Copy)]
pub struct EventSubject {
    /// Table and subject kind.
    pub table: &'static str,
    /// The row.
    pub id: Uuid,
    /// Whose it is.
    pub account_id: Uuid,
}

/// An event to be appended.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What happened, such as `PHASE`.
    pub kind: &'static str,
    /// JSON, with figures of the decision where the command moves credits.
    pub payload: Vec<TextPart>,
    /// Whether the command moves credits, so that the event carries the account's number and balance after it.
    pub credits: bool,
}

/// Counts and appends `event`. The row of the subject must exist before.
pub fn append_effects(subject: EventSubject, event: &NewEvent, now: Micros) -> [Effect; 2] {
    let figure = |known| if event.credits { Cell::Known(known) } else { Cell::Value(sea_orm::Value::BigInt(None)) };
    [
        Effect::Update {
            table: subject.table,
            set: vec![("event_seq", Set::Add(1i64.into()))],
            key: vec![("id", subject.id.into())],
            guarded: false,
        },
        Effect::Insert {
            table: "run_event",
            cells: vec![
                ("subject_kind", subject.table.into()),
                ("subject_id", subject.id.into()),
                ("seq", Cell::Select { table: subject.table, column: "event_seq", id: subject.id }),
                ("account_id", subject.account_id.into()),
                ("kind", event.kind.into()),
                ("payload", Cell::Text(event.payload.clone())),
                ("credit_seq", figure(Known::Sequence)),
                ("available", figure(Known::Available)),
                ("held", figure(Known::Held)),
                ("at", now.into()),
            ],
            if_absent: false,
        },
    ]
}

struct StoredEvent {
    sequence: i64,
    kind: String,
    payload: String,
    credits: Option<(i64, i64, i64)>,
    at: Micros,
}

/// Up to `limit` events of a subject after number `after`, oldest first.
async fn list_after(
    connection: &impl ConnectionTrait,
    table: &str,
    subject_id: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<StoredEvent>, DbErr> {
    let sql = "SELECT seq, kind, payload, credit_seq, available, held, at FROM run_event \
               WHERE subject_kind = $1 AND subject_id = $2 AND seq > $3 ORDER BY seq LIMIT $4";
    let values = [table.into(), subject_id.into(), after.into(), limit.into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter()
        .map(|row| {
            let figures: [Option<i64>; 3] =
                [row.try_get("", "credit_seq")?, row.try_get("", "available")?, row.try_get("", "held")?];
            Ok(StoredEvent {
                sequence: row.try_get("", "seq")?,
                kind: row.try_get("", "kind")?,
                payload: row.try_get("", "payload")?,
                credits: match figures {
                    [Some(sequence), Some(available), Some(held)] => Some((sequence, available, held)),
                    _ => None,
                },
                at: row.try_get("", "at")?,
            })
        })
        .collect()
}

/// Tells readers that `subject` has a new event. Losing it costs a poll.
pub fn hint(bus: &dyn Bus, subject: Uuid) {
    bus.publish(Hint {
        topic: TOPIC.to_owned(),
        key: subject.to_string(),
        sequence: 0,
        origin: bus.origin().to_owned(),
        body: String::new(),
    });
}

/// Until a hint that `subject` has a new event, or some may have been missed; hints may be lost, so no longer than `most`.
pub async fn hinted(hints: &mut Receiver<Hint>, subject: Uuid, most: Duration) {
    let key = subject.to_string();
    let hinted = async {
        loop {
            match hints.recv().await {
                Ok(hint) if hint.topic == TOPIC && hint.key == key => return,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending::<()>().await,
            }
        }
    };
    tokio::select! {
        () = hinted => {}
        () = tokio::time::sleep(most) => {}
    }
}
