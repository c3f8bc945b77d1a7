//! Changing one's password.

use super::{
    Auth,
    link::{PASSWORD_CHANGED, password_entry},
    tries::Attempt,
};
use crate::{
    audit::store::insert_entry,
    auth::{
        model::{ChangePassword, ChangePasswordError, Origin},
        password::Verdict,
        store::{self, session::EndReason},
    },
    error::{Error, Failure, Internal, Never},
    jobs::{self, Lane},
    viewer::SignedInRight,
};

impl Auth {
    /// Takes another password in the place of the present one and ends all other sessions of the viewer. Answers how many
    /// there were. Refuses: `PasswordWrong`; `RateLimited` after five wrong ones in 15 minutes.
    pub async fn change_password(
        &self,
        right: SignedInRight,
        command: ChangePassword,
        origin: &Origin,
        request_id: Option<String>,
    ) -> Result<u64, Failure<ChangePasswordError>> {
        let (who, now) = (right.who(), self.0.clock.now());
        let attempt = Attempt::new(&format!("password:{}", who.user_id), origin);
        attempt.refuse_limited(self.0.db.reader(), self.0.settings.tries, now).await?;
        let stored = store::user::find_password_hash(self.0.db.reader(), who.user_id).await?;
        if self.0.passwords.verify(stored.as_deref(), &command.current).await? == Verdict::Wrong {
            self.record_failure(&attempt).await?;
            return Err(Failure::Refused(ChangePasswordError::PasswordWrong));
        }
        let (hash, limits) = (self.0.passwords.hash(&command.next).await?, self.0.settings.tries);
        let job = self.letter_job(PASSWORD_CHANGED, "app_user", who.user_id, now);
        let context = (stored, hash, job, self.0.ids.uuid(), request_id, attempt);
        let ended = self
            .0
            .db
            .write(context, move |tx, (stored, hash, job, entry_id, request_id, attempt)| {
                Box::pin(async move {
                    store::tries::lock_address(tx, &attempt.address).await?;
                    attempt.refuse_limited(tx, limits, now).await?;
                    if store::user::lock_user(tx, who.user_id).await?.is_none() {
                        return Ok(None);
                    }
                    // Another change may have come first; then what was typed is not the present password any more.
                    if store::user::find_password_hash(tx, who.user_id).await? != *stored {
                        return Ok(None);
                    }
                    store::tries::delete_failures(tx, &attempt.identity_key, &attempt.address).await?;
                    store::link::delete_links_of(tx, who.user_id, None).await?;
                    store::user::set_password(tx, who.user_id, hash, now).await?;
                    let (spared, reason) = (Some(who.session_id), EndReason::PasswordChanged);
                    let ended = store::session::end_sessions_of(tx, who.user_id, spared, false, reason, now).await?;
                    let entry = password_entry(*entry_id, who.user_id, "user.change_password", request_id.clone(), now);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    jobs::enqueue(tx, job).await?;
                    Ok::<_, Failure<Never>>(Some(ended))
                })
            })
            .await
            .map_err(Error::from)?;
        let ended = ended.ok_or(Failure::Refused(ChangePasswordError::PasswordWrong))?;
        self.hint(who.user_id);
        self.0.jobs.wake(Lane::Interactive);
        Ok(ended)
    }
}
