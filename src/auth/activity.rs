//! Who was here: that a person asked for something on a UTC day, never what. It is noted in memory while a request is let in and
//! written later, many at a time. What is lost on the way costs a count and nothing else.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store;
use crate::{
    clock::{Micros, SECOND},
    db::Db,
    error::{Error, Failure, Never},
};

/// People of one day that a process remembers having seen. Beyond them it forgets all: writing again changes nothing.
const SEEN_MAX: usize = 100_000;

/// People who wait to be written. Whoever finds no room is noted with the next request.
const WAITING_MAX: usize = 10_000;

/// People who are written in one statement.
const BATCH_MAX: usize = 500;

/// How long others are waited for, once somebody is there to be written.
const GATHER: Duration = Duration::from_millis(250);

/// How long the last ones may take when the process ends.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// The UTC day of an instant, in days since the epoch.
pub fn utc_day(at: Micros) -> i32 {
    i32::try_from(at.div_euclid(86_400 * SECOND)).unwrap_or_default().max(0)
}

#[derive(Debug, Default)]
struct Seen {
    day: i32,
    users: HashSet<Uuid>,
}

type Sighting = (i32, Uuid);

/// Who was seen. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Activity {
    seen: Arc<Mutex<Seen>>,
    waiting: mpsc::Sender<Sighting>,
}

/// The other end of an [`Activity`], which writes what it noted.
#[derive(Debug)]
pub struct ActivityLog {
    activity: Activity,
    sightings: mpsc::Receiver<Sighting>,
}

impl ActivityLog {
    /// Makes both ends.
    pub fn new() -> (Activity, Self) {
        let (waiting, sightings) = mpsc::channel(WAITING_MAX);
        let activity = Activity { seen: Arc::default(), waiting };
        (activity.clone(), Self { activity, sightings })
    }

    /// Writes until `stop` fires, then what is left. `today` is a day in days since the epoch; before it nobody was counted,
    /// unless the database says otherwise.
    pub async fn run(mut self, db: Db, today: i32, stop: CancellationToken) {
        let begun = db.write((), move |tx, ()| {
            Box::pin(async move { Ok::<_, Failure<Never>>(store::activity::insert_tracking(tx, today).await?) })
        });
        if let Err(failure) = begun.await {
            tracing::warn!(error = ?told(failure), "could not note since when active people are counted");
        }
        loop {
            let first = tokio::select! {
                first = self.sightings.recv() => first,
                () = stop.cancelled() => break,
            };
            let Some(first) = first else { return };
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = stop.cancelled() => {}
            }
            self.write(&db, first).await;
        }
        let last = async {
            while let Ok(first) = self.sightings.try_recv() {
                self.write(&db, first).await;
            }
        };
        // Whoever is not written by then is missing in a count.
        let _ = tokio::time::timeout(LAST_WITHIN, last).await;
    }

    async fn write(&mut self, db: &Db, first: Sighting) {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = self.sightings.try_recv()
        {
            batch.push(next);
        }
        batch.sort_unstable();
        for of_day in batch.chunk_by(|one, next| one.0 == next.0) {
            let Some((day, _)) = of_day.first().copied() else { continue };
            let users: Vec<Uuid> = of_day.iter().map(|(_, user)| *user).collect();
            let written = db.write(users.clone(), move |tx, users| {
                Box::pin(
                    async move { Ok::<_, Failure<Never>>(store::activity::insert_activity(tx, day, users).await?) },
                )
            });
            if let Err(failure) = written.await {
                tracing::warn!(error = ?told(failure), people = users.len(), "could not note who was active");
                self.activity.forget(day, &users);
            }
        }
    }
}

fn told(failure: Failure<Never>) -> Error {
    match failure {
        Failure::Fault(error) => error,
        Failure::Refused(never) => match never {},
    }
}

impl Activity {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `user` asked for something `now`. It never waits for anything outside this process.
    pub fn note(&self, user: Uuid, now: Micros) {
        let day = utc_day(now);
        let mut seen = self.lock();
        if seen.day != day || seen.users.len() >= SEEN_MAX {
            *seen = Seen { day, users: HashSet::new() };
        }
        if seen.users.insert(user) && self.waiting.try_send((day, user)).is_err() {
            seen.users.remove(&user);
        }
    }

    /// Lets `users` be noted once more.
    fn forget(&self, day: i32, users: &[Uuid]) {
        let mut seen = self.lock();
        if seen.day == day {
            users.iter().for_each(|user| {
                seen.users.remove(user);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Micros = 86_400 * SECOND;

    #[test]
    fn a_person_is_noted_once_a_day() {
        let (activity, mut log) = ActivityLog::new();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (user, now) in [(one, 0), (one, DAY - 1), (other, 5), (one, DAY), (one, DAY + 1)] {
            activity.note(user, now);
        }
        let mut noted = Vec::new();
        while let Ok(next) = log.sightings.try_recv() {
            noted.push(next);
        }
        assert_eq!(noted, [(0, one), (0, other), (1, one)]);
        activity.forget(1, &[one]);
        activity.note(one, DAY + 2);
        assert_eq!(log.sightings.try_recv().ok(), Some((1, one)), "what could not be written is noted again");
    }

    #[test]
    fn who_finds_no_room_is_noted_with_a_later_request() {
        let (activity, mut log) = ActivityLog::new();
        for number in 0..WAITING_MAX as u128 {
            activity.note(Uuid::from_u128(number), 0);
        }
        let late = Uuid::from_u128(u128::MAX);
        activity.note(late, 0);
        while log.sightings.try_recv().is_ok() {}
        activity.note(late, 1);
        assert_eq!(log.sightings.try_recv().ok(), Some((0, late)));
    }
}
