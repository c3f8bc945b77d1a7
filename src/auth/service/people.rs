//! What is done to people by others: listing, roles, deletion.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::Auth;
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    auth::{
        erased,
        model::{AssignRoleError, DeleteUserError, ListedUser, User, UserFilter, UserKey, UserOrder},
        store,
    },
    clock::Micros,
    error::{Error, Failure, Internal, Never},
    page::{Page, PageArgs},
    viewer::{Feature, FeatureRight, Level, PlatformRole, SignedInRight, Viewer},
};

/// A change of what a person is.
#[derive(Clone)]
struct Change {
    right: FeatureRight,
    /// The level that the right was checked for.
    level: Level,
    target: Uuid,
    entry_id: Uuid,
    request_id: Option<String>,
    now: Micros,
}

/// What stands against a change.
enum Obstacle {
    NoSuchUser,
    LastKeeper,
}

/// Whether those of `role` can make others what they are: one such person must always remain.
fn keeps(role: PlatformRole) -> bool {
    Feature::RolesAssign.level(role) >= Level::Hero
}

/// Those who keep the installation, locked in the order of their ids until the transaction ends.
pub(super) async fn lock_keepers(tx: &DatabaseTransaction) -> Result<Vec<Uuid>, Error> {
    let mut keepers = Vec::new();
    for role in PlatformRole::ALL.into_iter().filter(|role| keeps(*role)) {
        keepers.extend(store::user::lock_of_role(tx, role).await?);
    }
    Ok(keepers)
}

/// Whether nobody of `keepers` is left without `user`.
pub(super) fn is_last_keeper(keepers: &[Uuid], user: &User) -> bool {
    keeps(user.role) && !keepers.iter().any(|keeper| *keeper != user.id)
}

impl Change {
    /// Locks those who keep the installation, then the target; sees that one of them remains when the target gets
    /// `becomes`, and that whoever asked still may: of two who demote each other at once, exactly one fails.
    async fn lock(
        &self,
        tx: &DatabaseTransaction,
        becomes: Option<PlatformRole>,
    ) -> Result<Result<User, Obstacle>, Failure<Never>> {
        let keepers = lock_keepers(tx).await?;
        let Some(user) = store::user::lock_user(tx, self.target).await? else { return Ok(Err(Obstacle::NoSuchUser)) };
        if !becomes.is_some_and(keeps) && is_last_keeper(&keepers, &user) {
            return Ok(Err(Obstacle::LastKeeper));
        }
        if let Some(who) = self.right.who {
            let feature = self.right.feature;
            let actor = store::user::find_user(tx, who.user_id).await?;
            if actor.is_none_or(|actor| feature.level(actor.role) < self.level) {
                return Err(Error::Forbidden { feature, level: self.level }.into());
            }
        }
        Ok(Ok(user))
    }

    async fn audit(
        &self,
        tx: &DatabaseTransaction,
        action: &'static str,
        before: PlatformRole,
        after: Option<PlatformRole>,
    ) -> Result<(), Internal> {
        let entry = Entry {
            id: self.entry_id,
            account_id: None,
            actor: Actor::from(self.right),
            action,
            target_kind: "user",
            target_id: Some(self.target),
            before: Some(before.as_str().to_owned()),
            after: after.map(|role| role.as_str().to_owned()),
            request_id: self.request_id.clone(),
            at: self.now,
        };
        Ok(insert_entry(tx, &entry).await?)
    }
}

fn faulted<R>(failure: Failure<Never>) -> Failure<R> {
    failure.map_refusal(|never| match never {})
}

impl Auth {
    fn change(&self, right: FeatureRight, level: Level, target: Uuid, request_id: Option<String>) -> Change {
        Change { right, level, target, entry_id: self.0.ids.uuid(), request_id, now: self.0.clock.now() }
    }

    /// Gives a person a role and answers them. The same role again changes nothing. Refuses: `UserNotFound`, `OwnUser`,
    /// `LastHero`; `Forbidden` when the right is of another feature, or was lost meanwhile.
    pub async fn assign_role(
        &self,
        right: FeatureRight,
        target: Uuid,
        role: PlatformRole,
        request_id: Option<String>,
    ) -> Result<User, Failure<AssignRoleError>> {
        demand(right, Feature::RolesAssign, Level::Hero)?;
        if right.who.is_some_and(|who| who.user_id == target) {
            return Err(Failure::Refused(AssignRoleError::OwnUser));
        }
        let change = self.change(right, Level::Hero, target, request_id);
        let (user, changed) = self
            .0
            .db
            .write(change, move |tx, change| {
                Box::pin(async move {
                    let user = match change.lock(tx, Some(role)).await.map_err(faulted)? {
                        Ok(user) => user,
                        Err(Obstacle::NoSuchUser) => return Err(Failure::Refused(AssignRoleError::UserNotFound)),
                        Err(Obstacle::LastKeeper) => return Err(Failure::Refused(AssignRoleError::LastHero)),
                    };
                    if user.role == role {
                        return Ok((user, false));
                    }
                    store::user::update_role(tx, user.id, role, change.now).await?;
                    if keeps(role) {
                        store::claim::delete_claim(tx).await?;
                    }
                    change.audit(tx, "user.assign_role", user.role, Some(role)).await?;
                    let access_version = user.access_version + 1;
                    Ok((User { role, access_version, updated_at: change.now, ..user }, true))
                })
            })
            .await?;
        if changed {
            self.hint(user.id);
        }
        Ok(user)
    }

