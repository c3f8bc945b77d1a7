//! Whose credits a command spends, and whose work a query shows.

use async_graphql::{Context, ID};
use uuid::Uuid;

use crate::{
    ai::Spender,
    auth::{Auth, model::MemberRole},
    error::Error,
    graphql::{
        context::{service, viewer},
        node::{self, NodeKind},
    },
};

/// The account that `id` names, or the viewer's personal one. Refuses: `Unauthenticated`, `BadUserInput`, `NotFound`.
pub(super) async fn account_of(ctx: &Context<'_>, id: Option<&ID>, path: &[&str]) -> Result<Uuid, Error> {
    match id {
        Some(id) => node::decode(NodeKind::Account, id, path),
        None => {
            let who = viewer(ctx)?.signed_in()?.who();
            let personal = service::<Auth>(ctx)?.personal_account_of(who.user_id).await?;
            Ok(personal.ok_or(Error::NotFound)?.id)
        }
    }
}

/// A member who may spend: an EDITOR or OWNER. Refuses: `NotFound` for an account of others, `Forbidden` for a VIEWER.
pub(super) async fn spender(ctx: &Context<'_>, id: Option<&ID>) -> Result<Spender, Error> {
    let account = account_of(ctx, id, &["input", "accountId"]).await?;
    let right = service::<Auth>(ctx)?.require_member(viewer(ctx)?, account, MemberRole::Editor).await?;
    Ok(Spender { account_id: right.account_id(), user_id: right.user_id() })
}

/// An account whose work the viewer may see. Refuses: `NotFound`.
pub(super) async fn seen(ctx: &Context<'_>, id: Option<&ID>) -> Result<Uuid, Error> {
    let account = account_of(ctx, id, &["accountId"]).await?;
    Ok(service::<Auth>(ctx)?.require_sight(viewer(ctx)?, account).await?.account_id())
}
