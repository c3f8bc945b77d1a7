//! One's own profile: its name, its sessions, and its end.

use uuid::Uuid;

use super::{Auth, people, tries::Attempt};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    auth::{
        model::{CloseViewer, CloseViewerError, LiveSession, Origin, SignUpError, UpdateViewer, User},
        password::Verdict,
        store::{self, session::EndReason},
    },
    clock::Micros,
    db::constraint::violated,
    error::{Error, Failure, Internal, Never},
    page::{Page, PageArgs},
    viewer::SignedInRight,
};

/// An act of a person on themselves. Their names stay out of the trail, which outlives them.
fn own_entry(id: Uuid, user: Uuid, action: &'static str, request_id: Option<String>, at: Micros) -> Entry {
    Entry {
        id,
        account_id: None,
        actor: Actor::User(user),
        action,
        target_kind: "user",
        target_id: Some(user),
        before: None,
        after: None,
        request_id,
        at,
    }
}

fn name_taken(error: sea_orm::DbErr) -> Failure<SignUpError> {
    match violated(&error).as_deref().and_then(SignUpError::of_constraint) {
        Some(taken) => Failure::Refused(taken),
        None => error.into(),
    }
}

impl Auth {
    /// Changes one's own name and answers the person. An edit that changes nothing writes nothing. Refuses:
    /// `UsernameTaken`; of several that want one name at once, one gets it.
    pub async fn update_viewer(
        &self,
        right: SignedInRight,
        edit: UpdateViewer,
        request_id: Option<String>,
    ) -> Result<User, Failure<SignUpError>> {
        let (entry_id, now, own) = (self.0.ids.uuid(), self.0.clock.now(), right.who().user_id);
        self.0
            .db
            .write((edit, request_id), move |tx, (edit, request_id)| {
                Box::pin(async move {
                    let user = store::user::lock_user(tx, own).await?.ok_or(Failure::Fault(Error::NotFound))?;
                    let Some(name) = edit.username.as_ref().filter(|name| name.as_str() != user.username) else {
                        return Ok(user);
                    };
                    store::user::update_username(tx, own, name, now).await.map_err(name_taken)?;
                    let entry = own_entry(entry_id, own, "user.update", request_id.clone(), now);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    Ok(User { username: name.as_str().to_owned(), updated_at: now, ..user })
                })
            })
            .await
    }

    /// Deletes the viewer, as `delete_user` does others, after the password has proved once more that it is them. Answers
    /// them as they were. Refuses: see [`CloseViewerError`]; `RateLimited` after five wrong passwords in 15 minutes.
    pub async fn close_viewer(
        &self,
        right: SignedInRight,
        command: CloseViewer,
        origin: &Origin,
        request_id: Option<String>,
    ) -> Result<User, Failure<CloseViewerError>> {
        let own = right.who().user_id;
        let proven = self.prove_password(own, &command, origin).await?;
        let erasure = self.erasure(own, Actor::User(own), request_id.clone());
        let now = erasure.now;
        let entry = own_entry(self.0.ids.uuid(), own, "user.close", request_id, now);
        let (closed, touched) = self
            .0
            .db
            .write((erasure, entry, proven), move |tx, (erasure, entry, proven)| {
                Box::pin(async move {
                    erasure.lock_accounts(tx).await?;
                    let keepers = people::lock_keepers(tx).await?;
                    let user = store::user::lock_user(tx, own).await?.ok_or(Failure::Fault(Error::NotFound))?;
                    // A password that was changed meanwhile proves nothing any more.
                    if store::user::find_password_hash(tx, own).await? != *proven {
                        return Err(Failure::Refused(CloseViewerError::PasswordWrong));
                    }
                    if people::is_last_keeper(&keepers, &user) {
                        return Err(Failure::Refused(CloseViewerError::LastHero));
                    }
                    if erasure.leaves_orphans(tx).await? {
                        return Err(Failure::Refused(CloseViewerError::LastOwner));
                    }
                    let touched = erasure.run(tx).await?;
                    let before = Some(user.role.as_str().to_owned());
                    let entry = Entry { before, ..entry.clone() };
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    Ok((user, touched))
                })
            })
            .await?;
        touched.into_iter().for_each(|user| self.hint(user));
        self.list_erased(vec![(closed.id, now)]).await;
        Ok(closed)
    }

    /// Sees that the password is the person's, and answers its hash. Wrong ones are counted as tries to sign in are.
    async fn prove_password(
        &self,
        own: Uuid,
        command: &CloseViewer,
        origin: &Origin,
    ) -> Result<Option<String>, Failure<CloseViewerError>> {
        let attempt = Attempt::new(&format!("close {own}"), origin);
        attempt.refuse_limited(self.0.db.reader(), self.0.settings.tries, self.0.clock.now()).await?;
        let user = store::user::find_user(self.0.db.reader(), own).await?.ok_or(Failure::Fault(Error::NotFound))?;
        let found = store::user::find_credentials(self.0.db.reader(), &user.username).await?;
        let stored = found.filter(|found| found.user.id == own).and_then(|found| found.password_hash);
        match self.0.passwords.verify(stored.as_deref(), &command.password).await? {
            Verdict::Right | Verdict::RightButWeak(_) => {
                self.judge(&attempt).await?;
                Ok(stored)
            }
            Verdict::Wrong => {
                self.record_failure(&attempt).await?;
                Err(Failure::Refused(CloseViewerError::PasswordWrong))
            }
        }
    }

    /// The viewer's sessions that go on, newest first.
    pub async fn list_own_sessions(
        &self,
        right: SignedInRight,
        page: &PageArgs<Uuid>,
    ) -> Result<Page<LiveSession>, Error> {
        let (user, now) = (right.who().user_id, self.0.clock.now());
        Ok(store::session::list_live(self.0.db.reader(), user, now, page).await?)
    }

    /// One of the viewer's sessions that goes on.
    pub async fn own_session(&self, right: SignedInRight, id: Uuid) -> Result<Option<LiveSession>, Error> {
        let (user, now) = (right.who().user_id, self.0.clock.now());
        Ok(store::session::find_live(self.0.db.reader(), user, id, now).await?)
    }

    /// Ends one of the viewer's sessions and answers whether it lived. Repeating is safe, and somebody else's session is
    /// answered like none.
    pub async fn end_own_session(&self, right: SignedInRight, id: Uuid) -> Result<bool, Error> {
        let (user, now) = (right.who().user_id, self.0.clock.now());
        let ended = self
            .0
            .db
            .write((), move |tx, ()| {
                Box::pin(async move {
                    let ended = store::session::end_own_session(tx, user, id, EndReason::SignedOut, now).await?;
                    Ok::<_, Failure<Never>>(ended)
                })
            })
            .await?;
        if ended {
            self.hint(user);
        }
        Ok(ended)
    }
}