    /// For the operator on the host: gives whoever `identity` (username or e-mail address) names a role.
    /// Refuses: `UserNotFound`, `LastHero`.
    pub async fn promote(&self, identity: &str, role: PlatformRole) -> Result<User, Failure<AssignRoleError>> {
        let right = Viewer::System.may(Feature::RolesAssign, Level::Hero)?;
        let found = store::user::find_credentials(self.0.db.reader(), identity).await?;
        let found = found.ok_or(Failure::Refused(AssignRoleError::UserNotFound))?;
        self.assign_role(right, found.user.id, role, None).await
    }

    /// Deletes a person: personal data and the personal account's images go, sessions end, that account takes no new work, and
    /// so with accounts that nobody else is in; where they were the last OWNER among others, one of those becomes it. The
    /// ledger stays.
    /// Answers the person as they were. Refuses: `UserNotFound`, `OwnUser`, `LastHero`; `Forbidden` as `assign_role`.
    pub async fn delete_user(
        &self,
        right: FeatureRight,
        target: Uuid,
        request_id: Option<String>,
    ) -> Result<User, Failure<DeleteUserError>> {
        demand(right, Feature::UsersDelete, Level::Hero)?;
        if right.who.is_some_and(|who| who.user_id == target) {
            return Err(Failure::Refused(DeleteUserError::OwnUser));
        }
        let change = self.change(right, Level::Hero, target, request_id);
        let erasure = self.erasure(target, Actor::from(right), change.request_id.clone());
        let now = erasure.now;
        let (deleted, touched) = self
            .0
            .db
            .write((change, erasure), move |tx, (change, erasure)| {
                Box::pin(async move {
                    erasure.lock_accounts(tx).await?;
                    let user = match change.lock(tx, None).await.map_err(faulted)? {
                        Ok(user) => user,
                        Err(Obstacle::NoSuchUser) => return Err(Failure::Refused(DeleteUserError::UserNotFound)),
                        Err(Obstacle::LastKeeper) => return Err(Failure::Refused(DeleteUserError::LastHero)),
                    };
                    let touched = erasure.run(tx).await?;
                    change.audit(tx, "user.delete", user.role, None).await?;
                    Ok((user, touched))
                })
            })
            .await?;
        touched.into_iter().for_each(|user| self.hint(user));
        self.list_erased(vec![(deleted.id, now)]).await;
        Ok(deleted)
    }

    /// Brings the list of deleted people outside the database up to date: what a crash, or another machine, kept from it.
    pub async fn catch_up_erased(&self) -> Result<(), Error> {
        let deleted = store::user::list_deleted(self.0.db.reader()).await?;
        self.list_erased(deleted).await;
        Ok(())
    }

    /// A list that cannot be written takes nothing back: the next start tries again.
    pub(super) async fn list_erased(&self, people: Vec<(Uuid, Micros)>) {
        let Some(file) = &self.0.settings.erased_file else { return };
        if let Err(error) = erased::add(file, people).await {
            tracing::error!(cause = %error.chain(), "a deleted person could not be listed outside the database");
        }
    }

    /// Those of `accounts` that were ever made here, closed ones too.
    pub async fn existing_accounts(&self, accounts: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        Ok(store::account::load_existing(self.0.db.reader(), accounts).await?)
    }

    /// People who are not deleted, by id, for fields that name who did something. The caller has judged the right.
    pub async fn load_users(&self, ids: &[Uuid]) -> Result<Vec<User>, Error> {
        Ok(store::user::load_users(self.0.db.reader(), ids).await?)
    }

    /// People in `order`. Refuses: `Forbidden` when the right is of another feature; `BadUserInput` for a search above 100 characters,
    /// or a key of another order.
    pub async fn list_users(
        &self,
        right: FeatureRight,
        filter: &UserFilter,
        order: UserOrder,
        page: &PageArgs<UserKey>,
    ) -> Result<Page<ListedUser>, Error> {
        demand(right, Feature::UsersView, Level::Read)?;
        if filter.search.as_ref().is_some_and(|search| search.chars().count() > 100) {
            return Err(Error::bad_input("A search has at most 100 characters.", &["filter", "search"]));
        }
        for (key, name) in [(page.after, "after"), (page.before, "before")] {
            if key.is_some_and(|key| key.order != order) {
                return Err(Error::bad_input("This cursor is one of a list in another order.", &[name]));
            }
        }
        Ok(store::user::list_users(self.0.db.reader(), filter, order, page).await?)
    }

    /// How many images the personal accounts of `users` (at most 500) have; who has none is left out. The caller has authorised.
    pub async fn image_counts(&self, users: &[Uuid]) -> Result<Vec<(Uuid, i64)>, Error> {
        Ok(store::user::load_image_counts(self.0.db.reader(), users).await?)
    }

    /// Any person. Refuses: `NotFound`; `Forbidden` when the right is of another feature.
    pub async fn user(&self, right: FeatureRight, id: Uuid) -> Result<User, Error> {
        demand(right, Feature::UsersView, Level::Read)?;
        store::user::find_user(self.0.db.reader(), id).await?.ok_or(Error::NotFound)
    }

    /// The viewer as a person. Refuses: `NotFound` when they were deleted this moment.
    pub async fn own_user(&self, right: SignedInRight) -> Result<User, Error> {
        store::user::find_user(self.0.db.reader(), right.who().user_id).await?.ok_or(Error::NotFound)
    }
}

fn demand(right: FeatureRight, feature: Feature, level: Level) -> Result<(), Error> {
    if right.feature == feature { Ok(()) } else { Err(Error::Forbidden { feature, level }) }
}
