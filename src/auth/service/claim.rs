//! The first HERO, by a one-time link that exists only while there is none.

use super::{Auth, sign_up::NotWritten, tries::Attempt};
use crate::{
    auth::{
        model::{ClaimHero, ClaimHeroError, IssuedSession, Origin, SignUp},
        store,
        token::OpaqueToken,
    },
    error::{Error, Failure, Never},
    viewer::PlatformRole,
};
use secrecy::ExposeSecret;

/// What tries on the claim are counted under.
const CLAIM_IDENTITY: &str = "claim_hero:";

impl Auth {
    /// While there is no HERO, makes a new one-time link below `base_url` and puts it in the place of an earlier one.
    /// `None` when there is a HERO. The answer holds a secret: it is for the operator's eyes, never for the log.
    pub async fn offer_hero_claim(&self, base_url: &str) -> Result<Option<String>, Error> {
        let (token, now) = (OpaqueToken::draw(self.0.ids.as_ref()), self.0.clock.now());
        let expires_at = now.saturating_add(self.0.settings.claim_lifetime);
        let offered = self
            .0
            .db
            .write(token.clone(), move |tx, token| {
                Box::pin(async move {
                    // The row first: its lock makes a claim under way end before the look at who is HERO.
                    store::claim::upsert_claim(tx, token, now, expires_at).await?;
                    let taken = store::user::find_any_of_role(tx, PlatformRole::Hero).await?;
                    if taken {
                        store::claim::delete_claim(tx).await?;
                    }
                    Ok::<_, Failure<Never>>(!taken)
                })
            })
            .await?;
        let link = || format!("{}/claim#{}", base_url.trim_end_matches('/'), token.reveal().expose_secret());
        Ok(offered.then(link))
    }

    /// Makes the first HERO and signs them in. Of any number of uses of the link one wins. Refuses: `ClaimInvalid`, and
    /// what a sign-up refuses; `RateLimited` after too many wrong tokens.
    pub async fn claim_hero(
        &self,
        command: ClaimHero,
        origin: &Origin,
    ) -> Result<IssuedSession, Failure<Vec<ClaimHeroError>>> {
        let attempt = Attempt::new(CLAIM_IDENTITY, origin);
        attempt.refuse_limited(self.0.db.reader(), self.0.settings.tries, self.0.clock.now()).await?;
        let Some(token) = self.open_claim(&command).await? else {
            self.record_failure(&attempt).await?;
            return Err(invalid());
        };
        let sign_up = |failure: Failure<Vec<_>>| {
            failure.map_refusal(|refusals| refusals.into_iter().map(ClaimHeroError::SignUp).collect())
        };
        self.refuse_taken(&command.person).await.map_err(sign_up)?;
        let hash = self.0.passwords.hash(&command.person.password).await?;
        let SignUp { username, email, .. } = &command.person;
        let mut newcomer = self.newcomer(username, email, PlatformRole::Hero, &hash, None).with_client(origin);
        newcomer.effects.push(store::claim::use_effect(&token));
        newcomer.effects.push(self.claim_audit(&newcomer.user));
        self.write_newcomer(newcomer).await.map_err(|failure| match failure {
            Failure::Refused(NotWritten::Taken(taken)) => Failure::Refused(vec![taken.into()]),
            Failure::Refused(NotWritten::Guard) => invalid(),
            Failure::Fault(error) => Failure::Fault(error),
        })
    }

    async fn open_claim(&self, command: &ClaimHero) -> Result<Option<OpaqueToken>, Error> {
        let Some(token) = OpaqueToken::parse(&command.token) else { return Ok(None) };
        let reader = self.0.db.reader();
        let open = store::claim::find_open_claim(reader, &token, self.0.clock.now()).await?
            && !store::user::find_any_of_role(reader, PlatformRole::Hero).await?;
        Ok(open.then_some(token))
    }

    fn claim_audit(&self, user: &crate::auth::model::User) -> crate::db::effect::Effect {
        crate::audit::store::entry_effect(&crate::audit::Entry {
            id: self.0.ids.uuid(),
            account_id: None,
            actor: crate::audit::Actor::User(user.id),
            action: "user.claim_hero",
            target_kind: "user",
            target_id: Some(user.id),
            before: None,
            after: Some(user.role.as_str().to_owned()),
            request_id: None,
            at: user.created_at,
        })
    }
}

fn invalid() -> Failure<Vec<ClaimHeroError>> {
    Failure::Refused(vec![ClaimHeroError::ClaimInvalid])
}
